"""A prompt to the picture that a scene starts from, by any text-to-image pipeline of diffusers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import InvalidRequest, MissingDependency
from ...types import Estimate

__all__ = ["check_pipeline", "draw_picture", "drawing_estimate", "weights_bytes"]

#: Sides of pictures are multiples of this for every pipeline [px].
_STEP = 16
#: What a pipeline takes of a GPU's memory beside weights [bytes], by estimate: decoding of a picture of 1280 x 704.
_BESIDE = 4e9


def drawing_estimate(model: str | Path, device: str, vram_gb: float | None) -> Estimate:
    """Return what :func:`draw_picture` takes with these arguments; nothing is loaded.

    Args:
        model: folder of a pipeline; of a mere name, no memory is known.
        device: torch device.
        vram_gb: memory that may be taken; None is all that is free.
    """
    largest, note = _largest_part(model), Path(model).name
    if largest is None:
        return Estimate("drawing the first picture", note=note)
    if not device.startswith("cuda"):
        return Estimate("drawing the first picture", None, largest + _BESIDE, note)
    if _fits(largest, device, vram_gb):
        return Estimate("drawing the first picture", None, largest + _BESIDE, f"{note}, one network at a time")
    return Estimate("drawing the first picture", None, _BESIDE, f"{note}, one layer at a time")


def weights_bytes(folder: Path) -> float:
    """Return the bytes of the weights in a network's folder, as they are stored; 0 if there are none."""
    return float(sum(path.stat().st_size for path in folder.glob("*.safetensors")))


def _largest_part(model: str | Path) -> float | None:
    """Return the bytes of the largest network of a pipeline; None if there is no such folder or no weights in it."""
    folder = Path(model)
    sizes = [weights_bytes(part) for part in folder.iterdir() if part.is_dir()] if folder.is_dir() else []
    return max(sizes, default=0.0) or None


def _fits(largest: float, device: str, vram_gb: float | None) -> bool:
    """Return whether the largest network of a pipeline can be on the GPU as a whole."""
    import torch

    from ...models.placement import free_gb

    free = free_gb(torch.device(device))
    return largest + _BESIDE <= 1e9 * (free if vram_gb is None else min(free, vram_gb))


def _bring(pipeline: Any, model: str | Path, device: str, vram_gb: float | None) -> None:
    """Let networks of a pipeline visit the GPU when they work: one after the other, or layer by layer."""
    import torch

    largest = _largest_part(model)
    if largest is None or _fits(largest, device, vram_gb):
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
        model: folder of a text-to-image pipeline of diffusers.
        size: of the picture, rounded up to what pipelines take.
        steps: denoising steps; 4 for models that were distilled, 20 to 50 for others.
        seed: of its noise, the same on every device.
        device: torch device.
        progress: called after every step; stops the work by raising.
        vram_gb: memory of a GPU that may be taken; None is all that is free. What does not fit visits it in parts.

    Raises:
        MissingDependency: diffusers is not installed.
        InvalidRequest: there is no such pipeline here.
    """
    import torch

    try:
        from diffusers import AutoPipelineForText2Image
    except ImportError as error:
        raise MissingDependency("diffusers", "a picture from a prompt", "lyra") from error
    from ...models.placement import Placement

    kind = torch.bfloat16 if device.startswith("cuda") else torch.float32
    try:
        pipeline = AutoPipelineForText2Image.from_pretrained(model, dtype=kind, local_files_only=True)
    except Exception as error:  # diffusers, transformers and safetensors raise nearly anything on damaged files
        raise _no_pipeline(model, error) from error
    pipeline.set_progress_bar_config(disable=True)

    def told(_: Any, step: int, __: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
        progress((step + 1) / steps, f"drawing the first picture, step {step + 1} of {steps}")
        return kwargs

    width, height = (-(-side // _STEP) * _STEP for side in size)
    with Placement(torch.device(device), kind).current():
        if device.startswith("cuda"):
            _bring(pipeline, model, device, vram_gb)
        drawn = pipeline(
            prompt,
            height=height,
            width=width,
            num_inference_steps=steps,
            generator=torch.Generator("cpu").manual_seed(seed % 2**63),
            callback_on_step_end=told,
        )
    return np.asarray(drawn.images[0].convert("RGB"))


def check_pipeline(model: str | Path) -> None:
    """Look whether a text-to-image pipeline is here, by its configuration; it is not loaded.

    Raises:
        InvalidRequest: there is no such pipeline here.
    """
    from diffusers import DiffusionPipeline

    try:
        DiffusionPipeline.load_config(str(model), local_files_only=True)
    except Exception as error:  # diffusers and the hub raise nearly anything on what is no pipeline
        raise _no_pipeline(model, error) from error


def _no_pipeline(model: str | Path, error: BaseException) -> InvalidRequest:
    reason = str(error).strip().partition("\n")[0][:200]
    return InvalidRequest(
        f"image model: {model} is no text-to-image pipeline of diffusers that is here ({reason}). Fetch "
        "the default with `lyra-scenegen weights fetch flux_schnell`, name a folder with generate.image_model, or "
        "give a picture with --image."
    )
