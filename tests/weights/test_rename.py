"""Published names against those of the networks that load them, at published and at small sizes."""

from __future__ import annotations

import json

import torch
from diffusers import AutoencoderKLCosmos, CosmosTransformer3DModel

from lyra_backend.models.gaussian_decoder import GaussianDecoder
from lyra_backend.weights.layouts import empty_network, shapes_of
from lyra_backend.weights.rename import decoder_names, dit_names, vae_names
from lyra_backend.weights.shapes import Shapes, decoder_config, dit_config, vae_config

from .conftest import DATA

Sizes = dict[str, tuple[int, ...]]


def listed(name: str, part: str | None = None) -> Sizes:
    """Return the shapes in a list of published keys."""
    data = json.loads((DATA / name).read_text(encoding="utf-8"))
    entries = data if part is None else data[part]["state_dict"]
    return {key: tuple(shape) for key, (shape, _) in entries.items()}


def wanted(network: torch.nn.Module) -> Sizes:
    return shapes_of(network.state_dict())


def test_the_published_transformer_fits_diffusers() -> None:
    published = listed("gen3c_dit_state_dict.json")
    renamed = {ours: published[name] for name, ours in dit_names(published).items()}
    config = dit_config(Shapes("GEN3C", renamed), {})
    assert renamed == wanted(empty_network("dit", config))
    expected = {
        "in_channels": 82,  # with the padding
        "concat_padding_mask": False,
        "out_channels": 16,
        "num_attention_heads": 32,
        "attention_head_dim": 128,
        "num_layers": 28,
        "mlp_ratio": 4.0,
        "text_embed_dim": 1024,
        "adaln_lora_dim": 256,
        "max_size": [128, 240, 240],
        "extra_pos_embed_type": "learnable",
    }
    assert {name: config[name] for name in expected} == expected
    assert published.keys() - dit_names(published).keys() == {"pos_embedder.seq"}


def test_the_published_decoders_fit_ours() -> None:
    for part, use_time in (("static", False), ("dynamic", True)):
        published = listed("lyra1_state_dict.json", part)
        assert decoder_names(published) == {name: name for name in published}
        fields = decoder_config(Shapes("decoder", published), {"use_time_embedding": use_time})
        with torch.device("meta"):
            tensors = {name: torch.empty(shape) for name, shape in published.items()}
        decoder = GaussianDecoder.from_reference(fields, tensors)
        assert wanted(decoder) == published
        assert (decoder.config["use_time"], decoder.config["attention_every"], decoder.config["depth"]) == (
            use_time,
            8,
            16,
        )
        assert (decoder.config["attention_heads"], decoder.config["width"]) == (8, 512)


def test_the_small_transformer_fits_diffusers(dit_state: dict[str, torch.Tensor]) -> None:
    names = dit_names(dit_state)
    with torch.device("meta"):
        network = CosmosTransformer3DModel(
            **json.loads((DATA / "gen3c_dit/config.json").read_text())["diffusers_kwargs"]
        )
    assert {ours: tuple(dit_state[name].shape) for name, ours in names.items()} == wanted(network)


def test_the_small_tokenizer_fits_diffusers(vae_state: dict[str, torch.Tensor]) -> None:
    names = vae_names(vae_state)
    renamed = {ours: tuple(vae_state[name].shape) for name, ours in names.items()}
    config = vae_config(Shapes("tokenizer", renamed), {})
    with torch.device("meta"):
        network = AutoencoderKLCosmos(
            encoder_block_out_channels=(8, 16, 32, 32), decode_block_out_channels=(16, 32, 32, 32)
        )
    assert renamed == wanted(network)
    assert {
        name: list(v) if isinstance(v, tuple) else v for name, v in network.config.items() if name in config
    } == config
    dropped = {name.rpartition(".")[2] for name in vae_state.keys() - names.keys()}
    assert dropped == {"wavelets", "_arange", "patch_size_buffer"}


def test_the_tokenizer_at_its_published_width(vae_state: dict[str, torch.Tensor]) -> None:
    """Every number of channels is that of the fixture, times 16, but for pictures and latents."""
    with torch.device("meta"):
        network = AutoencoderKLCosmos()
    shapes = wanted(network)
    assert set(vae_names(vae_state).values()) == set(shapes)
    config = vae_config(Shapes("tokenizer", shapes), {})
    assert shapes == wanted(empty_network("vae", config))
    assert config["encoder_block_out_channels"] == [128, 256, 512, 512]
    assert config["decode_block_out_channels"] == [256, 512, 512, 512]


def test_what_wraps_a_network_goes_and_what_is_no_weight() -> None:
    names = ["net.x_embedder.proj.1.weight", "model.net.affline_norm.weight", "module.t_embedder.1.linear_1.weight"]
    assert list(dit_names(names).values()) == [
        "patch_embed.proj.weight",
        "time_embed.norm.weight",
        "time_embed.t_embedder.linear_1.weight",
    ]
    assert dit_names(["net.blocks.block3.blocks.1.block.attn.to_q._extra_state", "logvar.0.freqs"]) == {}
    assert dit_names(["net.pos_embedder.seq", "pos_embedder.dim_spatial_range"]) == {
        "pos_embedder.dim_spatial_range": "pos_embedder.dim_spatial_range"
    }


def test_names_that_nobody_knows_stay() -> None:
    for names_of in (dit_names, vae_names, decoder_names):
        assert names_of(["transformer.wte.weight"]) == {"transformer.wte.weight": "transformer.wte.weight"}
