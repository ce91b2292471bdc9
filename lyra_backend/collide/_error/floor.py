"""How flat the collider's floor is: what a wheel feels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from .._scan.free_space import FreeSpace
from .._scan.lattice import Grid
from .fitted import FittedSurface
from .groups import Groups, members
from .rays import BALL_M
from .room import Room

if TYPE_CHECKING:
    from ...kernels.mesh_distance import MeshTree

__all__ = ["FloorFigures", "measure_floor"]

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.integer]
Bools = npt.NDArray[np.bool_]

_ABOVE_M, _BELOW_M = 0.3, 0.5
_BAND_M = 0.03  # floor farther from its plane is no part of it
_LEVEL = 0.98  # cosine to the vertical of what can be a level floor
_FLAT_M = 0.005  # how far the surface under a plane may be off it
_STEP_M = 0.02
_RIM = 2  # voxels along the edges of the plane that are left out


@dataclass(frozen=True)
class FloorFigures:
    """The floor as rays from above meet it, one every voxel.

    Attributes:
        planar_m2: floor in its largest level plane, without 2 voxels along the edges; 0 where the Gaussians show none.
        peak_to_peak_m, p95_m: heights over that plane, of all of it and of 95 %.
        steps: share of neighbours on that plane whose heights differ by more than 2 cm.
        missing: share of the floor that can be stood over with no collider beneath.
        holes: where a small ball falls through [m], one each, the largest first, shape (H, 3).
        hole_m2: their areas, shape (H,).
    """

    planar_m2: float
    peak_to_peak_m: float
    p95_m: float
    steps: float
    missing: float
    holes: Floats
    hole_m2: Floats


def measure_floor(surface: FittedSurface, free: FreeSpace, grid: Grid, mesh: MeshTree, room: Room) -> FloorFigures:
    """Cast a ray down in every column that can be reached above its ground.

    What is hollow and open on the lattice only, and what lies under the floor, has columns too: those without a floor
    are left out where nothing of the `room` is seen.
    """
    from scipy import ndimage

    stand = _columns_to_stand_in(free, grid)
    columns = np.argwhere(stand)
    if not len(columns):
        return FloorFigures(0.0, 0.0, 0.0, 0.0, 0.0, np.zeros((0, 3)), np.zeros(0))
    # off the lattice, along which edges of the mesh may run
    starts = grid.to_world(np.column_stack([columns, _level(columns, free, grid)]) + [0.137, 0.171, 0.0])
    down = np.broadcast_to([0.0, 0.0, -1.0], starts.shape)
    hits = mesh.rays(starts, down, _ABOVE_M + _BELOW_M)
    bare = hits.triangle < 0
    bare[bare] = room.seen_from(starts[bare], mesh)
    missing = float(bare.mean())
    holes = _holes(columns, starts, bare, grid, mesh)
    hole_m2 = holes.sizes * grid.voxel_size**2
    plane = _plane(surface)
    if plane is None:
        return FloorFigures(0.0, 0.0, 0.0, 0.0, missing, holes.points, hole_m2)
    over = np.full(grid.shape[:2], np.nan)
    height = starts[:, 2] - hits.distance - (starts[:, :2] @ plane[:2] + plane[2])
    over[tuple(columns.T)] = np.where(hits.triangle >= 0, height, np.nan)
    flat = ndimage.binary_erosion(np.abs(over) < _BAND_M, np.ones((3, 3)), iterations=_RIM)
    if not flat.any():
        return FloorFigures(0.0, 0.0, 0.0, 0.0, missing, holes.points, hole_m2)
    inside = np.where(flat, over, np.nan)
    jumps = np.abs(np.concatenate([np.diff(inside, axis=axis).ravel() for axis in (0, 1)]))
    jumps = jumps[np.isfinite(jumps)]
    steps = float((jumps > _STEP_M).mean()) if len(jumps) else 0.0
    area, heights = float(flat.sum() * grid.voxel_size**2), over[flat]
    p95 = float(np.quantile(np.abs(heights), 0.95))
    return FloorFigures(area, float(np.ptp(heights)), p95, steps, missing, holes.points, hole_m2)


def _holes(columns: Ints, starts: Floats, missing: Bools, grid: Grid, mesh: MeshTree) -> Groups:
    """Return holes of the floor, of one or more columns (C, 2) each that touch, through which a small ball falls."""
    from scipy import ndimage

    bare = starts[missing] - [0.0, 0.0, _ABOVE_M]
    wide = mesh.closest(bare, BALL_M).triangle < 0
    if not wide.any():
        return Groups(np.zeros((0, 3)), np.zeros(0, np.int64), np.zeros(0, np.int64))
    through = tuple(columns[missing][wide].T)
    is_hole = np.zeros(grid.shape[:2], bool)
    is_hole[through] = True
    labels, _ = ndimage.label(is_hole, np.ones((3, 3)))
    return members(bare[wide], labels[through].astype(np.int64) - 1)


def _level(columns: Ints, free: FreeSpace, grid: Grid) -> npt.NDArray[np.int64]:
    """Return the lattice level 30 cm above the ground of columns (C, 2)."""
    level = free.ground[tuple(columns.T)].astype(np.int64) + round(_ABOVE_M / grid.voxel_size)
    return np.clip(level, 0, grid.shape[2] - 1)


def _columns_to_stand_in(free: FreeSpace, grid: Grid) -> Bools:
    """Return columns (NX, NY) that can be reached above the ground, without a rim."""
    from scipy import ndimage

    columns = np.argwhere(free.inside)
    open_above = free.reached.at(np.column_stack([columns, _level(columns, free, grid)]))
    stand = np.zeros(grid.shape[:2], bool)
    stand[tuple(columns.T)] = open_above
    return np.asarray(ndimage.binary_erosion(stand, np.ones((3, 3))))


def _plane(surface: FittedSurface) -> Floats | None:
    """Return slopes and height (3,) of the level plane that the most surface lies in; None if it is not flat."""
    level = np.flatnonzero(surface.normals[:, 2] > _LEVEL)
    if len(level) < 16:
        return None
    points = surface.points[level]
    counts, edges = np.histogram(points[:, 2], np.arange(points[:, 2].min() - 0.02, points[:, 2].max() + 0.04, 0.02))
    plane = np.array([0.0, 0.0, edges[counts.argmax()] + 0.01])
    basis = np.column_stack([points[:, :2], np.ones(len(points))])
    for _ in range(8):
        near = np.abs(points[:, 2] - basis @ plane) < _BAND_M
        if near.sum() < 16:
            return None
        plane = np.linalg.lstsq(basis[near], points[near, 2], rcond=None)[0]
    off = np.abs(points[near, 2] - basis[near] @ plane)
    flat = np.quantile(off, 0.9) < _FLAT_M + 0.5 * np.median(surface.spread[level[near]])
    return plane if flat and np.hypot(*plane[:2]) < np.tan(np.arccos(_LEVEL)) else None
