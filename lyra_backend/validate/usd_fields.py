"""Particle fields: the rules of the schema that no library checks.

Does: compare array lengths, value ranges and the extent of every ParticleField prim, at every time it has samples for
and half-way between them. Does not: judge how the scene looks.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from pxr import Usd

from ..types import Finding, Severity

__all__ = ["check_field", "field_key", "is_field"]

Floats = npt.NDArray[np.floating]

DEGREE = "radiance:sphericalHarmonicsDegree"
COEFFICIENTS = "radiance:sphericalHarmonicsCoefficients"
#: Arrays with one value per Gaussian, and what readers take when one is missing.
_PER_GAUSSIAN = {"orientations": "no rotation", "scales": "a scale of 1 m", "opacities": "full opacity"}
_ARRAYS = ("positions", *_PER_GAUSSIAN, COEFFICIENTS)
_DEGREES = (0, 1, 2, 3)
#: The kernel ends at three standard deviations.
_SUPPORT_SIGMA = 3.0


def is_field(prim: Usd.Prim) -> bool:
    """Say whether `prim` holds Gaussians; by name, because USD before 26.03 does not know the type."""
    return str(prim.GetTypeName()).startswith("ParticleField")


def field_key(prim: Usd.Prim) -> tuple[str, ...]:
    """Return what identifies the data behind `prim`, so that one field seen through several stages is checked once."""
    attributes = (prim.GetAttribute(name + end) for name in (*_ARRAYS, "extent", DEGREE) for end in ("", "h"))
    stacks = (a.GetPropertyStack(Usd.TimeCode.Default()) if a else [] for a in attributes)
    return tuple(f"{stack[0].layer.realPath}{stack[0].path}" if stack else "" for stack in stacks)


def check_field(prim: Usd.Prim, where: str, norm_error_max: float) -> Iterator[Finding]:
    """Yield what is wrong with one particle field; `where` names it in messages, `norm_error_max` bounds |q| - 1.

    Of a field that changes over time it is what is wrong at the first time that has something wrong.
    """
    for time in _times(prim):
        found = _found_at(prim, time, where, norm_error_max)
        yield from found
        if found:
            return


def _times(prim: Usd.Prim) -> list[Usd.TimeCode]:
    """Return the times at which a field has samples, then those half-way between; the default time if it has none."""
    ends = ("", "h")
    attributes = [prim.GetAttribute(name + end) for name in (*_ARRAYS, "extent") for end in ends]
    codes = sorted({code for attribute in attributes if attribute for code in attribute.GetTimeSamples()})
    between = [(one + two) / 2 for one, two in pairwise(codes)]
    return [Usd.TimeCode(code) for code in (*codes, *between)] or [Usd.TimeCode.Default()]


def _found_at(prim: Usd.Prim, time: Usd.TimeCode, where: str, norm_error_max: float) -> list[Finding]:
    report = _Report(where, time)
    arrays = {name: _array(prim, name, report) for name in _ARRAYS}
    positions = arrays["positions"]
    if positions is None:
        report.add("positions", "positions are not authored; nothing is drawn.")
        return report.findings
    count = len(positions)
    for name, fallback in _PER_GAUSSIAN.items():
        _check_length(report, name, arrays[name], count, fallback)
    degree = _check_degree(report, prim, arrays[COEFFICIENTS], count)
    _check_coefficients(report, arrays[COEFFICIENTS], count, degree)
    for name, values in arrays.items():
        _check_finite(report, name, values)
    _check_ranges(report, arrays, norm_error_max)
    _check_extent(report, prim, arrays)
    return report.findings


class _Report:
    """Findings of one prim at one time."""

    def __init__(self, where: str, time: Usd.TimeCode) -> None:
        self.where = where
        self.time = time
        self.findings: list[Finding] = []

    def add(
        self,
        code: str,
        message: str,
        severity: Severity = Severity.ERROR,
        measured: float | None = None,
        limit: float | None = None,
    ) -> None:
        when = "" if self.time.IsDefault() else f" at time {self.time.GetValue():g}"
        text = f"{self.where}{when}: {message}"
        self.findings.append(Finding(f"field.{code}", severity, text, measured, limit, self.where))


def _array(prim: Usd.Prim, name: str, report: _Report) -> Floats | None:
    """Return an array in the precision that readers take, (N,) or (N, k); None if it is not authored."""
    full, half = (prim.GetAttribute(name + end) for end in ("", "h"))
    values = [a.Get(report.time) for a in (full, half) if a and a.HasAuthoredValue()]
    if len(values) == 2:
        report.add("two_precisions", f"{name} is there as float and as half; keep one.", Severity.WARNING)
    if not values or values[0] is None:
        return None
    return np.asarray(values[0])


def _check_length(report: _Report, name: str, values: Floats | None, count: int, fallback: str) -> None:
    if values is None:
        report.add("missing", f"{name} are not authored, readers then take {fallback}.", Severity.WARNING)
    elif len(values) != count:
        fate = "is thrown away whole" if len(values) < count else "is cut short"
        message = f"{name} has {len(values)} values for {count} Gaussians, so it {fate}; author one each."
        report.add("length", message, measured=float(len(values)), limit=float(count))


def _check_degree(report: _Report, prim: Usd.Prim, coefficients: Floats | None, count: int) -> int:
    attribute = prim.GetAttribute(DEGREE)
    authored = attribute and attribute.HasAuthoredValue()
    degree = int(attribute.Get()) if authored else 3
    if not authored and coefficients is not None:
        fits = len(coefficients) == count * 16
        severity = Severity.WARNING if fits else Severity.ERROR
        report.add("sh_degree", f"{DEGREE} is not authored, readers then take 3; author it.", severity)
    elif degree not in _DEGREES:
        report.add("sh_degree", f"{DEGREE} must be 0, 1, 2 or 3, got {degree}.", measured=float(degree))
    return degree


def _check_coefficients(report: _Report, values: Floats | None, count: int, degree: int) -> None:
    if values is None:
        report.add("missing", f"{COEFFICIENTS} are not authored, so everything is grey.", Severity.WARNING)
    elif degree in _DEGREES and len(values) != count * (degree + 1) ** 2:
        wanted = count * (degree + 1) ** 2
        message = f"{COEFFICIENTS} has {len(values)} values, {count} Gaussians of degree {degree} need {wanted}."
        report.add("sh_length", message, measured=float(len(values)), limit=float(wanted))


def _check_finite(report: _Report, name: str, values: Floats | None) -> None:
    if values is None or np.isfinite(values).all():
        return
    bad = ~np.isfinite(values.reshape(len(values), -1)).all(axis=1)
    message = f"{name} holds {bad.sum()} NaN or infinite entries (first: {bad.argmax()}); remove those Gaussians."
    report.add("not_finite", message, measured=float(bad.sum()), limit=0.0)


def _check_ranges(report: _Report, arrays: dict[str, Floats | None], norm_error_max: float) -> None:
    """Check values that are numbers; NaN is reported elsewhere, so comparisons are written to let it pass."""
    opacities, scales, quats = arrays["opacities"], arrays["scales"], arrays["orientations"]
    if opacities is not None and (wrong := int(((opacities < 0) | (opacities > 1)).sum())):
        message = f"{wrong} opacities are outside 0 to 1; USD stores them after the sigmoid."
        report.add("opacity_range", message, measured=float(wrong), limit=0.0)
    if scales is not None and (wrong := int((scales <= 0).any(axis=1).sum())):
        message = f"{wrong} Gaussians have a scale that is not positive; USD stores scales after the exponential."
        report.add("scale_not_positive", message, measured=float(wrong), limit=0.0)
    if quats is not None and len(quats):
        errors = np.abs(np.sqrt(np.einsum("nk,nk->n", quats, quats, dtype=np.float32)) - 1)
        worst = float(np.nanmax(errors, initial=0.0))
        if worst > norm_error_max:
            message = f"an orientation's norm is off by {worst:.2g}; orientations must be unit quaternions."
            report.add("orientation_norm", message, measured=worst, limit=norm_error_max)


def _check_extent(report: _Report, prim: Usd.Prim, arrays: dict[str, Floats | None]) -> None:
    """Check that the authored box holds every Gaussian; nobody computes it for this type."""
    attribute = prim.GetAttribute("extent")
    box = attribute.Get(report.time) if attribute and attribute.HasAuthoredValue() else None
    if box is None or len(box) != 2:
        report.add("extent_missing", "extent is not authored; without it nothing can frame or cull the Gaussians.")
        return
    low, high = np.asarray(box, np.float64)
    centres, scales = arrays["positions"], arrays["scales"]
    if centres is None or not len(centres) or not np.isfinite(centres).all() or not np.isfinite([low, high]).all():
        return
    outside = _overshoot(centres, 0.0, low, high)
    if outside > 0:
        message = f"centres lie up to {outside:.3g} m outside extent; they are culled too early."
        report.add("extent_small", message, measured=outside, limit=0.0)
    elif scales is not None and len(scales) == len(centres) and np.isfinite(scales).all():
        reach = _SUPPORT_SIGMA * scales.max(axis=1, keepdims=True).astype(np.float32)
        outside = _overshoot(centres, reach, low, high)
        if outside > 0:
            message = f"Gaussians reach up to {outside:.3g} m beyond extent; add three times their scale."
            report.add("extent_small", message, Severity.WARNING, measured=outside, limit=0.0)


def _overshoot(centres: Floats, reach: Any, low: Floats, high: Floats) -> float:
    """Return how far [m] the boxes `centres` +- `reach` stick out of [low, high], 0 if they only do by rounding."""
    beyond = max(
        float((low - (centres - reach).min(axis=0)).max()), float(((centres + reach).max(axis=0) - high).max())
    )
    rounding = 1e-6 * max(1.0, float(np.abs([low, high]).max()))
    return beyond if beyond > rounding else 0.0
