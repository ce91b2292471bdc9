"""A teacher's data of pictures or videos."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from lyra_backend.errors import InvalidRequest
from lyra_backend.generate._lyra.depth import located
from lyra_backend.generate._lyra.devices import working_on
from lyra_backend.generate._lyra.imagination import prompt_texts
from lyra_backend.generate._lyra.quiet import quiet_libraries
from lyra_backend.models.folders import ModelFolders
from lyra_backend.models.placement import choose_placement
from lyra_backend.progress import Progress
from lyra_backend.train.shard_index import sha256_of
from lyra_backend.train.shards import ShardReader
from lyra_backend.train.teacher import LyraTeacher, Teaching
from lyra_backend.train.teaching import make_scenes, planned, weights_of

from .sources import Files, find_files, wishes_of

__all__ = ["DataSettings", "make_data"]

#: A file of scenes has about so many bytes, and one scene at least.
_SHARD_BYTES = 2e9
#: Views of a scene: six, and of a moving one six more that show its motion reversed.
_STILL, _MOVING = 6, 12


@dataclass(frozen=True)
class DataSettings:
    """How a teacher's data are made.

    Attributes:
        videos: sources are videos.
        every: every how many frames one is kept as a picture, beginning with the first.
        prompt: what the video model is told of all scenes.
        seed: of the data set.
        steps, guidance, movement: see :class:`~lyra_backend.train.teaching.Teaching`.
        depth_estimator, depth_model: network for depth; None takes the model's own.
        fov, fit: of the pictures, as generators take them.
        device, vram: where the networks work, and how much of a GPU's memory they may take [GB].
    """

    videos: bool = False
    every: int = 1
    prompt: str = ""
    seed: int = 0
    steps: int | None = None
    guidance: float | None = None
    movement: float = 1.0
    depth_estimator: str = "transformers"
    depth_model: str | None = None
    fov: float | None = None
    fit: str = "crop"
    device: str = "auto"
    vram: float | None = None


def make_data(folders: ModelFolders, given: Path, out: Path, settings: DataSettings, progress: Progress) -> ShardReader:
    """Let the teacher show each file's scene, or go on with that; see :func:`make_scenes`.

    Args:
        folders: of the model.
        given: folder of pictures or videos.
        out: for the data.
        settings: how.
        progress: stops the work by raising, which keeps whole files of scenes. Scenes of pictures that are gone stay.

    Raises:
        InvalidRequest: no files, one that cannot be used, or no network for depth.
    """
    video, kept = folders.video, tuple(range(0, folders.video.frames, settings.every))
    network = located(settings.depth_estimator, settings.depth_model) or folders.depth
    if not network.exists():
        raise InvalidRequest(f"{network}: there is no network for depth. Name one with --depth-model.")
    placement = choose_placement(settings.device, settings.vram, folders.budget(1))
    wishes = wishes_of(video, settings.depth_estimator, network, settings.fov, settings.fit, str(placement.device))
    files = Files(given, find_files(given, videos=settings.videos), settings.videos, video, wishes, settings.seed)
    plan = planned(out, list(files.by_name))
    progress(0.0, f"{len(files.paths)} files; loading the teacher")
    known = weights_of(network) if network.is_dir() else {network.name: sha256_of(network)}
    told = {"depth": known, "fov": settings.fov, "fit": settings.fit}
    teaching = Teaching(
        settings.steps, settings.guidance, settings.movement, frames=None if settings.every == 1 else kept
    )
    with working_on([placement], settings.vram), quiet_libraries():
        texts, _ = prompt_texts(folders, placement, settings.prompt, settings.vram)
        teacher = LyraTeacher.load(folders.vae, folders.transformer, video, placement, teaching)
        teacher = replace(teacher, texts=(texts[0], texts[1]), sources=told)
        per_file = _scenes_per_file(video.width * video.height * len(kept), moving=settings.videos)
        return make_scenes(out, teacher, plan, files.source_of(plan), settings.seed, per_file, progress)


def _scenes_per_file(pixels: int, *, moving: bool) -> int:
    """Return how many scenes of so many pixels a view fill a file: colours of 3 bytes and depth of 2."""
    return max(int(_SHARD_BYTES / (5 * pixels * (_MOVING if moving else _STILL))), 1)
