"""Depth of the frames of a video, brought to the scale of the first: networks judge every picture anew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .depth import Depth
from .motion import still_pixels
from .start import Start

__all__ = ["VideoFrame", "align_depth", "aligned_frames"]

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]

#: Pixels that decide: between these quantiles of the error, as GEN3C takes them; refitted so often.
_QUANTILES, _ROUNDS = (0.1, 0.9), 3
#: Fewer pixels than this share of the picture say nothing.
_ENOUGH = 0.02
#: Inverse depths that spread by less than this share of their mean give no slope: what is shown is a wall.
_FLAT = 0.01
#: The scale of inverse depth may change by this factor at most.
_MOST = 3.0


class VideoFrame(NamedTuple):
    """A frame of a video at the model's size.

    Attributes:
        image: sRGB (H, W, 3).
        z: depth in the networks' unit, 0 where unknown, (H, W).
        sky: where there is nothing, (H, W).
    """

    image: npt.NDArray[np.uint8]
    z: Floats
    sky: Bools


def aligned_frames(
    start: Start, images: Sequence[npt.NDArray[np.uint8]], depths: Sequence[Depth], scale: float | None
) -> list[VideoFrame]:
    """Return the frames of a video whose camera stands still, their depth brought to the scale of the first.

    Args:
        start: of the first frame.
        images: all frames, (H, W, 3).
        depths: a network's, of each.
        scale: what users say that its unit is [m]; None if they say nothing.
    """
    frames = [VideoFrame(images[0], start.z, depths[0].sky)]
    for image, depth in zip(images[1:], depths[1:], strict=True):
        z = depth.z * np.float32((scale or 1.0) / start.unit)
        frames.append(VideoFrame(image, align_depth(z, start.z, still_pixels(image, start.image)), depth.sky))
    return frames


def align_depth(z: Floats, reference: Floats, still: Bools) -> Floats:
    """Return `z` (H, W) such that where nothing moved it is `reference`, by a scale and a shift of inverse depth.

    Least squares over pixels that are still and known in both, without those that fit worst. If there are too few, or
    the fit is absurd, `z` is returned as it is.

    Args:
        z, reference: distances along the axis, 0 where unknown.
        still: where nothing moved between the two.
    """
    both = still & (z > 0) & (reference > 0)
    if both.sum() < _ENOUGH * both.size:
        return z
    inverse, wanted = 1.0 / z[both].astype(np.float64), 1.0 / reference[both].astype(np.float64)
    scale, shift, inside = 1.0, 0.0, np.ones(len(inverse), bool)
    for _ in range(_ROUNDS):
        scale, shift = _line(inverse[inside], wanted[inside])
        error = scale * inverse + shift - wanted
        low, high = np.quantile(error, _QUANTILES)
        inside = (error >= low) & (error <= high)
    if not 1 / _MOST < scale < _MOST:
        return z
    moved = np.divide(1.0, z, out=np.zeros(z.shape), where=z > 0) * scale + shift
    return np.where((z > 0) & (moved > 1e-6), 1.0 / np.maximum(moved, 1e-6), 0.0).astype(np.float32)


def _line(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Return slope and height at 0 of the line through points that has the least squares of errors in y."""
    x_mean, y_mean = float(x.mean()), float(y.mean())
    spread = x - x_mean
    variance = float(np.mean(spread**2))
    if variance < (_FLAT * x_mean) ** 2:
        return y_mean / x_mean, 0.0
    slope = float(np.mean(spread * (y - y_mean))) / variance
    return slope, y_mean - slope * x_mean
