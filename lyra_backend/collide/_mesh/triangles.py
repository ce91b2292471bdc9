"""Quadrilaterals to clean triangles."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["areas", "compact", "cross", "normals", "split_quads"]

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.integer]


def normals(vertices: Floats, triangles: Ints) -> Floats:
    """Cross product of two sides (F, 3): direction the front faces, length twice the area."""
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    return cross(b - a, c - a)


def cross(one: Floats, two: Floats) -> Floats:
    """Cross products (N, 3) of vectors (N, 3), as `numpy.cross` gives them; that one is slow where N is small."""
    out = np.empty(one.shape, np.result_type(one, two))
    for k, (i, j) in enumerate(((1, 2), (2, 0), (0, 1))):
        np.subtract(one[:, i] * two[:, j], one[:, j] * two[:, i], out=out[:, k])
    return out


def areas(vertices: Floats, triangles: Ints) -> Floats:
    """Areas (F,), in the square of the vertices' unit."""
    return 0.5 * np.linalg.norm(normals(vertices, triangles), axis=1)


def split_quads(vertices: Floats, quads: Ints, wanted: Floats) -> npt.NDArray[np.int64]:
    """Cut each quadrilateral (Q, 4) along the diagonal whose triangles agree better with its `wanted` normal (Q, 3).

    Both triangles of a quadrilateral are kept even without area: dropping one would open the surface.
    """
    cuts = [np.stack([quads[:, list(a)], quads[:, list(b)]], axis=1) for a, b in _DIAGONALS]
    worst = []
    for cut in cuts:
        normal = normals(vertices, cut.reshape(-1, 3)).reshape(-1, 2, 3)
        size = np.maximum(np.linalg.norm(normal, axis=-1), 1e-20)
        worst.append(((normal * wanted[:, None]).sum(axis=-1) / size).min(axis=1))
    # equal diagonals alternate on noise; a margin keeps flat places regular
    chosen = np.where((worst[1] > worst[0] + 1e-3)[:, None, None], cuts[1], cuts[0])
    return chosen.reshape(-1, 3).astype(np.int64)


_DIAGONALS = (((0, 1, 2), (0, 2, 3)), ((0, 1, 3), (1, 2, 3)))


def compact(vertices: Floats, triangles: Ints) -> tuple[Floats, npt.NDArray[np.int32]]:
    """Drop triangles that name a vertex twice, and vertices nobody names."""
    a, b, c = triangles.T
    triangles = triangles[(a != b) & (b != c) & (c != a)]
    used = np.zeros(len(vertices), bool)
    used[triangles] = True
    return vertices[used], (np.cumsum(used, dtype=np.int32) - 1)[triangles]
