"""The surface as the Gaussians have it, free of their noise.

Gaussians scatter around the surface by millimetres or centimetres, far more than a good collider is off, so distances
from their centres measure them and not it. Here a smooth surface is fitted to those around each of a few thousand
places that are spread evenly over what free space reaches, first within about eight spacings, and where that is flat
again through the fits within three times as much. Everything is fitted twice, to either half of the Gaussians: what
is left of the noise is half the difference.

A sheet that can be reached from both sides must not be split into those Gaussians that happen to lie before it and
those behind; so where Gaussians of either facing are close together they are fitted together as well, and are one
sheet if they scatter no more than the surface does elsewhere.

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
from .halves import HalfCells, Halves
from .places import faced_both_ways, spread_evenly
from .views import Seen

if TYPE_CHECKING:
    from ...kernels.facing import Facing

__all__ = ["FAR_M", "FittedSurface", "fit_gaussians", "fit_haze", "fit_seen"]

Floats = npt.NDArray[np.floating]
Bools = npt.NDArray[np.bool_]

_GAUSSIANS = 600_000  # every k-th of more is enough to fit to
_CELL_M = 0.05
_RADIUS_M = (0.08, 0.4)
_SLAB_M = 0.10  # what lies farther from a surface is no part of it
_WIDER = 3.0  # radius of the second fit to that of the first
_AGREE = 0.8
_ONE_SHEET = 1.3  # scatter of one sheet to the usual
_SPLIT = 0.6  # scatter of half a sheet, before or behind its middle, to that of the whole
_SHEET = 4.0  # what lies farther from a sheet is no part of it, in its usual scatter
_THINNEST_M = 0.004
_NEAR_M = 0.1  # where the two sides of a sheet are looked for
_PROBES = (0.5, 1.0, 1.5, 2.0)
FAR_M = 0.10
_CRISP_M = 0.016  # Gaussians that scatter more than this around a surface are haze
_BETWEEN, _DOUBT = 0.5, 0.2  # where in haze the surface is taken to be, from what is seen, and its doubt, in gaps
_ALIKE = 1.25  # noise in haze to half the difference of the halves, as what lies behind pulls both of them alike
_GAP_PLACES = 40  # the gap is that of this many places close together
_THICKEST_M = 0.12  # gaps that are no haze around one surface
_LOOSE_M = 0.024  # scatter of what is seen around a surface that is always allowed
_LOOSE = 0.7  # cosine to which Gaussians agree in haze
_FAINT = 0.25  # share of the usual mass below which haze is no surface


@dataclass(frozen=True)
class FittedSurface:
    """Places on the surface, spread evenly.

    Attributes:
        points: places [m], shape (S, 3).
        normals: unit normals towards free space, shape (S, 3).
        noise: how far they are off along the normal by chance [m], one draw each, shape (S,).
        spread: standard deviation of the Gaussians around the surface [m], shape (S,).
        area: what each stands for [m2], shape (S,).
        doubt: how far the surface itself is uncertain there [m], shape (S,).
        width: usual standard deviation of Gaussians along the surface [m].
    """

    points: Floats
    normals: Floats
    noise: Floats
    spread: Floats
    area: Floats
    doubt: Floats
    width: float

    @property
    def is_hazy(self) -> bool:
        """Gaussians scatter so far that their middle is not what one sees."""
        return bool(len(self.spread)) and float(np.median(self.spread)) > _CRISP_M

    @property
    def reach(self) -> float:
        """What is farther from all places than this is on another surface [m]; of large scenes places are few."""
        return max(2.0 * FAR_M, 1.5 * float(np.sqrt(np.median(self.area)))) if len(self.area) else 2.0 * FAR_M

    def explains(self, seen: Floats) -> float:
        """Return the share of points (N, 3) that lie within `reach` of the places."""
        from scipy.spatial import cKDTree

        if not len(seen) or not len(self.points):
            return float(not len(seen))
        gap, _ = cKDTree(self.points).query(seen[:: max(1, len(seen) // 2000)], distance_upper_bound=self.reach)
        return float(np.isfinite(gap).mean())

    def at(self, chosen: Bools) -> FittedSurface:
        """Return some of the places."""
        parts = {
            name: getattr(self, name)[chosen] for name in ("points", "normals", "noise", "spread", "area", "doubt")
        }
        return replace(self, **parts)


def fit_gaussians(cloud: GaussianCloud, free: FreeSpace, grid: Grid) -> FittedSurface:
    """Fit a surface to the centres of flat Gaussians that free space reaches."""
    some, stride = _every_kth(cloud)
    some = some.select(_is_flat(some))
    if not some.count:
        return _nothing(0.0)
    side, width = _facing(some, free, grid), float(np.median(some.wide_scales[0]))
    surface = _fitted(some.positions, side.normal, some.opacities, width * stride**0.5, torn=side.lead == 0)
    return _in_reach(replace(surface, width=width), free, grid)


def fit_seen(seen: Seen, free: FreeSpace, grid: Grid, width: float) -> FittedSurface:
    """Fit a surface to where rays end; `width` is the usual size of Gaussians along the surface [m]."""
    use = seen.with_normal
    points = seen.points[use].astype(np.float32)
    return _in_reach(_fitted(points, seen.normals[use], np.ones(len(points), np.float32), width), free, grid)


def fit_haze(cloud: GaussianCloud, seen: Seen, free: FreeSpace, grid: Grid, width: float) -> FittedSurface:
    """Fit a surface between where rays end and the middle of the Gaussians there; for clouds that are haze."""
    front = fit_seen(seen, free, grid, width)
    if not len(front.points):
        return front
    radius = _radius(width)
    cloud, _ = _every_kth(cloud)
    cells = HalfCells(cloud.positions, _facing(cloud, free, grid).normal, cloud.opacities, radius)
    start = front.points - 0.25 * _THICKEST_M * front.normals
    # in haze either side of a Gaussian may be the free one
    agree = _LOOSE if _is_flat(cloud).mean() > 0.5 else -1.0  # round ones have no normal
    middle, found = cells.fit(start, front.normals, _THICKEST_M, agree, either_side=True)
    front = front.at(found)
    gap = ((front.points - middle.points) * front.normals).sum(axis=1)
    firm = (np.abs(gap) < _THICKEST_M) & (middle.mass > _FAINT * np.median(middle.mass))
    firm &= front.spread < max(2.0 * float(np.median(front.spread)), _LOOSE_M)
    if not firm.any():
        return front.at(firm)
    front, middle = front.at(firm), middle.at(firm)
    gap = _usual_nearby(gap[firm], middle.points)
    surface = middle.moved((1.0 - _BETWEEN) * gap).smoothed(_WIDER * radius, _SLAB_M)
    hazy = _surface(surface, front.area, _DOUBT * np.abs(gap), width)
    return replace(hazy, noise=_ALIKE * hazy.noise)


def _is_flat(cloud: GaussianCloud) -> Bools:
    scales = np.sort(cloud.scales, axis=1)
    return np.asarray(scales[:, 0] < 0.5 * scales[:, 1])


def _usual_nearby(values: Floats, points: Floats) -> Floats:
    """Return the median of the values at the nearest points."""
    from scipy.spatial import cKDTree

    _, nearest = cKDTree(points).query(points, k=min(_GAP_PLACES, len(points)))
    return np.asarray(np.median(values[nearest].reshape(len(points), -1), axis=1))


def _every_kth(cloud: GaussianCloud) -> tuple[GaussianCloud, int]:
    """Return enough of the Gaussians to fit to, and k."""
    stride = -(-cloud.count // _GAUSSIANS)
    return (cloud.select(np.arange(0, cloud.count, stride)) if stride > 1 else cloud), stride


def _facing(cloud: GaussianCloud, free: FreeSpace, grid: Grid) -> Facing:
    from ...kernels.facing import facing

    points, reached = grid.to_lattice(cloud.positions), free.reached
    quats = wxyz_to_xyzw(cloud.quats_wxyz)
    return facing(points, cloud.scales, quats, reached.directory, reached.dense, reached.sparse)


def _radius(width: float) -> float:
    return float(np.clip(8.0 * width, *_RADIUS_M))


def _surface(halves: Halves, area: Floats, doubt: Floats, width: float) -> FittedSurface:
    return FittedSurface(halves.points, halves.normals, halves.noise, halves.spread, area, doubt, width)


def _nothing(width: float) -> FittedSurface:
    none = np.zeros(0)
    return FittedSurface(np.zeros((0, 3)), np.zeros((0, 3)), none, none, none, none, width)


def _fitted(points: Floats, normals: Floats, masses: Floats, width: float, torn: Bools | None = None) -> FittedSurface:
    """Fit to points with normals; those that are `torn` may face either way, and are no places of their own."""
    if torn is None:
        torn = np.zeros(len(points), bool)
    sided = np.flatnonzero(~torn)
    if len(sided) < 16:
        return _nothing(width)
    radius, cell = _radius(width), max(_CELL_M, 1.5 * width)
    chosen, area = spread_evenly(points[sided], normals[sided], cell)
    at, ways = (values[sided[chosen]].astype(np.float64) for values in (points, normals))
    surface, found = HalfCells(points[sided], normals[sided], masses[sided], radius).fit(at, ways, _SLAB_M, _AGREE)
    area = area[found]
    both = faced_both_ways(surface.points, surface.normals, points, normals, torn, _NEAR_M)
    surface, joined = _rejoined(surface, both, HalfCells(points, normals, masses, radius))
    # such a sheet has places for either facing
    twice = joined & faced_both_ways(surface.points, surface.normals, points[sided], normals[sided], torn[sided], cell)
    surface = surface.smoothed(_WIDER * radius, _SLAB_M / 2.0)
    return _surface(surface, np.where(twice, 0.5, 1.0) * area, np.zeros(len(area)), width)


def _rejoined(surface: Halves, both: Bools, cells: HalfCells) -> tuple[Halves, Bools]:
    """Return the surface with sheets whole that were split by the side they face, and which places are on these.

    Args:
        surface: places by the side that Gaussians face.
        both: where Gaussians of either facing are close together.
        cells: all Gaussians.
    """
    joined = np.zeros(len(both), bool)
    if not both.any():
        return surface, joined
    mostly = both.sum() > (~both).sum()
    usual = float(np.median(surface.spread / _SPLIT if mostly else surface.spread[~both]))
    slab = max(_SHEET * usual, _THINNEST_M)
    whole, found = cells.fit(surface.points[both], surface.normals[both], slab, _AGREE, either_side=True)
    if mostly and found.any():
        usual = float(np.median(whole.spread))
    one = whole.spread < _ONE_SHEET * usual
    joined[np.flatnonzero(both)[found][one]] = True
    return surface.replaced(joined, whole.at(one)), joined


def _in_reach(surface: FittedSurface, free: FreeSpace, grid: Grid) -> FittedSurface:
    """Return the places that free space reaches from the front."""
    near = np.zeros(len(surface.points), bool)
    for step in _PROBES:
        probe = surface.points + step * grid.voxel_size * surface.normals
        at = np.rint(grid.to_lattice(probe)).astype(np.int64)
        inside = ((at >= 0) & (at < np.array(grid.shape))).all(axis=1)
        near[inside] |= free.reached.at(at[inside])
    return surface.at(near)
