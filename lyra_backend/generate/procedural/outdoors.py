"""Light under the open sky."""

from __future__ import annotations

import numpy as np

from .draft import Draft
from .elements import Lighting
from .palette import Rgb
from .weather import DAY_FOG, FOG_COLORS

__all__ = ["KEYS", "daylight"]

#: Light word -> brightness of the picture over that by day.
KEYS = {"night": 0.3, "dim": 0.6, "evening": 0.8, "overcast": 0.9}

#: Light word -> (elevation of the sun [deg], sun, sky).
_SKIES: dict[str, tuple[float, Rgb, Rgb]] = {
    "": (46.0, (7.4, 6.8, 5.9), (0.62, 0.72, 0.90)),
    "bright": (54.0, (8.6, 8.1, 7.3), (0.62, 0.73, 0.92)),
    "evening": (17.0, (6.2, 3.7, 1.9), (0.42, 0.42, 0.56)),
    "overcast": (50.0, (0.9, 0.9, 0.9), (0.95, 0.97, 1.0)),
    "dim": (30.0, (0.6, 0.6, 0.65), (0.40, 0.43, 0.50)),
    "night": (40.0, (0.05, 0.07, 0.13), (0.035, 0.045, 0.085)),
    "warm": (32.0, (7.4, 5.9, 4.0), (0.58, 0.62, 0.74)),
    "cold": (40.0, (5.6, 5.9, 6.4), (0.66, 0.76, 0.95)),
}


#: Light word -> sRGB colour of the sky in pictures.
_BACKGROUNDS: dict[str, Rgb] = {
    "": (0.74, 0.82, 0.90),
    "bright": (0.66, 0.80, 0.94),
    "evening": (0.88, 0.68, 0.56),
    "overcast": (0.78, 0.80, 0.83),
    "dim": (0.46, 0.49, 0.54),
    "night": (0.035, 0.045, 0.085),
    "warm": (0.84, 0.80, 0.76),
    "cold": (0.74, 0.82, 0.92),
}


def daylight(draft: Draft) -> Lighting:
    """Return sun and sky for the prompt's light word, and fog; the seed turns the sun."""
    draft.used_tags |= {"weather"}
    word, foggy = draft.wishes.light, "fog" in draft.wishes.weather
    elevation, sun, sky = _SKIES[word]
    height = np.radians(np.clip(elevation + draft.rng.normal(0, 5), 12, 70))
    turn = draft.between(0, 2 * np.pi)
    direction = (float(np.cos(height) * np.cos(turn)), float(np.cos(height) * np.sin(turn)), float(np.sin(height)))
    background = FOG_COLORS.get(word, DAY_FOG) if foggy else _BACKGROUNDS[word]
    return Lighting(direction, sun, sky, 0.35, tuple(draft.lamps), KEYS.get(word, 1.0), background, float(foggy))
