"""NVIDIA Lyra for moving scenes: a video of a camera that stands still to Gaussians at several times."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..errors import InvalidRequest
from ..io.video import Clip, read_clip
from ..params import param
from ..progress import Progress
from ..types import UP_AXES, Estimate, Finding, Frame, GaussianSequence, Generation, Outcome, SceneRequest
from ._lyra.aligned_depth import VideoFrame, aligned_frames
from ._lyra.clip import clip_findings, still_findings
from ._lyra.costs import Costs, foretell, scene_costs, shares
from ._lyra.depth import Depth
from ._lyra.devices import working_on
from ._lyra.imagination import Imagined, imagine_scene
from ._lyra.kept import kept_depths
from ._lyra.params import VideoParams, devices
from ._lyra.provenance import provenance_of
from ._lyra.quiet import quiet_libraries
from ._lyra.result import cloud_of, demo_findings, foresee, scene_of
from ._lyra.start import Picture, Start, Wishes, picture_findings, picture_of, start_of
from ._lyra.weights_of import WeightFiles, check_weights, folders_of, weight_files, weights_state

if TYPE_CHECKING:
    from ..models.budget import VideoFormat
    from ..models.depth_cache import CacheFrames, DepthCache
    from ..models.folders import ModelFolders
    from ..models.placement import Placement

__all__ = ["INPUTS", "RESUMES", "Params", "depends_on", "estimate", "foresee", "run"]

#: Request fields this generator reads.
INPUTS = ("video", "prompt", "model")
#: See the generator lyra.
RESUMES = True
_DECODER = "lyra_dynamic"


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
    """Return what `run` will take; everything that it refuses later than this is refused here, and nothing is loaded.

    Raises:
        InvalidRequest: the video, weights or devices are missing or do not fit.
        MissingDependency: a package is not installed.
    """
    return tuple(_prepare(request, params, lambda *_: None).costs.values())


def depends_on(request: SceneRequest, params: Params) -> dict[str, str]:
    """Return what else than the request and the code decides the scene: the weights, by their files, and the format.

    Raises:
        InvalidRequest: a network is missing.
    """
    folders = _folders(request, params)
    return weights_state(_weights(params, folders), folders.video)


def run(request: SceneRequest, params: Params, progress: Progress, scratch: Path) -> Outcome[Generation]:
    """Imagine the moving scene of `request.video`; frame GENERATOR, Z up.

    The camera must stand still. Depth is estimated frame by frame and brought to the scale of the first. The scene has
    no deformation: each time is decoded on its own, from the same six videos.

    Raises:
        InvalidRequest: the video cannot be read, is too short, or its camera moves; or as for the generator lyra.
        MissingDependency: a package is not installed.
        Cancelled: the job was stopped, at the latest after one denoising step.
    """
    progress(0.0, "checking inputs and weights")
    ready = _prepare(request, params, lambda _, text: progress(0.0, text))
    foretell(progress, ready.costs)
    folders, clip, video = ready.folders, ready.clip, ready.folders.video
    starting, videos, decoding = shares(progress, ready.costs)
    device, masking = ready.placements[0].warp_device, params.chosen(video).foreground_masking
    with working_on(ready.placements, params.vram), quiet_libraries():
        start, shown = _starts(ready, scratch, starting)
        provenance = provenance_of("lyra_dynamic", request, params, video, ready.weights, start, starting)
        imagined = imagine_scene(
            folders,
            ready.placements,
            start.colors,
            start.fxfycxcy,
            lambda poses, told: _show(shown, start, poses, video, masking, device, told),
            params.sampling(request, video),
            scratch,
            videos,
            decoding,
            ready.times,
            params.vram,
        )
    generation = _scene(provenance, start, imagined, [clip.span_s * f / (video.frames - 1) for f in ready.times])
    progress(1.0, f"{generation.cloud.count:,} Gaussians at {len(ready.times)} times")
    counts = {"gaussians": generation.cloud.count, "videos": len(imagined.paths), "times": len(ready.times)}
    found = *ready.findings, *start.findings, *imagined.findings, *demo_findings(folders)
    return Outcome(replace(generation, grade=video.grade), counts, found)


@dataclass(frozen=True, eq=False)
class _Ready:
    """A request that passed every check that can be made before a network is loaded.

    Attributes:
        folders, placements: the model, and the devices it is loaded on.
        weights, costs: the files that are read, and what the scene takes.
        wishes: of pictures.
        clip: the part of the video that is used, frames of the model's size.
        first: its first frame.
        times: frames at which the scene is decoded.
        findings: what is to be said of the video.
    """

    folders: ModelFolders
    placements: tuple[Placement, ...]
    weights: WeightFiles
    costs: Costs
    wishes: Wishes
    clip: Clip
    first: Picture
    times: tuple[int, ...]
    findings: tuple[Finding, ...]


def _prepare(request: SceneRequest, params: Params, progress: Callable[[float, str], None]) -> _Ready:
    """Make every check that costs seconds, before anything works for minutes.

    Raises:
        InvalidRequest, MissingDependency: see :func:`run`.
    """
    folders = _folders(request, params)
    video, times, placed = folders.video, params.target_frames(folders.video.frames), devices(params, folders)
    wishes, weights = params.wishes(folders, str(placed[0].device)), _weights(params, folders)
    with quiet_libraries():
        check_weights(folders, weights)
        wishes.check_estimator()
    least = (video.frames - 1) // folders.time_compression + 1
    first: list[Picture] = []

    def fitted(frame: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Bring a frame to the model's size at once: hundreds of large ones would fill the memory."""
        picture = picture_of(frame, (video.width, video.height), wishes)
        first[:] = first or [picture]
        return picture.fitted.image

    clip = read_clip(str(request.video), video.frames, video.fps, least, params.start_s, progress, fitted)
    moving = still_findings(clip) if params.still_camera else ()
    findings = (*clip_findings(clip, video), *moving, *picture_findings(first[0], wishes))
    depth = Estimate("depth of every frame", note=params.depth_estimator, findings=findings)
    costs = scene_costs(folders, params, placed, weights, depth)
    costs["decoding"] = _several(costs["decoding"], len(times))
    return _Ready(folders, placed, weights, costs, wishes, clip, first[0], times, findings)


