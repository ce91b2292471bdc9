"""A prompt to the picture that a scene starts from, by any text-to-image pipeline of diffusers."""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ...errors import InvalidRequest, MissingDependency
from ...memory import available_memory_bytes
from ...types import Estimate

if TYPE_CHECKING:
    import torch

__all__ = ["check_pipeline", "draw_picture", "drawing_estimate"]

#: Sides of pictures are multiples of this for every pipeline [px].
_STEP = 16
#: What a pipeline takes of a GPU's memory beside weights [bytes], by estimate: decoding of a picture of 1280 x 704.
_BESIDE = 4e9
#: Tokens of a prompt that FLUX.1-schnell was trained with; its pipeline takes more and says nothing.
_SCHNELL_TOKENS = 256
#: The file of settings that a part of a pipeline has, by a word in the name of its class; all others are networks.
_SETTINGS = {
    "Scheduler": "scheduler_config.json",
    "Tokenizer": "tokenizer_config.json",
    "Processor": "*processor_config.json",
    "Extractor": "*processor_config.json",
}


def drawing_estimate(model: str | Path, device: str, vram_gb: float | None) -> Estimate:
    """Return what :func:`draw_picture` takes with these arguments; nothing is loaded.

    Args:
        model: folder of a pipeline, or its name in the hub's cache; of one that is not here, no memory is known.
        device: torch device.
        vram_gb: memory that may be taken; None is all that is free.

    Raises:
        InvalidRequest: main memory does not do.
    """
    networks = _network_bytes(model, device)
    note = Path(model).name
    if not networks:
        return Estimate("drawing the first picture", note=note)
    _check_main_memory(model, device)
    if not device.startswith("cuda"):
        return Estimate("drawing the first picture", None, sum(networks) + _BESIDE, note)
    largest = max(networks)
    if _fits(largest, device, vram_gb):
        return Estimate("drawing the first picture", None, largest + _BESIDE, f"{note}, one network at a time")
    return Estimate("drawing the first picture", None, _BESIDE, f"{note}, one layer at a time")


def _network_bytes(model: str | Path, device: str) -> list[float]:
    """Return the bytes of each network of a pipeline in what it computes in; none where headers cannot be read."""
    from ...models.loading import weight_shapes

    folder, size = _folder(model), _kind(device).itemsize
    found = []
    for part in sorted(folder.iterdir()) if folder else []:
        try:
            numbers = sum(math.prod(shape) for shape in weight_shapes(part).values())
        except (OSError, ValueError):  # no network, or a damaged one, which check_pipeline tells of
            continue
        found.append(float(numbers * size))
    return found


def _check_main_memory(model: str | Path, device: str) -> None:
    """Look whether all networks of a pipeline can be in main memory, where they are before and after they work.

    Raises:
        InvalidRequest: they cannot.
    """
    from ...models.warm import WARM

    needed = sum(_network_bytes(model, device))
    if not WARM.make_room(_slot(device), needed, available_memory_bytes, "cpu"):
        available = available_memory_bytes() or 0
        raise InvalidRequest(
            f"image model: the networks of {Path(model).name} take {needed / 1e9:.1f} GB of main memory, and "
            f"{available / 1e9:.1f} GB are available. Close other programs, name a smaller pipeline with "
            "generate.image_model, or give a picture with --image."
        )


def _kind(device: str) -> torch.dtype:
    """Return what networks compute in on a device."""
    import torch

    return torch.bfloat16 if device.startswith("cuda") else torch.float32


def _folder(model: str | Path) -> Path | None:
    """Return the folder of a pipeline, or the one that a name has in the hub's cache; None if there is neither."""
    from huggingface_hub import try_to_load_from_cache

    if Path(model).is_dir():
        return Path(model)
    try:
        found = try_to_load_from_cache(str(model), "model_index.json")
    except ValueError:  # no name for the hub, such as a path
        return None
    return Path(found).parent if isinstance(found, str) else None


def _slot(device: str) -> tuple[str, str]:
    """Where a pipeline stays loaded, for :class:`~...models.warm.WarmModels`."""
    return "text to image", device


def _fits(largest: float, device: str, vram_gb: float | None) -> bool:
    """Return whether the largest network of a pipeline can be on the GPU as a whole, before a scene begins."""
    import torch

    from ...models.placement import obtainable_gb

    free = obtainable_gb(torch.device(device))
    return largest + _BESIDE <= 1e9 * (free if vram_gb is None else min(free, vram_gb))


def _visits_whole(model: str | Path, device: str, vram_gb: float | None) -> bool:
    """Return whether networks of a pipeline work as a whole, for which others on the GPU are given back if need be."""
    import torch

    from ...models.placement import room_bytes
    from ...models.warm import WARM

    networks = _network_bytes(model, device)
    if not networks or not device.startswith("cuda"):
        return True
    return WARM.make_room(_slot(device), max(networks) + _BESIDE, lambda: room_bytes(torch.device(device), vram_gb))


def _bring(pipeline: Any, device: str, *, whole: bool) -> None:
    """Let networks of a pipeline visit the GPU when they work: one after the other, or layer by layer."""
    import torch

    if whole:
        pipeline.enable_model_cpu_offload(device=device)
    else:
        # layers are pinned as they go: all of a large pipeline would be more than main memory may give
        pipeline.enable_group_offload(
            torch.device(device),
            offload_type="leaf_level",
            use_stream=device.startswith("cuda"),
            low_cpu_mem_usage=True,
        )


