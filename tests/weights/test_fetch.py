"""Fetching from a hub: what comes, what is continued, what is refused, and what is said."""

from __future__ import annotations

import hashlib
import json
import shutil
import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from diffusers import AutoencoderKLCosmos

from lyra_backend.errors import Cancelled, FetchFailed, InvalidRequest, WriteFailed
from lyra_backend.models.gaussian_decoder import GaussianDecoder
from lyra_backend.progress import CancelToken, Event, Progress
from lyra_backend.weights import admission, catalogue, fetch, hub, intake, store
from lyra_backend.weights.fetch import fetch as fetch_weights

from .hub_server import COMMIT, Hub, serving

pytest.importorskip("huggingface_hub")

Catalogue = dict[str, catalogue.Weights]


def tiny_safetensors() -> bytes:
    header = json.dumps({"w": {"dtype": "F32", "shape": [7500], "data_offsets": [0, 30000]}}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(30000)


@pytest.fixture
def server(published: Path, small_catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub that has small weights, and a reader that waits for nothing and logs in nowhere."""
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(hub, "_PAUSE_S", 0.0)
    monkeypatch.setattr(hub, "_BLOCK", 4096)
    depth = {"config.json": b"{}", "preprocessor_config.json": b"{}", "model.safetensors": tiny_safetensors()}
    repos = {
        "nvidia/Lyra": {"lyra_static.pt": (published / "lyra_static.pt").read_bytes(), "README.md": b"# Lyra"},
        "nvidia/Cosmos-Tokenize1-CV8x8x8-720p": {
            name: (published / name).read_bytes() for name in ("autoencoder.jit", "mean_std.pt")
        },
        "depth-anything/Depth-Anything-V2-Metric-Indoor-Small-hf": {**depth, "README.md": b"# Depth"},
    }
    with serving(Hub(repos)) as running:
        yield running


def get(server: Hub, place: Path, *names: str, progress: Progress | None = None, overwrite: bool = False) -> None:
    fetch_weights(names, place, accept_licence=True, overwrite=overwrite, endpoint=server.endpoint, progress=progress)


def asked_for(server: Hub, name: str) -> list[str]:
    return [wanted for path, wanted, _ in server.asked if path.endswith(name)]


def test_what_is_fetched_is_converted_recorded_and_good(server: Hub, tmp_path: Path) -> None:
    events: list[Event] = []
    get(server, tmp_path, "lyra_static", "cosmos_tokenizer", "depth_indoor", progress=Progress(events.append))
    assert GaussianDecoder.from_pretrained(store.find("lyra_static", tmp_path)).config["depth"] == 4
    assert len(AutoencoderKLCosmos.from_pretrained(store.find("cosmos_tokenizer", tmp_path)).config.latents_mean) == 256
    depth = store.find("depth_indoor", tmp_path)
    assert {path.name for path in depth.iterdir()} == {
        "config.json",
        "preprocessor_config.json",
        "model.safetensors",
        "weights.json",
    }
    record = json.loads((tmp_path / "lyra_static" / "weights.json").read_text(encoding="utf-8"))
    data = server.repos["nvidia/Lyra"]["lyra_static.pt"]
    assert record["published"] == {"lyra_static.pt": {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}}
    assert (record["revision"], record["checked"]) == (COMMIT, {"lyra_static.pt": intake.CHECKS["repository"]})
    assert record["licence"] == {
        "name": "NVIDIA Open Model License",
        "url": catalogue.known()["lyra_static"].licence.url,
        "accepted": True,
    }
    record = json.loads((depth / "weights.json").read_text(encoding="utf-8"))
    assert not record["licence"]["accepted"]
    assert record["checked"]["config.json"] == intake.CHECKS["first"]
    for name in ("lyra_static", "cosmos_tokenizer", "depth_indoor"):
        assert store.verify(name, tmp_path) == ()
        assert not (tmp_path / ".fetching" / name).exists()
    assert {event.stage for event in events} >= {"lyra_static", "cosmos_tokenizer", "depth_indoor"}
    assert any("lyra_static.pt: 0.5 of 1.1 MB" in event.message.replace(" MB of", " of") for event in events)
    fractions = [event.fraction for event in events]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0


def test_what_is_there_is_not_fetched_again(server: Hub, tmp_path: Path) -> None:
    get(server, tmp_path, "lyra_static")
    server.asked.clear()
    get(server, tmp_path, "lyra_static", "lyra_static")
    assert server.asked == []


def test_a_cancelled_fetch_continues_where_it_was(server: Hub, tmp_path: Path) -> None:
    token = CancelToken()

    def stop_halfway(event: Event) -> None:
        if "0.5 MB of" in event.message:
            token.cancel()

    with pytest.raises(Cancelled):
        get(server, tmp_path, "lyra_static", progress=Progress(stop_halfway, token))
    (part,) = (tmp_path / ".fetching").rglob("*.part")
    assert part.name == "lyra_static.pt.part"
    have = part.stat().st_size
    assert 400_000 < have < 600_000
    assert not store.holds("lyra_static", tmp_path)
    events: list[Event] = []
    get(server, tmp_path, "lyra_static", progress=Progress(events.append))
    assert asked_for(server, "lyra_static.pt") == ["", f"bytes={have}-"]
    assert any("came before" in event.message for event in events)
    assert store.verify("lyra_static", tmp_path) == ()


def test_a_connection_that_breaks_is_taken_up_again(server: Hub, tmp_path: Path) -> None:
    server.cut_after = [200_000, 300_000, 0, 100_000]
    get(server, tmp_path, "lyra_static")
    wanted = asked_for(server, "lyra_static.pt")
    assert wanted[0] == ""
    assert len(wanted) == 5
    assert all(range_.startswith("bytes=") for range_ in wanted[1:])
    assert store.verify("lyra_static", tmp_path) == ()


def test_a_connection_that_never_sends_anything(server: Hub, tmp_path: Path) -> None:
    server.cut_after = [50_000] + [0] * 20
    with pytest.raises(FetchFailed, match=r"nvidia/Lyra: .*again"):
        get(server, tmp_path, "lyra_static")
    assert len(asked_for(server, "lyra_static.pt")) == 5
    server.cut_after = []
    get(server, tmp_path, "lyra_static")
    assert asked_for(server, "lyra_static.pt")[-1].startswith("bytes=")


def test_a_server_that_cannot_continue_sends_all_again(server: Hub, tmp_path: Path) -> None:
    server.knows_ranges, server.cut_after = False, [200_000]
    get(server, tmp_path, "lyra_static")
    assert store.verify("lyra_static", tmp_path) == ()


def test_a_part_of_an_older_commit_is_not_continued(server: Hub, tmp_path: Path) -> None:
    server.cut_after = [50_000] + [0] * 20
    with pytest.raises(FetchFailed):
        get(server, tmp_path, "lyra_static")
    server.cut_after, server.commit = [], "d" * 40
    server.asked.clear()
    get(server, tmp_path, "lyra_static")
    assert asked_for(server, "lyra_static.pt") == [""]


def test_a_part_that_is_too_long_is_fetched_anew(server: Hub, tmp_path: Path) -> None:
    part = tmp_path / ".fetching" / "lyra_static" / COMMIT / "lyra_static.pt.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(bytes(2_000_000))
    get(server, tmp_path, "lyra_static")
    assert asked_for(server, "lyra_static.pt") == [""]


def test_tokens_are_not_sent_to_other_hosts(server: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    server.elsewhere = True
    get(server, tmp_path, "lyra_static")
    assert [(path.startswith("/cdn/"), token) for path, _, token in server.asked] == [(False, True), (True, False)]


def test_a_file_that_was_damaged_on_its_way(server: Hub, tmp_path: Path) -> None:
    server.garble = {"lyra_static.pt"}
    with pytest.raises(FetchFailed, match=r"lyra_static\.pt: was damaged on its way"):
        get(server, tmp_path, "lyra_static")
    server.garble = set()
    get(server, tmp_path, "lyra_static")
    assert store.verify("lyra_static", tmp_path) == ()


def test_checksums_of_the_authors(
    server: Hub, tmp_path: Path, small_catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = small_catalogue["lyra_static"]
    small_catalogue["lyra_static"] = replace(entry, md5={"lyra_static.pt": "0" * 32})
    with pytest.raises(InvalidRequest, match="not the file that its authors gave a checksum for"):
        get(server, tmp_path, "lyra_static")
    data = server.repos["nvidia/Lyra"]["lyra_static.pt"]
    small_catalogue["lyra_static"] = replace(entry, md5={"lyra_static.pt": hashlib.md5(data).hexdigest()})
    server.asked.clear()
    get(server, tmp_path, "lyra_static")
    assert server.asked == []  # it was there already, and is good
    assert store.read_record(tmp_path / "lyra_static").checked == {"lyra_static.pt": intake.CHECKS["authors"]}


def test_a_file_that_is_not_what_was_fetched_before(server: Hub, tmp_path: Path) -> None:
    get(server, tmp_path, "lyra_static")
    before = (tmp_path / "lyra_static" / "weights.json").read_bytes()
    get(server, tmp_path, "lyra_static", overwrite=True)
    assert (tmp_path / "lyra_static" / "weights.json").read_bytes() == before
    changed = bytearray(server.repos["nvidia/Lyra"]["lyra_static.pt"])
    changed[-1] ^= 1
    server.repos["nvidia/Lyra"]["lyra_static.pt"], server.commit = bytes(changed), "e" * 40
    with pytest.raises(InvalidRequest, match=r"is not the file that .*lyra_static was made of"):
        get(server, tmp_path, "lyra_static", overwrite=True)
    assert (tmp_path / "lyra_static" / "weights.json").read_bytes() == before
    assert store.verify("lyra_static", tmp_path) == ()


def test_files_that_were_handed_in_are_no_measure(server: Hub, tmp_path: Path, published: Path) -> None:
    intake.take("cosmos_tokenizer", published, tmp_path, accept_licence=True)
    server.repos["nvidia/Cosmos-Tokenize1-CV8x8x8-720p"]["mean_std.pt"] += b" "
    get(server, tmp_path, "cosmos_tokenizer", overwrite=True)


# -- what is refused --------------------------------------------------------------------------------------------------


def test_licences_are_accepted_first(server: Hub, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest) as told:
        fetch_weights(["depth_indoor", "lyra_static"], tmp_path, endpoint=server.endpoint)
    for word in ("lyra_static", "NVIDIA Open Model License", "https://www.nvidia.com/", "--accept-licence"):
        assert word in str(told.value)
    assert server.asked == []
    assert not list(tmp_path.iterdir())
    fetch_weights(["depth_indoor"], tmp_path, endpoint=server.endpoint)


def test_a_disk_that_is_too_small(server: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=500_000_000 + 2 * 1_100_000 - 1))
    with pytest.raises(InvalidRequest) as told:
        get(server, tmp_path / "new", "lyra_static")
    for word in ("lyra_static", "502.2 MB are free", "--folder"):
        assert word in str(told.value)
    assert server.asked == []
    assert not list(tmp_path.iterdir())


def test_licences_of_all_are_asked_for_at_once(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest) as told:
        fetch_weights(["lyra_static", "t5_11b", "gen3c"], tmp_path)
    assert "weights lyra_static, gen3c: " in str(told.value)
    assert str(told.value).count("NVIDIA Open Model License") == 1


def test_room_is_for_what_lies_there_at_one_time(small_catalogue: Catalogue) -> None:
    """Downloads go once they are converted, so their sizes do not add up."""
    big, small = (
        replace(small_catalogue["gen3c"], bytes=100, kept_bytes=20),
        replace(small_catalogue["gen3c"], bytes=10),
    )
    assert fetch._most_at_once([big, small]) == 120
    assert fetch._most_at_once([small, big]) == 130
    assert fetch._most_at_once([replace(small_catalogue["depth_indoor"], bytes=7)]) == 7


def test_a_disk_that_is_too_small_for_what_the_hub_says(
    server: Hub, tmp_path: Path, small_catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_catalogue["lyra_static"] = replace(small_catalogue["lyra_static"], bytes=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=501_000_000))
    with pytest.raises(InvalidRequest, match="are free"):
        get(server, tmp_path, "lyra_static")
    assert asked_for(server, "lyra_static.pt") == []


def test_a_disk_that_fills_up(server: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(hub, "_append", full)
    with pytest.raises(WriteFailed, match="No space left"):
        get(server, tmp_path, "lyra_static")


@pytest.mark.parametrize(
    ("status", "code", "where", "words"),
    [
        (403, "GatedRepo", "", ["agreed to its terms", "hf auth login", "huggingface.co/settings/tokens"]),
        (401, "GatedRepo", "/listing", ["agreed to its terms"]),
        (401, "RepoNotFound", "/listing", ["no such repository", "hf auth login"]),
        (403, "", "/listing", ["not accepted (403)", "hf auth login"]),
        (404, "EntryNotFound", "", ["does not have what the catalogue names"]),
    ],
)
def test_no_access(server: Hub, tmp_path: Path, status: int, code: str, where: str, words: list[str]) -> None:
    server.refuse = {f"nvidia/Lyra{where}": (status, code)}
    with pytest.raises(InvalidRequest) as told:
        get(server, tmp_path, "lyra_static")
    for word in ("nvidia/Lyra", server.endpoint, *words):
        assert word in str(told.value)


def test_a_token_that_is_not_valid(server: Hub, tmp_path: Path) -> None:
    server.refuse = {"nvidia/Lyra/listing": (401, "Invalid credentials in Authorization header")}
    with pytest.raises(InvalidRequest, match=r"token is not accepted \(401\)"):
        get(server, tmp_path, "lyra_static")


@pytest.mark.parametrize(("status", "word"), [(500, "Try later"), (429, "Wait some minutes"), (503, "Try later")])
def test_a_hub_in_trouble(server: Hub, tmp_path: Path, status: int, word: str) -> None:
    for where in ("", "/listing"):
        server.refuse = {f"nvidia/Lyra{where}": (status, "")}
        with pytest.raises(FetchFailed, match=word):
            get(server, tmp_path, "lyra_static")


def test_no_such_repository_and_no_such_file(server: Hub, tmp_path: Path) -> None:
    files = server.repos.pop("nvidia/Lyra")
    with pytest.raises(InvalidRequest, match="no such repository"):
        get(server, tmp_path, "lyra_static")
    server.repos["nvidia/Lyra"] = {"lyra_v1.pt": files["lyra_static.pt"]}
    with pytest.raises(InvalidRequest) as told:
        get(server, tmp_path, "lyra_static")
    for word in ("must hold lyra_static.pt", "lyra_v1.pt", "weights convert lyra_static"):
        assert word in str(told.value)


def test_no_network(server: Hub, tmp_path: Path) -> None:
    server.endpoint = "http://127.0.0.1:9"
    with pytest.raises(FetchFailed) as told:
        get(server, tmp_path, "lyra_static")
    for word in ("no connection", "HTTPS_PROXY", "weights convert lyra_static --from FILE"):
        assert word in str(told.value)


def test_a_network_that_wants_a_log_in_page_first(server: Hub, tmp_path: Path) -> None:
    server.as_web_page = True
    with pytest.raises(FetchFailed, match="log-in page"):
        get(server, tmp_path, "lyra_static")


def test_sizes_in_words() -> None:
    assert admission.in_words(14_500_000_000) == "14.50 GB"
    assert admission.in_words(226_000_000) == "226.0 MB"
