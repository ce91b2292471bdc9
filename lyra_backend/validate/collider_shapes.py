"""Triangles of collider prims: meshes as they are written, round shapes as polygons, planes cut off.

Does: read one shape in its own frame, and refuse data that must not reach an engine. Does not: look at a stage.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from pxr import Usd, UsdGeom

__all__ = ["BrokenCollider", "mesh_triangles", "shape_corners"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: Engines read a Plane collider as infinite; half the side of the square that stands for it [m].
PLANE_HALF_SIDE = 60.0
#: Sides of round shapes; 48 keep the inscribed surface within 0.3 % of the radius.
ROUND_SIDES = 48


class BrokenCollider(Exception):
    """A collider's data cannot be given to an engine.

    Attributes:
        code: what is wrong in one word.
        measured, limit: the number that is off and what it should be, None if it is no number.
    """

    def __init__(self, code: str, why: str, measured: float | None = None, limit: float | None = None) -> None:
        super().__init__(why)
        self.code, self.measured, self.limit = code, measured, limit


def shape_corners(prim: Usd.Prim) -> Floats:
    """Return the triangles of a mesh or basic shape in its own frame, fronts counter-clockwise, shape (F, 3, 3).

    Raises:
        BrokenCollider: its data are wrong, or the shape is not known here.
    """
    if prim.IsA(UsdGeom.Mesh):
        vertices, triangles = mesh_triangles(UsdGeom.Mesh(prim))
        return vertices[triangles]
    if prim.IsA(UsdGeom.Cube):
        return _box_corners(_size(UsdGeom.Cube(prim).GetSizeAttr()) / 2)
    if prim.IsA(UsdGeom.Sphere):
        return _revolved(_arc(_size(UsdGeom.Sphere(prim).GetRadiusAttr()), -90.0, 90.0, 0.0), "Z")
    if prim.IsA(UsdGeom.Plane):
        square = PLANE_HALF_SIDE * np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], dtype=np.float64)
        return _along(square, str(UsdGeom.Plane(prim).GetAxisAttr().Get()))[[[0, 1, 2], [0, 2, 3]]]
    for kind in (UsdGeom.Cylinder, UsdGeom.Capsule, UsdGeom.Cone):
        if prim.IsA(kind):
            return _round_corners(kind(prim))
    raise BrokenCollider("shape", f"shapes of type {prim.GetTypeName()} are not known to this check.")


def mesh_triangles(mesh: UsdGeom.Mesh) -> tuple[Floats, Ints]:
    """Return (vertices (V, 3), triangles (F, 3) wound as engines see them) of a mesh in its own frame.

    Raises:
        BrokenCollider: no faces, values that are not finite, or indices that do not fit.
    """
    vertices: Floats = np.asarray(mesh.GetPointsAttr().Get() or (), np.float64)
    counts: Ints = np.asarray(mesh.GetFaceVertexCountsAttr().Get() or (), np.int64)
    indices: Ints = np.asarray(mesh.GetFaceVertexIndicesAttr().Get() or (), np.int64)
    _check_topology(vertices, counts, indices)
    triangles = _fan(counts, indices)
    return vertices, triangles[:, ::-1] if mesh.GetOrientationAttr().Get() == UsdGeom.Tokens.leftHanded else triangles


def _check_topology(vertices: Floats, counts: Ints, indices: Ints) -> None:
    if not len(vertices) or not len(counts):
        raise BrokenCollider("empty", "has no points or no faces.")
    bad = ~np.isfinite(vertices).all(axis=1)
    if bad.any():
        why = f"{bad.sum()} of {len(vertices)} points are NaN or infinite (first: {bad.argmax()})."
        raise BrokenCollider("not_finite", why, int(bad.sum()), 0)
    corners = int(counts.sum())
    if counts.min() < 3 or corners != len(indices):
        why = f"faceVertexCounts ask for {corners} corners (at least 3 a face), got {len(indices)}."
        raise BrokenCollider("topology", why, len(indices), corners)
    if indices.min() < 0 or indices.max() >= len(vertices):
        why = f"indices go from {indices.min()} to {indices.max()}, but there are {len(vertices)} points."
        raise BrokenCollider("indices", why, int(indices.max()), len(vertices) - 1)


def _size(attribute: Any) -> float:
    """Return a shape's size, which must be a positive number."""
    value = attribute.Get()
    if value is None or not math.isfinite(value) or value <= 0:
        raise BrokenCollider("size", f"{attribute.GetName()} must be a positive number, got {value}.")
    return float(value)


