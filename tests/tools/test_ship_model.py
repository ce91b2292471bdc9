"""A trained model becomes one that comes with the package: smaller, recorded, the same networks."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from lyra_backend.errors import InvalidRequest
from lyra_backend.weights import shipped
from lyra_backend.weights.record import read_record

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

import ship_model
from make_tiny_lyra import make_tiny_lyra


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("trained") / "model"
    make_tiny_lyra(folder)
    (folder / "MODEL_CARD.md").write_text("# A model\n\nMakes noise of photos.\n\nMore.\n", encoding="utf-8")
    config = json.loads((folder / "depth" / "config.json").read_text())
    (folder / "depth" / "config.json").write_text(json.dumps({**config, "_name_or_path": str(folder)}))
    return folder


@pytest.fixture
def place(trained, tmp_path) -> Path:
    return ship_model.ship(trained, "noise", "CC0-1.0", tmp_path / "weights")


def test_weights_are_those_of_the_model_in_16_bits(trained, place) -> None:
    assert sorted(path.name for path in place.iterdir()) == [
        *["MODEL_CARD.md", "decoder", "depth", "lyra.json", "transformer", "vae", "weights.json"]
    ]
    for path in place.rglob("*.safetensors"):
        before, after = load_file(trained / path.relative_to(place)), load_file(path)
        assert before.keys() == after.keys()
        for name, tensor in before.items():
            assert after[name].dtype == (torch.bfloat16 if tensor.is_floating_point() else tensor.dtype)
            assert torch.equal(after[name], tensor.to(after[name].dtype))
    assert not list(place.parent.glob(".shipping*"))


def test_nothing_says_where_it_was_made(trained, place) -> None:
    texts = "".join(path.read_text() for path in place.rglob("*") if path.suffix in (".json", ".md"))
    assert str(trained) not in texts
    assert json.loads((place / "depth" / "config.json").read_text())["depth_estimation_type"] == "metric"


def test_the_record_has_all_files_and_the_licence(place) -> None:
    record = read_record(place)
    assert record.licence["name"] == "CC0-1.0"
    there = {path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file()}
    assert set(record.files) == there - {"weights.json"}


def test_the_same_model_gives_the_same_bytes(trained, place, tmp_path) -> None:
    other = ship_model.ship(trained, "noise", "CC0-1.0", tmp_path / "other")
    assert read_record(other) == read_record(place)


def test_it_is_listed_and_verified(place, monkeypatch) -> None:
    monkeypatch.setattr(shipped, "_FOLDER", place.parent)
    assert shipped.shipped_models() == {"noise": place}
    told = shipped.describe_model("noise")
    assert told["for"] == "Makes noise of photos."
    assert told["licence"]["name"] == "CC0-1.0"
    assert told["bytes"] == sum(path.stat().st_size for path in place.rglob("*") if path.is_file()) - len(
        (place / "weights.json").read_bytes()
    )
    assert shipped.verify_model("noise") == ()
    path = place / "vae" / "diffusion_pytorch_model.safetensors"
    path.write_bytes(path.read_bytes()[:-2] + b"oh")
    (place / "lyra.json").unlink()
    monkeypatch.setattr(shipped, "shipped_models", lambda: {"noise": place})
    found = shipped.verify_model("noise")
    assert [finding.code for finding in found] == ["weights.missing", "weights.changed"]
    assert all("Install the package again." in finding.message for finding in found)


def test_what_cannot_be_shipped(trained, place, tmp_path, monkeypatch) -> None:
    with pytest.raises(InvalidRequest, match="is there already"):
        ship_model.ship(trained, "noise", "CC0-1.0", place.parent)
    assert ship_model.ship(trained, "noise", "Apache-2.0", place.parent, overwrite=True) == place
    with pytest.raises(InvalidRequest, match="a plain word"):
        ship_model.ship(trained, "../noise", "CC0-1.0", tmp_path)
    monkeypatch.setattr(ship_model, "LIMIT", 1000)
    with pytest.raises(InvalidRequest, match=r"more than 0 MB"):
        ship_model.ship(trained, "large", "CC0-1.0", tmp_path)
    assert not (tmp_path / "large").exists()
    bare = tmp_path / "bare"
    bare.mkdir()
    for name in ("decoder", "transformer", "vae", "lyra.json"):
        (bare / name).symlink_to(trained / name)
    with pytest.raises(InvalidRequest, match=r"lacks depth, MODEL_CARD\.md"):
        ship_model.ship(bare, "bare", "CC0-1.0", tmp_path)
