"""Levels of detail of a cloud, each with a quarter of the Gaussians of the one before, and what they cost in pictures.

On surfaces a quarter of the Gaussians means twice the distance from one to the next, as from one level of a mip map to
another: a level looks like the one before from twice as far.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from ..types import Camera, GaussianCloud, Intrinsics, Similarity, look_at
from .merge import merged
from .partition import divide

__all__ = ["DETAIL_SET", "FULL", "LEVEL_NAMES", "VIEW_COUNT", "VIEW_PX", "level_psnrs", "levels_of"]

#: Name of the variant set by which they are selected, and of its variant with everything.
DETAIL_SET, FULL = "detail", "full"
#: Levels below the full one are named after what is left of it.
LEVEL_NAMES = ("quarter", "sixteenth", "sixty_fourth")
_SHARE = 4
_MERGED_AT_ONCE = 250_000

#: Pictures that levels are compared in.
VIEW_PX = 384
_INSIDE_FOV_DEG, _OUTSIDE_FOV_DEG = 90.0, 60.0
_INSIDE = ((1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1))
_OUTSIDE = ((1, 1, 1), (-1, -1, 1))
VIEW_COUNT = len(_INSIDE) + len(_OUTSIDE)
#: Clouds are looked at as if nine tenths of them were within this distance [m] from their middle.
_RADIUS_M = 5.0
_SAMPLE = 100_000
_MOST_PSNR_DB = 100.0
#: Beyond these, what clouds are multiplied by to be looked at would leave float32.
_LEAST_SCALE, _MOST_SCALE = 1e-9, 1e6


def levels_of(cloud: GaussianCloud, count: int) -> Iterator[GaussianCloud]:
    """Yield `count` levels of a cloud of one class, each made of the one before; none has fewer than one Gaussian.

    Large clouds are merged place by place, each of at most 250 000 Gaussians, which bounds memory to some 100 MB.
    """
    for _ in range(count):
        places = divide(cloud.positions, _MERGED_AT_ONCE)
        cloud = GaussianCloud.concatenate([merged(cloud.select(own), -(-len(own) // _SHARE)) for own in places])
        yield cloud


def level_psnrs(full: GaussianCloud, levels: Sequence[GaussianCloud]) -> list[float]:
    """Return the peak signal-to-noise ratio [dB] of pictures of each level, those of the full cloud being the truth.

    Eight pictures: six from the middle, to all sides, and two from outside. Pixels that neither shows anything in do
    not count. Which axis is up, and how long the unit is, makes no difference.
    """
    from ..render.splats import render

    scale, views = _views(full)
    squares, pixels = np.zeros(len(levels)), np.zeros(len(levels))
    shown = [cloud.transformed(scale, cloud.frame) for cloud in (full, *levels)]
    for view in views:
        truth, *pictures = (render(cloud, view) for cloud in shown)
        for i, picture in enumerate(pictures):
            seen = (truth.alpha > 0) | (picture.alpha > 0)
            squares[i] += ((truth.rgb[seen].astype(np.float64) - picture.rgb[seen]) ** 2).sum()
            pixels[i] += 3 * seen.sum()
    return [_psnr(float(error)) for error in squares / np.maximum(pixels, 1)]


def _psnr(error: float) -> float:
    """Return the ratio [dB] that a mean square of differences between 8-bit colours means."""
    return min(_MOST_PSNR_DB, 10 * math.log10(255**2 / error)) if error > 0 else _MOST_PSNR_DB


def _views(cloud: GaussianCloud) -> tuple[Similarity, list[Camera]]:
    """Return how to scale a cloud, and cameras that then show it."""
    sample = cloud.positions[:: -(-cloud.count // _SAMPLE)].astype(np.float64)
    middle = np.median(sample, axis=0)
    reach = float(np.quantile(np.linalg.norm(sample - middle, axis=1), 0.9))
    scale = Similarity(float(np.clip(_RADIUS_M / max(reach, 1e-12), _LEAST_SCALE, _MOST_SCALE)))
    eye = middle * scale.scale
    inside = [_camera(eye, eye + way, _INSIDE_FOV_DEG) for way in np.array(_INSIDE, float)]
    distance = _RADIUS_M / np.sin(np.radians(_OUTSIDE_FOV_DEG / 2))
    ways = np.array(_OUTSIDE) / np.sqrt(3)
    return scale, [*inside, *(_camera(eye + distance * way, eye, _OUTSIDE_FOV_DEG) for way in ways)]


def _camera(eye: npt.NDArray[np.floating], target: npt.NDArray[np.floating], fov_deg: float) -> Camera:
    return Camera(Intrinsics.from_fov(VIEW_PX, VIEW_PX, fov_deg), look_at(eye, target))
