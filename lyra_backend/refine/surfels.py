"""What of a cloud tells directions: flat Gaussians with their normals, thinned in proportion to what they cover.

`upright_ones` tells posts, trunks and corners from foliage by the normals around: they lie in one plane, whose normal
is the axis of the thing (normals of a plane coincide, those of foliage point all ways).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..types import GaussianCloud
from ..types.rotations import matrix_from_quat

__all__ = ["Surfels", "surfels_of", "upright_ones"]

Floats = npt.NDArray[np.float64]

#: Gaussians whose smallest axis is longer than this part of the middle one have no clear normal.
_MAX_FLATNESS = 0.6
_MOST = 60_000
_STREAM = 20261
#: Neighbours whose normals are looked at together.
_NEIGHBOURS = 12
#: Mean squares of the normals' parts along the axis of an edge or post, at the most, and across it, at the least.
_ALONG_MOST, _ACROSS_LEAST = 0.08, 0.12


@dataclass(frozen=True)
class Surfels:
    """Points (N, 3) in the cloud's units and their unit normals (N, 3) of either sign."""

    points: Floats
    normals: Floats

    def select(self, index: npt.NDArray[np.bool_]) -> Surfels:
        """Return those that a mask (N,) chooses."""
        return Surfels(self.points[index], self.normals[index])


def surfels_of(cloud: GaussianCloud) -> Surfels:
    """Return up to 60 000 flat Gaussians, drawn by area times opacity; none if none is flat."""
    sizes = np.sort(cloud.scales, axis=1).astype(np.float64)
    flat = np.flatnonzero(sizes[:, 0] < _MAX_FLATNESS * sizes[:, 1])
    if not len(flat):
        return Surfels(np.zeros((0, 3)), np.zeros((0, 3)))
    areas = (sizes[:, 1] * sizes[:, 2])[flat]
    # the largest are faint fillers behind surfaces
    weights = np.minimum(areas, np.quantile(areas, 0.9)) * cloud.opacities[flat].astype(np.float64) + 1e-30
    total = np.cumsum(weights)
    at = (np.arange(_MOST) + np.random.default_rng(_STREAM).random(_MOST)) / _MOST * total[-1]
    drawn = np.unique(flat[np.minimum(np.searchsorted(total, at, side="right"), len(flat) - 1)])
    axes = matrix_from_quat(cloud.quats_wxyz[drawn].astype(np.float64))
    thin = cloud.scales[drawn].argmin(axis=1)
    normals = np.take_along_axis(axes, thin[:, None, None], axis=2)[:, :, 0]
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    return Surfels(cloud.positions[drawn].astype(np.float64), np.asarray(normals, np.float64))


def upright_ones(surfels: Surfels, max_tilt: float) -> Surfels:
    """Return those on posts, trunks, edges and walls that may stand upright, within `max_tilt` [deg] of the z axis."""
    from scipy.spatial import cKDTree

    if len(surfels.points) <= _NEIGHBOURS:
        return surfels
    _, around = cKDTree(surfels.points).query(surfels.points, _NEIGHBOURS)
    normals = surfels.normals[around]
    values, vectors = np.linalg.eigh(np.einsum("nki,nkj->nij", normals, normals) / _NEIGHBOURS)
    bent = values[:, 1] > _ACROSS_LEAST
    axis_upright = np.abs(vectors[:, 2, 0]) > np.cos(np.radians(max_tilt + 5.0))
    steep = np.abs(vectors[:, 2, 2]) < np.sin(np.radians(max_tilt + 5.0))
    return surfels.select((values[:, 0] < _ALONG_MOST) & np.where(bent, axis_upright, steep))
