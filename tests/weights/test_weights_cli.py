"""``lyra-scenegen weights`` as users meet it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lyra_backend.weights import catalogue

from ..commands import call
from .conftest import DECODER
from .hub_server import Hub, serving


def test_help_teaches() -> None:
    text = call("weights", "--help").out
    for name in ("list", "fetch", "convert", "verify"):
        assert name in text
        done = call("weights", name, "--help")
        assert done.code == 0
        assert f"lyra-scenegen weights {name}" in " ".join(done.out.split())
    assert "weights" in call("--help").out


def test_list_names_what_there_is(tmp_path: Path) -> None:
    text = " ".join(call("weights", "list", "--folder", tmp_path).out.split())
    for weights in catalogue.known().values():
        assert weights.name in text
        assert weights.repo in text
        assert weights.licence.url in text
    data = call("weights", "list", "--folder", tmp_path, "--json").data
    assert data["folder"] == str(tmp_path)
    assert data["weights"]["gen3c"]["layout"] == "dit"
    assert not any(entry["there"] for entry in data["weights"].values())


def test_convert_and_verify(published: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(DECODER), encoding="utf-8")
    words = ["weights", "convert", "lyra_static", "--from", published / "lyra_static.pt", "--folder", tmp_path / "w"]
    done = call(*words)
    assert (done.code, "--accept-licence" in done.err, "--licence" in done.err) == (2, True, True)
    words.append("--accept-licence")
    done = call(*words, "--config", tmp_path / "config.json", "--json")
    assert done.code == 0, done.err
    told = done.data["weights"]["lyra_static"]
    assert told["folder"] == str(tmp_path / "w" / "lyra_static")
    assert "NVIDIA Open Model License" in told["licence"]
    assert call("weights", "list", "--folder", tmp_path / "w", "--json").data["weights"]["lyra_static"]["there"]
    done = call("weights", "verify", "--folder", tmp_path / "w", "--json")
    assert (done.code, done.data["passed"], done.data["weights"]) == (
        0,
        True,
        {"tiny": "good", "lyra_static": "good"},
    )
    done = call(*words)
    assert (done.code, "--overwrite" in done.err) == (2, True)
    path = tmp_path / "w" / "lyra_static" / "diffusion_pytorch_model.safetensors"
    path.write_bytes(path.read_bytes()[:-4] + b"oops")
    done = call("weights", "verify", "lyra_static", "--folder", tmp_path / "w")
    assert done.code == 1
    assert "passed: no" in done.out
    assert "diffusion_pytorch_model.safetensors is not what it was" in " ".join(done.out.split())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["fetch", "lyra_statik"], "Did you mean 'lyra_static'"),
        (["fetch", "lyra_static"], "--accept-licence"),
        (["convert", "lyra_static", "--from", "nothing.pt", "--accept-licence"], "nothing.pt: does not exist"),
        (["convert", "lyra_static", "--from", "page.pt", "--accept-licence"], "page.pt: is a web page"),
        (
            ["convert", "lyra_static", "--from", "page.pt", "--config", "page.pt", "--accept-licence"],
            "page.pt: must be JSON",
        ),
        (["verify", "gen3c"], "weights fetch gen3c"),
    ],
)
def test_mistakes_are_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], said: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("page.pt").write_text("<html>404</html>", encoding="utf-8")
    done = call("weights", *words, "--folder", tmp_path / "w")
    assert done.code == 2
    assert said in done.err
    assert done.err.startswith("lyra-scenegen: ")
    assert done.err.count("\n") == 1
    told = call("weights", *words, "--folder", tmp_path / "w", "--json")
    assert (told.code, said in told.data["error"]) == (2, True)
    assert "Traceback" in call("weights", *words, "--folder", tmp_path / "w", "--debug").err


def environment(hub: Hub, home: Path) -> dict[str, str]:
    """Return an environment in which the hub is the only one, and nobody is logged in."""
    kept = {k: v for k, v in os.environ.items() if "proxy" not in k.lower() and not k.startswith(("HF_", "HUGGING"))}
    return {**kept, "HF_ENDPOINT": hub.endpoint, "HF_HOME": str(home), "PYTHONWARNINGS": "default"}


COMMAND = [sys.executable, "-m", "lyra_backend", "weights", "fetch"]


def run(hub: Hub, home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *words, "--folder", str(home / "w")],
        capture_output=True,
        text=True,
        env=environment(hub, home),
        timeout=120,
    )


def test_a_fetch_from_beginning_to_end(tmp_path: Path) -> None:
    header = b'{"w":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}'
    tensors = len(header).to_bytes(8, "little") + header + b"abcd"
    files = {"config.json": b"{}", "preprocessor_config.json": b"{}", "model.safetensors": tensors}
    with serving(Hub({"depth-anything/Depth-Anything-V2-Metric-Indoor-Small-hf": files})) as hub:
        done = run(hub, tmp_path, "depth_indoor")
        assert done.returncode == 0, done.stderr
        assert "recorded at first fetch" in done.stdout
        assert "asking depth-anything/" in done.stderr
        again = run(hub, tmp_path, "depth_indoor", "--json")
    assert json.loads(again.stdout)["weights"]["depth_indoor"]["folder"] == str(tmp_path / "w" / "depth_indoor")
    assert again.stderr == ""
    assert call("weights", "verify", "--folder", tmp_path / "w").code == 0


def test_a_repository_that_has_changed(published: Path, tmp_path: Path) -> None:
    files = {"autoencoder.jit": (published / "autoencoder.jit").read_bytes()}
    with serving(Hub({"nvidia/Cosmos-Tokenize1-CV8x8x8-720p": files})) as hub:
        done = run(hub, tmp_path, "cosmos_tokenizer", "--accept-licence")
    assert done.returncode == 2, done.stderr
    assert "must hold mean_std.pt, but holds autoencoder.jit" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("lyra-scenegen: nvidia/Cosmos-Tokenize1-CV8x8x8-720p")


@pytest.mark.skipif(sys.platform == "win32", reason="signals of a console")
def test_ctrl_c_keeps_what_has_come(tmp_path: Path) -> None:
    depth = {"config.json": b"{}", "preprocessor_config.json": b"{}", "model.safetensors": bytes(200_000_000)}
    hub = Hub({"depth-anything/Depth-Anything-V2-Metric-Indoor-Small-hf": depth})
    with serving(hub):
        words = ["depth_indoor", "--folder", str(tmp_path / "w")]
        process = subprocess.Popen(
            [*COMMAND, *words], stderr=subprocess.PIPE, text=True, env=environment(hub, tmp_path)
        )
        wait_for_part(tmp_path)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Stopping; the same command continues later" in " ".join(told.split())
    (part,) = (tmp_path / "w" / ".fetching").rglob("*.part")
    assert part.stat().st_size > 0
    assert not (tmp_path / "w" / "depth_indoor").exists()


def wait_for_part(folder: Path) -> None:
    for _ in range(600):
        if any(part.stat().st_size > 1_000_000 for part in folder.rglob("model.safetensors.part")):
            return
        time.sleep(0.05)
    raise AssertionError("nothing came")
