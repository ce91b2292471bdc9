"""Small scenes of flat Gaussians on known surfaces."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lyra_backend.types import Camera, Frame, GaussianCloud, Generation, Intrinsics, Scale, Similarity, look_at
from lyra_backend.types.rotations import quat_from_matrix

Floats = npt.NDArray[np.float64]


def sheet(
    corner: tuple[float, float, float],
    one: tuple[float, float, float],
    other: tuple[float, float, float],
    spacing: float = 0.08,
    seed: int = 0,
) -> GaussianCloud:
    """Return flat Gaussians over the parallelogram at `corner` with the sides `one` and `other` [m]."""
    a, b = np.array(one, float), np.array(other, float)
    count = max(int(np.linalg.norm(np.cross(a, b)) / spacing**2), 4)
    st = np.random.default_rng(seed).random((count, 2))
    normal = np.cross(a, b) / np.linalg.norm(np.cross(a, b))
    side = a / np.linalg.norm(a)
    frame = np.stack([side, np.cross(normal, side), normal], axis=1)
    return flat(np.array(corner) + st[:, :1] * a + st[:, 1:] * b, np.tile(frame, (count, 1, 1)), spacing)


def flat(points: Floats, frames: Floats, spacing: float) -> GaussianCloud:
    """Return discs at points (n, 3) whose thin axis is the last column of frames (n, 3, 3)."""
    count = len(points)
    return GaussianCloud(
        points.astype(np.float32),
        np.tile(np.float32([0.6 * spacing, 0.5 * spacing, 0.05 * spacing]), (count, 1)),
        quat_from_matrix(frames).astype(np.float32),
        np.full(count, 0.9, np.float32),
        np.zeros((count, 4, 3), np.float32),
        Frame.GENERATOR,
    )


def room() -> GaussianCloud:
    """Return a 5 x 4 x 2.6 m room with a ceiling, a large table and a wardrobe; the floor is at z = 0."""
    parts = [
        sheet((0, 0, 0), (5, 0, 0), (0, 4, 0), seed=1),
        sheet((0, 0, 2.6), (0, 4, 0), (5, 0, 0), seed=2),
        sheet((0, 0, 0), (0, 0, 2.6), (5, 0, 0), seed=3),
        sheet((0, 4, 0), (5, 0, 0), (0, 0, 2.6), seed=4),
        sheet((0, 0, 0), (0, 4, 0), (0, 0, 2.6), seed=5),
        sheet((5, 0, 0), (0, 0, 2.6), (0, 4, 0), seed=6),
        sheet((1, 1, 0.75), (2.5, 0, 0), (0, 1.5, 0), spacing=0.04, seed=7),
        sheet((4, 0.2, 2.0), (0.9, 0, 0), (0, 2, 0), seed=8),
    ]
    return GaussianCloud.concatenate(parts)


def terrain(size: float = 30.0, seed: int = 0) -> GaussianCloud:
    """Return rolling ground of +-1 m with its lowest part near z = -1."""
    st = np.random.default_rng(seed).random((20_000, 2)) * size
    x, y = st.T
    z = 0.6 * np.sin(0.5 * x) + 0.4 * np.cos(0.7 * y)
    normal = np.stack([-0.3 * np.cos(0.5 * x), 0.28 * np.sin(0.7 * y), np.ones_like(x)], axis=1)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    side = np.cross(np.tile((0.0, 1.0, 0.0), (len(x), 1)), normal)
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    frames = np.stack([side, np.cross(normal, side), normal], axis=2)
    return flat(np.stack([x, y, z], axis=1), frames, 0.2)


def camera(eye: tuple[float, float, float], target: tuple[float, float, float]) -> Camera:
    return Camera(Intrinsics.from_fov(64, 48, 60), look_at(eye, target))


def moved(cloud: GaussianCloud, tilt_deg: float, axis: tuple[float, float], *cameras: Camera) -> Generation:
    """Return the scene tilted about a horizontal axis and shifted, as a generator of metres would hand it over."""
    return Generation(cloud, cameras, Scale(1.0)).transformed(tilting(tilt_deg, axis), Frame.GENERATOR)


def tilting(tilt_deg: float, axis: tuple[float, float]) -> Similarity:
    """Return a turn about the horizontal axis (x, y) and a shift."""
    half = np.radians(tilt_deg) / 2
    turn = (np.cos(half), np.sin(half) * axis[0], np.sin(half) * axis[1], 0.0)
    return Similarity.build(rotation=turn, translation=(3.0, -2.0, 1.7))
