"""Depth pictures taken from free space: from which heights, which ways, and where their pixels lie."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ...types import Camera, Intrinsics

__all__ = ["GRAZING", "HEIGHTS_M", "JUMP", "NEAREST_M", "WAYS", "in_world", "pixel_rays"]

Floats = npt.NDArray[np.floating]

HEIGHTS_M = (0.35, 0.9, 1.5)  # of robots' eyes above the ground
NEAREST_M = 0.3  # what is nearer to an eye is haze around it
JUMP = 0.08  # relative change of depth between neighbouring pixels above which a surface ends
GRAZING = 0.15  # cosine below which a pixel says nothing
WAYS = np.array([[1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]], np.float64)


def pixel_rays(lens: Intrinsics) -> Floats:
    """Return where the rays of pixels pass the plane z = 1 before the camera, shape (H, W, 3)."""
    v, u = np.indices((lens.height, lens.width)) + 0.5
    return np.stack([(u - lens.cx) / lens.fx, (v - lens.cy) / lens.fy, np.ones_like(u)], axis=-1)


def in_world(vectors: Floats, camera: Camera) -> Floats:
    """Return vectors (N, 3) of the camera's frame turned into that of the world."""
    return np.asarray(vectors @ camera.cam_to_world[:3, :3].astype(np.float64).T)
