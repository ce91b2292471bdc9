"""The surface as it is seen from free space, for clouds whose Gaussians are a haze around it.

An optimiser lets Gaussians float before and behind the surface as long as pictures come out right. Where a Gaussian
lies then says little, but where a ray loses half of its light says much: from many sides these places scatter around
the true surface without bias. They become discs ("surfels", Pfister et al. 2000), which stand in for the Gaussians.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ...progress import Progress
from ...types import Camera, GaussianCloud, Intrinsics
from .._scan.free_space import FreeSpace
from .._scan.lattice import Grid
from .._scan.looking import GRAZING, HEIGHTS_M, JUMP, NEAREST_M, WAYS, in_world, pixel_rays
from .._scan.thinned import thinned

__all__ = ["Surfels", "seen_surface", "stand_points"]

Floats = npt.NDArray[np.floating]

_SIDE_PX = 96
_GAUSSIANS = 1_000_000  # in a picture; every k-th of more is grown to cover what the others did
_FEW = 0.3  # share of the usual number of surfels below which a cube holds strays
_CLEARANCE_M = 0.35


@dataclass(frozen=True)
class Surfels:
    """What was seen.

    Attributes:
        points: places [m], shape (N, 3).
        normals: unit normals towards the eye, shape (N, 3).
        eyes: where they were seen from [m], shape (N, 3).
    """

    points: Floats
    normals: Floats
    eyes: Floats

    def areas(self, side: float = 0.2) -> Floats:
        """Return the area each surfel stands for [m2], shape (N,): cubes of `side` [m] count alike if enough are in."""
        cube = np.floor(self.points / side).astype(np.int64)
        cube -= cube.min(axis=0)
        span = cube.max(axis=0) + 1
        key = (cube[:, 0] * span[1] + cube[:, 1]) * span[2] + cube[:, 2]
        _, index, counts = np.unique(key, return_inverse=True, return_counts=True)
        return side**2 / np.maximum(counts[index], _FEW * np.median(counts[index]))


def stand_points(free: FreeSpace, grid: Grid, floor: Floats, most: int) -> Floats:
    """Return points in free space, spread as far apart as possible, at heights of robots [m], shape (P, 3).

    Args:
        floor: height of the floor by lattice column [m], NaN where there is none, shape (NX, NY).
        most: number of points at most.
    """
    i, j = np.nonzero(np.isfinite(floor))
    places = []
    reach = _CLEARANCE_M / grid.voxel_size
    for height in HEIGHTS_M:
        k = np.rint((floor[i, j] + height - grid.origin[2]) / grid.voxel_size).astype(np.int64)
        at = np.column_stack([i, j, k])
        at = at[(k >= 0) & (k < grid.shape[2])]
        clear = free.reached.at(at)
        for way in WAYS:
            beside = np.clip(
                at + np.rint(way * reach * (height > 0.5 or abs(way[2]) < 0.5)).astype(np.int64),
                0,
                np.array(grid.shape) - 1,
            )
            clear &= free.reached.at(beside)
        places.append(at[clear])
    candidates = grid.to_world(np.concatenate(places).astype(np.float64))
    return _spread_out(candidates, most)


def _spread_out(points: Floats, most: int) -> Floats:
    """Farthest-point sampling."""
    if len(points) <= most:
        return points
    points = points[:: max(1, len(points) // 20_000)]
    chosen = [int(np.linalg.norm(points - points.mean(axis=0), axis=1).argmin())]
    distance = np.full(len(points), np.inf)
    for _ in range(most - 1):
        distance = np.minimum(distance, np.linalg.norm(points - points[chosen[-1]], axis=1))
        chosen.append(int(distance.argmax()))
    return points[chosen]


def seen_surface(cloud: GaussianCloud, eyes: Floats, progress: Progress) -> Surfels:
    """Look in all six directions from every eye (P, 3) [m] and return what is seen."""
    from ...render.splats import render

    lens = Intrinsics.from_fov(_SIDE_PX, _SIDE_PX, 90.0)
    parts = []
    few = thinned(cloud, _GAUSSIANS)
    grey = replace(few, sh=np.zeros((few.count, 1, 3), np.float32))
    for index, eye in enumerate(eyes):
        progress(index / len(eyes), "looking at the surface")
        for way in WAYS:
            camera = Camera(lens, _pose(eye, way))
            parts.append(_surfels(render(grey, camera).depth_m, camera))
    columns = zip(*[(p.points, p.normals, p.eyes) for p in parts], strict=True)
    return Surfels(*(np.concatenate(c) for c in columns))


def _pose(eye: Floats, way: Floats) -> Floats:
    down = np.array([1.0, 0.0, 0.0]) if abs(way[2]) > 0.5 else np.array([0.0, 0.0, -1.0])
    pose = np.eye(4)
    pose[:3, :3] = np.stack([np.cross(down, way), down, way], axis=1)
    pose[:3, 3] = eye
    return pose


def _surfels(depth: Floats, camera: Camera) -> Surfels:
    """Turn a depth picture (H, W) [m] into surfels."""
    from scipy import ndimage

    lens = camera.intrinsics
    known = np.isfinite(depth)
    smooth = ndimage.median_filter(np.where(known, depth, 1e3), 5)
    rays = pixel_rays(lens)
    points = rays * smooth[..., None]
    across, down = (np.gradient(points, axis=a) for a in (1, 0))
    normal = np.cross(down, across)
    normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-12)
    rays_unit = rays / np.linalg.norm(rays, axis=-1, keepdims=True)
    cosine = -(normal * rays_unit).sum(axis=-1)
    normal *= np.sign(cosine)[..., None]
    jump = ndimage.maximum_filter(smooth, 3) - ndimage.minimum_filter(smooth, 3)
    fine = known & (jump < np.maximum(JUMP * smooth, 3.0 * smooth / lens.fx / np.maximum(np.abs(cosine), GRAZING)))
    fine &= (np.abs(cosine) > GRAZING) & (np.abs(depth - smooth) < JUMP * smooth)
    fine &= depth > NEAREST_M
    points = in_world((rays * depth[..., None])[fine], camera) + camera.position
    return Surfels(points, in_world(normal[fine], camera), np.broadcast_to(camera.position, points.shape))
