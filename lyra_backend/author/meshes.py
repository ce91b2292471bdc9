"""Triangles as Mesh prims: what colliders and visible surfaces have in common."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from pxr import Sdf, Vt

from ..types.mesh import triangle_normals_and_areas
from .layers import attribute, define

__all__ = ["author_mesh"]

_Types = Sdf.ValueTypeNames


def author_mesh(
    parent: Sdf.PrimSpec, name: str, points: npt.NDArray[np.floating], triangles: npt.NDArray[np.int32]
) -> Sdf.PrimSpec:
    """Author triangles (F, 3) with corners `points` [m], shape (V, 3), flat and with an identity transform."""
    mesh = define(parent, name, "Mesh")
    points = np.ascontiguousarray(points, np.float32)
    corners = np.ascontiguousarray(triangles, np.int32).reshape(-1)
    box = np.stack([points.min(axis=0), points.max(axis=0)])
    attribute(mesh, "points", _Types.Point3fArray, Vt.Vec3fArray.FromNumpy(points))
    attribute(mesh, "faceVertexIndices", _Types.IntArray, Vt.IntArray.FromNumpy(corners))
    counts = np.full(len(triangles), 3, np.int32)
    attribute(mesh, "faceVertexCounts", _Types.IntArray, Vt.IntArray.FromNumpy(counts))
    attribute(mesh, "extent", _Types.Float3Array, Vt.Vec3fArray.FromNumpy(box))
    normals = Vt.Vec3fArray.FromNumpy(_face_normals(points, triangles))
    attribute(mesh, "normals", _Types.Normal3fArray, normals).SetInfo("interpolation", "uniform")
    attribute(mesh, "subdivisionScheme", _Types.Token, "none", uniform=True)
    attribute(mesh, "orientation", _Types.Token, "rightHanded", uniform=True)
    return mesh


def _face_normals(points: npt.NDArray[np.float32], triangles: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
    """Return the unit normal of each triangle, shape (F, 3), straight up where it has no area."""
    normals, areas = triangle_normals_and_areas(points[triangles])
    normals[areas == 0.0] = (0.0, 0.0, 1.0)
    return normals.astype(np.float32)
