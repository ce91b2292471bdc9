"""Was anybody inside? What tells the inside of a solid from a narrow place that is free."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Sides", "is_solid"]

Floats = npt.NDArray[np.floating]
Bools = npt.NDArray[np.bool_]

_SEEN_INSIDE = 0.25  # share of the sheets around that are seen from inside only: then it was seen
_FLOOR = 0.3  # share of the plan over which its floor is seen
_OPEN = 0.45  # share of all that surrounds it that may be open: two tables end to end are no solid
_ROOF, _SIDE, _SIDES = 0.6, 0.5, 2  # share of what looks up and to the sides that must be shell, and of how many sides
_OPEN_SIDE, _OPEN_SIDES = 0.3, 1  # share from which a side is open, and how many may be
_SINGLE = 0.6  # share of the shell that is a single sheet


@dataclass(frozen=True)
class Sides:
    """What surrounds a pocket of free space, piece by piece.

    Attributes:
        normal: towards the inside, shape (S, 3).
        area: in voxel faces, shape (S,).
        shell: a sheet with free space that goes elsewhere on its other side, shape (S,).
        open_: nothing, shape (S,); the rest are sheets that are seen from inside only.
        single: a sheet no thicker than a side seen from one side is, shape (S,).
    """

    normal: Floats
    area: Floats
    shell: Bools
    open_: Bools
    single: Bools

    def share(self, of: Bools, among: Bools | None = None, towards: Floats | None = None) -> float:
        """Return the share of area `of` has `among` all, or among what faces away from a direction (3,)."""
        area = self.area if towards is None else self.area * (-self.normal @ towards > 0.7)
        area = area if among is None else area * among
        return float(area[of].sum() / max(float(area.sum()), 1e-9))


def is_solid(sides: Sides, columns: int, ways: Floats) -> bool:
    """Is what `sides` surround the inside of a solid over so many `columns`, with sides along `ways` (4, 3)?"""
    up = np.array([0.0, 0.0, 1.0])
    seen = ~sides.shell & ~sides.open_
    floor = float(sides.area[seen & (sides.normal[:, 2] > 0.7)].sum())
    return (
        sides.share(seen, ~sides.open_) <= _SEEN_INSIDE
        and floor <= _FLOOR * columns
        and sides.share(sides.open_) <= _OPEN
        and sides.share(sides.single, sides.shell) >= _SINGLE
        and sides.share(sides.shell, towards=up) >= _ROOF
        and sum(sides.share(sides.shell, towards=way) >= _SIDE for way in ways) >= _SIDES
        and sum(sides.share(sides.open_, towards=way) > _OPEN_SIDE for way in ways) <= _OPEN_SIDES
    )
