"""What a scene of NVIDIA Lyra takes: the parts of its plan, and by them the shares of its progress."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from ...models.budget import read_config
from ...progress import Progress
from ...types import Estimate
from .params import VIEWS, VideoParams
from .weights_of import WeightFiles

if TYPE_CHECKING:
    from ...models.folders import ModelFolders
    from ...models.placement import Placement

__all__ = ["Costs", "foretell", "scene_costs", "shares"]

#: Parts of a plan by name, in their order: drawing, depth, prompt, loading, videos and decoding, those that there are.
Costs = Mapping[str, Estimate]

#: Bytes a second at which weights come from a disk and are ready to work, and what importing libraries takes [s]: both
#: by estimate.
_READING, _IMPORTING_S = 5e8, 3.0
#: Networks of the method itself, which are loaded for the videos.
_METHOD = ("decoder", "transformer", "vae")


def scene_costs(
    folders: ModelFolders,
    params: VideoParams,
    placed: tuple[Placement, ...],
    weights: WeightFiles,
    depth: Estimate,
    drawing: Estimate | None = None,
) -> dict[str, Estimate]:
    """Return what a scene takes, from configurations and the sizes of files alone.

    Args:
        folders, placed: the model, and how it is loaded on each device.
        params: of the generator.
        weights: all files that are read.
        depth, drawing: what is said of these parts; times are added.

    Raises:
        InvalidRequest: a configuration lacks a size, or the video model is not one of GEN3C.
    """
    from ...models.gen3c import check_channels

    check_channels(read_config(folders.transformer))
    budget, first, on_gpu = folders.budget(VIEWS), placed[0], placed[0].device.type == "cuda"
    evaluations = params.chosen(folders.video).evaluations
    reading = _reading_s(weights)
    found = (
        {} if drawing is None else {"drawing": replace(drawing, seconds=reading.get("text_to_image", drawing.seconds))}
    )
    found["depth"] = replace(depth, seconds=reading.get("depth"))
    if "text_encoder" in reading:
        size = reading["text_encoder"] * _READING
        found["prompt"] = Estimate("reading the prompt", reading["text_encoder"], size, "once for each text")
    videos_s = -(-VIEWS // len(placed)) * budget.seconds_per_view(evaluations, on_gpu)
    loading_s = _IMPORTING_S + sum(reading.get(name, 0.0) for name in _METHOD)
    found["loading"] = Estimate("loading networks", loading_s)
    most = max(each.bytes_needed(budget) for each in placed)
    note = f"{evaluations} evaluations each, {' and '.join(each.told for each in placed)}"
    found["videos"] = Estimate(f"{VIEWS} videos of {folders.video.frames} frames", videos_s, most, note)
    found["decoding"] = Estimate(
        "decoding Gaussians", budget.decoder_seconds(on_gpu), first.bytes_decoding(budget), str(first.device)
    )
    times_of = "a data-centre GPU" if on_gpu else "two CPU cores"
    return {name: replace(part, times_of=times_of if part.seconds else "") for name, part in found.items()}


def foretell(progress: Progress, costs: Costs) -> None:
    """Say what the user should know before hours pass, a line each in a log."""
    for part in costs.values():
        for finding in part.findings:
            progress.milestone(0.0, f"{finding.severity.value}: {finding.message}")


def shares(progress: Progress, costs: Costs) -> tuple[Progress, Progress, Progress]:
    """Return the progress of what makes the start, of the videos with all that is loaded for them, and of decoding."""
    seconds = {name: part.seconds or 0.0 for name, part in costs.items()}
    decoding, videos = seconds.pop("decoding"), sum(seconds.pop(name, 0.0) for name in ("prompt", "loading", "videos"))
    parts = progress.children({"start": _IMPORTING_S + sum(seconds.values()), "videos": videos, "decoding": decoding})
    return parts["start"], parts["videos"], parts["decoding"]


def _reading_s(weights: WeightFiles) -> dict[str, float]:
    """Return how long reading the weights of each network takes [s]."""
    found: dict[str, float] = {}
    for name, (_, file) in weights.items():
        network = name.partition("/")[0]
        found[network] = found.get(network, 0.0) + file.stat().st_size / _READING
    return found
