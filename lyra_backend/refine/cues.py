"""Cues with uncertainty, of directions and of one number, and what several of them say together.

Cues are fused by inverse variance. One that contradicts the others is left out and named.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .planes import tangents

__all__ = ["Direction", "FusedDirection", "FusedLength", "Length", "fuse_directions", "fuse_lengths"]

Floats = npt.NDArray[np.float64]

#: What a chi-square variable of two degrees of freedom exceeds once in a hundred times, and of one.
_CHI2_OF_TWO, _CHI2_OF_ONE = 9.21, 6.63
#: From a standard deviation to what holds the truth 19 times of 20.
_TO_95 = 1.96


@dataclass(frozen=True)
class Direction:
    """What one cue says of the vertical: unit vector `up` (3,) and its `covariance` (3, 3) [rad2] across it."""

    name: str
    up: Floats
    covariance: Floats

    @property
    def deg(self) -> float:
        """Angle that holds the truth 19 times of 20 [deg]."""
        return float(np.degrees(_TO_95 * np.sqrt(np.trace(self.covariance))))


@dataclass(frozen=True)
class FusedDirection:
    """The vertical that cues agree on; `left_out` are names of those that contradict, and by how much [deg]."""

    up: Floats
    covariance: Floats
    used: tuple[str, ...]
    left_out: tuple[tuple[str, float], ...]

    @property
    def deg(self) -> float:
        """Angle that holds the truth 19 times of 20 [deg]."""
        return float(np.degrees(_TO_95 * np.sqrt(np.trace(self.covariance))))


@dataclass(frozen=True)
class Length:
    """What one cue says of the scale: the natural logarithm of metres per unit, and its standard deviation.

    `given` marks what a user or a sensor said, as against what things usually measure.
    """

    name: str
    log_scale: float
    sigma: float
    given: bool = True

    @property
    def scale(self) -> float:
        return float(np.exp(self.log_scale))

    @property
    def percent(self) -> float:
        """Half of the range that holds the truth 19 times of 20 [%]."""
        return 100 * _TO_95 * self.sigma


@dataclass(frozen=True)
class FusedLength:
    """The scale that cues agree on; `conflicts` are pairs of cues that contradict each other, and by how much [%]."""

    scale: float
    percent: float
    used: tuple[str, ...]
    conflicts: tuple[tuple[str, str, float], ...]


def fuse_directions(cues: Sequence[Direction]) -> FusedDirection:
    """Return what cues say together; of two that contradict each other the surer holds, less sure by what they differ.

    Args:
        cues: at least one.
    """
    order = sorted(cues, key=lambda cue: float(np.trace(cue.covariance)))
    kept, left_out = [order[0]], []
    for cue in order[1:]:
        so_far = _joined(kept)
        if _distance(so_far.up, so_far.covariance, cue) > _CHI2_OF_TWO:
            angle = float(np.degrees(np.arccos(np.clip(np.einsum("k,k->", so_far.up, cue.up), -1, 1))))
            left_out.append((cue.name, angle))
        else:
            kept.append(cue)
    joined = _joined(kept)
    return FusedDirection(joined.up, joined.covariance, tuple(cue.name for cue in kept), tuple(left_out))


def _joined(cues: Sequence[Direction]) -> Direction:
    """Return the mean of directions, weighted by the inverse of their covariances across it."""
    up = cues[0].up
    covariance: Floats = np.zeros((2, 2))
    for _ in range(3):
        across = tangents(up)
        information, pull = np.zeros((2, 2)), np.zeros(2)
        for cue in cues:
            weight = np.linalg.inv(_across(cue.covariance, across))
            information += weight
            pull += weight @ (across @ (cue.up / max(float(cue.up @ up), 1e-3) - up))
        covariance = np.asarray(np.linalg.inv(information), np.float64)
        moved = up + (covariance @ pull) @ across
        up = moved / np.linalg.norm(moved)
    across = tangents(up)
    return Direction("", up, across.T @ covariance @ across)


def _across(covariance: Floats, across: Floats) -> Floats:
    return np.asarray(across @ covariance @ across.T + 1e-12 * np.eye(2))


def _distance(up: Floats, covariance: Floats, cue: Direction) -> float:
    """Return the squared Mahalanobis distance of a cue from a direction."""
    across = tangents(up)
    apart = across @ (cue.up / max(float(cue.up @ up), 1e-3) - up)
    both = _across(covariance, across) + _across(cue.covariance, across)
    return float(apart @ np.linalg.solve(both, apart))


def fuse_lengths(cues: Sequence[Length]) -> FusedLength | None:
    """Return what cues say of the scale together; None without any.

    The surest come first; one that contradicts them is left out and named. If both were given, nobody knows which is
    wrong, and the uncertainty grows by half of what they differ.
    """
    if not cues:
        return None
    order = sorted(cues, key=lambda cue: (not cue.given, cue.sigma))
    kept, conflicts, slack = [order[0]], [], 0.0
    for cue in order[1:]:
        mean, sigma = _mean(kept)
        apart = cue.log_scale - mean
        if apart**2 > _CHI2_OF_ONE * (sigma**2 + cue.sigma**2):
            conflicts.append((kept[0].name, cue.name, 100 * float(np.expm1(abs(apart)))))
            slack = max(slack, 0.5 * abs(apart)) if cue.given else slack
        else:
            kept.append(cue)
    mean, sigma = _mean(kept)
    percent = 100 * max(_TO_95 * sigma, slack)
    return FusedLength(float(np.exp(mean)), percent, tuple(cue.name for cue in kept), tuple(conflicts))


def _mean(cues: Sequence[Length]) -> tuple[float, float]:
    """Return the weighted mean of logarithms and its standard deviation."""
    weights = np.array([1 / max(cue.sigma, 1e-9) ** 2 for cue in cues])
    logs = np.array([cue.log_scale for cue in cues])
    return float((weights * logs).sum() / weights.sum()), float(weights.sum() ** -0.5)
