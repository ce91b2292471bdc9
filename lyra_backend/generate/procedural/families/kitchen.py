"""Kitchens: a run of units with sink, cooker and fridge, wall cupboards, an island or a table."""

from __future__ import annotations

import numpy as np

from ..draft import Draft, Placed
from ..furnish import fulfil, scatter, steps_and_rubble
from ..groups import dining_group, hang_pictures, place_all, run_along, small_things
from ..indoors import Plan, light_ceiling, prepare
from ..objects.kitchen import counter_unit, hood, sink_unit, wall_unit
from ..palette import Rgb, jitter, material
from ..placement import Wall
from ..room import bar
from ..seats import seat_at
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
    steps_and_rubble(draft)
    scatter(draft, ("basket", "stool", "cardboard_box", "bottle", "sack", "bin"), 7)


def _run(draft: Draft) -> None:
    """Fill one wall, and often the next one too, with units."""
    order = sorted(range(len(draft.walls)), key=lambda k: -_stretch(draft.walls[k])[1] + draft.between(0, 1.2))
    first = draft.walls[order[0]]
    asked = draft.wishes.wanted("counter")
    request = draft.pop("counter")
    color, pattern, _ = draft.looks(asked[0] if asked else None, 0)
    if not draft.open_to("counter") and request is None:
        return
    while draft.pop("counter") is not None:
        pass
    start, room = _stretch(first)
    units = _units(draft, room, color, pattern)
    placed = _best_run(draft, first, start, units)
    _above(draft, first, placed)
    if len(draft.walls) == 4 and draft.chance(0.55):
        second = draft.walls[(order[0] + 1) % 4]
        look = Look(draft.rng, draft.tones, color, pattern)
        more = [("counter", counter_unit(look)) for _ in range(draft.about(2, 4))]
        run_along(draft, second, 0.7, more)


def _stretch(wall: Wall) -> tuple[float, float]:
    """Return start and length of the longest stretch of a wall that base units can take [m]."""
    low = sorted((max(a, 0.0), min(b, wall.length)) for a, b, z, _ in wall.taken if z < 0.86)
    best, at = (0.02, 0.0), 0.02
    for a, b in [*low, (wall.length - 0.02, wall.length)]:
        best, at = max(best, (at, a - at), key=lambda s: s[1]), max(at, b)
    return best


def _units(draft: Draft, room: float, color: Rgb | None, pattern: str | None) -> list[tuple[str, Thing]]:
    """Return fridge, sink and cooker with as many base units between them as `room` [m] leaves."""
    look = Look(draft.rng, draft.tones, color, pattern)
    run: list[tuple[str, Thing]] = []
    for kind in ("fridge", "sink", "stove"):
        if kind == "sink" and draft.open_to("sink"):
            run.append(("sink", sink_unit(look, 0.8)))
            continue
        built = draft.build(kind)
        if built is not None:
            run.append(built)
    if draft.chance(0.5):
        run.reverse()
    width = sum(thing.footprint[0] for _, thing in run)
    gaps = [2, 1, len(run) + 1] if len(run) == 3 else [len(run)]
    while width + 0.6 < min(room, 6.5):
        unit = counter_unit(look)
        run.insert(gaps[0] if len(gaps) > 1 else draft.about(1, max(len(run), 1)), ("counter", unit))
        gaps = gaps[1:] if len(gaps) > 1 else gaps
        width += unit.footprint[0]
    return run


def _best_run(draft: Draft, wall: Wall, start: float, units: list[tuple[str, Thing]]) -> list[Placed]:
    """Stand the run along the wall; appliances that fell out are asked for again."""
    placed = run_along(draft, wall, start, units)
    for kind in ("fridge", "stove", "sink"):
        draft.give_back(kind)
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
    for _ in range(50):
        x, y = draft.rng.normal(0, 0.7, 2)
        yaw = draft.walls[0].yaw + float(draft.rng.integers(4)) * np.pi / 2
        island = draft.try_at(*built, float(x), float(y), float(yaw), 0.75)
        if island is not None:
            _stools(draft, island)
            return
    draft.give_back(built[0])


def _stools(draft: Draft, island: Placed) -> None:
    """Stand the stools that the prompt asks for, else up to three, along the island."""
    for _ in range(sum(r.kind == "stool" for r in draft.requests) or 3):
        stool = draft.build("stool")
        if stool is None or seat_at(draft, *stool, [island]) is None:
            if stool is not None:
                draft.give_back("stool")
            return
