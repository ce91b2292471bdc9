"""From stored to physical values and back: logarithms of scales, logits of opacities, quaternions of any length.

3D Gaussian splatting trains with unbounded numbers and its files keep them. Everywhere else in this package values
are linear, so this file is where the two meet.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from ..errors import InvalidRequest
from ..types.frames import Frame
from ..types.gaussians import GaussianCloud
from ..types.report import Finding, Outcome, Severity
from ..types.rotations import normalise_quats

__all__ = ["MAX_ABS_LOG_SCALE", "MAX_ABS_VALUE", "StoredGaussians", "log_scales", "logits"]

Floats = npt.NDArray[np.float32]

#: exp(40) = 2.4e17: squares of both this and its inverse are still float32, so covariances stay finite.
MAX_ABS_LOG_SCALE = 40.0
#: Centres [m] and SH beyond this are garbage, and their squares would leave float32.
MAX_ABS_VALUE = 1e12
#: exp(87) is the last whole power of e that float32 holds.
_MAX_ABS_LOGIT = 87.0
#: Thickness of a 2D Gaussian, which has none, relative to its smaller standard deviation.
_FLAT_THICKNESS = 0.01


class StoredGaussians:
    """Gathers the usable ones of a file's Gaussians into the arrays of a cloud, block by block.

    Args:
        count: how many Gaussians the file holds.
        higher_count: SH coefficients per channel above DC: 0, 3, 8 or 15.
    """

    def __init__(self, count: int, higher_count: int) -> None:
        self._positions = np.empty((count, 3), np.float32)
        self._scales = np.empty((count, 3), np.float32)
        self._quats = np.empty((count, 4), np.float32)
        self._opacities = np.empty(count, np.float32)
        self._sh = np.empty((count, 1 + higher_count, 3), np.float32)
        self._kept = self._clamped = self._zero_quats = self._flat = 0
        self.seen = 0

    def add(
        self,
        *,
        positions: Floats,
        dc: Floats,
        higher: Floats,
        logit_opacities: Floats,
        log_scales: Floats,
        quats_wxyz: Floats,
        checked: bool = False,
    ) -> None:
        """Take over the usable ones of n more Gaussians.

        Args:
            positions: centres [m], shape (n, 3).
            dc: SH band 0, shape (n, 3).
            higher: SH above band 0, shape (n, higher_count, 3).
            logit_opacities: logits, shape (n,).
            log_scales: natural logarithms of scales [m], shape (n, 3), or (n, 2) for 2D Gaussians.
            quats_wxyz: quaternions of any length, shape (n, 4).
            checked: all values are known to be finite and below `MAX_ABS_VALUE`.
        """
        self.seen += len(positions)
        arrays = (positions, dc, higher, logit_opacities, log_scales, quats_wxyz)
        if not checked:
            use = _usable(arrays)
            if not use.all():
                positions, dc, higher, logit_opacities, log_scales, quats_wxyz = (a[use] for a in arrays)
        part = slice(self._kept, self._kept + len(positions))
        self._positions[part] = positions
        self._sh[part, 0] = dc
        self._sh[part, 1:] = higher
        self._opacities[part] = _sigmoid(logit_opacities)
        self._add_scales(part, log_scales)
        self._zero_quats += int((~quats_wxyz.any(axis=1)).sum())
        self._quats[part] = normalise_quats(quats_wxyz)
        self._kept += len(positions)

    def finish(self, subject: str) -> Outcome[GaussianCloud]:
        """Return the cloud, what was counted and what a person should know about it.

        Raises:
            InvalidRequest: nothing is left.
        """
        if not self._kept:
            raise InvalidRequest(f"{subject}: all {self.seen:,} Gaussians hold NaN, infinite or absurd values.")
        kept = slice(0, self._kept)
        cloud = GaussianCloud(
            self._positions[kept],
            self._scales[kept],
            self._quats[kept],
            self._opacities[kept],
            self._sh[kept],
            Frame.GENERATOR,
        )
        counts = {
            "rows": self.seen,
            "gaussians": self._kept,
            "dropped_non_finite": self.seen - self._kept,
            "clamped_scales": self._clamped,
            "zero_quaternions": self._zero_quats,
            "flat_gaussians": self._flat,
        }
        return Outcome(cloud, counts, _findings(counts))

    def _add_scales(self, part: slice, logs: Floats) -> None:
        absurd = np.abs(logs) > MAX_ABS_LOG_SCALE
        if absurd.any():
            self._clamped += int(absurd.any(axis=1).sum())
            logs = np.clip(logs, -MAX_ABS_LOG_SCALE, MAX_ABS_LOG_SCALE)
        scales = np.exp(logs)
        self._scales[part, : scales.shape[1]] = scales
        if scales.shape[1] == 2:
            self._scales[part, 2] = _FLAT_THICKNESS * scales.min(axis=1)
            self._flat += len(scales)


def log_scales(scales: Floats) -> Floats:
    """Return natural logarithms of scales [m] as float32."""
    return np.log(scales, dtype=np.float64).astype(np.float32)


def logits(opacities: Floats) -> Floats:
    """Return logits of opacities in [0, 1] as float32; those of 0 and 1 are finite and come back within 1e-37."""
    p = np.asarray(opacities, np.float64)
    with np.errstate(divide="ignore"):
        values = np.log(p) - np.log1p(-p)
    return np.clip(values, -_MAX_ABS_LOGIT, _MAX_ABS_LOGIT).astype(np.float32)


def _sigmoid(logit_values: Floats) -> Floats:
    out = np.clip(logit_values, -_MAX_ABS_LOGIT, _MAX_ABS_LOGIT)
    np.exp(np.negative(out, out=out), out=out)
    out += 1
    return np.reciprocal(out, out=out)


def _usable(arrays: tuple[Floats, ...]) -> npt.NDArray[np.bool_]:
    """Return which rows are finite and, for the first three arrays (centres and colours), below the bound."""
    use = np.ones(len(arrays[0]), bool)
    for i, array in enumerate(arrays):
        rows = array.reshape(len(array), -1)
        use &= ((np.abs(rows) < MAX_ABS_VALUE) if i < 3 else np.isfinite(rows)).all(axis=1)
    return use


def _findings(counts: Mapping[str, int]) -> tuple[Finding, ...]:
    total = counts["rows"]
    said = (
        ("splat.non_finite", Severity.WARNING, "dropped_non_finite", "were dropped: NaN, infinite or absurd values"),
        ("splat.zero_quaternions", Severity.WARNING, "zero_quaternions", "had no orientation; it became the identity"),
        ("splat.clamped_scales", Severity.WARNING, "clamped_scales", "had an absurd size; it was limited"),
        ("splat.flat", Severity.INFO, "flat_gaussians", "are 2D; they got a thickness of 1 % of their smaller size"),
    )
    return tuple(
        Finding(code, severity, f"{counts[key]:,} of {total:,} Gaussians {what}.", measured=float(counts[key]))
        for code, severity, key, what in said
        if counts[key]
    )
