"""House fronts: doors, shop windows, awnings, an upper floor with windows."""

from __future__ import annotations

from .draft import Draft
from .elements import Material
from .palette import Rgb, jitter, material
from .placement import Rect, Wall
from .room import bar
from .shapes import Mesh, join, quad

__all__ = ["house"]

#: Bottom of doors and windows above the road, whatever the kerb [m].
SILL_M = 0.13


def house(draft: Draft, wall: Wall, doors: bool = True) -> None:
    """Build one house front: ground floor with door and shop window, band, upper floor with windows."""
    number = sum(e.name.endswith(".upper") for e in draft.elements) + 1
    name, height = f"building_{number}", wall.height
    draft.walls.append(wall)
    mention = draft.wishes.parts.get("building")
    looks = _plaster(draft)
    if mention is not None and mention.colors:
        looks = material("plaster", mention.colors[number % len(mention.colors)], tile_m=2.0)
    if mention is not None and mention.pattern is not None:
        looks = material(mention.pattern, looks.color, tile_m=1.2)
    base, length = 2.85, wall.length

    def panel(z0: float, z1: float) -> Mesh:
        (ax, ay), (bx, by) = wall.at(0), wall.at(length)
        return quad((bx, by, z0), (ax, ay, z0), (ax, ay, z1), (bx, by, z1))

    draft.sheet(f"{name}.ground_floor", "building", looks, panel(0.0, base))
    upper = material("windows_facade", looks.color, (0.24, 0.32, 0.40), 1.9)
    draft.sheet(f"{name}.upper", "building", upper, panel(base, height))
    trim = material("concrete", (0.80, 0.79, 0.76))
    bands = [
        bar(wall, 0.0, length, base - 0.1, base + 0.1, 0.0, 0.1),
        bar(wall, 0, length, height - 0.2, height, 0, 0.16),
    ]
    draft.solid(f"{name}.bands", "building", trim, join(bands))
    draft.solid(
        f"{name}.plinth", "building", material("concrete", (0.46, 0.46, 0.46)), bar(wall, 0, length, 0.0, 0.5, 0, 0.05)
    )
    if doors and draft.chance(0.8):
        _shop(draft, wall, name)


def _plaster(draft: Draft) -> Material:
    colors: tuple[Rgb, ...] = (
        (0.86, 0.80, 0.68), (0.78, 0.62, 0.50), (0.70, 0.74, 0.72), (0.82, 0.72, 0.48), (0.64, 0.44, 0.38),
        (0.72, 0.78, 0.84), (0.86, 0.85, 0.82),
    )  # fmt: skip
    color = jitter(draft.rng, colors[draft.about(0, len(colors) - 1)])
    if draft.chance(0.35):
        return material("brick", jitter(draft.rng, (0.60, 0.34, 0.26), 0.08), tile_m=1.2)
    return material("plaster", color, tile_m=2.0)


def _shop(draft: Draft, wall: Wall, name: str) -> None:
    """Add a door and shop windows to a house front, with an awning sometimes."""
    frame = material("paint", draft.tones.accent if draft.chance(0.5) else (0.24, 0.22, 0.20))
    door_u = draft.between(0.9, max(wall.length - 0.9, 0.95))
    wood = material("wood_grain", jitter(draft.rng, (0.40, 0.26, 0.17), 0.1))
    if draft.chance(0.4):
        wood = material("paint", draft.tones.paint)
    draft.solid(f"{name}.door", "door", wood, bar(wall, door_u - 0.45, door_u + 0.45, SILL_M, 2.25, 0.0, 0.05))
    edges = [bar(wall, u, u + 0.1, SILL_M, 2.35, 0.0, 0.09) for u in (door_u - 0.55, door_u + 0.45)]
    draft.solid(
        f"{name}.door_frame",
        "door",
        frame,
        join([*edges, bar(wall, door_u - 0.45, door_u + 0.45, 2.25, 2.35, 0, 0.09)]),
    )
    wall.taken.append((door_u - 0.7, door_u + 0.7, 0.0, 2.4))
    x, y = wall.at(door_u, 0.5)
    draft.floor.keep(Rect(x, y, 1.0, 1.0, wall.yaw))
    glass, awning = material("glass", (0.40, 0.52, 0.58), tile_m=2.0), draft.chance(0.4)
    for u0, u1 in ((0.35, door_u - 0.75), (door_u + 0.75, wall.length - 0.35)):
        if u1 - u0 < 1.0:
            continue
        draft.solid(f"{name}.window_{u0:.1f}", "window", glass, bar(wall, u0 + 0.09, u1 - 0.09, 0.8, 2.2, 0.0, 0.03))
        if draft.wishes.light == "night":
            x, y = wall.at((u0 + u1) / 2, 0.6)
            draft.lamp(x, y, 1.9, 0.5 * (u1 - u0), (1.0, 0.78, 0.5))
        rim = [bar(wall, u0, u1, z, z + 0.09, 0.0, 0.07) for z in (0.71, 2.2)]
        rim += [bar(wall, u, u + 0.09, 0.8, 2.2, 0.0, 0.07) for u in (u0, u1 - 0.09)]
        draft.solid(f"{name}.window_frame_{u0:.1f}", "window", frame, join(rim))
        if awning:
            cloth = material("hazard_stripes", draft.tones.paint, (0.93, 0.92, 0.88), 0.6)
            sheet = bar(wall, u0, u1, 2.42, 2.5, 0.0, 0.75)
            draft.solid(f"{name}.awning_{u0:.1f}", "awning", cloth, sheet)
