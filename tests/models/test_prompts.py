"""Embeddings of prompts: made by the text encoder, kept, and zero beyond the text."""

from __future__ import annotations

import gc
import hashlib
import json
import shutil
import sys
import weakref
from pathlib import Path

import pytest
import torch
import transformers
from safetensors.torch import save_file

from lyra_backend.errors import InvalidRequest
from lyra_backend.generate._lyra.imagination import prompt_texts
from lyra_backend.models import prompts
from lyra_backend.models.budget import VideoFormat
from lyra_backend.models.folders import Embeddings, ModelFolders
from lyra_backend.models.placement import Placement
from lyra_backend.models.prompts import check_encoder, prompt_embeddings
from lyra_backend.types import Severity

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

from make_tiny_lyra import make_text_encoder

#: Channels of the tiny encoder, and tokens of an embedding.
WIDTH, LENGTH = 32, 512
CPU = Placement(torch.device("cpu"), torch.float32)
GPU = Placement(torch.device("cuda:0"), torch.bfloat16)


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
    found = prompt_embeddings(encoder, Embeddings(kept), [text], width, CPU)
    assert found is not None
    return found[0]


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
        found = prompt_embeddings(folder, embeddings, ["a kitchen"], WIDTH, CPU)
        assert found is not None
        assert torch.equal(found[0], mine)
    assert not loads
    assert prompt_embeddings(tmp_path / "nowhere", embeddings, ["a street"], WIDTH, CPU) is None


def test_nothing_is_written_where_a_model_lies(encoder, tmp_path, loads) -> None:
    embeddings = bring(tmp_path / "brought", "a kitchen", torch.rand(1, LENGTH, WIDTH))
    prompt_embeddings(encoder, embeddings, ["a street"], WIDTH, CPU)
    assert len(list((tmp_path / "brought").iterdir())) == 1
    assert len(list((tmp_path / "kept").iterdir())) == 1
    prompt_embeddings(encoder, embeddings, ["a street"], WIDTH, CPU)
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

    def encoded(folder, texts, placement, vram_gb) -> dict[str, torch.Tensor]:
        asked.append(placement.dtype)
        return {text: torch.zeros(1, LENGTH, WIDTH) for text in texts}

    monkeypatch.setattr(prompts, "_encoded", encoded)
    for placement in (CPU, GPU, GPU, CPU):
        prompt_embeddings(encoder, Embeddings(tmp_path), ["a kitchen"], WIDTH, placement)
    assert asked == [torch.float32, torch.bfloat16]


def test_all_texts_that_are_not_known_take_one_encoder(encoder, tmp_path, loads) -> None:
    kept = Embeddings(tmp_path)
    one = embedded(encoder, tmp_path, "a street")
    loads.clear()
    texts = ["a kitchen", "a street", "a room", "a kitchen"]
    found = prompt_embeddings(encoder, kept, texts, WIDTH, CPU)
    assert found is not None
    assert len(loads) == 1
    assert torch.equal(found[1], one)
    assert torch.equal(found[0], found[3])
    assert not torch.equal(found[0], found[2])
    for text, embedding in zip(texts, found, strict=True):
        assert torch.equal(embedded(encoder, tmp_path, text), embedding)
    assert len(loads) == 1


def test_one_text_without_an_encoder_is_as_good_as_none(tmp_path) -> None:
    embeddings = bring(tmp_path / "brought", "a kitchen", torch.rand(1, LENGTH, WIDTH))
    assert prompt_embeddings(tmp_path / "nowhere", embeddings, ["a kitchen", "a street"], WIDTH, CPU) is None


def test_layer_by_layer_the_words_are_the_same(encoder, tmp_path, monkeypatch) -> None:
    """On a CPU nothing moves, and all hooks of diffusers work."""
    whole = embedded(encoder, tmp_path / "a", "a kitchen")
    hooked = []
    usual = prompts._said

    def said(tokenizer, encoder, text, device) -> torch.Tensor:
        hooked.append(hasattr(encoder.encoder.block[0].layer[0].SelfAttention.q, "_diffusers_hook"))
        return usual(tokenizer, encoder, text, device)

    monkeypatch.setattr(prompts, "_said", said)
    monkeypatch.setattr(prompts, "_fits", lambda *_: False)
    assert torch.equal(embedded(encoder, tmp_path / "b", "a kitchen"), whole)
    assert hooked == [True]


def test_an_encoder_is_let_go_before_anything_else_is_loaded(encoder, tmp_path, monkeypatch) -> None:
    made = []
    usual = prompts._said

    def said(tokenizer, encoder, text, device) -> torch.Tensor:
        made.append(weakref.ref(encoder))
        encoder.itself = [encoder]
        return usual(tokenizer, encoder, text, device)

    monkeypatch.setattr(prompts, "_said", said)
    gc.disable()
    try:
        embedded(encoder, tmp_path, "a kitchen")
        assert [encoder() for encoder in made] == [None]
    finally:
        gc.enable()


