"""Close views by panes: the Gaussians beyond are left out, and opaque discs cover the opening."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ...types import GaussianCloud
from ...types.rotations import quat_from_matrix
from .lattice import Grid, Points
from .openings import Opening, looked_up
from .views import EDGE, SLOPE, View

__all__ = ["without_views"]

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.integer]
Bools = npt.NDArray[np.bool_]

_BESIDE = 2  # points around a Gaussian that say in which space it lies
_THIN_M = 0.002


def without_views(
    cloud: GaussianCloud, views: list[View], spaces: Points, grid: Grid
) -> tuple[GaussianCloud, GaussianCloud]:
    """Return the cloud without what is seen in `views`, and the panes that close them."""
    names = np.unique([label for view in views for label in view.regions]).astype(np.int32)
    at = grid.to_lattice(cloud.positions)
    gone = np.zeros(cloud.count, bool)
    plan = _plan(names, spaces)
    for view in views if len(names) else ():
        depth = -view.opening.height(at)
        few = np.flatnonzero((depth > 1.0) & ~gone)
        few = few[view.opening.aside(at[few]) < SLOPE * depth[few] + 2 * EDGE]
        # things stand there as well, and the floor goes on under them
        cell = np.clip(np.rint(at[few, :2]).astype(np.int64), 0, np.array(plan.shape) - 1)
        theirs, ours = plan[tuple(cell.T)], np.zeros(len(few), bool)
        for step in _around():
            labels = looked_up(spaces, at[few] + step, grid.shape, -1)
            beyond = np.isin(labels, names)
            theirs |= beyond
            ours |= (labels >= 0) & ~beyond
        gone[few[theirs & ~ours]] = True
    panes = [_pane(view.opening, grid, cloud) for view in views]
    return cloud.select(~gone), GaussianCloud.concatenate(panes)


def _plan(names: Ints, spaces: Points) -> Bools:
    """Columns (NX, NY) of the lattice in which there is a point of the spaces `names`."""
    directory = spaces.directory
    held = np.argwhere(directory >= 0)
    plan = np.kron(np.isin(spaces.sparse, names).any(axis=2), np.ones((8, 8), bool))
    dense = np.isin(spaces.dense[directory[tuple(held.T)]], names).reshape(-1, 8, 8, 8).any(axis=3)
    n, i, j = np.nonzero(dense)
    plan[held[n, 0] * 8 + i, held[n, 1] * 8 + j] = True
    return plan


def _around() -> Floats:
    """Steps [voxels] (S, 3) to a Gaussian's surroundings."""
    reach = np.array([-_BESIDE, 0, _BESIDE])
    return np.stack(np.meshgrid(reach, reach, reach, indexing="ij"), axis=-1).reshape(-1, 3).astype(np.float32)


def _pane(hole: Opening, grid: Grid, like: GaussianCloud) -> GaussianCloud:
    """Return opaque discs over an opening."""
    points = grid.to_world(hole.pane(0.5))
    count, size = len(points), 0.4 * grid.voxel_size
    frame = quat_from_matrix(np.stack([hole.along, (0, 0, 1), hole.normal], axis=1)[None])
    return replace(
        like.select(np.zeros(count, np.int64)),
        positions=points.astype(np.float32),
        scales=np.tile(np.array([size, size, _THIN_M], np.float32), (count, 1)),
        quats_wxyz=np.repeat(frame, count, axis=0).astype(np.float32),
        opacities=np.full(count, 0.95, np.float32),
    )
