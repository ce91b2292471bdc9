"""Is there anything to stand on? Ground that is wide and level enough, right way up, at a size robots have."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...types import Finding
from .. import _findings as say
from .._mesh.contour import Faces
from .free_space import FreeSpace
from .lattice import Grid
from .sheets import Sheets, edge_points

__all__ = ["Footing", "find_footing", "judge_footing"]

Floats = npt.NDArray[np.floating]
Bools = npt.NDArray[np.bool_]

_FOOT_M = 0.3  # side of the square that a foot or a pair of wheels needs
_RISE = 0.8  # ground may rise by this share of the square's side: 39 degrees, before friction ends
_FILLED = 0.85  # share of the square that must have ground
_SOLID_M, _SOLID = 1.0, 0.4  # ground of which so much of the first metre is blocked is no surface but fog
_HANGING_M = 0.5  # walls that end this much above the ground or below it end in the air
_NEAR_M = 0.6  # ground this near in plan is a wall's own
_FEW_M2 = 1.0  # less wall proves nothing
_NEARLY_ALL = 0.99


@dataclass(frozen=True)
class Footing:
    """What robots could stand on.

    Attributes:
        ground_m2: plan area of everything that looks up, is reached, and is the lowest such thing there.
        standing_m2: that part of it that is as wide as a foot, not steep, and has headroom.
        walls_m2: steep surface, reached or not.
        hanging_m2: that part of it with neither ground nor anything else level at its foot.
        cameras, buried: cameras over or under the ground, and those under it.
        relief_m: how far surface, but for the farthest 1 %, is from the plane through the ground.
    """

    ground_m2: float
    standing_m2: float
    walls_m2: float
    hanging_m2: float
    cameras: int
    buried: int
    relief_m: float


def find_footing(
    faces: Faces, sheets: Sheets, free: FreeSpace, grid: Grid, cameras: Floats, robot_height: float
) -> Footing:
    """Measure the ground; `cameras` (C, 3) and `robot_height` in [m]."""
    up = faces.looks_up
    ground = np.full(grid.shape[:2], np.inf)
    np.minimum.at(ground, (faces.point[up, 0], faces.point[up, 1]), faces.crossing[up, 2])
    known, cell = np.isfinite(ground), grid.voxel_size**2
    standing = _standing(ground, free, grid, robot_height) & ~_foggy(ground, sheets, grid)
    walls, hanging = _hanging(ground, sheets, grid)
    over, buried = _cameras(free, grid, cameras)
    return Footing(
        float(known.sum() * cell),
        float(standing.sum() * cell),
        walls * cell,
        hanging * cell,
        over,
        buried,
        _relief(ground, sheets) * grid.voxel_size,
    )


def _relief(ground: Floats, sheets: Sheets) -> float:
    """How far the farthest of nearly all sheets is from the plane through the ground (NX, NY), in voxels."""
    at = np.argwhere(np.isfinite(ground))
    if not len(at):
        return 0.0
    matrix = np.column_stack([at, np.ones(len(at))])
    (slope_x, slope_y, height), *_ = np.linalg.lstsq(matrix, ground[tuple(at.T)], rcond=None)
    point, axis = edge_points(sheets.blocks, sheets.owner[sheets.blocked])
    place = point + np.eye(3)[axis] * sheets.position[sheets.blocked, None]
    away = np.abs(place @ (slope_x, slope_y, -1.0) + height) / np.linalg.norm([slope_x, slope_y, 1.0])
    return float(np.quantile(away, _NEARLY_ALL))


def _standing(ground: Floats, free: FreeSpace, grid: Grid, robot_height: float) -> Bools:
    """Columns (NX, NY) that belong to a square as large as a foot which is level enough and has headroom."""
    from scipy import ndimage

    known = np.isfinite(ground)
    columns = np.argwhere(known)
    roomy = known.copy()
    for height in (0.5 * robot_height, robot_height):
        level = np.rint(ground[known] + height / grid.voxel_size).astype(np.int64)
        points = np.column_stack([columns, np.minimum(level, grid.shape[2] - 1)])
        roomy[known] &= free.reached.at(points) | (level >= grid.shape[2])
    size = max(3, round(_FOOT_M / grid.voxel_size) | 1)
    low = ndimage.minimum_filter(np.where(known, ground, np.inf), size)
    high = ndimage.maximum_filter(np.where(known, ground, -np.inf), size)
    filled = ndimage.uniform_filter(roomy.astype(np.float32), size, mode="constant")
    middle = (high - low <= _RISE * (size - 1)) & (filled >= _FILLED)
    return np.asarray(ndimage.binary_dilation(middle, np.ones((size, size))) & roomy)


def _foggy(ground: Floats, sheets: Sheets, grid: Grid) -> Bools:
    """Columns (NX, NY) where sheets lie under sheets from the ground downwards: Gaussians that fill space."""
    point, axis = edge_points(sheets.blocks, sheets.owner[sheets.blocked])
    x, y, z = point[axis == 2].T
    depth = max(2, round(_SOLID_M / grid.voxel_size))
    under = (z < ground[x, y]) & (z > ground[x, y] - depth)
    filled = np.zeros(ground.shape, np.int64)
    np.add.at(filled, (x[under], y[under]), 1)
    return np.asarray(filled > _SOLID * depth)


def _hanging(ground: Floats, sheets: Sheets, grid: Grid) -> tuple[float, float]:
    """Steep surface, and that of columns at whose foot there is nothing level; in lattice faces."""
    from scipy import ndimage

    point, axis = edge_points(sheets.blocks, sheets.owner[sheets.blocked])
    steep = axis != 2
    wall = np.zeros(grid.shape[:2], np.int64)
    np.add.at(wall, (point[steep, 0], point[steep, 1]), 1)
    foot = np.full(grid.shape[:2], np.inf)
    np.minimum.at(foot, (point[steep, 0], point[steep, 1]), point[steep, 2])
    size = 2 * round(_NEAR_M / grid.voxel_size) + 1
    slack = _HANGING_M / grid.voxel_size
    lowest = np.where(np.isfinite(ground), ground, np.inf)
    np.minimum.at(lowest, (point[~steep, 0], point[~steep, 1]), point[~steep, 2])
    lowest = ndimage.minimum_filter(lowest, size)
    return float(wall.sum()), float(wall[(wall > 0) & (foot < lowest - slack)].sum())


def _cameras(free: FreeSpace, grid: Grid, cameras: Floats) -> tuple[int, int]:
    """Number of cameras over or under the ground, and of those more than half a metre under it."""
    if not len(cameras):
        return 0, 0
    at = np.rint(grid.to_lattice(cameras)).astype(np.int64)
    at = at[((at[:, :2] >= 0) & (at[:, :2] < grid.shape[:2])).all(axis=1)]
    at = at[free.inside[at[:, 0], at[:, 1]]]
    under = at[:, 2] < free.ground[at[:, 0], at[:, 1]] - _HANGING_M / grid.voxel_size
    return len(at), int(under.sum())


def judge_footing(footing: Footing, *, min_floor: float, max_hanging: float, flat_m: float) -> list[Finding]:
    """Return why there is nothing to stand on; empty if there is.

    Surface that is nowhere farther than `flat_m` [m] from one plane may be anything; 0 takes every plane for ground.
    """
    if footing.cameras and footing.buried > footing.cameras / 2:
        return [say.floor_over_cameras(footing.buried, footing.cameras)]
    if footing.standing_m2 < min_floor:
        return [say.no_floor(footing.ground_m2, footing.standing_m2, min_floor)]
    if footing.walls_m2 > _FEW_M2 and footing.hanging_m2 > max_hanging * footing.walls_m2:
        return [say.walls_in_the_air(footing.hanging_m2, footing.walls_m2, max_hanging)]
    if not footing.cameras and footing.relief_m < flat_m:
        return [say.lone_plane(footing.relief_m, flat_m)]
    return []
