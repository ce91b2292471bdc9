"""Where one robot fits: distance to what it cannot pass, and the map of its root."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..types import Cell, OccupancyMap, Robot
from .ground import Ground

__all__ = ["Traversable", "as_map", "base_map", "climb_of", "robot_map", "signed_distance", "steps_of", "traversable"]

Floats = npt.NDArray[np.floating]
Mask = npt.NDArray[np.bool_]

#: Farthest that anything in a column is from its middle, in sides of a column.
_CORNER = 0.5**0.5
#: How far colliders of level ground are off: no step [m].
_ROUGHNESS_M = 0.02


@dataclass(frozen=True, eq=False)
class Traversable:
    """The ground as one robot has it, arrays (X, Y).

    Attributes:
        robot: whose it is.
        distance_m: signed distance from the middle of each column to the nearest thing that the robot cannot pass, at
            least so far; negative in what it cannot pass [m].
        free: columns where the robot's root may be.
        region: number of the connected free space, -1 where it is not free.
    """

    robot: Robot
    distance_m: Floats
    free: Mask
    region: npt.NDArray[np.int32]


def climb_of(robot: Robot) -> float:
    """Return by how much neighbouring columns of ground may differ for a robot [m]."""
    return robot.step_m + _ROUGHNESS_M


def traversable(ground: Ground, robot: Robot) -> Traversable:
    """Return where a robot fits: its cylinder is free from its step upwards, and there is ground all around its root.

    Distances are those between columns (exact Euclidean distance transform) less the half diagonal of a column, so
    that nothing that stands anywhere in a column is nearer.
    """
    from scipy.ndimage import label

    cell = ground.columns.cell_m
    passable = ground.known & ~ground.occupied(climb_of(robot), robot.height_m + robot.clearance_m)
    passable &= (ground.slope_deg <= robot.slope_deg) & ~steps_of(ground.filled, climb_of(robot))
    distance = signed_distance(passable, cell)
    free = passable & (distance >= robot.radius_m)
    labels, _ = label(free, np.ones((3, 3)))
    return Traversable(robot, distance, free, (labels - 1).astype(np.int32))


def signed_distance(passable: Mask, cell_m: float) -> Floats:
    """Return the signed distance [m] to the border of what is passable, at least so far inside; beyond the grid is not.

    Args:
        passable: columns (X, Y).
        cell_m: side of a column [m].
    """
    from scipy.ndimage import distance_transform_edt

    padded = np.pad(passable, 1)
    inside = distance_transform_edt(padded)[1:-1, 1:-1] * cell_m - _CORNER * cell_m
    outside = distance_transform_edt(~padded)[1:-1, 1:-1] * cell_m - _CORNER * cell_m
    return np.where(passable, np.maximum(inside, 0.0), -np.maximum(outside, 0.0))


def base_map(ground: Ground, occupied: Mask) -> OccupancyMap:
    """Return what stands on the ground, given by column (X, Y); unknown is what is neither floor nor that.

    The inside of what stands there and everything beyond the walls is unknown, as in Isaac Sim's own generator.
    """
    cells = np.where(occupied, Cell.OCCUPIED, np.where(ground.known, Cell.FREE, Cell.UNKNOWN))
    return as_map(cells, ground)


def robot_map(space: Traversable, ground: Ground, base: OccupancyMap) -> OccupancyMap:
    """Return where the root may be: what is not free is occupied where the ground or what stands there is known."""
    unknown = np.flipud(base.cells).T == Cell.UNKNOWN
    near = space.distance_m > -_CORNER * ground.columns.cell_m
    cells = np.where(space.free, Cell.FREE, np.where(unknown & ~near, Cell.UNKNOWN, Cell.OCCUPIED))
    return as_map(cells, ground)


def as_map(cells: npt.NDArray[np.integer], ground: Ground) -> OccupancyMap:
    """Return cells (X, Y) as a map."""
    return OccupancyMap(np.flipud(cells.T).astype(np.uint8), ground.columns.cell_m, ground.columns.origin)


def steps_of(filled: Floats, step_m: float) -> Mask:
    """Return the columns (X, Y) next to which the ground is more than a step higher or lower."""
    found = np.zeros(filled.shape, bool)
    for axis in (0, 1):
        high = np.abs(np.diff(filled, axis=axis)) > step_m
        before, after = [(0, 0), (0, 0)], [(0, 0), (0, 0)]
        before[axis], after[axis] = (0, 1), (1, 0)
        found |= np.pad(high, before) | np.pad(high, after)
    return found
