"""A prompt to the picture that a scene starts from, by any text-to-image pipeline of diffusers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import InvalidRequest, MissingDependency

__all__ = ["check_pipeline", "draw_picture"]

#: Sides of pictures are multiples of this for every pipeline [px].
_STEP = 16


def draw_picture(
    prompt: str,
    model: str | Path,
    size: tuple[int, int],
    steps: int,
    seed: int,
    device: str,
    progress: Callable[[float, str], None],
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

    Raises:
        MissingDependency: diffusers is not installed.
        InvalidRequest: there is no such pipeline here.
    """
    import torch

    try:
        from diffusers import AutoPipelineForText2Image
    except ImportError as error:
        raise MissingDependency("diffusers", "a picture from a prompt", "lyra") from error
    kind = torch.bfloat16 if device.startswith("cuda") else torch.float32
    try:
        pipeline = AutoPipelineForText2Image.from_pretrained(model, dtype=kind, local_files_only=True)
    except Exception as error:  # diffusers, transformers and safetensors raise nearly anything on damaged files
        raise _no_pipeline(model, error) from error
    pipeline.set_progress_bar_config(disable=True)
    if device.startswith("cuda"):
        pipeline.enable_model_cpu_offload(device=device)

    def told(_: Any, step: int, __: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
        progress((step + 1) / steps, f"drawing the first picture, step {step + 1} of {steps}")
        return kwargs

    width, height = (-(-side // _STEP) * _STEP for side in size)
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