def _fan(counts: Ints, indices: Ints) -> Ints:
    """Split polygons into triangles (F, 3) around their first corner, as engines do."""
    if (counts == 3).all():
        return indices.reshape(-1, 3)
    first = np.cumsum(counts) - counts
    polygon = np.repeat(np.arange(len(counts)), counts - 2)
    step = np.arange(len(polygon)) - np.repeat(np.cumsum(counts - 2) - (counts - 2), counts - 2)
    start = first[polygon]
    return np.stack([indices[start], indices[start + step + 1], indices[start + step + 2]], axis=1)


def _box_corners(half: float) -> Floats:
    """Return the 12 triangles of a cube around the origin."""
    square = np.array([[-1, -1, 1], [1, -1, 1], [1, 1, 1], [-1, 1, 1]], dtype=np.float64)
    face = square[[[0, 1, 2], [0, 2, 3]]]
    turns = [np.roll(face, shift, axis=2) for shift in range(3)]
    # Mirroring a face through the origin turns its winding round.
    return half * np.concatenate([*turns, *(-turn[:, ::-1] for turn in turns)])


def _arc(radius: float, start_deg: float, end_deg: float, lift: float) -> Floats:
    """Return profile points (K, 2) as (distance from the axis, height) on a circle around (0, lift)."""
    angles = np.radians(np.linspace(start_deg, end_deg, ROUND_SIDES // 4 + 1))
    return np.stack([radius * np.cos(angles), radius * np.sin(angles) + lift], axis=1)


def _round_corners(shape: Any) -> Floats:
    radius, half = _size(shape.GetRadiusAttr()), _size(shape.GetHeightAttr()) / 2
    if isinstance(shape, UsdGeom.Capsule):
        profile = np.concatenate([_arc(radius, -90.0, 0.0, -half), _arc(radius, 0.0, 90.0, half)])
    elif isinstance(shape, UsdGeom.Cone):
        profile = np.array([[0.0, -half], [radius, -half], [0.0, half]])
    else:
        profile = np.array([[0.0, -half], [radius, -half], [radius, half], [0.0, half]])
    return _revolved(profile, str(shape.GetAxisAttr().Get()))


def _revolved(profile: Floats, axis: str) -> Floats:
    """Turn a profile, bottom to top, around an axis into a closed surface."""
    angles = np.arange(ROUND_SIDES) * (2 * np.pi / ROUND_SIDES)
    ring = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    height = np.broadcast_to(profile[:, 1, None], (len(profile), ROUND_SIDES))
    points = np.concatenate([profile[:, 0, None, None] * ring, height[..., None]], axis=2)
    points = _along(points.reshape(-1, 3), axis)
    lower = (np.arange(len(profile) - 1)[:, None] * ROUND_SIDES + np.arange(ROUND_SIDES)).ravel()
    beside = lower // ROUND_SIDES * ROUND_SIDES + (lower + 1) % ROUND_SIDES
    quads = np.stack([lower, beside, beside + ROUND_SIDES, lower + ROUND_SIDES], axis=1)
    return points[np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])]


def _along(points: Floats, axis: str) -> Floats:
    """Turn points built around Z to stand around `axis`; cyclic, so windings stay."""
    return points[:, {"X": [2, 0, 1], "Y": [1, 2, 0]}.get(axis, [0, 1, 2])]
