"""What is seen of the Gaussians from free space: views at robot height, and the collider on the same rays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...types import Camera, GaussianCloud, Intrinsics, look_at
from .._scan.free_space import FreeSpace
from .._scan.lattice import Grid
from .._scan.looking import GRAZING, HEIGHTS_M, JUMP, NEAREST_M, WAYS, in_world, pixel_rays
from .._scan.thinned import thinned

__all__ = ["Seen", "eye_points", "look_around"]

Floats = npt.NDArray[np.floating]
Bools = npt.NDArray[np.bool_]

_CLEARANCE_M = 0.3
_ROOMY_M, _ROOMIER = 0.7, 0.6  # room around an eye that is enough, or more than at this share of places
_PLACES = 200_000  # for eyes at one height
_CLEAR = 0.25  # opacity along a ray below which there is nothing on it; less than makes a surface
_GAUSSIANS = 130_000  # in a picture; every k-th is grown to cover what the others did
_GOLDEN = np.pi * (3.0 - 5.0**0.5)
_SIDE_PX = 72
_UP, _DOWN = np.array([0.0, 0.0, 1.0]), -0.25  # looks into the sky, and the slope of those ahead


@dataclass(frozen=True)
class Seen:
    """Rays that end on the Gaussians, where the accumulated opacity passes one half, and rays that meet next to none.

    Attributes:
        eyes: where rays start [m], shape (N, 3).
        points: where they end [m], shape (N, 3).
        normals: unit normals of the picture's surface there, towards the eye; zero where it has none, shape (N, 3).
        clear_eyes, clear_ways: where rays start that meet nothing [m], and their unit directions, shape (C, 3).
    """

    eyes: Floats
    points: Floats
    normals: Floats
    clear_eyes: Floats
    clear_ways: Floats

    @property
    def ways(self) -> Floats:
        """Unit directions of the rays, shape (N, 3)."""
        along = self.points - self.eyes
        return along / np.linalg.norm(along, axis=1, keepdims=True)

    @property
    def with_normal(self) -> Bools:
        return (self.normals != 0).any(axis=1)


def eye_points(free: FreeSpace, grid: Grid, most: int) -> Floats:
    """Return up to `most` points in reached free space at robot heights [m], spread over the plan, shape (P, 3)."""
    found = [_open_points(free, grid, height) for height in HEIGHTS_M]
    gaps = [np.full(len(points), np.inf) for points in found]
    chosen: list[Floats] = []
    for n in range(most):
        points, gap = found[n % len(found)], gaps[n % len(found)]
        if not len(points):
            continue
        if not chosen:
            gap = -np.linalg.norm(points - np.median(points, axis=0), axis=1)
        chosen.append(points[np.argmax(gap)])
        for others, near in zip(found, gaps, strict=True):
            np.minimum(near, np.linalg.norm((others - chosen[-1])[:, :2], axis=1), out=near)
    return np.asarray(grid.to_world(np.array(chosen, np.float64).reshape(-1, 3)))


def _open_points(free: FreeSpace, grid: Grid, height: float) -> npt.NDArray[np.int64]:
    """Return lattice points (P, 3) at a height [m] above the ground that have room around them, some more than most."""
    from scipy import ndimage

    columns = np.argwhere(free.inside)
    level = free.ground[tuple(columns.T)].astype(np.int64) + round(height / grid.voxel_size)
    points = np.column_stack([columns, np.minimum(level, grid.shape[2] - 1)])
    is_open = np.zeros(grid.shape[:2], bool)
    is_open[tuple(columns.T)] = free.reached.at(points)
    room = np.asarray(ndimage.distance_transform_edt(is_open))[tuple(columns.T)] * grid.voxel_size
    fits = room > _CLEARANCE_M
    if not fits.any():
        return points[:0]
    points = points[room >= min(_ROOMY_M, float(np.quantile(room[fits], _ROOMIER)))]
    return points[:: -(-len(points) // _PLACES)]


def look_around(cloud: GaussianCloud, eyes: Floats, all_ways: bool) -> Seen:
    """Render small depth pictures from `eyes` (P, 3) and return their rays; of those upwards only into the sky.

    Args:
        cloud: the Gaussians.
        eyes: where to look from [m].
        all_ways: look all ways from every eye, else one way from each, turned against one another.
    """
    few = thinned(cloud, _GAUSSIANS)
    square = Intrinsics.from_fov(_SIDE_PX, _SIDE_PX, 90.0)
    wide, narrow = Intrinsics.from_fov(96, _SIDE_PX, 100.0), Intrinsics.from_fov(48, 48, 90.0)
    parts: list[tuple[Floats, ...]] = []
    for n, eye in enumerate(eyes):
        if all_ways:
            parts += [_rays(Camera(square, look_at(eye, eye + way)), few) for way in WAYS]
            continue
        ahead = np.array([np.cos(n * _GOLDEN), np.sin(n * _GOLDEN), _DOWN])
        parts.append(_rays(Camera(wide, look_at(eye, eye + ahead)), few))
        up = _rays(Camera(narrow, look_at(eye, eye + _UP)), few)
        parts.append((*(found[:0] for found in up[:3]), *up[3:]))
    if not parts:
        return Seen(*np.zeros((5, 0, 3)))
    return Seen(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _rays(camera: Camera, cloud: GaussianCloud) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Return the fields of `Seen` of one picture."""
    from ...render import render

    picture = render(cloud, camera)
    depth, clear = picture.depth_m, picture.alpha < _CLEAR
    rays, eye = pixel_rays(camera.intrinsics), camera.position.astype(np.float64)
    local = rays * depth[..., None]
    normal = _normals(local, depth)
    use = np.isfinite(depth) & (depth > NEAREST_M)
    points, ways = in_world(local[use], camera) + eye, in_world(rays[clear], camera)
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    eyes, clear_eyes = (np.broadcast_to(eye, found.shape) for found in (points, ways))
    return eyes, points, in_world(normal[use], camera), clear_eyes, ways


def _normals(points: Floats, depth: Floats) -> Floats:
    """Return unit normals (H, W, 3) towards the eye from neighbouring pixels; zero at outlines and where grazing."""
    normals = np.zeros_like(points)
    across, down = points[1:-1, 2:] - points[1:-1, :-2], points[2:, 1:-1] - points[:-2, 1:-1]
    steps = [np.abs(depth[1:-1, 2:] - depth[1:-1, :-2]), np.abs(depth[2:, 1:-1] - depth[:-2, 1:-1])]
    with np.errstate(invalid="ignore"):
        normal = np.cross(down, across)
        normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-12)
        view = points[1:-1, 1:-1] / np.linalg.norm(points[1:-1, 1:-1], axis=-1, keepdims=True)
        cosine = (normal * view).sum(axis=-1)
        normal *= -np.sign(cosine)[..., None]
        good = np.maximum(*steps) < 2 * JUMP * depth[1:-1, 1:-1]
        good &= np.abs(cosine) > GRAZING
    normals[1:-1, 1:-1] = np.where(good[..., None], normal, 0.0)
    return normals