def _several(decoding: Estimate, times: int) -> Estimate:
    """Return what decoding takes at so many times."""
    what = f"decoding Gaussians at {times} times" if times > 1 else "decoding Gaussians"
    return replace(decoding, part=what, seconds=times * (decoding.seconds or 0.0))


def _folders(request: SceneRequest, params: Params) -> ModelFolders:
    if request.video is None:
        raise InvalidRequest("generator lyra_dynamic needs a video, got none. Try: --video clip.mp4")
    return folders_of(request.model, _DECODER, moves=True, helpers=params.depth_helpers)


def _weights(params: Params, folders: ModelFolders) -> WeightFiles:
    helpers = {"text_encoder": folders.text_encoder} if folders.text_encoder.is_dir() else {}
    return weight_files(folders, {**helpers, "depth": params.depth_network(folders)})


def _starts(ready: _Ready, scratch: Path, progress: Progress) -> tuple[Start, list[VideoFrame]]:
    """Return where the scene starts, and all frames, whose depth is brought to the scale of the first."""
    wishes, images = ready.wishes, list(ready.clip.frames)

    def estimated() -> Iterator[Depth]:
        estimator = wishes.estimator()
        for i, image in enumerate(images):
            progress(i / len(images), f"depth of frame {i + 1} of {len(images)}")
            yield estimator(image, ready.first.known_fov_deg)

    depths = kept_depths(scratch / "depth.npz", images, lambda: list(estimated()))
    start = start_of(ready.first, depths[0], wishes)
    return start, aligned_frames(start, images, depths, wishes.scale)


def _show(
    frames: list[VideoFrame],
    start: Start,
    poses: npt.NDArray[np.float32],
    video: VideoFormat,
    masking: bool,
    device: str,
    told: Any,
) -> CacheFrames:
    """Return what is known along a path: frame i of the video, seen from pose i."""
    from ..models.depth_cache import DepthCache, render_video

    def caches() -> Iterator[DepthCache]:
        for frame in frames:
            colors = frame.image.astype(np.float32) / 127.5 - 1.0
            window, spread = video.reliable_window, video.reliable_range
            yield DepthCache(colors, frame.z, start.matrix, None, frame.sky, device, window, spread)

    return render_video(caches(), poses, start.matrix, masking, progress=told)


def _scene(provenance: dict[str, Any], start: Start, imagined: Imagined, times_s: list[float]) -> Generation:
    scene = scene_of(imagined.gaussians[0], imagined.paths, start, provenance)
    later = (
        cloud_of(found, start.unit).transformed(UP_AXES["-y"], Frame.GENERATOR) for found in imagined.gaussians[1:]
    )
    return replace(scene, sequence=GaussianSequence((scene.cloud, *later), tuple(times_s)))
