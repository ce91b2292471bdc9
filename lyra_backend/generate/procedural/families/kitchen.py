"""Kitchens: a run of units with sink, cooker and fridge, wall cupboards, an island or a table."""

from __future__ import annotations

import numpy as np

from ..draft import Draft, Placed
from ..furnish import fulfil, scatter, steps_and_rubble
from ..groups import dining_group, hang_pictures, place_all, restore, run_along, small_things
from ..indoors import Plan, light_ceiling, prepare
from ..objects.kitchen import counter_unit, hood, sink_unit, wall_unit
from ..palette import jitter, material
from ..placement import Wall
from ..room import bar
from ..shapes import join
from ..things import Look, Thing

__all__ = ["build"]

PLAN = Plan(
    width=(3.4, 5.2),
    length=(4.4, 7.0),
    height=(3.05, 3.3),
    floors=(
        material("tiles", (0.78, 0.75, 0.70), tile_m=1.0),
        material("tiles", (0.50, 0.52, 0.54), tile_m=1.0),
        material("tiles", (0.68, 0.50, 0.40), tile_m=0.8),
        material("wood_planks", (0.66, 0.50, 0.33), tile_m=1.2),
    ),
    walls=(material("paint", (0.92, 0.90, 0.85)), material("paint", (0.85, 0.88, 0.86))),
    windows=(1, 2),
    sill=(1.05, 1.15),
    doors=(1, 2),
    side=0.35,
    accent=0.15,
    lamp="pendant",
    spacing=2.8,
    level=6.0,
)


def build(draft: Draft) -> None:
    """Furnish a kitchen."""
    shell = prepare(draft, PLAN)
    light_ceiling(draft, PLAN, shell)
    _run(draft)
    if draft.pop_open("island", 0.35):
        _island(draft)
    if draft.chance(0.75) or not draft.open_to("table", "round_table"):
        dining_group(draft)
    place_all(draft, {"cabinet": (0, 1), "plant": (0, 1), "bin": (0, 1)})
    fulfil(draft)
    small_things(draft, {"bowl": 0.8, "bottle": 0.8, "cup": 0.8, "microwave": 0.5, "vase": 0.3, "books": 0.25})
    hang_pictures(draft, draft.about(0, 2))
    scatter(draft, ("basket", "stool", "cardboard_box", "bottle", "sack", "bin"), 7)
    steps_and_rubble(draft)


def _run(draft: Draft) -> None:
    """Fill one wall, and often the next one too, with units."""
    order = sorted(range(len(draft.walls)), key=lambda k: -_usable(draft.walls[k]) + draft.between(0, 1.2))
    first = draft.walls[order[0]]
    asked = draft.wishes.wanted("counter")
    request = draft.pop("counter")
    color, pattern, _ = draft.looks(asked[0] if asked else None, 0)
    if not draft.open_to("counter") and request is None:
        return
    while draft.pop("counter") is not None:
        pass
    units = _units(draft, first.length, color, pattern)
    placed = _best_run(draft, first, units)
    _above(draft, first, placed)
    if len(draft.walls) == 4 and draft.chance(0.55):
        second = draft.walls[(order[0] + 1) % 4]
        look = Look(draft.rng, draft.tones, color, pattern)
        more = [("counter", counter_unit(look)) for _ in range(draft.about(2, 4))]
        run_along(draft, second, 0.7, more)


def _usable(wall: Wall) -> float:
    """Return how much of a wall base units can take [m]."""
    return wall.length - sum(b - a for a, b, low, _ in wall.taken if low < 0.86)


