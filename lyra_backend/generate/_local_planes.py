"""Planes fitted to the surroundings of the pixels of a depth map, and how noisy the depth is around them.

A plane seen by a pinhole camera has an inverse depth that is linear in the pixel: everything here is linear least
squares in inverse depth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["LocalPlanes", "depth_noise", "fit_planes"]

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

_FIT_RADIUS = 4
_NOISE_SAMPLES = 20_000


@dataclass(frozen=True)
class LocalPlanes:
    """Inverse depth as a linear function of the pixel, shape (n,) each.

    Attributes:
        here: its value at the pixel [1/m].
        slope_x, slope_y: its slopes [1/m/px].
        deviation: root mean square of what it leaves over in the window [1/m].
    """

    here: Doubles
    slope_x: Doubles
    slope_y: Doubles
    deviation: Doubles


def depth_noise(inverse: Floats, rows: Indices, columns: Indices, threshold: float) -> float:
    """Return the noise of the inverse depth [1/m]: what planes leave over around a typical one of some pixels.

    The arguments are those of :func:`fit_planes`. Stereo and structured light are equally noisy in inverse depth at
    every distance.
    """
    step = -(-len(rows) // _NOISE_SAMPLES)
    return float(np.median(fit_planes(inverse, rows[::step], columns[::step], threshold).deviation))


def fit_planes(inverse: Floats, rows: Indices, columns: Indices, threshold: float) -> LocalPlanes:
    """Fit inverse depth over the connected pixels of a small window around each of some pixels.

    Args:
        inverse: inverse depth [1/m], 0 = none, shape (H, W).
        rows, columns: the pixels, all with depth, shape (n,).
        threshold: relative jump of depth a pixel that counts as an edge.
    """
    here = inverse[rows, columns].astype(np.float64)
    padded = np.pad(inverse, _FIT_RADIUS)
    steps = range(-_FIT_RADIUS, _FIT_RADIUS + 1)
    sums = np.zeros((10, len(rows)))  # of w, x, y, xx, xy, yy, xq, yq, q and qq; q is the rise from the pixel itself
    for dy in steps:
        for dx in steps:
            if dx == dy == 0:
                continue
            there = padded[rows + dy + _FIT_RADIUS, columns + dx + _FIT_RADIUS]
            jump = there - here
            weight = ((there > 0) & (np.abs(jump) < threshold * max(abs(dx), abs(dy)) * here)).astype(np.float64)
            rise = weight * jump
            for total, factor in zip(sums[:6], (1, dx, dy, dx * dx, dx * dy, dy * dy), strict=True):
                total += factor * weight
            for total, factor in zip(sums[6:9], (dx, dy, 1), strict=True):
                total += factor * rise
            sums[9] += jump * rise
    lift, slope_x, slope_y = _linear_fit(sums[:9])
    xq, yq, q, qq = sums[6:]
    left = np.maximum(qq - lift * q - slope_x * xq - slope_y * yq, 0.0)
    return LocalPlanes(here + lift, slope_x, slope_y, np.sqrt(left / (sums[0] + 1.0)))


def _linear_fit(sums: Doubles) -> tuple[Doubles, Doubles, Doubles]:
    """Solve the 3 x 3 least squares of q = a + bx x + by y; without enough support all are 0."""
    count, x, y, xx, xy, yy, xq, yq, q = sums
    count = count + 1.0  # the pixel itself, whose x, y and q are 0
    cxx, cxy, cyy = xx - x * x / count, xy - x * y / count, yy - y * y / count
    cxq, cyq = xq - x * q / count, yq - y * q / count
    determinant = cxx * cyy - cxy * cxy
    firm = (count >= 4) & (determinant > 1.0)
    safe = np.where(firm, determinant, 1.0)
    bx, by = (cyy * cxq - cxy * cyq) / safe, (cxx * cyq - cxy * cxq) / safe
    a = (q - bx * x - by * y) / count
    return np.where(firm, a, 0.0), np.where(firm, bx, 0.0), np.where(firm, by, 0.0)
