"""Ground as one height for each column of the lattice: where that describes it best, and its mesh."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .._scan.lattice import Grid
from .ground import STEP_M, Floor, Surface

__all__ = ["grid_mesh", "ground_heights", "heights_on", "on_heights", "rolls"]

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.integer]
Bools = npt.NDArray[np.bool_]

_NEAR_M, _WIDE_M = 0.25, 1.5  # squares over which heights are averaged: noise is gone, and what still differs rolls
_ROLL_M = 0.005  # difference of these means from which a place rolls
_ROLLING = 0.5  # share of the floor that must roll
_KNOWN = 0.8  # share of a square that must be floor
_ON_M = 0.02  # surface nearer to the ground than this is the ground


def rolls(floor: Floor, grid: Grid) -> bool:
    """Say whether most of the floor bends: no ramp and no step does, however large."""
    near, wide = (_mean(floor.base, 2 * round(side / 2 / grid.voxel_size) + 1) for side in (_NEAR_M, _WIDE_M))
    apart = np.abs(near - wide)
    known = np.isfinite(apart)
    return bool(known.any() and (apart[known] > _ROLL_M).mean() > _ROLLING)


def _mean(height: Floats, width: int) -> Floats:
    """Mean of the known heights (NX, NY) [m] in squares of so many columns, NaN where few are known."""
    from scipy import ndimage

    known = np.isfinite(height)
    total = ndimage.uniform_filter(np.where(known, height, 0.0), width, mode="constant")
    share = ndimage.uniform_filter(known.astype(np.float64), width, mode="constant")
    return np.where(known & (share > _KNOWN), total / np.maximum(share, 1e-9), np.nan)


def ground_heights(floor: Floor) -> Floats:
    """Height of each column [m], NaN outside the plan; under what nobody saw the floor is continued."""
    height = np.where(np.isfinite(floor.lowest), floor.lowest, floor.under)
    return np.where(floor.plan, height, np.nan)


def heights_on(surface: Surface, floor: Floor, grid: Grid) -> Floats:
    """Height of each column (NX, NY) [m] on a surface (V, 3) [m], (F, 3), NaN outside the plan.

    What is higher than a step stands on the ground: there, and where there is no surface, the floor is continued.
    """
    from ...kernels.mesh_distance import MeshTree

    i, j = np.nonzero(floor.plan)
    plan = np.stack([i, j], axis=1) * grid.voxel_size + grid.origin[:2]
    starts: Floats = np.column_stack([plan, floor.under[i, j] + STEP_M])
    hits = MeshTree(*surface).rays(starts, np.tile([0.0, 0.0, -1.0], (len(i), 1)), 2.0 * STEP_M)
    height = np.full(floor.plan.shape, np.nan)
    height[i, j] = np.where(hits.front, starts[:, 2] - hits.distance, floor.under[i, j])
    return height


def grid_mesh(height: Floats, grid: Grid) -> Surface:
    """Two triangles between every four neighbouring columns; diagonals alternate, so that no direction is favoured."""
    known = np.isfinite(height)
    number = np.cumsum(known).reshape(known.shape) - 1
    i, j = np.nonzero(known[:-1, :-1] & known[1:, :-1] & known[1:, 1:] & known[:-1, 1:])
    a, b, c, d = number[i, j], number[i + 1, j], number[i + 1, j + 1], number[i, j + 1]
    even = ((i + j) % 2 == 0)[:, None]
    one = np.where(even, np.stack([a, b, c], axis=1), np.stack([a, b, d], axis=1))
    two = np.where(even, np.stack([a, c, d], axis=1), np.stack([b, c, d], axis=1))
    x, y = np.nonzero(known)
    plan = np.stack([x, y], axis=1) * grid.voxel_size + grid.origin[:2]
    return np.column_stack([plan, height[known]]).astype(np.float32), np.concatenate([one, two]).astype(np.int32)


def on_heights(surface: Surface, height: Floats, grid: Grid) -> Bools:
    """Say which triangles of a surface (V, 3) [m], (F, 3) lie on the ground: their corners and their middles."""
    from scipy import ndimage

    corners = surface[0][surface[1]].astype(np.float64)
    places = np.concatenate([corners, corners.mean(axis=1, keepdims=True)], axis=1)
    at = ((places[..., :2] - grid.origin[:2]) / grid.voxel_size).reshape(-1, 2).T
    known = np.isfinite(height)
    nearest = ndimage.distance_transform_edt(~known, return_distances=False, return_indices=True)
    # the surface goes on beyond the last column
    beside = ndimage.map_coordinates(ndimage.binary_dilation(known).astype(np.uint8), at, order=0, mode="nearest")
    apart = places[..., 2].ravel() - ndimage.map_coordinates(height[tuple(nearest)], at, order=1, mode="nearest")
    return np.asarray(((beside > 0) & (np.abs(apart) < _ON_M)).reshape(places.shape[:2]).all(axis=1))
