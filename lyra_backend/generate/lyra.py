"""NVIDIA Lyra: a prompt or one picture to a scene, by a camera-controlled video model and a Gaussian decoder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InvalidRequest
from ..io.images import read_image, require_still
from ..io.run_inputs import file_digest
from ..params import param
from ..progress import Progress
from ..types import Estimate, Generation, Outcome, SceneRequest
from ._lyra.depth import ESTIMATORS
from ._lyra.devices import first_device, memory_errors, placements
from ._lyra.imagination import Sampling, imagine_scene
from ._lyra.picture import FITS
from ._lyra.quiet import quiet_libraries
from ._lyra.result import scene_of
from ._lyra.start import Start, Wishes, start_scene
from ._lyra.text_to_image import draw_picture
from ._lyra.videos import weight_digests
from ._lyra.weights_of import fetched_or_own, folders_of, licences

if TYPE_CHECKING:
    from ..models.folders import ModelFolders
    from ..models.placement import Placement

__all__ = ["INPUTS", "RESUMES", "Params", "devices", "estimate", "estimates", "run"]

#: Request fields this generator reads.
INPUTS = ("prompt", "image", "depth", "model")
#: It is given a folder in which finished videos outlive a killed run.
RESUMES = True
#: Names of the published weights.
_DECODER, _IMAGE_MODEL = "lyra_static", "flux_schnell"
#: Videos of a scene.
_VIEWS = 6
#: Steps of text-to-image models that were distilled.
_IMAGE_STEPS = 4


@dataclass(frozen=True)
class Params:
    """How a scene is imagined."""

    steps: int = param(35, "denoising steps of each of the six videos", min=1, max=1000)
    guidance: float = param(1.0, "how far to go beyond what the prompt and the picture say; 0 halves the time", min=0.0)
    reuse: float = param(
        0.0, "leave out steps after which a video changes by less than this share: faster, coarser", min=0.0, max=1.0
    )
    movement: float = param(1.0, "how far the cameras move; more shows more and invents more", min=0.0, max=4.0)
    foreground_masking: bool = param(True, "what would shine through gaps beside near things is left to the model")
    fit: str = param("crop", "how a picture of another shape becomes one of the model's", choices=FITS)
    intrinsics: str | None = param(
        None, "FX,FY,CX,CY in pixels (centre of the first pixel at 0.5), or a JSON file with these keys", unit="px"
    )
    fov: float | None = param(None, "horizontal field of view, if intrinsics are not known", unit="deg", min=1, max=170)
    depth_estimator: str = param("transformers", "what estimates depth if there is no --depth", choices=ESTIMATORS)
    depth_model: str | None = param(None, "folder or name of its weights; by default what was fetched")
    scale: float | None = param(None, "metres per unit of the depth, if the depth has another", unit="m", min=1e-6)
    image_model: str | None = param(None, "folder of the text-to-image pipeline; by default FLUX.1-schnell as fetched")
    image_steps: int = param(_IMAGE_STEPS, "its denoising steps; 20 to 50 for models that are not distilled", min=1)
    device: str = param("auto", "cuda, cuda:N or cpu; auto takes every GPU there is")
    vram: float | None = param(None, "memory of each GPU that may be taken; by default all", unit="GB", min=1.0)

    @property
    def evaluations(self) -> int:
        """How often the network is asked for a video."""
        return self.steps * (2 if self.guidance else 1)

    def wishes(self, folders: ModelFolders) -> Wishes:
        """What start_scene takes."""
        return Wishes(
            self.intrinsics,
            self.fov,
            self.fit,
            self.depth_estimator,
            self.depth_model,
            self.scale,
            first_device(self.device),
            folders.depth,
        )

    def sampling(self, request: SceneRequest) -> Sampling:
        """What imagine_scene takes; a prompt that a picture was drawn from is in that picture."""
        prompt = (request.prompt or "") if request.image or request.video else ""
        return Sampling(request.seed, prompt, self.steps, self.guidance, self.reuse, self.movement)


def estimate(request: SceneRequest, params: Params) -> tuple[Estimate, ...]:
    """Return what `run` will take, from configurations alone; nothing is loaded.

    Raises:
        InvalidRequest: weights or devices are missing, or the devices cannot do it.
    """
    folders = _folders(request)
    _look_for_helpers(request, params, folders)
    drawn = [] if request.image else [Estimate("drawing the first picture", note=params.image_model or _IMAGE_MODEL)]
    return (*drawn, *estimates(folders, params, "depth, from the file" if request.depth else "depth"))


def estimates(folders: ModelFolders, params: Params, depth: str) -> tuple[Estimate, Estimate, Estimate]:
    """Return what depth, videos and decoding take."""
    budget, placed = folders.budget(_VIEWS), devices(params, folders)
    first, on_gpu = placed[0], placed[0].device.type == "cuda"
    where = " and ".join(str(each.device) for each in placed) + (", weights offloaded" if first.offload else "")
    seconds = -(-_VIEWS // len(placed)) * budget.seconds_per_view(params.evaluations, on_gpu)
    note = f"{params.evaluations} evaluations each, {where}"
    return (
        Estimate(depth, note=params.depth_estimator),
        Estimate(f"{_VIEWS} videos of {folders.video.frames} frames", seconds, first.bytes_needed(budget), note),
        Estimate("decoding Gaussians", budget.decoder_seconds(on_gpu), budget.decoder_bytes, str(first.device)),
    )


def devices(params: Params, folders: ModelFolders) -> tuple[Placement, ...]:
    """Return how networks are loaded on each device.

    Raises:
        InvalidRequest: see :func:`placements`.
    """
    budget = folders.budget(_VIEWS)
    seconds = _VIEWS * budget.seconds_per_view(params.evaluations, on_gpu=False) + budget.decoder_seconds(False)
    return placements(params.device, params.vram, budget, seconds)


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
    generation = scene_of(imagined.gaussians[0], imagined.paths, start, _provenance(request, params, folders, start))
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


def _provenance(request: SceneRequest, params: Params, folders: ModelFolders, start: Start) -> dict[str, Any]:
    drawn = {"image_model": Path(params.image_model or _IMAGE_MODEL).name, "image_steps": params.image_steps}
    return {
        "generator": "lyra",
        "method": "NVIDIA Lyra (arXiv 2509.19296)",
        "weights_sha256": weight_digests(folders.weight_files()),
        "licence": licences(folders),
        **({"image_sha256": file_digest(Path(request.image))} if request.image else drawn),
        "depth": start.depth_source,
        "lens": start.lens_source,
        "steps": params.steps,
        "guidance": params.guidance,
    }
