"""NVIDIA Lyra: a prompt or one picture to a scene, by a camera-controlled video model and a Gaussian decoder."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..errors import InvalidRequest
from ..io.images import read_image, require_still
from ..params import param
from ..progress import Progress
from ..types import Estimate, Generation, Outcome, SceneRequest
from ._lyra.costs import Costs, foretell, scene_costs, shares
from ._lyra.devices import working_on
from ._lyra.imagination import imagine_scene
from ._lyra.kept import kept_depths, kept_picture
from ._lyra.params import VideoParams, devices
from ._lyra.procedural_picture import Heard, heard, look_estimate, look_into
from ._lyra.provenance import provenance_of
from ._lyra.quiet import quiet_libraries
from ._lyra.result import demo_findings, foresee, scene_of
from ._lyra.start import Picture, Start, Wishes, picture_findings, picture_of, start_of
from ._lyra.text_to_image import check_pipeline, draw_picture, drawing_estimate
from ._lyra.weights_of import WeightFiles, check_weights, folders_of, weight_files, weights_state

if TYPE_CHECKING:
    from ..models.folders import ModelFolders
    from ..models.placement import Placement

__all__ = ["INPUTS", "RESUMES", "Params", "depends_on", "estimate", "foresee", "run"]

#: Request fields this generator reads.
INPUTS = ("prompt", "image", "depth", "model")
#: It is given a folder in which finished videos outlive a killed run.
RESUMES = True
#: Name of the published weights.
_DECODER = "lyra_static"
#: Steps of text-to-image models that were distilled.
_IMAGE_STEPS = 4


@dataclass(frozen=True)
class Params(VideoParams):
    """How a scene is imagined."""

    image_model: str | None = param(None, "folder of the text-to-image pipeline; by default FLUX.1-schnell as fetched")
    image_steps: int = param(_IMAGE_STEPS, "its denoising steps; 20 to 50 for models that are not distilled", min=1)


def estimate(request: SceneRequest, params: Params) -> tuple[Estimate, ...]:
    """Return what `run` will take; everything that it refuses later than this is refused here, and nothing is loaded.

    Raises:
        InvalidRequest: inputs, weights or devices are missing or do not fit.
        MissingDependency: a package is not installed.
    """
    return tuple(_prepare(request, params).costs.values())


def depends_on(request: SceneRequest, params: Params) -> dict[str, str]:
    """Return what else than the request and the code decides the scene: the weights, by their files, and the format.

    Raises:
        InvalidRequest: a network is missing.
    """
    folders = _folders(request, params)
    return weights_state(_weights(request, params, folders), folders.video)


def run(request: SceneRequest, params: Params, progress: Progress, scratch: Path) -> Outcome[Generation]:
    """Imagine the scene of `request.image`, or of a picture drawn from `request.prompt`; frame GENERATOR, Z up.

    Depth is `request.depth` or a network's. If it is in metres, so is the scene.

    Raises:
        InvalidRequest: inputs or weights are missing or do not fit, or the device cannot do it.
        MissingDependency: a package is not installed.
        Cancelled: the job was stopped, at the latest after one denoising step.
    """
    from ..models.depth_cache import DepthCache

    progress(0.0, "checking inputs and weights")
    ready = _prepare(request, params)
    foretell(progress, ready.costs)
    folders = ready.folders
    starting, videos, decoding = shares(progress, ready.costs)
    with working_on(ready.placements, params.vram), quiet_libraries():
        start = _start(ready, request, params, scratch, starting)
        provenance = provenance_of("lyra", request, params, folders.video, ready.weights, start, starting)
        provenance |= _drawn_by(ready, request, params)
        device = ready.placements[0].warp_device
        window, spread = folders.video.reliable_window, folders.video.reliable_range
        cache = DepthCache(start.colors, start.z, start.matrix, None, start.sky, device, window, spread)
        masking = params.chosen(folders.video).foreground_masking
        imagined = imagine_scene(
            folders,
            ready.placements,
            start.colors,
            start.fxfycxcy,
            lambda poses, told: cache.render(poses, start.matrix, masking, progress=told),
            params.sampling(request, folders.video),
            scratch,
            videos,
            decoding,
            vram_gb=params.vram,
        )
    generation = scene_of(imagined.gaussians[0], imagined.paths, start, provenance)
    generation = replace(generation, as_asked=ready.heard.as_asked, grade=folders.video.grade)
    progress(1.0, f"{generation.cloud.count:,} Gaussians")
    counts = {"gaussians": generation.cloud.count, "videos": len(imagined.paths), "frames": folders.video.frames}
    found = *ready.heard.findings, *start.findings, *imagined.findings, *demo_findings(folders)
    return Outcome(generation, counts, found)


@dataclass(frozen=True, eq=False)
class _Ready:
    """A request that passed every check that can be made before a network is loaded.

    Attributes:
        folders, placements: the model, and the devices it is loaded on.
        weights, costs: the files that are read, and what the scene takes.
        wishes: of pictures.
        image_model: text-to-image pipeline; None where there is an image, or none draws.
        picture: that of the request; None if it has to be drawn.
        heard: what of the prompt is understood where no network draws the picture.
    """

    folders: ModelFolders
    placements: tuple[Placement, ...]
    weights: WeightFiles
    costs: Costs
    wishes: Wishes
    image_model: str | Path | None
    picture: Picture | None
    heard: Heard


def _prepare(request: SceneRequest, params: Params) -> _Ready:
    """Make every check that costs seconds, before anything works for minutes.

    Raises:
        InvalidRequest, MissingDependency: see :func:`run`.
    """
    if request.depth and not request.image:
        raise InvalidRequest("depth: belongs to an image, and there is none. Give --image, or leave --depth out.")
    folders = _folders(request, params)
    placed, model = devices(params, folders), _image_model(request, params, folders)
    device = str(placed[0].device)
    wishes, weights = params.wishes(folders, device), _weights(request, params, folders)
    by_hand = not request.image and model is None
    understood = heard(request.prompt or "", request.seed) if by_hand else Heard()
    wishes = wishes.with_lens() if by_hand else wishes
    with quiet_libraries():
        check_weights(folders, weights)
        if not request.depth:
            wishes.check_estimator()
        if model is not None:
            check_pipeline(model)
    drawing = None if model is None else drawing_estimate(model, device, params.vram)
    drawing = look_estimate(understood) if by_hand else drawing
    picture = _picture(request, folders, wishes)
    known = (*demo_findings(folders), *(() if picture is None else picture_findings(picture, wishes)))
    depth = Estimate(
        "depth, from the file" if request.depth else "depth",
        note="" if request.depth else params.depth_estimator,
        findings=known,
    )
    costs = scene_costs(folders, params, placed, weights, depth, drawing)
    return _Ready(folders, placed, weights, costs, wishes, model, picture, understood)


def _image_model(request: SceneRequest, params: Params, folders: ModelFolders) -> str | Path | None:
    """Return the text-to-image pipeline that draws the first picture; None if none does."""
    if request.image:
        return None
    by_hand = folders.video.text_to_image == "procedural"
    return params.image_model or (None if by_hand else folders.text_to_image)


def _drawn_by(ready: _Ready, request: SceneRequest, params: Params) -> dict[str, Any]:
    """Return what provenance says of a picture that was drawn."""
    if ready.image_model is not None:
        return {"image_model": Path(ready.image_model).name, "image_steps": params.image_steps}
    return {} if request.image else {"image_source": "procedural"}


def _picture(request: SceneRequest, folders: ModelFolders, wishes: Wishes) -> Picture | None:
    size = folders.video.width, folders.video.height
    if request.image:
        require_still(request.image)
        return picture_of(read_image(request.image), size, wishes, request.image, request.depth)
    # of a picture that is not drawn yet the lens can be wrong already
    _blank(size, wishes)
    return None


def _blank(size: tuple[int, int], wishes: Wishes) -> Picture:
    """Return the picture that is to be drawn, all black."""
    return picture_of(np.zeros((size[1], size[0], 3), np.uint8), size, wishes)


def _folders(request: SceneRequest, params: Params) -> ModelFolders:
    helpers = params.depth_helpers if not request.depth else ()
    if not request.image and params.image_model is None:
        helpers = (*helpers, "text_to_image")
    return folders_of(request.model, _DECODER, moves=False, helpers=helpers)


def _weights(request: SceneRequest, params: Params, folders: ModelFolders) -> WeightFiles:
    helpers = {"text_encoder": folders.text_encoder} if folders.text_encoder.is_dir() else {}
    if not request.depth:
        helpers["depth"] = params.depth_network(folders)
    if not request.image:
        model = _image_model(request, params, folders)
        # of a mere name there are no files to tell of
        helpers |= {"text_to_image": Path(model)} if model is not None and Path(model).is_dir() else {}
    return weight_files(folders, helpers)


def _start(ready: _Ready, request: SceneRequest, params: Params, scratch: Path, progress: Progress) -> Start:
    """Return where the scene starts; what took a network is kept in `scratch`."""
    size = ready.folders.video.width, ready.folders.video.height

    def draw() -> npt.NDArray[np.uint8]:
        prompt, seed, told, model = request.prompt or "", request.seed, progress.child(0.0, 0.7), ready.image_model
        if model is None:
            drawn = look_into(prompt, _blank(size, ready.wishes).fitted.lens, seed, told)
        else:
            drawn = draw_picture(prompt, model, size, params.image_steps, seed, ready.wishes.device, told, params.vram)
        progress.milestone(0.7, f"the first picture is drawn: {scratch.parent.name}/{scratch.name}/picture.png")
        return drawn

    picture = ready.picture
    if picture is None:
        picture = picture_of(kept_picture(scratch / "picture.png", draw), size, ready.wishes)
    depth = picture.depth
    if depth is None:
        progress(0.7, "estimating depth")
        image, fov_deg = picture.fitted.image, picture.known_fov_deg
        depth = kept_depths(scratch / "depth.npz", [image], lambda: [ready.wishes.estimator()(image, fov_deg)])[0]
    return start_of(picture, depth, ready.wishes)
