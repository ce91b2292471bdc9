"""Colours and materials, drawn from ranges that real surfaces have."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .elements import Material

__all__ = ["CARS", "COLORS", "Rgb", "Tones", "blend", "jitter", "material", "pick"]

Rgb = tuple[float, float, float]

#: Named colours, sRGB as paints and plastics show them rather than as screens do.
COLORS: dict[str, Rgb] = {
    "red": (0.74, 0.11, 0.10),
    "blue": (0.12, 0.30, 0.66),
    "green": (0.16, 0.46, 0.22),
    "yellow": (0.93, 0.77, 0.12),
    "orange": (0.91, 0.45, 0.08),
    "purple": (0.42, 0.20, 0.55),
    "violet": (0.48, 0.27, 0.62),
    "pink": (0.90, 0.52, 0.62),
    "brown": (0.42, 0.27, 0.16),
    "black": (0.09, 0.09, 0.10),
    "white": (0.91, 0.91, 0.89),
    "grey": (0.52, 0.53, 0.54),
    "beige": (0.83, 0.76, 0.64),
    "cream": (0.93, 0.89, 0.78),
    "turquoise": (0.18, 0.62, 0.62),
    "teal": (0.09, 0.41, 0.43),
    "cyan": (0.20, 0.68, 0.78),
    "navy": (0.10, 0.15, 0.33),
    "gold": (0.80, 0.62, 0.22),
    "silver": (0.72, 0.73, 0.75),
    "tan": (0.74, 0.60, 0.43),
    "olive": (0.42, 0.43, 0.20),
    "maroon": (0.42, 0.09, 0.12),
    "lime": (0.55, 0.75, 0.15),
    "magenta": (0.75, 0.15, 0.50),
    "charcoal": (0.20, 0.21, 0.23),
}

_WOODS = ((0.72, 0.55, 0.36), (0.60, 0.42, 0.26), (0.45, 0.30, 0.19), (0.80, 0.66, 0.47), (0.34, 0.22, 0.15))
_FABRICS = (
    (0.36, 0.40, 0.46),
    (0.55, 0.52, 0.47),
    (0.24, 0.34, 0.42),
    (0.52, 0.27, 0.22),
    (0.30, 0.40, 0.31),
    (0.72, 0.66, 0.56),
    (0.66, 0.48, 0.22),
    (0.20, 0.22, 0.27),
)
_WALLS = (
    (0.90, 0.88, 0.83),
    (0.87, 0.84, 0.76),
    (0.80, 0.84, 0.86),
    (0.83, 0.87, 0.80),
    (0.90, 0.83, 0.77),
    (0.74, 0.78, 0.80),
    (0.92, 0.91, 0.90),
    (0.78, 0.70, 0.62),
)
_ACCENTS = (
    (0.27, 0.42, 0.46),
    (0.55, 0.36, 0.28),
    (0.33, 0.41, 0.33),
    (0.62, 0.53, 0.38),
    (0.30, 0.34, 0.45),
    (0.60, 0.30, 0.26),
)
_PAINTS = (
    (0.15, 0.32, 0.60),
    (0.70, 0.13, 0.11),
    (0.88, 0.68, 0.12),
    (0.18, 0.42, 0.28),
    (0.86, 0.42, 0.09),
    (0.55, 0.57, 0.59),
)
CARS: tuple[Rgb, ...] = (
    (0.70, 0.10, 0.10),
    (0.13, 0.25, 0.50),
    (0.80, 0.81, 0.82),
    (0.15, 0.16, 0.17),
    (0.45, 0.47, 0.50),
    (0.90, 0.90, 0.88),
    (0.16, 0.36, 0.28),
    (0.85, 0.62, 0.12),
)

_STONES = ((0.84, 0.83, 0.80), (0.30, 0.30, 0.32), (0.64, 0.57, 0.48), (0.56, 0.40, 0.25), (0.72, 0.72, 0.71))

STEEL: Rgb = (0.62, 0.64, 0.66)
DARK: Rgb = (0.13, 0.13, 0.14)


def jitter(rng: np.random.Generator, color: Rgb, amount: float = 0.03) -> Rgb:
    """Return `color` a little brighter or darker and a little off its hue."""
    moved = np.array(color) * (1 + rng.normal(0, amount)) + rng.normal(0, amount / 3, 3)
    r, g, b = (float(round(v, 4)) for v in np.clip(moved, 0.02, 0.98))
    return (r, g, b)


def blend(color: Rgb, other: Rgb, share: float) -> Rgb:
    """Return `color` with a `share` of `other` mixed in."""
    r, g, b = (float(a + (c - a) * share) for a, c in zip(color, other, strict=True))
    return (r, g, b)


def pick(rng: np.random.Generator, colors: tuple[Rgb, ...], amount: float = 0.03) -> Rgb:
    """Return one of `colors`, slightly varied."""
    return jitter(rng, colors[int(rng.integers(len(colors)))], amount)


def material(pattern: str, color: Rgb, accent: Rgb | None = None, tile_m: float = 1.0) -> Material:
    """Return a :class:`Material`; a shorter way to write one."""
    return Material(pattern, color, accent, tile_m)


@dataclass(frozen=True)
class Tones:
    """The colours one scene is kept in, so that its furniture belongs together."""

    wood: Rgb
    fabric: Rgb
    fabric_2: Rgb
    wall: Rgb
    accent: Rgb
    paint: Rgb
    paint_2: Rgb
    stone: Rgb

    @staticmethod
    def drawn(rng: np.random.Generator) -> Tones:
        """Draw tones for a scene."""
        tables = (_WOODS, _FABRICS, _FABRICS, _WALLS, _ACCENTS, _PAINTS, _PAINTS, _STONES)
        return Tones(*(pick(rng, table) for table in tables))
