"""From a start to Gaussians: the six paths, what the cache shows along them, the videos, and their decoding."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ...progress import Progress
from ...types import Finding, Severity
from .videos import imagine_all, imagine_at_once, missing_videos

if TYPE_CHECKING:
    import torch

    from ...models.depth_cache import CacheFrames
    from ...models.folders import ModelFolders
    from ...models.lyra import Lyra
    from ...models.placement import Placement

__all__ = ["Imagined", "Sampling", "imagine_scene", "prompt_texts"]

Floats = npt.NDArray[np.float32]
#: Shows what is known along a path: poses world_to_cam (T, 4, 4), and where to tell how far it is.
Show = Callable[[Floats, Callable[[float, str], None]], "CacheFrames"]

#: One view is warped at a time: all use the same device, and that is not where the time goes.
_WARPING = threading.Lock()
#: Channels of the published text encoder: another one's videos cannot be told anything by it.
_PUBLISHED_WIDTH = 1024
#: The random stream of the lengths of paths.
_STREAM = 8_101


@dataclass(frozen=True)
class Sampling:
    """How videos are sampled; see the generators' parameters of these names."""

    seed: int
    prompt: str
    steps: int
    guidance: float
    reuse: float
    movement: float


@dataclass(frozen=True, eq=False)
class Imagined:
    """What came of it.

    Attributes:
        gaussians: one set (M, 14) for each target time, or the one of a still scene.
        paths: cam_to_world (T, 4, 4) of each video, in the networks' unit.
        findings: what to tell the user.
    """

    gaussians: Sequence[Floats]
    paths: Mapping[str, Floats]
    findings: tuple[Finding, ...]


def imagine_scene(
    folders: ModelFolders,
    placements: Sequence[Placement],
    first: Floats,
    lens: tuple[float, float, float, float],
    show: Show,
    sampling: Sampling,
    kept: Path,
    videos: Progress,
    decoding: Progress,
    target_times: Sequence[int] = (),
    vram_gb: float | None = None,
) -> Imagined:
    """Return the Gaussians of a scene.

    Args:
        folders, placements: the model, and the devices it is loaded on.
        first: first frame of all videos, in [-1, 1], shape (H, W, 3).
        lens: fx, fy, cx, cy [px].
        show: what the cache shows along a path.
        sampling: how the videos are sampled.
        kept: folder for videos that are finished.
        videos, decoding: their progress.
        target_times: frames at which a model of moving scenes is decoded.
        vram_gb: memory of each GPU that may be taken; None is all that is free.
    """
    from ...models.lyra import Lyra

    paths = _paths(folders, sampling)
    missing = missing_videos(kept, paths)
    videos(0.0, "reading the prompt")
    # before the video model takes the memory that a text encoder may need
    texts, notes = prompt_texts(folders, placements[0], sampling.prompt, vram_gb)
    # a network for each GPU that will have something to do; the first also encodes rays and decodes Gaussians
    used = placements[: max(len(missing), 1)]
    loaded = all(Lyra.waits(folders, placement) for placement in used)
    videos(0.0, "networks are still loaded" if loaded else "loading networks")
    models = [Lyra.take(folders, placement, len(paths), vram_gb, network=bool(missing)) for placement in used]
    work = _Work(first, show, texts, sampling, paths)
    model = models[0]
    if model.at_once(len(paths)):
        latents = imagine_at_once(model, list(paths), work.at_once, kept, videos)
    else:
        latents = imagine_all(models, list(paths), work, kept, videos)
    del models[1:]
    model.rest(len(paths), vram_gb)
    gaussians = model.reconstruct(list(latents.values()), list(paths.values()), lens, decoding, target_times)
    model.wait()
    return Imagined(gaussians, paths, notes)


@dataclass(frozen=True, eq=False)
class _Work:
    """Makes the video of a view."""

    first: Floats
    show: Show
    texts: tuple[torch.Tensor, torch.Tensor]
    sampling: Sampling
    paths: Mapping[str, Floats]

    def __call__(self, model: Lyra, view: str, progress: Callable[[float, str], None]) -> torch.Tensor:
        return self.at_once(model, [view], progress)

    def at_once(self, model: Lyra, views: Sequence[str], progress: Callable[[float, str], None]) -> torch.Tensor:
        """Return the latents (B, 16, t, h, w) of several views."""
        from ...models.gen3c import Sampler

        asked, count = self.sampling, len(views)
        with _WARPING:
            shown = [
                self.show(
                    np.linalg.inv(self.paths[view]),
                    lambda done, text, i=i: progress(0.05 * (i + done) / count, text),  # type: ignore[misc]
                )
                for i, view in enumerate(views)
            ]
        sampler = Sampler(model.network, asked.steps, asked.guidance, asked.reuse)
        return model.imagine(
            self.first, shown, self.texts, sampler, asked.seed, lambda done, text: progress(0.05 + 0.95 * done, text)
        )


def _paths(folders: ModelFolders, sampling: Sampling) -> dict[str, Floats]:
    """Return cam_to_world (T, 4, 4) of every view, in the order in which the decoder was trained to see them."""
    from ...models.trajectories import camera_path, draw_distances

    video = folders.video
    distances = draw_distances(np.random.default_rng([sampling.seed, _STREAM]), sampling.movement)
    return {name: camera_path(name, distance, video.frames, video.centre_depth) for name, distance in distances.items()}


def prompt_texts(
    folders: ModelFolders, placement: Placement, prompt: str, vram_gb: float | None
) -> tuple[tuple[torch.Tensor, torch.Tensor], tuple[Finding, ...]]:
    """Return embeddings of the prompt and of what is not wanted, and what to tell if there is no encoder."""
    from diffusers.pipelines.cosmos.pipeline_cosmos_video2world import DEFAULT_NEGATIVE_PROMPT

    from ...models.prompts import no_text, prompt_embeddings

    width, texts = folders.text_width, (prompt, DEFAULT_NEGATIVE_PROMPT)
    found = prompt_embeddings(folders.text_encoder, folders.embeddings, texts, width, placement, vram_gb)
    if found is not None:
        return (found[0], found[1]), ()
    text = (
        "There is no text encoder here, so the video model is told nothing in words; the picture says what the scene "
        "is."
    )
    if width == _PUBLISHED_WIDTH:
        fetching = "Fetch it with `lyra-scenegen weights fetch t5_11b` (45 GB)"
        text = f"{text} {fetching} if the invented parts should follow the prompt."
    # a prompt that a picture was drawn from is in that picture, and another one is lost
    severity = Severity.WARNING if prompt else Severity.INFO
    # keys and values of what is all zero are zero: one token changes nothing of what 512 would give, and is quicker
    nothing = no_text(width)[:, :1]
    return (nothing, nothing), (Finding("lyra.no_text", severity, text),)
