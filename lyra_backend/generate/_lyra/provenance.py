"""What a scene of NVIDIA Lyra was made from and with."""

from __future__ import annotations

from typing import Any

from ...progress import Progress
from ...types import SceneRequest
from .params import VideoParams
from .start import Start
from .weights_of import WeightFiles, sources, versions

__all__ = ["provenance_of"]


def provenance_of(
    generator: str, request: SceneRequest, params: VideoParams, weights: WeightFiles, start: Start, progress: Progress
) -> dict[str, Any]:
    """Return JSON data: weights and inputs with checksums and licences, versions, and what decided the videos.

    Raises:
        InvalidRequest: the record of weights is damaged.
    """
    inputs = {"image": request.image, "depth": request.depth, "video": request.video}
    return {
        "generator": generator,
        "method": "NVIDIA Lyra (arXiv 2509.19296)",
        "sources": sources(weights, inputs, lambda text: progress(1.0, text)),
        "versions": versions(),
        "seed": request.seed,
        "depth": start.depth_source,
        "lens": start.lens_source,
        "steps": params.steps,
        "guidance": params.guidance,
        "reuse": params.reuse,
        "movement": params.movement,
    }
