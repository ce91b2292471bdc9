"""How networks are loaded on a device with so much memory, and that they say the same there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKLCosmos, CosmosTransformer3DModel

from lyra_backend.errors import InvalidRequest
from lyra_backend.generate._lyra.devices import placements
from lyra_backend.models.budget import Budget
from lyra_backend.models.loading import load_network
from lyra_backend.models.placement import Placement, choose_placement
from lyra_backend.weights.convert import convert_dit

from .fixtures import FOLDER, tensors

#: About that of the published model: 14.5 GB of weights, 6.5 GB for activations, 3 GB for the decoder.
BUDGET = Budget(2.2e15, 5.2e14, 14.5e9, 6.5e9, 3e9)
CPU = torch.device("cpu")


@pytest.fixture
def gpus(monkeypatch) -> Callable[..., None]:
    """Pretend that there are GPUs with so much free memory [GB]."""

    def pretend(*free_gb: float) -> None:
        def memory(device: torch.device) -> tuple[int, int]:
            return int(free_gb[device.index or 0] * 1e9), int(96e9)

        monkeypatch.setattr(torch.cuda, "is_available", lambda: bool(free_gb))
        monkeypatch.setattr(torch.cuda, "device_count", lambda: len(free_gb))
        monkeypatch.setattr(torch.cuda, "mem_get_info", memory)

    return pretend


@pytest.mark.parametrize(
    ("free_gb", "offload", "eight_bits"),
    [
        (141.0, False, False),
        (79.0, False, False),
        (47.0, False, False),
        (23.5, True, False),
        (15.4, True, True),
        (8.1, True, True),
    ],
)
@pytest.mark.parametrize("by", ["what is free", "what may be taken"])
def test_less_memory_more_care(gpus, free_gb: float, offload: bool, eight_bits: bool, by: str) -> None:
    gpus(free_gb if by == "what is free" else 141.0)
    found = choose_placement("auto", None if by == "what is free" else free_gb, BUDGET)
    assert (found.device.type, found.dtype) == ("cuda", torch.bfloat16)
    assert (found.offload, found.eight_bits) == (offload, eight_bits)
    assert found.bytes_needed(BUDGET) < free_gb * 1e9


@pytest.mark.parametrize(
    ("placement", "needed_gb"),
    [
        (Placement(CPU, torch.bfloat16), 14.5 + 6.5),
        (Placement(CPU, torch.bfloat16, eight_bits=True), 7.25 + 6.5),
        (Placement(CPU, torch.bfloat16, offload=True), 6.5),
        (Placement(CPU, torch.bfloat16, offload=True, eight_bits=True), 6.5),
    ],
)
def test_what_is_kept_on_the_device_counts(placement: Placement, needed_gb: float) -> None:
    assert placement.bytes_needed(BUDGET) == pytest.approx((needed_gb + 1.5) * 1e9)
    # the decoder works when the video model is gone
    small = Budget(1.0, 1.0, 1e9, 1e9, 9e9)
    assert placement.bytes_needed(small) == pytest.approx(10.5e9)


@pytest.mark.parametrize(("free_gb", "vram_gb"), [(7.0, None), (24.0, 7.0), (7.0, 80.0)])
def test_too_little_memory(gpus, free_gb: float, vram_gb: float | None) -> None:
    gpus(free_gb)
    says = rf"device cuda: this model needs about 8 GB .* {free_gb:.0f} GB are free of which 7 GB may be taken\. Close"
    with pytest.raises(InvalidRequest, match=says):
        choose_placement("auto", vram_gb, BUDGET)


def test_more_than_is_free_cannot_be_taken(gpus) -> None:
    """With 80 GB allowed and 20 free, weights are offloaded as they are where nothing is allowed."""
    gpus(20.0)
    assert choose_placement("cuda", 80.0, BUDGET) == choose_placement("cuda", None, BUDGET)
    assert choose_placement("cuda", 80.0, BUDGET).offload


def test_without_a_gpu_all_is_on_the_cpu_in_full_precision(gpus) -> None:
    gpus()
    for name in ("auto", "cpu"):
        assert choose_placement(name, None, BUDGET) == Placement(CPU, torch.float32)


@pytest.mark.parametrize(("name", "count"), [("cuda:7", 1), ("cuda:1", 1), ("cuda", 0), ("cuda:0", 0), ("cuda:2", 2)])
def test_a_gpu_that_is_not_there(gpus, name: str, count: int) -> None:
    gpus(*[80.0] * count)
    are = "is 1" if count == 1 else f"are {count}"
    with pytest.raises(InvalidRequest, match=f"device '{name}': there {are} CUDA devices here"):
        choose_placement(name, None, BUDGET)


@pytest.mark.parametrize("name", ["gpu", "", "cuda:x", "cuda:-1", "meta", "mps", "cpu,cuda", "cuda:0 "])
def test_names_that_are_no_device(gpus, name: str) -> None:
    gpus(80.0)
    with pytest.raises(InvalidRequest, match=f"device must be auto, cpu, cuda or cuda:N, got '{name}'"):
        choose_placement(name, None, BUDGET)


def test_memory_of_a_gpu_where_there_is_none(gpus) -> None:
    gpus()
    for name in ("auto", "cpu"):
        with pytest.raises(InvalidRequest, match=r"vram: is memory of GPUs, got 24 GB, and the device is cpu\. Leave"):
            choose_placement(name, 24.0, BUDGET)


# -- all devices together ---------------------------------------------------------------------------------------------


def names(found: tuple[Placement, ...]) -> list[str]:
    return [str(placement.device) for placement in found]


def test_auto_takes_every_gpu_and_each_as_it_is(gpus) -> None:
    gpus(79.0, 23.0)
    found = placements("auto", None, BUDGET, 1e9)
    assert names(found) == ["cuda:0", "cuda:1"]
    assert [placement.offload for placement in found] == [False, True]
    assert names(placements("cuda:1", None, BUDGET, 1e9)) == ["cuda:1"]


def test_days_on_a_cpu_are_refused(gpus) -> None:
    gpus()
    assert names(placements("auto", None, BUDGET, 600.0)) == ["cpu"]
    with pytest.raises(
        InvalidRequest, match=r"device cpu: this model would take about 50 hours here. It needs an NVID"
    ):
        placements("auto", None, BUDGET, 50 * 3600.0)


# -- networks that are placed -----------------------------------------------------------------------------------------


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


@pytest.mark.parametrize("offload", [False, True])
def test_eight_bits_stay_close_and_take_less(folder, offload: bool) -> None:
    found, network = said(folder, Placement(CPU, torch.float32, offload=offload, eight_bits=True))
    # 8-bit floats have 3 bits behind the point, so that a weight is off by 3 % at most
    assert 1e-4 < error(found) < 0.05
    block = network.transformer_blocks[0]
    assert block.attn1.to_q.weight.dtype == torch.float8_e4m3fn
    assert block.ff.net[2].weight.dtype == torch.float8_e4m3fn
    # what the loop of the sampler converts to
    assert network.dtype == torch.float32


def test_half_precision_stays_close(folder) -> None:
    found, _ = said(folder, Placement(CPU, torch.bfloat16))
    assert error(found) < 0.02


def test_the_tokenizer_is_only_to_be_asked() -> None:
    tokenizer = AutoencoderKLCosmos(
        encoder_block_out_channels=(8, 16, 32, 32),
        decode_block_out_channels=(16, 32, 32, 32),
        num_layers=1,
        attention_resolutions=(),
    ).train()
    placed = Placement(CPU, torch.float32).place_tokenizer(tokenizer)
    assert placed is tokenizer
    assert not placed.training
    assert not any(weight.requires_grad for weight in placed.parameters())
