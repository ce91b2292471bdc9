"""What is seen of the Gaussians from free space: views at robot height, and the collider on the same rays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...types import Camera, GaussianCloud, Intrinsics, look_at
from .._scan.free_space import FreeSpace
from .._scan.lattice import Grid
from .._scan.thinned import thinned

__all__ = ["Seen", "eye_points", "look_around"]

Floats = npt.NDArray[np.floating]
Bools = npt.NDArray[np.bool_]

HEIGHTS_M = (0.35, 0.9, 1.5)
_CLEARANCE_M = 0.3
_ROOMY_M, _ROOMIER = 0.7, 0.6  # room around an eye that is enough, or more than at this share of places
_PLACES = 200_000  # for eyes at one height
_NEAREST_M = 0.3  # what is nearer to an eye is haze around it
_JUMP = 0.08  # relative change of depth between neighbouring pixels above which a surface ends
_CLEAR = 0.25  # opacity along a ray below which there is nothing on it; less than makes a surface
_GRAZING = 0.15  # cosine below which a pixel says nothing
_GAUSSIANS = 130_000  # in a picture; every k-th is grown to cover what the others did
_GOLDEN = np.pi * (3.0 - 5.0**0.5)
_UP = (0, 0, 1)
_FACES = ((1, 0, 0), (0, 1, 0), (-1, 0, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1))


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


def look_around(cloud: GaussianCloud, eyes: Floats, all_around: bool) -> Seen:
    """Render small depth pictures from `eyes` (P, 3) and return their rays; of those upwards only into the sky.

    Args:
        cloud: the Gaussians.
        eyes: where to look from [m].
        all_around: look all ways from every eye, else one way from each, turned against one another.
    """
    few = thinned(cloud, _GAUSSIANS)
    parts = []
    for n, eye in enumerate(eyes):
        turn = n * _GOLDEN
        ways = _FACES if all_around else ((np.cos(turn), np.sin(turn), -0.25),)
        lens = Intrinsics.from_fov(72, 72, 90.0) if all_around else Intrinsics.from_fov(96, 72, 100.0)
        parts += [_rays(Camera(lens, look_at(eye, eye + np.array(way))), few) for way in ways]
        if not all_around:
            up = _rays(Camera(Intrinsics.from_fov(48, 48, 90.0), look_at(eye, eye + np.array(_UP))), few)
            parts.append((*(found[:0] for found in up[:3]), *up[3:]))
    if not parts:
        return Seen(*np.zeros((5, 0, 3)))
    return Seen(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _rays(camera: Camera, cloud: GaussianCloud) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Return the fields of `Seen` of one picture."""
    from ...render import render

    picture = render(cloud, camera)
    depth, clear = picture.depth_m, picture.alpha < _CLEAR
    lens, pose = camera.intrinsics, camera.cam_to_world.astype(np.float64)
    turn, eye = pose[:3, :3].T, pose[:3, 3]
    u, v = np.meshgrid(np.arange(lens.width) + 0.5, np.arange(lens.height) + 0.5)
    rays = np.stack([(u - lens.cx) / lens.fx, (v - lens.cy) / lens.fy, np.ones_like(u)], axis=-1)
    local = rays * depth[..., None]
    normal = _normals(local, depth)
    use = np.isfinite(depth) & (depth > _NEAREST_M)
    points = local[use] @ turn + eye
    ways = rays[clear] @ turn
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    eyes, clear_eyes = (np.broadcast_to(eye, found.shape) for found in (points, ways))
    return eyes, points, normal[use] @ turn, clear_eyes, ways


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
        good = np.maximum(*steps) < 2 * _JUMP * depth[1:-1, 1:-1]
        good &= np.abs(cosine) > _GRAZING
    normals[1:-1, 1:-1] = np.where(good[..., None], normal, 0.0)
    return normals
