"""NVIDIA Lyra for moving scenes: a video of a camera that stands still to Gaussians at several times."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import InvalidRequest
from ..io.video import Clip, read_clip
from ..params import param
from ..progress import Progress
from ..types import UP_AXES, Estimate, Finding, Frame, GaussianSequence, Generation, Outcome, SceneRequest, Severity
from ._lyra.aligned_depth import align_depth
from ._lyra.devices import memory_errors
from ._lyra.imagination import Imagined, imagine_scene
from ._lyra.motion import camera_shift, still_pixels
from ._lyra.params import VideoParams, devices, estimates
from ._lyra.picture import fit_picture, lens_of
from ._lyra.provenance import provenance_of
from ._lyra.quiet import quiet_libraries
from ._lyra.result import cloud_of, scene_of
from ._lyra.start import Start, start_of
from ._lyra.weights_of import folders_of, weights_state

if TYPE_CHECKING:
    from ..models.depth_cache import CacheFrames, DepthCache
    from ..models.folders import ModelFolders

__all__ = ["INPUTS", "RESUMES", "Params", "depends_on", "estimate", "run"]

#: Request fields this generator reads.
INPUTS = ("video", "prompt", "model")
#: See the generator lyra.
RESUMES = True
_DECODER = "lyra_dynamic"
#: What a camera that stands may seem to move, as a share of the picture's diagonal: noise, and things at the rim.
_STANDS = 0.01


@dataclass(frozen=True)
class Params(VideoParams):
    """How a moving scene is imagined."""

    times: str = param("0,0.5,1", "moments at which the scene is decoded, as shares of the video, ascending")
    start_s: float = param(0.0, "where in the video to begin", unit="s", min=0.0)
    still_camera: bool = param(True, "refuse a video whose camera moves; the method has no poses for it")

    def target_frames(self, frames: int) -> tuple[int, ...]:
        """Return the frames that are decoded.

        Raises:
            InvalidRequest: `times` are no ascending shares.
        """
        try:
            shares = [float(word) for word in self.times.split(",")]
        except ValueError:
            shares = []
        if not shares or not all(0 <= share <= 1 for share in shares):
            raise InvalidRequest(f"generate.times must be shares from 0 to 1 such as 0,0.5,1, got {self.times!r}.")
        found = tuple(round(share * (frames - 1)) for share in shares)
        if any(later <= earlier for earlier, later in pairwise(found)):
            raise InvalidRequest(f"generate.times must ascend and differ by a frame of {frames}, got {self.times!r}.")
        return found


def estimate(request: SceneRequest, params: Params) -> tuple[Estimate, ...]:
    """Return what `run` will take, from configurations alone.

    Raises:
        InvalidRequest: weights or devices are missing, or the devices cannot do it.
    """
    folders = _folders(request)
    params.wishes(folders).depth_network()
    times = len(params.target_frames(folders.video.frames))
    depth, videos, decoding = estimates(folders, params, "depth of every frame")
    seconds = None if decoding.seconds is None else times * decoding.seconds
    return depth, videos, replace(decoding, part=f"decoding Gaussians at {times} times", seconds=seconds)


def depends_on(request: SceneRequest) -> dict[str, str]:
    """Return what else than the request and the code decides the scene: the weights, by their files.

    Raises:
        InvalidRequest: a network is missing.
    """
    return weights_state(_folders(request))


def run(request: SceneRequest, params: Params, progress: Progress, scratch: Path) -> Outcome[Generation]:
    """Imagine the moving scene of `request.video`; frame GENERATOR, Z up.

    The camera must stand still. Depth is estimated frame by frame and brought to the scale of the first. The scene has
    no deformation: each time is decoded on its own, from the same six videos.

    Raises:
        InvalidRequest: the video cannot be read, is too short, or its camera moves; or as for the generator lyra.
        MissingDependency: a package is not installed.
        Cancelled: the job was stopped, at the latest after one denoising step.
    """
    folders = _folders(request)
    video, frames = folders.video, params.target_frames(folders.video.frames)
    placed = devices(params, folders)
    clip = _clip(request, params, folders, progress.child(0.0, 0.03))
    with memory_errors(), quiet_libraries():
        start, shown = _starts(params, folders, clip, progress.child(0.03, 0.1))
        provenance = provenance_of("lyra_dynamic", request, params, folders, start)
        imagined = imagine_scene(
            folders,
            placed,
            start.colors,
            start.fxfycxcy,
            lambda poses, told: _show(shown, start, poses, params.foreground_masking, told),
            params.sampling(request),
            scratch,
            progress.child(0.1, 1.0),
            frames,
        )
    generation = _scene(provenance, start, imagined, [clip.span_s * f / (video.frames - 1) for f in frames])
    progress(1.0, f"{generation.cloud.count:,} Gaussians at {len(frames)} times")
    counts = {"gaussians": generation.cloud.count, "videos": len(imagined.paths), "times": len(frames)}
    return Outcome(
        generation, counts, (*_clip_findings(clip, video.frames / video.fps), *start.findings, *imagined.findings)
    )


def _folders(request: SceneRequest) -> ModelFolders:
    if request.video is None:
        raise InvalidRequest("generator lyra_dynamic needs a video, got none. Try: --video clip.mp4")
    return folders_of(request.model, _DECODER, moves=True)


def _clip(request: SceneRequest, params: Params, folders: ModelFolders, progress: Progress) -> Clip:
    video = folders.video
    least = (video.frames - 1) // folders.time_compression + 1
    clip = read_clip(str(request.video), video.frames, video.fps, least, params.start_s, progress)
    shift = camera_shift(clip.frames) if params.still_camera else 0.0
    if shift > _STANDS:
        raise InvalidRequest(
            f"video: its camera must stand still, and what it shows moves by {shift:.1%} of the picture. Film from a "
            "tripod, or choose another part with generate.start_s. If only things move, generate.still_camera=false."
        )
    return clip


class _Frame(NamedTuple):
    """A frame of the video at the model's size: sRGB (H, W, 3), and in the networks' unit depth and sky, (H, W)."""

    image: npt.NDArray[np.uint8]
    z: npt.NDArray[np.float32]
    sky: npt.NDArray[np.bool_]


def _starts(params: Params, folders: ModelFolders, clip: Clip, progress: Progress) -> tuple[Start, list[_Frame]]:
    """Return where the scene starts, and all frames, whose depth is brought to the scale of the first."""
    size, wishes = (folders.video.width, folders.video.height), params.wishes(folders)
    lens, source = lens_of(clip.frames[0], None, params.intrinsics, params.fov)
    estimator = wishes.estimator()
    start: Start | None = None
    frames = []
    for i, frame in enumerate(clip.frames):
        progress(i / len(clip.frames), f"depth of frame {i + 1} of {len(clip.frames)}")
        fitted = fit_picture(frame, lens, size, params.fit)
        depth = estimator(fitted.image)
        if start is None:
            start = start_of(fitted, depth, source, wishes)
            z = start.z
        else:
            z = depth.z * np.float32((wishes.scale or 1.0) / start.unit)
            z = align_depth(z, start.z, still_pixels(fitted.image, start.image))
        frames.append(_Frame(fitted.image, z, depth.sky))
    if start is None:
        raise InvalidRequest("video: has no frames.")
    return start, frames


def _show(frames: list[_Frame], start: Start, poses: npt.NDArray[np.float32], masking: bool, told: Any) -> CacheFrames:
    """Return what is known along a path: frame i of the video, seen from pose i."""
    from ..models.depth_cache import DepthCache, render_video

    def caches() -> Iterator[DepthCache]:
        for frame in frames:
            yield DepthCache(frame.image.astype(np.float32) / 127.5 - 1.0, frame.z, start.matrix, sky=frame.sky)

    return render_video(caches(), poses, start.matrix, masking, progress=told)


def _scene(provenance: dict[str, Any], start: Start, imagined: Imagined, times_s: list[float]) -> Generation:
    scene = scene_of(imagined.gaussians[0], imagined.paths, start, provenance)
    later = (
        cloud_of(found, start.unit).transformed(UP_AXES["-y"], Frame.GENERATOR) for found in imagined.gaussians[1:]
    )
    return replace(scene, sequence=GaussianSequence((scene.cloud, *later), tuple(times_s)))


def _clip_findings(clip: Clip, model_s: float) -> list[Finding]:
    if clip.span_s < 0.8 * model_s:
        text = (
            f"The video has {clip.span_s:.2f} s and the model takes {model_s:.2f} s: it is shown slower, which the "
            "model may take for slow motion."
        )
        return [Finding("lyra.video_slow", Severity.WARNING, text, round(clip.span_s, 3), round(model_s, 3))]
    if clip.length_s > clip.span_s * 1.1:
        text = (
            f"The video has {clip.length_s:.1f} s, and {clip.span_s:.2f} s of it are used; generate.start_s says which."
        )
        return [Finding("lyra.video_cut", Severity.INFO, text, round(clip.length_s, 3), round(clip.span_s, 3))]
    return []
