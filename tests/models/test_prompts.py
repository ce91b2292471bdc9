"""Embeddings of prompts: made by the text encoder, kept, and zero beyond the text."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
import torch
import transformers

from lyra_backend.errors import InvalidRequest
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
    found = prompt_embedding(encoder, kept, text, width, CPU)
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


def test_what_is_kept_needs_no_encoder(encoder, tmp_path, loads) -> None:
    first = embedded(encoder, tmp_path / "kept", "a kitchen")
    loads.clear()
    assert torch.equal(embedded(tmp_path / "nowhere", tmp_path / "kept", "a kitchen"), first)
    assert not loads


def test_a_damaged_embedding_is_made_again(encoder, tmp_path, loads) -> None:
    first = embedded(encoder, tmp_path, "a kitchen")
    path = next(tmp_path.iterdir())
    path.write_bytes(path.read_bytes()[:100])
    assert torch.equal(embedded(encoder, tmp_path, "a kitchen"), first)
    assert len(loads) == 2
    assert torch.equal(embedded(encoder, tmp_path, "a kitchen"), first)
    assert len(loads) == 2


def test_without_an_encoder_there_is_none(tmp_path) -> None:
    assert prompt_embedding(tmp_path / "nowhere", tmp_path / "kept", "a kitchen", WIDTH, CPU) is None
    assert not (tmp_path / "kept").exists()


def test_an_encoder_of_another_model_is_refused(encoder, tmp_path) -> None:
    with pytest.raises(InvalidRequest, match=f"{encoder}: .*takes 1024 channels, .* 32"):
        embedded(encoder, tmp_path / "kept", "a kitchen", 1024)
    assert not (tmp_path / "kept").exists()


def test_an_embedding_of_another_model_is_not_taken(encoder, tmp_path) -> None:
    """The folder of embeddings outlives the encoder that filled it."""
    embedded(encoder, tmp_path, "a kitchen")
    with pytest.raises(InvalidRequest, match="takes 64 channels"):
        embedded(encoder, tmp_path, "a kitchen", 64)
    assert prompt_embedding(tmp_path / "nowhere", tmp_path, "a kitchen", 64, CPU) is None


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
