"""Textures: every pattern is a small procedural painter whose picture tiles."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from ...errors import InvalidRequest, nearest
from . import patterns_built, patterns_made, patterns_natural
from .elements import Material
from .paint import Canvas

__all__ = ["PATTERNS", "make_texture"]

Painter = Callable[[Canvas], npt.NDArray[np.floating]]

#: Painters by pattern name.
PATTERNS: Mapping[str, Painter] = {
    "plain": patterns_made.plain,
    "paint": patterns_built.paint,
    "wood_planks": patterns_built.wood_planks,
    "wood_grain": patterns_built.wood_grain,
    "concrete": patterns_built.concrete,
    "tiles": patterns_built.tiles,
    "brick": patterns_built.brick,
    "fabric": patterns_made.fabric,
    "carpet": patterns_made.carpet,
    "metal_brushed": patterns_made.metal_brushed,
    "metal_painted": patterns_made.metal_painted,
    "cardboard": patterns_made.cardboard,
    "asphalt": patterns_built.asphalt,
    "grass": patterns_natural.grass,
    "soil": patterns_natural.soil,
    "rock": patterns_natural.rock,
    "leaves": patterns_natural.leaves,
    "bark": patterns_natural.bark,
    "plaster": patterns_built.plaster,
    "marble": patterns_built.marble,
    "book_spines": patterns_made.book_spines,
    "windows_facade": patterns_built.windows_facade,
    "hazard_stripes": patterns_made.hazard_stripes,
    "paper_picture": patterns_made.paper_picture,
    "screen": patterns_made.screen,
    "glass": patterns_made.glass,
}

#: Patterns without fine detail need fewer pixels.
_MOST_PIXELS = {"plain": 8, "paint": 64, "metal_painted": 64, "glass": 64, "hazard_stripes": 128, "plaster": 128}

#: Patterns of many hues keep twice as many colours as the others.
_COLORFUL = frozenset({"book_spines", "brick", "cardboard", "paper_picture", "screen", "windows_facade"})


def make_texture(material: Material, seed: int, resolution: int = 256) -> npt.NDArray[np.uint8]:
    """Paint a material.

    Args:
        material: pattern, colours and width of the tile; details have their real size on a tile of that width.
        seed: chooses the details; materials with the same pattern and seed differ in colour alone.
        resolution: largest width and height [px]; plain patterns take less.

    Returns:
        sRGB image that tiles, shape (H, W, 3), uint8, first row at the top, at most 128 different colours.

    Raises:
        InvalidRequest: unknown pattern, or a width or resolution that is not positive.
    """
    if material.pattern not in PATTERNS:
        raise InvalidRequest(f"Material pattern {material.pattern!r} is unknown; {nearest(material.pattern, PATTERNS)}")
    if material.tile_m <= 0 or resolution < 1:
        raise InvalidRequest(
            f"A texture needs a positive width and resolution, got {material.tile_m} m and {resolution} px."
        )
    size = min(resolution, _MOST_PIXELS.get(material.pattern, resolution))
    stream = sorted(PATTERNS).index(material.pattern)
    canvas = Canvas(material, size, np.random.default_rng([seed, 7_201, stream]))
    image = np.asarray(PATTERNS[material.pattern](canvas))
    return _reduced(
        np.clip(np.round(255 * image), 0, 255).astype(np.uint8), 128 if material.pattern in _COLORFUL else 64
    )


def _reduced(image: npt.NDArray[np.uint8], most: int) -> npt.NDArray[np.uint8]:
    """Keep at most `most` colours: such pictures are stored in a third of the space and nobody sees it."""
    from PIL import Image

    picture = Image.fromarray(image).quantize(most, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    return np.asarray(picture.convert("RGB"))
