"""Living rooms: a seating group around a rug, a television wall, shelves, plants."""

from __future__ import annotations

import numpy as np

from ..draft import Draft, Placed
from ..furnish import fulfil, scatter, steps_and_rubble
from ..groups import dining_group, dress_windows, hang_pictures, small_things
from ..indoors import Plan, light_ceiling, prepare
from ..palette import material
from ..placement import Rect
from ..television import show_television

__all__ = ["build"]

PLAN = Plan(
    width=(3.8, 5.9),
    length=(4.6, 8.2),
    height=(3.05, 3.35),
    floors=(
        material("wood_planks", (0.62, 0.45, 0.29), tile_m=1.2),
        material("wood_planks", (0.76, 0.62, 0.44), tile_m=1.2),
        material("wood_planks", (0.40, 0.27, 0.18), tile_m=1.2),
        material("carpet", (0.62, 0.58, 0.52), tile_m=0.8),
        material("tiles", (0.80, 0.76, 0.69), tile_m=1.2),
    ),
    walls=(material("paint", (0.90, 0.88, 0.83)), material("plaster", (0.88, 0.85, 0.78), tile_m=2.0)),
    windows=(1, 3),
    lamp="pendant",
    spacing=3.4,
    level=6.5,
)


def build(draft: Draft) -> None:
    """Furnish a living room."""
    shell = prepare(draft, PLAN)
    dress_windows(draft)
    light_ceiling(draft, PLAN, shell)
    sofa = _sofa(draft) if draft.wishes.place != "dining room" or not draft.open_to("sofa") else None
    if sofa is not None:
        _around(draft, sofa)
    for kind, most in (("bookshelf", 2), ("plant", 2), ("floor_lamp", 1), ("sideboard", 1)):
        for _ in range(draft.about(0 if kind != "bookshelf" else 1, most)):
            built = draft.build(kind)
            if built is not None:
                place = draft.in_corner if kind in ("plant", "floor_lamp") else draft.against_wall
                _keep(draft, place(*built), built[0])
    if not draft.open_to("table", "round_table") or draft.chance(0.35 + 0.2 * draft.clutter):
        dining_group(draft)
    fulfil(draft)
    small_things(draft, {"books": 0.7, "vase": 0.6, "bowl": 0.4, "cup": 0.5, "table_lamp": 0.35})
    hang_pictures(draft, draft.about(1, 4))
    steps_and_rubble(draft)
    scatter(draft, ("basket", "toy_ball", "books", "cardboard_box", "stool", "plant"), 9)


def _keep(draft: Draft, placed: Placed | None, kind: str) -> None:
    """Note a request that found no room."""
    if placed is None:
        draft.give_back(kind)


def _sofa(draft: Draft) -> Placed | None:
    """Put the main seat against a wall or free in the room, facing in."""
    built = draft.build("sofa", "armchair")
    if built is None:
        return None
    kind, thing = built
    if draft.chance(0.3):
        x, y = draft.rng.normal(0, 0.7, 2)
        placed = draft.try_at(kind, thing, float(x), float(y), float(draft.rng.integers(4)) * np.pi / 2)
        if placed is not None:
            return placed
    placed = draft.against_wall(kind, thing)
    if placed is None:
        draft.give_back(kind)
    return placed


def _around(draft: Draft, sofa: Placed) -> None:
    """Arrange rug, coffee table, armchairs and the television around the sofa."""
    c, s = np.cos(sofa.yaw), np.sin(sofa.yaw)
    front = sofa.thing.footprint[1] / 2

    def at(side: float, ahead: float) -> tuple[float, float]:
        return float(sofa.x + c * side - s * ahead), float(sofa.y + s * side + c * ahead)

    rug = draft.build("rug") if draft.chance(0.8) or not draft.open_to("rug") else None
    if rug is not None:
        x, y = at(0.0, front + 0.75)
        thing = rug[1]
        if draft.floor.holds(Rect(x, y, *thing.footprint, sofa.yaw)):
            draft.stand("rug", thing, x, y, sofa.yaw, 0.0)
        else:
            draft.give_back("rug")
    table = (
        draft.build("coffee_table", "round_table") if draft.chance(0.9) or not draft.open_to("coffee_table") else None
    )
    if table is not None:
        x, y = at(draft.between(-0.15, 0.15), front + 0.42 + table[1].footprint[1] / 2)
        rect = Rect(x, y, *table[1].footprint, sofa.yaw)
        if draft.floor.fits(rect, 0.05, on_kept=True) and draft.floor.still_drivable(rect):
            draft.stand(table[0], table[1], x, y, sofa.yaw)
        else:
            draft.give_back(table[0])
    for side in (-1, 1):
        if draft.chance(0.5):
            chair = draft.build("armchair")
            if chair is not None:
                reach = sofa.thing.footprint[0] / 2 + 0.75
                x, y = at(side * reach, front + draft.between(0.6, 1.1))
                if draft.try_at(*chair, x, y, sofa.yaw + side * (np.pi / 2 - draft.between(-0.25, 0.25))) is None:
                    draft.give_back("armchair")
    if draft.pop_open("television", 0.85):
        built = draft.build("television")
        if built is not None and show_television(draft, built[1], sofa) is None:
            draft.give_back("television")
