"""Surfaces fitted twice, to either half of the points: the mean is the surface, and half the difference its noise.

What a fit says of its own error holds for points that scatter evenly about a smooth surface. Two halves that share no
point tell what the noise is where they do not, at edges and in clutter as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from ...kernels.local_fit import LocalFits

__all__ = ["HalfCells", "Halves"]

Floats = npt.NDArray[np.floating]
Bools = npt.NDArray[np.bool_]

_STILL_FLAT, _STILL_SMOOTH = 2.1, 1.5  # in standard errors of the fits that are smoothed
_AGREE_FLAT = 0.9


@dataclass(frozen=True)
class Halves:
    """A surface as either half of the points has it, S places of each.

    Attributes:
        first, second: places [m], shape (S, 3).
        normals: unit normals, shape (S, 3).
        error: standard error that the fits to a half state of themselves [m], shape (S,).
        spread: standard deviation of the points around the surface [m], shape (S,).
        mass: of the points, shape (S,).
    """

    first: Floats
    second: Floats
    normals: Floats
    error: Floats
    spread: Floats
    mass: Floats

    @property
    def points(self) -> Floats:
        return (self.first + self.second) / 2.0

    @property
    def noise(self) -> Floats:
        """How far the places may be off along the normal by chance [m], shape (S,)."""
        return np.abs(((self.first - self.second) * self.normals).sum(axis=1)) / 2.0

    def at(self, chosen: Bools) -> Halves:
        """Return some of the places."""
        return Halves(**{name: values[chosen] for name, values in vars(self).items()})

    def replaced(self, chosen: Bools, by: Halves) -> Halves:
        """Return the places with those that are `chosen` (S,) taken from `by`, which holds only these."""
        parts = {name: values.copy() for name, values in vars(self).items()}
        for name, values in parts.items():
            values[chosen] = getattr(by, name)
        return Halves(**parts)

    def moved(self, along: Floats) -> Halves:
        """Return the places moved along their normals by `along` (S,) [m]."""
        step = along[:, None] * self.normals
        parts = vars(self) | {"first": self.first + step, "second": self.second + step}
        return Halves(**parts)

    def smoothed(self, radius: float, slab: float) -> Halves:
        """Return the places put on a fit through all those within `radius` [m], where the surface is flat to there."""
        from ...kernels.local_fit import PointCells, local_fits

        trust = (np.median(self.error) / np.maximum(self.error, 1e-5)) ** 2
        fits = [
            local_fits(PointCells(points, self.normals, trust, radius), points, self.normals, radius, slab, _AGREE_FLAT)
            for points in (self.first, self.second)
        ]
        one, two = fits
        with np.errstate(invalid="ignore"):
            flat = np.abs(one.height + two.height) / 2.0 < _STILL_FLAT * self.error
            flat &= (one.deviation + two.deviation) / 2.0 < _STILL_SMOOTH * self.error
        first, second = (
            points + np.where(flat, fit.height, 0.0)[:, None] * self.normals
            for points, fit in zip((self.first, self.second), fits, strict=True)
        )
        return Halves(**(vars(self) | {"first": first, "second": second}))


class HalfCells:
    """Points (N, 3) with unit normals (N, 3) and masses (N,) in two halves, sorted into cells of `radius` [m]."""

    def __init__(self, points: Floats, normals: Floats, masses: Floats, radius: float) -> None:
        from ...kernels.local_fit import PointCells

        self.radius = radius
        self.cells = [PointCells(points[k::2], normals[k::2], masses[k::2], radius) for k in (0, 1)]

    def fit(
        self, at: Floats, ways: Floats, slab: float, agreement: float, *, either_side: bool = False
    ) -> tuple[Halves, Bools]:
        """Fit near places (S, 3) with normals `ways`; return those where there is a surface, and which they are (S,).

        Args:
            at, ways: where to fit, and unit normals.
            slab: points farther than this from the tangent plane are no part of the surface [m].
            agreement: least cosine between normals.
            either_side: points that face the other way count too.
        """
        from ...kernels.local_fit import local_fits

        one, two = (local_fits(half, at, ways, self.radius, slab, agreement, either_side) for half in self.cells)
        found = np.isfinite(one.height) | np.isfinite(two.height)
        # where a half has too few points there is no telling its noise
        height = [np.where(np.isfinite(a.height), a.height, b.height)[found] for a, b in ((one, two), (two, one))]
        first, second = (at[found] + h[:, None] * ways[found] for h in height)
        normals = one.normal[found] + two.normal[found]
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
        return Halves(
            first,
            second,
            normals,
            _mean(one, two, "error")[found],
            _mean(one, two, "deviation")[found],
            (one.mass + two.mass)[found],
        ), found


def _mean(one: LocalFits, two: LocalFits, name: str) -> Floats:
    """Return the mean of a figure of two fits; of one where the other has too few points."""
    a, b = (np.where(np.isfinite(fit.height), getattr(fit, name), np.nan) for fit in (one, two))
    return np.where(np.isnan(a), b, np.where(np.isnan(b), a, (a + b) / 2.0))
