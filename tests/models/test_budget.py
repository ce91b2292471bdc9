"""What a model takes, counted from its configuration: against the networks themselves and their arithmetic."""

from __future__ import annotations

import copy
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import AutoencoderKLCosmos, CosmosTransformer3DModel
from torch.utils.flop_counter import FlopCounterMode

from lyra_backend.errors import InvalidRequest
from lyra_backend.models.budget import Budget, VideoFormat, read_config
from lyra_backend.models.folders import ModelFolders
from lyra_backend.models.gaussian_decoder import GaussianDecoder
from lyra_backend.models.latent_space import LatentSpace
from lyra_backend.models.mamba import Mamba2Block

from .live_memory import peak_bytes

VIEWS = 6
#: Tokens of one view and of all (lyra1.md, section 0).
TOKENS = 16 * 44 * 80
ALL_TOKENS = 337_920


def flops(network: torch.nn.Module, *given: torch.Tensor, **named: Any) -> float:
    """Return multiplications and additions of matrix products, convolutions and attention; nothing is calculated."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(*given, **named)
    return float(counter.get_total_flops())


@pytest.fixture(scope="module")
def published() -> tuple[CosmosTransformer3DModel, GaussianDecoder]:
    """The networks at their published sizes, without memory."""
    with torch.device("meta"):
        network = CosmosTransformer3DModel(
            in_channels=82,
            concat_padding_mask=False,
            out_channels=16,
            num_attention_heads=32,
            attention_head_dim=128,
            num_layers=28,
            text_embed_dim=1024,
            adaln_lora_dim=256,
            max_size=(128, 240, 240),
            rope_scale=(2.0, 1.0, 1.0),
        )
        return network.eval(), GaussianDecoder().eval()


@pytest.fixture(scope="module")
def budget(published) -> Budget:
    network, decoder = published
    return Budget.of(network.config, decoder.config, VideoFormat(), VIEWS)


def test_weights_of_the_video_model(budget) -> None:
    """7 237 257 216 numbers of two bytes (lyra1.md, section 0)."""
    assert budget.weights_bytes / 2 == pytest.approx(7_237_257_216, rel=0.01)


def test_arithmetic_of_the_video_model(published, budget) -> None:
    given = {
        "hidden_states": torch.empty(1, 82, 16, 88, 160, device="meta"),
        "timestep": torch.empty(1, device="meta"),
        "encoder_hidden_states": torch.empty(1, 512, 1024, device="meta"),
    }
    assert budget.video == pytest.approx(flops(published[0], **given, fps=24.0, return_dict=False), rel=0.05)


def test_arithmetic_of_the_decoder(published, budget) -> None:
    """Attention by its own, Mamba-2 by a thousand tokens of it, for it grows with their number."""
    blocks = published[1].enc_blocks
    total = 0.0
    for block in (blocks[0], blocks[7]):
        scans = isinstance(block, Mamba2Block)
        tokens = 1024 if scans else ALL_TOKENS
        one = flops(block, torch.empty(1, tokens, 512, device="meta"))
        total += one * (14 * ALL_TOKENS / tokens if scans else 2)
    assert len([block for block in blocks if isinstance(block, Mamba2Block)]) == 14
    assert budget.decoder == pytest.approx(total, rel=0.2)


@pytest.mark.parametrize("size", [(121, 704, 1280), (49, 352, 640)])
def test_memory_of_the_video_model(published, size: tuple[int, int, int]) -> None:
    """Against all tensors that are alive at once, in half precision."""
    network, decoder = published
    frames, height, width = size
    grid = ((frames - 1) // 8 + 1, height // 8, width // 8)
    half = copy.deepcopy(network).to(torch.bfloat16)
    shown, time, text = (
        torch.empty(shape, device="meta", dtype=torch.bfloat16) for shape in ((1, 82, *grid), (1,), (1, 512, 1024))
    )
    peak = peak_bytes(lambda: half(shown, time, text, fps=24.0, return_dict=False))
    found = Budget.of(network.config, decoder.config, VideoFormat(*size), VIEWS)
    assert found.activations_bytes == pytest.approx(peak, rel=0.1)


def test_memory_of_the_decoder(published) -> None:
    """The same; one block of each kind, for what is alive does not grow with their number."""
    network, decoder = published
    with torch.device("meta"):
        half = torch.nn.Module.to(GaussianDecoder(depth=2, attention_every=2).eval(), torch.bfloat16)
    latents, plucker = (
        torch.empty(1, VIEWS * 16, channels, 88, 160, device="meta", dtype=torch.bfloat16) for channels in (16, 32)
    )
    rays = torch.empty(1, VIEWS * 121, 3, 88, 160, device="meta")
    peak = peak_bytes(lambda: half.decode(latents, plucker, rays, rays, view_count=VIEWS))
    assert peak < Budget.of(network.config, decoder.config, VideoFormat(), VIEWS).decoder_bytes < 1.4 * peak


@pytest.mark.parametrize("channels", [(128, 256, 512, 512), (64, 128, 256, 256)])
@pytest.mark.parametrize("size", [(121, 704, 1280), (17, 352, 640)])
def test_memory_of_the_tokenizer(published, channels: tuple[int, ...], size: tuple[int, int, int]) -> None:
    """The same; at the published size a third of what the tokenizer takes for a whole video."""
    network, decoder = published
    tokenizer = AutoencoderKLCosmos(encoder_block_out_channels=channels).to("meta", torch.bfloat16)
    space, (frames, *sides) = LatentSpace(tokenizer), size

    def video(start: int, end: int) -> torch.Tensor:
        return torch.empty(1, 3, end - start, *sides, device="meta", dtype=torch.bfloat16)

    peak = peak_bytes(lambda: space.encode(video, frames))
    found = Budget.of(network.config, decoder.config, VideoFormat(*size), VIEWS, tokenizer.config).encoding_bytes
    assert found == pytest.approx(peak, rel=0.3)
    if frames == 121:
        assert peak < 0.4 * peak_bytes(lambda: tokenizer.encode(video(0, frames)))


def test_a_tokenizer_that_says_nothing_has_the_published_channels(budget, published) -> None:
    network, decoder = published
    channels = {"encoder_block_out_channels": (128, 256, 512, 512)}
    assert Budget.of(network.config, decoder.config, VideoFormat(), VIEWS, channels) == budget


def test_weights_that_visit_are_those_of_two_blocks_and_what_is_in_none(published, budget) -> None:
    network, _ = published
    blocks = sum(weight.numel() for weight in network.transformer_blocks[0].parameters())
    every = sum(weight.numel() for weight in network.parameters())
    assert budget.visiting_bytes / 2 == pytest.approx(2 * blocks + every - 28 * blocks, rel=0.05)


@pytest.mark.parametrize(("on_gpu", "pace"), [(True, 2.25e14), (False, 5e10)])
def test_a_video_at_the_reported_pace(budget, on_gpu: bool, pace: float) -> None:
    assert budget.seconds_per_view(70, on_gpu) == pytest.approx(70 * budget.video / pace)
    assert budget.decoder_seconds(on_gpu) == pytest.approx(budget.decoder / pace)


def test_a_video_takes_the_minutes_that_its_authors_report(budget) -> None:
    """35 steps of two evaluations: about 12 minutes (nv-tlabs/lyra, issue 15)."""
    assert budget.seconds_per_view(2 * 35, on_gpu=True) / 60 == pytest.approx(12, rel=0.1)


def test_half_the_pixels_take_less_than_half(published) -> None:
    network, decoder = published
    whole, half = (Budget.of(network.config, decoder.config, VideoFormat(width=w), VIEWS) for w in (1280, 640))
    for name in ("video", "decoder", "activations_bytes", "encoding_bytes", "decoder_bytes"):
        assert 2 <= getattr(whole, name) / getattr(half, name) < 4
    assert half.weights_bytes == whole.weights_bytes


# -- the format of videos ---------------------------------------------------------------------------------------------


def test_the_published_format_is_that_of_the_paper(tmp_path: Path) -> None:
    found = VideoFormat.read(tmp_path)
    assert asdict(found) == {
        **{"frames": 121, "height": 704, "width": 1280, "fps": 24.0, "centre_depth": 1.0},
        **{"steps": 35, "guidance": 1.0, "foreground_masking": True},
        **{"reliable_window": 5, "reliable_range": 0.05},
        **{"fov_deg": None, "grade": "train", "text_to_image": "network"},
    }


def test_a_format_is_read_back(tmp_path: Path) -> None:
    other = VideoFormat(17, 64, 96, 12.0, 2.5, 10, 0.0, 3, 0.25, False, 64.0, "demo", "procedural")
    (tmp_path / "lyra.json").write_text(json.dumps(asdict(other)))
    assert VideoFormat.read(tmp_path) == other
    (tmp_path / "lyra.json").write_text('{"frames": 49}')
    assert VideoFormat.read(tmp_path) == VideoFormat(frames=49)


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[17]",
        "17",
        '{"pictures": 17}',
        '{"frames": "17"}',
        '{"frames": 17.5}',
        '{"frames": 1}',
        '{"frames": 0}',
        '{"frames": -7}',
        '{"height": 0}',
        '{"width": null}',
        '{"fps": 0}',
        '{"fps": NaN}',
        '{"fps": "24"}',
        '{"centre_depth": -1}',
        '{"centre_depth": Infinity}',
        '{"steps": 0}',
        '{"steps": 10.5}',
        '{"steps": true}',
        '{"guidance": -1}',
        '{"guidance": NaN}',
        '{"guidance": null}',
        '{"reliable_window": 4}',
        '{"reliable_window": -3}',
        '{"reliable_range": 0}',
        '{"foreground_masking": 1}',
        '{"fov_deg": 180}',
        '{"grade": "good"}',
        '{"text_to_image": "flux"}',
    ],
)
def test_a_format_that_cannot_be(tmp_path: Path, content: str) -> None:
    (tmp_path / "lyra.json").write_text(content)
    with pytest.raises(InvalidRequest, match=r"lyra\.json: must hold frames, height, width, fps and centre_depth"):
        VideoFormat.read(tmp_path)


def test_a_configuration_that_is_no_object(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("[1]")
    with pytest.raises(InvalidRequest, match=r"config\.json: must hold an object, got list"):
        read_config(tmp_path)


@pytest.mark.parametrize("value", ["absent", None, "many"])
@pytest.mark.parametrize(
    ("network", "field"), [("decoder", "depth"), ("decoder", "scan_inner"), ("transformer", "num_layers")]
)
def test_a_configuration_that_lacks_a_size(published, tmp_path: Path, network: str, field: str, value: Any) -> None:
    configs: dict[str, dict[str, Any]] = {
        "transformer": dict(published[0].config),
        "decoder": dict(published[1].config),
        "vae": {},
    }
    if value == "absent":
        del configs[network][field]
    else:
        configs[network][field] = value
    for name, config in configs.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.safetensors").write_bytes(b"")
        (tmp_path / name / "config.json").write_text(json.dumps(config))
    with pytest.raises(InvalidRequest, match=r"config\.json of its decoder or its transformer lacks a size"):
        ModelFolders.in_one(tmp_path, tmp_path / "kept").budget(VIEWS)
