"""Clips of rooms as the miniature's video model learns from them: encoded, with what a cache shows beside them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import torch

from ..models.budget import VideoFormat
from ..models.depth_cache import CacheFrames, DepthCache
from ..models.latent_space import LatentSpace
from ..progress import Progress
from .room_data import RoomClips
from .tokenizer_stage import as_video, set_statistics
from .video_stage import EncodedClips

__all__ = ["cache_of", "encode_clips", "lens_matrix", "mask_video"]

#: Clips that are encoded together.
_BATCH = 16
#: Threads that warp: kernels on the CPU run on the thread that launches them.
_THREADS = 2


def encode_clips(clips: RoomClips, space: LatentSpace, video: VideoFormat, progress: Progress) -> EncodedClips:
    """Return all clips as latents of the video model, and write their statistics into the tokenizer's configuration.

    Args:
        clips: whose first frames are lifted into the cache with their true depth.
        space: of a tokenizer without statistics.
        video: how the cache is filtered and shown.
        progress: told after every few clips; stops the work by raising.
    """
    parts: tuple[list[torch.Tensor], ...] = ([], [], [])
    with ThreadPoolExecutor(_THREADS) as pool:
        for start in range(0, len(clips), _BATCH):
            which = range(start, min(start + _BATCH, len(clips)))
            shown = list(pool.map(lambda i: _warped(clips, i, video), which))
            warped = torch.from_numpy(np.stack([s.frames for s in shown])).movedim(1, 2)
            masks = torch.cat([mask_video(s.masks) for s in shown])
            frames = as_video(clips.frames[which.start : which.stop])
            for part, pictures in zip(parts, (frames, warped, masks), strict=True):
                part.append(_encoded(space, pictures))
            progress(which.stop / len(clips), f"{which.stop} of {len(clips)} clips encoded")
    videos, warped, masks = (torch.cat(part) for part in parts)
    set_statistics(space.tokenizer, videos)
    return EncodedClips(*(space.to_diffusion(latents).half() for latents in (videos, warped, masks)))


def _encoded(space: LatentSpace, pictures: torch.Tensor) -> torch.Tensor:
    return space.encode(lambda start, end: pictures[:, :, start:end], pictures.shape[2]).cpu()


def _warped(clips: RoomClips, i: int, video: VideoFormat) -> CacheFrames:
    """Return what the first frame of a clip shows along its path."""
    matrix = lens_matrix(clips.lens)
    cache = cache_of(clips.frames[i, 0], clips.depth[i], matrix, video)
    return cache.render(np.linalg.inv(clips.cam_to_world[i]), matrix, video.foreground_masking)


def cache_of(
    picture: npt.NDArray[np.uint8], depth: npt.NDArray[np.float32], matrix: npt.NDArray[np.float32], video: VideoFormat
) -> DepthCache:
    """Return a picture (H, W, 3) with depth (H, W) as the model's own cache."""
    colors = picture.astype(np.float32) / 127.5 - 1
    return DepthCache(colors, depth, matrix, window=video.reliable_window, relative_range=video.reliable_range)


def lens_matrix(lens: tuple[float, float, float, float]) -> npt.NDArray[np.float32]:
    """Return the matrix (3, 3) of fx, fy, cx, cy."""
    fx, fy, cx, cy = lens
    return np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]], np.float32)


def mask_video(masks: npt.NDArray[np.bool_]) -> torch.Tensor:
    """Return masks (T, 1, H, W) as the video (1, 3, T, H, W) that GEN3C encodes: 1 where it knows, else -1."""
    return torch.from_numpy(masks).movedim(0, 1)[None].float().expand(-1, 3, -1, -1, -1) * 2 - 1
