"""Networks say the same wherever and however their weights are kept, or nearly so."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from diffusers import CosmosTransformer3DModel

from lyra_backend.models.loading import load_network
from lyra_backend.models.placement import Placement
from lyra_backend.weights.convert import convert_dit

from .fixtures import FOLDER, tensors

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("dit") / "transformer"
    convert_dit(FOLDER / "gen3c_dit" / "weights_reference_names.safetensors", path)
    return path


def said(folder: Path, placement: Placement) -> tuple[torch.Tensor, CosmosTransformer3DModel]:
    """Return what the video model says of the published input, and the model."""
    network = placement.place_network(load_network(CosmosTransformer3DModel, folder, placement.dtype))
    given = tensors("gen3c_dit/inputs")
    mask = given["condition_video_input_mask"]
    shown = torch.cat([given["x"], mask, given["condition_video_pose"], torch.zeros_like(mask)], dim=1)
    with torch.no_grad():
        found = network(
            shown.to(placement.dtype),
            timestep=given["timesteps"].to(placement.dtype),
            encoder_hidden_states=given["crossattn_emb"].to(placement.dtype),
            fps=float(given["fps"]),
            return_dict=False,
        )[0]
    return found.float(), network


def error(found: torch.Tensor) -> float:
    wanted = tensors("gen3c_dit/outputs")["output"]
    return float((found - wanted).norm() / wanted.norm())


def test_a_network_as_it_is(folder) -> None:
    found, network = said(folder, Placement(CPU, torch.float32))
    assert error(found) < 1e-4
    assert not network.training
    assert not any(weight.requires_grad for weight in network.parameters())


def test_bringing_weights_block_by_block_changes_nothing(folder) -> None:
    whole, _ = said(folder, Placement(CPU, torch.float32))
    found, _ = said(folder, Placement(CPU, torch.float32, offload=True))
    assert torch.equal(found, whole)


def test_eight_bit_floats_stay_close_and_take_less(folder) -> None:
    found, network = said(folder, Placement(CPU, torch.float32, stored=torch.float8_e4m3fn))
    # 8-bit floats have 3 bits behind the point, so that a weight is off by 3 % at most
    assert 1e-4 < error(found) < 0.05
    block = network.transformer_blocks[0]
    assert block.attn1.to_q.weight.dtype == torch.float8_e4m3fn
    assert block.ff.net[2].weight.dtype == torch.float8_e4m3fn
    # what the loop of the sampler converts to
    assert network.dtype == torch.float32


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_eight_bit_integers_stay_closer(folder, kind: torch.dtype) -> None:
    """A scale for each row and 7 bits: half a percent of the largest weight of a row."""
    found, network = said(folder, Placement(CPU, kind, stored=torch.int8))
    assert 1e-4 < error(found) < 0.015
    block = network.transformer_blocks[0]
    for layer in (block.attn1.to_q, block.attn2.to_k, block.ff.net[2]):
        assert layer.weight.qdata.dtype == torch.int8
    assert block.norm1.linear_1.weight.dtype == network.dtype == kind
    assert type(block.norm1.linear_1.weight) is torch.nn.Parameter


def test_half_precision_stays_close(folder) -> None:
    found, _ = said(folder, Placement(CPU, torch.bfloat16))
    assert error(found) < 0.02
