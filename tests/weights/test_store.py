"""Where weights lie, and whether they are still what they were."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from diffusers import AutoencoderKLCosmos

from lyra_backend.errors import Cancelled, InvalidRequest, WriteFailed
from lyra_backend.progress import CancelToken, Event, Progress
from lyra_backend.weights import admission, catalogue, intake, store
from lyra_backend.weights.intake import take as take_with_licence

from .conftest import DECODER


def take(name: str, source: Path, folder: Path, **options: Any) -> Path:
    """Take weights in as somebody does who agrees to their licence."""
    return take_with_licence(name, source, folder, accept_licence=True, **options)


@pytest.fixture
def place(tmp_path: Path, published: Path) -> Path:
    """A store with the tokenizer and the decoder of the fixtures."""
    take("cosmos_tokenizer", published, tmp_path / "store")
    take("lyra_static", published / "lyra_static.pt", tmp_path / "store", config=DECODER)
    return tmp_path / "store"


def codes(name: str, place: Path) -> list[tuple[str, str]]:
    return [(finding.code, finding.where) for finding in store.verify(name, place)]


def test_what_is_taken_in_is_found_recorded_and_good(place: Path, published: Path) -> None:
    folder = store.find("cosmos_tokenizer", place)
    assert len(AutoencoderKLCosmos.from_pretrained(folder).config.latents_mean) == 256
    record = json.loads((folder / "weights.json").read_text(encoding="utf-8"))
    assert record["repo"] == "nvidia/Cosmos-Tokenize1-CV8x8x8-720p"
    assert record["revision"] is None
    assert record["checked"] == dict.fromkeys(("autoencoder.jit", "mean_std.pt"), intake.CHECKS["given"])
    assert record["licence"]["url"].startswith("https://www.nvidia.com/")
    assert record["published"].keys() == {"autoencoder.jit", "mean_std.pt"}
    assert record["published"]["mean_std.pt"]["bytes"] == (published / "mean_std.pt").stat().st_size
    assert record["files"].keys() == {"config.json", "diffusion_pytorch_model.safetensors"}
    for name in ("cosmos_tokenizer", "lyra_static"):
        assert codes(name, place) == []
    assert {path.name for path in place.iterdir()} == {"cosmos_tokenizer", "lyra_static", ".fetching"}


def test_verify_finds_a_flipped_byte(place: Path) -> None:
    path = place / "lyra_static" / "diffusion_pytorch_model.safetensors"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert codes("lyra_static", place) == [("weights.changed", path.name)]
    assert codes("cosmos_tokenizer", place) == []


def test_verify_finds_missing_and_shorter_files(place: Path) -> None:
    (place / "lyra_static" / "config.json").unlink()
    path = place / "lyra_static" / "diffusion_pytorch_model.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    assert sorted(codes("lyra_static", place)) == [
        ("weights.changed", path.name),
        ("weights.missing", "config.json"),
    ]


def test_verify_holds_shapes_against_the_network(place: Path) -> None:
    """Files that are as recorded, but were recorded wrong."""
    folder = place / "cosmos_tokenizer"
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps({**config, "latent_channels": 8}), encoding="utf-8")
    record = store.read_record(folder)
    intake.record_in(folder, catalogue.entry("cosmos_tokenizer"), None, record.published, {}, record.licence)
    (finding,) = store.verify("cosmos_tokenizer", place)
    assert finding.code == "weights.network"
    assert "conv_out.conv_t.weight (16, 16, 3, 1, 1), not (8, 8, 3, 1, 1)" in finding.message


def test_verify_shows_progress_and_can_be_stopped(place: Path) -> None:
    events: list[Event] = []
    token = CancelToken()

    def listen(event: Event) -> None:
        events.append(event)
        token.cancel()

    with pytest.raises(Cancelled):
        store.verify("lyra_static", place, Progress(listen, token))
    assert events


def test_weights_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest) as told:
        store.find("gen3c", tmp_path)
    for word in (
        "weights fetch gen3c --accept-licence",
        f"--folder {tmp_path}",
        "NVIDIA Open Model License",
        "14.50 GB",
    ):
        assert word in str(told.value)
    with pytest.raises(InvalidRequest, match="Did you mean 'gen3c'"):
        store.find("gen3", tmp_path)
    assert not store.holds("gen3c", tmp_path)


def test_all_that_is_missing_is_told_at_once(place: Path) -> None:
    names = ["gen3c", "lyra_static", "flux_schnell", "depth_indoor", "gen3c"]
    with pytest.raises(InvalidRequest) as told:
        store.require(names, "a scene", place, otherwise="Or go for a walk.")
    text = str(told.value)
    assert text.startswith(
        f"a scene: not in {place}: gen3c (14.50 GB), flux_schnell (33.70 GB), depth_indoor (99.2 MB)"
    )
    assert ", 48.30 GB in all." in text
    command = f"Run: lyra-scenegen weights fetch gen3c flux_schnell depth_indoor --accept-licence --folder {place} "
    assert command in text
    assert text.count("NVIDIA Open Model License") == text.count("Apache License 2.0") == 1
    assert "asked for by flux_schnell: run `hf auth login`" in text
    assert text.endswith("Or go for a walk.")
    assert store.require(["lyra_static", "cosmos_tokenizer"], "a scene", place) == {
        name: place / name for name in ("lyra_static", "cosmos_tokenizer")
    }


def test_licences_are_asked_for_only_where_there_are_some(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest) as told:
        store.require(["depth_indoor"], "depth", tmp_path)
    assert "--accept-licence" not in str(told.value)
    assert "in all" not in str(told.value)


def test_a_record_that_cannot_be_read(place: Path) -> None:
    for text in ("", "{}", "[]", '{"files": {"a": 1}}'):
        (place / "lyra_static" / "weights.json").write_text(text, encoding="utf-8")
        with pytest.raises(InvalidRequest, match="cannot be read as a record"):
            store.verify("lyra_static", place)


def test_what_is_there_is_replaced_only_when_asked(place: Path, published: Path) -> None:
    before = (place / "lyra_static" / "config.json").read_text(encoding="utf-8")
    with pytest.raises(InvalidRequest, match="--overwrite"):
        take("lyra_static", published / "lyra_static.pt", place)
    take("lyra_static", published / "lyra_static.pt", place, overwrite=True)
    assert (place / "lyra_static" / "config.json").read_text(encoding="utf-8") != before
    assert codes("lyra_static", place) == []


def test_a_failed_conversion_leaves_what_was_there(place: Path, published: Path) -> None:
    with pytest.raises(InvalidRequest, match="Lyra's decoder"):
        take("lyra_static", published / "model.pt", place, overwrite=True)
    assert codes("lyra_static", place) == []


def test_files_that_lie_beside_each_other(published: Path, tmp_path: Path) -> None:
    take("cosmos_tokenizer", published / "autoencoder.jit", tmp_path / "a")
    lonely = tmp_path / "lonely"
    lonely.mkdir()
    (lonely / "autoencoder.jit").write_bytes((published / "autoencoder.jit").read_bytes())
    with pytest.raises(InvalidRequest, match=r"mean_std\.pt"):
        take("cosmos_tokenizer", lonely, tmp_path / "b")
    take("cosmos_tokenizer", lonely, tmp_path / "b", statistics=published / "mean_std.pt")
    assert not store.verify("cosmos_tokenizer", tmp_path / "b")


def test_folders_that_are_kept_as_they_are(tmp_path: Path) -> None:
    source = tmp_path / "downloaded"
    source.mkdir()
    for name in ("config.json", "preprocessor_config.json", "README.md"):
        (source / name).write_text("{}", encoding="utf-8")
    with pytest.raises(InvalidRequest, match=r"model\.safetensors"):
        take("depth_indoor", source, tmp_path / "store")
    (source / "model.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
    take("depth_indoor", source, tmp_path / "store")
    found = store.find("depth_indoor", tmp_path / "store")
    assert sorted(path.name for path in found.iterdir()) == [
        "config.json",
        "model.safetensors",
        "preprocessor_config.json",
        "weights.json",
    ]
    assert codes("depth_indoor", tmp_path / "store") == []


def test_options_that_have_no_place(published: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="--config has no place"):
        take("depth_indoor", published, tmp_path, config={"d_model": 1})
    with pytest.raises(InvalidRequest, match="--statistics"):
        take("lyra_static", published / "lyra_static.pt", tmp_path, statistics=published / "mean_std.pt")
    with pytest.raises(InvalidRequest, match="give the folder"):
        take("depth_indoor", published / "model.pt", tmp_path)
    with pytest.raises(InvalidRequest, match="does not exist"):
        take("lyra_static", tmp_path / "nothing.pt", tmp_path)


def test_licences_are_accepted_here_too(published: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest) as told:
        take_with_licence("lyra_static", published / "lyra_static.pt", tmp_path, config=DECODER)
    for word in (
        "lyra_static",
        "NVIDIA Open Model License",
        "https://www.nvidia.com/",
        "--accept-licence",
        "--licence",
    ):
        assert word in str(told.value)
    assert not list(tmp_path.iterdir())
    take("lyra_static", published / "lyra_static.pt", tmp_path, config=DECODER)
    licence = catalogue.entry("lyra_static").licence
    assert store.read_record(tmp_path / "lyra_static").licence == {
        "name": licence.name,
        "url": licence.url,
        "accepted": True,
    }


def test_terms_of_ones_own_weights(published: Path, tmp_path: Path) -> None:
    path = published / "lyra_static.pt"
    take_with_licence("lyra_static", path, tmp_path, config=DECODER, licence="MIT")
    assert store.read_record(tmp_path / "lyra_static").licence == {"name": "MIT", "url": "", "accepted": False}


def test_the_published_file_is_nobodys_own(
    published: Path, tmp_path: Path, small_catalogue: dict[str, catalogue.Weights]
) -> None:
    path = published / "lyra_static.pt"
    md5 = {"lyra_static.pt": hashlib.md5(path.read_bytes()).hexdigest()}
    small_catalogue["lyra_static"] = replace(small_catalogue["lyra_static"], md5=md5)
    with pytest.raises(InvalidRequest, match=r"lyra_static\.pt is the published file, .* Leave --licence out"):
        take_with_licence("lyra_static", path, tmp_path, licence="MIT")
    assert not store.holds("lyra_static", tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="has no umask")
@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_files_may_be_read_by_whom_the_umask_says(published: Path, tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        take("lyra_static", published / "lyra_static.pt", tmp_path, config=DECODER)
        take("cosmos_tokenizer", published, tmp_path)
    finally:
        os.umask(before)
    for name in ("lyra_static", "cosmos_tokenizer"):
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / name).iterdir()}
        assert modes == dict.fromkeys(
            ("config.json", "diffusion_pytorch_model.safetensors", "weights.json"), 0o666 & ~umask
        )


def test_a_disk_that_is_too_small_is_told_first(
    published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "free_bytes", lambda _: 500_000_000)
    with pytest.raises(InvalidRequest, match=r"cosmos_tokenizer must have 50.* are free"):
        take("cosmos_tokenizer", published, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="has no limit of a file's size")
@pytest.mark.parametrize("name", ["lyra_static", "cosmos_tokenizer", "depth_indoor"])
def test_a_disk_that_is_full_in_truth(published: Path, tmp_path: Path, name: str) -> None:
    """Files may not grow, which is an error of the system in the middle of writing."""
    source = published
    if name == "depth_indoor":
        source = tmp_path / "downloaded"
        source.mkdir()
        for file in ("config.json", "preprocessor_config.json"):
            (source / file).write_text("{}", encoding="utf-8")
        (source / "model.safetensors").write_bytes(bytes(300_000))
    script = (
        "import resource, sys\nfrom pathlib import Path\n"
        "from lyra_backend.errors import WriteFailed\nfrom lyra_backend.weights.intake import take\n"
        "import lyra_backend.weights.layouts, torch, diffusers, lyra_backend.models.gaussian_decoder\n"
        "name, source, store = sys.argv[1], *map(Path, sys.argv[2:])\n"
        f"config = {DECODER!r} if name == 'lyra_static' else None\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))\n"
        "try:\n    take(name, source, store, config=config, accept_licence=True)\n"
        "except WriteFailed as error:\n    print(error)\n"
    )
    words = [sys.executable, "-c", script, name, str(source), str(tmp_path / "store")]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert "cannot write there" in done.stdout, done.stderr
    assert "too large" in done.stdout
    left = [path.name for path in (tmp_path / "store").rglob("*") if path.is_file()]
    assert left == [f"{name}.lock"] or not left
    assert not store.holds(name, tmp_path / "store")


def test_a_record_that_cannot_be_written(published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(intake, "write_record", full)
    with pytest.raises(WriteFailed, match="No space left"):
        take("cosmos_tokenizer", published, tmp_path)
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".lock"]


def test_two_processes_at_once(place: Path, published: Path) -> None:
    with store.working_in("lyra_static", place), pytest.raises(InvalidRequest, match="another process"):
        take("lyra_static", published / "lyra_static.pt", place, overwrite=True)


@pytest.mark.skipif(sys.platform == "win32", reason="a file as a folder is another error there")
def test_a_place_that_cannot_be_written(published: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(WriteFailed):
        take("lyra_static", published / "lyra_static.pt", tmp_path / "file" / "store")


def test_the_default_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    assert store.default_folder() == Path.home() / ".cache" / "lyra-scenegen" / "weights"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert store.default_folder() == tmp_path / "lyra-scenegen" / "weights"
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    assert store.default_folder() == tmp_path / "local" / "lyra-scenegen" / "weights"
