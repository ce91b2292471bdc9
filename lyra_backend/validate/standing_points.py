"""Points of a scene's floor where a robot can start.

Does: choose points of the largest piece of floor with free space around them, far from each other. Does not: know a
robot; a cylinder is what has to fit.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .floor_columns import HEADROOM, FloorMap, find_floor, look_down, pieces, sample_footprint
from .survey import random_stream
from .triangle_index import TriangleIndex

__all__ = ["standing_points"]

Floats = npt.NDArray[np.float64]

CANDIDATES = 1500
#: Balls that stand for the cylinder, one above the other, and how far they stay clear of the floor [m].
BALLS = 3
GAP = 0.02
#: Floor goes on where it rises by no more than a sill [m] and a slope of 30 degrees; the sides of a bed are steeper.
SILL, SLOPE = 0.03, 0.577
_STREAM = 4


def standing_points(corners: Floats, count: int, radius_m: float) -> Floats:
    """Return up to `count` points (N, 3) on the floor [m], the first in the middle of it, each far from those before.

    Below each there is floor for `radius_m` around, and above it a cylinder of that radius and
    :data:`~.floor_columns.HEADROOM` high is free: balls above each other touch nothing, so that slopes steeper than
    some 20 degrees are left out as well. Points are nowhere closer than `radius_m`. Deterministic.

    Args:
        corners: triangle corners, Z up [m], wound towards free space, shape (F, 3, 3).
        count: points wanted.
        radius_m: of the cylinder.
    """
    floor = find_floor(corners, corners.min(axis=(0, 1)), corners.max(axis=(0, 1)))
    if floor is None or not floor.footprint.any():
        return np.zeros((0, 3))
    points = _on_floor(corners, floor, radius_m)
    index = TriangleIndex(corners)
    for height in np.linspace(radius_m + GAP, max(radius_m + GAP, HEADROOM - radius_m), BALLS):
        points = points[index.are_free(points + [0.0, 0.0, height], radius_m)]
    return _spread(points, count, radius_m)


def _on_floor(corners: Floats, floor: FloorMap, radius_m: float) -> Floats:
    """Return random points (N, 3) of the floor, the largest piece that goes on without a step, not near its edges."""
    from scipy import ndimage

    climb = SILL + SLOPE * floor.cell
    label = pieces(floor.filled, floor.walkable, climb)
    ground = floor.walkable & (label == np.bincount(label[floor.walkable], minlength=1).argmax())
    flat, _ = sample_footprint(floor, CANDIDATES, random_stream(_STREAM))
    columns = look_down(corners, flat)
    cell = tuple(np.minimum(((flat - floor.origin) / floor.cell).astype(int), np.array(ground.shape) - 1).T)
    level = np.abs(columns.height - floor.filled[cell]) <= climb
    inward = floor.cell * ndimage.distance_transform_edt(np.pad(ground, 1))[1:-1, 1:-1]
    good = columns.found & ~columns.back & level & (inward > radius_m - floor.cell / 2)[cell]
    return np.column_stack([flat, columns.height])[good]


def _spread(points: Floats, count: int, least_m: float) -> Floats:
    """Choose the point nearest the middle, then again and again the one farthest from all that are chosen."""
    if not len(points):
        return points
    chosen = [int(np.linalg.norm(points - points.mean(axis=0), axis=1).argmin())]
    away = np.linalg.norm(points - points[chosen[0]], axis=1)
    while len(chosen) < count and away.max() >= least_m:
        chosen.append(int(away.argmax()))
        away = np.minimum(away, np.linalg.norm(points - points[chosen[-1]], axis=1))
    return points[chosen]