def draw_picture(
    prompt: str,
    model: str | Path,
    size: tuple[int, int],
    steps: int,
    seed: int,
    device: str,
    progress: Callable[[float, str], None],
    vram_gb: float | None = None,
) -> npt.NDArray[np.uint8]:
    """Return a picture (H, W, 3) of `size` (width, height) [px] that shows what the prompt says.

    Args:
        prompt: what it shows.
        model: folder of a text-to-image pipeline of diffusers, or its name in the hub's cache.
        size: of the picture, rounded up to what pipelines take.
        steps: denoising steps; 4 for models that were distilled, 20 to 50 for others.
        seed: of its noise, the same on every device.
        device: torch device.
        progress: called after every step; stops the work by raising.
        vram_gb: memory of a GPU that may be taken; None is all that is free. What does not fit visits it in parts.

    Raises:
        MissingDependency: diffusers is not installed.
        InvalidRequest: there is no such pipeline here, or main memory does not do.
    """
    import torch

    from ...models.placement import Placement
    from ...models.warm import free_unused

    _check_main_memory(model, device)

    def told(_: Any, step: int, __: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
        progress((step + 1) / steps, f"drawing the first picture, step {step + 1} of {steps}")
        return kwargs

    width, height = (-(-side // _STEP) * _STEP for side in size)
    whole = _visits_whole(model, device, vram_gb)
    pipeline = _taken(model, device, whole=whole)
    try:
        with Placement(torch.device(device), _kind(device)).current():
            if device.startswith("cuda"):
                _bring(pipeline, device, whole=whole)
            drawn = pipeline(
                prompt,
                height=height,
                width=width,
                num_inference_steps=steps,
                generator=torch.Generator("cpu").manual_seed(seed % 2**63),
                callback_on_step_end=told,
                **_limits(pipeline),
            )
        return np.asarray(drawn.images[0].convert("RGB"))
    finally:
        # networks and hooks hold each other: until somebody collects them, the video model would find no memory
        pipeline.remove_all_hooks()
        del pipeline
        free_unused()


def _taken(model: str | Path, device: str, *, whole: bool) -> Any:
    """Return the pipeline of a scene before this one if it is still loaded, as it was at first, or load it.

    One whose layers visit the GPU does not stay loaded: its hooks cannot be taken from it.
    """
    from ...models.warm import WARM

    slot = _slot(device)
    if not whole:
        WARM.drop([slot])
        return _loaded(model, device)
    pipeline = WARM.take(slot, [_existing(model)], None, lambda: _loaded(model, device), _networks)
    # the one part that remembers how far it is
    pipeline.scheduler = type(pipeline.scheduler).from_config(pipeline.scheduler.config)
    return pipeline


def _networks(pipeline: Any) -> list[Any]:
    return [part for part in pipeline.components.values() if hasattr(part, "parameters")]


def _loaded(model: str | Path, device: str) -> Any:
    try:
        from diffusers import AutoPipelineForText2Image
    except ImportError as error:
        raise MissingDependency("diffusers", "a picture from a prompt", "lyra") from error
    folder = _existing(model)
    try:
        pipeline = AutoPipelineForText2Image.from_pretrained(folder, dtype=_kind(device), local_files_only=True)
    except Exception as error:  # diffusers, transformers and safetensors raise nearly anything on damaged files
        raise _no_pipeline(model, error) from error
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _limits(pipeline: Any) -> dict[str, int]:
    """Return what else a pipeline is to be told: FLUX.1-schnell, the one without guidance, knows short prompts."""
    settings = getattr(getattr(pipeline, "transformer", None), "config", {})
    takes = "max_sequence_length" in inspect.signature(pipeline.__call__).parameters
    return {"max_sequence_length": _SCHNELL_TOKENS} if takes and settings.get("guidance_embeds") is False else {}


def check_pipeline(model: str | Path) -> None:
    """Look whether a text-to-image pipeline is here as a whole, by its settings and headers of weights; none is loaded.

    Raises:
        InvalidRequest: there is no such pipeline here, or a part that its ``model_index.json`` names is missing or
            damaged.
    """
    from diffusers import DiffusionPipeline

    folder = _existing(model)
    try:
        index = DiffusionPipeline.load_config(folder, local_files_only=True)
        for name, part in index.items():
            # other entries are settings, and parts that a pipeline goes without are [null, null]
            if isinstance(part, list | tuple) and len(part) == 2 and isinstance(part[1], str):
                _check_part(folder / name, part[1])
    except Exception as error:  # diffusers, safetensors and the system raise nearly anything on what is no pipeline
        raise _no_pipeline(model, error) from error


def _check_part(folder: Path, kind: str) -> None:
    """Look whether a part of a pipeline has the settings, and a network the weights, that it is loaded from.

    Raises:
        OSError, ValueError: a file is missing or damaged.
    """
    from ...models.loading import weight_shapes

    settings = next((file for word, file in _SETTINGS.items() if word in kind), "config.json")
    found = sorted(folder.glob(settings))
    if not found:
        raise FileNotFoundError(f"{folder.name} ({kind}) has no {settings}")
    try:
        for path in found:
            json.loads(path.read_text(encoding="utf-8"))
        if settings == "config.json" and not any(folder.glob("*.bin")):
            weight_shapes(folder)
    except (OSError, ValueError) as error:
        raise ValueError(f"{folder.name} ({kind}): {error}") from error


def _existing(model: str | Path) -> Path:
    folder = _folder(model)
    if folder is None:
        raise _no_pipeline(model, FileNotFoundError("there is no such folder"))
    return folder


def _no_pipeline(model: str | Path, error: BaseException) -> InvalidRequest:
    from ...models.loading import reason_of

    return InvalidRequest(
        f"image model: {model} is no text-to-image pipeline of diffusers that is here ({reason_of(error)}). Fetch "
        "the default with `lyra-scenegen weights fetch flux_schnell`, name a folder with generate.image_model, or "
        "give a picture with --image."
    )
