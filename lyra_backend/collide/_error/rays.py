"""The collider on the rays on which the Gaussians were seen and through thin walls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from .._scan.free_space import FreeSpace
from .._scan.lattice import Grid
from .fitted import FAR_M, FittedSurface
from .on_purpose import OnPurpose
from .views import Seen

if TYPE_CHECKING:
    from ...kernels.mesh_distance import MeshTree

__all__ = ["BALL_M", "RayFigures", "thin_wall_crossings", "view_figures"]

Floats = npt.NDArray[np.floating]
Bools = npt.NDArray[np.bool_]

_STEEP_ENOUGH = 0.3  # cosine of rays on a surface from which their depth is clear
_BEYOND_M = 0.5  # how far behind a wall may end for it to be thin
_START_M = 0.12  # where rays at a thin wall start, before it
_BESIDE_M = 0.05  # a wall that is nearer than this is there
BALL_M = 0.03  # radius of what must not get through


@dataclass(frozen=True)
class RayFigures:
    """Collider against seen depth on the same rays.

    Attributes:
        signed_median: distance from the Gaussians to the collider along its normal, > 0 before them [m].
        p95: 95 % of rays end nearer to the collider than this, hit or not [m].
        missing: share of rays that end on surface where no collider is.
        phantom: share of all rays that end on collider where no Gaussians are.
        count: rays that end on surface.
        clear: rays that meet no Gaussians.
        phantoms: where phantom hits are [m], shape (P, 3).
    """

    signed_median: float
    p95: float
    missing: float
    phantom: float
    count: int
    clear: int
    phantoms: Floats


def view_figures(
    seen: Seen, surface: FittedSurface, stray: Bools, mesh: MeshTree, on_purpose: OnPurpose | None = None
) -> RayFigures:
    """Cast the rays of `seen` at a mesh; rays that end on none of the places of `surface` are floaters and left out.

    So are rays along outlines and grazing ones, whose depth is a mixture. Rays that meet nothing, into the sky, must
    meet no collider either, but what stands there `on_purpose`.
    """
    from scipy.spatial import cKDTree

    firm = surface.points[~stray]
    if not len(firm) or not len(seen.points) + len(seen.clear_ways):
        return RayFigures(np.nan, np.nan, 0.0, 0.0, 0, 0, np.zeros((0, 3)))
    tree, near = cKDTree(firm), surface.reach
    fair = np.flatnonzero(np.abs((seen.normals * seen.ways).sum(axis=1)) > _STEEP_ENOUGH)
    fair = fair[np.isfinite(tree.query(seen.points[fair], distance_upper_bound=near)[0])]
    eyes, points, ways = seen.eyes[fair], seen.points[fair], seen.ways[fair]
    hits, off = mesh.rays(eyes, ways), mesh.closest(points).distance
    hit = hits.triangle >= 0
    gap = np.where(hit, np.linalg.norm(points - eyes, axis=1) - hits.distance, -np.inf)
    before = np.flatnonzero(gap > FAR_M)
    sky = mesh.rays(seen.clear_eyes, seen.clear_ways)
    against = np.flatnonzero(sky.triangle >= 0)
    ends = np.concatenate(
        [
            eyes[before] + ways[before] * hits.distance[before, None],
            seen.clear_eyes[against] + seen.clear_ways[against] * sky.distance[against, None],
        ]
    )
    phantoms = ends[~np.isfinite(tree.query(ends, distance_upper_bound=near)[0])]
    if on_purpose is not None:
        phantoms = phantoms[~on_purpose.has(phantoms)]
    slant = np.abs((mesh.normals(hits.triangle) * ways).sum(axis=1))
    close = np.abs(gap) < FAR_M
    signed = np.where(close, gap, 0.0) * slant
    median = float(np.median(signed[close])) if close.any() else np.nan
    count, clear = len(points), len(seen.clear_ways)
    p95 = float(np.quantile(off, 0.95)) if count else np.nan
    missing = float((~hit | (gap < -FAR_M))[off > FAR_M].sum() / max(count, 1))
    return RayFigures(median, p95, missing, len(phantoms) / max(count + clear, 1), count, clear, phantoms)


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
