"""What Gaussians say about points of a surface: colour, class, and whether there is anything to be seen.

Does: look up the Gaussians nearest to points, in bounded memory. Does not: look from anywhere, so that colours lack
what depends on the view.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from ..types import GaussianCloud
from ..types.rotations import SH_C0
from .labels import UNKNOWN_CLASS

__all__ = ["SurfaceSamples"]

Floats = npt.NDArray[np.floating]
Bools = npt.NDArray[np.bool_]

#: Gaussians fainter than this are haze, not a surface.
_OPACITY_MIN = 0.3
#: So many Gaussians are looked at, evenly chosen, and so many of them for each point.
_MOST_GAUSSIANS = 1_000_000
_NEAREST = 8
#: Points asked about at a time.
_AT_ONCE = 1 << 16
#: A Gaussian covers what lies within three standard deviations, and what is as near as colliders may be off [m].
_SUPPORT_SIGMA = 3.0
_NEAR_M = 0.1
#: Standard deviations below this tell nothing about which of two Gaussians is nearer [m].
_SCALE_MIN_M = 0.005


class SurfaceSamples:
    """The Gaussians of a cloud by place; the same answers for the same cloud."""

    def __init__(self, cloud: GaussianCloud) -> None:
        from scipy.spatial import cKDTree

        solid = np.flatnonzero(cloud.opacities >= _OPACITY_MIN)
        solid = solid if len(solid) else np.arange(cloud.count)
        self._index = solid[:: max(1, -(-len(solid) // _MOST_GAUSSIANS))]
        self._cloud = cloud
        self._scales = np.maximum(cloud.wide_scales[1][self._index], _SCALE_MIN_M)
        self._tree = cKDTree(cloud.positions[self._index], balanced_tree=False)

    def colors(self, points: Floats) -> npt.NDArray[np.float32]:
        """Return linear colours (N, 3) in [0, 1] of points (N, 3) [m]; a mid grey if there are no Gaussians.

        Gaussians count by what they add at a point: opacity times exp(-d^2 / 2 s^2), with s the largest standard
        deviation, for across a surface splats are thinner than colliders are exact. Stored colours are sRGB, those of
        USD linear.
        """
        found = [self._blend(near, weight) for near, weight, _ in self._near(points)]
        return np.concatenate(found).astype(np.float32) if found else np.full((len(points), 3), 0.2, np.float32)

    def classes(self, points: Floats) -> tuple[npt.NDArray[np.object_], Bools]:
        """Return the class at points (N, 3) [m], "unknown" far from all Gaussians, and whether one covers them (N,)."""
        kinds = np.full(len(points), UNKNOWN_CLASS, dtype=object)
        covered = np.zeros(len(points), bool)
        ids, names = self._cloud.class_ids, np.array(self._cloud.class_names, dtype=object)
        for number, (near, weight, is_near) in enumerate(self._near(points)):
            part = slice(number * _AT_ONCE, number * _AT_ONCE + len(near))
            covered[part] = is_near
            if ids is not None:
                strongest = near[np.arange(len(near)), weight.argmax(axis=1)]
                kinds[part] = np.where(is_near, names[ids[strongest]], UNKNOWN_CLASS)
        return kinds, covered

    def _blend(self, near: npt.NDArray[np.int64], weight: Floats) -> Floats:
        shown = np.clip(0.5 + SH_C0 * self._cloud.sh[near, 0], 0.0, 1.0)
        return _linear((shown * weight[..., None]).sum(axis=1) / weight.sum(axis=1, keepdims=True))

    def _near(self, points: Floats) -> Iterator[tuple[npt.NDArray[np.int64], Floats, Bools]]:
        """Yield for some points at a time the Gaussians near, their shares, both (n, k), and if one covers a point."""
        count = min(_NEAREST, len(self._index))
        for start in range(0, len(points) if count else 0, _AT_ONCE):
            distance, row = self._tree.query(points[start : start + _AT_ONCE], k=np.arange(1, count + 1))
            scale = self._scales[row]
            near = self._index[row]
            # in logarithms, so that the nearest counts however far it is
            power = np.log(np.maximum(self._cloud.opacities[near], 1e-6)) - (distance / scale) ** 2 / 2
            weight = np.exp(power - power.max(axis=1, keepdims=True))
            yield near, weight, (distance <= np.maximum(_SUPPORT_SIGMA * scale, _NEAR_M)).any(axis=1)


def _linear(srgb: Floats) -> Floats:
    """Undo the transfer function of sRGB, IEC 61966-2-1."""
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
