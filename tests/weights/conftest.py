"""Small published files of every kind, made of the fixtures' tensors, and a catalogue of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")
pytest.importorskip("safetensors")

from safetensors.torch import load_file  # noqa: E402
from torch import nn  # noqa: E402

from lyra_backend.weights import catalogue  # noqa: E402

DATA = Path(__file__).parents[1] / "data" / "lyra1"
#: What the shapes of the decoder in the fixtures do not say.
DECODER = {"enc_num_heads": 4}


class Bare(nn.Module):
    """A part of a network of which only the names count."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


def make_torchscript(path: Path, state: dict[str, torch.Tensor]) -> Path:
    """Write tensors as ``torch.jit.save`` writes those of a network with these names."""
    root = Bare()
    for name, tensor in state.items():
        *parts, leaf = name.split(".")
        module: Any = root
        for part in parts:
            if not hasattr(module, part):
                module.add_module(part, Bare())
            module = getattr(module, part)
        if tensor.is_floating_point():
            module.register_parameter(leaf, nn.Parameter(tensor, requires_grad=False))
        else:
            module.register_buffer(leaf, tensor)
    torch.jit.trace(root, torch.zeros(1)).save(path)
    return path


@pytest.fixture(scope="session")
def vae_state() -> dict[str, torch.Tensor]:
    return load_file(DATA / "cosmos_vae" / "weights_reference_names.safetensors")


@pytest.fixture(scope="session")
def dit_state() -> dict[str, torch.Tensor]:
    return load_file(DATA / "gen3c_dit" / "weights_reference_names.safetensors")


@pytest.fixture(scope="session")
def decoder_state() -> dict[str, torch.Tensor]:
    return load_file(DATA / "static" / "weights.safetensors")


@pytest.fixture(scope="session")
def published(
    tmp_path_factory: pytest.TempPathFactory,
    vae_state: dict[str, torch.Tensor],
    dit_state: dict[str, torch.Tensor],
    decoder_state: dict[str, torch.Tensor],
) -> Path:
    """A folder with the files that are published, small: lyra_static.pt, model.pt, autoencoder.jit, mean_std.pt."""
    folder = tmp_path_factory.mktemp("published")
    torch.save({"module": decoder_state, "ds_version": "0.16"}, folder / "lyra_static.pt")
    wrapped = {f"net.{name}": tensor.bfloat16() for name, tensor in dit_state.items()}
    extra = {"logvar.0.freqs": torch.ones(4), "net.blocks.block0.blocks.0.block.attn._extra_state": torch.ones(1)}
    torch.save({"model": {**wrapped, **extra}}, folder / "model.pt")
    make_torchscript(folder / "autoencoder.jit", vae_state)
    values = torch.arange(256.0)
    torch.save((values / 256, values / 256 + 1), folder / "mean_std.pt")
    return folder


@pytest.fixture
def small_catalogue(monkeypatch: pytest.MonkeyPatch) -> dict[str, catalogue.Weights]:
    """The known weights with the sizes of `published`, and no checksums of their authors."""
    sizes = {"lyra_static": 1_100_000, "gen3c": 300_000, "cosmos_tokenizer": 2_700_000, "depth_indoor": 30_000}
    entries = {name: replace(catalogue.known()[name], bytes=size, md5={}) for name, size in sizes.items()}
    entries["lyra_static"] = replace(entries["lyra_static"], config={**DECODER, "use_time_embedding": False})
    monkeypatch.setattr(catalogue, "known", lambda: entries)
    return entries
