"""The student: a Gaussian decoder that learns from a teacher's latents and pictures, and from nothing else.

Self-distillation (Lyra, arXiv 2509.19296): what the video model's own decoder makes of its latents is what pictures of
the Gaussians shall look like that the student makes of the same latents.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from ..errors import InvalidRequest
from ..models.gaussian_decoder import GaussianDecoder
from ..models.gaussian_head import prune_by_opacity
from ..models.latent_space import LatentSpace
from ..models.lyra import time_latents
from ..models.rays import gaussian_rays, time_embedding
from .losses import centre_depths, depth_loss, opacity_loss, perceptual_loss, relative_depth_loss, slope_loss
from .recipe import Recipe, Stage
from .rendering import render_views
from .resized import VideoSize, check_size, resized, size_of
from .taught import Taught

__all__ = ["Scenes", "StudentObjective", "check_data"]

_STREAM = 9_501
#: More Gaussians than this are projected again for the gradients, view by view, instead of kept for all views.
_MANY = 1_000_000
#: Columns of a Gaussian as the decoder gives it.
_POSITION, _OPACITY, _SCALE, _QUATERNION, _COLOUR = slice(0, 3), 3, slice(4, 7), slice(7, 11), slice(11, 14)


class Scenes(Protocol):
    """What a teacher has shown, such as a :class:`~.shards.ShardReader`."""

    def __len__(self) -> int:
        """Return how many scenes there are."""
        ...

    def scene(self, i: int) -> Taught:
        """Return one of them."""
        ...


class _Drawn(NamedTuple):
    """One scene of a step: the videos that the decoder is shown, the frame it is asked for (-1 for a still scene), and
    the pictures that are compared: views and kept frames."""

    taught: Taught
    videos: list[int]
    time: int
    targets: list[tuple[int, int]]


@dataclass(frozen=True)
class StudentObjective:
    """Losses of a recipe on scenes of a teacher.

    Attributes:
        decoder: what learns.
        scenes: what it learns from.
        recipe: stages.
        seed: of the choice of scenes, videos and pictures.
        device: where the decoder is.
        space: of the teacher's tokenizer, for stages of smaller pictures and for moving scenes; others need none.
    """

    decoder: GaussianDecoder
    scenes: Scenes
    recipe: Recipe
    seed: int
    device: str = "cpu"
    space: LatentSpace | None = None

    def __post_init__(self) -> None:
        """Look whether the data are what the recipe is for.

        Raises:
            InvalidRequest: they are not, or the tokenizer is missing that a stage needs.
        """
        check_data(self.recipe, self.scenes, has_tokenizer=self.space is not None)

    @property
    def networks(self) -> Mapping[str, nn.Module]:
        """What is trained."""
        return {"decoder": self.decoder}

    def loss(self, step: int) -> dict[str, torch.Tensor]:
        """Return the loss of a step and its parts; what is drawn depends on the seed and the step alone."""
        stage, rng = self.recipe.stage(step), np.random.default_rng([self.seed, _STREAM, step])
        drawn = self._drawn(stage, rng)
        gaussians = self._gaussians(stage, drawn)
        parts = self._at_centres(stage, drawn, gaussians)
        if stage.prune:
            gaussians = prune_by_opacity(gaussians, stage.prune)
        if stage.opacity:
            parts["opacity"] = opacity_loss(gaussians[..., _OPACITY])
        if stage.targets:
            pictures = [self._compared(stage, scene, own) for scene, own in zip(drawn, gaussians, strict=True)]
            parts |= {name: torch.stack([found[name] for found in pictures]).mean() for name in pictures[0]}
        total = sum((getattr(stage, name) * part for name, part in parts.items()), gaussians.new_zeros(()))
        return {"loss": total, **parts}

    def _drawn(self, stage: Stage, rng: np.random.Generator) -> list[_Drawn]:
        least, most = stage.view_range
        count = int(rng.integers(least, most + 1))
        return [self._draw_scene(stage, count, rng) for _ in range(stage.batch)]

    def _draw_scene(self, stage: Stage, count: int, rng: np.random.Generator) -> _Drawn:
        taught = self.scenes.scene(int(rng.integers(len(self.scenes))))
        videos = rng.permutation(len(taught.latents))[:count].tolist()
        if not stage.shuffle:
            videos.sort()
        wanted = _wanted(stage, taught)
        if wanted != size_of(taught):
            taught, videos = resized(taught, videos, wanted, self.space), list(range(count))
        frames = taught.indices
        weights = np.exp(stage.lateness * frames / taught.frame_count)
        if stage.moves:
            time = int(rng.choice(frames, p=weights / weights.sum()))
            views = rng.permutation(len(taught.frames))[: stage.targets]
            return _Drawn(taught, videos, time, [(int(view), _frame_at(taught, int(view), time)) for view in views])
        # no frame twice, so that a stage with as many pictures as frames compares all of them
        twice = stage.targets > len(frames)
        seen = rng.choice(len(frames), stage.targets, replace=twice, p=weights / weights.sum())
        # one after the other, so that all videos that are shown are also compared
        first = int(rng.integers(count))
        order = [videos[(first + k) % count] for k in range(stage.targets)]
        return _Drawn(taught, videos, -1, list(zip(order, seen.tolist(), strict=True)))

    def _gaussians(self, stage: Stage, drawn: Sequence[_Drawn]) -> torch.Tensor:
        """Return the Gaussians (B, N, 14) that the decoder makes of the videos it is shown."""
        latents = torch.stack([_tensor(s.taught.latents[s.videos], self.device) for s in drawn])
        plucker = torch.stack([_tensor(s.taught.plucker[s.videos], self.device) for s in drawn])
        rays = [self._rays(scene) for scene in drawn]
        origins, directions = (torch.stack(part) for part in zip(*rays, strict=True))
        times = torch.cat([self._times(scene) for scene in drawn]).to(self.device) if stage.moves else None
        views = len(drawn[0].videos)
        found: torch.Tensor = self.decoder(
            latents.flatten(1, 2), plucker.flatten(1, 2), origins, directions, times, views
        )
        return found

    def _times(self, scene: _Drawn) -> torch.Tensor:
        """Return the latents (1, t + 1, 16, h, w) of all times and of the one that is asked for."""
        if self.space is None:
            raise ValueError("student: a stage of moving scenes without a tokenizer was let through.")
        size = size_of(scene.taught)
        return torch.cat([_all_times(self.space, size), _time(self.space, size, [scene.time])], dim=1)

    def _rays(self, scene: _Drawn) -> tuple[torch.Tensor, torch.Tensor]:
        poses = torch.from_numpy(scene.taught.cam_to_world[scene.videos]).flatten(0, 1).to(self.device)
        height, width = scene.taught.frames.shape[2:4]
        return gaussian_rays(poses, torch.from_numpy(scene.taught.lens), height, width)

    def _at_centres(self, stage: Stage, drawn: Sequence[_Drawn], gaussians: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return errors of the Gaussians where their rays meet their own videos: no renderer is needed for these."""
        found: dict[str, list[torch.Tensor]] = {"centres": [], "colours": []}
        for scene, own in zip(drawn, gaussians, strict=True) if stage.centres or stage.colours else ():
            taught, frames = scene.taught, scene.taught.indices
            grid = (len(scene.videos), taught.frame_count, taught.frames.shape[2] // 8, taught.frames.shape[3] // 8)
            by_frame = own.view(*grid, own.shape[1])[:, frames.tolist()]
            if stage.centres:
                poses = _tensor(taught.cam_to_world[scene.videos][:, frames], self.device)
                z = _depths(by_frame[..., _POSITION], poses)
                found["centres"].append(
                    relative_depth_loss(z, centre_depths(_depth_of(taught, scene.videos, self.device)))
                )
            if stage.colours:
                pictures = _colours(taught.frames[scene.videos], self.device)
                means = F.avg_pool2d(pictures.flatten(0, 1).permute(0, 3, 1, 2), 8).permute(0, 2, 3, 1)
                found["colours"].append((by_frame[..., _COLOUR].flatten(0, 1) - means).square().mean())
        return {name: torch.stack(values).mean() for name, values in found.items() if values}

    def _compared(self, stage: Stage, scene: _Drawn, gaussians: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return errors of pictures that are rendered of a scene's Gaussians (M, 14)."""
        taught, (views, frames) = scene.taught, zip(*scene.targets, strict=True)
        height, width = taught.frames.shape[2:4]
        poses = torch.from_numpy(taught.cam_to_world[list(views), taught.indices[list(frames)]]).to(self.device)
        fx, fy, cx, cy = (float(value) for value in taught.lens)
        shown = render_views(
            gaussians[:, _POSITION].contiguous(),
            gaussians[:, _SCALE].contiguous(),
            gaussians[:, _QUATERNION].contiguous(),
            gaussians[:, _OPACITY].contiguous(),
            gaussians[:, _COLOUR].contiguous(),
            poses,
            (fx, fy, cx, cy),
            (width, height),
            self.recipe.background,
            deferred=len(gaussians) > _MANY,
        )
        wanted = _colours(taught.frames[list(views), list(frames)], self.device)
        found = {"mse": F.mse_loss(shown.rgb, wanted)}
        if stage.slopes:
            found["slopes"] = slope_loss(shown.rgb, wanted)
        if stage.lpips:
            found["lpips"] = perceptual_loss(self.device)(shown.rgb, wanted)
        if (stage.depth or stage.relative_depth) and taught.cache_depth is not None:
            depth = _tensor(taught.cache_depth[list(views), list(frames)], self.device)
            found["depth"] = depth_loss(shown.depth, depth)
            found["relative_depth"] = relative_depth_loss(shown.depth, depth)
        return found


def check_data(recipe: Recipe, scenes: Scenes, *, has_tokenizer: bool) -> None:
    """Look whether data, by their first scene, are what a recipe is for.

    Args:
        recipe: whose every stage must be possible.
        scenes: of one teacher, all alike.
        has_tokenizer: the teacher's is at hand.

    Raises:
        InvalidRequest: they are not, or there are none.
    """
    if not len(scenes):
        raise InvalidRequest("student: there are no scenes to learn from. Make some with the teacher first.")
    first = scenes.scene(0)
    for stage in recipe.stages:
        _check_stage(stage, first, recipe.name, has_tokenizer=has_tokenizer)


def _wanted(stage: Stage, taught: Taught) -> VideoSize:
    """Return the size that a stage asks for."""
    size = size_of(taught)
    return VideoSize(stage.frames or size.frames, stage.height or size.height, stage.width or size.width)


def _time(space: LatentSpace, size: VideoSize, indices: list[int] | None = None) -> torch.Tensor:
    return time_latents(space, time_embedding(size.frames, indices), size.height, size.width)


@lru_cache(maxsize=2)
def _all_times(space: LatentSpace, size: VideoSize) -> torch.Tensor:
    return _time(space, size)


def _check_stage(stage: Stage, taught: Taught, recipe: str, *, has_tokenizer: bool) -> None:
    """Look whether scenes like this one are what a stage is for; raises InvalidRequest."""
    subject = f"recipe {recipe}, stage {stage.name}"
    check_size(taught, _wanted(stage, taught), subject, has_tokenizer=has_tokenizer)
    if stage.moves and not has_tokenizer:
        raise InvalidRequest(f"{subject}: needs the teacher's tokenizer, which encodes times.")
    if stage.view_range[1] > len(taught.latents):
        raise InvalidRequest(
            f"{subject}: shows up to {stage.view_range[1]} videos and the data have {len(taught.latents)}."
        )
    if stage.moves != (taught.time is not None):
        raise InvalidRequest(
            f"{subject}: is for {'moving' if stage.moves else 'still'} scenes and the data "
            f"are of {'still' if stage.moves else 'moving'} ones."
        )
    if taught.cache_depth is None and (stage.centres or stage.depth or stage.relative_depth):
        raise InvalidRequest(
            f"{subject}: has losses of depth and the data have none. Set depth, "
            "relative_depth and centres to 0, or make data with depth."
        )


def _frame_at(taught: Taught, view: int, time: int) -> int:
    """Return the kept frame of a view that shows a moving scene at a time, or the one nearest to it."""
    times = taught.indices if taught.time is None else taught.time[view, taught.indices]
    return int(np.abs(times - time).argmin())


def _depths(positions: torch.Tensor, cam_to_world: torch.Tensor) -> torch.Tensor:
    """Return z (V, T, H, W) of positions (V, T, H, W, 3) in the cameras (V, T, 4, 4) of their own frames."""
    centres, forward = cam_to_world[:, :, None, None, :3, 3], cam_to_world[:, :, None, None, :3, 2]
    return ((positions - centres) * forward).sum(dim=-1)


def _depth_of(taught: Taught, videos: list[int], device: str) -> torch.Tensor:
    if taught.cache_depth is None:
        raise ValueError("student: scenes without depth were let through.")
    return _tensor(taught.cache_depth[videos], device)


def _colours(frames: np.ndarray, device: str) -> torch.Tensor:
    return torch.from_numpy(frames).to(device).float() / 255


def _tensor(array: np.ndarray, device: str) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(array)).to(device).float()
