"""Published files become folders that diffusers loads, and the networks compute what the reference computes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import AutoencoderKLCosmos, CosmosTransformer3DModel
from safetensors.torch import load_file, save_file

from lyra_backend.errors import InvalidRequest, WriteFailed
from lyra_backend.models.gaussian_decoder import GaussianDecoder
from lyra_backend.progress import Event, Progress
from lyra_backend.weights import layouts
from lyra_backend.weights.convert import convert_decoder, convert_dit, convert_vae

from .conftest import DATA, DECODER

NOTHING_LEFT = {"missing_keys", "unexpected_keys", "mismatched_keys", "error_msgs"}


def loaded(kind: Any, folder: Path) -> Any:
    """Load a folder as users do; nothing may be missing or left over."""
    network, told = kind.from_pretrained(folder, output_loading_info=True)
    assert {name: list(told[name]) for name in NOTHING_LEFT} == {name: [] for name in NOTHING_LEFT}
    return network.eval()


def test_the_tokenizer_computes_what_the_reference_does(published: Path, tmp_path: Path) -> None:
    convert_vae(published / "autoencoder.jit", tmp_path / "vae", statistics=published / "mean_std.pt")
    network = loaded(AutoencoderKLCosmos, tmp_path / "vae")
    known = load_file(DATA / "cosmos_vae" / "io.safetensors")
    with torch.no_grad():
        z = network.encode(known["x"]).latent_dist.mode()
        y = network.decode(known["z"]).sample
        first = network.encode(known["x"][:, :, :1]).latent_dist.mode()
    assert (z - known["z"]).abs().max() < 1e-4
    assert (y - known["y"]).abs().max() < 1e-4
    assert (first - known["z_first_frame_only"]).abs().max() < 1e-4


def test_the_transformer_computes_what_the_reference_does(dit_state: dict[str, torch.Tensor], tmp_path: Path) -> None:
    save_file(dit_state, tmp_path / "model.safetensors")
    convert_dit(tmp_path / "model.safetensors", tmp_path / "dit")
    network = loaded(CosmosTransformer3DModel, tmp_path / "dit")
    known = load_file(DATA / "gen3c_dit" / "inputs.safetensors")
    (output,) = load_file(DATA / "gen3c_dit" / "outputs.safetensors").values()
    assert not known["padding_mask"].any()
    padding = torch.zeros_like(known["x"][:, :1])
    names = ("x", "condition_video_input_mask", "condition_video_pose")
    with torch.no_grad():
        found = network(
            torch.cat([*(known[name] for name in names), padding], dim=1),
            known["timesteps"].flatten(),
            known["crossattn_emb"],
            fps=int(known["fps"].flatten()[0]),
        ).sample
    assert (found - output).abs().max() < 1e-4


@pytest.mark.parametrize("part", ["static", "dynamic"])
def test_the_decoder_is_the_reference_one(part: str, tmp_path: Path) -> None:
    state = load_file(DATA / part / "weights.safetensors")
    torch.save({"module": {name: tensor.bfloat16() for name, tensor in state.items()}}, tmp_path / "lyra.pt")
    config = json.loads((DATA / part / "config.json").read_text(encoding="utf-8"))
    convert_decoder(tmp_path / "lyra.pt", tmp_path / "decoder", config=config)
    network = loaded(GaussianDecoder, tmp_path / "decoder")
    assert {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()} == {
        name: tuple(tensor.shape) for name, tensor in state.items()
    }
    stored = load_file(tmp_path / "decoder" / "diffusion_pytorch_model.safetensors")
    assert all(torch.equal(stored[name], tensor.bfloat16()) for name, tensor in state.items())
    assert network.config["use_time"] is (part == "dynamic")
    assert (network.config["attention_heads"], network.config["attention_every"]) == (4, 2)


def test_types_and_prefixes(published: Path, dit_state: dict[str, torch.Tensor], tmp_path: Path) -> None:
    convert_dit(published / "model.pt", tmp_path / "dit")
    stored = load_file(tmp_path / "dit" / "diffusion_pytorch_model.safetensors")
    assert {tensor.dtype for tensor in stored.values()} == {torch.bfloat16}
    assert torch.equal(stored["proj_out.weight"], dit_state["final_layer.linear.weight"].bfloat16())
    assert "learnable_pos_embed.pos_emb_t" in stored


def test_large_networks_are_written_in_several_files(
    published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layouts, "SHARD_BYTES", 60_000)
    events: list[Event] = []
    convert_dit(published / "model.pt", tmp_path / "dit", progress=Progress(events.append))
    files = sorted(path.name for path in (tmp_path / "dit").iterdir())
    assert files[0] == "config.json"
    assert "diffusion_pytorch_model.safetensors.index.json" in files
    assert len(files) > 4
    assert sum("writing diffusion_pytorch_model-0000" in event.message for event in events) == len(files) - 2
    network = loaded(CosmosTransformer3DModel, tmp_path / "dit")
    assert layouts.stored_shapes(tmp_path / "dit") == layouts.shapes_of(network.state_dict())


def test_statistics_go_into_the_tokenizer_by_channel_and_frame(published: Path, tmp_path: Path) -> None:
    convert_vae(published / "autoencoder.jit", tmp_path / "without")
    assert AutoencoderKLCosmos.load_config(tmp_path / "without")["latents_mean"] is None
    per_channel = torch.arange(16.0)[:, None] + torch.arange(16.0) / 100
    torch.save((per_channel, per_channel + 1), tmp_path / "mean_std.pt")
    convert_vae(published / "autoencoder.jit", tmp_path / "vae", statistics=tmp_path / "mean_std.pt")
    network = loaded(AutoencoderKLCosmos, tmp_path / "vae")
    # As diffusers' Cosmos pipelines view it.
    mean = torch.tensor(network.config.latents_mean).view(1, network.config.latent_channels, -1, 1, 1)
    assert torch.allclose(mean[0, :, :, 0, 0], per_channel)
    assert len(network.config.latents_std) == 256


def test_statistics_of_images_are_refused(published: Path, tmp_path: Path) -> None:
    torch.save((torch.zeros(16), torch.ones(16)), tmp_path / "image_mean_std.pt")
    with pytest.raises(InvalidRequest, match=r"give mean_std\.pt"):
        convert_vae(published / "autoencoder.jit", tmp_path / "vae", statistics=tmp_path / "image_mean_std.pt")


@pytest.mark.parametrize(
    ("convert", "file", "network"),
    [
        (convert_dit, "lyra_static.pt", "GEN3C's transformer"),
        (convert_dit, "autoencoder.jit", "GEN3C's transformer"),
        (convert_vae, "model.pt", "the Cosmos tokenizer"),
        (convert_vae, "lyra_static.pt", "the Cosmos tokenizer"),
        (convert_decoder, "model.pt", "Lyra's decoder"),
        (convert_decoder, "autoencoder.jit", "Lyra's decoder"),
        (convert_decoder, "mean_std.pt", "holds no named tensors"),
    ],
)
def test_another_networks_file_is_told(convert: Any, file: str, network: str, published: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=network):
        convert(published / file, tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_missing_and_left_over_tensors_are_named(dit_state: dict[str, torch.Tensor], tmp_path: Path) -> None:
    broken = dict(dit_state)
    del broken["blocks.block1.blocks.2.block.layer2.weight"]
    broken["blocks.block0.extra.weight"] = torch.ones(3)
    broken["final_layer.adaLN_modulation.2.weight"] = torch.ones(5, 8)
    torch.save(broken, tmp_path / "model.pt")
    with pytest.raises(InvalidRequest) as told:
        convert_dit(tmp_path / "model.pt", tmp_path / "dit")
    for word in (
        "model.pt",
        "1 are missing (transformer_blocks.1.ff.net.2.weight)",
        "1 are not known (blocks.block0.extra.weight)",
        "norm_out.linear_2.weight (5, 8), not (96, 8)",
    ):
        assert word in str(told.value)
    assert [path.name for path in tmp_path.iterdir()] == ["model.pt"]


def test_a_network_that_is_there_twice(dit_state: dict[str, torch.Tensor], tmp_path: Path) -> None:
    torch.save({**dit_state, **{f"net.{name}": tensor for name, tensor in dit_state.items()}}, tmp_path / "model.pt")
    with pytest.raises(InvalidRequest, match="holds a network twice"):
        convert_dit(tmp_path / "model.pt", tmp_path / "dit")


def test_a_configuration_that_does_not_belong(published: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"enc_depth = 16, but the weights' shapes say 4"):
        convert_decoder(published / "lyra_static.pt", tmp_path / "out", config={"enc_depth": 16})
    with pytest.raises(InvalidRequest, match="gaussians_predict_offset"):
        convert_decoder(published / "lyra_static.pt", tmp_path / "out", config={"gaussians_predict_offset": True})
    with pytest.raises(InvalidRequest, match="num_layers"):
        convert_dit(published / "model.pt", tmp_path / "out", config={"num_layers": 28})
    with pytest.raises(InvalidRequest, match="enc_num_heads"):
        convert_decoder(published / "lyra_static.pt", tmp_path / "out", config={"enc_num_heads": 5})


def test_what_is_there_is_not_overwritten(published: Path, tmp_path: Path) -> None:
    (tmp_path / "dit").mkdir()
    with pytest.raises(InvalidRequest, match="exists already"):
        convert_dit(published / "model.pt", tmp_path / "dit")


@pytest.mark.parametrize("convert", [convert_dit, convert_decoder])
def test_a_full_disk_leaves_nothing(
    convert: Any, published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import safetensors
    import safetensors.torch

    def full(*_: Any, **__: Any) -> None:
        raise safetensors.SafetensorError("I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(safetensors.torch, "save_file", full)
    # diffusers has imported it by name.
    monkeypatch.setattr("diffusers.models.modeling_utils.safetensors.torch.save_file", full)
    file, config = ("model.pt", {}) if convert is convert_dit else ("lyra_static.pt", DECODER)
    with pytest.raises(WriteFailed, match="No space left"):
        convert(published / file, tmp_path / "out", config=config)
    assert not list(tmp_path.iterdir())
