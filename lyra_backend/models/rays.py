"""Cameras and time as the Gaussian decoder takes them (Lyra, arXiv 2509.19296): Plücker maps, rays, time pictures.

Cameras have OpenCV axes (x right, y down, z forward) and pixel centres at +0.5.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch.nn import functional as F

__all__ = ["Rays", "gaussian_rays", "plucker_map", "relative_to_first", "time_embedding", "time_pictures"]


class Rays(NamedTuple):
    """One ray a block of pixels: `origins` and unit `directions`, both (T, 3, H / factor, W / factor), world frame."""

    origins: torch.Tensor
    directions: torch.Tensor


def relative_to_first(cam_to_world: torch.Tensor) -> torch.Tensor:
    """Return poses (..., 4, 4) in the axes of the first of them: of the first view's first frame.

    The published setting for this is called "relative translation scale", but nothing is scaled.
    """
    poses = cam_to_world.double()
    return (torch.linalg.inv(poses.reshape(-1, 4, 4)[0]) @ poses).to(cam_to_world.dtype)


def plucker_map(
    cam_to_world: torch.Tensor,
    intrinsics_fxfycxcy: torch.Tensor,
    height: int,
    width: int,
    grid_dtype: torch.dtype = torch.bfloat16,
) -> torch.Tensor:
    """Return the Plücker coordinates (T, 6, H, W) of each pixel's ray: moment o x d first, then the unit direction d.

    With bfloat16 the pixel grid is as coarse as in the published program, where 1280 columns have 481 different
    places; the decoder was trained on that.

    Args:
        cam_to_world: poses (T, 4, 4).
        intrinsics_fxfycxcy: lens of each frame (T, 4), or one for all (4,) [px].
        height, width: size of the pictures [px].
        grid_dtype: what poses, lens and grid are rounded to, and what is calculated and returned in.

    Raises:
        ValueError: shapes that do not belong together.
    """
    lenses = _lenses(cam_to_world, intrinsics_fxfycxcy)
    found = cam_to_world.new_empty((len(cam_to_world), 6, height, width), dtype=grid_dtype)
    for frame, (origins, directions) in enumerate(_rays(cam_to_world, lenses, height, width, grid_dtype)):
        found[frame, :3] = torch.linalg.cross(origins, directions, dim=0)
        found[frame, 3:] = directions
    return found


def gaussian_rays(
    cam_to_world: torch.Tensor,
    intrinsics_fxfycxcy: torch.Tensor,
    height: int,
    width: int,
    factor: int = 8,
    grid_dtype: torch.dtype = torch.float32,
) -> Rays:
    """Return the rays that the Gaussians lie on, one through the middle of each block of `factor` x `factor` pixels.

    Args:
        cam_to_world: poses (T, 4, 4).
        intrinsics_fxfycxcy: lens of each frame (T, 4), or one for all (4,), of the whole picture [px].
        height, width: size of the pictures [px], multiples of `factor`.
        factor: side of a block [px].
        grid_dtype: what is calculated and returned in. The published program takes bfloat16 here too, which turns
            rays by up to half a degree; float32 puts each Gaussian where its pixels are.

    Raises:
        ValueError: shapes that do not belong together, or a size that `factor` does not divide.
    """
    if height % factor or width % factor:
        raise ValueError(f"gaussian_rays: height and width must be multiples of {factor}, got {height} and {width}.")
    lenses = _lenses(cam_to_world, intrinsics_fxfycxcy) / factor
    size = height // factor, width // factor
    found = Rays(*(cam_to_world.new_empty((len(cam_to_world), 3, *size), dtype=grid_dtype) for _ in range(2)))
    for frame, (origins, directions) in enumerate(_rays(cam_to_world, lenses, *size, grid_dtype)):
        found.origins[frame], found.directions[frame] = origins, directions
    return found


def time_embedding(frames: int, indices: Sequence[int] | None = None) -> torch.Tensor:
    """Return (t, cos t, sin t) of frames, t going from 0 to 1 over a video, float32 (T, 3).

    Args:
        frames: length of the video, 2 or more.
        indices: the frames that are asked for, such as the one target frame of a moving scene; None is all of them.

    Raises:
        ValueError: a video of one frame, or an index outside of it.
    """
    asked = range(frames) if indices is None else indices
    if frames < 2 or not all(0 <= index < frames for index in asked):
        raise ValueError(f"time_embedding: needs 2 frames or more and indices within, got {frames} and {indices}.")
    time = torch.tensor(list(asked), dtype=torch.float32) / (frames - 1)
    return torch.stack([time, time.cos(), time.sin()], dim=1)


def time_pictures(embedding: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Return one-coloured pictures (T, 3, H, W) that tell the video encoder the time, in [-1, 1].

    Args:
        embedding: see :func:`time_embedding`, (T, 3).
        height, width: size of the pictures [px].

    Returns:
        a view in which all pixels of a picture share their memory: not to be written to.
    """
    return (2 * embedding - 1)[:, :, None, None].expand(-1, -1, height, width)


def _lenses(cam_to_world: torch.Tensor, intrinsics: torch.Tensor) -> torch.Tensor:
    """Return the intrinsics of each frame (T, 4)."""
    count = len(cam_to_world)
    if cam_to_world.shape != (count, 4, 4) or tuple(intrinsics.shape) not in ((4,), (count, 4)):
        raise ValueError(
            "rays: needs cam_to_world (T, 4, 4) and intrinsics (T, 4) or (4,), "
            f"got {tuple(cam_to_world.shape)} and {tuple(intrinsics.shape)}."
        )
    return intrinsics.expand(count, 4)


def _rays(
    cam_to_world: torch.Tensor, lenses: torch.Tensor, height: int, width: int, dtype: torch.dtype
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield origins and unit directions (3, H, W) of one frame after another, which bounds the memory.

    Rounds to `dtype` after each step, as the published program does: the order of the steps is part of the result.
    """
    poses, lenses = cam_to_world.to(dtype), lenses.to(device=cam_to_world.device, dtype=dtype)
    v, u = (_centres(count, poses) for count in (height, width))
    for pose, (fx, fy, cx, cy) in zip(poses, lenses.unbind(), strict=True):
        x, y = ((u - cx) / fx).expand(height, width), ((v - cy) / fy)[:, None].expand(height, width)
        in_camera = F.normalize(torch.stack([x, y, torch.ones_like(x)]), dim=0)
        yield pose[:3, 3, None, None].expand(3, height, width), _turned(pose[:3, :3], in_camera)


def _centres(count: int, like: torch.Tensor) -> torch.Tensor:
    """Return the centres of `count` pixels in a row; rounded on the CPU, whose rounding does not depend on a driver."""
    return (torch.linspace(0, count - 1, count, dtype=like.dtype) + 0.5).to(like.device)


def _turned(rotation: torch.Tensor, directions: torch.Tensor) -> torch.Tensor:
    """Return directions (3, H, W) turned; summed in float32 and rounded once, as a matrix product is on any device."""
    turn, (x, y, z) = rotation.float()[:, :, None, None], directions.float()
    return (turn[:, 0] * x + turn[:, 1] * y + turn[:, 2] * z).to(directions.dtype)
