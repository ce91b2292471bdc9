"""Networks from folders: whole, or refused by their headers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from lyra_backend.errors import InvalidRequest
from lyra_backend.models.gaussian_decoder import GaussianDecoder
from lyra_backend.models.loading import check_network, load_network, reason_of, weight_shapes

from .fixtures import decoder

FILE = "diffusion_pytorch_model.safetensors"


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("networks") / "decoder"
    decoder("static").save_pretrained(folder)
    return folder


@pytest.fixture
def folder(saved, tmp_path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "decoder"))


def test_a_whole_network(folder, monkeypatch) -> None:
    assert not load_network(GaussianDecoder, folder, torch.bfloat16).deconv.bias.is_meta
    # no weight is read to check
    monkeypatch.setattr(GaussianDecoder, "from_pretrained", None)
    check_network(GaussianDecoder, folder)


def test_a_network_in_parts(folder, saved) -> None:
    (folder / FILE).unlink()
    decoder("static").save_pretrained(folder, max_shard_size="100KB")
    parts = sorted(folder.glob("*.safetensors"))
    assert len(parts) > 2
    check_network(GaussianDecoder, folder)
    assert weight_shapes(folder) == weight_shapes(saved)
    parts[1].unlink()
    with pytest.raises(InvalidRequest, match=f"{parts[1].name} is missing"):
        check_network(GaussianDecoder, folder)
    (folder / f"{FILE}.index.json").write_text("{}")
    with pytest.raises(InvalidRequest, match=r"index\.json is damaged"):
        check_network(GaussianDecoder, folder)


def test_variants_are_no_part_of_it(folder) -> None:
    (folder / "diffusion_pytorch_model.fp16.safetensors").write_bytes(b"none of ours")
    check_network(GaussianDecoder, folder)


def changed(folder: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    tensors = load_file(folder / FILE)
    change(tensors)
    save_file(tensors, folder / FILE)


def longer(tensors: dict[str, torch.Tensor]) -> None:
    name = "deconv.bias"
    tensors[name] = torch.cat([tensors[name]] * 2)


def settings(folder: Path, **given: object) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | given))


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda f: (f / FILE).write_bytes((f / FILE).read_bytes()[:-100]), f"{FILE}: .*file not fully covered"),
        (lambda f: (f / FILE).write_bytes((f / FILE).read_bytes() + b"more"), f"{FILE}: .*deserializing header"),
        (lambda f: (f / FILE).write_bytes(b""), f"{FILE}: .*header"),
        (lambda f: (f / FILE).unlink(), r"there are no weights \(\*\.safetensors\)"),
        (lambda f: changed(f, lambda t: t.pop("deconv.bias")), r"1 missing keys .* such as deconv\.bias"),
        (lambda f: changed(f, lambda t: t.update(more=torch.ones(1))), "1 unexpected keys .* such as more"),
        (lambda f: changed(f, longer), r"1 mismatched keys .* such as deconv\.bias"),
        (lambda f: (f / "config.json").unlink(), r"config\.json is missing"),
        (lambda f: (f / "config.json").write_text("{"), r"config\.json: is damaged"),
        (lambda f: settings(f, width="wide"), r"cannot be loaded as GaussianDecoder \("),
    ],
    ids=["cut", "longer", "empty", "none", "missing", "left over", "shape", "no settings", "no JSON", "wrong settings"],
)
@pytest.mark.parametrize(
    "look",
    [lambda f: check_network(GaussianDecoder, f), lambda f: load_network(GaussianDecoder, f, torch.float32)],
    ids=["check", "load"],
)
def test_what_is_not_whole_is_refused_alike(folder, damage, says: str, look) -> None:
    damage(folder)
    with pytest.raises(InvalidRequest, match=says):
        look(folder)


def test_the_cause_of_an_error_is_told(folder, monkeypatch) -> None:
    def fails(*_: object, **__: object) -> None:
        try:
            try:
                raise OSError("header too small\nand more")
            except OSError:
                raise UnicodeError("no text") from None
        except UnicodeError as error:
            raise ValueError("Unable to load weights.") from error

    def hides(*_: object, **__: object) -> None:
        try:
            raise OSError("header too small\nand more")
        except OSError:
            raise ValueError("Unable to load weights.")  # noqa: B904

    for fault in (fails, hides):
        monkeypatch.setattr(GaussianDecoder, "from_pretrained", fault)
        with pytest.raises(InvalidRequest, match=r"\(Unable to load weights: header too small\)"):
            load_network(GaussianDecoder, folder, torch.float32)
    assert reason_of(ValueError("of its own")) == "of its own"
    assert reason_of(KeyError()) == "KeyError"
