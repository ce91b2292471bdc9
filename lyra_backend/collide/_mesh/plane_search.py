"""The planes of a surface, large ones first, at a cost that grows with its area.

Hypotheses come from the principal axes of samples in boxes. The one with most area within reach is grown into a plane,
its samples are put aside, and the next is looked for. In a large scene a part of the samples will do to find what is
large; the rest is divided in two, with a margin that both halves hold, and each half is looked through in the same way,
down to parts of which every sample and every box is looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from .cubes import Cubes
from .plane_fit import Limits, Samples, grown, is_flat, members
from .planes import Plane, Planes

__all__ = ["find_planes"]

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.integer]
Names = npt.NDArray[np.complexfloating]

_SAMPLES = 40_000  # of a part of the scene that planes are looked for among; up to twice as many are all taken
_JURY = 8_000  # samples that hypotheses are compared on
_SIDE, _SLAB = 8.0, 4.0  # width and thickness of the boxes hypotheses come from, in cells and in tolerances
_CHUNK, _FIRST = 300, 100  # hypotheses compared at once, and looked at in a part that will be divided
_SHARE = 1 / 64  # of the area of a part that will be divided, from which a plane is looked for in it
_BOX, _FULL = 0.15, 0.5  # smallest plane's area, or the box's own, from which a box gives a hypothesis
_LEFT = 0.5  # of a box's samples that other planes must leave for its hypothesis to be worth a try
_SUPPORT = 0.7  # smallest plane's area, from which a hypothesis is tried
_PATIENCE = 12  # hypotheses in a row that may turn out to be curved before a part is taken to be so
_AROUND = 2.0  # sides of the smallest plane, up to which a hypothesis must hold before more is looked at
_MARGIN, _WIDE = 4.0, 0.1  # of parts: in sides of the smallest plane, and in their own longest side


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
    apart: bool = True,
    report: Callable[[float], None] | None = None,
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
        apart: regions that are not connected may lie on planes of their own, and small ones are looked for in all
            parts of a large scene; else samples are too scattered for that, and a plane is fitted to all that is on it.
        loose: robust deviation, as a share of `tolerance`, from which samples are not flat.
        report: called with the share of the parts of the scene that are done.
    """
    limits = Limits(tolerance, cell, min_area, cosine, loose, reach, apart)
    sample = Samples(points, normals, areas)
    owner = np.full(len(points), -1, np.int32)
    found: list[Plane] = []
    parts = [_Part.of(points)] if len(points) else []
    done = 0
    while parts:
        if report:
            report(done / (done + len(parts)))
        done += 1
        part = parts.pop().without(owner)
        divided = part.halves(points, limits) if apart else []
        for plane in _planes_in(sample.at(part.inside), part, limits, whole=not divided):
            rest = part.inside[owner[part.inside] < 0]
            own = rest[members(sample.at(rest), plane, limits)]
            if len(own):
                owner[own] = len(found)
                found.append(replace(plane, area=float(areas[own].sum())))
        parts += divided
    order = np.argsort([-plane.area for plane in found], kind="stable")
    place = np.append(np.argsort(order), -1).astype(np.int32)
    return Planes(tuple(found[k] for k in order), place[owner])


@dataclass(frozen=True)
class _Part:
    """A box (3,) to (3,) of the scene, and the samples in and around it."""

    low: Floats
    high: Floats
    inside: Ints

    @staticmethod
    def of(points: Floats) -> _Part:
        return _Part(points.min(axis=0), points.max(axis=0), np.arange(len(points)))

    def without(self, owner: Ints) -> _Part:
        return _Part(self.low, self.high, self.inside[owner[self.inside] < 0])

    def halves(self, points: Floats, limits: Limits) -> list[_Part]:
        """Return the two halves of a part that is too large to look at every sample; none if it is not."""
        side = self.high - self.low
        axis = int(side.argmax())
        margin = max(_MARGIN * limits.min_area**0.5, _WIDE * float(side[axis]))
        # in a part no wider than its margin, halves are no smaller
        if len(self.inside) < 2 * _SAMPLES or side[axis] < 2.0 * margin:
            return []
        along = points[self.inside, axis]
        core = (along >= self.low[axis]) & (along <= self.high[axis])
        middle = float(np.median(along[core])) if core.any() else float(self.low[axis] + side[axis] / 2)
        high, low = self.high.copy(), self.low.copy()
        high[axis] = low[axis] = middle
        return [
            _Part(low, self.high, self.inside[along >= middle - margin]),
            _Part(self.low, high, self.inside[along < middle + margin]),
        ]


