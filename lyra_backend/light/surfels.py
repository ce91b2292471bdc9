"""A cloud as what light meets: discs that stop rays, and points of its visible surface with normals and radiance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..types import GaussianCloud
from ..types.rotations import matrix_from_quat

if TYPE_CHECKING:
    from ..kernels.incoming_light import Occluders

__all__ = ["BACKDROP_M", "Surfels", "linear", "occluders", "visible_surfels"]

Floats = npt.NDArray[np.floating]

#: What is farther away is backdrop, a painted sky perhaps: it shines, but neither casts shadows nor shows any [m].
BACKDROP_M = 20.0
#: Surface points are drawn half as densely at this distance [m].
_NEAR_M = 4.0
#: More discs than this make rays no truer, only slower.
_DISCS_MAX = 200_000
#: A disc ends where its Gaussian has fallen to a third.
_DISC_SIGMA = 1.5
_OPACITY_MIN = 0.4
#: A Gaussian has a normal if it is this much thinner than wide.
_FLATNESS_MAX = 0.5
#: Darker than this is noise, brighter is film: neither says how much light fell on it.
_DARK, _BRIGHT = 0.003, 0.98


@dataclass(frozen=True, eq=False)
class Surfels:
    """Points of a surface that are seen from free space.

    Attributes:
        positions: just above the surface [m], shape (N, 3).
        normals: unit vectors into free space, shape (N, 3).
        radiance: linear RGB, 1 is the white of a picture, shape (N, 3).
    """

    positions: Floats
    normals: Floats
    radiance: Floats

    def __len__(self) -> int:
        return len(self.positions)


def linear(srgb: Floats) -> Floats:
    """Return linear RGB of sRGB in [0, 1] (IEC 61966-2-1)."""
    srgb = np.asarray(srgb)
    return np.where(srgb <= 0.04045, srgb / 12.92, ((np.maximum(srgb, 0.0) + 0.055) / 1.055) ** 2.4)


def occluders(cloud: GaussianCloud) -> Occluders | None:
    """Return the opaque Gaussians of a cloud as discs that shine as they look; None if there are none."""
    from ..kernels.incoming_light import Occluders

    solid = np.flatnonzero(cloud.opacities >= _OPACITY_MIN)
    if not len(solid):
        return None
    stride = -(-len(solid) // _DISCS_MAX)
    some = cloud.select(solid[::stride])
    # What is left out is covered by its neighbours, grown to the same area.
    order = np.argsort(some.scales, axis=1)[:, 1:]
    reach = _DISC_SIGMA * np.sqrt(stride) * np.take_along_axis(some.scales, order, axis=1)
    axes = np.take_along_axis(matrix_from_quat(some.quats_wxyz), order[:, None, :], axis=2) * reach[:, None, :]
    signs = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)], np.float32)
    corners = some.positions[:, None] + np.einsum("nka,ca->nck", axes, signs)
    return Occluders(corners.astype(np.float32), linear(some.base_colors).astype(np.float32))


def visible_surfels(
    cloud: GaussianCloud, blockers: Occluders, eyes: Floats, count: int, rng: np.random.Generator
) -> Surfels:
    """Draw points of the surface that can be seen from at least one of the places `eyes` (E, 3) [m].

    Places near the first eye are drawn more often: light there is what matters. A normal is turned to the side from
    which the point is seen. Points that are nearly black or burnt out are left out.
    """
    chosen = _drawn(cloud, eyes[0], 2 * count, rng)
    few = cloud.select(chosen)
    thin = few.scales.argmin(axis=1)
    normals = np.take_along_axis(matrix_from_quat(few.quats_wxyz), thin[:, None, None], axis=2)[..., 0]
    lift = _lift(cloud)
    sides = []
    for sign in (np.float32(1), np.float32(-1)):
        above = few.positions + sign * lift * normals
        to_eye = eyes[None] - above[:, None]
        faces = np.einsum("nek,nk->ne", to_eye, sign * normals) > 0.05 * np.linalg.norm(to_eye, axis=2)
        sides.append((blockers.in_sight(above, eyes) & faces).sum(axis=1))
    seen = np.flatnonzero(np.maximum(*sides) > 0)[:count]
    turn = np.where(sides[0] >= sides[1], 1.0, -1.0)[seen, None]
    normals = turn * normals[seen]
    return Surfels(few.positions[seen] + lift * normals, normals, linear(few.base_colors[seen]))


def _drawn(cloud: GaussianCloud, focus: Floats, count: int, rng: np.random.Generator) -> npt.NDArray[np.intp]:
    """Return flat Gaussians of usable brightness, drawn by their area and how near to `focus` [m] they are."""
    order = np.sort(cloud.scales, axis=1).astype(np.float64)
    level = linear(cloud.base_colors)
    use = (cloud.opacities >= _OPACITY_MIN) & (order[:, 0] <= _FLATNESS_MAX * order[:, 1])
    use &= (level.min(axis=1) > _DARK) & (level.max(axis=1) < _BRIGHT)
    use &= np.linalg.norm(cloud.positions - focus, axis=1) < BACKDROP_M
    index = np.flatnonzero(use)
    if not len(index):
        return index
    area = order[index, 1] * order[index, 2]
    distance = np.linalg.norm(cloud.positions[index] - focus, axis=1)
    weight = np.minimum(area, np.quantile(area, 0.95)) / (1.0 + (distance / _NEAR_M) ** 2)
    total = np.cumsum(weight)
    at = (np.arange(count) + rng.random(count)) / count * total[-1]
    drawn = np.unique(np.minimum(np.searchsorted(total, at, side="right"), len(index) - 1))
    return rng.permutation(index[drawn])


def _lift(cloud: GaussianCloud) -> np.float32:
    """Return how far above the surface rays start, so that they clear the noise of the discs around them [m]."""
    some = cloud.scales[:: max(1, cloud.count // 50_000)]
    stride = max(1.0, cloud.count / _DISCS_MAX)
    return np.float32(0.75 * np.sqrt(stride) * np.median(np.sort(some, axis=1)[:, 1]))
