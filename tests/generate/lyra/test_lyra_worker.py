"""NVIDIA Lyra in a worker: scenes one after the other with networks that stay loaded, cancelled and gone on with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lyra_backend import api
from lyra_backend.client import Worker
from lyra_backend.errors import Cancelled, InvalidRequest
from lyra_backend.io.run_dir import RunDirectory
from lyra_backend.progress import CancelToken, Event
from lyra_backend.types import SceneRequest
from lyra_backend.worker_process import WorkerProcess

from .stills import request

#: No collider and few steps: what is looked at here is over before either matters.
PARAMS = {"generate": {"steps": 2, "guidance": 0, "fov": 60}}
#: So many that none of them is waited for.
MANY = {"generate": {"steps": 1000, "guidance": 0, "fov": 60}}
#: So many that a wish to stop arrives before the last.
SOME = {"generate": {"steps": 80, "guidance": 0, "fov": 60}}


@pytest.fixture(autouse=True)
def at_once(monkeypatch) -> None:
    """As in the worker, which nothing was done to: videos as small as these are made as one batch."""
    monkeypatch.setattr("lyra_backend.models.lyra._BATCH_BYTES", 1e9)


@pytest.fixture(scope="module")
def worker(tmp_path_factory) -> Iterator[Worker]:
    environment = {"XDG_CACHE_HOME": str(tmp_path_factory.mktemp("cache"))}
    with Worker(threads=1, environment=environment) as made:
        yield made


@pytest.fixture
def answers(monkeypatch) -> list[dict[str, Any]]:
    """What the worker says last of each job."""
    said: list[dict[str, Any]] = []
    usual = WorkerProcess.work

    def work(self, *given, **named):
        said.append(usual(self, *given, **named))
        return said[-1]

    monkeypatch.setattr(WorkerProcess, "work", work)
    return said


def scene(photo, model, depth, seed: int, params=PARAMS) -> SceneRequest:
    return request(photo, model, depth, seed=seed, params=params, collider="none")


def contents(directory: Path) -> dict[str, bytes]:
    return {name: path.read_bytes() for name, path in RunDirectory.read(directory).results().items()}


def test_the_second_scene_of_a_worker_loads_nothing_and_has_the_same_bytes(
    worker, photo, depth, still_model, tmp_path, answers
) -> None:
    told: list[list[str]] = [[], []]
    for seed in (0, 1):
        worker.generate(
            scene(photo, still_model, depth, seed),
            tmp_path / f"warm{seed}",
            listener=lambda event, seed=seed: told[seed].append(event.message),
        )
        api.generate_scene(scene(photo, still_model, depth, seed), tmp_path / f"cold{seed}")
    assert [any("loading networks" in message for message in messages) for messages in told] == [True, False]
    assert any("networks are still loaded" in message for message in told[1])
    assert contents(tmp_path / "warm0") == contents(tmp_path / "cold0")
    assert contents(tmp_path / "warm1") == contents(tmp_path / "cold1")
    assert contents(tmp_path / "warm0") != contents(tmp_path / "warm1")
    # the weights of the three networks in 32 bits, and of the text encoder
    files = [file for part in ("decoder", "transformer", "vae", "text_encoder") for file in weights(still_model / part)]
    assert answers[-1]["warm_bytes"] == pytest.approx(sum(file.stat().st_size for file in files), rel=0.2)
    assert answers[-1]["memory_bytes"] > answers[-1]["warm_bytes"]


def test_a_cancelled_scene_stops_at_its_next_step_and_the_same_command_goes_on(
    worker, photo, depth, still_model, tmp_path, answers
) -> None:
    """Steps take milliseconds here, so a few may be told of while the wish to stop is on its way."""
    token, later = CancelToken(), []
    asked = scene(photo, still_model, depth, 3, MANY | {"collide": {}})
    worker.describe()
    pid = worker.pid

    def stop(event: Event) -> None:
        if token.cancelled:
            later.append(event.message)
        elif "denoising step 3 of 1000" in event.message:
            token.cancel()

    with pytest.raises(Cancelled):
        worker.generate(asked, tmp_path / "many", listener=stop, token=token)
    assert len(later) < 100
    assert worker.pid == pid, "it stopped by itself"
    assert answers[-1]["say"] == "failed"
    assert answers[-1]["warm_bytes"] < answers[-1]["memory_bytes"] / 100
    assert no_half_made(tmp_path / "many") == []

    token, again = CancelToken(), []
    asked = scene(photo, still_model, depth, 1, SOME)

    def stop_later(event: Event) -> None:
        if "6 videos: denoising step 3 of 80" in event.message:
            token.cancel()

    with pytest.raises(Cancelled):
        worker.generate(asked, tmp_path / "run", listener=stop_later, token=token)
    # of a batch all are kept or none
    assert no_half_made(tmp_path / "run") == []
    worker.generate(asked, tmp_path / "run", listener=lambda event: again.append(event.message))
    assert "6 videos finished" in again
    assert not (tmp_path / "run" / ".stages").exists()
    api.generate_scene(asked, tmp_path / "whole")
    assert contents(tmp_path / "run") == contents(tmp_path / "whole")


def test_a_scene_that_fails_is_told_and_keeps_nothing(worker, photo, depth, still_model, tmp_path, answers) -> None:
    with pytest.raises(InvalidRequest, match="must be a folder with decoder"):
        worker.generate(scene(photo, tmp_path / "nowhere", depth, 0), tmp_path / "run")
    assert answers[-1]["say"] == "failed"
    assert not (tmp_path / "run" / "scene.usda").exists()


def no_half_made(directory: Path) -> list[str]:
    """Return the names of videos that were kept, after a look that nothing else was begun and left there."""
    files = [path for path in directory.rglob("*") if path.is_file()]
    assert not [path for path in files if ".writing-" in str(path) or path.suffix == ".part"]
    assert not (directory / "scene.usda").exists()
    return sorted(path.stem for path in files if path.suffix == ".safetensors")


def weights(folder: Path) -> list[Path]:
    return list(folder.glob("*.safetensors"))
