"""Which points belong together: those in cubes that touch one another."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["Groups", "grouped", "members"]

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.integer]


class Groups(NamedTuple):
    """Groups of N points, the largest first.

    Attributes:
        points: one of each, the nearest to its middle, shape (G, 3).
        sizes: how many are in each, shape (G,).
        number: the group of every point, shape (N,).
    """

    points: Floats
    sizes: Ints
    number: Ints


def grouped(points: Floats, side: float) -> Groups:
    """Return the groups of points (N, 3) [m]: those nearer than `side` [m] are of one, those three times as far may be.

    Cubes of that side are joined where they touch, so effort grows with the points and not with their pairs.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    if not len(points):
        return Groups(np.zeros((0, 3)), np.zeros(0, np.int64), np.zeros(0, np.int64))
    cubes, cube = np.unique(np.floor(points / side).astype(np.int64), axis=0, return_inverse=True)
    pairs = cKDTree(cubes).query_pairs(1.0, p=np.inf, output_type="ndarray")
    graph = coo_array((np.ones(len(pairs), bool), tuple(pairs.T)), shape=(len(cubes), len(cubes)))
    _, group = connected_components(graph, directed=False)
    return members(points, group[cube.ravel()])


def members(points: Floats, group: Ints) -> Groups:
    """Return the groups of at least one point (N, 3) whose numbers (N,), from 0 and without a gap, are known."""
    sizes = np.bincount(group)
    sums = np.stack([np.bincount(group, weights=points[:, k]) for k in range(3)], axis=1)
    off = np.linalg.norm(points - (sums / sizes[:, None])[group], axis=1)
    order = np.lexsort((off, group))
    nearest = order[np.flatnonzero(np.diff(group[order], prepend=-1))]
    largest = np.argsort(-sizes, kind="stable")
    return Groups(points[nearest[largest]], sizes[largest], np.argsort(largest)[group])
