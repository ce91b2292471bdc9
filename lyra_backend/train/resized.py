"""Scenes of a teacher at the size of a stage: fewer frames, or smaller pictures that are encoded again.

Lyra's decoder began with 17 frames of 176 x 320 and ended with 121 of 704 x 1280 (arXiv 2509.19296). The tokenizer is
causal: the latents of a video's beginning are those of the beginning of a video. Of smaller pictures they are not, so
those are encoded again, as published.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional as F

from ..errors import InvalidRequest
from ..models.latent_space import LatentSpace
from ..models.lyra import ray_latents
from .taught import Taught

__all__ = ["VideoSize", "check_size", "resized", "size_of"]

#: Rows and columns of pixels that a token of the decoder stands for.
_TOKEN = 16


class VideoSize(NamedTuple):
    """How many frames, rows and columns videos have."""

    frames: int
    height: int
    width: int

    def __str__(self) -> str:
        return f"{self.frames} frames of {self.width} x {self.height}"


def size_of(taught: Taught) -> VideoSize:
    """Return the size of a scene's videos."""
    return VideoSize(taught.frame_count, *taught.frames.shape[2:4])


def check_size(taught: Taught, wanted: VideoSize, subject: str, *, has_tokenizer: bool) -> None:
    """Look whether a scene can be brought to a size.

    Args:
        taught: the scene.
        wanted: no more of anything than it has.
        subject: what wants it, for the text of an error.
        has_tokenizer: pictures can be encoded again.

    Raises:
        InvalidRequest: it cannot, or is no scene that stands still.
    """
    size = size_of(taught)
    if wanted == size:
        return
    if taught.time is not None:
        raise InvalidRequest(f"{subject}: is for {wanted}; moving scenes are learned as they are, and have {size}.")
    step = _time_compression(taught)
    smaller = wanted[1:] != size[1:]
    fits = all(new <= old for new, old in zip(wanted, size, strict=True)) and wanted.frames % step == 1 % step
    if not fits or wanted.height * size.width != wanted.width * size.height:
        raise InvalidRequest(
            f"{subject}: is for {wanted} and the data have {size}. They must have as much or more, in the same shape, "
            f"and a stage {step} n + 1 frames: make data of another size, or change the recipe."
        )
    if smaller and (wanted.height % _TOKEN or wanted.width % _TOKEN):
        raise InvalidRequest(f"{subject}: pictures must have multiples of {_TOKEN} pixels a side, got {wanted}.")
    if smaller and not has_tokenizer:
        raise InvalidRequest(f"{subject}: is for {wanted}; to encode pictures again needs the teacher's tokenizer.")
    if smaller and not np.array_equal(taught.indices[: wanted.frames], np.arange(wanted.frames)):
        raise InvalidRequest(
            f"{subject}: pictures are encoded again, and the data lack some of the first {wanted.frames} frames of "
            "each video. Make data that keep all, or leave out the stages of smaller pictures."
        )


def resized(taught: Taught, videos: list[int], wanted: VideoSize, space: LatentSpace | None) -> Taught:
    """Return some videos of a still scene at a size that :func:`check_size` let through.

    Args:
        taught: the scene.
        videos: which of them, in the order in which they come.
        wanted: size.
        space: of the teacher's tokenizer, for smaller pictures.
    """
    begun = _begun(taught, videos, wanted.frames)
    if wanted == size_of(begun):
        return begun
    if space is None:
        raise ValueError("resized: smaller pictures need a tokenizer.")
    share = np.float32(wanted.width / taught.frames.shape[3])
    frames, lens = _smaller(begun.frames, wanted), begun.lens * share
    depth = None if begun.cache_depth is None else _sampled(begun.cache_depth, wanted)
    latents = torch.cat([_encoded(space, video) for video in frames])
    poses, lenses = torch.from_numpy(begun.cam_to_world), torch.from_numpy(lens)
    rays = torch.cat([ray_latents(space, path, lenses, wanted.height, wanted.width) for path in poses])
    return replace(begun, latents=_half(latents), plucker=_half(rays), frames=frames, lens=lens, cache_depth=depth)


def _begun(taught: Taught, videos: list[int], frames: int) -> Taught:
    """Return the first frames of some videos."""
    kept, latent = taught.indices < frames, (frames - 1) // _time_compression(taught) + 1
    # indices rise, so that those are the first ones
    count = int(kept.sum())
    return replace(
        taught,
        latents=taught.latents[videos, :latent],
        plucker=taught.plucker[videos, :latent],
        frames=taught.frames[videos, :count],
        cam_to_world=taught.cam_to_world[videos, :frames],
        frame_indices=None if taught.frame_indices is None else taught.indices[kept],
        cache_depth=None if taught.cache_depth is None else taught.cache_depth[videos, :count],
    )


def _time_compression(taught: Taught) -> int:
    """Return how many frames one more latent frame stands for."""
    return max((taught.frame_count - 1) // max(taught.latents.shape[1] - 1, 1), 1)


def _smaller(frames: npt.NDArray[np.uint8], wanted: VideoSize) -> npt.NDArray[np.uint8]:
    """Return pictures (V, T, H, W, 3) of fewer rows and columns, each pixel the mean of what it covers."""
    flat = torch.from_numpy(np.ascontiguousarray(frames)).flatten(0, 1).permute(0, 3, 1, 2)
    small = F.interpolate(flat.float(), (wanted.height, wanted.width), mode="bilinear", antialias=True)
    pictures = small.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)
    return pictures.unflatten(0, frames.shape[:2]).numpy()


def _sampled(depth: npt.NDArray[np.float16], wanted: VideoSize) -> npt.NDArray[np.float16]:
    """Return depth (V, T, H, W) of fewer rows and columns; what is unknown has no mean with what is known."""
    found = torch.from_numpy(np.ascontiguousarray(depth))
    return F.interpolate(found, (wanted.height, wanted.width), mode="nearest-exact").numpy()


def _encoded(space: LatentSpace, video: npt.NDArray[np.uint8]) -> torch.Tensor:
    """Return the latents (1, t, C, h, w) of a video (T, H, W, 3)."""
    pictures = torch.from_numpy(video).permute(3, 0, 1, 2)[None]
    found = space.encode(lambda start, end: pictures[:, :, start:end].float() / 127.5 - 1, len(video))
    return found.transpose(1, 2)


def _half(latents: torch.Tensor) -> npt.NDArray[np.float16]:
    return latents.half().cpu().numpy()
