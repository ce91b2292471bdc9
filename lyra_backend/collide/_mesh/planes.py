"""Planes that large parts of a surface lie on, found robustly, and samples moved onto them.

Samples are points with a normal and an area. Hypotheses come from the principal axes of the samples in boxes; the one
with most area within reach is refined by iteratively reweighted least squares (Tukey's biweight, see Huber, "Robust
Statistics", 1981), its samples are put aside, and the next is looked for. A plane is what is flat and ends: where
samples leave it gradually the surface is curved, and is left alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from .robust import weighted_median

__all__ = ["Plane", "Planes", "find_planes", "flattened", "refitted"]

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.integer]
Bools = npt.NDArray[np.bool_]

_MOST_PLANES = 96
_SAMPLES = 40_000  # that planes are looked for among
_MASSES, _FEW_MASSES = 200_000, 20  # used to move planes, and needed for it
_JURY = 8_000  # samples that hypotheses are compared on
_SLAB = 4.0  # thickness of the boxes of samples that hypotheses come from, in tolerances
_CUBES = 300  # hypotheses
_ROUNDS = 12  # of reweighting
_TO_DEVIATION = 1.4826  # standard deviation over median absolute deviation of a normal distribution
_OWN = 0.75  # agreement of normals from which a sample near a plane that was found belongs to it
_SHALLOW = 0.2  # sine between a direction and a plane below which they count as parallel
_TILT = 4.0  # spreads over the extent of a plane that its tilt may be wrong by
_LEAVING = 0.35  # area just off the plane over area on it, from which the surface counts as curved
_MIN_FILL = 0.25  # share of a region's cells that must hold samples of the plane


@dataclass(frozen=True)
class Plane:
    """Points x with ``normal . x = offset``; `normal` looks into free space.

    Attributes:
        normal: unit, shape (3,).
        offset: in the samples' unit.
        window: distance up to which samples belong to it.
        spread: robust standard deviation of its samples.
        area: of its samples.
        centre: mean of its samples, on the plane, shape (3,).
    """

    normal: Floats
    offset: float
    window: float
    spread: float
    area: float
    centre: Floats

    def residual(self, points: Floats) -> Floats:
        """Signed distances (N,) of points (N, 3), positive in free space."""
        return points @ self.normal - self.offset


@dataclass(frozen=True)
class Planes:
    """All planes of a scene and the plane of every sample, -1 = none, shape (N,)."""

    planes: tuple[Plane, ...]
    owner: npt.NDArray[np.int32]


@dataclass(frozen=True)
class _Limits:
    """What counts as on a plane: lengths in the samples' unit."""

    tolerance: float
    cell: float
    min_area: float
    cosine: float
    loose: float
    deviations: float


