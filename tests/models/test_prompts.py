"""Embeddings of prompts: made by the text encoder, kept, and zero beyond the text."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from pathlib import Path

import pytest
import torch
import transformers
from safetensors.torch import save_file

from lyra_backend.errors import InvalidRequest
from lyra_backend.models import prompts
from lyra_backend.models.folders import Embeddings
from lyra_backend.models.prompts import prompt_embedding

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

from make_tiny_lyra import make_text_encoder

#: Channels of the tiny encoder, and tokens of an embedding.
WIDTH, LENGTH = 32, 512
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def encoder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("text") / "encoder"
    torch.manual_seed(0)
    make_text_encoder(folder)
    return folder


@pytest.fixture
def loads(monkeypatch) -> list[Path]:
    """One entry for every time the encoder is loaded."""
    found: list[Path] = []
    usual = transformers.T5EncoderModel.from_pretrained

    def counted(folder, **options):
        found.append(folder)
        return usual(folder, **options)

    monkeypatch.setattr(transformers.T5EncoderModel, "from_pretrained", counted)
    return found


def embedded(encoder: Path, kept: Path, text: str, width: int = WIDTH) -> torch.Tensor:
    found = prompt_embedding(encoder, Embeddings(kept), text, width, CPU)
    assert found is not None
    return found


def test_an_embedding_is_what_the_encoder_says_of_the_words(encoder, tmp_path) -> None:
    found = embedded(encoder, tmp_path, "a kitchen with the room")
    assert found.shape == (1, LENGTH, WIDTH)
    tokens = transformers.AutoTokenizer.from_pretrained(encoder)("a kitchen with the room", return_tensors="pt")
    count = tokens["input_ids"].shape[1]
    assert count == 6  # five words and the end
    with torch.no_grad():
        wanted = transformers.T5EncoderModel.from_pretrained(encoder)(**tokens).last_hidden_state
    torch.testing.assert_close(found[:, :count], wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("text", "tokens"), [("", 1), ("a", 2), ("a warehouse aisle", 4)])
def test_beyond_the_text_all_is_zero(encoder, tmp_path, text: str, tokens: int) -> None:
    found = embedded(encoder, tmp_path, text)
    assert found[0, :tokens].abs().sum(dim=1).gt(0).all()
    assert not found[0, tokens:].any()


def test_what_is_too_long_is_cut(encoder, tmp_path) -> None:
    found = embedded(encoder, tmp_path, "room " * 600)
    assert found.shape == (1, LENGTH, WIDTH)
    assert found.abs().sum(dim=2).gt(0).all()


def test_an_embedding_is_kept_and_not_made_again(encoder, tmp_path, loads) -> None:
    first = embedded(encoder, tmp_path / "kept", "a kitchen")
    assert torch.equal(embedded(encoder, tmp_path / "kept", "a kitchen"), first)
    assert len(loads) == 1
    other = embedded(encoder, tmp_path / "kept", "a street")
    assert len(loads) == 2
    assert not torch.equal(other, first)
    assert len(list((tmp_path / "kept").iterdir())) == 2


def bring(folder: Path, text: str, embedding: torch.Tensor) -> Embeddings:
    """Put an embedding into a model's folder under its text, as whoever made the model did."""
    folder.mkdir(exist_ok=True)
    save_file({"embedding": embedding}, folder / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.safetensors")
    return Embeddings(folder.parent / "kept", folder)


def test_what_a_model_brings_needs_no_encoder(encoder, tmp_path, loads) -> None:
    mine = torch.rand(1, LENGTH, WIDTH)
    embeddings = bring(tmp_path / "brought", "a kitchen", mine)
    for folder in (tmp_path / "nowhere", encoder):
        found = prompt_embedding(folder, embeddings, "a kitchen", WIDTH, CPU)
        assert found is not None
        assert torch.equal(found, mine)
    assert not loads
    assert prompt_embedding(tmp_path / "nowhere", embeddings, "a street", WIDTH, CPU) is None


def test_nothing_is_written_where_a_model_lies(encoder, tmp_path, loads) -> None:
    embeddings = bring(tmp_path / "brought", "a kitchen", torch.rand(1, LENGTH, WIDTH))
    prompt_embedding(encoder, embeddings, "a street", WIDTH, CPU)
    assert len(list((tmp_path / "brought").iterdir())) == 1
    assert len(list((tmp_path / "kept").iterdir())) == 1
    prompt_embedding(encoder, embeddings, "a street", WIDTH, CPU)
    assert len(loads) == 1


def other_weights(folder: Path) -> None:
    torch.manual_seed(1)
    make_text_encoder(folder)


def other_tokenizer(folder: Path) -> None:
    text = (folder / "tokenizer.json").read_text(encoding="utf-8")
    (folder / "tokenizer.json").write_text(text.replace("kitchen", "chicken"), encoding="utf-8")


def other_settings(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config["layer_norm_epsilon"] = 0.5
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")


@pytest.mark.parametrize("change", [other_weights, other_tokenizer, other_settings])
def test_what_another_encoder_said_is_not_taken(encoder, tmp_path, loads, change) -> None:
    shutil.copytree(encoder, tmp_path / "encoder")
    first = embedded(tmp_path / "encoder", tmp_path / "kept", "a kitchen")
    change(tmp_path / "encoder")
    assert not torch.equal(embedded(tmp_path / "encoder", tmp_path / "kept", "a kitchen"), first)
    assert len(loads) == 2


def test_recorded_weights_are_told_by_their_checksum(encoder, tmp_path, loads) -> None:
    """Fetched again, they lie elsewhere and are younger, but are the same."""
    file = "model.safetensors"
    recorded = {"bytes": (encoder / file).stat().st_size, "sha256": "c0ffee"}
    for name, sha256 in (("a", "c0ffee"), ("b", "c0ffee"), ("c", "decaf")):
        shutil.copytree(encoder, tmp_path / name, copy_function=shutil.copy)
        record = {"name": name, "files": {file: {**recorded, "sha256": sha256}}}
        (tmp_path / name / "weights.json").write_text(json.dumps(record), encoding="utf-8")
    for name, count in (("a", 1), ("b", 1), ("c", 2)):
        embedded(tmp_path / name, tmp_path / "kept", "a kitchen")
        assert len(loads) == count
    for text in ("{", "[]", '{"files": 3}'):
        (tmp_path / "a" / "weights.json").write_text(text, encoding="utf-8")
        embedded(tmp_path / "a", tmp_path / "kept", "a kitchen")
    assert len(loads) == 3


def test_another_precision_is_another_embedding(encoder, tmp_path, monkeypatch) -> None:
    """On a GPU the encoder works with 16 bits."""
    asked = []

    def encoded(folder, text, device, kind) -> torch.Tensor:
        asked.append(kind)
        return torch.zeros(1, LENGTH, WIDTH)

    monkeypatch.setattr(prompts, "_encoded", encoded)
    for device in ("cpu", "cuda", "cuda", "cpu"):
        prompt_embedding(encoder, Embeddings(tmp_path), "a kitchen", WIDTH, torch.device(device))
    assert asked == [torch.float32, torch.bfloat16]


def test_a_full_disk_costs_the_keeping_alone(encoder, tmp_path, monkeypatch, caplog) -> None:
    def full(path, data) -> None:
        path.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    assert embedded(encoder, tmp_path, "a kitchen").any()
    assert "cannot be kept there" in caplog.text
    assert not list(tmp_path.iterdir())


def test_a_damaged_embedding_is_made_again(encoder, tmp_path, loads) -> None:
    first = embedded(encoder, tmp_path, "a kitchen")
    path = next(tmp_path.iterdir())
    path.write_bytes(path.read_bytes()[:100])
    assert torch.equal(embedded(encoder, tmp_path, "a kitchen"), first)
    assert len(loads) == 2
    assert torch.equal(embedded(encoder, tmp_path, "a kitchen"), first)
    assert len(loads) == 2


def test_without_an_encoder_there_is_none(tmp_path) -> None:
    assert prompt_embedding(tmp_path / "nowhere", Embeddings(tmp_path / "kept"), "a kitchen", WIDTH, CPU) is None
    assert not (tmp_path / "kept").exists()


def test_an_encoder_of_another_model_is_refused(encoder, tmp_path) -> None:
    with pytest.raises(InvalidRequest, match=f"{encoder}: .*takes 1024 channels, .* 32"):
        embedded(encoder, tmp_path / "kept", "a kitchen", 1024)
    assert not (tmp_path / "kept").exists()


def test_an_embedding_of_another_model_is_not_taken(encoder, tmp_path) -> None:
    embedded(encoder, tmp_path / "kept", "a kitchen")
    with pytest.raises(InvalidRequest, match="takes 64 channels"):
        embedded(encoder, tmp_path / "kept", "a kitchen", 64)
    embeddings = bring(tmp_path / "brought", "a kitchen", torch.rand(1, LENGTH, WIDTH))
    assert prompt_embedding(tmp_path / "nowhere", embeddings, "a kitchen", 64, CPU) is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "model.safetensors").write_bytes(b"no weights"),
        lambda folder: (folder / "model.safetensors").unlink(),
        lambda folder: (folder / "config.json").write_text("{"),
        lambda folder: (folder / "tokenizer.json").unlink(),
    ],
    ids=["no weights", "no file", "no JSON", "no tokenizer"],
)
def test_a_damaged_encoder_is_refused(encoder, tmp_path, damage) -> None:
    shutil.copytree(encoder, tmp_path / "encoder")
    damage(tmp_path / "encoder")
    with pytest.raises(InvalidRequest, match="encoder: cannot be loaded as a T5 encoder with its tokenizer"):
        embedded(tmp_path / "encoder", tmp_path / "kept", "a kitchen")
    assert not (tmp_path / "kept").exists()
