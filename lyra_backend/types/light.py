"""What lights a scene."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InvalidRequest
from ._arrays import FloatArray, frozen
from .frames import Similarity

__all__ = ["Bulb", "Environment", "LightEstimate", "SceneLight"]

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
        sun_angle_deg: diameter of the sun as seen from the scene; a larger one has softer shadows.
        bulbs: lamps, the strongest first.

    Raises:
        InvalidRequest: a colour that is negative or not finite.
    """

    background: Triple
    sky: Triple
    sun: Triple = (0.0, 0.0, 0.0)
    sun_direction: Triple = (0.0, 0.0, 1.0)
    bulbs: tuple[Bulb, ...] = ()
    sun_angle_deg: float = 0.53

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
        triples = {name: _triple(data[name]) for name in names}
        return SceneLight(**triples, bulbs=bulbs, sun_angle_deg=float(data["sun_angle_deg"]))


@dataclass(frozen=True, eq=False)
class Environment:
    """What is seen all around from one place: the light that comes from afar.

    Row 0 is straight up (+Z), the last row straight down; columns run clockwise seen from above, from -X over +Y, +X
    (in the middle) and -Y back to -X, so that someone inside who faces the middle column sees the picture upright.

    Attributes:
        radiance: linear RGB >= 0, 1 is the white of a picture, shape (H, 2 H, 3).
        seen: share of each pixel that the scene covers, in [0, 1], shape (H, 2 H); the rest of it is filled in.
        place: where it is seen from [m], shape (3,).

    Raises:
        InvalidRequest: another shape, or radiance that is negative or not finite.
    """

    radiance: FloatArray
    seen: FloatArray
    place: FloatArray

    def __post_init__(self) -> None:
        radiance = frozen("Environment.radiance", self.radiance, (None, None, 3))
        height, width = radiance.shape[:2]
        if height < 2 or width != 2 * height or radiance.min() < 0:
            raise InvalidRequest(
                f"Environment.radiance must be (H, 2 H, 3) with H > 1 and not negative, got {radiance.shape}."
            )
        object.__setattr__(self, "radiance", radiance)
        object.__setattr__(self, "seen", frozen("Environment.seen", self.seen, (height, width)))
        object.__setattr__(self, "place", frozen("Environment.place", self.place, (3,)))

    @staticmethod
    def directions(height: int) -> npt.NDArray[np.float64]:
        """Return unit vectors through the middles of the pixels of a picture `height` high, shape (H, 2 H, 3)."""
        polar = np.pi * (np.arange(height) + 0.5) / height
        turn = np.pi * (1 - (np.arange(2 * height) + 0.5) / height)
        flat = np.sin(polar)[:, None]
        rise = np.broadcast_to(np.cos(polar)[:, None], (height, 2 * height))
        return np.stack([flat * np.cos(turn), flat * np.sin(turn), rise], axis=-1)


@dataclass(frozen=True, eq=False)
class LightEstimate:
    """What lights a scene, as far as that is known.

    Attributes:
        light: sky, sun and lamps; None if nothing can be said.
        environment: what surrounds a robot; None if there is nothing around it.
    """

    light: SceneLight | None = None
    environment: Environment | None = None


def _triple(values: Any) -> Triple:
    x, y, z = (float(v) for v in values)
    return x, y, z
