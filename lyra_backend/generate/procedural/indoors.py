"""What all rooms share: dimensions, finishes, doors, windows, lamps."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from .draft import Draft
from .elements import Material
from .lamps import hang_lamps, light_window
from .palette import Rgb, blend, jitter, material
from .placement import Rect, Wall
from .room import Opening, Shell, build_shell, room_outline, side_room
from .things import PATTERN_COLORS
from .wishes import Mention

__all__ = ["Plan", "light_ceiling", "prepare", "room_size"]

Range = tuple[float, float]


@dataclass(frozen=True)
class Plan:
    """How a family's rooms are built.

    Attributes:
        width, length, height: ranges of the clear room [m]; width is the shorter side.
        floors, walls, ceilings: materials to draw from.
        windows: least and most number of windows; `sill`, `window_top`, `window_width` [m].
        door: width and height of leaves [m]; `doors`: least and most number.
        notch, side: chance of an L-shaped plan, and of a side room behind an opening.
        accent: chance that one wall has another colour.
        skirting: height of the skirting board [m].
        flush: whether frames and sills must not narrow the room.
        lamp: style of the ceiling lamps; `spacing` between them [m], `level` of each.
    """

    width: Range
    length: Range
    height: Range
    floors: tuple[Material, ...]
    walls: tuple[Material, ...]
    ceilings: tuple[Material, ...] = (material("paint", (0.93, 0.93, 0.92)),)
    windows: tuple[int, int] = (1, 3)
    sill: Range = (0.85, 0.95)
    window_top: Range = (2.05, 2.2)
    window_width: Range = (1.1, 1.9)
    door: tuple[float, float] = (0.92, 2.05)
    doors: tuple[int, int] = (1, 2)
    notch: float = 0.3
    side: float = 0.35
    accent: float = 0.35
    skirting: float = 0.08
    flush: bool = False
    lamp: str = "pendant"
    spacing: float = 2.8
    level: float = 6.0
    frames: tuple[Rgb, ...] = field(default=((0.92, 0.92, 0.90), (0.88, 0.86, 0.80)))


#: Floors and walls by style word; None keeps the family's own.
_STYLE_FLOORS = {
    "modern": material("wood_planks", (0.78, 0.68, 0.54), tile_m=1.2),
    "rustic": material("wood_planks", (0.48, 0.33, 0.21), tile_m=1.2),
    "industrial": material("concrete", (0.55, 0.54, 0.52), tile_m=2.0),
    "cosy": material("wood_planks", (0.62, 0.43, 0.27), tile_m=1.2),
    "clinical": material("plain", (0.70, 0.76, 0.76)),
    "luxury": material("marble", (0.86, 0.84, 0.80), tile_m=1.5),
}
_STYLE_WALLS = {
    "modern": material("paint", (0.93, 0.93, 0.92)),
    "rustic": material("plaster", (0.88, 0.82, 0.70)),
    "industrial": material("brick", (0.56, 0.32, 0.25), tile_m=1.0),
    "cosy": material("paint", (0.87, 0.79, 0.67)),
    "clinical": material("paint", (0.88, 0.92, 0.90)),
    "luxury": material("paint", (0.86, 0.83, 0.76)),
}


def room_size(draft: Draft, plan: Plan) -> tuple[float, float, float]:
    """Draw (size along x, size along y, height) [m] from the plan's ranges and the prompt's wishes."""
    wishes = draft.wishes
    width, length, height = (draft.between(*r) for r in (plan.width, plan.length, plan.height))
    grow = draft.growth**0.5
    sides = {"width": width * grow, "length": length * grow, "height": height}
    for dimension in sides:
        for name in ("all", dimension):
            wish = wishes.size("room", name)
            if wish is not None and not wish.metric and not (name == "all" and dimension == "height"):
                sides[dimension] *= wish.value
    ceiling = wishes.size("ceiling", "height")
    if ceiling is not None:
        sides["height"] = ceiling.value if ceiling.metric else sides["height"] * ceiling.value
    area = wishes.size("room", "area")
    if area is not None:
        share = (area.value / (sides["width"] * sides["length"])) ** 0.5
        sides["width"], sides["length"] = sides["width"] * share, sides["length"] * share
    for dimension in sides:
        wish = wishes.size("room", dimension)
        if wish is not None and wish.metric:
            sides[dimension] = wish.value
    width, length = (float(np.clip(sides[k], 1.5, 24.0)) for k in ("width", "length"))
    height = float(np.clip(sides["height"], 2.2, 9.0))
    return (length, width, height) if draft.chance(0.5) else (width, length, height)


def prepare(
    draft: Draft, plan: Plan, outline: list[tuple[float, float]] | None = None, door_walls: tuple[int, ...] = ()
) -> Shell:
    """Build the room's shell and return it; `draft.floor`, `walls` and `size` are set.

    Args:
        draft: the scene.
        plan: how to build it.
        outline: its plan; None draws one.
        door_walls: the only walls that doors and openings may be in; empty = all.
    """
    draft.used_parts |= {"floor", "wall", "ceiling", "door", "window", "niche"}
    draft.used_tags |= {"style"}
    if outline is None:
        x, y, height = room_size(draft, plan)
        outline = room_outline(x, y, _notch(draft, plan, x, y))
    else:
        height = room_size(draft, plan)[2]
    points = np.array(outline)
    draft.size = (float(np.ptp(points[:, 0])), float(np.ptp(points[:, 1])), height)
    frame = _tinted(
        draft, "window", material("paint", jitter(draft.rng, plan.frames[draft.about(0, len(plan.frames) - 1)]))
    )
    shell = Shell(
        outline,
        height,
        _floor(draft, plan),
        _wall(draft, plan),
        _tinted(draft, "ceiling", _one(draft, plan.ceilings)),
        trim=material("paint", frame.color),
        door=_door(draft),
        frame=frame,
        skirting_m=plan.skirting,
        flush=plan.flush,
        pane=_pane(draft),
    )
    _open_walls(draft, plan, shell, door_walls)
    if draft.chance(plan.accent) and "wall" not in draft.wishes.parts:
        longest = max(
            range(len(outline)), key=lambda k: Wall(outline[k], outline[(k + 1) % len(outline)], 1, []).length
        )
        shell.accents[longest] = replace(shell.wall, pattern="paint", color=blend(draft.tones.accent, (1, 1, 1), 0.15))
    _finish(draft, shell)
    return shell


def _finish(draft: Draft, shell: Shell) -> None:
    """Build the shell with its side rooms and the light of its windows."""
    walls = build_shell(draft, shell)
    for k, openings in shell.openings.items():
        for o in openings:
            draft.openings.append((o.kind, walls[k], o.u, o.width))
            if o.kind == "passage":
                side_room(draft, shell, walls[k], o, draft.between(1.3, 2.2), draft.between(0.15, 0.6))
            if o.kind == "window":
                light_window(draft, walls[k], o)


def _notch(draft: Draft, plan: Plan, x: float, y: float) -> Rect | None:
    if not draft.chance(plan.notch) or min(x, y) < 3.4:
        return None
    signs = draft.rng.choice([-1.0, 1.0], 2)
    return Rect(float(signs[0]), float(signs[1]), x * draft.between(0.2, 0.42), y * draft.between(0.2, 0.42))


def _one(draft: Draft, choice: tuple[Material, ...]) -> Material:
    picked = choice[int(draft.rng.integers(len(choice)))]
    return replace(picked, color=jitter(draft.rng, picked.color))


def _tinted(draft: Draft, part: str, looks: Material) -> Material:
    """Return `looks` with the material and colour that the prompt asks for on a room part."""
    mention = draft.wishes.parts.get(part) or _of_room(draft, part)
    if mention is None:
        return looks
    if mention.pattern is not None:
        looks = material(mention.pattern, PATTERN_COLORS[mention.pattern], tile_m=_TILE_M.get(mention.pattern, 1.0))
    return replace(looks, color=mention.colors[0], accent=None) if mention.colors else looks


def _of_room(draft: Draft, part: str) -> Mention | None:
    """Return what the prompt says of the whole room as far as it goes for `part`: "a white bathroom, blue tiles"."""
    room = draft.wishes.parts.get("room")
    if room is None or part not in ("wall", "floor"):
        return None
    floors = room.pattern in ("wood_planks", "carpet", "asphalt") or (room.pattern == "tiles" and not room.colors)
    if floors if part == "floor" else not floors and (room.colors or room.pattern):
        # Of "a white bathroom, blue tiles" the colour that came last was said of the material.
        return replace(room, colors=room.colors[-1:])
    return None


_TILE_M = {"wood_planks": 1.2, "tiles": 0.9, "concrete": 2.0, "brick": 1.0, "marble": 1.5, "asphalt": 2.0}


def _floor(draft: Draft, plan: Plan) -> Material:
    looks = _STYLE_FLOORS.get(draft.wishes.style) or _one(draft, plan.floors)
    looks = _tinted(draft, "floor", looks)
    if looks.pattern == "wood_grain":
        looks = material("wood_planks", looks.color, tile_m=1.2)
    return looks


def _wall(draft: Draft, plan: Plan) -> Material:
    looks = _STYLE_WALLS.get(draft.wishes.style) or _one(draft, plan.walls)
    if looks.color == (0.0, 0.0, 0.0) or (looks.pattern == "paint" and not draft.wishes.style and draft.chance(0.6)):
        looks = replace(looks, color=draft.tones.wall)
    return _tinted(draft, "wall", looks)


def _door(draft: Draft) -> Material:
    choice = (
        material("wood_grain", draft.tones.wood),
        material("paint", (0.90, 0.89, 0.86)),
        material("paint", blend(draft.tones.accent, (1, 1, 1), 0.1)),
    )
    return _tinted(draft, "door", choice[int(draft.rng.integers(3))])


def _pane(draft: Draft) -> Rgb:
    return {
        "night": (0.06, 0.08, 0.16),
        "evening": (0.95, 0.68, 0.45),
        "overcast": (0.78, 0.81, 0.84),
        "dim": (0.45, 0.52, 0.60),
    }.get(draft.wishes.light, (0.72, 0.85, 0.96))


def _open_walls(draft: Draft, plan: Plan, shell: Shell, door_walls: tuple[int, ...]) -> None:
    """Distribute doors, windows and at most one side room over the walls."""
    ends = [*shell.outline[1:], shell.outline[0]]
    walls = [Wall(a, b, shell.height, []) for a, b in zip(shell.outline, ends, strict=True)]
    count = {k: _wished(draft, k, n) for k, n in (("window", plan.windows), ("door", plan.doors))}
    kinds = ["door"] * max(count["door"], 0)
    niche = draft.wishes.parts.get("niche")
    if niche is not None or draft.chance(plan.side):
        kinds.append("passage")
    light_side = int(draft.rng.integers(len(walls)))
    for kind in [*kinds, *["window"] * count["window"]]:
        choice = door_walls if door_walls and kind != "window" else tuple(range(len(walls)))
        _open_one(draft, plan, shell, walls, kind, light_side, choice)


def _wished(draft: Draft, part: str, usual: tuple[int, int]) -> int:
    mention = draft.wishes.parts.get(part)
    count = draft.about(*usual)
    if mention is None:
        return count
    if mention.count is None:
        return max(count, 2)
    return mention.count


def _open_one(
    draft: Draft, plan: Plan, shell: Shell, walls: list[Wall], kind: str, light_side: int, choice: tuple[int, ...]
) -> None:
    """Find a place for one opening; windows gather on one side first."""
    for attempt in range(30):
        k = light_side if kind == "window" and attempt < 8 else choice[int(draft.rng.integers(len(choice)))]
        wall = walls[k]
        if kind == "window":
            width, low, high = (
                draft.between(*plan.window_width),
                draft.between(*plan.sill),
                draft.between(*plan.window_top),
            )
            high = min(high, shell.height - 0.15)
        elif kind == "door":
            (width, high), low = plan.door, 0.0
        else:
            width, low, high = draft.between(1.0, 1.5), 0.0, min(2.1, shell.height - 0.2)
        margin = 0.35 if kind != "passage" else 0.75
        if wall.length < width + 2 * margin:
            continue
        u = draft.between(width / 2 + margin, wall.length - width / 2 - margin)
        if kind == "passage" and _outside_is_taken(shell, wall, u):
            continue
        if wall.is_free(u - width / 2 - 0.3, u + width / 2 + 0.3, 0.0, high):
            wall.taken.append((u - width / 2, u + width / 2, 0.0, high))
            shell.openings.setdefault(k, []).append(Opening(kind, u, width, low, high))
            return


def _outside_is_taken(shell: Shell, wall: Wall, u: float) -> bool:
    """Return whether a side room here would run into the room itself (L-shaped plans)."""
    xs, ys = [p[0] for p in shell.outline], [p[1] for p in shell.outline]
    x, y = wall.at(u, -1.3)
    return min(xs) < x < max(xs) and min(ys) < y < max(ys)


def light_ceiling(draft: Draft, plan: Plan, shell: Shell) -> None:
    """Hang the plan's lamps from the ceiling."""
    hang_lamps(draft, plan.lamp, plan.spacing, plan.level, shell)
