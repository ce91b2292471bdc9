"""Convex hulls that engines accept: few vertices, and not too thin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .._mesh.triangles import cross

__all__ = ["MAX_VERTICES", "Hull", "hull_of", "spread"]

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.integer]

MAX_VERTICES = 64
_THINNEST = 100.0  # PhysX cooks hulls whose largest size is at most this many times their insphere's radius
_MARGIN = 1.1


@dataclass(frozen=True, eq=False)
class Hull:
    """A convex solid: vertices (V, 3) [m], at most 64; triangles (F, 3) wound outwards; `thickened` by how much [m]."""

    vertices: Floats
    triangles: Ints
    volume_m3: float
    thickened: float = 0.0


def hull_of(points: Floats) -> Hull | None:
    """Return the convex hull of points (N, 3) [m] by at most 64 of them, None if they span no solid.

    One too thin for engines is made thicker on its lower side, where nothing stands.
    """
    from scipy.spatial import ConvexHull, QhullError

    if len(points) < 4:
        return None
    middle = points.mean(axis=0)
    try:
        hull = ConvexHull(points - middle)
        if len(hull.vertices) > MAX_VERTICES:
            hull = ConvexHull(spread(hull.points[hull.vertices], MAX_VERTICES))
        thickened, moved = _thickening(hull)
        if thickened:
            hull = ConvexHull(moved)
            if len(hull.vertices) > MAX_VERTICES:
                hull = ConvexHull(spread(hull.points[hull.vertices], MAX_VERTICES))
    except QhullError:
        return None
    return _hull(hull, middle, thickened)


def _hull(hull: Any, middle: Floats, thickened: float) -> Hull:
    corners = np.sort(hull.vertices)
    index = np.full(len(hull.points), -1)
    index[corners] = np.arange(len(corners))
    triangles = index[hull.simplices]
    a, b, c = (hull.points[hull.simplices[:, k]] for k in range(3))
    inwards = (cross(b - a, c - a) * hull.equations[:, :3]).sum(axis=1) < 0
    triangles[inwards] = triangles[inwards][:, ::-1]
    order = np.lexsort(triangles.T[::-1])
    return Hull(hull.points[corners] + middle, triangles[order].astype(np.int32), float(hull.volume), thickened)


def spread(points: Floats, count: int) -> Floats:
    """Choose `count` points far from each other, starting with the outermost along each axis."""
    chosen = list(dict.fromkeys([*points.argmin(axis=0).tolist(), *points.argmax(axis=0).tolist()]))
    distance = np.linalg.norm(points[:, None] - points[chosen], axis=2).min(axis=1)
    while len(chosen) < count:
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, np.linalg.norm(points - points[chosen[-1]], axis=1))
    return points[chosen]


def _thickening(hull: Any) -> tuple[float, Floats]:
    """Return by how much a hull is too thin [m], and its points with a copy moved by that; 0 if it is not."""
    corners = hull.points[hull.vertices]
    needed = _MARGIN * np.ptp(corners, axis=0).max() / _THINNEST
    if -(hull.equations[:, :3] @ corners.mean(axis=0) + hull.equations[:, 3]).max() >= needed:
        return 0.0, corners
    radius, thin = _insphere(hull)
    if radius >= needed:
        return 0.0, corners
    axis = hull.equations[thin, :3]
    axis = -axis if axis[2] > 0 else axis
    missing = 2 * (needed - radius)
    return float(missing), np.concatenate([corners, corners + missing * axis])


def _insphere(hull: Any) -> tuple[float, int]:
    """Radius of the largest ball inside [m] and a face that it touches (Chebyshev centre)."""
    from scipy.optimize import linprog

    normal, offset = hull.equations[:, :3], hull.equations[:, 3]
    matrix = np.concatenate([normal, np.ones((len(normal), 1))], axis=1)
    limits = [(None, None)] * 3 + [(0, None)]
    found = linprog([0, 0, 0, -1], A_ub=matrix, b_ub=-offset, bounds=limits, method="highs")
    center = found.x[:3] if found.success else hull.points[hull.vertices].mean(axis=0)
    depth = -(normal @ center + offset)
    return float(depth.min()), int(depth.argmin())
