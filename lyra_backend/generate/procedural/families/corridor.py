"""Corridors: long and narrow, straight or with a bend or junction, doors on both sides."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..draft import Draft
from ..furnish import fulfil, scatter, steps_and_rubble
from ..groups import hang_pictures, place_all
from ..indoors import Plan, light_ceiling, prepare, room_size
from ..palette import material

__all__ = ["build"]

PLAN = Plan(
    width=(1.7, 3.0),
    length=(9.0, 17.0),
    height=(3.05, 3.4),
    floors=(
        material("tiles", (0.68, 0.68, 0.66), tile_m=1.2),
        material("carpet", (0.42, 0.30, 0.28), tile_m=1.0),
        material("plain", (0.52, 0.60, 0.60)),
        material("wood_planks", (0.60, 0.44, 0.28), tile_m=1.2),
        material("concrete", (0.58, 0.57, 0.55), tile_m=2.0),
    ),
    walls=(
        material("paint", (0.90, 0.88, 0.82)),
        material("plaster", (0.86, 0.87, 0.85), tile_m=2.0),
        material("brick", (0.62, 0.40, 0.32), tile_m=1.0),
    ),
    windows=(0, 2),
    doors=(3, 7),
    side=0.55,
    notch=0.0,
    accent=0.2,
    skirting=0.1,
    lamp="tube",
    spacing=3.0,
    level=4.5,
)


def build(draft: Draft) -> None:
    """Furnish a corridor."""
    draft.used_parts |= {"junction", "aisle"}
    outline = _outline(draft)
    exact = any(s.metric for part in ("room", "aisle") for s in [draft.wishes.size(part, "width")] if s)
    shell = prepare(draft, replace(PLAN, flush=exact, skirting=0.0) if exact else PLAN, outline)
    light_ceiling(draft, PLAN, shell)
    place_all(draft, {"locker": (0, 2), "bench": (0, 1), "vending_machine": (0, 1), "plant": (0, 2), "bin": (0, 2)})
    place_all(draft, {"cabinet": (0, 1), "bookshelf": (0, 1), "extinguisher": (0, 0)})
    fulfil(draft)
    if draft.open_to("extinguisher"):
        draft.on_wall("extinguisher", draft.make("extinguisher"), 0.9)
    hang_pictures(draft, draft.about(1, 4))
    for _ in range(draft.about(0, 2)):
        if draft.open_to("poster"):
            draft.on_wall("poster", draft.make("poster"), 1.05, tries=15)
    steps_and_rubble(draft)
    scatter(draft, ("cardboard_box", "bin", "chair", "plant", "traffic_cone", "ladder"), 7)


def _outline(draft: Draft) -> list[tuple[float, float]]:
    """Return the plan: straight, bent, or with a branch; turned at random."""
    x, y, _ = room_size(draft, PLAN)
    length, width = max(x, y), min(x, y)
    aisle, room = draft.wishes.size("aisle", "width"), draft.wishes.size("room", "width")
    if aisle is not None:
        width = aisle.value if aisle.metric else width * aisle.value
    elif room is None or not room.metric:
        width = max(width - 0.7 * draft.difficulty * draft.between(0.5, 1), 1.5)
    else:
        length, width = (max(x, y), min(x, y)) if room.value < max(x, y) else (min(x, y), max(x, y))
    width = max(width, 1.0)
    draw = draft.rng.random()
    if "junction" in draft.wishes.parts:
        draw = draft.between(0.35, 1.0)
    a, h = length / 2, width / 2
    if draw < 0.35 or length < 7:
        plan = [(-a, -h), (a, -h), (a, h), (-a, h)]
    else:
        arm, side = draft.between(2.5, 5.5), draft.between(1.6, 2.4)
        b = length * draft.between(-0.25, 0.25) if draw > 0.62 else a - side / 2
        plan = [(-a, -h), (a, -h), (a, h), (b + side / 2, h), (b + side / 2, h + arm), (b - side / 2, h + arm)]
        plan += [(b - side / 2, h), (-a, h)]
        if b + side / 2 > a - 0.05:  # a bend: the arm continues the end wall
            plan = [(-a, -h), (a, -h), (a, h + arm), (a - side, h + arm), (a - side, h), (-a, h)]
    return _turned(plan, int(draft.rng.integers(4)))


def _turned(plan: list[tuple[float, float]], quarter: int) -> list[tuple[float, float]]:
    """Turn a plan by quarter turns and centre it."""
    points = np.array(plan)
    for _ in range(quarter):
        points = np.column_stack([-points[:, 1], points[:, 0]])
    points = points - (points.min(0) + points.max(0)) / 2
    return [(float(px), float(py)) for px, py in points]
