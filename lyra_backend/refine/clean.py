"""Leave out Gaussians that are no part of the scene: too large, too far away, too transparent to be seen."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..params import param
from ..types import Finding, GaussianCloud, Outcome, Severity

__all__ = ["CleanParams", "clean", "kept", "robust_box"]

_log = logging.getLogger(__name__)

Mask = npt.NDArray[np.bool_]
Corner = npt.NDArray[np.float64]
#: Share of the centres that the robust box leaves out at either end of every axis.
_TAIL = 0.01
#: Gaussians are counted as this many standard deviations wide.
_REACH_SIGMA = 3.0
_MOST_SAMPLES = 1_000_000


@dataclass(frozen=True)
class CleanParams:
    """What is left out; lengths are relative to the diagonal of the box around 98 % of the scene."""

    min_opacity: float = param(1 / 255, "more transparent Gaussians are left out", min=0.0, max=1.0)
    max_size: float = param(
        0.25, "Gaussians with a larger standard deviation, relative to the scene, are left out", min=0.001
    )
    max_distance: float = param(
        1.5, "Gaussians farther from the scene's box, relative to the scene, are left out", min=0.0
    )
    max_dropped: float = param(0.3, "share of Gaussians left out beyond which a warning is given", min=0.0, max=1.0)


def clean(cloud: GaussianCloud, params: CleanParams) -> Outcome[GaussianCloud]:
    """Return the cloud without invisible, oversized and stray Gaussians; nothing is moved.

    If nothing would be left, the cloud comes back as it was, with a finding of severity error.
    """
    transparent, oversized, stray = _unwanted(cloud, params)
    keep = ~(transparent | oversized | stray)
    counts = {
        "before_cleaning": cloud.count,
        "transparent": int(transparent.sum()),
        "oversized": int(oversized.sum()),
        "stray": int(stray.sum()),
        "after_cleaning": int(keep.sum()),
    }
    if not keep.any():
        return Outcome(cloud, counts | {"after_cleaning": cloud.count}, (_empty(cloud),))
    _log.info("cleaning: %d -> %d Gaussians", cloud.count, counts["after_cleaning"])
    return Outcome(cloud if keep.all() else cloud.select(keep), counts, _findings(counts, params))


def kept(cloud: GaussianCloud, params: CleanParams) -> Mask:
    """Return which Gaussians, shape (N,), :func:`clean` keeps; it may be none of them."""
    return ~np.logical_or.reduce(_unwanted(cloud, params))


def _unwanted(cloud: GaussianCloud, params: CleanParams) -> tuple[Mask, Mask, Mask]:
    """Return which Gaussians are transparent, oversized and stray, shapes (N,); each is one of them at most."""
    transparent = cloud.opacities < params.min_opacity
    oversized, stray = np.zeros_like(transparent), np.zeros_like(transparent)
    if not transparent.all():
        low, high = robust_box(cloud, ~transparent)
        size = float(np.linalg.norm(high - low))
        oversized = ~transparent & (cloud.wide_scales[1] > params.max_size * size)
        stray = ~transparent & ~oversized & (_outside(cloud.positions, low, high) > params.max_distance * size)
    return transparent, oversized, stray


def robust_box(cloud: GaussianCloud, use: Mask) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return (low, high) corners (3,) [m] of a box around 98 % of the chosen Gaussians along every axis.

    Args:
        cloud: at least one Gaussian.
        use: which ones count, shape (N,), at least one.
    """
    some = np.flatnonzero(use)
    # a million tell where the others are
    some = some[:: -(-len(some) // _MOST_SAMPLES)]
    low, high = np.quantile(cloud.positions[some], (_TAIL, 1 - _TAIL), axis=0).astype(np.float64)
    reach = _REACH_SIGMA * float(np.median(cloud.wide_scales[1][some]))
    return low - reach, high + reach


def _outside(positions: npt.NDArray[np.float32], low: Corner, high: Corner) -> npt.NDArray[np.float64]:
    """Return the distances (N,) [m] of points (N, 3) from a box."""
    squares = np.zeros(len(positions))
    for axis in range(3):
        column = positions[:, axis].astype(np.float64)
        squares += np.maximum(np.maximum(low[axis] - column, column - high[axis]), 0.0) ** 2
    return np.sqrt(squares)


def _empty(cloud: GaussianCloud) -> Finding:
    message = (
        f"Cleaning would leave none of {cloud.count:,} Gaussians, so it was not done. Look at the splat, or lower "
        "refine.min_opacity and raise refine.max_size."
    )
    return Finding("refine.empty", Severity.ERROR, message, measured=float(cloud.count))


def _findings(counts: dict[str, int], params: CleanParams) -> tuple[Finding, ...]:
    dropped = counts["before_cleaning"] - counts["after_cleaning"]
    share = dropped / counts["before_cleaning"]
    if share <= params.max_dropped:
        return ()
    message = (
        f"Cleaning left out {share:.0%} of the Gaussians: {counts['transparent']:,} transparent, "
        f"{counts['oversized']:,} oversized, {counts['stray']:,} far away."
    )
    return (Finding("refine.dropped_share", Severity.WARNING, message, share, params.max_dropped),)
