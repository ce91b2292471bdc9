"""Bathrooms: tiles, washbasin, toilet, bathtub or shower."""

from __future__ import annotations

from ..draft import Draft
from ..furnish import fulfil, scatter, steps_and_rubble
from ..groups import place_all, small_things
from ..indoors import Plan, light_ceiling, prepare
from ..palette import material

__all__ = ["build"]

PLAN = Plan(
    width=(3.0, 4.4),
    length=(3.8, 5.8),
    height=(3.05, 3.25),
    floors=(
        material("tiles", (0.55, 0.57, 0.58), tile_m=0.8),
        material("tiles", (0.82, 0.80, 0.76), tile_m=0.8),
        material("tiles", (0.35, 0.40, 0.44), tile_m=0.6),
    ),
    walls=(
        material("tiles", (0.88, 0.89, 0.88), tile_m=0.6),
        material("tiles", (0.72, 0.82, 0.83), tile_m=0.6),
        material("tiles", (0.82, 0.84, 0.76), tile_m=0.5),
    ),
    windows=(0, 1),
    sill=(1.1, 1.3),
    window_width=(0.7, 1.1),
    doors=(1, 1),
    side=0.3,
    accent=0.3,
    skirting=0.0,
    lamp="panel",
    spacing=2.6,
    level=5.0,
)


def build(draft: Draft) -> None:
    """Furnish a bathroom."""
    shell = prepare(draft, PLAN)
    light_ceiling(draft, PLAN, shell)
    tub = draft.chance(0.55)
    place_all(
        draft, {"bathtub": (int(tub), int(tub)), "shower": (int(not tub), 1), "washbasin": (1, 2), "toilet": (1, 1)}
    )
    place_all(draft, {"washing_machine": (0, 1), "cabinet": (0, 1), "bin": (0, 1), "plant": (0, 1)})
    fulfil(draft)
    small_things(draft, {"bottle": 0.6, "vase": 0.3})
    steps_and_rubble(draft)
    scatter(draft, ("basket", "stool", "bottle", "tote"), 6)
