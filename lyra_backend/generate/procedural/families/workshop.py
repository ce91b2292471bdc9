"""Workshops and garages: benches, machines, tool cabinets, pegboards."""

from __future__ import annotations

import numpy as np

from ..draft import Draft, Placed, Request
from ..furnish import fulfil, scatter, steps_and_rubble
from ..groups import place_all, small_things
from ..indoors import Plan, light_ceiling, prepare
from ..palette import material
from ..placement import Wall
from ..things import Thing

__all__ = ["build"]

PLAN = Plan(
    width=(4.6, 6.8),
    length=(6.0, 9.6),
    height=(2.8, 3.8),
    floors=(
        material("concrete", (0.55, 0.55, 0.54), tile_m=2.5),
        material("concrete", (0.46, 0.49, 0.47), tile_m=2.5),
        material("plain", (0.45, 0.50, 0.52)),
    ),
    walls=(
        material("brick", (0.60, 0.36, 0.28), tile_m=1.0),
        material("concrete", (0.70, 0.69, 0.66), tile_m=2.5),
        material("paint", (0.86, 0.86, 0.82)),
    ),
    ceilings=(material("concrete", (0.72, 0.72, 0.71), tile_m=2.5), material("paint", (0.86, 0.86, 0.85))),
    windows=(1, 3),
    sill=(1.3, 1.5),
    window_top=(2.2, 2.5),
    window_width=(1.2, 2.2),
    door=(2.4, 2.3),
    doors=(1, 1),
    notch=0.3,
    side=0.4,
    accent=0.1,
    skirting=0.0,
    lamp="tube",
    spacing=2.8,
    level=7.0,
    frames=((0.45, 0.47, 0.48), (0.30, 0.36, 0.40)),
)


def build(draft: Draft) -> None:
    """Furnish a workshop."""
    shell = prepare(draft, PLAN)
    light_ceiling(draft, PLAN, shell)
    _benches(draft)
    place_all(
        draft, {"tool_cabinet": (1, 2), "drill_press": (0, 1), "shelf": (1, 2), "lathe": (0, 1), "cabinet": (0, 1)}
    )
    if draft.open_to("saw_table", "robot_arm", "car") and draft.chance(0.5):
        kind = ("saw_table", "robot_arm")[draft.about(0, 1)]
        draft.somewhere(kind, draft.make(kind), turned=False)
    place_all(draft, {"gas_cylinder": (0, 2), "bin": (0, 1), "welder": (0, 1)})
    fulfil(draft, _special)
    for _ in range(draft.about(0, 2)):
        if draft.open_to("poster"):
            draft.on_wall("poster", draft.make("poster"), 1.2, tries=15)
    if draft.open_to("extinguisher"):
        draft.on_wall("extinguisher", draft.make("extinguisher"), 0.9)
    small_things(draft, {"toolbox": 0.7, "bottle": 0.3, "cup": 0.4})
    steps_and_rubble(draft)
    scatter(
        draft, ("tires", "crate", "toolbox", "stool", "traffic_cone", "barrel", "cardboard_box", "ladder", "pallet"), 10
    )


def _benches(draft: Draft) -> None:
    """Place workbenches with a board of tools on the wall above."""
    for _ in range(max(draft.about(1, 2), sum(r.kind == "workbench" for r in draft.requests))):
        built = draft.build("workbench")
        if built is None:
            return
        bench = draft.against_wall(*built, tries=60)
        if bench is None:
            draft.give_back("workbench")
            continue
        board = draft.build("pegboard") if draft.chance(0.8) or not draft.open_to("pegboard") else None
        if board is None:
            continue
        wall = next(
            w for w in draft.walls if abs(w.yaw - bench.yaw) < 0.01 and _behind(w, bench) < bench.thing.footprint[1]
        )
        u = float((np.array([bench.x, bench.y]) - wall.start) @ wall.along)
        half = board[1].footprint[0] / 2
        if wall.is_free(u - half, u + half, 1.2, 2.1):
            draft.hang("pegboard", board[1], wall, u, 1.2)
        else:
            draft.give_back("pegboard")


def _behind(wall: Wall, placed: Placed) -> float:
    """Return the distance of an object's middle from a wall [m]."""
    return abs(float((np.array([placed.x, placed.y]) - wall.start) @ wall.inward))


def _special(draft: Draft, request: Request, thing: Thing) -> Placed | None:
    """Park cars along the room, square to it."""
    if request.kind not in ("car", "truck"):
        return None
    longest = max(draft.walls, key=lambda w: w.length)
    for attempt in range(40):
        x, y = draft.rng.normal(0, 0.3 + 0.04 * attempt, 2)
        placed = draft.try_at(request.kind, thing, float(x), float(y), longest.yaw + np.pi / 2, 0.3)
        if placed is not None:
            return placed
    return None
