"""The surface as the Gaussians have it, free of their noise, and how far a collider is from it.

Gaussians scatter around the surface by millimetres or centimetres, far more than a good collider is off, so distances
from their centres measure them and not it. Here a smooth surface is fitted to those around each of a few thousand
places that are spread evenly over what free space reaches, first within about eight spacings, and where that is flat
again through the fits within three times as much. What is left of the noise is known and taken off.

In haze the Gaussians' middle lies behind the surface and the place where a ray loses half of its light before it. What
is seen then says where there is surface at all; it is taken to lie between the two, and their gap is doubt.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ...types import GaussianCloud
from ...types.rotations import wxyz_to_xyzw
from .._scan.free_space import FreeSpace
from .._scan.lattice import Grid
from .views import Seen

if TYPE_CHECKING:
    from ...kernels.facing import Facing
    from ...kernels.mesh_distance import MeshTree

__all__ = ["FAR_M", "FittedSurface", "Gauge", "fit_gaussians", "fit_haze", "fit_seen", "gauge"]

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.integer]
Bools = npt.NDArray[np.bool_]

_SAMPLES = 6000
_GAUSSIANS = 600_000  # every k-th of more is enough to fit to
_CELL_M = 0.05
_RADIUS_M = (0.08, 0.4)
_SLAB_M = 0.10  # what lies farther from a surface is no part of it
_WIDER = 3.0  # radius of the second fit to that of the first
_AGREE, _AGREE_FLAT = 0.8, 0.9
_STILL_FLAT, _STILL_SMOOTH = 2.5, 1.5  # in standard errors of the first fit
_PROBES = (0.5, 1.0, 1.5, 2.0)
FAR_M = 0.10
_STRAY_M2 = 0.15  # pieces of surface that are smaller, far off and alone are floaters
_NEXT_TO_M = 0.2
_GAPS = 0.08  # how well the surface between Gaussians is known, in their usual width
_CRISP_M = 0.016  # Gaussians that scatter more than this around a surface are haze
_BETWEEN, _DOUBT = 0.35, 0.2  # where in haze the surface is taken to be, from what is seen, and its doubt, in gaps
_THICKEST_M = 0.12  # gaps that are no haze around one surface
_LOOSE_M = 0.024  # scatter of what is seen around a surface that is always allowed
_LOOSE = 0.7  # cosine to which Gaussians agree in haze
_FAINT = 0.25  # share of the usual mass below which haze is no surface
_ASTRAY = 0.07  # share of places in haze that are on no surface


@dataclass(frozen=True)
class FittedSurface:
    """Places on the surface, spread evenly.

    Attributes:
        points: places [m], shape (S, 3).
        normals: unit normals towards free space, shape (S, 3).
        error: standard error of their position along the normal [m], shape (S,).
        spread: standard deviation of the Gaussians around the surface [m], shape (S,).
        area: what each stands for [m2], shape (S,).
        doubt: how far the surface itself is uncertain there [m], shape (S,).
        width: usual standard deviation of Gaussians along the surface [m].
        astray: share of the places that are on no surface.
    """

    points: Floats
    normals: Floats
    error: Floats
    spread: Floats
    area: Floats
    doubt: Floats
    width: float
    astray: float = 0.0

    @property
    def is_hazy(self) -> bool:
        """Gaussians scatter so far that their middle is not what one sees."""
        return bool(len(self.spread)) and float(np.median(self.spread)) > _CRISP_M

    def explains(self, seen: Floats) -> float:
        """Return the share of points (N, 3) that lie within 20 cm of the places."""
        from scipy.spatial import cKDTree

        if not len(seen) or not len(self.points):
            return float(not len(seen))
        gap, _ = cKDTree(self.points).query(seen[:: max(1, len(seen) // 2000)], distance_upper_bound=2.0 * FAR_M)
        return float(np.isfinite(gap).mean())

    def at(self, chosen: Bools) -> FittedSurface:
        """Return some of the places."""
        parts = {
            name: getattr(self, name)[chosen] for name in ("points", "normals", "error", "spread", "area", "doubt")
        }
        return replace(self, **parts)


@dataclass(frozen=True)
class Gauge:
    """How far a collider is from a fitted surface.

    Attributes:
        median, p95: estimates of the true distance [m]: of half and of 95 % of the surface.
        distance: per place [m], shape (S,).
        stray: places on floaters, which are no surface, shape (S,).
        missing: surface with no collider within 10 cm, share of the area.
        holes: places where collider is missing, in one piece each: middle [m] (H, 3).
        area_m2: surface that was looked at.
    """

    median: float
    p95: float
    distance: Floats
    stray: Bools
    missing: float
    holes: Floats
    area_m2: float


def fit_gaussians(cloud: GaussianCloud, free: FreeSpace, grid: Grid) -> FittedSurface:
    """Fit a surface to the centres of flat Gaussians that free space reaches."""
    stride = -(-cloud.count // _GAUSSIANS)
    some = cloud.select(np.arange(0, cloud.count, stride)) if stride > 1 else cloud
    side = _facing(some, free, grid)
    scales = np.sort(some.scales, axis=1)
    use = np.flatnonzero((side.lead > 0) & (scales[:, 0] < 0.5 * scales[:, 1]))
    width = float(np.median(scales[use, 1])) if len(use) else 0.0
    sparse = width * np.sqrt(stride)
    surface = _fitted(some.positions[use], side.normal[use], some.opacities[use], float(sparse))
    return _in_reach(replace(surface, width=width), free, grid)


def fit_seen(seen: Seen, free: FreeSpace, grid: Grid, width: float) -> FittedSurface:
    """Fit a surface to where rays end; `width` is the usual size of Gaussians along the surface [m]."""
    use = seen.with_normal
    points = seen.points[use].astype(np.float32)
    return _in_reach(_fitted(points, seen.normals[use], np.ones(len(points), np.float32), width), free, grid)


def fit_haze(cloud: GaussianCloud, seen: Seen, free: FreeSpace, grid: Grid, width: float) -> FittedSurface:
    """Fit a surface between where rays end and the middle of the Gaussians there; for clouds that are haze."""
    from ...kernels.local_fit import PointCells, local_fits

    front = fit_seen(seen, free, grid, width)
    if not len(front.points):
        return front
    normal, radius = _facing(cloud, free, grid).normal, _radius(width)
    # in haze either side of a Gaussian may be the free one
    twice, masses = np.tile(cloud.positions, (2, 1)), np.tile(cloud.opacities, 2)
    cells = PointCells(twice, np.concatenate([normal, -normal]), masses, radius)
    start = front.points - 0.25 * _THICKEST_M * front.normals
    middle = local_fits(cells, start, front.normals, radius, _THICKEST_M, _LOOSE)
    gap = 0.25 * _THICKEST_M - middle.height
    with np.errstate(invalid="ignore"):
        loose = max(2.0 * float(np.median(front.spread)), _LOOSE_M)
        firm = (np.abs(gap) < _THICKEST_M) & (front.spread < loose)
        firm &= middle.mass > _FAINT * np.median(middle.mass)
    points = front.points - _BETWEEN * gap[:, None] * front.normals
    surface = replace(front, points=points, doubt=_DOUBT * np.abs(gap), spread=middle.deviation, astray=_ASTRAY)
    return surface.at(firm)


def _facing(cloud: GaussianCloud, free: FreeSpace, grid: Grid) -> Facing:
    from ...kernels.facing import facing

    points, reached = grid.to_lattice(cloud.positions), free.reached
    quats = wxyz_to_xyzw(cloud.quats_wxyz)
    return facing(points, cloud.scales, quats, reached.directory, reached.dense, reached.sparse)


def _radius(width: float) -> float:
    return float(np.clip(8.0 * width, *_RADIUS_M))


def _fitted(points: Floats, normals: Floats, masses: Floats, width: float) -> FittedSurface:
    from ...kernels.local_fit import PointCells, local_fits

    if len(points) < 16:
        nothing = np.zeros(0)
        return FittedSurface(np.zeros((0, 3)), np.zeros((0, 3)), nothing, nothing, nothing, nothing, width)
    radius = _radius(width)
    chosen, area = _spread_evenly(points, normals, max(_CELL_M, 1.5 * width))
    at, way = points[chosen].astype(np.float64), normals[chosen].astype(np.float64)
    first = local_fits(PointCells(points, normals, masses, radius), at, way, radius, _SLAB_M, _AGREE)
    fits = np.isfinite(first.height)
    at, way, area = at[fits] + first.height[fits, None] * way[fits], way[fits], area[fits]
    error, spread = first.error[fits], first.deviation[fits]
    trust = (np.median(error) / np.maximum(error, 1e-5)) ** 2
    wide = _WIDER * radius
    second = local_fits(PointCells(at, way, trust, wide), at, way, wide, _SLAB_M / 2, _AGREE_FLAT)
    with np.errstate(invalid="ignore"):
        flat = np.abs(second.height) < _STILL_FLAT * error
        flat &= second.deviation < _STILL_SMOOTH * error
    at = np.where(flat[:, None], at + second.height[:, None] * way, at)
    error = np.where(flat, 1.5 * error / _WIDER, error)
    return FittedSurface(at, way, error, spread, area, np.zeros(len(at)), width)


def _spread_evenly(points: Floats, normals: Floats, cell: float) -> tuple[Ints, Floats]:
    """Return one point for each sheet in each square column along the axis it faces, and the area [m2] it stands for.

    Points of one sheet follow one another along the column without a gap of a cell; the middle one is taken, however
    many there are and however they scatter.
    """
    axis = np.abs(normals).argmax(axis=1)
    sign = np.take_along_axis(normals, axis[:, None], axis=1)[:, 0] > 0
    across = np.stack([points[np.arange(len(points)), (axis + k) % 3] for k in (1, 2, 0)], axis=1)
    column = np.floor(across[:, :2] / cell).astype(np.int64)
    column -= column.min(axis=0)
    depth = np.rint((across[:, 2] - across[:, 2].min()) / (0.02 * cell)).astype(np.int64)
    key = ((2 * axis + sign) * (column[:, 0].max() + 1) + column[:, 0]) * (column[:, 1].max() + 1) + column[:, 1]
    # columns lie farther apart in one row of numbers than the gap that ends a sheet
    place = key * (int(depth.max()) + 100) + depth
    order = np.argsort(place, kind="stable")
    first = np.flatnonzero(np.diff(place[order], prepend=place[order[0]] - 100) > 50)
    last = np.append(first[1:], len(order))
    chosen, share = order[(first + last) // 2], 1.0
    if len(chosen) > _SAMPLES:
        share = len(chosen) / _SAMPLES
        chosen = np.sort(np.random.default_rng([5, 0]).choice(chosen, _SAMPLES, replace=False))
    return chosen, share * cell**2 / np.abs(normals[chosen]).max(axis=1)


def _in_reach(surface: FittedSurface, free: FreeSpace, grid: Grid) -> FittedSurface:
    """Return the places that free space reaches from the front."""
    near = np.zeros(len(surface.points), bool)
    for step in _PROBES:
        probe = surface.points + step * grid.voxel_size * surface.normals
        at = np.rint(grid.to_lattice(probe)).astype(np.int64)
        inside = ((at >= 0) & (at < np.array(grid.shape))).all(axis=1)
        near[inside] |= free.reached.at(at[inside])
    return surface.at(near)


def gauge(surface: FittedSurface, mesh: MeshTree) -> Gauge:
    """Hold a mesh against the surface.

    The distances' quantiles are lessened by those that the fits' own errors would give, and widened by what the
    Gaussians do not tell: the surface between them, and where in haze it lies.
    """
    distance = mesh.closest(surface.points).distance.astype(np.float64)
    stray, holes = _apart(surface, distance)
    here = ~stray
    if not here.any():
        return Gauge(np.nan, np.nan, distance, stray, 0.0, holes, 0.0)
    area = surface.area[here]
    off = np.hypot(distance, surface.doubt)[here]
    usual = _quantile(surface.error[here], area, 0.5)
    unknown, kept = _GAPS * surface.width, 1.0 - surface.astray
    median, p95 = (
        float(np.hypot(np.sqrt(max(0.0, _quantile(off, area, share * kept) ** 2 - (noise * usual) ** 2)), widen))
        for share, noise, widen in ((0.5, 0.674, 0.0), (0.95, 1.96, unknown))
    )
    total = float(area.sum())
    return Gauge(median, p95, distance, stray, float(area[off > FAR_M].sum() / total), holes, total)


def _apart(surface: FittedSurface, distance: Floats) -> tuple[Bools, Floats]:
    """Return which places are on floaters (S,), and the middles of pieces of surface that have no collider (H, 3)."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    stray = np.zeros(len(distance), bool)
    far = np.flatnonzero(distance > FAR_M)
    if not len(far):
        return stray, np.zeros((0, 3))
    points = surface.points[far]
    tree = cKDTree(points)
    pairs = tree.query_pairs(_NEXT_TO_M, output_type="ndarray")
    graph = coo_array((np.ones(len(pairs), bool), tuple(pairs.T)), shape=(len(far), len(far)))
    count, piece = connected_components(graph, directed=False)
    area = np.bincount(piece, surface.area[far], count)
    near = surface.points[distance < 0.5 * FAR_M]
    beside = np.isfinite(cKDTree(near).query(points, distance_upper_bound=_NEXT_TO_M)[0]) if len(near) else piece < 0
    joined = np.bincount(piece, beside, count) > 0
    alone = (area < _STRAY_M2) & ~joined
    stray[far] = alone[piece]
    sums = np.stack([np.bincount(piece, points[:, k], count) for k in range(3)], axis=1)
    middles = sums / np.bincount(piece, minlength=count)[:, None]
    return stray, np.asarray(middles[~alone])


def _quantile(values: Floats, weights: Floats, share: float) -> float:
    """Return the value below which `share` of the weight lies."""
    order = np.argsort(values, kind="stable")
    total = np.cumsum(weights[order])
    return float(values[order[min(np.searchsorted(total, share * total[-1]), len(order) - 1)]])