def find_planes(
    points: Floats,
    normals: Floats,
    areas: Floats,
    *,
    tolerance: float,
    cell: float,
    min_area: float,
    cosine: float,
    loose: float = 0.2,
    reach: float = 4.0,
) -> Planes:
    """Find planes, largest first.

    Args:
        points: samples of the surface, shape (N, 3).
        normals: unit normals towards free space, shape (N, 3).
        areas: area each sample stands for, shape (N,).
        tolerance: largest distance of a sample from its plane.
        cell: gaps wider than this separate regions.
        min_area: area of the smallest plane.
        cosine: least agreement of a sample's normal with its plane's.
        reach: deviations of its samples up to which one belongs to a plane.
        loose: robust deviation, as a share of `tolerance`, from which samples are not flat.
    """
    limits = _Limits(tolerance, cell, min_area, cosine, loose, reach)
    few = slice(None, None, max(1, len(points) // _SAMPLES))
    sample = _Samples(points[few], normals[few], areas[few] * (areas.sum() / max(areas[few].sum(), 1e-12)))
    found: list[Plane] = []
    guesses = _hypotheses(sample, 8.0 * cell, tolerance) if len(points) else np.zeros((0, 4))
    support = _support(sample, guesses, limits)
    while len(found) < _MOST_PLANES and len(support) and support.max() >= 0.7 * min_area:
        best = int(support.argmax())
        # what planes found since then have taken no longer supports it
        support[best] = _support(sample, guesses[best : best + 1], limits)[0]
        if support[best] < support.max():
            continue
        on, plane = _grown(sample, guesses[best], limits)
        support[best] = 0.0
        if plane is not None:
            found.append(plane)
            sample = sample.without(on)
    return Planes(tuple(found), _owners(_Samples(points, normals, areas), found, limits))


def refitted(planes: Planes, points: Floats, masses: Floats, weights: Floats, cell: float) -> Planes:
    """Move planes along their normals to where the mass around them is densest.

    Samples of a rough surface are those of its front; the middle of what makes it rough is a better guess.

    Args:
        planes: planes of `points` (N, 3).
        masses: places of what the surface was made from, shape (M, 3).
        weights: how much each counts, shape (M,).
        cell: as for :func:`find_planes`.
    """
    stride = max(1, len(masses) // _MASSES)
    masses, weights = masses[::stride].astype(np.float64), weights[::stride].astype(np.float64)
    moved = []
    for index, plane in enumerate(planes.planes):
        mine = points[planes.owner == index]
        residual = plane.residual(masses)
        near = np.flatnonzero((np.abs(residual) < 2.0 * plane.window) & (len(mine) > 0))
        if len(near):
            near = near[_within(masses[near], mine, plane.normal, cell)]
        if len(near) < _FEW_MASSES:
            moved.append(plane)
            continue
        spread = _TO_DEVIATION * weighted_median(np.abs(residual[near]), weights[near])
        middle = weighted_median(residual[near], weights[near])
        shift = _densest(residual[near], weights[near], middle, 2.0 * max(spread, 1e-6))
        moved.append(replace(plane, offset=plane.offset + shift, centre=plane.centre + shift * plane.normal))
    return Planes(tuple(moved), planes.owner)


def _within(points: Floats, region: Floats, normal: Floats, cell: float) -> Bools:
    """Return which points (N, 3) lie before or behind cells that hold samples of a region (M, 3)."""
    plan, held = _plan(points, normal, cell), _plan(region, normal, cell)
    low = held.min(axis=0)
    width = int(held[:, 1].max() - low[1]) + 1
    inside = (plan[:, 1] >= low[1]) & (plan[:, 1] < low[1] + width)
    return inside & np.isin((plan - low) @ np.array([width, 1]), np.unique((held - low) @ np.array([width, 1])))


def flattened(points: Floats, normals: Floats, planes: Planes, along: Floats) -> tuple[Floats, Floats]:
    """Move samples onto their planes in directions `along` (N, 3); return points and normals (N, 3)."""
    points, normals = points.copy(), normals.copy()
    for index, plane in enumerate(planes.planes):
        mine = planes.owner == index
        steep = (along[mine] @ plane.normal)[:, None]
        # what runs along the plane meets it nowhere near: there the shortest way will do
        way = np.where(np.abs(steep) < _SHALLOW, plane.normal, along[mine] / np.where(steep == 0.0, 1.0, steep))
        points[mine] -= plane.residual(points[mine])[:, None] * way
        normals[mine] = plane.normal
    return points, normals


@dataclass(frozen=True)
class _Samples:
    """Points (N, 3), unit normals (N, 3) and areas (N,)."""

    points: Floats
    normals: Floats
    areas: Floats

    def without(self, index: Ints) -> _Samples:
        keep = np.ones(len(self.areas), bool)
        keep[index] = False
        return _Samples(self.points[keep], self.normals[keep], self.areas[keep])


def _owners(sample: _Samples, planes: list[Plane], limits: _Limits) -> npt.NDArray[np.int32]:
    """Return the index of the first plane each sample lies on, -1 = none, shape (N,)."""
    owner = np.full(len(sample.areas), -1, np.int32)
    for index, plane in enumerate(planes):
        on = np.flatnonzero((owner < 0) & (sample.normals @ plane.normal >= min(limits.cosine, _OWN)))
        on = on[np.abs(plane.residual(sample.points[on])) < plane.window]
        owner[on[_regions(sample.points[on], sample.areas[on], plane.normal, limits)]] = index
    return owner


def _hypotheses(sample: _Samples, side: float, tolerance: float) -> Floats:
    """Return planes (H, 4) = (normal, offset) through the samples of boxes of `side`, one for each axis they face."""
    points, normals, areas = sample.points, sample.normals, sample.areas
    axis = np.abs(normals).argmax(axis=1)
    rows = np.arange(len(axis))
    facing = axis * 2 + (normals[rows, axis] > 0)
    # thin along the axis they face: a table and the floor below it are two surfaces
    sides = np.full(points.shape, side)
    sides[rows, axis] = min(side, _SLAB * tolerance)
    cube = np.floor(points / sides).astype(np.int64)
    cube -= cube.min(axis=0)
    span = cube.max(axis=0) + 1
    key = ((cube[:, 0] * span[1] + cube[:, 1]) * span[2] + cube[:, 2]) * 6 + facing
    _, group = np.unique(key, return_inverse=True)
    count = int(group.max()) + 1

    def total(values: Floats) -> Floats:
        return np.bincount(group, weights=values * areas, minlength=count).astype(np.float64)

    weight = total(np.ones(len(points)))
    mean = np.stack([total(points[:, k]) for k in range(3)], axis=1) / weight[:, None]
    apart = points - mean[group]
    spread = np.array([[total(apart[:, r] * apart[:, s]) for s in range(3)] for r in range(3)]).transpose(2, 0, 1)
    variance, axes = np.linalg.eigh(spread)
    normal = axes[:, :, 0]
    mean_normal = np.stack([total(normals[:, k]) for k in range(3)], axis=1)
    normal *= np.where((normal * mean_normal).sum(axis=1) < 0, -1.0, 1.0)[:, None]
    weight[variance[:, 0] > weight * (tolerance / 2) ** 2] = 0.0
    best = np.argsort(-weight, kind="stable")[: min(_CUBES, np.count_nonzero(weight))]
    return np.column_stack([normal, (normal * mean).sum(axis=1)])[best]


def _support(sample: _Samples, guesses: Floats, limits: _Limits) -> Floats:
    """Return the area of samples on each hypothesis, nearer ones counting more, shape (H,); a few samples will do."""
    stride = max(1, len(sample.areas) // _JURY)
    points, normals, areas = sample.points[::stride], sample.normals[::stride], sample.areas[::stride] * stride
    residual = (points @ guesses[:, :3].T - guesses[:, 3]) / limits.tolerance
    near = np.maximum(0.0, 1.0 - residual**2) * (normals @ guesses[:, :3].T >= limits.cosine)
    return np.asarray(areas @ near)


def _grown(sample: _Samples, guess: Floats, limits: _Limits) -> tuple[Ints, Plane | None]:
    """Refine a hypothesis on its largest connected region; None if that is small or curved."""
    nothing = np.zeros(0, np.int64)
    points, normals, areas = sample.points, sample.normals, sample.areas
    normal, offset = guess[:3], guess[3]
    facing = np.flatnonzero(normals @ normal >= limits.cosine)
    near = facing[np.abs(points[facing] @ normal - offset) < 1.5 * limits.tolerance]
    near = near[_regions(points[near], areas[near], normal, limits)]
    if areas[near].sum() < limits.min_area:
        return nothing, None
    normal, offset, spread = _refined(points[near], areas[near], normal, offset, limits.tolerance)
    normal = _upright(normal, spread, float(np.sqrt(areas[near].sum())))
    offset = _densest(
        points[near] @ normal, areas[near], weighted_median(points[near] @ normal, areas[near]), 2.0 * spread
    )
    if spread > limits.loose * limits.tolerance:
        return nothing, None
    window = float(np.clip(limits.deviations * spread, 0.1 * limits.tolerance, limits.tolerance))
    facing = np.flatnonzero(normals @ normal >= limits.cosine)
    residual = np.abs(points[facing] @ normal - offset)
    on = facing[residual < window]
    on = on[_regions(points[on], areas[on], normal, limits)]
    if areas[on].sum() < limits.min_area or _curved(points, areas, facing, residual, on, normal, window, limits):
        return nothing, None
    area = float(areas[on].sum())
    middle = (areas[on, None] * points[on]).sum(axis=0) / area
    centre = middle - (middle @ normal - offset) * normal
    return on, Plane(normal, offset, window, spread, area, centre)


def _refined(points: Floats, areas: Floats, normal: Floats, offset: float, scale: float) -> tuple[Floats, float, float]:
    """Fit a plane with Tukey's weights; return normal, offset and the robust deviation of the samples."""
    spread = float(
        np.clip(_TO_DEVIATION * weighted_median(np.abs(points @ normal - offset), areas), 0.02 * scale, scale / 2)
    )
    for _ in range(_ROUNDS):
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


def _densest(heights: Floats, areas: Floats, start: float, width: float) -> float:
    """Return where samples are densest near `start`: haze lies more behind a surface than before it (mean shift)."""
    for _ in range(_ROUNDS):
        weight = areas * np.maximum(0.0, 1.0 - ((heights - start) / width) ** 2) ** 2
        if weight.sum() <= 0:
            break
        start = float((weight * heights).sum() / weight.sum())
    return start


def _plan(points: Floats, normal: Floats, cell: float) -> Ints:
    """Return cells (N, 2) of points in two axes across `normal`."""
    first = np.cross(normal, np.eye(3)[np.abs(normal).argmin()])
    first /= np.linalg.norm(first)
    return np.floor(np.stack([points @ first, points @ np.cross(normal, first)], axis=1) / cell).astype(np.int64)


def _regions(points: Floats, areas: Floats, normal: Floats, limits: _Limits) -> Bools:
    """Return which samples lie in connected regions of the plane that are large enough, shape (N,)."""
    from scipy import ndimage

    if not len(points):
        return np.zeros(0, bool)
    plan = _plan(points, normal, limits.cell)
    plan -= plan.min(axis=0) - 1
    shape = tuple(plan.max(axis=0) + 2)
    area = np.bincount(plan[:, 0] * shape[1] + plan[:, 1], weights=areas, minlength=shape[0] * shape[1])
    labels, count = ndimage.label(area.reshape(shape) > _MIN_FILL * limits.cell**2, np.ones((3, 3)))
    sizes = ndimage.sum_labels(area.reshape(shape), labels, np.arange(count + 1))
    large = sizes >= limits.min_area
    large[0] = False
    return np.asarray(large[labels[plan[:, 0], plan[:, 1]]])


def _curved(
    points: Floats,
    areas: Floats,
    facing: Ints,
    residual: Floats,
    on: Ints,
    normal: Floats,
    window: float,
    limits: _Limits,
) -> bool:
    """Does the surface leave the plane gradually?"""
    leaving = facing[(residual >= window) & (residual < 3.0 * window)]
    if not len(leaving):
        return False
    plan = _plan(points, normal, 2.0 * limits.cell)
    low = plan[facing].min(axis=0) - 1
    width = int(plan[facing][:, 1].max() - low[1] + 3)
    cells = np.unique((plan[on] - low) @ np.array([width, 1]))
    around = np.unique(cells[:, None] + np.array([0, 1, -1, width, -width]))
    beside = np.isin((plan[leaving] - low) @ np.array([width, 1]), around)
    return bool(areas[leaving[beside]].sum() > _LEAVING * areas[on].sum())
