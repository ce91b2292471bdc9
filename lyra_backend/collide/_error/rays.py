"""The collider on the rays on which the Gaussians were seen and through thin walls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from .._scan.free_space import FreeSpace
from .._scan.lattice import Grid
from .fitted import FAR_M, FittedSurface
from .views import Seen

if TYPE_CHECKING:
    from ...kernels.mesh_distance import MeshTree

__all__ = ["BALL_M", "RayFigures", "separate", "thin_wall_crossings", "view_figures"]

Floats = npt.NDArray[np.floating]
Bools = npt.NDArray[np.bool_]

_STEEP_ENOUGH = 0.3  # cosine of rays on a surface from which their depth is clear
_BEYOND_M = 0.5  # how far behind a wall may end for it to be thin
_START_M = 0.12  # where rays at a thin wall start, before it
_BESIDE_M = 0.05  # a wall that is nearer than this is there
BALL_M = 0.03  # radius of what must not get through
_SAME_M = 0.3  # leaks nearer to one another are one


@dataclass(frozen=True)
class RayFigures:
    """Collider against seen depth on the same rays.

    Attributes:
        signed_median: distance from the Gaussians to the collider along its normal, > 0 before them [m].
        p95: 95 % of rays end nearer to the collider than this, hit or not [m].
        missing: share of rays that end on surface where no collider is.
        phantom: share of rays that end on collider where no Gaussians are.
        count: rays.
        phantoms: where phantom hits are [m], shape (P, 3).
    """

    signed_median: float
    p95: float
    missing: float
    phantom: float
    count: int
    phantoms: Floats


def view_figures(seen: Seen, surface: FittedSurface, stray: Bools, mesh: MeshTree) -> RayFigures:
    """Cast the rays of `seen` at a mesh; rays that end on none of the places of `surface` are floaters and left out.

    So are rays along outlines and grazing ones, whose depth is a mixture.
    """
    from scipy.spatial import cKDTree

    firm = surface.points[~stray]
    if not len(seen.points) or not len(firm):
        return RayFigures(np.nan, np.nan, 0.0, 0.0, 0, np.zeros((0, 3)))
    tree, near = cKDTree(firm), surface.reach
    fair = np.flatnonzero(np.abs((seen.normals * seen.ways).sum(axis=1)) > _STEEP_ENOUGH)
    fair = fair[np.isfinite(tree.query(seen.points[fair], distance_upper_bound=near)[0])]
    eyes, points, ways = seen.eyes[fair], seen.points[fair], seen.ways[fair]
    hits, off = mesh.rays(eyes, ways), mesh.closest(points).distance
    hit = hits.triangle >= 0
    gap = np.where(hit, np.linalg.norm(points - eyes, axis=1) - hits.distance, -np.inf)
    before = np.flatnonzero(gap > FAR_M)
    ends = eyes[before] + ways[before] * hits.distance[before, None]
    phantoms = ends[~np.isfinite(tree.query(ends, distance_upper_bound=near)[0])]
    slant = np.abs((mesh.normals(hits.triangle) * ways).sum(axis=1))
    close = np.abs(gap) < FAR_M
    signed = np.where(close, gap, 0.0) * slant
    median = float(np.median(signed[close])) if close.any() else np.nan
    count = max(len(points), 1)
    p95 = float(np.quantile(off, 0.95)) if len(points) else np.nan
    missing = float((~hit | (gap < -FAR_M))[off > FAR_M].sum() / count)
    return RayFigures(median, p95, missing, len(phantoms) / count, len(points), phantoms)


def thin_wall_crossings(
    surface: FittedSurface, stray: Bools, free: FreeSpace, grid: Grid, mesh: MeshTree
) -> tuple[Floats, int]:
    """Return where rays from the front pass thin walls, which are reached from both sides (C, 3), and rays cast.

    Engines stop bodies at the front of a triangle only, so a wall must have a front on either side. A ray that misses
    beside an edge which is a little rounded does not count.
    """
    behind = np.zeros(len(surface.points), bool)
    for beyond in np.arange(2 * grid.voxel_size, _BEYOND_M, grid.voxel_size):
        at = np.rint(grid.to_lattice(surface.points - beyond * surface.normals)).astype(np.int64)
        inside = ((at >= 0) & (at < np.array(grid.shape))).all(axis=1)
        behind[inside] |= free.reached.at(at[inside])
    thin = behind & ~stray
    points, normals = surface.points[thin], surface.normals[thin]
    if not len(points):
        return np.zeros((0, 3)), 0
    hits = mesh.rays(points + _START_M * normals, -normals, _START_M + _BEYOND_M)
    nearest = mesh.closest(points)
    away = (mesh.normals(nearest.triangle) * normals).sum(axis=1) < -0.5
    return points[~hits.front & (away | (nearest.distance > _BESIDE_M))], len(points)


def separate(points: Floats) -> Floats:
    """Return one of each group of points that are near one another."""
    kept: list[Floats] = []
    for point in points:
        if all(np.linalg.norm(point - other) > _SAME_M for other in kept):
            kept.append(point)
        if len(kept) >= 50:
            break
    return np.array(kept).reshape(-1, 3)
