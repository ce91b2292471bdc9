"""Scans that went wrong: what is missing, folded, tiny, vast, or seen from the wrong side."""

from __future__ import annotations

import numpy as np

from lyra_backend.types.rotations import quat_from_matrix

from .clouds import box, cloud, join, sheet


def walls(size=(3.0, 2.5, 2.0), ceiling=False):
    """The walls of a room without its floor."""
    x, y, z = np.diag(np.asarray(size, float))
    zero = np.zeros(3)
    sides = [(zero, x, z), (y, x, z), (zero, y, z), (x, y, z), *([(z, x, y)] if ceiling else [])]
    return join(*(sheet(*side, seed=n) for n, side in enumerate(sides)))


def tilted(degrees, side=3.0):
    """A square plane that leans."""
    angle = np.radians(degrees)
    return sheet((0, 0, 0), (0, side, 0), (side * np.cos(angle), 0, side * np.sin(angle)))


def building():
    """The outside of a house: walls and a flat roof, and not the ground around them."""
    return box((0, 0, 0), (6.0, 4.0, 3.0))


def capture():
    """An object on nothing: the upper half of a ball 60 cm wide with a box on it, as if the ground had been cut off."""
    n = 6000
    rng = np.random.default_rng(8)
    way = rng.normal(size=(n, 3))
    way[:, 2] = np.abs(way[:, 2])
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    aside = np.cross(way, (0.3, 0.5, 0.81))
    aside /= np.linalg.norm(aside, axis=1, keepdims=True)
    turns = np.stack([aside, np.cross(way, aside), way], axis=2)
    return cloud(0.3 * way, np.tile([0.01, 0.01, 0.002], (n, 1)), quat_from_matrix(turns), np.full(n, 0.9))


def noise(count, size=3.0, flat=False, seed=5):
    """Gaussians strewn evenly, opaque and as flat as surface if `flat`."""
    rng = np.random.default_rng(seed)
    scales = np.tile([0.022, 0.022, 0.003], (count, 1)) if flat else rng.lognormal(np.log(0.02), 0.4, (count, 3))
    opacities = np.full(count, 0.9) if flat else rng.uniform(0.1, 0.9, count)
    return cloud(rng.uniform(0, size, (count, 3)), scales, rng.normal(size=(count, 4)), opacities)


def identical(count=5000, scale=0.02):
    return cloud(
        np.tile([1.0, 2.0, 0.5], (count, 1)),
        np.full((count, 3), scale),
        np.tile([1, 0, 0, 0], (count, 1)),
        np.full(count, 0.9),
    )


def line(count=5000, length=5.0, scale=0.02):
    points = np.linspace((0, 0, 0), (length, 0, 0), count)
    return cloud(points, np.full((count, 3), scale), np.tile([1, 0, 0, 0], (count, 1)), np.full(count, 0.9))


def scaled(scene, factor):
    return cloud(scene.positions * factor, scene.scales * factor, scene.quats_wxyz, scene.opacities)


def spread(scene, factor):
    """The scene larger, its Gaussians as small as they were."""
    return cloud(scene.positions * factor, scene.scales, scene.quats_wxyz, scene.opacities)
