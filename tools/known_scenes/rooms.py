"""Furnished rooms, with walls between them that have doorways."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from .solids import Floats, Solid, box

__all__ = ["Room", "indoor"]

_MARGIN_M = 0.30  # between furniture, so that a robot's arm reaches between


class Room:
    """A room that is being furnished: `solids` so far, and the boxes in plan that are taken."""

    def __init__(self, rng: np.random.Generator, several: bool) -> None:
        self.rng = rng
        small = rng.random() < 0.3 and not several
        self.size = rng.uniform([2.6, 2.4, 2.2], [3.8, 3.4, 2.6]) if small else rng.uniform([4, 3.5, 2.4], [8, 7, 3.4])
        if several:
            self.size[:2] = rng.uniform([6.0, 4.5], [9.0, 7.0])
        self.size = np.round(self.size, 3)
        self.origin = np.round(np.array([*rng.uniform(-3, 3, 2), 0.0]), 3)
        roofed = bool(rng.random() < 0.6)
        shell = {"id": "shell", "type": "room", "size": self.size.tolist(), "origin": self.origin.tolist()}
        self.solids: list[Solid] = [{**shell, "ceiling": roofed}]
        self.taken: list[tuple[Floats, Floats]] = []
        self.doorway = (0.0, 0.0)

    def partition(self, axis: int, share: float, start: float = 0.0) -> None:
        """Stand a wall across `axis` at `share` of the room with a doorway in it; `start` [m] where it begins."""
        rng, other, length = self.rng, 1 - axis, float(self.size[1 - axis])
        at, thick = share * float(self.size[axis]), float(rng.uniform(0.04, 0.20))
        width, top = float(rng.uniform(0.7, 1.2)), float(rng.uniform(1.95, 2.15))
        low = float(rng.uniform(start + 0.3, length - width - 0.3))
        height = float(self.size[2])

        def piece(name: str, a: float, b: float, z0: float, z1: float) -> None:
            lo, hi = np.zeros(3), np.zeros(3)
            lo[[axis, other, 2]], hi[[axis, other, 2]] = [at, a, z0], [at + thick, b, z1]
            self.solids.append(box(name, lo + self.origin, hi + self.origin))
            self.taken.append((lo[:2], hi[:2]))

        tag = f"wall{len(self.solids)}"
        piece(tag + "_a", start, low, 0.0, height)
        piece(tag + "_b", low + width, length, 0.0, height)
        if top < height - 0.1:
            piece(tag + "_lintel", low, low + width, top, height)
        keep_lo, keep_hi = np.zeros(2), np.zeros(2)
        keep_lo[[axis, other]], keep_hi[[axis, other]] = [at - 0.8, low - 0.1], [at + thick + 0.8, low + width + 0.1]
        self.taken.append((keep_lo, keep_hi))
        self.doorway = (low, low + width)

    def place(self, size: npt.ArrayLike, against_wall: bool) -> Floats | None:
        """Return the lower corner (2,) of a free rectangle of `size` [m] in the room; None if there is none."""
        size = np.asarray(size, float)
        room = self.size[:2] - size
        if (room < 2 * _MARGIN_M).any():
            return None
        for _ in range(60):
            corner = self.rng.uniform(_MARGIN_M, room - _MARGIN_M)
            if against_wall:
                side = int(self.rng.integers(2))
                corner[side] = self.rng.choice([0.0, room[side]])
            if all(((corner - _MARGIN_M >= hi) | (corner + size + _MARGIN_M <= lo)).any() for lo, hi in self.taken):
                self.taken.append((corner, corner + size))
                return corner
        return None

    def add(self, name: str, corner: Floats, boxes: Sequence[tuple[npt.ArrayLike, npt.ArrayLike]]) -> None:
        """Add boxes given by corners relative to `corner` (2,) on the floor."""
        at = self.origin + [corner[0], corner[1], 0.0]
        count = len(self.solids)
        for n, (lo, hi) in enumerate(boxes):
            self.solids.append(box(f"{name}{count}_{n}", at + lo, at + hi))

    def furnish(self, count: int) -> None:
        makers = (self.table, self.shelf, self.crate, self.stair, self.ball, self.drum, self.curb)
        for n in self.rng.integers(0, len(makers), count):
            makers[int(n)]()

    def table(self) -> None:
        rng = self.rng
        (w, d), h, leg = rng.uniform([0.7, 0.6], [1.6, 0.9]), rng.uniform(0.45, 0.78), rng.uniform(0.03, 0.06)
        top = rng.uniform(0.02, 0.05)
        corner = self.place((w, d), False)
        if corner is None:
            return
        inset = 0.03
        legs = [
            ([x, y, 0.0], [x + leg, y + leg, h - top])
            for x in (inset, w - inset - leg)
            for y in (inset, d - inset - leg)
        ]
        self.add("table", corner, [([0, 0, h - top], [w, d, h]), *legs])

    def shelf(self) -> None:
        rng = self.rng
        w, d, board, gap = (
            rng.uniform(0.7, 1.4),
            rng.uniform(0.25, 0.4),
            rng.uniform(0.02, 0.03),
            rng.uniform(0.25, 0.4),
        )
        levels = int(rng.integers(3, 6))
        levels = min(levels, int((self.size[2] - 0.3) / (gap + board)))
        along_x = bool(rng.random() < 0.5)
        corner = self.place((w, d) if along_x else (d, w), True)
        if corner is None:
            return
        height = levels * (gap + board)
        boxes = [([0, 0, k * (gap + board)], [w, d, k * (gap + board) + board]) for k in range(1, levels)]
        boxes += [([0, 0, height], [w, d, height + board])]
        boxes = [([a[0] + board, a[1], a[2]], [b[0] - board, b[1], b[2]]) for a, b in boxes]
        boxes += [([0, 0, 0], [board, d, height + board]), ([w - board, 0, 0], [w, d, height + board])]
        if not along_x:
            boxes = [([a[1], a[0], a[2]], [b[1], b[0], b[2]]) for a, b in boxes]
        self.add("shelf", corner, boxes)

    def crate(self) -> None:
        size = self.rng.uniform([0.25, 0.25, 0.2], [0.9, 0.9, 1.1])
        corner = self.place(size[:2], bool(self.rng.random() < 0.4))
        if corner is not None:
            self.add("crate", corner, [([0, 0, 0], size)])

    def stair(self) -> None:
        rng = self.rng
        steps, rise, tread, width = int(rng.integers(2, 6)), rng.uniform(0.12, 0.18), rng.uniform(0.26, 0.32), 0.9
        corner = self.place((width, steps * tread), bool(rng.random() < 0.5))
        if corner is not None:
            boxes = [([0, k * tread, 0], [width, (k + 1) * tread, (k + 1) * rise]) for k in range(steps)]
            self.add("stair", corner, boxes)

    def curb(self) -> None:
        size = self.rng.uniform([0.8, 0.12, 0.05], [2.0, 0.4, 0.20])
        corner = self.place(size[:2], False)
        if corner is not None:
            self.add("curb", corner, [([0, 0, 0], size)])

    def ball(self) -> None:
        r = float(self.rng.uniform(0.12, 0.4))
        corner = self.place((2 * r, 2 * r), False)
        if corner is not None:
            centre = np.round(self.origin + [corner[0] + r, corner[1] + r, r], 4).tolist()
            self.solids.append({"id": f"ball{len(self.solids)}", "type": "sphere", "center": centre, "radius": r})

    def drum(self) -> None:
        r, h = float(self.rng.uniform(0.08, 0.35)), float(self.rng.uniform(0.4, 1.6))
        corner = self.place((2 * r, 2 * r), False)
        if corner is not None:
            centre = np.round(self.origin[:2] + corner + r, 4).tolist()
            drum = {"type": "cylinder", "center": centre, "radius": r, "zmin": 0.0, "zmax": h}
            self.solids.append({"id": f"drum{len(self.solids)}", **drum})


def indoor(rng: np.random.Generator, several: bool) -> list[Solid]:
    """Return the solids of one room, or of several with doorways between."""
    room = Room(rng, several)
    if several:
        axis = int(rng.integers(2)) if room.size[1] > 5.5 else 0
        room.partition(axis, float(rng.uniform(0.35, 0.65)))
        if rng.random() < 0.5:
            wall = room.solids[1]
            end = np.array(wall["max"])[axis] - room.origin[axis]
            # across the far side of the first wall; its own doorway may lie anywhere along it
            if not _blocks_doorway(room, axis, share := float(rng.uniform(0.3, 0.7))):
                room.partition(1 - axis, share, float(end))
    room.furnish(int(rng.integers(4, 11)))
    return room.solids


def _blocks_doorway(room: Room, axis: int, share: float) -> bool:
    """Whether a wall across the other axis at `share` would end in the first wall's doorway."""
    at = share * float(room.size[1 - axis])
    return room.doorway[0] - 0.5 < at < room.doorway[1] + 0.5