def _planes_in(sample: Samples, part: _Part, limits: Limits, *, whole: bool) -> list[Plane]:
    """Return the planes in a part of the scene; if not the `whole` of it is to be looked at, the large ones."""
    if not whole:
        stride = len(sample.areas) // _SAMPLES
        total = float(sample.areas.sum())
        sample = sample.at(slice(None, None, stride))
        sample = replace(sample, areas=sample.areas * (total / max(sample.areas.sum(), 1e-12)))
        # samples that are wider apart hold together all the same
        wide = limits.cell * float(np.sqrt(stride))
        limits = replace(limits, cell=wide, min_area=max(limits.min_area, _SHARE * total))
    if not limits.apart:
        stride = max(1, len(sample.areas) // _SAMPLES)
        total = float(sample.areas.sum())
        sample = sample.at(slice(None, None, stride))
        sample = replace(sample, areas=sample.areas * (total / max(sample.areas.sum(), 1e-12)))
    found: list[Plane] = []
    tried: Names = np.zeros(0, complex)
    bounds = (sample.points.min(axis=0), sample.points.max(axis=0)) if len(sample.points) else (part.low, part.high)
    while len(sample.areas):
        guesses = _guesses(sample, part, bounds, limits, tried)
        guesses = guesses.first(_CHUNK) if not limits.apart else guesses if whole else guesses.first(_FIRST)
        tried = np.concatenate([tried, guesses.names])
        new, sample = _greedy(sample, guesses, limits)
        found += new
        if not new or not limits.apart:
            break
    return found


@dataclass(frozen=True)
class _Guesses:
    """Hypotheses, those of most samples first.

    Attributes:
        planes: (normal, offset), shape (H, 4).
        places: middles of their samples, shape (H, 3).
        of: the hypothesis that each sample is of, -1 = none, shape (N,).
        names: box and area of their samples as one complex number, shape (H,): the same name, the same samples.
    """

    planes: Floats
    places: Floats
    of: Ints
    names: Names

    def first(self, count: int) -> _Guesses:
        """Return the first ones."""
        of = np.where(self.of < count, self.of, -1)
        return _Guesses(self.planes[:count], self.places[:count], of, self.names[:count])


def _greedy(sample: Samples, guesses: _Guesses, limits: Limits) -> tuple[list[Plane], Samples]:
    """Grow the hypothesis with most support into a plane, put its samples aside, and so on; return what is left too."""
    count, reach = len(guesses.planes), _AROUND * float(np.sqrt(limits.min_area))
    found: list[Plane] = []
    cubes, left, of = Cubes(sample.points, reach), np.arange(len(sample.areas)), guesses.of
    alive, rest = np.ones(len(left), bool), sample
    chunks = [slice(c, c + _CHUNK) for c in range(0, count, _CHUNK)]
    jury = _jury(sample)
    support = np.concatenate([np.zeros(0), *(_support(jury, guesses.planes[c], limits) for c in chunks)])
    # few of the samples that are asked may lie on what is small; those of its box do
    in_box = np.bincount(guesses.of + 1, sample.areas, count + 1)[1:]
    support = np.maximum(support, in_box)
    flat = np.zeros(count, bool)
    in_vain = 0

    def _is_flat_there(index: int) -> bool:
        near = cubes.around(guesses.places[index : index + 1], reach)
        return is_flat(sample, near[alive[near]], guesses.planes[index], guesses.places[index], limits)

    while count and in_vain < _PATIENCE and support.max() >= _SUPPORT * limits.min_area:
        best = int(support.argmax())
        guess = guesses.planes[best]
        # what planes found since then have taken no longer supports it
        taken = bool(found) and rest.areas[of == best].sum() < _LEFT * in_box[best]
        if taken or not (flat[best] or not limits.apart or _is_flat_there(best)):
            support[best] = 0.0
            continue
        flat[best] = True
        support[best] = max(in_box[best], _support(jury, guess[None], limits)[0])
        if support[best] < support.max():
            continue
        support[best] = 0.0
        on, plane = grown(rest, guess, guesses.places[best], limits)
        in_vain = 0 if plane is not None else in_vain + 1
        if plane is not None:
            found.append(plane)
            alive[left[on]] = False
            stays = np.delete(np.arange(len(left)), on)
            left, of, rest = left[stays], of[stays], rest.at(stays)
            jury = _jury(rest)
    return found, rest


def _guesses(sample: Samples, part: _Part, bounds: tuple[Floats, Floats], limits: Limits, tried: Names) -> _Guesses:
    """Return planes through the samples of boxes in a part of the scene, one for each axis they face.

    Those whose names were tried are left out.
    """
    points, normals, areas, tolerance = sample.points, sample.normals, sample.areas, limits.tolerance
    boxes, group = np.unique(_boxes(points, normals, bounds, limits), return_inverse=True)
    count = len(boxes)

    def total(values: Floats) -> Floats:
        return np.bincount(group, weights=values * areas, minlength=count).astype(np.float64)

    weight = total(np.ones(len(points)))
    mean = np.stack([total(points[:, k]) for k in range(3)], axis=1) / weight[:, None]
    apart = points - mean[group]
    spread = np.array([[total(apart[:, r] * apart[:, s]) for s in range(3)] for r in range(3)]).transpose(2, 0, 1)
    mean_normal = np.stack([total(normals[:, k]) for k in range(3)], axis=1)
    least = min(_BOX * limits.min_area, _FULL * (_SIDE * limits.cell) ** 2)
    # what lies in the margin is the neighbour's
    core = ((mean >= part.low) & (mean <= part.high)).all(axis=1)
    some = np.flatnonzero((weight >= least) & core)
    variance, axes = np.linalg.eigh(spread[some])
    flat = variance[:, 0] <= weight[some] * (tolerance / 2) ** 2
    names = boxes + 1j * weight
    new = ~np.isin(names[some], tried) & flat
    some, normal = some[new], axes[new, :, 0]
    best = np.argsort(-weight[some], kind="stable")
    some, normal = some[best], normal[best]
    normal = normal * np.where((normal * mean_normal[some]).sum(axis=1) < 0, -1.0, 1.0)[:, None]
    of = np.full(count, -1)
    of[some] = np.arange(len(some))
    return _Guesses(np.column_stack([normal, (normal * mean[some]).sum(axis=1)]), mean[some], of[group], names[some])


def _boxes(points: Floats, normals: Floats, bounds: tuple[Floats, Floats], limits: Limits) -> Floats:
    """Return the number of the box each sample is in, by place within `bounds` and by the axis it faces."""
    axis = np.abs(normals).argmax(axis=1)
    rows = np.arange(len(axis))
    facing = axis * 2 + (normals[rows, axis] > 0)
    # thin along the axis they face: a table and the floor below it are two surfaces
    side = _SIDE * limits.cell
    sides = np.full(points.shape, side)
    sides[rows, axis] = min(side, _SLAB * limits.tolerance)
    low, high = bounds
    cube = np.floor((points - low) / sides)
    span = np.floor((high - low) / sides.min()) + 1
    return np.asarray(((cube[:, 0] * span[1] + cube[:, 1]) * span[2] + cube[:, 2]) * 6 + facing)


def _jury(sample: Samples) -> Samples:
    """Return a few samples that stand for all."""
    stride = max(1, len(sample.areas) // _JURY)
    few = sample.at(slice(None, None, stride))
    return Samples(*(np.ascontiguousarray(a) for a in (few.points, few.normals, few.areas * stride)))


def _support(jury: Samples, guesses: Floats, limits: Limits) -> Floats:
    """Return the area of samples on each hypothesis, nearer ones counting more, shape (H,)."""
    residual = (jury.points @ guesses[:, :3].T - guesses[:, 3]) / limits.tolerance
    near = np.maximum(0.0, 1.0 - residual**2) * (jury.normals @ guesses[:, :3].T >= limits.cosine)
    return np.asarray(jury.areas @ near)
