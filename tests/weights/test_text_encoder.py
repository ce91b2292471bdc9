"""The encoder of a published T5: what stays of it, how it is loaded, and what is told of other files."""

from __future__ import annotations

import copy
import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import T5Config, T5EncoderModel, T5ForConditionalGeneration

from lyra_backend.errors import InvalidRequest
from lyra_backend.weights import admission, catalogue, intake, layouts, store
from lyra_backend.weights.fetch import fetch
from lyra_backend.weights.intake import take

from .hub_server import Hub, serving

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

from make_tiny_lyra import make_text_encoder

SIZES = {"vocab_size": 11, "d_model": 16, "d_kv": 4, "d_ff": 24, "num_layers": 3, "num_heads": 2}


@pytest.fixture(scope="module")
def whole() -> T5ForConditionalGeneration:
    torch.manual_seed(0)
    return T5ForConditionalGeneration(T5Config(**SIZES)).eval()


@pytest.fixture(params=[False, True], ids=["zip", "legacy"])
def published_t5(request: pytest.FixtureRequest, whole: T5ForConditionalGeneration, tmp_path: Path) -> Path:
    """A folder as t5-11b is published: a pickle of encoder and decoder in float32, settings and a tokenizer."""
    folder = tmp_path / "published"
    make_text_encoder(folder)
    (folder / "model.safetensors").unlink()
    (folder / "spiece.model").write_bytes(b"pieces of words")
    settings = {"architectures": ["T5ForConditionalGeneration"], "model_type": "t5", **SIZES}
    (folder / "config.json").write_text(json.dumps(settings), encoding="utf-8")
    state = whole.state_dict()
    torch.save(state, folder / "pytorch_model.bin", _use_new_zipfile_serialization=not request.param)
    return folder


def loaded(folder: Path) -> Any:
    network, told = T5EncoderModel.from_pretrained(folder, output_loading_info=True, local_files_only=True)
    assert not any(told[name] for name in ("missing_keys", "unexpected_keys", "mismatched_keys", "error_msgs"))
    return network.eval()


def test_the_encoder_alone_stays_and_computes_what_it_did(
    published_t5: Path, whole: T5ForConditionalGeneration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layouts, "SHARD_BYTES", 4000)
    folder = take("t5_11b", published_t5, tmp_path / "store")
    names = {path.name for path in folder.iterdir()}
    assert names >= {"config.json", "spiece.model", "tokenizer.json", "tokenizer_config.json", "weights.json"}
    assert "model.safetensors.index.json" in names
    shards = sorted(folder.glob("model-*-of-*.safetensors"))
    assert len(shards) > 2
    tensors = {name: tensor for shard in shards for name, tensor in load_file(shard).items()}
    assert not any(name.startswith(("decoder", "lm_head", "encoder.embed_tokens")) for name in tensors)
    assert {tensor.dtype for tensor in tensors.values()} == {torch.bfloat16}
    assert store.verify("t5_11b", tmp_path / "store") == ()
    network = loaded(folder)
    assert network.dtype == torch.bfloat16
    tokens = torch.tensor([[3, 5, 7, 1]])
    with torch.no_grad():
        # The same numbers, rounded to what is stored.
        rounded = copy.deepcopy(whole).get_encoder().to(torch.bfloat16)(tokens).last_hidden_state
        assert torch.equal(network(tokens).last_hidden_state, rounded)
    record = store.read_record(folder)
    assert record.published["pytorch_model.bin"].bytes == (published_t5 / "pytorch_model.bin").stat().st_size
    assert record.files.keys() == names - {"weights.json"}


def test_one_file_of_words_is_enough_under_any_of_its_names(
    published_t5: Path, whole: T5ForConditionalGeneration, tmp_path: Path
) -> None:
    state = whole.state_dict()
    for name in ("shared.weight", "decoder.embed_tokens.weight"):
        del state[name]
    torch.save(state, published_t5 / "pytorch_model.bin")
    folder = take("t5_11b", published_t5 / "pytorch_model.bin", tmp_path / "store")
    assert torch.equal(loaded(folder).shared.weight, whole.shared.weight.bfloat16())


