"""The outline of the floor as polygons, and an invisible wall along it."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt

from ..types import TriangleMesh
from .ground import Ground

__all__ = ["bounds_of", "wall_along"]

Floats = npt.NDArray[np.floating]
Mask = npt.NDArray[np.bool_]

#: Pieces of floor that are smaller are left out, and so are smaller holes in it [m^2].
_PIECE_M2, _HOLE_M2 = 0.5, 0.1
#: How far the polygon may leave the outline of the columns, in sides of a column.
_TOLERANCE = 0.75
#: The wall begins so far below the floor and ends so far above the ceiling [m].
_WALL_MARGIN_M = 0.5


def bounds_of(ground: Ground, occupied: Mask) -> tuple[npt.NDArray[np.float32], ...]:
    """Return the polygons that the floor holds, outer ones counter-clockwise and holes clockwise, each (K, 2) [m].

    What stands on the floor belongs to it; holes that one could fall into do not.

    Args:
        ground: the ground.
        occupied: columns (X, Y) in which something stands on it.
    """
    from contourpy import FillType, contour_generator

    cell = ground.columns.cell_m
    floor = np.pad(_floor(ground.known, occupied, cell), 1)
    generator = contour_generator(z=floor.T.astype(np.float64), fill_type=FillType.OuterOffset)
    found = []
    for points, offsets in zip(*generator.filled(0.5, 2.0), strict=True):
        rings = [points[a:b] for a, b in itertools.pairwise(offsets)]
        found += [_turned(_simplified(ring[:-1], _TOLERANCE), outer=k == 0) for k, ring in enumerate(rings)]
    # the middle of column 0 is at 1 in the padded grid
    placed = [ground.columns.origin + (ring - 0.5) * cell for ring in found if len(ring) >= 3]
    return tuple(ring.astype(np.float32) for ring in placed)


def wall_along(bounds: tuple[Floats, ...], floor_m: float, ceiling_m: float) -> TriangleMesh:
    """Return upright sheets along polygons with the floor on their left, wound towards the floor.

    Args:
        bounds: at least one polygon (K, 2) [m].
        floor_m: lowest ground [m].
        ceiling_m: height up to which it must hold [m].
    """
    vertices, triangles, first = [], [], 0
    low, high = floor_m - _WALL_MARGIN_M, ceiling_m + _WALL_MARGIN_M
    for ring in bounds:
        count = len(ring)
        a = np.arange(count)
        b = (a + 1) % count
        below, above = first, first + count
        vertices += [np.column_stack([ring, np.full(count, height)]) for height in (low, high)]
        triangles += [
            np.column_stack([below + a, above + a, below + b]),
            np.column_stack([below + b, above + a, above + b]),
        ]
        first += 2 * count
    faces = np.concatenate(triangles).astype(np.int32)
    return TriangleMesh(np.concatenate(vertices).astype(np.float32), faces, "wall of the bounds")


def _floor(known: Mask, occupied: Mask, cell_m: float) -> Mask:
    """Return the columns that the floor holds, with what stands on it."""
    from scipy.ndimage import binary_dilation, label

    standing = known & ~occupied
    floor = known | _enclosed(known | occupied, known)
    gaps, count = label(~floor)
    touched = np.zeros(count + 1, bool)
    touched[np.unique(gaps[binary_dilation(standing, iterations=1) & ~floor])] = True
    size = np.bincount(gaps.ravel(), minlength=count + 1) * cell_m**2
    border = np.unique(np.concatenate([gaps[0], gaps[-1], gaps[:, 0], gaps[:, -1]]))
    fill = ~touched | (size < _HOLE_M2)
    fill[border] = False
    fill[0] = False
    floor = floor | fill[gaps]
    pieces, count = label(floor)
    large = np.bincount(pieces.ravel(), minlength=count + 1) * cell_m**2 >= _PIECE_M2
    large[0] = False
    return np.asarray(large[pieces])


def _enclosed(there: Mask, known: Mask) -> Mask:
    """Return the columns of `there` that lie in gaps of `known` which do not reach the border."""
    from scipy.ndimage import binary_fill_holes

    return np.asarray(binary_fill_holes(known) & there & ~known)


def _turned(ring: Floats, *, outer: bool) -> Floats:
    """Return a polygon (K, 2) counter-clockwise if it is an outer one, clockwise if it is a hole."""
    x, y = ring.T
    area = float(x @ np.roll(y, -1) - y @ np.roll(x, -1))
    return ring if (area > 0) == outer else ring[::-1]


def _simplified(ring: Floats, tolerance: float) -> Floats:
    """Return a closed polygon without the corners that lie nearer than `tolerance` to what is left.

    The method is that of Ramer (1972), Douglas and Peucker (1973), from two corners that stay: the first in order of
    x and y, and the farthest from it.
    """
    start = int(np.lexsort((ring[:, 1], ring[:, 0]))[0])
    turned = np.roll(ring, -start, axis=0)
    far = int(np.hypot(*(turned - turned[0]).T).argmax())
    closed = np.concatenate([turned, turned[:1]])
    keep = np.zeros(len(closed), bool)
    keep[[0, far, len(turned)]] = True
    pending = [(0, far), (far, len(turned))]
    while pending:
        first, last = pending.pop()
        if last - first < 2:
            continue
        away = _distance(closed[first + 1 : last], closed[first], closed[last])
        middle = first + 1 + int(away.argmax())
        if away.max() > tolerance:
            keep[middle] = True
            pending += [(first, middle), (middle, last)]
    return closed[:-1][keep[:-1]]


def _distance(points: Floats, start: Floats, end: Floats) -> Floats:
    """Return the distance of points (N, 2) from a segment."""
    along = end - start
    at = np.clip((points - start) @ along / max(float(along @ along), 1e-12), 0.0, 1.0)
    return np.hypot(*(points - start - at[:, None] * along).T)
