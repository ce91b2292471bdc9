"""Which way is up by what stands upright: the direction across most normals of walls, posts, trunks and furniture.

Normals of upright surfaces lie on a great circle, whatever way they face; its pole is the vertical. It is looked for
in a cone about the given axis, and settled by iteratively reweighted least squares with a redescending weight, whose
scale follows the noise of the normals. Where things are tall, their outlines in plan tell it better than noisy normals
do (`plumb`). One wall alone only tells one of the two angles: the covariance says so.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .cues import Direction
from .planes import tangents
from .plumb import plumb
from .surfels import Surfels, upright_ones

__all__ = ["find_vertical"]

Floats = npt.NDArray[np.float64]

#: Name of the cue where outlines in plan did not make it surer.
_BY_NORMALS = "normals of upright surfaces"

_STEP_DEG = 1.5
#: Half width of the band about the great circle, in the search, and at the least where the fit ends [deg].
_BAND_DEG, _LEAST_BAND_DEG, _MOST_BAND_DEG = 3.0, 1.5, 12.0
_ROUGH_VOTES = 4000
_ROUNDS = 12
_MIN_COUNT = 100
#: Errors count by these many directions times squares of the ground plan.
_AZIMUTHS, _SQUARES = 12, 5
#: What is not known of a direction is known this well at the least: the cone [rad].
_LOOSE = np.radians(25.0)
#: Normals of one scene err alike, as trunks lean: deviations grow by this.
_ALIKE = 2.0


def find_vertical(surfels: Surfels, about: Floats, radius_deg: float, max_tilt: float) -> Direction | None:
    """Return the vertical near `about`; None if too little stands upright to tell.

    Args:
        surfels: of a cloud whose z axis points roughly up.
        about: unit vector (3,), what floor or ground say.
        radius_deg: how far from it the vertical is looked for.
        max_tilt: how far it may be from the z axis [deg].
    """
    by_normals = _by_normals(upright_ones(surfels, max_tilt), about, radius_deg)
    if by_normals is None:
        return None
    found = plumb(surfels, by_normals)
    apart = np.degrees(np.arccos(np.clip([found.up @ about, found.up[2]], -1.0, 1.0)))
    return None if apart[0] > radius_deg + 2 * _STEP_DEG or apart[1] > max_tilt + 2 * _STEP_DEG else found


def _by_normals(surfels: Surfels, about: Floats, radius_deg: float) -> Direction | None:
    """Return the pole of the great circle that normals lie on, if they crowd there."""
    if len(surfels.normals) < _MIN_COUNT:
        return None
    up = _best_of(surfels.normals, _cone(about, radius_deg))
    scale = np.radians(_BAND_DEG)
    for _ in range(_ROUNDS):
        across = tangents(up)
        near = np.abs(np.einsum("nk,k->n", surfels.normals, up)) < 2.5 * scale
        if near.sum() < _MIN_COUNT:
            return None
        up = _stepped(surfels.normals[near], up, across, scale)
        scale = _noise(surfels.normals, up, scale)
    return Direction(_BY_NORMALS, up, _covariance(surfels, up, scale))


def _cone(about: Floats, radius_deg: float) -> Floats:
    """Return unit vectors (m, 3) that fill the cone about `about`."""
    rings = [about[None]]
    across = tangents(about)
    for tilt in np.radians(np.arange(_STEP_DEG, radius_deg + _STEP_DEG, _STEP_DEG)):
        turns = np.linspace(0, 2 * np.pi, max(6, round(2 * np.pi * np.sin(tilt) / np.radians(_STEP_DEG))), False)
        aside = np.stack([np.cos(turns), np.sin(turns)], axis=1) @ across
        rings.append(np.sin(tilt) * aside + np.cos(tilt) * about)
    return np.concatenate(rings)


def _best_of(normals: Floats, ways: Floats) -> Floats:
    """Return the way across which normals stand out most from the bands beside, in standard deviations."""
    some, band = normals[:: -(-len(normals) // _ROUGH_VOTES)], np.sin(np.radians(_BAND_DEG))
    parts = np.abs(np.einsum("mk,nk->mn", ways, some))
    inside, beside = (parts < band).sum(axis=1), ((parts >= band) & (parts < 2 * band)).sum(axis=1)
    return np.asarray(ways[int(((inside - beside) / np.sqrt(inside + beside + 1.0)).argmax())])


def _weights(parts: Floats, scale: float) -> Floats:
    """Tukey's biweight of normals' parts along the vertical (n,)."""
    return np.asarray(np.clip(1 - (parts / (2.5 * scale)) ** 2, 0.0, None) ** 2)


def _stepped(normals: Floats, up: Floats, across: Floats, scale: float) -> Floats:
    """Return `up` after one step of weighted least squares."""
    parts, slopes = np.einsum("nk,k->n", normals, up), np.einsum("nk,jk->nj", normals, across)
    weights = _weights(parts, scale)
    bread = np.einsum("n,ni,nj->ij", weights, slopes, slopes) + np.eye(2) * 1e-6 * len(normals)
    step = -np.linalg.solve(bread, np.einsum("n,ni,n->i", weights, slopes, parts))
    moved = up + step @ across
    return np.asarray(moved / np.linalg.norm(moved))


def _noise(normals: Floats, up: Floats, scale: float) -> float:
    """Return how far upright surfaces' normals scatter [rad], as a robust standard deviation within the band."""
    parts = np.abs(np.einsum("nk,k->n", normals, up))
    inside = parts[parts < 2.5 * scale]
    spread = 1.4826 * float(np.median(inside)) if len(inside) else scale
    low, high = np.radians(_LEAST_BAND_DEG), np.radians(_MOST_BAND_DEG)
    # slowly, so that a narrow start may widen and a wide one narrow down
    return float(np.clip(0.5 * (scale + 1.2 * spread), low, high))


