"""Choose the best of many camera poses.

All are ranked by pictures of a coarse occupancy grid; the best few are settled by small renders of the Gaussians
themselves, so that no chosen view is from inside or right behind a surface if there is any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ..types import Camera, GaussianCloud, Intrinsics
from .occupancy import Occupancy
from .splats import render

__all__ = ["FOV_DEG", "HEIGHT_PX", "SIGHT_M", "TOO_NEAR_M", "WIDTH_PX", "best_view", "thinned"]

Floats = npt.NDArray[np.floating]

#: Size [px] and horizontal field of view [deg] of chosen cameras.
WIDTH_PX, HEIGHT_PX, FOV_DEG = 960, 540, 70.0
#: Farther than this, things are too small to matter.
SIGHT_M = 10.0
#: Things nearer than this crowd a view.
TOO_NEAR_M = 0.5

# A view is best with the middle of its content between these distances.
_DEPTH_GOOD_M = (1.5, 6.0)
_SETTLED_BY_RENDER = 3
_THINNED = 150_000
_PATCH_CELLS = 4


def thinned(cloud: GaussianCloud) -> GaussianCloud:
    """Return every k-th Gaussian grown to cover what the others did: enough to tell depth in a small picture."""
    stride = -(-cloud.count // _THINNED)
    if stride == 1:
        return cloud
    few = cloud.select(np.arange(0, cloud.count, stride))
    return replace(few, scales=few.scales * np.float32(np.sqrt(stride)), sh=few.sh[:, :1])


def best_view(cloud: GaussianCloud, grid: Occupancy, poses: list[Floats], name: str) -> tuple[Camera, float]:
    """Return the pose that shows most and its coverage: all ranked on the grid, the best few by what they render."""
    patch_m = _PATCH_CELLS * grid.cell_m
    rays = _rays(HEIGHT_PX // 40)
    ranks = _scores(poses, rays, _grid_depths(grid, poses, rays), patch_m)
    finalists = [poses[i] for i in np.argsort(-ranks, kind="stable")[:_SETTLED_BY_RENDER]]
    rays = _rays(HEIGHT_PX // 10)
    height, width = rays.shape[:2]
    lens = Intrinsics.from_fov(width, height, FOV_DEG)
    depths = [render(cloud, Camera(lens, pose)).depth_m for pose in finalists]
    best = int(np.argmax(_scores(finalists, rays, depths, patch_m)))
    camera = Camera(Intrinsics.from_fov(WIDTH_PX, HEIGHT_PX, FOV_DEG), finalists[best], name)
    return camera, float(np.isfinite(depths[best]).mean())


def _rays(height: int) -> Floats:
    """Return camera directions with z = 1 through the pixels of a picture of that height, shape (H, W, 3)."""
    width = round(height * WIDTH_PX / HEIGHT_PX)
    lens = Intrinsics.from_fov(width, height, FOV_DEG)
    columns, rows = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    return np.stack([(columns - lens.cx) / lens.fx, (rows - lens.cy) / lens.fy, np.ones_like(rows)], axis=-1)


def _grid_depths(grid: Occupancy, poses: list[Floats], rays: Floats) -> Floats:
    """Return the depth pictures of the grid's solid cells [m], shape (P, H, W), NaN where there are none."""
    lengths = np.linalg.norm(rays, axis=-1)
    turns = np.stack([pose[:3, :3] for pose in poses])
    directions = np.einsum("pij,hwj->phwi", turns, rays / lengths[..., None]).reshape(-1, 3)
    eyes = np.repeat(np.stack([pose[:3, 3] for pose in poses]), lengths.size, axis=0)
    far = grid.cast(eyes, directions, 2 * SIGHT_M).reshape(-1, *lengths.shape)
    return np.where(np.isinf(far), np.nan, far / lengths)


def _scores(poses: list[Floats], rays: Floats, depths: Sequence[Floats] | Floats, patch_m: float) -> Floats:
    """Return how good each view is by its depth (H, W) [m]: how clear, and how many different patches it shows."""
    clear, patches = [], []
    for pose, depth in zip(poses, depths, strict=True):
        seen = np.isfinite(depth)
        points = (rays[seen] * depth[seen][:, None]) @ pose[:3, :3].T + pose[:3, 3]
        patches.append(_different(np.floor(points / patch_m).astype(np.int64)))
        clear.append(_clearness(depth))
    return np.array(clear) * np.sqrt(np.array(patches) / max(1, *patches))


def _different(cells: npt.NDArray[np.int64]) -> int:
    """Return how many different rows cells (N, 3) have."""
    if not len(cells):
        return 0
    cells = cells - cells.min(axis=0)
    _, rows, layers = (cells.max(axis=0) + 1).tolist()
    return len(np.unique((cells[:, 0] * rows + cells[:, 1]) * layers + cells[:, 2]))


def _clearness(depth_m: Floats) -> float:
    """Return how readable a view is, from 0 to 1, by its depth [m] (NaN where it shows nothing), shape (H, W)."""
    seen = np.isfinite(depth_m)
    if not seen.any():
        return 0.0
    middle = float(np.median(depth_m[seen]))
    low, high = _DEPTH_GOOD_M
    distance = min(1.0, middle / low, high / middle)
    crowded = max(0.0, 1.0 - 6.0 * float((depth_m[seen] < TOO_NEAR_M).mean()))
    # Outlines of things before others are what makes a picture readable; a bare wall has none.
    across, down = (np.abs(np.diff(depth_m, axis=axis)) for axis in (1, 0))
    outlines = float((across > 0.1 * depth_m[:, 1:]).mean() + (down > 0.1 * depth_m[1:]).mean())
    return float(seen.mean()) * distance * crowded * (0.6 + 0.4 * min(1.0, outlines / 0.15))
