"""Random fields that repeat without a seam."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

__all__ = ["Floats", "blobs", "cells", "grain", "ramp", "waves"]

Floats = npt.NDArray[np.floating]


@cache
def _frequencies(size: int, stretch: float) -> Floats:
    """Return distances from the zero frequency (size, size // 2 + 1), cycles per tile; x counts `stretch` times."""
    fy = np.fft.fftfreq(size, 1 / size)[:, None]
    fx = np.fft.rfftfreq(size, 1 / size)[None]
    distance: Floats = np.hypot(fx * stretch, fy).astype(np.float32)
    return distance


def waves(
    rng: np.random.Generator, size: int, low: float, high: float, slope: float = 1.0, stretch: float = 1.0
) -> Floats:
    """Return smooth noise (size, size) with mean 0 and standard deviation 1.

    Args:
        low, high: coarsest and finest detail, cycles per tile.
        slope: how fast finer detail weakens (amplitude ~ frequency to the power of minus `slope`).
        stretch: features are this many times longer along x than along y.
    """
    f = _frequencies(size, stretch)
    band = np.where((f >= low * 0.999) & (f <= high), np.maximum(f, 1e-3) ** -(slope + 0.5), 0.0)
    spectrum = np.fft.rfft2(rng.standard_normal((size, size), dtype=np.float32)) * band
    field = np.fft.irfft2(spectrum, s=(size, size))
    spread = float(field.std())
    scaled: Floats = (field / (spread if spread > 0 else 1.0)).astype(np.float32)
    return scaled


def grain(rng: np.random.Generator, size: int) -> Floats:
    """Return white noise (size, size), standard deviation 1."""
    return rng.standard_normal((size, size), dtype=np.float32)


def cells(rng: np.random.Generator, size: int, count: int, stretch: float = 1.0) -> tuple[Floats, Floats, Floats]:
    """Return, for cells around `count` random points, a random value in [0, 1], the distance to the point and the
    distance to the border with the next cell, in tile widths, each (size, size)."""
    from scipy.spatial import cKDTree

    points = rng.random((count, 2))
    shifts = np.array([[x, y] for x in (-1, 0, 1) for y in (-1, 0, 1)])
    all_points = (points[None] + shifts[:, None]).reshape(-1, 2) * (1.0, stretch)
    x, y = axes(size)
    distance, index = cKDTree(all_points).query(np.stack([x, y * stretch], axis=-1).reshape(-1, 2), k=2)
    distance = distance.reshape(size, size, 2).astype(np.float32)
    value = rng.random(count, dtype=np.float32)[index[:, 0] % count].reshape(size, size)
    return value, distance[..., 0], distance[..., 1] - distance[..., 0]


def blobs(rng: np.random.Generator, size: int, count: int, radius: float, softness: float = 0.3) -> Floats:
    """Return `count` random soft spots (size, size): 1 inside, 0 outside; `radius` in tile widths."""
    _, distance, _ = cells(rng, size, count)
    return ramp(distance, radius * (1 + softness), radius * (1 - softness))


@cache
def axes(size: int) -> tuple[Floats, Floats]:
    """Return x to the right and y upwards (size, size) of the pixel centres, in [0, 1]."""
    step = ((np.arange(size) + 0.5) / size).astype(np.float32)
    x, y = np.meshgrid(step, step[::-1])
    return x, y


def ramp(value: Floats, start: float, end: float) -> Floats:
    """Return 0 up to `start`, 1 from `end`, and a smooth step between; `start` may be the larger one."""
    t = np.clip((value - start) / (end - start), 0.0, 1.0)
    smooth: Floats = t * t * (3 - 2 * t)
    return smooth
