"""Surface pieces: pairs of triangles that form quads, and the triangles that are left."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Faces", "connected_pieces", "join_quads", "merged_positions", "unit_normals"]

Floats = npt.NDArray[np.floating]
Integers = npt.NDArray[np.integer]


@dataclass(frozen=True, eq=False)
class Faces:
    """Triangles or quads with everything that hangs on their corners.

    Attributes:
        corners: positions [m], counter-clockwise seen from free space, shape (N, 3 or 4, 3).
        uvs: texture coordinates, shape (N, 3 or 4, 2).
        owners: whose faces they are (an index of the caller's), shape (N,).
    """

    corners: Floats
    uvs: Floats
    owners: Integers

    def __len__(self) -> int:
        return len(self.corners)

    def select(self, index: npt.NDArray) -> Faces:
        """Return the faces chosen by a mask or by indices."""
        return Faces(self.corners[index], self.uvs[index], self.owners[index])

    @staticmethod
    def concatenate(faces: list[Faces]) -> Faces:
        """Join faces with the same number of corners."""
        return Faces(
            np.concatenate([f.corners for f in faces]),
            np.concatenate([f.uvs for f in faces]),
            np.concatenate([f.owners for f in faces]),
        )


def unit_normals(corners: Floats) -> Floats:
    """Return unit normals (N, 3) of triangles (N, 3, 3) or of planar quads (N, 4, 3); zero for degenerate ones."""
    last = corners.shape[1] - 1
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, last] - corners[:, 0])
    length = np.linalg.norm(cross, axis=1, keepdims=True)
    return cross / np.where(length > 0, length, 1.0)


def merged_positions(points: Floats, resolution: float = 1e-5) -> tuple[npt.NDArray[np.int64], int]:
    """Return an index per point (N, K) that equal points share, and the number of different points."""
    grid = np.round(np.asarray(points, np.float64) / resolution).astype(np.int64)
    order = np.lexsort(grid.T)
    fresh = np.ones(len(grid), bool)
    fresh[1:] = (np.diff(grid[order], axis=0) != 0).any(axis=1)
    ids = np.empty(len(grid), np.int64)
    ids[order] = np.cumsum(fresh) - 1
    return ids, int(fresh.sum())


def connected_pieces(corners: Floats) -> tuple[Integers, int]:
    """Return the connected piece of each triangle (F, 3, 3) and the number of pieces."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    ids, count = merged_positions(corners.reshape(-1, 3))
    ids = ids.reshape(-1, 3)
    rows, columns = np.concatenate([ids[:, 0], ids[:, 0]]), np.concatenate([ids[:, 1], ids[:, 2]])
    graph = coo_matrix((np.ones(len(rows), np.int8), (rows, columns)), shape=(count, count))
    number, labels = connected_components(graph, directed=False)
    return labels[ids[:, 0]], int(number)


def join_quads(corners: Floats, groups: Integers, least_cosine: float = 0.9) -> npt.NDArray[np.int64]:
    """Find pairs of triangles that share the longest edge of both and together look like a parallelogram.

    Args:
        corners: triangle corners [m], shape (F, 3, 3).
        groups: only triangles with the same number join, shape (F,).
        least_cosine: of the angle between the normals of the two.

    Returns:
        Quads (Q, 4, 2): per corner (triangle, corner of that triangle), counter-clockwise. Corner 0 belongs to the
        first triangle alone and corner 2 to the second; the others are named as the first triangle has them.
    """
    if not len(corners):
        return np.zeros((0, 4, 2), np.int64)
    ids, _ = merged_positions(corners.reshape(-1, 3))
    ids = ids.reshape(-1, 3)
    opposite = np.linalg.norm(np.roll(corners, -1, axis=1) - np.roll(corners, -2, axis=1), axis=2).argmax(axis=1)
    rows = np.arange(len(corners))
    first, second = ids[rows, (opposite + 1) % 3], ids[rows, (opposite + 2) % 3]
    low, high = np.minimum(first, second), np.maximum(first, second)
    order = np.lexsort((rows, high, low, groups))
    key = np.stack([groups[order], low[order], high[order]], axis=1)
    new = np.concatenate([[True], (np.diff(key, axis=0) != 0).any(axis=1)])
    starts = np.flatnonzero(new)
    starts = starts[np.diff(np.append(starts, len(order))) == 2]
    one, two = order[starts], order[starts + 1]
    k, m = opposite[one], opposite[two]
    quads = np.stack(
        [
            np.stack([one, k], axis=1),
            np.stack([one, (k + 1) % 3], axis=1),
            np.stack([two, m], axis=1),
            np.stack([one, (k + 2) % 3], axis=1),
        ],
        axis=1,
    )
    turned = first[one] == second[two]
    shape = corners[quads[..., 0], quads[..., 1]]
    return quads[turned & _is_convex(shape) & (np.einsum("nk,nk->n", *_halves(shape)) > least_cosine)]


def _halves(quads: Floats) -> tuple[Floats, Floats]:
    """Return the unit normals of the two triangles of quads (Q, 4, 3)."""
    return unit_normals(quads[:, [0, 1, 3]]), unit_normals(quads[:, [2, 3, 1]])


def _is_convex(quads: Floats, largest_cosine: float = 0.75) -> npt.NDArray[np.bool_]:
    """Return which quads (Q, 4, 3) have no very sharp or blunt corner."""
    sides = np.roll(quads, -1, axis=1) - quads
    sides = sides / np.maximum(np.linalg.norm(sides, axis=2, keepdims=True), 1e-12)
    cosines = np.einsum("nck,nck->nc", sides, np.roll(sides, -1, axis=1))
    return np.abs(cosines).max(axis=1, initial=0.0) < largest_cosine
