"""Triangle meshes: welded, finely divided, and authored.

Does: merge vertices, halve long edges without leaving gaps, and author what every Mesh of ours has. Does not: move a
surface.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from pxr import Sdf, Vt

from ..types.mesh import triangle_normals_and_areas
from .layers import attribute, define

__all__ = ["author_mesh", "split_long_edges", "used_points", "weld"]

Floats = npt.NDArray[np.floating]
Points = npt.NDArray[np.float32]
Triangles = npt.NDArray[np.int32]
Ints = npt.NDArray[np.integer]

_Types = Sdf.ValueTypeNames


def weld(points: Points, triangles: Triangles) -> tuple[Points, Triangles]:
    """Merge vertices at exactly the same place and drop unused ones; no triangle moves, and the order stays.

    Triangles that merging leaves with two corners have no area and go, unless there is nothing else.
    """
    points = points + np.float32(0)  # -0.0 becomes 0.0, which is the same place
    order = np.lexsort(points.T)
    is_new = np.ones(len(points), bool)
    is_new[1:] = (points[order[1:]] != points[order[:-1]]).any(axis=1)
    # lexsort is stable, so the first of each run is the one that came first.
    stands_for = np.empty(len(points), np.int64)
    stands_for[order] = order[is_new][np.cumsum(is_new) - 1]
    welded = stands_for[triangles]
    is_whole = (welded != np.roll(welded, 1, axis=1)).all(axis=1)
    used, corners = used_points(welded[is_whole] if is_whole.any() else welded, len(points))
    return points[used], corners


def used_points(triangles: Ints, count: int) -> tuple[Ints, Triangles]:
    """Return which of `count` points triangles (F, 3) name, in order (V,), and the triangles by place in that."""
    named = np.zeros(count, bool)
    named[triangles] = True
    return np.flatnonzero(named), (np.cumsum(named, dtype=np.int32) - 1)[triangles]


def split_long_edges(points: Points, triangles: Triangles, longest: float) -> tuple[Points, Triangles, Ints]:
    """Halve edges until none is longer than `longest` [m]; neighbours share the new vertices, so no gap opens.

    Returns:
        Points (V, 3), of which the first are the old ones, triangles (F, 3), and of each triangle the number of the
        one that it is a piece of (F,).
    """
    source: Ints = np.arange(len(triangles))
    while True:
        sides = np.sort(np.stack([triangles, np.roll(triangles, -1, axis=1)], axis=2), axis=2).reshape(-1, 2)
        edges, edge = np.unique(sides[:, 0].astype(np.int64) * len(points) + sides[:, 1], return_inverse=True)
        ends = points[np.stack(np.divmod(edges, len(points)), axis=1)]
        long = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1) > longest
        if not long.any():
            return points, triangles, source
        middles = np.where(long, len(points) + np.cumsum(long) - 1, -1)
        points = np.concatenate([points, ends[long].mean(axis=1)])
        triangles, pieces = _halved(triangles, middles[edge.reshape(-1, 3)])
        source = source[pieces]


def _halved(triangles: Triangles, middles: Ints) -> tuple[Triangles, Ints]:
    """Cut triangles (F, 3) at the vertices in the middle of their edges 01, 12, 20 (F, 3), -1 where an edge stays.

    Returns:
        The pieces, in the order of the triangles, and which triangle each is of.
    """
    count = (middles >= 0).sum(axis=1)
    # turned so that a single cut edge comes first and a single whole one last
    first = np.where(count == 1, (middles >= 0).argmax(axis=1), np.where(count == 2, middles.argmin(axis=1) + 1, 0))
    turn = (first[:, None] + np.arange(3)) % 3
    a, b, c = np.take_along_axis(triangles, turn, axis=1).T
    ab, bc, ca = np.take_along_axis(middles, turn, axis=1).T
    cuts = {
        0: ((a, b, c),),
        1: ((a, ab, c), (ab, b, c)),
        2: ((ab, b, bc), (a, ab, bc), (a, bc, c)),
        3: ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)),
    }
    pieces, owners = [], []
    for cut, parts in cuts.items():
        chosen = np.flatnonzero(count == cut)
        pieces += [np.stack([corner[chosen] for corner in part], axis=1) for part in parts]
        owners += [chosen] * len(parts)
    owner = np.concatenate(owners)
    order = np.argsort(owner, kind="stable")
    return np.concatenate(pieces)[order].astype(np.int32), owner[order]


def author_mesh(parent: Sdf.PrimSpec, name: str, points: Points, triangles: Triangles) -> Sdf.PrimSpec:
    """Author triangles (F, 3) over points (V, 3) [m] with an identity transform."""
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


def _face_normals(points: Points, triangles: Triangles) -> npt.NDArray[np.float32]:
    """Return the unit normal of each triangle, shape (F, 3), straight up where it has no area."""
    normals, areas = triangle_normals_and_areas(points[triangles])
    normals[areas == 0.0] = (0.0, 0.0, 1.0)
    return normals.astype(np.float32)
