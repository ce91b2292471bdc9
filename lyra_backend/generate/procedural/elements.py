"""The vocabulary between the scene composer (what stands where) and the surface maker (what it looks like)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...types.camera import Camera

__all__ = ["Composition", "Element", "Lamp", "Lighting", "Material"]

Rgb = tuple[float, float, float]


@dataclass(frozen=True)
class Material:
    """How a surface looks.

    Attributes:
        pattern: name of a texture pattern in ``texture.PATTERNS`` ("plain", "wood_planks", "concrete", ...).
        color: main sRGB colour in [0, 1].
        accent: second sRGB colour of patterns with two (joints, stripes, labels); None derives one from `color`.
        tile_m: width of one texture tile on the surface [m].
    """

    pattern: str
    color: Rgb
    accent: Rgb | None = None
    tile_m: float = 1.0


@dataclass(frozen=True, eq=False)
class Element:
    """One solid or sheet of the scene.

    Attributes:
        name: what it is and which one, for example "pallet_3.slats"; elements with one text before the dot belong
            together.
        class_name: semantic class, for example "pallet".
        material: its looks.
        vertices: corners in the element's own frame [m], shape (V, 3).
        triangles: counter-clockwise seen from free space, shape (F, 3). Solids are closed; floors, terrain and room
            shells are open sheets that face free space.
        pose: rigid transform (4, 4) from the element's frame to the world (Z up, metres, main floor at z = 0).
        solid: False for an open sheet.
    """

    name: str
    class_name: str
    material: Material
    vertices: npt.NDArray[np.floating]
    triangles: npt.NDArray[np.integer]
    pose: npt.NDArray[np.floating]
    solid: bool = True


@dataclass(frozen=True)
class Lamp:
    """A small emitter at `position` [m] with linear-light `intensity` (irradiance at 1 m, facing it)."""

    position: tuple[float, float, float]
    intensity: Rgb


@dataclass(frozen=True)
class Lighting:
    """Light of a scene, linear RGB.

    Attributes:
        sun_direction: unit vector from the scene to the sun; ignored where `sun` is black.
        sun: irradiance of a surface that faces the sun.
        ambient: radiance of the unoccluded surroundings (sky outdoors, bounced light indoors).
        ground_bounce: share of `ambient` that comes from below.
        lamps: emitters that cast shadows.
        key: how bright the picture is, over that of a scene by day; less at night.
        background: sRGB colour of what lies beyond the scene.
        fog: how thick it is, 0 = none, 1 = as usual in fog; it has the colour of the background.
    """

    sun_direction: tuple[float, float, float]
    sun: Rgb
    ambient: Rgb
    ground_bounce: float = 0.3
    lamps: tuple[Lamp, ...] = ()
    key: float = 1.0
    background: Rgb = (0.74, 0.82, 0.9)
    fog: float = 0.0


@dataclass(frozen=True, eq=False)
class Composition:
    """A composed scene, ready to be given a surface.

    Attributes:
        family: scene family, for example "warehouse".
        elements: everything that has a surface.
        lighting: its light.
        cameras: viewpoints in free space, the best picture first.
        unknown_words: prompt words that changed nothing.
        place: what decided on the family: the prompt's words for it or the caller's choice, "" if neither.
        guessed: nothing at all spoke for the family.
        description: JSON data about what was placed (objects with class, count, size [m], colour).
    """

    family: str
    elements: tuple[Element, ...]
    lighting: Lighting
    cameras: tuple[Camera, ...]
    unknown_words: tuple[str, ...]
    place: str
    guessed: bool
    description: dict[str, object]
