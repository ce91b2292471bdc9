"""Texture coordinates: every face looks along the axis it faces most."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .elements import Material
from .patches import unit_normals

__all__ = ["box_uvs"]

Floats = npt.NDArray[np.floating]

#: Patterns whose u axis follows the longer side of a face.
GRAINED = frozenset({"wood_planks", "wood_grain", "metal_brushed", "bark"})
#: Patterns that fill each face exactly once.
FITTED = frozenset({"cardboard", "paper_picture", "screen"})
#: Patterns that fit a face a whole number of times.
WHOLE = frozenset({"book_spines", "windows_facade"})
#: Patterns whose start on a face is left to chance, so that equal objects do not look the same.
SHIFTED = frozenset(
    {"asphalt", "bark", "concrete", "grass", "leaves", "marble", "metal_brushed", "metal_painted"}
    | {"plaster", "rock", "soil", "wood_grain", "wood_planks"}
)
#: (u axis, u sign, v axis) of faces looking along +x, +y, +z, -x, -y, -z: nothing is mirrored, pictures stand upright.
_AXES = np.array([[1, 1, 2], [0, -1, 2], [0, 1, 1], [1, -1, 2], [0, 1, 2], [0, -1, 1]])


def box_uvs(corners: Floats, material: Material, rng: np.random.Generator) -> Floats:
    """Return texture coordinates (F, 3, 2) in texture widths for triangles in their element's own frame.

    Args:
        corners: triangle corners [m], shape (F, 3, 3).
        material: its pattern decides how the texture lies; `tile_m` is its width [m].
        rng: decides where on the texture the element starts.
    """
    low, high = corners.min(axis=(0, 1)), corners.max(axis=(0, 1))
    extent = np.maximum(high - low, 1e-6)
    normals = unit_normals(corners)
    axis = (np.abs(normals) + np.array([0.0, 0.0, 1e-6])).argmax(axis=1)
    rows = _AXES[axis + 3 * (normals[np.arange(len(axis)), axis] < 0)]
    local = corners - low
    u_axis, sign, v_axis = rows.T
    picked = np.take_along_axis(local, np.broadcast_to(rows[:, None, [0, 2]], (*corners.shape[:2], 2)), axis=2)
    size = extent[np.stack([u_axis, v_axis], axis=1)]
    picked[..., 0] = np.where(sign[:, None] > 0, picked[..., 0], size[:, None, 0] - picked[..., 0])
    pattern = material.pattern
    if pattern in FITTED:
        return _fitted(picked / size[:, None], axis, extent, pattern)
    if pattern in WHOLE:
        count = np.maximum(np.round(size / material.tile_m), 1.0)
        return picked / size[:, None] * count[:, None]
    if pattern in GRAINED:
        tall = size[:, 1] > size[:, 0] * 1.01
        picked[tall] = np.stack([picked[tall, :, 1], size[tall, None, 0] - picked[tall, :, 0]], axis=2)
    start = rng.random(2) if pattern in SHIFTED else np.zeros(2)
    return picked / material.tile_m + start


def _fitted(uvs: Floats, axis: npt.NDArray[np.integer], extent: Floats, pattern: str) -> Floats:
    """Keep coordinates just inside the texture; edges of flat pictures take the colour of the texture's border."""
    uvs = 0.004 + 0.992 * uvs
    if pattern != "cardboard":
        uvs[axis != extent.argmin()] = 0.01
    return uvs
