"""Small clouds with known shapes: sheets of flat Gaussians, frame WORLD."""

from __future__ import annotations

import numpy as np

from lyra_backend.types import Frame, GaussianCloud
from lyra_backend.types.rotations import quat_from_matrix

SPACING_M = 0.05


def sheet(points: np.ndarray, normals: np.ndarray, spacing_m: float = SPACING_M, shade: float = 0.5) -> GaussianCloud:
    """Flat Gaussians at points (N, 3) facing along unit normals (N, 3)."""
    across = np.where(np.abs(normals[:, :1]) < 0.9, [[1.0, 0.0, 0.0]], [[0.0, 1.0, 0.0]])
    u = np.cross(across, normals)
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    axes = np.stack([u, np.cross(normals, u), normals], axis=2)
    count = len(points)
    scales = np.tile(np.float32([0.8, 0.8, 0.04]) * np.float32(spacing_m), (count, 1))
    sh = np.full((count, 1, 3), (shade - 0.5) / 0.28209479, np.float32)
    quats = quat_from_matrix(axes).astype(np.float32)
    return GaussianCloud(points, scales, quats, np.full(count, 0.95, np.float32), sh, Frame.WORLD)


def rectangle(corner, a, b, spacing_m: float = SPACING_M, shade: float = 0.5) -> GaussianCloud:
    """A parallelogram spanned by a and b [m] at a corner [m]."""
    a, b = np.asarray(a, float), np.asarray(b, float)
    i = (np.arange(max(1, round(np.linalg.norm(a) / spacing_m))) + 0.5) * spacing_m / np.linalg.norm(a)
    j = (np.arange(max(1, round(np.linalg.norm(b) / spacing_m))) + 0.5) * spacing_m / np.linalg.norm(b)
    s, t = (m.ravel()[:, None] for m in np.meshgrid(i, j, indexing="ij"))
    normal = np.cross(a, b) / np.linalg.norm(np.cross(a, b))
    points = np.asarray(corner, float) + s * a + t * b
    return sheet(points, np.tile(normal, (len(points), 1)), spacing_m, shade)


def box(low, high, spacing_m: float = SPACING_M, shade: float = 0.5) -> GaussianCloud:
    """The hollow surface of a box between two corners [m]."""
    low, high = np.asarray(low, float), np.asarray(high, float)
    x, y, z = np.diag(high - low)
    faces = [(low, x, y), (low, y, z), (low, z, x), (low + z, x, y), (low + x, y, z), (low + y, z, x)]
    return GaussianCloud.concatenate([rectangle(*face, spacing_m, shade) for face in faces])


def room() -> GaussianCloud:
    """A closed room of 6 x 5 x 2.8 m with a wardrobe, a hollow bed (one could hide in it) and a crate."""
    return GaussianCloud.concatenate(
        [
            box((0, 0, 0), (6, 5, 2.8)),
            box((4.8, 0.0, 0.0), (6.0, 0.6, 2.0), shade=0.2),
            box((0.0, 2.6, 0.0), (2.2, 5.0, 0.55), shade=0.8),
            box((3.6, 3.4, 0.0), (4.2, 4.0, 0.6), shade=0.3),
        ]
    )


def hills(size_m: float = 16.0) -> GaussianCloud:
    """Open ground with slopes of up to 20 degrees, 3 m above the zero level, and three pillars."""
    x, y = (m.ravel() for m in np.meshgrid(np.arange(0, size_m, 0.06), np.arange(0, size_m, 0.06), indexing="ij"))
    normals = np.column_stack([-0.3 * np.cos(0.6 * x), -0.2 * np.cos(0.5 * y), np.ones_like(x)])
    ground = sheet(
        np.column_stack([x, y, hill_height(x, y)]), normals / np.linalg.norm(normals, axis=1, keepdims=True), 0.06
    )
    pillars = [box((a, b, 1.5), (a + 0.5, b + 0.5, 5.5), shade=0.2) for a, b in ((4, 4), (11, 6), (7, 12))]
    return GaussianCloud.concatenate([ground, *pillars])


def hill_height(x, y):
    return 3.0 + 0.5 * np.sin(0.6 * x) + 0.4 * np.sin(0.5 * y)
