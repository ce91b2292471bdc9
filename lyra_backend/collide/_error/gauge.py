"""How far a collider is from a fitted surface: what of the distances is noise is taken off, and doubt is added."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from .fitted import FAR_M, FittedSurface

if TYPE_CHECKING:
    from ...kernels.mesh_distance import MeshTree

__all__ = ["Gauge", "gauge"]

Floats = npt.NDArray[np.floating]
Bools = npt.NDArray[np.bool_]

_STRAY_M2 = 0.15  # pieces of surface that are smaller, far off and alone are floaters
_NEXT_TO_M = 0.2
_GAPS = 0.08  # how well the surface between Gaussians is known, in their usual width


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


def gauge(surface: FittedSurface, mesh: MeshTree) -> Gauge:
    """Hold a mesh against the surface.

    The quantiles of the distances are lessened by those of the noise, as chance adds to what is so in squares, and
    widened by what the Gaussians do not tell: the surface between them, and where in haze it lies.
    """
    distance = mesh.closest(surface.points).distance.astype(np.float64)
    stray, holes = _apart(surface, distance)
    here = ~stray
    if not here.any():
        return Gauge(np.nan, np.nan, distance, stray, 0.0, holes, 0.0)
    area, off, noise = surface.area[here], np.hypot(distance, surface.doubt)[here], surface.noise[here]
    median, p95 = (
        np.sqrt(max(0.0, _quantile(off, area, share) ** 2 - _quantile(noise, area, share) ** 2))
        for share in (0.5, 0.95)
    )
    p95 = max(median, np.hypot(p95, _GAPS * surface.width))
    total = float(area.sum())
    missing = float(area[off > FAR_M].sum() / total)
    return Gauge(float(median), float(p95), distance, stray, missing, holes, total)


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