def test_the_source_goes_only_if_asked(published_t5: Path, tmp_path: Path) -> None:
    take("t5_11b", published_t5, tmp_path / "store")
    assert (published_t5 / "pytorch_model.bin").exists()
    (published_t5 / "notes.txt").write_text("mine", encoding="utf-8")
    take("t5_11b", published_t5, tmp_path / "store", overwrite=True, remove_source=True)
    assert [path.name for path in published_t5.iterdir()] == ["notes.txt"]
    assert store.verify("t5_11b", tmp_path / "store") == ()


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_what_links_lead_to_goes_as_well(published_t5: Path, tmp_path: Path) -> None:
    """Hugging Face's cache is links to files of other names."""
    linked = tmp_path / "snapshot"
    linked.mkdir()
    for file in published_t5.iterdir():
        (linked / file.name).symlink_to(file)
    take("t5_11b", linked, tmp_path / "store", remove_source=True)
    assert not list(linked.iterdir())
    assert not list(published_t5.iterdir())


def test_a_source_that_was_of_no_use_stays(published_t5: Path, tmp_path: Path) -> None:
    state = torch.load(published_t5 / "pytorch_model.bin")
    del state["encoder.block.2.layer.1.DenseReluDense.wo.weight"]
    torch.save(state, published_t5 / "pytorch_model.bin")
    with pytest.raises(InvalidRequest, match=r"1 are missing \(encoder\.block\.2\.layer\.1\.DenseReluDense\.wo"):
        take("t5_11b", published_t5, tmp_path / "store", remove_source=True)
    assert (published_t5 / "pytorch_model.bin").exists()
    assert not list((tmp_path / "store").glob("[!.]*"))


def test_a_copy_that_was_kept_as_published_becomes_a_small_one(published_t5: Path, tmp_path: Path) -> None:
    """Stores once held the pickle itself."""
    place = tmp_path / "store"
    shutil.copytree(published_t5, place / "t5_11b")
    weights = replace(catalogue.entry("t5_11b"), layout="transformers")
    intake.record_in(place / "t5_11b", weights, None, {}, {}, admission.terms_of(weights, False))
    assert store.verify("t5_11b", place) == ()
    folder = take("t5_11b", place / "t5_11b", place, overwrite=True, remove_source=True)
    assert not (folder / "pytorch_model.bin").exists()
    assert store.verify("t5_11b", place) == ()
    assert loaded(folder).dtype == torch.bfloat16
    assert not list((place / ".fetching").glob("t5_11b/*"))


def test_what_is_fetched_is_the_encoder_alone(
    published_t5: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("huggingface_hub")
    files = {path.name: path.read_bytes() for path in published_t5.iterdir()}
    weights = replace(catalogue.entry("t5_11b"), bytes=100_000, kept_bytes=20_000, md5={})
    monkeypatch.setattr(catalogue, "known", lambda: {"t5_11b": weights})
    with serving(Hub({weights.repo: {**files, "tf_model.h5": b"not this one"}})) as hub:
        fetch(["t5_11b"], tmp_path / "store", endpoint=hub.endpoint)
    folder = store.find("t5_11b", tmp_path / "store")
    assert loaded(folder).dtype == torch.bfloat16
    assert not {"pytorch_model.bin", "tf_model.h5"} & {path.name for path in folder.iterdir()}
    assert store.read_record(folder).published.keys() == files.keys()
    assert not (tmp_path / "store" / ".fetching" / "t5_11b").exists()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("{}", "another shape"),
        ("no JSON", "config.json: must be JSON"),
        (json.dumps({**SIZES, "d_model": 32}), "another shape"),
        (json.dumps({**SIZES, "d_model": "wide"}), "T5EncoderModel: cannot be made of this configuration"),
    ],
)
def test_settings_of_another_encoder(published_t5: Path, tmp_path: Path, settings: str, said: str) -> None:
    (published_t5 / "config.json").write_text(settings, encoding="utf-8")
    with pytest.raises(InvalidRequest, match=said):
        take("t5_11b", published_t5, tmp_path / "store")


def test_files_that_are_missing_are_named(published_t5: Path, tmp_path: Path) -> None:
    (published_t5 / "spiece.model").unlink()
    for source in (published_t5, published_t5 / "pytorch_model.bin"):
        with pytest.raises(InvalidRequest, match=r"spiece\.model of google-t5/t5-11b must be there too"):
            take("t5_11b", source, tmp_path / "store")


def test_room_for_what_stays_is_enough(published_t5: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "free_bytes", lambda _: 10_229_999_999)
    with pytest.raises(InvalidRequest, match=r"t5_11b must have 10\.23 GB of disk"):
        take("t5_11b", published_t5, tmp_path / "store")
    monkeypatch.setattr(admission, "free_bytes", lambda _: 10_230_000_000)
    take("t5_11b", published_t5, tmp_path / "store")
