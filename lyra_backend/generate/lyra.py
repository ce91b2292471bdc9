"""NVIDIA Lyra: a prompt or one picture to a scene, by a camera-controlled video model and a Gaussian decoder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InvalidRequest
from ..io.images import read_image, require_still
from ..params import param
from ..progress import Progress
from ..types import Estimate, Generation, Outcome, SceneRequest
from ._lyra.devices import first_device, memory_errors
from ._lyra.imagination import imagine_scene
from ._lyra.params import VideoParams, devices, estimates
from ._lyra.provenance import provenance_of
from ._lyra.quiet import quiet_libraries
from ._lyra.result import scene_of
from ._lyra.start import Start, start_scene
from ._lyra.text_to_image import draw_picture
from ._lyra.weights_of import fetched_or_own, folders_of, weights_state

if TYPE_CHECKING:
    from ..models.folders import ModelFolders

__all__ = ["INPUTS", "RESUMES", "Params", "depends_on", "estimate", "run"]

#: Request fields this generator reads.
INPUTS = ("prompt", "image", "depth", "model")
#: It is given a folder in which finished videos outlive a killed run.
RESUMES = True
#: Names of the published weights.
_DECODER, _IMAGE_MODEL = "lyra_static", "flux_schnell"
#: Steps of text-to-image models that were distilled.
_IMAGE_STEPS = 4


@dataclass(frozen=True)
class Params(VideoParams):
    """How a scene is imagined."""

    image_model: str | None = param(None, "folder of the text-to-image pipeline; by default FLUX.1-schnell as fetched")
    image_steps: int = param(_IMAGE_STEPS, "its denoising steps; 20 to 50 for models that are not distilled", min=1)


def estimate(request: SceneRequest, params: Params) -> tuple[Estimate, ...]:
    """Return what `run` will take, from configurations alone; nothing is loaded.

    Raises:
        InvalidRequest: weights or devices are missing, or the devices cannot do it.
    """
    folders = _folders(request)
    _look_for_helpers(request, params, folders)
    drawn = [] if request.image else [Estimate("drawing the first picture", note=params.image_model or _IMAGE_MODEL)]
    return (*drawn, *estimates(folders, params, "depth, from the file" if request.depth else "depth"))


def depends_on(request: SceneRequest) -> dict[str, str]:
    """Return what else than the request and the code decides the scene: the weights, by their files.

    Raises:
        InvalidRequest: a network is missing.
    """
    return weights_state(_folders(request))


def run(request: SceneRequest, params: Params, progress: Progress, scratch: Path) -> Outcome[Generation]:
    """Imagine the scene of `request.image`, or of a picture drawn from `request.prompt`; frame GENERATOR, Z up.

    Depth is `request.depth` or a network's. If it is in metres, so is the scene.

    Raises:
        InvalidRequest: inputs or weights are missing or do not fit, or the device cannot do it.
        MissingDependency: a package is not installed.
        Cancelled: the job was stopped, at the latest after one denoising step.
    """
    from ..models.depth_cache import DepthCache

    folders = _folders(request)
    _look_for_helpers(request, params, folders)
    placed = devices(params, folders)
    with memory_errors(), quiet_libraries():
        start = _start(request, params, folders, progress.child(0.0, 0.08))
        drawn = {"image_model": Path(params.image_model or _IMAGE_MODEL).name, "image_steps": params.image_steps}
        provenance = provenance_of("lyra", request, params, folders, start) | ({} if request.image else drawn)
        cache = DepthCache(start.colors, start.z, start.matrix, sky=start.sky)
        imagined = imagine_scene(
            folders,
            placed,
            start.colors,
            start.fxfycxcy,
            lambda poses, told: cache.render(poses, start.matrix, params.foreground_masking, progress=told),
            params.sampling(request),
            scratch,
            progress.child(0.08, 1.0),
        )
    generation = scene_of(imagined.gaussians[0], imagined.paths, start, provenance)
    progress(1.0, f"{generation.cloud.count:,} Gaussians")
    counts = {"gaussians": generation.cloud.count, "videos": len(imagined.paths), "frames": folders.video.frames}
    return Outcome(generation, counts, (*start.findings, *imagined.findings))


def _folders(request: SceneRequest) -> ModelFolders:
    return folders_of(request.model, _DECODER, moves=False)


def _look_for_helpers(request: SceneRequest, params: Params, folders: ModelFolders) -> None:
    """Look for the networks that the picture and its depth take, before any of them works for minutes.

    Raises:
        InvalidRequest: the published weights of one were not fetched, or there is depth of no image.
    """
    if request.depth and not request.image:
        raise InvalidRequest("depth: belongs to an image, and there is none. Give --image, or leave --depth out.")
    if not request.image:
        _image_model(params, folders)
    if not request.depth:
        params.wishes(folders).depth_network()


def _image_model(params: Params, folders: ModelFolders) -> str | Path:
    return params.image_model or fetched_or_own(folders.text_to_image, _IMAGE_MODEL)


def _start(request: SceneRequest, params: Params, folders: ModelFolders, progress: Progress) -> Start:
    size = folders.video.width, folders.video.height
    if request.image:
        require_still(request.image)
        image = read_image(request.image)
    else:
        model = _image_model(params, folders)
        device = first_device(params.device)
        told = progress.child(0.0, 0.7)
        image = draw_picture(request.prompt or "", model, size, params.image_steps, request.seed, device, told)
    return start_scene(image, request, size, params.wishes(folders), progress.child(0.7, 1.0))
