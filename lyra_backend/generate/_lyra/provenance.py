"""What a scene of NVIDIA Lyra was made from and with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...progress import Progress
from ...types import SceneRequest
from .params import VideoParams
from .start import Start
from .weights_of import WeightFiles, sources, versions

if TYPE_CHECKING:
    from ...models.budget import VideoFormat

__all__ = ["provenance_of"]


def provenance_of(
    generator: str,
    request: SceneRequest,
    params: VideoParams,
    video: VideoFormat,
    weights: WeightFiles,
    start: Start,
    progress: Progress,
) -> dict[str, Any]:
    """Return JSON data: weights and inputs with checksums and licences, versions, and what decided the videos.

    Raises:
        InvalidRequest: the record of weights is damaged.
    """
    chosen = params.chosen(video)
    inputs = {"image": request.image, "depth": request.depth, "video": request.video}
    return {
        "generator": generator,
        "method": "NVIDIA Lyra (arXiv 2509.19296)",
        "sources": sources(weights, inputs, lambda text: progress(1.0, text)),
        "versions": versions(),
        "seed": request.seed,
        "depth": start.depth_source,
        "lens": start.lens_source,
        "steps": chosen.steps,
        "guidance": chosen.guidance,
        "reuse": params.reuse,
        "movement": params.movement,
    }
