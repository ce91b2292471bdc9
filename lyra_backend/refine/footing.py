"""The ground that a camera stands on: the lowest solid surface straight below it, over a small disc.

A cloud of Gaussians is seen from below along vertical rays. Along one, a Gaussian has the height of its mean given the
place, and the weight of its density there, so that a few large Gaussians are ground as well as many small ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..types import GaussianCloud
from ..types.rotations import matrix_from_quat

__all__ = ["Footing", "UprightCloud", "footing_below", "plane_below"]

Floats = npt.NDArray[np.float64]

#: The disc's radius relative to the height; its rings, and rays on each.
_RADIUS = 0.2
_RINGS = ((0.0, 1), (0.5, 6), (1.0, 12))
#: Gaussians farther from a ray than this many standard deviations do not count.
_REACH = 3.0
#: Gaussians as thick as this part of their width are no ground, nor what is steeper than this.
_MAX_THICKNESS, _MAX_SLOPE = 0.6, 1.0
#: Rays are stopped by this much opacity, and ground is below so many of them.
_SOLID, _MIN_RAYS = 0.5, 0.5
#: Gaussians of one surface lie within this part of the height.
_LAYER = 0.04
_ITERATIONS = 8


@dataclass(frozen=True)
class Footing:
    """How far the ground lies below a camera, and how much it goes up and down there: a standard deviation; units."""

    drop: float
    unevenness: float


@dataclass(frozen=True)
class UprightCloud:
    """A cloud with the rotation (3, 3) that turns it upright, its centres turned so (N, 3), and reaches (N,)."""

    cloud: GaussianCloud
    rotation: Floats
    points: Floats
    reach: Floats

    @staticmethod
    def of(cloud: GaussianCloud, rotation: Floats) -> UprightCloud:
        """Return the cloud turned upright."""
        points = np.einsum("nk,jk->nj", cloud.positions, rotation)
        return UprightCloud(cloud, rotation, points, _REACH * cloud.scales.max(axis=1).astype(np.float64))


def footing_below(scene: UprightCloud, lens: Floats, about: float | None = None) -> Footing | None:
    """Return the ground below a camera; None if there is too little right there.

    Args:
        scene: in any unit.
        lens: optical centre (3,), turned upright.
        about: roughly the height of the camera, for where nothing is straight below; None: not known.
    """
    near = _near(scene, lens, 0.0)
    first = near.ground(np.zeros(2), about)
    scale = about if first is None else first
    if scale is None:
        return None
    radius = _RADIUS * scale
    places = radius * _disc()
    near = _near(scene, lens, radius)
    drops = np.array([drop if drop is not None else np.nan for drop in (near.ground(p, scale) for p in places)])
    known = np.isfinite(drops)
    if known.mean() < _MIN_RAYS:
        return None
    return plane_below(places[known], drops[known])


def _disc() -> Floats:
    """Return places (n, 2) on a disc of radius 1."""
    turns = [(share, 2 * np.pi * k / count) for share, count in _RINGS for k in range(count)]
    return np.array([(share * np.cos(turn), share * np.sin(turn)) for share, turn in turns])


def plane_below(places: Floats, drops: Floats) -> Footing:
    """Return the ground at a camera's foot by the plane through what lies about it, by least absolute deviations.

    Args:
        places: where, relative to the foot (n, 2).
        drops: how far the ground there lies below the camera (n,).
    """
    design = np.concatenate([places, np.ones((len(places), 1))], axis=1)
    weights = np.ones(len(drops))
    for _ in range(_ITERATIONS):
        fit = np.linalg.lstsq(design * weights[:, None], drops * weights, rcond=None)[0]
        left = drops - design @ fit
        weights = 1 / np.sqrt(np.maximum(np.abs(left), 1e-3 * max(float(np.median(drops)), 1e-12)))
    # a kerb under part of the disc leaves few rays far off: they count in full
    return Footing(float(fit[2]), float(np.sqrt(np.mean(left**2))))


@dataclass(frozen=True)
class _Near:
    """Gaussians about a vertical line, relative to a lens on it.

    Attributes:
        places: centres across the line (n, 2).
        drops: how far centres lie below the lens (n,).
        slopes: of the drop across the line (n, 2).
        precisions: inverse covariances across the line (n, 2, 2).
        opacities: (n,).
    """

    places: Floats
    drops: Floats
    slopes: Floats
    precisions: Floats
    opacities: Floats

    def ground(self, place: Floats, about: float | None) -> float | None:
        """Return the drop to the lowest surface that stops a ray at a place (2,); None if none does."""
        away = place - self.places
        squares = np.einsum("ni,nij,nj->n", away, self.precisions, away)
        drops = self.drops + np.einsum("ni,ni->n", self.slopes, away)
        there = np.flatnonzero((squares < _REACH**2) & (drops > 0))
        there = there[np.argsort(-drops[there], kind="stable")]
        weights, drops = self.opacities[there] * np.exp(-0.5 * squares[there]), drops[there]
        hidden = 1 - np.cumprod(1 - weights)
        if not len(hidden) or hidden[-1] < _SOLID:
            return None
        lowest = float(drops[np.searchsorted(hidden, _SOLID)])
        # the lowest of a noisy surface is below it
        layer = np.abs(drops - lowest) < _LAYER * (about or lowest)
        return float(np.average(drops[layer], weights=weights[layer]))


def _near(scene: UprightCloud, lens: Floats, radius: float) -> _Near:
    """Return the flat and level Gaussians that reach within `radius` of the vertical through a lens (3,)."""
    cloud, away = scene.cloud, scene.points[:, :2] - lens[:2]
    about = np.einsum("ni,ni->n", away, away) < (radius + scene.reach) ** 2
    chosen = np.flatnonzero(about & (scene.points[:, 2] < lens[2]))
    axes = scene.rotation @ matrix_from_quat(cloud.quats_wxyz[chosen].astype(np.float64))
    scaled = axes * cloud.scales[chosen, None, :].astype(np.float64)
    covariance = scaled @ scaled.transpose(0, 2, 1)
    across = covariance[:, :2, :2] + 1e-12 * np.trace(covariance, axis1=1, axis2=2)[:, None, None] * np.eye(2)
    precisions = np.linalg.inv(across)
    lean = np.einsum("nij,nj->ni", precisions, covariance[:, :2, 2])
    thick = covariance[:, 2, 2] - np.einsum("ni,ni->n", lean, covariance[:, :2, 2])
    width = np.linalg.eigvalsh(across)[:, 1]
    level = (thick < _MAX_THICKNESS**2 * width) & (np.linalg.norm(lean, axis=1) < _MAX_SLOPE)
    kept = chosen[level]
    drops, opacities = lens[2] - scene.points[kept, 2], cloud.opacities[kept].astype(np.float64)
    return _Near(away[kept], drops, -lean[level], precisions[level], opacities)
