"""The teacher of the self-distillation: a video model that shows a scene along Lyra's six paths (arXiv 2509.19296).

The student only ever sees what comes from here: latents, the same decoded to pictures, the cameras that the videos were
asked for, and the depth of the warped pictures at which the video model looked.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from ..errors import InvalidRequest
from ..models.budget import VideoFormat, read_config
from ..models.depth_cache import warped_pictures
from ..models.gen3c import Condition, Sampler, check_channels, pad_outside
from ..models.latent_space import LatentSpace
from ..models.loading import load_network
from ..models.lyra import ray_latents
from ..models.placement import Placement
from ..models.rays import relative_to_first
from ..models.trajectories import camera_path
from ..progress import Progress
from .shard_index import Origin
from .sources import Source, motion_reversed
from .taught import Taught
from .teaching import Teacher, Teaching, weights_of

if TYPE_CHECKING:
    from diffusers import CosmosTransformer3DModel

__all__ = ["LyraTeacher", "Source", "Teacher", "Teaching", "weights_of"]

Floats = npt.NDArray[np.float32]

#: Latents of rays that are kept, by the paths and lens of a scene.
_KEPT = 64
#: Threads that warp on the CPU.
_THREADS = 2


class _Clip(NamedTuple):
    """A video to be made: whose, and along which path; `backwards` in time."""

    source: Source
    path: Floats
    backwards: bool


class _Shown(NamedTuple):
    """What the cache shows along a path: colours (3, T, H, W), where, (1, T, H, W), and z, 0 elsewhere, (T, H, W)."""

    frames: Floats
    masks: npt.NDArray[np.bool_]
    depth: npt.NDArray[np.float16]


class _Made(NamedTuple):
    """A video that was made: latents (t, 16, h, w), all of its pictures (T, H, W, 3), depth and cameras."""

    latents: npt.NDArray[np.float16]
    frames: npt.NDArray[np.uint8]
    depth: npt.NDArray[np.floating]
    cam_to_world: npt.NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class LyraTeacher:
    """A tokenizer and a video model of GEN3C's kind.

    Attributes:
        space, network: where they work they were placed; the network is told its padding, see
            :func:`~lyra_backend.models.gen3c.pad_outside`.
        video: format of the videos, and how the cache is filtered and shown.
        weights: SHA-256 of their files, for the record.
        teaching: settings.
        clips_at_once: videos of a batch, which changes results by rounding at most. One is what the published model
            has memory for; the miniature makes those of several scenes together.
        texts: embeddings (1, L, E) of the prompt and of what is not wanted; None stands for no text at all.
        sources: what else decides the sources of its scenes, JSON data for the record.
        half: what the network computes in on top of its own precision, such as torch.bfloat16; None leaves it.
    """

    space: LatentSpace
    network: CosmosTransformer3DModel
    video: VideoFormat
    weights: Mapping[str, str]
    teaching: Teaching
    clips_at_once: int = 1
    texts: tuple[torch.Tensor, torch.Tensor] | None = None
    sources: Mapping[str, object] = field(default_factory=dict)
    half: torch.dtype | None = None
    _rays: OrderedDict[bytes, npt.NDArray[np.float16]] = field(default_factory=OrderedDict, repr=False)

    def __post_init__(self) -> None:
        """Look at the settings; raises InvalidRequest."""
        kept, count = self.teaching.frames, self.video.frames
        if kept is not None and (not kept or sorted(set(kept)) != list(kept) or kept[0] < 0 or kept[-1] >= count):
            raise InvalidRequest(f"teacher: frames to keep must rise from 0 to {count - 1} at most, got {kept}.")
        sets = self.teaching.path_sets
        if self.clips_at_once < 1 or (sets is not None and sets < 1):
            raise InvalidRequest(
                f"teacher: needs 1 clip at once and 1 set of paths or more, got {self.clips_at_once} and {sets}."
            )

    @staticmethod
    def load(vae: Path, transformer: Path, video: VideoFormat, placement: Placement, teaching: Teaching) -> LyraTeacher:
        """Load a teacher from the folders of its networks; no Gaussian decoder is needed.

        Raises:
            InvalidRequest: one cannot be loaded as it is, or the video model is not one of GEN3C.
            MissingDependency: see :meth:`~lyra_backend.models.placement.Placement.place_network`.
        """
        from diffusers import AutoencoderKLCosmos, CosmosTransformer3DModel

        check_channels(read_config(transformer))
        tokenizer = load_network(AutoencoderKLCosmos, vae, placement.dtype)
        network = pad_outside(load_network(CosmosTransformer3DModel, transformer, placement.dtype))
        space = LatentSpace(placement.place_tokenizer(tokenizer))
        return LyraTeacher(space, placement.place_network(network), video, weights_of(vae, transformer), teaching)

    def origin(self, seed: int) -> Origin:
        """Return what its scenes of a data set depend on, but for the pictures that they are of."""
        steps, guidance = self._sampling
        text = None if self.texts is None else hashlib.sha256(b"".join(map(_bytes, self.texts))).hexdigest()
        precision = {"network": str(self.half or self.network.dtype), "tokenizer": str(self.space.dtype)}
        recipe = asdict(self.teaching) | {"steps": steps, "guidance": guidance, "text": text, "precision": precision}
        told = {"teaching": recipe, "video": asdict(self.video)}
        return Origin(self.weights, told | ({"sources": dict(self.sources)} if self.sources else {}), seed)

    def teach(self, sources: Sequence[Source], progress: Progress | None = None) -> list[Taught]:
        """Return what the teacher shows of each scene, in the order of the decoder.

        Raises:
            InvalidRequest: a source does not fit the model, or a network gives NaN or infinite numbers.
        """
        report = progress or Progress()
        for source in sources:
            source.check(self.video)
        clips = [clip for source in sources for clip in self._clips(source)]
        made: dict[str, list[_Made]] = {source.name: [] for source in sources}
        if len(made) != len(sources):
            raise InvalidRequest("teacher: scenes of a data set must have different names.")
        for start in range(0, len(clips), self.clips_at_once):
            chunk = clips[start : start + self.clips_at_once]
            part = report.child(start / len(clips), (start + len(chunk)) / len(clips))
            for clip, video in zip(chunk, self._made(chunk, part), strict=True):
                made[clip.source.name].append(video)
        return [self._taught(source, made[source.name]) for source in sources]

    @property
    def _sampling(self) -> tuple[int, float]:
        """Steps and guidance."""
        own, model = self.teaching, self.video
        steps = model.steps if own.steps is None else own.steps
        return steps, model.guidance if own.guidance is None else own.guidance

    def _clips(self, source: Source) -> list[_Clip]:
        """Return the videos of a scene: along the six paths, and then, if it moves, along them in reverse motion."""
        video, lengths = self.video, self.teaching.distances(source.seed)
        paths = [camera_path(kind, length, video.frames, video.centre_depth) for kind, length in lengths.items()]
        ways = (False, True) if source.moves and self.teaching.reverse else (False,)
        return [_Clip(source, path, backwards) for backwards in ways for path in paths]

    @torch.no_grad()
    def _made(self, clips: Sequence[_Clip], progress: Progress) -> list[_Made]:
        """Return videos that are made together."""
        progress(0.0, "warping what is known")
        shown = self._all_shown(clips)
        progress(0.1, "encoding what is known")
        condition = self._condition(clips, shown)
        steps, guidance = self._sampling
        sampler = Sampler(self.network, steps, guidance)
        with self._precision():
            found = sampler.sample(condition, [clip.source.seed for clip in clips], progress.child(0.15, 0.9))
        latents = self.space.from_diffusion(found)
        del found, condition
        progress(0.9, "decoding pictures")
        return [self._decoded(*each) for each in zip(clips, shown, latents, self._pictures(latents), strict=True)]

    def _all_shown(self, clips: Sequence[_Clip]) -> list[_Shown]:
        """Return what caches show; on the CPU, where kernels run on the thread that launches them, on two threads."""
        if self.space.tokenizer.device.type != "cpu":
            return [self._shown(clip) for clip in clips]
        with ThreadPoolExecutor(_THREADS) as pool:
            return list(pool.map(self._shown, clips))

    def _shown(self, clip: _Clip) -> _Shown:
        video, source = self.video, clip.source
        caches = source.caches(video, str(self.space.tokenizer.device), backwards=clip.backwards)
        size = (video.frames, video.height, video.width)
        frames, masks, depth = np.empty((3, *size), np.float32), np.empty((1, *size), bool), np.empty(size, np.float16)
        poses = np.linalg.inv(clip.path)
        for i, seen in enumerate(warped_pictures(caches, poses, source.matrix, video.foreground_masking)):
            frames[:, i], masks[0, i] = np.moveaxis(seen.rgb, -1, 0), seen.mask
            depth[i] = np.where(seen.mask, seen.depth, 0)
        return _Shown(frames, masks, depth)

    def _condition(self, clips: Sequence[_Clip], shown: Sequence[_Shown]) -> Condition:
        """Return what the video model is shown; of the first frame's video only that frame is ever looked at."""
        space, width = self.space, int(self.network.config.text_embed_dim)
        firsts = np.stack([clip.source.picture(-1 if clip.backwards else 0) for clip in clips])
        given = space.encode(lambda *_: torch.from_numpy(firsts).movedim(3, 1)[:, :, None], 1)
        warped, masks = (
            space.to_diffusion(space.encode(frames, self.video.frames))
            for frames in (_joined([s.frames for s in shown]), _joined([s.masks for s in shown]))
        )
        first = torch.zeros_like(warped)
        first[:, :, :1] = space.to_diffusion(given)
        texts = self.texts or (torch.zeros(1, 1, width),) * 2
        wanted, unwanted = (text.to(warped.device) for text in texts)
        return Condition(first, warped, masks, wanted, unwanted, self.video.fps)

    def _precision(self) -> AbstractContextManager[object]:
        return nullcontext() if self.half is None else torch.autocast(self.space.tokenizer.device.type, self.half)

    def _pictures(self, latents: torch.Tensor) -> npt.NDArray[np.uint8]:
        """Return the pictures (B, T, H, W, 3) of latents (B, 16, t, h, w)."""
        colors = self.space.decode(latents).permute(0, 2, 3, 4, 1)
        if not bool(torch.isfinite(colors).all()):
            raise InvalidRequest(
                "tokenizer: decodes numbers that are not finite. Its weights may be damaged: look with "
                "`lyra-scenegen weights verify`, or train it again."
            )
        return ((colors + 1) * 127.5).round().to(torch.uint8).numpy()

    def _decoded(self, clip: _Clip, shown: _Shown, latents: torch.Tensor, frames: npt.NDArray[np.uint8]) -> _Made:
        depth: npt.NDArray[np.floating] = shown.depth
        poses: npt.NDArray[np.floating] = clip.path
        if clip.backwards:
            frames, depth, poses = motion_reversed(frames, depth, poses)
        kept = list(range(len(frames)) if self.teaching.frames is None else self.teaching.frames)
        by_frame = latents.transpose(0, 1).cpu().numpy().astype(np.float16)
        return _Made(by_frame, frames[kept], depth[kept], poses)

    def _taught(self, source: Source, made: Sequence[_Made]) -> Taught:
        lens, kept = np.array(source.lens, np.float32), self.teaching.frames
        # what ran backwards is there to learn from, not to look at
        inputs = [clip for clip, way in zip(made, self._clips(source), strict=True) if not way.backwards]
        poses = relative_to_first(torch.from_numpy(np.stack([clip.cam_to_world for clip in made])))
        rays = self._rays_of(poses[: len(inputs)], torch.from_numpy(lens))
        times = np.tile(np.arange(self.video.frames, dtype=np.int32), (len(made), 1))
        return Taught(
            name=source.name,
            seed=source.seed,
            latents=np.stack([clip.latents for clip in inputs]),
            plucker=rays,
            frames=np.stack([clip.frames for clip in made]),
            cam_to_world=poses.numpy(),
            lens=lens,
            frame_indices=None if kept is None else np.array(kept, np.int32),
            cache_depth=np.stack([clip.depth for clip in made]),
            time=times if source.moves else None,
        )

    @torch.no_grad()
    def _rays_of(self, poses: torch.Tensor, lens: torch.Tensor) -> npt.NDArray[np.float16]:
        """Return the latents (V, t, 32, h, w) of the rays of views (V, T, 4, 4), which scenes may share."""
        key = poses.numpy().tobytes() + lens.numpy().tobytes()
        found = self._rays.pop(key, None)
        if found is None:
            size = self.video.height, self.video.width
            views = [ray_latents(self.space, path, lens, *size) for path in poses]
            found = torch.cat(views).cpu().numpy().astype(np.float16)
        self._rays[key] = found
        while len(self._rays) > _KEPT:
            self._rays.popitem(last=False)
        return found


def _joined(parts: Sequence[npt.NDArray[np.floating] | npt.NDArray[np.bool_]]) -> Callable[[int, int], torch.Tensor]:
    """Return frames of B videos as the tokenizer asks for them: of colours (3, T, H, W), or of masks (1, T, H, W)."""

    def frames(start: int, end: int) -> torch.Tensor:
        found = torch.from_numpy(np.stack([part[:, start:end] for part in parts]))
        return found if found.dtype != torch.bool else (found.float() * 2 - 1).expand(-1, 3, -1, -1, -1)

    return frames


def _bytes(tensor: torch.Tensor) -> bytes:
    return tensor.float().cpu().numpy().tobytes()
