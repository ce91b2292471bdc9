"""Gaussians moved onto the planes they scatter around, and planes closed where nothing was reconstructed.

For hazy clouds only: there a wall is a layer of Gaussians 10 cm thick with more of them behind it, and a floor without
texture has holes no pupil ever saw through.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ...types import GaussianCloud
from ...types.rotations import quat_from_matrix
from .._mesh.planes import Plane
from .seen import Surfels

__all__ = ["straightened"]

Floats = npt.NDArray[np.floating]
Bools = npt.NDArray[np.bool_]

_CELL_M = 0.1
_CLOSE_M = 0.6  # gaps of a plane that are narrower than twice this may be closed
_BEHIND_M = 0.3  # Gaussians up to this far behind a large plane are hidden by it
_LARGE_M2 = 3.0  # area of level and upright planes that hide and are closed
_BEYOND_M = 0.3  # a ray that ends further than this behind a plane went through it
_THIN_M = 0.002  # standard deviation of a straightened Gaussian across its plane


def straightened(cloud: GaussianCloud, planes: list[Plane], seen: Surfels) -> tuple[GaussianCloud, float]:
    """Return the cloud with its planes straight, and the area that was closed [m2].

    Args:
        cloud: the Gaussians.
        planes: planes of the surface, normals towards free space.
        seen: what is seen of the surface; says where planes are open.
    """
    places = [_Place(plane, cloud, seen) for plane in planes]
    residual = np.full(cloud.count, np.inf)
    owner = np.full(cloud.count, -1)
    hidden = np.zeros(cloud.count, bool)
    for index, place in enumerate(places):
        across = place.plane.residual(cloud.positions)
        inside = place.contains(cloud.positions)
        better = inside & (np.abs(across) < place.plane.window) & (np.abs(across) < residual)
        residual[better], owner[better] = np.abs(across[better]), index
        if place.large:
            hidden |= inside & (across < 0) & (across > -_BEHIND_M)
    parts = [cloud.select((owner < 0) & ~hidden)]
    closed = 0.0
    for index, place in enumerate(places):
        parts.append(_pressed(cloud.select(owner == index), place.plane))
        if place.large:
            patch = place.gaps(parts[-1].positions)
            parts.append(_discs(patch, place.plane, cloud))
            closed += len(patch) * _CELL_M**2
    return GaussianCloud.concatenate([p for p in parts if p.count]), closed


class _Place:
    """Where a plane is: a raster of `_CELL_M` in two axes across its normal."""

    def __init__(self, plane: Plane, cloud: GaussianCloud, seen: Surfels) -> None:
        from scipy import ndimage

        self.plane = plane
        # what is neither level nor upright may be clutter that happens to line up
        self.large = plane.area >= _LARGE_M2 and abs(plane.normal[2]) in (0.0, 1.0)
        first = np.cross(plane.normal, np.eye(3)[np.abs(plane.normal).argmin()])
        first /= np.linalg.norm(first)
        self.axes = np.stack([first, np.cross(plane.normal, first)])
        across = plane.residual(seen.points)
        on = np.abs(across) < plane.window
        margin = int(np.ceil(_CLOSE_M / _CELL_M)) + 2
        uv = self._uv(seen.points[on])
        self.low = uv.min(axis=0) - margin
        self.shape = tuple(uv.max(axis=0) - self.low + margin + 1)
        hits = self._count(uv)
        through = (across < -_BEYOND_M) & (plane.residual(seen.eyes) > 0)
        start, end = seen.eyes[through], seen.points[through]
        share = plane.residual(start) / (plane.residual(start) - plane.residual(end))
        passed = self._count(self._uv(start + share[:, None] * (end - start)))
        solid = (hits >= 3) & (hits > passed)
        reach = round(_CLOSE_M / _CELL_M)
        grown = ndimage.distance_transform_edt(~solid) <= reach
        closed = ndimage.distance_transform_edt(grown) > reach
        self.solid = solid | (closed & (passed <= np.maximum(hits, 2)))

    def _uv(self, points: Floats) -> npt.NDArray[np.int64]:
        return np.floor(points @ self.axes.T / _CELL_M).astype(np.int64)

    def _count(self, uv: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        uv = uv - self.low
        inside = ((uv >= 0) & (uv < self.shape)).all(axis=1)
        flat = uv[inside, 0] * self.shape[1] + uv[inside, 1]
        return np.bincount(flat, minlength=self.shape[0] * self.shape[1]).reshape(self.shape)

    def contains(self, points: Floats) -> Bools:
        """Return which points (N, 3) lie before or behind the plane's region."""
        uv = self._uv(points) - self.low
        inside = ((uv >= 0) & (uv < self.shape)).all(axis=1)
        inside[inside] = self.solid[tuple(uv[inside].T)]
        return np.asarray(inside)

    def gaps(self, points: Floats) -> Floats:
        """Return the middles (M, 3) of the region's cells that hold fewer than two of `points`."""
        cells = np.argwhere(self.solid & (self._count(self._uv(points)) < 2)) + self.low + 0.5
        return cells * _CELL_M @ self.axes + self.plane.normal * self.plane.offset


def _frames(normal: Floats, count: int) -> Floats:
    first = np.cross(normal, np.eye(3)[np.abs(normal).argmin()])
    first /= np.linalg.norm(first)
    quat = quat_from_matrix(np.stack([first, np.cross(normal, first), normal], axis=1)[None])
    return np.repeat(quat, count, axis=0).astype(np.float32)


def _pressed(cloud: GaussianCloud, plane: Plane) -> GaussianCloud:
    """Return the Gaussians as discs in the plane."""
    positions = cloud.positions - plane.residual(cloud.positions)[:, None] * plane.normal
    wide = np.sort(cloud.scales, axis=1)[:, 1:].mean(axis=1)
    scales = np.stack([wide, wide, np.full(cloud.count, _THIN_M)], axis=1)
    return replace(
        cloud,
        positions=positions.astype(np.float32),
        scales=scales.astype(np.float32),
        quats_wxyz=_frames(plane.normal, cloud.count),
    )


def _discs(points: Floats, plane: Plane, like: GaussianCloud) -> GaussianCloud:
    """Return an opaque disc at every point, one to a cell."""
    count = len(points)
    few = like.select(np.zeros(count, np.int64))
    return replace(
        few,
        positions=points.astype(np.float32),
        scales=np.tile(np.array([_CELL_M / 2, _CELL_M / 2, _THIN_M], np.float32), (count, 1)),
        quats_wxyz=_frames(plane.normal, count),
        opacities=np.full(count, 0.9, np.float32),
    )
