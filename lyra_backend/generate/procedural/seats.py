"""Seats at tables: where they stand, and tables long enough for them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from .draft import Draft, Placed
from .placement import Rect
from .things import Thing

__all__ = ["SEATS", "seat_around", "seat_at", "table_for"]

#: Kinds that are pulled up to tables.
SEATS = ("chair", "office_chair", "stool")
#: Kinds to sit at, those first that are made for many.
_HOSTS = ("meeting_table", "table", "round_table", "island")
#: Room along a table for one person [m].
_PLACE_M = 0.66
#: How far seats reach under a table [m]; those with armrests do not.
_UNDER_M = {"chair": 0.08, "stool": 0.05}


def table_for(thing: Thing, seats: int) -> Thing:
    """Return a table long enough for `seats` at its two sides and its ends."""
    if thing.kind == "round_table" or seats <= 4:
        return thing
    needed = _PLACE_M * int(np.ceil((seats - 2) / 2)) + 0.05
    factor = max(1.0, needed / thing.footprint[0])
    return thing.scaled(factor, 1.0, 1.0) if factor > 1 else thing


def seat_around(draft: Draft, table: Placed, usual: int) -> None:
    """Put seats at a table: those that the prompt asks for, else `usual` many."""
    asked = sum(r.kind in SEATS for r in draft.requests)
    for _ in range(asked or usual):
        built = draft.build("chair", "stool", "office_chair")
        if built is None:
            return
        if seat_at(draft, *built, [table]) is None:
            draft.give_back(built[0])
            draft.cramped += not draft.open_to(*SEATS)
            return


def seat_at(draft: Draft, kind: str, thing: Thing, tables: Iterable[Placed] | None = None) -> Placed | None:
    """Pull one seat up to a table that has a free place; it faces the table."""
    if tables is None:
        tables = [p for host in _HOSTS for p in draft.placed if p.kind.name == host]
    for table in tables:
        for x, y, yaw in _places(table, kind, thing):
            if _is_free(draft, x, y, yaw, thing, table):
                return draft.stand(kind, thing, x, y, yaw + float(draft.rng.normal(0, 0.05)))
    return None


def _places(table: Placed, kind: str, thing: Thing) -> list[tuple[float, float, float]]:
    """Return (x, y, yaw) of the places at a table, the middle ones first."""
    w, d = table.thing.footprint
    off = thing.footprint[1] / 2 - _UNDER_M.get(kind, -0.03)
    if table.kind.name == "round_table":
        count = max(int(np.pi * (w + 0.3) / _PLACE_M), 3)
        local = [
            (a, (w / 2 + off) * np.cos(a), (w / 2 + off) * np.sin(a)) for a in np.arange(count) * 2 * np.pi / count
        ]
        spots = [(x, y, a + np.pi / 2) for a, x, y in local]
    else:
        per_side = max(int((w - 0.02) / _PLACE_M), 1)
        along = sorted((np.arange(per_side) - (per_side - 1) / 2) * w / per_side, key=abs)
        sides = (1,) if table.kind.name == "island" else (1, -1)
        spots = [(u, s * (d / 2 + off), np.pi if s > 0 else 0.0) for u in along for s in sides]
        if len(sides) == 2 and d > 0.6:
            spots += [(s * (w / 2 + off), 0.0, s * np.pi / 2) for s in (1, -1)]
    c, s = np.cos(table.yaw), np.sin(table.yaw)
    return [(float(table.x + c * x - s * y), float(table.y + s * x + c * y), float(table.yaw + a)) for x, y, a in spots]


def _is_free(draft: Draft, x: float, y: float, yaw: float, thing: Thing, table: Placed) -> bool:
    """Return whether a seat has room for itself and leaves the robot its way."""
    rect = Rect(x, y, *thing.footprint, yaw)
    others = [p for p in draft.placed if p.name != table.name and p.thing.height > 0.05 and p.z < 0.3]
    reach = max(thing.footprint)
    near = [p for p in others if np.hypot(p.x - x, p.y - y) < (reach + float(np.hypot(*p.thing.footprint))) / 2]
    if (
        not draft.floor.holds(rect)
        or draft.floor.in_doorway(rect)
        or any(_meet(rect.grown(0.02), p.rect) for p in near)
    ):
        return False
    return draft.floor.still_drivable(rect)


def _meet(a: Rect, b: Rect) -> bool:
    """Return whether two rectangles overlap, by their separating axes."""
    for yaw in (a.yaw, a.yaw + np.pi / 2, b.yaw, b.yaw + np.pi / 2):
        axis = np.array([np.cos(yaw), np.sin(yaw)])
        p, q = a.corners() @ axis, b.corners() @ axis
        if p.max() <= q.min() or q.max() <= p.min():
            return False
    return True
