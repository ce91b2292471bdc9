"""A plane through samples of a surface: grown from a guess, fitted to where samples are densest, and where it ends.

Samples are points with a normal and an area. A guess is refined by iteratively reweighted least squares (Tukey's
biweight, see Huber, "Robust Statistics", 1981). A plane is what is flat and ends: where samples leave it gradually the
surface is curved, and is left alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .planes import Plane, densest, plan_cells
from .robust import weighted_median

__all__ = ["Limits", "Samples", "grown", "is_flat", "members"]

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.integer]
Bools = npt.NDArray[np.bool_]

_ROUNDS = 12  # of reweighting
_FEW, _QUICK, _DOUBT = 400, 4, 1.3  # samples, rounds, and how much rougher than a plane, for a quick look
_TO_DEVIATION = 1.4826  # standard deviation over median absolute deviation of a normal distribution
_OWN = 0.75  # agreement of normals from which a sample near a plane that was found belongs to it
_AGREE = 2.0  # spreads of a plane by which the mean of another region may be off it and still be of it
_TILT = 4.0  # spreads over the extent of a plane that its tilt may be wrong by
_LEAVING = 0.35  # area just off the plane over area on it, from which the surface counts as curved
_MIN_FILL = 0.25  # share of a region's cells that must hold samples of the plane


@dataclass(frozen=True)
class Limits:
    """What counts as on a plane: lengths in the samples' unit; see :func:`..plane_search.find_planes`."""

    tolerance: float
    cell: float
    min_area: float
    cosine: float
    loose: float
    deviations: float
    apart: bool


@dataclass(frozen=True)
class Samples:
    """Points (N, 3), unit normals (N, 3) and areas (N,)."""

    points: Floats
    normals: Floats
    areas: Floats

    def at(self, index: Ints | slice | Bools) -> Samples:
        """Return some of them."""
        return Samples(self.points[index], self.normals[index], self.areas[index])


def members(sample: Samples, plane: Plane, limits: Limits) -> Ints:
    """Return which samples lie on a plane that was found: regions that are on it, not what cuts through its window."""
    on = np.flatnonzero(sample.normals @ plane.normal >= min(limits.cosine, _OWN))
    residual = plane.residual(sample.points[on])
    inside = np.abs(residual) < plane.window
    on, residual, areas = on[inside], residual[inside], sample.areas[on[inside]]
    region, count = _labels(sample.points[on], areas, plane.normal, limits)
    area = np.bincount(region, areas, count + 1)
    off = np.bincount(region, areas * residual, count + 1) / np.maximum(area, 1e-12)
    fits = (np.abs(off) <= _AGREE * plane.spread) | (not limits.apart)
    fits[0] = False
    return on[fits[region]]


