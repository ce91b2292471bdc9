"""Check a cloud of Gaussians as a scene: its size, its visibility, its shape.

Does: hold statistics of a cloud against limits. Does not: change the cloud. That values are finite, positive and of
the right shape is the cloud's own business.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..progress import Progress
from ..types import Finding, GaussianCloud, Outcome, Severity

__all__ = ["check_gaussians"]

Floats = npt.NDArray[np.floating]

#: An 8-bit image cannot show less.
_VISIBLE_OPACITY = 1.0 / 255.0
_SOLID_OPACITY = 0.5
#: Percentiles of the centres, along each axis, between which the core of a scene lies.
_CORE_PERCENT = (1.0, 99.0)


class _Report:
    """Findings and counts of one cloud."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.counts: dict[str, int | float] = {}

    def hold(
        self, code: str, measured: float, limit: float, holds: bool, message: str, severity: Severity = Severity.WARNING
    ) -> None:
        """Keep a finding unless the rule holds."""
        if not holds:
            self.findings.append(Finding(f"gaussians.{code}", severity, message, float(measured), float(limit)))


def check_gaussians(cloud: GaussianCloud, limits: Any, progress: Progress) -> Outcome[None]:
    """Hold `cloud` against the validate stage's `limits`; counts are statistics of the cloud."""
    report = _Report()
    progress(0.0, f"checking {cloud.count} Gaussians")
    _check_count(report, cloud, limits)
    if not cloud.count:
        return Outcome(None, report.counts, tuple(report.findings))
    low, high = _core(cloud)
    _check_extent(report, cloud, low, high, limits)
    progress(0.3, "checking opacities and scales")
    _check_opacities(report, cloud.opacities, limits)
    _check_scales(report, cloud.scales, float(np.linalg.norm(high - low)), limits)
    progress(1.0, "checked Gaussians")
    return Outcome(None, report.counts, tuple(report.findings))


def _check_count(report: _Report, cloud: GaussianCloud, limits: Any) -> None:
    count, fewest, most = cloud.count, limits.gaussian_count_min, limits.gaussian_count_max
    report.counts["gaussians"] = count
    message = f"The scene has {count} Gaussians, at least {fewest} are needed."
    report.hold("count", count, fewest, count >= fewest, message, Severity.ERROR)
    message = f"The scene has {count} Gaussians; with more than {most} renderers slow down."
    report.hold("count", count, most, count <= most, message)


def _core(cloud: GaussianCloud) -> tuple[Floats, Floats]:
    """Return the box (low, high) [m] around the bulk of the Gaussians that can be seen."""
    visible = cloud.opacities >= _VISIBLE_OPACITY
    centres = cloud.positions[visible] if visible.any() else cloud.positions
    low, high = np.percentile(centres, _CORE_PERCENT, axis=0)
    return low, high


def _check_extent(report: _Report, cloud: GaussianCloud, low: Floats, high: Floats, limits: Any) -> None:
    core = float((high - low).max())
    whole = float(np.ptp(cloud.positions, axis=0).max())
    report.counts["core_extent_m"] = round(core, 4)
    small, large = limits.extent_min_m, limits.extent_max_m
    message = f"The core of the scene is {core:.3g} m across, less than {small:g} m: it was not scaled to metres."
    report.hold("extent", core, small, core >= small, message, Severity.ERROR)
    message = f"The core of the scene is {core:.4g} m across, more than {large:g} m: it was not scaled to metres."
    report.hold("extent", core, large, core <= large, message, Severity.ERROR)
    ratio = whole / core if core > 0 else 1.0
    message = f"Stray Gaussians spread {ratio:.1f} times as far as the core of the scene; remove them."
    report.hold("outliers", ratio, limits.outlier_ratio_max, ratio <= limits.outlier_ratio_max, message)


def _check_opacities(report: _Report, opacities: Floats, limits: Any) -> None:
    faint = float((opacities < _VISIBLE_OPACITY).mean())
    solid = float((opacities > _SOLID_OPACITY).mean())
    report.counts |= {"median_opacity": round(float(np.median(opacities)), 4), "faint_share": round(faint, 4)}
    message = f"{faint:.0%} of the Gaussians are too faint to be seen and cost memory only; prune them."
    report.hold("faint", faint, limits.faint_share_max, faint <= limits.faint_share_max, message)
    message = f"Only {solid:.1%} of the Gaussians are solid (opacity above {_SOLID_OPACITY}): the scene is fog."
    report.hold("fog", solid, limits.opaque_share_min, solid >= limits.opaque_share_min, message)


def _check_scales(report: _Report, scales: Floats, diagonal_m: float, limits: Any) -> None:
    ordered = np.sort(scales, axis=1)
    largest = ordered[:, 2]
    bound = limits.scale_share_of_extent_max * diagonal_m
    huge = float((largest > bound).mean())
    needles = float((largest > limits.needle_ratio * ordered[:, 1]).mean())
    report.counts |= {"median_scale_m": round(float(np.median(largest)), 6), "needle_share": round(needles, 4)}
    message = f"{huge:.2%} of the Gaussians have a scale above {bound:.3g} m and veil the scene."
    report.hold("huge", huge, limits.huge_share_max, huge <= limits.huge_share_max, message)
    message = f"{needles:.1%} of the Gaussians are needles, over {limits.needle_ratio:g} times as long as wide."
    report.hold("needles", needles, limits.needle_share_max, needles <= limits.needle_share_max, message)
