"""The collider on the rays on which the Gaussians were seen, through thin walls, and where it lets bodies out."""

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

__all__ = ["BALL_M", "Leaks", "RayFigures", "find_leaks", "separate", "thin_wall_crossings", "view_figures"]

Floats = npt.NDArray[np.floating]
Bools = npt.NDArray[np.bool_]

_STEEP_ENOUGH = 0.3  # cosine of rays on a surface from which their depth is clear
_BEYOND_M = 0.5  # how far behind a wall may end for it to be thin
_START_M = 0.12  # where rays at a thin wall start, before it
_BESIDE_M = 0.05  # a wall that is nearer than this is there
_DIRECTIONS = 3000
_ENCLOSED = 0.10  # share of rays that may leave a closed room
_LEAKING_RAYS = 500  # more need not be followed
_LEVEL = 0.1  # sine of the elevation up to which rays are level
BALL_M = 0.03  # radius of what must not get through
_SAME_M = 0.3  # leaks nearer to one another are one
_STEP_M = 0.04


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


@dataclass(frozen=True)
class Leaks:
    """Ways out of a room (`enclosed`) that a small ball can take: where each passes the wall [m], shape (L, 3)."""

    points: Floats
    enclosed: bool


def find_leaks(eyes: Floats, low: Floats, high: Floats, mesh: MeshTree) -> Leaks:
    """Return where a ball of 3 cm radius, moving straight from `eyes` (P, 3), leaves the box `low`..`high` [m].

    Only a room must hold it, which is where hardly any level ray leaves; one without a ceiling need not above level.
    """
    nothing = np.zeros((0, 3))
    if not len(eyes):
        return Leaks(nothing, False)
    ways = _sphere(_DIRECTIONS)
    starts, directions = np.repeat(eyes, len(ways), axis=0), np.tile(ways, (len(eyes), 1))
    escapes = mesh.rays(starts, directions).triangle < 0
    up = directions[:, 2]
    walled, roofed = (bool(escapes[part].mean() < _ENCLOSED) for part in (np.abs(up) < _LEVEL, up >= _LEVEL))
    out = np.flatnonzero(escapes & walled & (up < (2.0 if roofed else _LEVEL)))[:_LEAKING_RAYS]
    if not len(out):
        return Leaks(nothing, walled)
    with np.errstate(divide="ignore"):
        length = ((np.where(directions[out] > 0, high, low) - starts[out]) / directions[out]).min(axis=1)
    steps = np.arange(0.0, float(length.max()) + _STEP_M, _STEP_M)
    path = starts[out][:, None] + directions[out][:, None] * np.minimum(steps[None, :, None], length[:, None, None])
    room = mesh.closest(path.reshape(-1, 3)).distance.reshape(path.shape[:2])
    through = room.min(axis=1) > BALL_M
    return Leaks(separate(path[np.arange(len(out)), room.argmin(axis=1)][through]), walled)


def _sphere(count: int) -> Floats:
    """Return unit vectors spread evenly over the sphere (Fibonacci lattice), shape (count, 3)."""
    n = np.arange(count) + 0.5
    z = 1 - 2 * n / count
    turn = np.pi * (3 - np.sqrt(5)) * n
    r = np.sqrt(1 - z * z)
    return np.stack([r * np.cos(turn), r * np.sin(turn), z], axis=1)


def separate(points: Floats) -> Floats:
    """Return one of each group of points that are near one another."""
    kept: list[Floats] = []
    for point in points:
        if all(np.linalg.norm(point - other) > _SAME_M for other in kept):
            kept.append(point)
        if len(kept) >= 50:
            break
    return np.array(kept).reshape(-1, 3)
