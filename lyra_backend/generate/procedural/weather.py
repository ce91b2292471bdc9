"""Rain and fog: wet ground with puddles, and a veil that thickens with distance.

Does: change colours, and lay puddles on level roads. Does not: reflect anything; the colours of Gaussians here are the
same from all sides.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from .draft import Draft
from .elements import Element, Lighting
from .palette import Rgb, material
from .shapes import Mesh

__all__ = ["DAY_FOG", "FOG_COLORS", "lay_puddle", "soaked", "veiled"]

Floats = npt.NDArray[np.floating]

#: Light word -> colour of fog, sRGB.
FOG_COLORS: dict[str, Rgb] = {
    "night": (0.10, 0.11, 0.14),
    "dim": (0.48, 0.50, 0.53),
    "evening": (0.72, 0.66, 0.62),
}
DAY_FOG: Rgb = (0.80, 0.82, 0.84)
#: Where the ground is wet it is this much darker: water lets light in and little of it out again.
WET_SHARE = 0.62
_GROUND = frozenset(("road", "pavement", "kerb", "road_marking", "ground"))
#: A puddle that mirrors an overcast sky at a shallow angle.
_PUDDLE = material("plain", (0.50, 0.54, 0.58))
_PUDDLE_Z_M = 0.003
#: The veil in the middle of the scene is that of this distance [m], and doubles its reach with as much again.
_VEIL_M = 3.0
_FOG_PER_M = 0.06


def soaked(elements: list[Element]) -> list[Element]:
    """Return the elements with their ground wet: darker, and of stronger colour."""
    return [_wet(e) if e.class_name in _GROUND and e.material is not _PUDDLE else e for e in elements]


def _wet(element: Element) -> Element:
    looks = element.material
    accent = None if looks.accent is None else _darker(looks.accent)
    return replace(element, material=replace(looks, color=_darker(looks.color), accent=accent))


def _darker(color: Rgb) -> Rgb:
    """Darken an sRGB colour, its weaker channels most."""
    top = max(max(color), 1e-6)
    r, g, b = (WET_SHARE * v * (v / top) ** 0.25 for v in color)
    return r, g, b


def lay_puddle(draft: Draft, name: str, x: float, y: float, length: float, width: float, yaw: float) -> None:
    """Lay a puddle with a wavy rim on level ground, `length` by `width` [m]; it is part of the road."""
    # Strips from rim to rim: pieces that run into a point would have ragged edges.
    across = np.linspace(-0.97, 0.97, 15)
    half = np.sqrt(1 - across**2)
    rims = []
    for side in (-1, 1):
        waves = sum(draft.between(0.02, 0.16 / k) * np.cos(k * (3 * across + draft.between(0, 6.28))) for k in (1, 2))
        rims.append(side * half * (1 + np.asarray(waves)))
    vertices = np.stack([np.tile(across * length / 2, 2), np.concatenate(rims) * width / 2, np.zeros(30)], 1)
    near, far = np.arange(14), np.arange(14) + 15
    triangles = np.concatenate([np.stack([near, near + 1, far + 1], 1), np.stack([near, far + 1, far], 1)])
    mesh = Mesh(vertices, triangles.astype(np.int32)).turned(float(np.degrees(yaw))).moved(x, y, _PUDDLE_Z_M)
    draft.sheet(f"{name}.water", "road", _PUDDLE, mesh)


def veiled(colors: Floats, positions: Floats, lighting: Lighting) -> Floats:
    """Return sRGB `colors` (N, 3) as fog shows them that is seen through from the middle of `positions` (N, 3) [m]."""
    if not lighting.fog:
        return colors
    middle = np.array([*np.median(positions[:, :2], axis=0), 1.5])
    distance = np.linalg.norm(positions - middle, axis=1) + _VEIL_M
    share = (1.0 - np.exp(-_FOG_PER_M * lighting.fog * distance))[:, None]
    return np.asarray((1 - share) * colors + share * np.asarray(lighting.background))
