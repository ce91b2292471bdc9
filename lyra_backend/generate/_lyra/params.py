"""Parameters that the generators `lyra` and `lyra_dynamic` share, and the devices they ask for."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ...models.budget import PRECISIONS
from ...params import param
from ...types import SceneRequest
from .depth import ESTIMATORS, located
from .devices import placements
from .imagination import Sampling
from .picture import FITS
from .start import Wishes

if TYPE_CHECKING:
    from ...models.budget import VideoFormat
    from ...models.folders import ModelFolders
    from ...models.placement import Placement

__all__ = ["VIEWS", "Chosen", "VideoParams", "devices"]

#: Videos of a scene.
VIEWS = 6


class Chosen(NamedTuple):
    """What holds for a scene once its model is known: what users said, else what the model was trained with."""

    steps: int
    guidance: float
    foreground_masking: bool

    @property
    def evaluations(self) -> int:
        """How often the network is asked for a video."""
        return self.steps * (2 if self.guidance else 1)


@dataclass(frozen=True)
class VideoParams:
    """How the videos of a scene are imagined."""

    steps: int | None = param(
        None,
        "denoising steps of each of the six videos; by default the model's, 35 of the published one",
        min=1,
        max=1000,
    )
    steps_share: float = param(1.0, "share of the model's steps that is made, if steps says nothing", min=0.01, max=1.0)
    guidance: float | None = param(
        None,
        "how far to go beyond what the prompt and the picture say; 0 halves the time; by default the model's, 1 of the "
        "published one",
        min=0.0,
    )
    reuse: float = param(
        0.0, "leave out steps after which a video changes by less than this share: faster, coarser", min=0.0, max=1.0
    )
    movement: float = param(1.0, "how far the cameras move; more shows more and invents more", min=0.0, max=4.0)
    foreground_masking: bool | None = param(
        None,
        "what would shine through gaps beside near things is left to the model; by default as it was trained, true for "
        "the published one",
    )
    fit: str = param("crop", "how a picture of another shape becomes one of the model's", choices=FITS)
    intrinsics: str | None = param(
        None, "FX,FY,CX,CY in pixels (centre of the first pixel at 0.5), or a JSON file with these keys", unit="px"
    )
    fov: float | None = param(None, "horizontal field of view, if intrinsics are not known", unit="deg", min=1, max=170)
    depth_estimator: str = param("transformers", "what estimates depth if there is no --depth", choices=ESTIMATORS)
    depth_model: str | None = param(None, "folder or name of its weights; by default what was fetched")
    scale: float | None = param(None, "metres per unit of the depth, if the depth has another", unit="m", min=1e-6)
    device: str = param("auto", "cuda, cuda:N or cpu; auto takes every GPU there is", decides=False)
    precision: str = param(
        "auto",
        "what the video model's weights are kept in on a GPU: auto computes with bfloat16 and lets weights visit the "
        "GPU if they do not fit; float8 and int8 keep all there in half the memory and change the videos a little",
        choices=PRECISIONS,
    )
    vram: float | None = param(None, "memory of each GPU to take; by default all", unit="GB", min=1.0, decides=False)

    def chosen(self, video: VideoFormat) -> Chosen:
        """Return what holds for a model that makes such videos."""
        share = max(1, math.ceil(self.steps_share * video.steps))
        return Chosen(
            share if self.steps is None else self.steps,
            video.guidance if self.guidance is None else self.guidance,
            video.foreground_masking if self.foreground_masking is None else self.foreground_masking,
        )

    @property
    def depth_helpers(self) -> tuple[str, ...]:
        """The network for depth, if it is the model's own or the published one."""
        return ("depth",) if self.depth_estimator == "transformers" and self.depth_model is None else ()

    def depth_network(self, folders: ModelFolders) -> Path:
        """Return the folder, or MoGe's file, of the weights of the network for depth.

        Args:
            folders: those that :func:`folders_of` found with :attr:`depth_helpers`.

        Raises:
            InvalidRequest: there are no such weights here.
        """
        return located(self.depth_estimator, self.depth_model) or folders.depth

    def wishes(self, folders: ModelFolders, device: str) -> Wishes:
        """What start_of takes, for a network for depth that works on a torch device."""
        network = self.depth_network(folders)
        wishes = self.intrinsics, self.fov, self.fit, self.scale, self.depth_estimator
        video = folders.video
        return Wishes(*wishes, network, device, self.vram, video.fov_deg, video.centre_depth)

    def sampling(self, request: SceneRequest, video: VideoFormat) -> Sampling:
        """What imagine_scene takes; a prompt that a picture was drawn from is in that picture."""
        prompt = (request.prompt or "") if request.image or request.video else ""
        chosen = self.chosen(video)
        return Sampling(request.seed, prompt, chosen.steps, chosen.guidance, self.reuse, self.movement)


def devices(params: VideoParams, folders: ModelFolders) -> tuple[Placement, ...]:
    """Return how networks are loaded on each device.

    Raises:
        InvalidRequest, MissingDependency: see :func:`placements`.
    """
    budget, evaluations = folders.budget(VIEWS), params.chosen(folders.video).evaluations
    seconds = VIEWS * budget.seconds_per_view(evaluations, on_gpu=False) + budget.decoder_seconds(False)
    return placements(params.device, params.vram, budget, seconds, params.precision)
