"""Places where a robot can start: spread over its free space, level enough to stand on, and free for its cylinder."""

from __future__ import annotations

import zlib

import numpy as np
import numpy.typing as npt

from ..types import Robot, SpawnPoints
from .columns import Solids
from .ground import Ground
from .traversability import Traversable, steps_of

__all__ = ["spawn_points"]

Floats = npt.NDArray[np.floating]

#: Distance of neighbouring places [m].
_SPACING_M = 0.25
#: Ground under a robot at its start rises no more than so steeply [deg] over its stance, but for roughness [m].
_TILT_DEG, _ROUGHNESS_M = 12.0, 0.03
#: A robot that is put down on uneven ground slides so far until it stands [m].
_SETTLES_M = 0.1
#: Ground that rises or falls more than this within a column, beyond the tilt, is an edge: nobody starts across one [m].
_EDGE_M = 0.02
#: Farthest that free space around a place is looked for [m].
_REACH_M = 2.0
#: The stream of random numbers of this file.
_STREAM = 8_301


def spawn_points(ground: Ground, space: Traversable, solids: Solids, count: int, seed: int) -> SpawnPoints:
    """Return up to `count` places in random order.

    There is one in each square of 0.25 m in which the robot fits, at a random column of it and with a random heading.
    The ground below its whole cylinder is so level that a box in it cannot lean much, and has no edge, such as that of
    a kerb; a place lies at the highest of it. That the cylinder touches nothing there is checked against the triangles
    themselves.
    """
    robot = space.robot
    rng = np.random.default_rng([seed, _STREAM, zlib.crc32(robot.name.encode())])
    cells = _one_per_square(np.argwhere(space.free), ground, rng)
    tilt = float(np.tan(np.radians(min(_TILT_DEG, robot.slope_deg))))
    highest, _ = _ground_below(ground, cells, robot.radius_m)
    top, bottom = _ground_below(ground, cells, robot.radius_m + _SETTLES_M)
    # feet stand as wide apart as a square in the cylinder: crests and hollows lean them over that, not over the circle
    level = top - bottom <= min(2**0.5 * robot.radius_m * tilt + _ROUGHNESS_M, _rise_to_tip(robot))
    edges = steps_of(ground.filled, ground.columns.cell_m * tilt + _EDGE_M)
    level &= ~_within(edges, cells, robot.radius_m / ground.columns.cell_m)
    cells, heights = cells[level], highest[level]
    points = np.column_stack([ground.middle(cells), heights])
    points, clearance, kept = _free(points, robot, solids)
    regions = space.region[tuple(cells[kept].T)]
    order = rng.permutation(len(points))[:count]
    yaws = rng.uniform(-np.pi, np.pi, len(points))[order]
    return SpawnPoints(
        points[order].astype(np.float32),
        yaws.astype(np.float32),
        clearance[order].astype(np.float32),
        regions[order].astype(np.int32),
    )


def _one_per_square(
    cells: npt.NDArray[np.integer], ground: Ground, rng: np.random.Generator
) -> npt.NDArray[np.integer]:
    """Return one of the columns (N, 2), chosen at random, from each square of the spacing."""
    shuffled = cells[rng.permutation(len(cells))]
    square = np.floor(shuffled * ground.columns.cell_m / _SPACING_M + 1e-6).astype(np.int64)
    return shuffled[np.unique(square, axis=0, return_index=True)[1]]


def _rise_to_tip(robot: Robot) -> float:
    """Return how much the middle of a box as tall as the robot, in its circle, rises until it tips over an edge [m].

    A robot is put down above the highest ground below it and settles on the lowest; a tall one that falls farther than
    this can rock so far that it falls over.
    """
    half_side, half_height = robot.radius_m / 2**0.5, robot.height_m / 2
    return float(np.hypot(half_side, half_height) - half_height)


def _disc(radius: float) -> npt.NDArray[np.int64]:
    """Return the steps (K, 2) to all columns whose middles are within a radius [columns]."""
    reach = int(np.ceil(radius))
    steps = np.stack(np.meshgrid(*[np.arange(-reach, reach + 1)] * 2, indexing="ij"), axis=-1).reshape(-1, 2)
    return steps[np.hypot(*steps.T) <= radius]


def _ground_below(ground: Ground, cells: npt.NDArray[np.integer], radius_m: float) -> tuple[Floats, Floats]:
    """Return the highest and the lowest ground [m] in a radius around columns (N, 2)."""
    highest, lowest = np.full(len(cells), -np.inf), np.full(len(cells), np.inf)
    limits = np.array(ground.height.shape) - 1
    for step in _disc(radius_m / ground.columns.cell_m):
        x, y = np.clip(cells + step, 0, limits).T
        highest, lowest = np.maximum(highest, ground.filled[x, y]), np.minimum(lowest, ground.filled[x, y])
    return highest, lowest


def _within(there: npt.NDArray[np.bool_], cells: npt.NDArray[np.integer], radius: float) -> npt.NDArray[np.bool_]:
    """Return whether any of the columns `there` (X, Y) is within a radius [columns] around columns (N, 2)."""
    from scipy.ndimage import distance_transform_edt

    if not there.any():
        return np.zeros(len(cells), bool)
    return np.asarray(distance_transform_edt(~there)[tuple(cells.T)] <= radius)


def _free(points: Floats, robot: Robot, solids: Solids) -> tuple[Floats, Floats, npt.NDArray[np.bool_]]:
    """Return the points (N, 3) where the robot's cylinder touches nothing, how far it is from what it cannot pass, and
    which those points are."""
    from ..kernels.cylinder_clearance import cylinder_clearance

    lift = np.array([0.0, 0.0, robot.clearance_m])
    tops = points[:, 2] + robot.clearance_m + robot.height_m
    kept = cylinder_clearance(solids.tree, points + lift, tops, robot.radius_m + 0.01) > robot.radius_m
    points, tops = points[kept], tops[kept]
    bases = points + [0.0, 0.0, max(robot.step_m, robot.clearance_m)]
    clearance = cylinder_clearance(solids.tree, bases, tops, robot.radius_m + _REACH_M) - robot.radius_m
    return points, np.maximum(clearance, 0.0), kept
