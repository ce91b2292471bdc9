"""Colours, patterns and light of drawn rooms."""

from __future__ import annotations

import colorsys
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..kernels.room_views import PATTERNS

__all__ = ["Surface", "draw_light", "draw_surface", "draw_walls"]

Floats = npt.NDArray[np.float64]

#: Kind -> least and greatest value (HSV) of its colours.
_VALUES = {
    "wall": (0.55, 0.92),
    "floor": (0.3, 0.75),
    "ceiling": (0.75, 0.97),
    "furniture": (0.25, 0.85),
    "picture": (0.4, 0.95),
    "door": (0.35, 0.85),
    "window": (0.85, 1.0),
}
#: Kind -> patterns other than plain, and how often each is taken.
_PATTERNED = {
    "wall": {"stripes": 0.13, "bands": 0.07, "wainscot": 0.12, "noise": 0.09, "checker": 0.04},
    "floor": {"stripes": 0.15, "checker": 0.18, "noise": 0.12},
    "ceiling": {"noise": 0.08, "stripes": 0.07},
    "furniture": {"panel": 0.2, "bands": 0.09, "stripes": 0.09, "checker": 0.04, "noise": 0.06},
    "picture": {"panel": 0.9},
    "door": {"panel": 0.8},
    "window": {"panel": 1.0},
}
#: Pattern -> least and greatest size of its features [scene units]: 64 x 96 pixels show nothing finer.
_SIZES = {"wainscot": (0.7, 1.2), "panel": (0.06, 0.1)}
_SIZE = (0.25, 0.6)
#: Hues of wood and of most paints.
_WARM = (0.05, 0.13)
_SATURATED = 0.25


class Surface(NamedTuple):
    """How a surface looks: number of its pattern, linear albedos (2, 3), size, seed of noise, own light."""

    pattern: int
    colours: Floats
    size: float
    seed: int
    glow: float


def draw_surface(rng: np.random.Generator, kind: str) -> Surface:
    """Return colours and a pattern for one of ``wall, floor, ceiling, furniture, picture, door, window``."""
    name = _pattern(rng, kind)
    first = _colour(rng, kind)
    if kind == "window":
        second = np.full(3, rng.uniform(0.5, 0.9))
    elif name != "plain" and (kind == "picture" or rng.random() < 0.25):
        second = _colour(rng, kind)
    else:
        second = _shade(rng, first, 0.82 if name == "plain" else 0.6)
    size = rng.uniform(*_SIZES.get(name, _SIZE))
    glow = rng.uniform(0.15, 0.5) if kind == "window" else 0.0
    colours = _linear(np.stack([first, second]))
    return Surface(PATTERNS.index(name), colours, size, int(rng.integers(1 << 30)), glow)


def draw_walls(rng: np.random.Generator) -> list[Surface]:
    """Return the looks of four walls: most of them alike, as rooms have it."""
    usual = draw_surface(rng, "wall")
    return [draw_surface(rng, "wall") if rng.random() < 0.35 else usual for _ in range(4)]


def draw_light(rng: np.random.Generator) -> tuple[Floats, Floats, float]:
    """Return the lamp's light and that from everywhere (3,), linear, and how fast the first falls."""
    warmth = rng.uniform(-0.5, 1.0) * np.array([0.08, 0.0, -0.12])
    lamp = rng.uniform(0.7, 1.15) * (1.0 + warmth)
    ambient = rng.uniform(0.28, 0.42) * (1.0 - 0.5 * warmth)
    return lamp, ambient, float(rng.uniform(0.06, 0.16))


def _pattern(rng: np.random.Generator, kind: str) -> str:
    share = rng.random()
    for name, often in _PATTERNED[kind].items():
        share -= often
        if share < 0:
            return name
    return "plain"


def _colour(rng: np.random.Generator, kind: str) -> Floats:
    """Return a display colour (3,) that such a surface may have."""
    value = rng.uniform(*_VALUES[kind])
    hue = rng.uniform(*_WARM) if rng.random() < 0.5 else rng.random()
    pale = kind in ("ceiling", "window")
    strong = not pale and rng.random() < (0.5 if kind in ("furniture", "picture") else _SATURATED)
    most = 0.7 if kind in ("furniture", "picture") else 0.5
    saturation = rng.uniform(0.3, most) if strong else rng.uniform(0.0, 0.08 if pale else 0.25)
    return np.array(colorsys.hsv_to_rgb(hue, saturation, value))


def _shade(rng: np.random.Generator, colour: Floats, least: float) -> Floats:
    """Return a colour of about the same hue, darker or lighter by `least` ... 0.92 of its value."""
    factor = rng.uniform(least, 0.92)
    return np.clip(colour / factor if rng.random() < 0.4 else colour * factor, 0.0, 1.0)


def _linear(display: Floats) -> Floats:
    """Return sRGB in [0, 1] as linear light (IEC 61966-2-1)."""
    return np.where(display <= 0.04045, display / 12.92, ((display + 0.055) / 1.055) ** 2.4)