def _units(draft: Draft, length: float, color: object, pattern: str | None) -> list[tuple[str, Thing]]:
    """Return sink, cooker and fridge with base units between them."""
    look = Look(draft.rng, draft.tones, color, pattern)  # type: ignore[arg-type]
    run: list[tuple[str, Thing]] = []
    for kind in ("fridge", "counter", "sink", "counter", "stove", "counter"):
        if kind == "counter":
            run += [("counter", counter_unit(look)) for _ in range(draft.about(1, 2))]
        elif kind == "sink" and draft.open_to("sink"):
            run.append(("sink", sink_unit(look, 0.8)))
        else:
            built = draft.build(kind)
            if built is not None:
                run.append(built)
    if draft.chance(0.5):
        run.reverse()
    width = sum(thing.footprint[0] for _, thing in run)
    while width + 0.6 < min(length - 0.1, 6.5):
        run.insert(draft.about(1, len(run)), ("counter", counter_unit(look)))
        width += 0.6
    return run


def _best_run(draft: Draft, wall: Wall, units: list[tuple[str, Thing]]) -> list[Placed]:
    """Stand the run along the wall; appliances that fell out are asked for again."""
    placed = run_along(draft, wall, 0.02, units)
    for kind in ("fridge", "stove", "sink"):
        restore(draft, kind)
        if draft.open_to(kind) and not any(p.kind.name == kind for p in placed) and any(k == kind for k, _ in units):
            draft.against_wall(kind, draft.make(kind))
    return placed


def _above(draft: Draft, wall: Wall, run: list[Placed]) -> None:
    """Hang cupboards above the run, a hood above the cooker, tiles between."""
    if not run:
        return
    look = Look(draft.rng, draft.tones, draft.tones.accent)
    _splashback(draft, wall, run)
    for base in run:
        u = float((np.array([base.x, base.y]) - wall.start) @ wall.along)
        w = base.thing.footprint[0]
        if base.kind.name == "stove" and wall.is_free(u - 0.3, u + 0.3, 1.5, min(2.25, wall.height)):
            draft.hang("wall_cabinet", hood(look), wall, u, min(1.55, wall.height - 0.8))
        elif (
            base.kind.name in ("counter", "sink") and wall.is_free(u - w / 2, u + w / 2, 1.4, 2.1) and draft.chance(0.8)
        ):
            draft.hang("wall_cabinet", wall_unit(look, w), wall, u, 1.4)


def _splashback(draft: Draft, wall: Wall, run: list[Placed]) -> None:
    """Tile the wall between worktops and cupboards, around windows."""
    colors = ((0.90, 0.90, 0.88), (0.55, 0.66, 0.66), (0.80, 0.72, 0.60), (0.36, 0.42, 0.46))
    looks = material("tiles", jitter(draft.rng, colors[draft.about(0, 3)]), tile_m=0.45)
    pieces = []
    for base in run:
        u, half = float((np.array([base.x, base.y]) - wall.start) @ wall.along), base.thing.footprint[0] / 2
        if base.thing.height < 1.25 and not any(
            a < u + half and u - half < b and low < 1.4 and low > 0.5 for a, b, low, _ in wall.taken
        ):
            pieces.append(bar(wall, u - half, u + half, 0.9, 1.4, 0.0, 0.014))
    if pieces:
        draft.solid("splashback_1.tiles", "wall", looks, join(pieces))


def _island(draft: Draft) -> None:
    """Put an island into the room, stools along one side."""
    built = draft.build("island")
    if built is None:
        return
    kind, thing = built
    island = None
    for _ in range(50):
        x, y = draft.rng.normal(0, 0.7, 2)
        yaw = draft.walls[0].yaw + float(draft.rng.integers(2)) * np.pi / 2
        island = draft.try_at(kind, thing, float(x), float(y), yaw, 0.75)
        if island is not None:
            break
    if island is None:
        restore(draft, kind)
        return
    for along in (-0.45, 0.1, 0.65):
        stool = draft.build("stool")
        if stool is None:
            return
        c, s = np.cos(island.yaw), np.sin(island.yaw)
        off = thing.footprint[1] / 2 + 0.26
        if (
            draft.try_at(
                *stool, float(island.x + c * along - s * off), float(island.y + s * along + c * off), island.yaw, 0.0
            )
            is None
        ):
            restore(draft, "stool")