def _covariance(surfels: Surfels, up: Floats, scale: float) -> Floats:
    """Return the covariance (3, 3) [rad2]: the sandwich estimator over clusters of direction and place."""
    across = tangents(up)
    parts = np.einsum("nk,k->n", surfels.normals, up)
    near = np.abs(parts) < 2.5 * scale
    slopes = np.einsum("nk,jk->nj", surfels.normals[near], across)
    weights = _weights(parts[near], scale)
    # the derivative of the score of the biweight, bounded below as usual for small samples
    steepness = np.clip(1 - 5 * (parts[near] / (2.5 * scale)) ** 2, 0.0, None) * np.sqrt(weights)
    bread = np.einsum("n,ni,nj->ij", steepness, slopes, slopes)
    scores = (weights * parts[near])[:, None] * slopes
    clusters = _clusters(surfels.points[near], slopes, across)
    sums = np.stack([np.bincount(clusters, scores[:, k]) for k in range(2)], axis=1)
    count = int((np.bincount(clusters) > 0).sum())
    meat = sums.T @ sums * (count / max(count - 1, 1))
    # across what no wall tells, the cone is all that is known
    loose = np.eye(2) * max(float(weights.sum()), 1.0) * scale**2 / _LOOSE**2 * 1e-2
    back = np.linalg.inv(bread + loose)
    inner = back @ meat @ back
    values, vectors = np.linalg.eigh(inner + (back @ loose @ back) * _LOOSE**2)
    values = np.minimum(_ALIKE**2 * values, _LOOSE**2)
    return np.asarray(across.T @ (vectors * values) @ vectors.T @ across)


def _clusters(points: Floats, slopes: Floats, across: Floats) -> npt.NDArray[np.intp]:
    """Return which direction and square of the ground plan each normal belongs to (n,)."""
    turns = np.mod(np.arctan2(slopes[:, 1], slopes[:, 0]), np.pi) / np.pi
    azimuth = np.minimum((turns * _AZIMUTHS).astype(np.intp), _AZIMUTHS - 1)
    places = np.einsum("nk,jk->nj", points, across)
    low, high = places.min(axis=0), places.max(axis=0)
    square = np.clip((places - low) / np.maximum(high - low, 1e-9) * _SQUARES, 0, _SQUARES - 1).astype(np.intp)
    return np.asarray((azimuth * _SQUARES + square[:, 0]) * _SQUARES + square[:, 1])
