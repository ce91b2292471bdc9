"""Light under the open sky."""

from __future__ import annotations

import numpy as np

from .draft import Draft
from .elements import Lighting
from .palette import Rgb

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


def daylight(draft: Draft) -> Lighting:
    """Return sun and sky for the prompt's light word; the seed turns the sun."""
    elevation, sun, sky = _SKIES[draft.wishes.light]
    height = np.radians(np.clip(elevation + draft.rng.normal(0, 5), 12, 70))
    turn = draft.between(0, 2 * np.pi)
    direction = (float(np.cos(height) * np.cos(turn)), float(np.cos(height) * np.sin(turn)), float(np.sin(height)))
    return Lighting(direction, sun, sky, 0.35, tuple(draft.lamps), KEYS.get(draft.wishes.light, 1.0))
