"""Colours of a texture under footprints of any size."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["Mipmap", "from_linear", "to_linear"]

Floats = npt.NDArray[np.floating]


def to_linear(srgb: Floats) -> Floats:
    """Return linear light of sRGB values in [0, 1] (IEC 61966-2-1)."""
    srgb = np.asarray(srgb)
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def from_linear(linear: Floats) -> Floats:
    """Return sRGB values of linear light in [0, 1] (IEC 61966-2-1)."""
    linear = np.clip(linear, 0.0, 1.0)
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * np.maximum(linear, 1e-9) ** (1 / 2.4) - 0.055)


_LINEAR = to_linear(np.arange(256) / 255).astype(np.float32)


class Mipmap:
    """A tiling texture in linear light and its halvings.

    Attributes:
        levels: images (H, W, 3), float32, each half the size of the one before.
    """

    def __init__(self, texture: npt.NDArray[np.uint8]) -> None:
        level = _LINEAR[texture]
        self.levels = [level]
        while min(level.shape[:2]) > 1:
            height, width = level.shape[0] // 2, level.shape[1] // 2
            level = level[: 2 * height, : 2 * width].reshape(height, 2, width, 2, 3).mean(axis=(1, 3))
            self.levels.append(level)

    @property
    def mean(self) -> Floats:
        """Mean colour, linear RGB, shape (3,)."""
        return self.levels[0].mean(axis=(0, 1))

    def contrast(self, size: float) -> float:
        """Return the standard deviation, in sRGB, of what is left of the texture under footprints `size` wide."""
        return float(from_linear(self.levels[self.level_of(np.array([size]))[0]]).std(axis=(0, 1)).max())

    def level_of(self, sizes: Floats) -> npt.NDArray[np.int64]:
        """Return the level (N,) whose texels are closest to footprints `sizes` (N,) in texture widths."""
        texels = np.maximum(sizes * self.levels[0].shape[1], 1e-6)
        return np.clip(np.round(np.log2(texels)), 0, len(self.levels) - 1).astype(np.int64)

    def colors(self, uvs: Floats, sizes: Floats) -> Floats:
        """Return the mean colours (N, 3), linear, around `uvs` (N, 2; origin lower left) in `sizes` wide footprints."""
        out = np.empty((len(uvs), 3), np.float32)
        level = self.level_of(sizes)
        for i in np.unique(level):
            mine = level == i
            out[mine] = _bilinear(self.levels[i], uvs[mine])
        return out

    def sharpened(self, uvs: Floats, sizes: Floats, amount: float = 0.5) -> Floats:
        """Return colours as :meth:`colors`, with more contrast to their surroundings.

        Gaussians as far apart as their footprints blur what they show; this makes up for a part of it.
        """
        fine = self.colors(uvs, sizes)
        sharp: Floats = np.clip(fine + amount * (fine - self.colors(uvs, 3.0 * sizes)), 0.7 * fine, 1.5 * fine)
        return sharp


def _bilinear(image: Floats, uvs: Floats) -> Floats:
    height, width = image.shape[:2]
    x = (uvs[:, 0] * width - 0.5).astype(np.float32)
    y = ((1.0 - uvs[:, 1]) * height - 0.5).astype(np.float32)
    column, row = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
    fx, fy = (x - column)[:, None], (y - row)[:, None]
    flat = image.reshape(-1, 3)
    left, right = column % width, (column + 1) % width
    top, bottom = row % height * width, (row + 1) % height * width
    upper = flat[top + left] * (1 - fx) + flat[top + right] * fx
    lower = flat[bottom + left] * (1 - fx) + flat[bottom + right] * fx
    return upper * (1 - fy) + lower * fy
