"""Was anybody inside? What tells the inside of a solid from a narrow place that is free."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["CORNER", "HIDDEN", "ONE_SIDED", "Limits", "Sides", "is_closed", "was_seen"]

Floats = npt.NDArray[np.floating]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Limits:
    """What makes a pocket the inside of a solid; shares of area.

    Attributes:
        seen: most of the sheets around it that may be seen from inside only: else somebody looked in.
        floor: most of its plan over which a floor may be seen.
        open_: most of all around it that may be open: a table is no solid.
        roof, side, sides: least share of shell in what looks up, in what looks to a side, and on so many sides.
        open_side, open_sides: share from which a side is open, and how many may be.
        single: least share of the shell that is a single sheet: boards have two.
        volume_m3, depth_m: of the largest, and how far it may go on behind its open side.
    """

    seen: float
    floor: float
    open_: float
    roof: float
    side: float
    sides: int
    open_side: float
    open_sides: int
    single: float
    volume_m3: float
    depth_m: float


#: Pockets into which nobody can look from where there is room, and the like where two sides are not there.
HIDDEN = Limits(0.25, 0.3, 0.45, 0.6, 0.5, 2, 0.3, 1, 0.6, 30.0, 3.0)
CORNER = Limits(0.1, 0.2, 0.5, 0.85, 0.8, 2, 0.4, 2, 0.8, 3.0, 1.5)
#: Pockets that are open to one side.
ONE_SIDED = Limits(0.2, 0.25, 0.45, 0.8, 0.6, 3, 0.4, 1, 0.7, 3.0, 1.0)


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

    def with_open(self, normal: Floats, area: Floats) -> Sides:
        """Return the same with pieces (O,) where nothing is."""
        no, yes = np.zeros(len(area), bool), np.ones(len(area), bool)
        return Sides(
            np.concatenate([self.normal, normal]),
            np.concatenate([self.area, area]),
            np.concatenate([self.shell, no]),
            np.concatenate([self.open_, yes]),
            np.concatenate([self.single, no]),
        )

    def share(self, of: Bools, among: Bools | None = None, towards: Floats | None = None) -> float:
        """Return the share of area `of` has `among` all, or among what faces away from a direction (3,)."""
        area = self.area if towards is None else self.area * (-self.normal @ towards > 0.7)
        area = area if among is None else area * among
        return float(area[of].sum() / max(float(area.sum()), 1e-9))


def was_seen(sides: Sides, floor: float, limits: Limits) -> bool:
    """Do the sheets around a pocket, and the share of its plan where a floor is seen, show that somebody looked in?"""
    seen = ~sides.shell & ~sides.open_
    return (
        sides.share(seen, ~sides.open_) > limits.seen
        or floor > limits.floor
        or sides.share(sides.single, sides.shell) < limits.single
    )


def is_closed(sides: Sides, depth: float, ways: Floats, limits: Limits) -> bool:
    """Do `sides` along `ways` (4, 3) close a pocket that goes `depth` [m] behind what is open, but there?"""
    up = np.array([0.0, 0.0, 1.0])
    is_open = [sides.share(sides.open_, towards=way) > limits.open_side for way in ways]
    return (
        sides.share(sides.open_) <= limits.open_
        and sides.share(sides.shell, towards=up) >= limits.roof
        and sum(sides.share(sides.shell, towards=way) >= limits.side for way in ways) >= limits.sides
        and sum(is_open) <= limits.open_sides
        and not (is_open[0] and is_open[2])
        and not (is_open[1] and is_open[3])
        and depth <= limits.depth_m
    )
