"""What lights a scene."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from ..errors import InvalidRequest
from .frames import Similarity

__all__ = ["Bulb", "SceneLight"]

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class Bulb:
    """A small lamp at `position` [m]; `color` is what a white surface that faces it from 1 m sends to the eye."""

    position: Triple
    color: Triple


@dataclass(frozen=True)
class SceneLight:
    """The light that is baked into a scene's Gaussians, for its pictures and for what is put beside them.

    Colours but `background` are linear RGB in which 1 is the white of a picture.

    Attributes:
        background: sRGB in [0, 1] of what lies beyond the scene: its sky, fog or darkness.
        sky: what the surroundings send from all sides.
        sun: what a white surface that faces the sun sends to the eye; black if there is none.
        sun_direction: unit vector from the scene to the sun.
        bulbs: lamps, the strongest first.

    Raises:
        InvalidRequest: a colour that is negative or not finite.
    """

    background: Triple
    sky: Triple
    sun: Triple = (0.0, 0.0, 0.0)
    sun_direction: Triple = (0.0, 0.0, 1.0)
    bulbs: tuple[Bulb, ...] = ()

    def __post_init__(self) -> None:
        colors = np.array([self.background, self.sky, self.sun, *(b.color for b in self.bulbs)], np.float64)
        if not (np.isfinite(colors).all() and (colors >= 0).all()):
            raise InvalidRequest("SceneLight colours must be finite and not negative.")

    def transformed(self, similarity: Similarity) -> SceneLight:
        """Return the light in another frame; lamps shine as they did at their old scale."""
        turned = Similarity(rotation=similarity.rotation).apply(np.array([self.sun_direction]))[0]
        strength = similarity.scale**2
        bulbs = tuple(
            Bulb(
                _triple(similarity.apply(np.array([b.position]))[0]),
                _triple(strength * np.array(b.color)),
            )
            for b in self.bulbs
        )
        return replace(self, sun_direction=_triple(turned), bulbs=bulbs)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON data."""
        return asdict(self)

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> SceneLight:
        """Build one from what :meth:`to_json` gave."""
        bulbs = tuple(Bulb(_triple(b["position"]), _triple(b["color"])) for b in data["bulbs"])
        names = ("background", "sky", "sun", "sun_direction")
        return SceneLight(**{name: _triple(data[name]) for name in names}, bulbs=bulbs)


def _triple(values: Any) -> Triple:
    x, y, z = (float(v) for v in values)
    return x, y, z
