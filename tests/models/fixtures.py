"""Inputs and outputs of the published networks at small size, with seeded random weights (tests/data/lyra1)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from lyra_backend.models.gaussian_decoder import GaussianDecoder

FOLDER = Path(__file__).parents[1] / "data" / "lyra1"
#: Views of the fixtures `static` and `dynamic`.
VIEWS = 2


def tensors(name: str) -> dict[str, torch.Tensor]:
    return load_file(FOLDER / f"{name}.safetensors")


def config(kind: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / kind / "config.json").read_text(encoding="utf-8"))
    return found


def decoder(kind: str) -> GaussianDecoder:
    return GaussianDecoder.from_reference(config(kind), tensors(f"{kind}/weights"))


def decoder_inputs(kind: str) -> dict[str, Any]:
    given = tensors(f"{kind}/inputs")
    return {
        "latents": given["latents"],
        "plucker_latents": given["plucker_latents"],
        "ray_origins": given["rays_os"],
        "ray_directions": given["rays_ds"],
        "time_latents": given.get("time_latents"),
        "view_count": VIEWS,
    }