@pytest.mark.parametrize(
    ("free_gb", "vram_gb", "whole"), [(11.0, None, True), (10.0, None, False), (80.0, 10.0, False), (80.0, 11.0, True)]
)
def test_an_encoder_is_on_the_gpu_if_it_fits(tmp_path, monkeypatch, free_gb, vram_gb, whole: bool) -> None:
    """The published one has 9.5 GB in 16 bits, whatever it is stored in; 1 GB is for what it makes."""
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (int(free_gb * 1e9), int(80e9)))
    monkeypatch.setattr(prompts, "weight_shapes", lambda folder: {"a": (4_000_000, 1000), "b": (750_000_000,)})
    assert prompts._fits(tmp_path, GPU, vram_gb) == whole
    assert prompts._fits(tmp_path, CPU, None)


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
    assert prompt_embeddings(tmp_path / "nowhere", Embeddings(tmp_path / "kept"), ["a kitchen"], WIDTH, CPU) is None
    assert not (tmp_path / "kept").exists()


def test_an_encoder_of_another_model_is_refused(encoder, tmp_path) -> None:
    with pytest.raises(InvalidRequest, match=f"{encoder}: .*takes 1024 channels, .* 32"):
        embedded(encoder, tmp_path / "kept", "a kitchen", 1024)
    assert not (tmp_path / "kept").exists()


def test_an_encoder_of_another_model_is_told_early(encoder, tmp_path, loads) -> None:
    check_encoder(encoder, WIDTH)
    check_encoder(tmp_path / "nowhere", 1024)
    with pytest.raises(InvalidRequest, match=f"{encoder}: .*takes 1024 channels, .* 32"):
        check_encoder(encoder, 1024)
    assert not loads


def test_an_embedding_of_another_model_is_not_taken(encoder, tmp_path) -> None:
    embedded(encoder, tmp_path / "kept", "a kitchen")
    with pytest.raises(InvalidRequest, match="takes 64 channels"):
        embedded(encoder, tmp_path / "kept", "a kitchen", 64)
    embeddings = bring(tmp_path / "brought", "a kitchen", torch.rand(1, LENGTH, WIDTH))
    assert prompt_embeddings(tmp_path / "nowhere", embeddings, ["a kitchen"], 64, CPU) is None


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda folder: cut(folder / "model.safetensors"), "model.safetensors: .*not fully covered"),
        (lambda folder: (folder / "model.safetensors").unlink(), "there are no weights"),
        (lambda folder: (folder / "tokenizer.json").unlink(), "there is no tokenizer"),
        (lambda folder: (folder / "config.json").write_text("{"), r"config\.json: is damaged"),
    ],
    ids=["half of the weights", "no weights", "no tokenizer", "no JSON"],
)
def test_a_damaged_encoder_is_refused(encoder, tmp_path, damage, says: str) -> None:
    shutil.copytree(encoder, tmp_path / "encoder")
    damage(tmp_path / "encoder")
    with pytest.raises(InvalidRequest, match=f"encoder.*{says}"):
        check_encoder(tmp_path / "encoder", WIDTH)
    with pytest.raises(InvalidRequest, match=f"encoder.*{says}"):
        embedded(tmp_path / "encoder", tmp_path / "kept", "a kitchen")
    assert not (tmp_path / "kept").exists()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def test_a_tokenizer_that_cannot_be_read_is_told(encoder, tmp_path) -> None:
    """What only its own reader sees."""
    shutil.copytree(encoder, tmp_path / "encoder")
    (tmp_path / "encoder" / "tokenizer.json").write_text("{")
    with pytest.raises(InvalidRequest, match="encoder: cannot be loaded as a T5 encoder with its tokenizer"):
        embedded(tmp_path / "encoder", tmp_path / "kept", "a kitchen")


@pytest.mark.parametrize(("prompt", "severity"), [("a kitchen", Severity.WARNING), ("", Severity.INFO)])
def test_a_prompt_that_nobody_can_tell_the_video_model_is_a_warning(tmp_path, prompt: str, severity: Severity) -> None:
    """Without a prompt, and with one that the picture was drawn from, nothing is lost."""
    (tmp_path / "transformer").mkdir()
    (tmp_path / "transformer" / "config.json").write_text(json.dumps({"text_embed_dim": WIDTH}))
    nowhere = tmp_path / "nowhere"
    folders = ModelFolders(
        nowhere, tmp_path / "transformer", nowhere, nowhere, Embeddings(nowhere), nowhere, nowhere, VideoFormat()
    )
    texts, (finding,) = prompt_texts(folders, CPU, prompt, None)
    assert (finding.code, finding.severity) == ("lyra.no_text", severity)
    assert [(text.shape, bool(text.any())) for text in texts] == [((1, 1, WIDTH), False)] * 2
