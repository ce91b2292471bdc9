"""Groups of furniture that several kinds of rooms share: tables with chairs, curtains, pictures, small things."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .draft import Draft, Placed
from .elements import Material
from .palette import STEEL, material
from .placement import Rect, Wall
from .room import bar
from .seats import SEATS, seat_around, table_for
from .shapes import join
from .things import Thing

__all__ = [
    "dining_group",
    "dress_windows",
    "hang_pictures",
    "island_table",
    "place_all",
    "run_along",
    "small_things",
]


def dining_group(draft: Draft, chairs: int | None = None) -> Placed | None:
    """Place a table with chairs pulled up to it."""
    built = draft.build("table", "round_table") or ("table", draft.make("table"))
    usual = chairs if chairs is not None else draft.about(2, 6)
    table = island_table(draft, built[0], built[1], usual, 0.25)
    if table is None:
        draft.give_back(built[0])
        draft.cramped += not draft.open_to("table", "round_table")
    return table


def island_table(draft: Draft, kind: str, thing: Thing, usual: int, gap: float, centred: bool = False) -> Placed | None:
    """Stand a table free in the room with seats around it: those of the prompt, else `usual` many."""
    seats = sum(r.kind in SEATS for r in draft.requests) or usual
    thing = table_for(thing, seats)
    w, d = thing.footprint
    longest = max(draft.walls, key=lambda wall: wall.length)
    for attempt in range(60):
        if centred:
            x, y = draft.rng.normal(0, 0.15 + 0.03 * attempt, 2)
            yaw = longest.yaw
        else:
            ys, xs = np.nonzero(draft.floor.free)
            k = int(draft.rng.integers(len(xs)))
            x, y = draft.floor.low + np.array([xs[k], ys[k]]) * draft.floor.cell
            yaw = float(draft.rng.integers(2)) * np.pi / 2
        rect = Rect(float(x), float(y), w + 1.0 * (seats > 4), d + 1.1, float(yaw))
        if draft.floor.fits(rect, gap) and draft.floor.still_drivable(rect):
            table = draft.stand(kind, thing, float(x), float(y), float(yaw))
            seat_around(draft, table, usual)
            return table
    return None


def hang_pictures(draft: Draft, count: int) -> None:
    """Hang pictures where walls are free."""
    for _ in range(count):
        built = draft.build("picture")
        if built is not None:
            draft.on_wall("picture", built[1], draft.between(1.25, 1.4), tries=20)
    if draft.open_to("clock") and draft.chance(0.3):
        draft.on_wall("clock", draft.make("clock"), 1.8, tries=10)


def dress_windows(draft: Draft, chance: float = 0.75) -> None:
    """Hang curtains beside the windows."""
    draft.used_parts |= {"curtain"}
    mention = draft.wishes.parts.get("curtain")
    if mention is not None and mention.count == 0:
        return
    in_the_way = any(m.near == "window" for m in draft.wishes.objects)
    if mention is None and (in_the_way or not draft.chance(chance)):
        return
    color = mention.colors[0] if mention is not None and mention.colors else draft.tones.fabric_2
    cloth = material("fabric", color, tile_m=0.4)
    for wall in draft.walls:
        for u0, u1, low, _ in list(wall.taken):
            if low > 0.3:
                _curtains(draft, wall, u0, u1, cloth)


def _curtains(draft: Draft, wall: Wall, u0: float, u1: float, cloth: Material) -> None:
    top = min(2.36, wall.height - 0.08)
    for side, edge in ((-1, u0 + 0.08), (1, u1 - 0.08)):
        if not 0.3 < edge < wall.length - 0.3:
            continue
        folds = [
            bar(
                wall,
                edge + side * 0.07 * k,
                edge + side * 0.07 * k + 0.065,
                0.05,
                top,
                0.03 + 0.02 * (k % 2),
                0.1 + 0.02 * (k % 2),
            )
            for k in range(4)
        ]
        draft.solid(f"curtain_{len(draft.elements)}.cloth", "curtain", cloth, join(folds))
        wall.taken.append((edge - 0.3, edge + 0.3, 0.0, top))
    rail = bar(wall, max(u0 - 0.25, 0.02), min(u1 + 0.25, wall.length - 0.02), top, top + 0.04, 0.05, 0.09)
    draft.solid(f"curtain_{len(draft.elements)}.rail", "curtain", material("metal_brushed", STEEL), join([rail]))


def small_things(draft: Draft, chances: Mapping[str, float]) -> None:
    """Put small things on tables, each kind with its chance, unless the prompt says how many there are."""
    for kind, chance in chances.items():
        for _ in range(2 if draft.clutter > 0.5 else 1):
            if draft.open_to(kind) and draft.chance(chance):
                draft.on_top(kind, draft.make(kind))


def place_all(draft: Draft, counts: Mapping[str, tuple[int, int]]) -> None:
    """Place furniture that stands against walls or in corners: as many as the prompt asks for, else within a range."""
    for kind, (least, most) in counts.items():
        if any(r.kind == kind and (r.mention.near or r.mention.on or r.mention.arrangement) for r in draft.requests):
            continue  # the prompt says where
        for _ in range(draft.about(least, most)):
            built = draft.build(kind)
            if built is None:
                break
            corner = kind in ("plant", "bin", "floor_lamp", "water_cooler", "gas_cylinder")
            placed = (draft.in_corner if corner else draft.against_wall)(*built)
            if placed is None:
                draft.give_back(kind)


def run_along(draft: Draft, wall: Wall, start: float, units: list[tuple[str, Thing]]) -> list[Placed]:
    """Stand units side by side along a wall from `start` [m], leaving out those that find no room."""
    placed, u = [], start
    for kind, thing in units:
        width, depth = thing.footprint
        if u + width > wall.length - 0.01:
            break
        x, y = wall.at(u + width / 2, depth / 2 + 0.016)
        rect = Rect(x, y, width - 0.08, depth, wall.yaw)
        clear = draft.floor.fits(rect, -0.04) and wall.is_free(u, u + width, 0.0, min(thing.height, 0.84))
        if clear and draft.floor.still_drivable(rect):
            placed.append(draft.stand(kind, thing, x, y, wall.yaw))
            wall.taken.append((u, u + width, 0.0, thing.height + 0.05))
            draft.floor.keep(rect.ahead(0.7))
        u += width
    return placed
