"""Which free points are parts of one place, and which lie in closed pockets, such as the inside of a cupboard."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..render.mesh_depth import MeshDepth
from .survey import Survey

__all__ = ["in_largest_place", "reachable_samples"]

Floats = npt.NDArray[np.float64]

#: Points that each is joined with, if nothing stands between: enough to get around what is thinner than they are dense.
_NEIGHBOURS = 12
#: Heights above the samples of a floor at which places are joined, and the free space around these [m].
_RISES, _GAP = (0.3, 0.7, 1.1), 0.05


def in_largest_place(corners: Floats, points: Floats) -> npt.NDArray[np.bool_]:
    """Say which points (N, 3) [m] belong to the largest group within which straight lines lead from one to the next.

    `corners` (F, 3, 3) [m] are those of the triangles that stand between, from whichever side.

    Splats show furniture from outside alone. Where colliders make it a shell with nothing in it, points in there are as
    free as those in the room; but no robot comes to them.
    """
    if len(points) < 2:
        return np.ones(len(points), bool)
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    near = cKDTree(points).query(points, k=min(_NEIGHBOURS + 1, len(points)))[1][:, 1:]
    first, second = np.repeat(np.arange(len(points)), near.shape[1]), near.ravel()
    pairs = np.unique(np.sort(np.stack([first, second], axis=1), axis=1), axis=0)
    first, second = pairs[pairs[:, 0] != pairs[:, 1]].T
    triangles = np.arange(3 * len(corners)).reshape(-1, 3)
    open_way = MeshDepth(corners.reshape(-1, 3), triangles).are_open(points[first], points[second])
    ways = (np.ones(open_way.sum(), bool), (first[open_way], second[open_way]))
    _, group = connected_components(coo_matrix(ways, shape=(len(points), len(points))), directed=False)
    return np.asarray(group == np.bincount(group).argmax())


def reachable_samples(survey: Survey) -> npt.NDArray[np.bool_]:
    """Say of which samples of the floor (S,) the space above is part of the largest place."""
    columns = survey.samples.columns
    owner, points = [], []
    for rise in _RISES:  # several, so that what is above a table is joined with what is beside it
        some = np.flatnonzero(columns.found & (columns.headroom > rise + _GAP))
        owner.append(some)
        points.append(np.column_stack([survey.samples.points, columns.height + rise])[some])
    number, space = np.concatenate(owner), np.concatenate(points)
    free = survey.index.are_free(space, _GAP)
    reached = np.zeros(len(columns.height), bool)
    reached[number[free][in_largest_place(survey.colliders.corners, space[free])]] = True
    return reached
