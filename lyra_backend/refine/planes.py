"""Planes through points that are roughly level: fits, what they err by, and directions across them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["fitted", "spread_of_fit", "tangents", "weighted_median"]

Floats = npt.NDArray[np.float64]

#: Points of a plane that lie in a line say nothing of its slope across it.
_WORST_CONDITION = 1e8
#: Fewer points fit any plane well.
_FEW = 30


def fitted(points: Floats, weights: Floats, normal: Floats, offset: float) -> tuple[Floats, float]:
    """Return the plane z = a x + b y + c through weighted points; the given one if they lie on a line."""
    weights = weights / weights.sum()
    middle = np.einsum("n,nk->k", weights, points)
    x, y, z = (points - middle).T
    xx, xy, yy = (weights * x * x).sum(), (weights * x * y).sum(), (weights * y * y).sum()
    xz, yz = (weights * x * z).sum(), (weights * y * z).sum()
    determinant = xx * yy - xy * xy
    if determinant <= 1e-6 * max(xx, yy) ** 2:
        return normal, offset
    a, b = (yy * xz - xy * yz) / determinant, (xx * yz - xy * xz) / determinant
    normal = np.array([-a, -b, 1.0]) / np.sqrt(a * a + b * b + 1)
    return normal, float(np.einsum("k,k->", normal, middle))


def weighted_median(values: Floats, weights: Floats) -> float:
    """Return the value (of (n,), at least one) that half of the weights (n,) lie at or below."""
    order = np.argsort(values, kind="stable")
    total = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(total, total[-1] / 2)])


def spread_of_fit(
    points: Floats, weights: Floats, normal: Floats, squares: npt.NDArray[np.intp]
) -> tuple[Floats, Floats]:
    """Return the middle (3,) of a fitted plane's points and the covariance (3, 3) [rad2] of its normal.

    Neighbours err alike, so that errors count by `squares` (n,) of the ground plan: the sandwich estimator for
    clusters (Liang and Zeger 1986).
    """
    weights = weights / weights.sum()
    middle = np.einsum("n,nk->k", weights, points)
    across = tangents(normal)
    offsets = points - middle
    places, heights = np.einsum("nk,jk->nj", offsets, across), np.einsum("nk,k->n", offsets, normal)
    bread = np.einsum("n,ni,nj->ij", weights, places, places)
    if len(points) < _FEW or np.linalg.cond(bread) > _WORST_CONDITION:
        return middle, np.eye(3)
    scores = weights[:, None] * places * heights[:, None]
    sums = np.stack([np.bincount(squares, scores[:, k]) for k in range(2)], axis=1)
    back = np.linalg.inv(bread)
    return middle, across.T @ (back @ (sums.T @ sums) @ back) @ across


def tangents(direction: Floats) -> Floats:
    """Return two unit vectors (2, 3) across the unit vector `direction` (3,) and each other."""
    aside = np.eye(3)[int(np.abs(direction).argmin())]
    first = np.cross(aside, direction)
    first /= np.linalg.norm(first)
    return np.stack([first, np.cross(direction, first)])
