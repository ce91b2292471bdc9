"""What a texture painter works with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .elements import Material
from .noise import Floats, axes

__all__ = ["Canvas", "mixed", "shaded", "tone"]


@dataclass(frozen=True)
class Canvas:
    """A square of `size` pixels that shows `material` with details from `rng`."""

    material: Material
    size: int
    rng: np.random.Generator

    @property
    def color(self) -> Floats:
        """Main colour, shape (3,)."""
        return np.asarray(self.material.color, np.float32)

    def accent(self, usual: tuple[float, float, float] | Floats) -> Floats:
        """Second colour, `usual` if the material has none, shape (3,)."""
        given = self.material.accent
        return np.clip(np.asarray(usual if given is None else given, np.float32), 0, 1)

    @property
    def xy(self) -> tuple[Floats, Floats]:
        """x to the right and y upwards of all pixels, in [0, 1], each (size, size)."""
        return axes(self.size)

    def number(self, width_m: float, least: int = 1) -> int:
        """Return how many things `width_m` wide fit on the tile."""
        return max(least, round(self.material.tile_m / width_m))

    def pick(self, indices: np.ndarray, low: float = 0.0, high: float = 1.0) -> Floats:
        """Return a random number in [low, high] for each different index."""
        values = self.rng.uniform(low, high, int(indices.max()) + 1).astype(np.float32)
        return values[indices]


def tone(red: float, green: float, blue: float) -> Floats:
    """Return an sRGB colour as an array (3,)."""
    return np.array([red, green, blue], np.float32)


def shaded(color: Floats, brightness: Floats) -> Floats:
    """Return `color` (3,) or (H, W, 3) times `brightness` (H, W)."""
    return color * brightness[..., None]


def mixed(first: Floats, second: Floats, share: Floats) -> Floats:
    """Return `first` with a `share` (H, W) of `second`; colours are (3,) or (H, W, 3)."""
    blend: Floats = first + (second - first) * share[..., None]
    return blend
