"""What surrounds a place: the Gaussians seen in six directions, as one picture of linear radiance."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..render import render
from ..types import Camera, Environment, GaussianCloud, Intrinsics
from .surfels import linear

__all__ = ["irradiance", "look_around"]

Floats = npt.NDArray[Any]

#: Forward and down of the cameras that look at the faces of a cube, world axes.
_FACES = (
    ((1, 0, 0), (0, 0, -1)),
    ((-1, 0, 0), (0, 0, -1)),
    ((0, 1, 0), (0, 0, -1)),
    ((0, -1, 0), (0, 0, -1)),
    ((0, 0, 1), (1, 0, 0)),
    ((0, 0, -1), (-1, 0, 0)),
)
#: Pixels of a picture are the means of this many squared directions.
_SUBPIXELS = 2
#: Less cover than this says nothing about what is behind.
_COVER_MIN = 0.05


def look_around(cloud: GaussianCloud, place: Floats, height_px: int, sky: Floats | None = None) -> Environment:
    """Return what surrounds `place` [m] in a cloud of frame WORLD.

    Where no Gaussian is, the light of `sky` (3,) comes from above, if that is known; everything else is filled in
    smoothly from what is seen around it.
    """
    fine = Environment.directions(_SUBPIXELS * height_px)
    color, cover = _sampled(cloud, place, fine, 2 * height_px)
    shape = (height_px, _SUBPIXELS, 2 * height_px, _SUBPIXELS)
    radiance = (color * cover[..., None]).reshape(*shape, 3).mean(axis=(1, 3))
    seen = cover.reshape(shape).mean(axis=(1, 3))
    rest = (1.0 - seen)[..., None]
    filled = _filled(radiance, seen)
    if sky is not None:
        # The horizon is a soft edge: what lies below it goes on like the ground that is seen.
        share = np.clip(0.5 + 5.0 * Environment.directions(height_px)[..., 2:], 0.0, 1.0)
        filled = share * np.asarray(sky) + (1.0 - share) * filled
    return Environment(radiance + rest * filled, np.clip(seen, 0.0, 1.0), np.asarray(place))


def irradiance(environment: Environment, normals: Floats) -> Floats:
    """Return what a white diffuse surface with unit `normals` (N, 3) at the place sends to the eye, shape (N, 3).

    The nine terms of Ramamoorthi & Hanrahan, "An Efficient Representation for Irradiance Environment Maps", 2001.
    """
    ways = Environment.directions(len(environment.radiance))
    area = np.sqrt(1.0 - ways[..., 2] ** 2)
    area *= 4 * np.pi / area.sum()
    terms = np.einsum("hwk,hwc,hw->kc", _harmonics(ways), environment.radiance.astype(np.float64), area)
    # The cosine lobe over pi, band by band.
    lobe = np.repeat([1.0, 2.0 / 3.0, 0.25], [1, 3, 5])
    return np.asarray(np.maximum(_harmonics(normals) @ (lobe[:, None] * terms), 0.0))


def _harmonics(ways: Floats) -> Floats:
    """Return the real spherical harmonics of bands 0 to 2 at unit vectors (..., 3), shape (..., 9)."""
    x, y, z = np.moveaxis(np.asarray(ways, np.float64), -1, 0)
    one = np.ones_like(x)
    first = [0.282095 * one, 0.488603 * y, 0.488603 * z, 0.488603 * x]
    second = [1.092548 * x * y, 1.092548 * y * z, 0.315392 * (3 * z * z - 1), 1.092548 * x * z]
    return np.stack([*first, *second, 0.546274 * (x * x - y * y)], axis=-1)


def _sampled(cloud: GaussianCloud, place: Floats, ways: Floats, size_px: int) -> tuple[Floats, Floats]:
    """Return linear colour (H, W, 3) and cover (H, W) of the cloud in directions (H, W, 3) from six pictures."""
    color, cover = np.zeros(ways.shape), np.zeros(ways.shape[:2])
    axis = np.abs(ways).argmax(axis=2)
    positive = np.take_along_axis(ways, axis[..., None], axis=2)[..., 0] > 0
    lens = Intrinsics.from_fov(size_px, size_px, 90.0)
    for number, (forward, down) in enumerate(_FACES):
        mine = (axis == number // 2) & (positive == (number % 2 == 0))
        frame = np.stack([np.cross(down, forward), down, forward], axis=1).astype(np.float64)
        pose = np.eye(4, dtype=np.float32)
        pose[:3, :3], pose[:3, 3] = frame, place
        picture = render(cloud, Camera(lens, pose))
        x, y, z = (ways[mine] @ frame).T
        at = [np.clip((lens.fx * v / z + size_px / 2).astype(int), 0, size_px - 1) for v in (y, x)]
        cover[mine] = picture.alpha[at[0], at[1]]
        shown = picture.rgb[at[0], at[1]] / 255.0 / np.maximum(cover[mine], _COVER_MIN)[:, None]
        color[mine] = linear(np.minimum(shown, 1.0))
    cover[cover < _COVER_MIN] = 0.0
    return color, cover


def _filled(radiance: Floats, seen: Floats) -> Floats:
    """Return radiance (H, W, 3), weighted by `seen` (H, W), spread into what is not seen: the nearest counts most."""
    from scipy.ndimage import gaussian_filter

    if not seen.any():
        return np.zeros_like(radiance)
    # Rows shrink towards the poles and must not count more there.
    area = np.sin(np.pi * (np.arange(len(seen)) + 0.5) / len(seen))[:, None]
    out, known = np.zeros_like(radiance), np.zeros_like(seen)
    sigma = 1.0
    while sigma < 2 * len(seen):
        blur = [
            gaussian_filter(v * area, sigma, mode=("nearest", "wrap")) for v in (seen, *np.moveaxis(radiance, 2, 0))
        ]
        here = (known == 0) & (blur[0] > 1e-3)
        out[here] = np.stack(blur[1:], axis=-1)[here] / blur[0][here, None]
        known[here] = 1.0
        sigma *= 2
    mean = (radiance * area[..., None]).sum(axis=(0, 1)) / (seen * area).sum()
    return np.asarray(np.where(known[..., None] > 0, out, mean))