def is_flat(sample: Samples, near: Ints, guess: Floats, place: Floats, limits: Limits) -> bool:
    """May the samples `near` a place be a plane? A quick look that spares `grown` most hypotheses that are none."""
    near = near[sample.normals[near] @ guess[:3] >= limits.cosine]
    points = sample.points[near]
    close = np.abs(points @ guess[:3] - guess[3]) < 1.5 * limits.tolerance
    points, areas = points[close], sample.areas[near[close]]
    region = _regions(points, areas, guess[:3], limits, place)
    points, areas = points[region], areas[region]
    if areas.sum() < limits.min_area:
        return False
    stride = max(1, len(areas) // _FEW)
    *_, spread = _refined(points[::stride], areas[::stride], guess[:3], guess[3], limits.tolerance, _QUICK)
    return spread <= _DOUBT * limits.loose * limits.tolerance


def grown(sample: Samples, guess: Floats, place: Floats, limits: Limits) -> tuple[Ints, Plane | None]:
    """Refine a hypothesis on the connected region it comes from; None if that is small, rough or curved.

    What lies elsewhere on the plane has no say: flat tops of like height, each its own, would tilt it.
    """
    nothing = np.zeros(0, np.int64)
    points, normals, areas = sample.points, sample.normals, sample.areas
    normal, offset = guess[:3], guess[3]
    facing = np.flatnonzero(normals @ normal >= limits.cosine)
    near = facing[np.abs(points[facing] @ normal - offset) < 1.5 * limits.tolerance]
    near = near[_regions(points[near], areas[near], normal, limits, place)]
    if areas[near].sum() < limits.min_area:
        return nothing, None
    normal, offset, spread = _refined(points[near], areas[near], normal, offset, limits.tolerance)
    normal = _upright(normal, spread, float(np.sqrt(areas[near].sum())))
    offset = densest(
        points[near] @ normal, areas[near], weighted_median(points[near] @ normal, areas[near]), 2.0 * spread
    )
    if spread > limits.loose * limits.tolerance:
        return nothing, None
    window = float(np.clip(limits.deviations * spread, 0.1 * limits.tolerance, limits.tolerance))
    facing = np.flatnonzero(normals @ normal >= limits.cosine)
    residual = np.abs(points[facing] @ normal - offset)
    on = facing[residual < window]
    on = on[_regions(points[on], areas[on], normal, limits, place)]
    if areas[on].sum() < limits.min_area or _curved(points, areas, facing, residual, on, normal, window, limits):
        return nothing, None
    area = float(areas[on].sum())
    middle = (areas[on, None] * points[on]).sum(axis=0) / area
    centre = middle - (middle @ normal - offset) * normal
    return on, Plane(normal, offset, window, spread, area, centre)


def _refined(
    points: Floats, areas: Floats, normal: Floats, offset: float, scale: float, rounds: int = _ROUNDS
) -> tuple[Floats, float, float]:
    """Fit a plane with Tukey's weights; return normal, offset and the robust deviation of the samples."""
    spread = float(
        np.clip(_TO_DEVIATION * weighted_median(np.abs(points @ normal - offset), areas), 0.02 * scale, scale / 2)
    )
    for _ in range(rounds):
        residual = points @ normal - offset
        weight = areas * np.maximum(0.0, 1.0 - (residual / (4.7 * spread)) ** 2) ** 2
        total = weight.sum()
        if total <= 0:
            break
        mean = (weight[:, None] * points).sum(axis=0) / total
        apart = points - mean
        moved = np.linalg.eigh((weight[:, None] * apart).T @ apart)[1][:, 0]
        normal = moved if moved @ normal > 0 else -moved
        offset = float(normal @ mean)
        distance = np.abs(points @ normal - offset)
        inner = distance < scale
        if not inner.any():
            return normal, offset, scale
        spread = _TO_DEVIATION * weighted_median(distance[inner], areas[inner])
        spread = float(np.clip(spread, 1e-3 * scale, scale / 2))
    return normal, offset, spread


def _upright(normal: Floats, spread: float, extent: float) -> Floats:
    """Return a normal that is exactly level or upright if its tilt over `extent` is lost in the samples' spread."""
    up = float(normal[2])
    lost = _TILT * spread / extent
    if np.hypot(normal[0], normal[1]) < lost:
        return np.array([0.0, 0.0, np.sign(up)])
    if abs(up) < lost:
        return np.array([normal[0], normal[1], 0.0]) / np.hypot(normal[0], normal[1])
    return normal


def _regions(points: Floats, areas: Floats, normal: Floats, limits: Limits, place: Floats) -> Bools:
    """Return which samples lie in the connected region, large enough, that is nearest to `place` (3,)."""
    label, _ = _labels(points, areas, normal, limits)
    if not label.any():
        return np.zeros(len(label), bool)
    if not limits.apart:
        return np.asarray(label > 0)
    nearest = np.where(label > 0, ((points - place) ** 2).sum(axis=1), np.inf).argmin()
    return np.asarray(label == label[nearest])


def _labels(points: Floats, areas: Floats, normal: Floats, limits: Limits) -> tuple[Ints, int]:
    """Return the connected region of the plane each sample (N,) lies in, 0 = none or too small, and the last one."""
    from scipy import ndimage

    if not len(points):
        return np.zeros(0, np.int64), 0
    plan = plan_cells(points, normal, limits.cell)
    plan -= plan.min(axis=0) - 1
    shape = tuple(plan.max(axis=0) + 2)
    area = np.bincount(plan[:, 0] * shape[1] + plan[:, 1], weights=areas, minlength=shape[0] * shape[1])
    labels, count = ndimage.label(area.reshape(shape) > _MIN_FILL * limits.cell**2, np.ones((3, 3)))
    large = np.bincount(labels.reshape(-1), weights=area, minlength=count + 1) >= limits.min_area
    large[0] = False
    label = labels[plan[:, 0], plan[:, 1]]
    return np.where(large[label], label, 0).astype(np.int64), count


def _curved(
    points: Floats,
    areas: Floats,
    facing: Ints,
    residual: Floats,
    on: Ints,
    normal: Floats,
    window: float,
    limits: Limits,
) -> bool:
    """Does the surface leave the plane gradually?"""
    leaving = facing[(residual >= window) & (residual < 3.0 * window)]
    if not len(leaving):
        return False
    plan = plan_cells(points, normal, 2.0 * limits.cell)
    low = plan[facing].min(axis=0) - 1
    width = int(plan[facing][:, 1].max() - low[1] + 3)
    cells = np.unique((plan[on] - low) @ np.array([width, 1]))
    around = np.unique(cells[:, None] + np.array([0, 1, -1, width, -width]))
    beside = np.isin((plan[leaving] - low) @ np.array([width, 1]), around)
    return bool(areas[leaving[beside]].sum() > _LEAVING * areas[on].sum())
