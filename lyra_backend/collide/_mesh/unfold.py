"""Flat surface without folds: triangles that lie upside down in their plane are spread out again.

Where a bump is pressed into a plane its sides end up on top of one another. Nothing shows, but engines take the edge
between a triangle that looks up and one that looks down for a sharp one, and a ball that rolls over it is lifted.
Vertices of the folds and around them, but for those on open edges, move to the middle of their neighbours, within the
plane (Tutte, "How to draw a graph", 1963: in the end no two edges cross), so the surface stays where it was.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .triangles import normals

__all__ = ["unfolded"]

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.integer]
Bools = npt.NDArray[np.bool_]

_ONE_PLANE = 0.9999  # length of the mean normal around a vertex from which all of them are the same
_FACING = 0.3  # cosine to the wanted normal below which a triangle is folded
_THIN = 2e-3  # area, in squares of the lattice, of a triangle that has no direction
_ROUNDS, _SWEEPS = 6, 12


def unfolded(vertices: Floats, triangles: Ints, wanted: Floats, planar: Bools) -> Floats:
    """Return the vertices (V, 3), in lattice units, with folds in planes spread out.

    Args:
        triangles: (F, 3).
        wanted: unit normal each should have, (F, 3).
        planar: it lies on a plane that was found, (F,).
    """
    count, corner = len(vertices), triangles.ravel()
    each = np.repeat(np.arange(len(triangles)), 3)
    degree = np.maximum(np.bincount(corner, minlength=count), 1)
    normal = np.stack([np.bincount(corner, wanted[each, k], count) for k in range(3)], axis=1) / degree[:, None]
    loose = (np.bincount(corner, planar[each], count) == degree) & (np.linalg.norm(normal, axis=1) > _ONE_PLANE)
    loose[_on_rims(triangles, count)] = False
    inside = np.flatnonzero(loose[triangles].any(axis=1))
    moved: npt.NDArray[np.float64] = np.array(vertices, np.float64)
    for _ in range(_ROUNDS):
        moving = _around(triangles, inside[_folded(moved, triangles[inside], wanted[inside])], loose)
        if not moving.any():
            break
        start, end = _edges(triangles, moving)
        neighbours = np.bincount(start, minlength=count)[:, None]
        for _ in range(_SWEEPS):
            total = np.stack([np.bincount(start, moved[end, k], count) for k in range(3)], axis=1)
            step = total[moving] / neighbours[moving] - moved[moving]
            along = normal[moving]
            moved[moving] += step - (step * along).sum(axis=1, keepdims=True) * along
    return moved.astype(vertices.dtype)


def _on_rims(triangles: Ints, count: int) -> Ints:
    """Return vertices of edges that have not two triangles: what is open shall neither shrink nor grow."""
    start, end = triangles.ravel(), triangles[:, [1, 2, 0]].ravel()
    key = np.minimum(start, end).astype(np.int64) * count + np.maximum(start, end)
    edges, uses = np.unique(key, return_counts=True)
    odd = edges[uses != 2]
    return np.concatenate([odd // count, odd % count])


def _folded(vertices: Floats, triangles: Ints, wanted: Floats) -> Bools:
    normal = normals(vertices, triangles)
    towards = (normal * wanted).sum(axis=1)
    return np.asarray(towards < np.maximum(_FACING * np.linalg.norm(normal, axis=1), 2.0 * _THIN))


def _around(triangles: Ints, folded: Ints, loose: Bools) -> Bools:
    """Return which loose vertices (V,) are corners of folded triangles or of their neighbours."""
    near = np.zeros(len(loose), bool)
    near[triangles[folded]] = True
    near[triangles[near[triangles].any(axis=1)]] = len(folded) > 0
    return near & loose


def _edges(triangles: Ints, moving: Bools) -> tuple[Ints, Ints]:
    """Return both ends of each edge once for every triangle it has and each end of it that moves."""
    some = triangles[moving[triangles].any(axis=1)]
    start = np.concatenate([some.ravel(), some.ravel()])
    end = np.concatenate([some[:, [1, 2, 0]].ravel(), some[:, [2, 0, 1]].ravel()])
    take = moving[start]
    return start[take], end[take]
