"""Pictures of a stage by Replicator: colours, depth, normals and segmentation from one camera. Never run in Kit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .kit_session import Session

__all__ = ["GEOMETRY", "SPLATS", "Channel", "capture"]

#: Channels of the two passes: splats give colours alone, meshes all the rest. Names of annotators.
SPLATS = ("rgb",)
GEOMETRY = ("distance_to_image_plane", "normals", "semantic_segmentation")
_PARAMETERS: Mapping[str, dict[str, Any]] = {"semantic_segmentation": {"colorize": False}}


@dataclass(frozen=True, eq=False)
class Channel:
    """What an annotator gave: an array (H, W) or (H, W, C), and what its numbers mean, {number: labels}."""

    data: npt.NDArray[Any]
    labels: Mapping[str, Any]


def capture(
    session: Session, camera: str, size: tuple[int, int], channels: Sequence[str], subframes: int
) -> dict[str, Channel]:
    """Return what a camera of the stage sees, by channel.

    Args:
        camera: path of its prim.
        size: width and height [px].
        channels: names of annotators.
        subframes: frames that are gathered for one picture; noise of splats goes with them.
    """
    import omni.replicator.core as rep

    rep.orchestrator.set_capture_on_play(False)
    product = rep.create.render_product(camera, size, force_new=True)
    made = {name: _annotator(name) for name in channels}
    for annotator in made.values():
        annotator.attach([product.path])
    session.update(2)
    rep.orchestrator.step(rt_subframes=subframes, delta_time=0.0, pause_timeline=False)
    seen = {name: _channel(annotator.get_data()) for name, annotator in made.items()}
    for annotator in made.values():
        annotator.detach()
    product.destroy()
    return seen


def _annotator(name: str) -> Any:
    import omni.replicator.core as rep

    if name in _PARAMETERS:
        return rep.AnnotatorRegistry.get_annotator(name, init_params=_PARAMETERS[name])
    return rep.AnnotatorRegistry.get_annotator(name)


def _channel(given: Any) -> Channel:
    """Take apart what annotators give: an array, or one with a description."""
    if isinstance(given, Mapping):
        labels = given.get("info", {}).get("idToLabels", {})
        return Channel(np.array(given["data"]), {str(number): said for number, said in labels.items()})
    return Channel(np.array(given), {})
