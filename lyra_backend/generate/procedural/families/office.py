"""Offices: desks in rows or islands, office chairs, a whiteboard, shelves; or a meeting table."""

from __future__ import annotations

import numpy as np

from ..draft import Draft, Placed, Request
from ..furnish import fulfil, scatter, stand_rows, steps_and_rubble
from ..groups import hang_pictures, island_table, place_all, small_things
from ..indoors import Plan, light_ceiling, prepare
from ..object_words import IMPLIED
from ..palette import material
from ..placement import Rect
from ..seats import seat_at
from ..things import Thing

__all__ = ["build"]

PLAN = Plan(
    width=(4.2, 6.4),
    length=(5.6, 9.2),
    height=(3.1, 3.5),
    floors=(
        material("carpet", (0.36, 0.40, 0.45), tile_m=1.0),
        material("carpet", (0.48, 0.47, 0.45), tile_m=1.0),
        material("carpet", (0.30, 0.38, 0.38), tile_m=1.0),
        material("wood_planks", (0.68, 0.55, 0.40), tile_m=1.2),
    ),
    walls=(material("paint", (0.91, 0.91, 0.90)), material("paint", (0.86, 0.88, 0.89))),
    ceilings=(material("tiles", (0.93, 0.93, 0.92), (0.80, 0.80, 0.80), 0.6), material("paint", (0.94, 0.94, 0.93))),
    windows=(2, 4),
    sill=(0.8, 0.95),
    window_top=(2.2, 2.4),
    window_width=(1.3, 2.2),
    doors=(1, 2),
    notch=0.3,
    side=0.3,
    accent=0.4,
    lamp="panel",
    spacing=2.5,
    level=6.5,
)


def build(draft: Draft) -> None:
    """Furnish an office."""
    shell = prepare(draft, PLAN)
    light_ceiling(draft, PLAN, shell)
    if not draft.open_to("meeting_table") or (draft.open_to("desk") and draft.chance(0.22)):
        _meeting(draft)
    if draft.wishes.place not in IMPLIED or not draft.open_to("desk"):
        _desks(draft)
    _board(draft)
    place_all(draft, {"filing_cabinet": (0, 2), "bookshelf": (0, 2), "printer": (0, 1), "cabinet": (0, 1)})
    place_all(draft, {"plant": (0, 2), "water_cooler": (0, 1), "bin": (1, 2)})
    fulfil(draft, _special)
    small_things(draft, {"cup": 0.9, "books": 0.8, "laptop": 0.5, "table_lamp": 0.3, "vase": 0.2})
    hang_pictures(draft, draft.about(0, 2))
    steps_and_rubble(draft)
    scatter(draft, ("cardboard_box", "bin", "partition", "plant", "stool", "office_chair", "computer"), 8)


def _special(draft: Draft, request: Request, thing: Thing) -> Placed | None:
    """Pull office chairs up to desks that have none."""
    if request.kind not in ("office_chair", "chair") or request.mention.arrangement or request.mention.near:
        return None
    seat = seat_at(draft, request.kind, thing)
    if seat is not None:
        return seat
    for desk in [p for p in draft.placed if p.kind.name == "desk"]:
        placed = _chair_at(draft, request.kind, thing, desk)
        if placed is not None:
            return placed
    return None


def _chair_at(draft: Draft, kind: str, thing: Thing, desk: Placed) -> Placed | None:
    """Pull a chair up to a desk, as it was left there."""
    c, s = np.cos(desk.yaw), np.sin(desk.yaw)
    if any(np.hypot(p.x - desk.x, p.y - desk.y) < 0.9 for p in draft.placed if p.kind.class_name == "chair"):
        return None
    for attempt in range(6):
        off = (desk.thing.footprint[1] + thing.footprint[1]) / 2 + draft.between(0.03, 0.2) / (1 + attempt)
        side = draft.between(-0.15, 0.15)
        x, y = float(desk.x + c * side - s * off), float(desk.y + s * side + c * off)
        yaw = desk.yaw + np.pi + draft.rng.normal(0, 0.25)
        rect = Rect(x, y, *thing.footprint, yaw)
        if draft.floor.in_doorway(rect):
            continue
        if draft.floor.fits(rect.grown(-0.1), 0.0, on_kept=True) and draft.floor.still_drivable(rect):
            return draft.stand(kind, thing, x, y, yaw)
    return None


def _desks(draft: Draft) -> None:
    """Place desks in the rows that the prompt asks for, along walls, in pairs face to face, or free, with chairs."""
    if any(m.arrangement == "row" for m in draft.wishes.wanted("desk")):
        stand_rows(draft, "desk")
        _chairs_at_desks(draft)
    area = float(draft.floor.inside.sum()) * draft.floor.cell**2
    count = len([r for r in draft.requests if r.kind == "desk"]) or draft.about(2, max(2, int(area / 9)))
    facing = draft.chance(0.45)
    last: Placed | None = None
    for k in range(count):
        built = draft.build("desk")
        if built is None:
            return
        kind, thing = built
        placed = None
        if facing and k % 2 and last is not None:
            c, s = np.cos(last.yaw), np.sin(last.yaw)
            off = -(last.thing.footprint[1] + thing.footprint[1]) / 2 - 0.02
            placed = draft.try_at(
                kind, thing, float(last.x - s * off), float(last.y + c * off), last.yaw + np.pi, -0.04
            )
        if placed is None and facing:
            placed = _free_desk(draft, kind, thing)
        placed = placed or draft.against_wall(kind, thing) or _free_desk(draft, kind, thing)
        if placed is None:
            draft.give_back(kind)
            continue
        last = placed
        chair = draft.build("office_chair", "chair")
        if chair is not None and _chair_at(draft, *chair, placed) is None:
            draft.give_back(chair[0])


def _chairs_at_desks(draft: Draft) -> None:
    """Give every desk its chair."""
    for desk in [p for p in draft.placed if p.kind.name == "desk"]:
        chair = draft.build("office_chair", "chair")
        if chair is not None and _chair_at(draft, *chair, desk) is None:
            draft.give_back(chair[0])


def _free_desk(draft: Draft, kind: str, thing: Thing) -> Placed | None:
    """Stand a desk free in the room, square to it."""
    for _ in range(30):
        ys, xs = np.nonzero(draft.floor.free & ~draft.floor.kept)
        if not len(xs):
            return None
        k = int(draft.rng.integers(len(xs)))
        x, y = draft.floor.low + np.array([xs[k], ys[k]]) * draft.floor.cell
        placed = draft.try_at(kind, thing, float(x), float(y), float(draft.rng.integers(4)) * np.pi / 2, 0.12)
        if placed is not None:
            return placed
    return None


def _meeting(draft: Draft) -> None:
    """Put a meeting table with chairs into the room."""
    built = draft.build("meeting_table")
    if built is not None and island_table(draft, *built, draft.about(4, 8), 0.3, centred=True) is None:
        draft.give_back(built[0])
        draft.cramped += not draft.open_to("meeting_table")


def _board(draft: Draft) -> None:
    """Hang a whiteboard."""
    if draft.open_to("whiteboard") and not draft.chance(0.75):
        return
    built = draft.build("whiteboard")
    if built is not None and draft.on_wall("whiteboard", built[1], 0.95, tries=80) is None:
        draft.give_back("whiteboard")
