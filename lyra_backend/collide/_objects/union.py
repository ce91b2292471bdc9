"""The outside of convex pieces that overlap: what bodies meet, and what distances are measured to."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
import numpy.typing as npt

from ...types.mesh import concatenate_meshes
from .._mesh.triangles import normals

__all__ = ["outside_of", "within"]

Floats = npt.NDArray[np.floating]
Bools = npt.NDArray[np.bool_]
Surface = tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]

_FINE_M = 0.2  # longest side of the triangles that are kept or dropped
_CELL_M = 0.5  # cubes in which triangles are looked for
_DEEP_M = 0.001  # what is less deep inside another piece lies on it
_MOST_CUTS = 12  # times that a triangle is halved


def within(piece: Surface, points: Floats, deep: float = 0.0) -> Bools:
    """Say which points (N, 3) lie inside a convex piece that is wound outwards, `deep` [m] below its sides."""
    vertices, triangles = piece
    normal = normals(vertices, triangles).astype(np.float64)
    length = np.linalg.norm(normal, axis=1)
    normal = normal[length > 0] / length[length > 0, None]
    offset = (normal * vertices[triangles[length > 0, 0]]).sum(axis=1)
    return np.asarray((points @ normal.T - offset).max(axis=1, initial=-np.inf) < -deep)


def outside_of(pieces: list[Surface], report: Callable[[float], None], sheet: Surface | None = None) -> Surface:
    """Return the sides of pieces without what lies inside of others; where sides cross, to within 20 cm.

    A triangle goes if its corners and its middle all lie inside of other pieces, so none that can be met is missing.

    Args:
        pieces: convex, wound outwards.
        report: called with the share of the work that is done.
        sheet: surface that is no piece, of which the same is left.
    """
    fine = [_halved(*piece) for piece in (pieces if sheet is None else [*pieces, sheet])]
    owner = np.repeat(np.arange(len(fine)), [len(triangles) for _, triangles in fine])
    vertices, triangles = concatenate_meshes(fine)
    points = vertices[triangles].astype(np.float64)
    points = np.concatenate([points, points.mean(axis=1, keepdims=True)], axis=1)
    cells, start = _by_cell(points[:, 3])
    inside = np.zeros(points.shape[:2], bool)
    for k, piece in enumerate(pieces):
        if k % 20 == 0:
            report(k / len(pieces))
        low, high = piece[0].min(axis=0) - _FINE_M, piece[0].max(axis=0) + _FINE_M
        first, last = (np.floor(x / _CELL_M).astype(np.int64) for x in (low, high))
        near = [start[c] for c in product(*(range(a, b + 1) for a, b in zip(first, last, strict=True))) if c in start]
        if not near:
            continue
        some = np.concatenate([cells[a:b] for a, b in near])
        middle = points[some, 3]
        some = some[((middle >= low) & (middle <= high)).all(axis=1) & (owner[some] != k)]
        inside[some] |= within(piece, points[some].reshape(-1, 3), _DEEP_M).reshape(-1, 4)
    return vertices, triangles[~inside.all(axis=1)]


def _by_cell(points: Floats) -> tuple[npt.NDArray[np.int64], dict[tuple[int, ...], tuple[int, int]]]:
    """Return the numbers of points (N, 3) in the order of their cells, and where each cell's begin and end."""
    cell = np.floor(points / _CELL_M).astype(np.int64)
    order = np.lexsort(cell.T)
    change = np.flatnonzero((np.diff(cell[order], axis=0) != 0).any(axis=1)) + 1
    ends = np.concatenate([[0], change, [len(order)]])
    names = cell[order[ends[:-1]]].tolist()
    return order, {tuple(c): (int(a), int(b)) for c, a, b in zip(names, ends[:-1], ends[1:], strict=True)}


def _halved(vertices: Floats, triangles: npt.NDArray[np.integer]) -> Surface:
    """Halve triangles across their longest side until it is short."""
    corners = vertices[triangles].astype(np.float64)
    done = []
    for _ in range(_MOST_CUTS):
        sides = np.linalg.norm(np.roll(corners, -1, axis=1) - corners, axis=2)
        long = sides.max(axis=1) > _FINE_M
        done.append(corners[~long])
        corners, first = corners[long], sides[long].argmax(axis=1)
        if not len(corners):
            break
        a, b, c = (corners[np.arange(len(corners)), (first + k) % 3] for k in range(3))
        middle = (a + b) / 2
        corners = np.concatenate([np.stack([a, middle, c], axis=1), np.stack([middle, b, c], axis=1)])
    corners = np.concatenate([*done, corners])
    return corners.reshape(-1, 3).astype(np.float32), np.arange(3 * len(corners), dtype=np.int32).reshape(-1, 3)
