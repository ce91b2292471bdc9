"""How well a student shows scenes of its teacher that lie on disk: those it learned from, and others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ..errors import InvalidRequest
from ..models.lyra import Lyra
from ..progress import Progress
from .metrics import Tally, depth_errors, picture_errors
from .shards import ShardReader
from .taught import Taught
from .trial import draw, require_still

__all__ = ["Gap", "measure_taught"]


@dataclass(frozen=True)
class Gap:
    """Errors of a student on scenes that it learned from and on others, against the teacher's pictures and depth."""

    training: Tally
    held_out: Tally

    @property
    def psnr(self) -> float | None:
        """By how much scenes that were learned are shown better [dB]; None if one of both was not measured."""
        known, other = self.training.means()["psnr"], self.held_out.means()["psnr"]
        return None if known is None or other is None else known - other


def measure_taught(model: Lyra, data: ShardReader, count: int, frames_each: int | None, progress: Progress) -> Tally:
    """Return errors of a student against its teacher's pictures, and against the depth at which the teacher looked.

    Args:
        model: loaded; its video model is not needed.
        data: scenes of a teacher of the model's tokenizer.
        count: how many scenes at most, spread evenly over all.
        frames_each: of each video, how many of the frames kept as pictures are compared; None takes all.
        progress: stops the work by raising.

    Raises:
        InvalidRequest: no scenes, moving ones, or of another size than the model's.
    """
    require_still(model)
    if not len(data) or count < 1 or (frames_each is not None and frames_each < 1):
        raise InvalidRequest(
            f"teacher's scenes {data.folders[0]}: needs 1 scene and 1 frame or more, got {min(len(data), count)} and "
            f"{frames_each}."
        )
    tally = Tally()
    numbers = sorted({round(k) for k in np.linspace(0, len(data) - 1, min(count, len(data)))})
    for i, number in enumerate(numbers):
        scene = data.scene(number)
        progress(i / len(numbers), f"teacher's scene {scene.name}")
        _check(model, scene)
        _measure(model, scene, frames_each, tally)
    progress(1.0, f"{len(numbers)} of the teacher's scenes compared")
    return tally


def _measure(model: Lyra, scene: Taught, frames_each: int | None, tally: Tally) -> None:
    latents = [torch.from_numpy(view.astype(np.float32)).transpose(0, 1)[None] for view in scene.latents]
    x, y, cx, cy = (float(v) for v in scene.lens)
    (gaussians,) = model.reconstruct(latents, list(scene.cam_to_world), (x, y, cx, cy), lambda *_: None)
    kept = len(scene.indices)
    chosen = range(kept) if frames_each is None else sorted({round(k) for k in np.linspace(kept - 1, 0, frames_each)})
    size = model.video.width, model.video.height
    for view, frames in enumerate(scene.frames):
        for k in chosen:
            pose = scene.cam_to_world[view, scene.indices[k]]
            drawn = draw(gaussians, pose, (x, y, cx, cy), size, model.placement.warp_device)
            known = None if scene.cache_depth is None else scene.cache_depth[view, k].astype(np.float32)
            depth = None if known is None else depth_errors(np.where(known > 0, drawn.z, 0), known)
            tally.add(picture_errors(drawn.rgb, np.asarray(frames[k])), depth)


def _check(model: Lyra, scene: Taught) -> None:
    video = model.video
    wanted, size = (video.frames, video.height, video.width), (scene.frame_count, *scene.frames.shape[2:4])
    if scene.time is not None or size != wanted:
        kind = "moves" if scene.time is not None else f"has {size[0]} frames of {size[2]} x {size[1]} pixels"
        raise InvalidRequest(
            f"teacher's scene {scene.name}: {kind}, and the model makes still scenes of {video.frames} frames of "
            f"{video.width} x {video.height}. Give data that were made for this model."
        )
