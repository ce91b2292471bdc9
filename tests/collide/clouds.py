"""Small clouds with known surfaces: sheets of discs, walls, boxes and what floats between them."""

from __future__ import annotations

import numpy as np

from lyra_backend.types import Camera, Frame, GaussianCloud, Intrinsics, look_at
from lyra_backend.types.rotations import normalise_quats, quat_from_matrix

SPACING = 0.025


def sheet(corner, u, v, seed=0, noise=0.002):
    """Cover the parallelogram at `corner` spanned by `u` and `v` [m] with discs; their normals have no sign."""
    rng = np.random.default_rng([seed, 17])
    corner, u, v = (np.asarray(a, float) for a in (corner, u, v))
    steps = [max(2, round(np.linalg.norm(side) / SPACING)) for side in (u, v)]
    a, b = np.meshgrid(*((np.arange(n) + 0.5) / n for n in steps), indexing="ij")
    normal = np.cross(u, v)
    normal /= np.linalg.norm(normal)
    points = corner + a.reshape(-1, 1) * u + b.reshape(-1, 1) * v
    points += rng.normal(0, noise, (len(points), 1)) * normal
    first = u / np.linalg.norm(u)
    frame = np.stack([first, np.cross(normal, first), normal], axis=1)
    turns = np.tile(frame, (len(points), 1, 1))
    flip = rng.random(len(points)) < 0.5
    turns[flip] = turns[flip] * np.array([1.0, -1.0, -1.0])
    scales = np.tile([0.9 * SPACING, 0.9 * SPACING, 0.003], (len(points), 1))
    return cloud(points, scales, quat_from_matrix(turns), np.full(len(points), 0.9))


def cloud(points, scales, quats, opacities):
    count = len(points)
    return GaussianCloud(
        np.asarray(points, np.float32),
        np.asarray(scales, np.float32),
        normalise_quats(np.asarray(quats)),
        np.asarray(opacities, np.float32),
        np.zeros((count, 1, 3), np.float32),
        Frame.WORLD,
    )


def join(*clouds):
    return GaussianCloud.concatenate(clouds)


def box(low, high, bottom=False):
    """The five (or six) sides of a solid box."""
    low, size = np.asarray(low, float), np.asarray(high, float) - low
    x, y, z = np.diag(size)
    sides = [(low, x, z), (low + y, x, z), (low, y, z), (low + x, y, z), (low + z, x, y)]
    return join(*(sheet(*side, seed=n) for n, side in enumerate(sides + ([(low, x, y)] if bottom else []))))


def room(size=(3.0, 2.5, 2.0)):
    """A closed room with its floor at z = 0 and a corner at the origin."""
    x, y, z = np.diag(np.asarray(size, float))
    zero = np.zeros(3)
    sides = [(zero, x, y), (z, x, y), (zero, x, z), (y, x, z), (zero, y, z), (x, y, z)]
    return join(*(sheet(*side, seed=10 + n) for n, side in enumerate(sides)))


def floaters(low, high, count=400, seed=3):
    """Faint scattered Gaussians and one dense blob in the middle of a box."""
    rng = np.random.default_rng(seed)
    low, high = np.asarray(low), np.asarray(high)
    blob = (low + high) / 2 + rng.normal(0, 0.05, (count // 2, 3))
    points = np.concatenate([rng.uniform(low, high, (count - count // 2, 3)), blob])
    scales = rng.lognormal(np.log(0.012), 0.4, (count, 3))
    return cloud(points, scales, rng.normal(size=(count, 4)), rng.uniform(0.1, 0.6, count))


def camera(eye, target):
    return Camera(Intrinsics.from_fov(64, 64, 60.0), look_at(eye, target))
