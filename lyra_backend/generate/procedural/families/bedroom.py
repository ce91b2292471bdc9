"""Bedrooms: a bed with nightstands, a wardrobe, perhaps a desk."""

from __future__ import annotations

import numpy as np

from ..draft import Draft, Placed
from ..furnish import fulfil, scatter, steps_and_rubble
from ..groups import dress_windows, hang_pictures, place_all, small_things
from ..indoors import Plan, light_ceiling, prepare
from ..palette import material
from ..placement import Rect
from ..things import Thing

__all__ = ["build"]

PLAN = Plan(
    width=(3.4, 4.8),
    length=(4.2, 6.4),
    height=(3.05, 3.3),
    floors=(
        material("wood_planks", (0.66, 0.49, 0.32), tile_m=1.2),
        material("carpet", (0.66, 0.62, 0.57), tile_m=0.8),
        material("carpet", (0.48, 0.52, 0.55), tile_m=0.8),
    ),
    walls=(material("paint", (0.88, 0.86, 0.82)),),
    windows=(1, 2),
    notch=0.35,
    side=0.4,
    spacing=3.6,
    level=6.0,
)


def build(draft: Draft) -> None:
    """Furnish a bedroom."""
    shell = prepare(draft, PLAN)
    dress_windows(draft, 0.9)
    light_ceiling(draft, PLAN, shell)
    _bed(draft)
    place_all(draft, {"wardrobe": (1, 1), "desk": (0, 1), "sideboard": (0, 1), "bookshelf": (0, 1), "armchair": (0, 1)})
    place_all(draft, {"plant": (0, 1), "floor_lamp": (0, 1)})
    fulfil(draft)
    small_things(draft, {"table_lamp": 0.9, "books": 0.6, "vase": 0.4, "cup": 0.3})
    hang_pictures(draft, draft.about(1, 3))
    steps_and_rubble(draft)
    scatter(draft, ("basket", "toy_ball", "cardboard_box", "books", "stool"), 8)


def _bed(draft: Draft) -> None:
    """Put the bed against a wall, a nightstand at each side and a rug before it."""
    built = draft.build("bed")
    if built is None:
        return
    kind, thing = built
    placed = _with_sides(draft, kind, thing) or draft.against_wall(kind, thing, tries=80)
    if placed is None:
        draft.give_back(kind)
        return
    behind = [w for w in draft.walls if abs(w.yaw - placed.yaw) < 0.01]
    here = np.array([placed.x, placed.y])
    if not behind:
        return
    wall = min(behind, key=lambda w: abs(float((here - w.start) @ w.inward)))
    u = float((here - wall.start) @ wall.along)
    for side in (-1, 1):
        stand = draft.build("nightstand")
        if stand is None:
            break
        offset = side * (thing.footprint[0] / 2 + stand[1].footprint[0] / 2 + 0.12)
        if draft.against_wall(*stand, walls=[wall], u=u + offset, tries=2) is None:
            draft.give_back("nightstand")
            draft.cramped += 1
    rug = draft.build("rug") if draft.chance(0.6) or not draft.open_to("rug") else None
    if rug is not None:
        x, y = wall.at(u, thing.footprint[1] + 0.45)
        if draft.floor.holds(Rect(x, y, *rug[1].footprint, wall.yaw)):
            draft.stand("rug", rug[1], x, y, wall.yaw, 0.0)
        else:
            draft.give_back("rug")


def _with_sides(draft: Draft, kind: str, thing: Thing) -> Placed | None:
    """Put a bed where both its sides have room for a nightstand."""
    width, side = thing.footprint[0], 0.62
    for _ in range(60):
        wall = draft.walls[draft.about(0, len(draft.walls) - 1)]
        if wall.length < width + 2 * side + 0.1:
            continue
        u = draft.between(width / 2 + side, wall.length - width / 2 - side)
        if not wall.is_free(u - width / 2 - side, u + width / 2 + side, 0.0, 0.6):
            continue
        if not all(
            draft.floor.fits(Rect(*wall.at(u + s * (width + side) / 2, 0.24), 0.45, 0.4, wall.yaw)) for s in (-1, 1)
        ):
            continue
        placed = draft.against_wall(kind, thing, walls=[wall], u=u, tries=1)
        if placed is not None:
            return placed
    return None
