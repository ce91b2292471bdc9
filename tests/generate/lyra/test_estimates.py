"""What a scene takes, told before anything is loaded."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from lyra_backend.errors import InvalidRequest
from lyra_backend.generate._lyra.costs import scene_costs, shares
from lyra_backend.generate._lyra.params import VIEWS, VideoParams, devices
from lyra_backend.generate._lyra.weights_of import weight_files
from lyra_backend.models.folders import ModelFolders
from lyra_backend.progress import Progress
from lyra_backend.types import Estimate


@pytest.fixture
def folders(still_model) -> ModelFolders:
    return ModelFolders.in_one(still_model, still_model)


def costs(folders: ModelFolders, params: VideoParams, **helpers: Path) -> dict[str, Estimate]:
    placed = devices(params, folders)
    return scene_costs(folders, params, placed, weight_files(folders, helpers), Estimate("depth"))


@pytest.fixture
def two_gpus(monkeypatch) -> None:
    """One with 80 GB that are free, one with 20."""
    free = {"cuda:0": 80e9, "cuda:1": 20e9}
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (int(free[str(device)]), int(80e9)))
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
    monkeypatch.setattr("lyra_backend.models.placement.available_memory_bytes", lambda: int(64e9))


def test_without_a_gpu_numbers_have_32_bits(folders) -> None:
    found = costs(folders, VideoParams(device="cpu"))
    videos, decoding = found["videos"], found["decoding"]
    budget = folders.budget(VIEWS)
    most = budget.weights_bytes + max(budget.activations_bytes, budget.encoding_bytes)
    assert videos.device_bytes == pytest.approx(2 * most + 2e9)
    assert decoding.device_bytes == pytest.approx(2 * max(budget.encoding_bytes, budget.decoder_bytes) + 2e9)
    assert videos.note == "70 evaluations each, cpu"
    assert videos.times_of == decoding.times_of == "two CPU cores"


@pytest.mark.usefixtures("two_gpus")
def test_a_plan_says_how_each_gpu_works(folders, monkeypatch) -> None:
    budget = replace(folders.budget(VIEWS), weights_bytes=30e9, visiting_bytes=1e9)
    monkeypatch.setattr(ModelFolders, "budget", lambda self, views: budget)
    videos = costs(folders, VideoParams())["videos"]
    assert videos.times_of == "a data-centre GPU"
    assert videos.note == "70 evaluations each, cuda:0 and cuda:1, weights offloaded"
    # of the GPU that takes most
    assert videos.device_bytes == pytest.approx(30e9 + budget.encoding_bytes + 2e9)


@pytest.mark.usefixtures("two_gpus")
@pytest.mark.parametrize(("precision", "stored"), [("float8", torch.float8_e4m3fn), ("int8", torch.int8)])
def test_precision_is_what_was_asked_for(folders, precision: str, stored: torch.dtype) -> None:
    params = VideoParams(precision=precision, device="cuda:0")
    (placement,) = devices(params, folders)
    assert placement.stored == stored
    assert costs(folders, params)["videos"].note.endswith(f"cuda:0, weights as {precision}")


def test_another_video_model_is_told_at_once(still_model, tmp_path: Path) -> None:
    """Cosmos without cameras has the same layers and 16 channels."""
    folder = tmp_path / "model"
    shutil.copytree(still_model, folder)
    path = folder / "transformer" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"in_channels": 16, "concat_padding_mask": True}))
    with pytest.raises(InvalidRequest, match="must take 82 channels"):
        costs(ModelFolders.in_one(folder, folder), VideoParams(device="cpu"))


def test_reading_a_prompt_takes_the_text_encoder(folders) -> None:
    size = sum(path.stat().st_size for path in folders.text_encoder.glob("*.safetensors"))
    with_text = costs(folders, VideoParams(device="cpu"), text_encoder=folders.text_encoder)
    assert with_text["prompt"].device_bytes == pytest.approx(size)
    assert list(with_text) == ["depth", "prompt", "loading", "videos", "decoding"]
    assert "prompt" not in costs(folders, VideoParams(device="cpu"))


def test_progress_goes_on_as_time_does(folders) -> None:
    """At published size: a minute before the videos, 80 of them for these, half of one for decoding."""
    seconds = {"drawing": 60.0, "depth": 7.0, "loading": 40.0, "videos": 4760.0, "decoding": 30.0}
    parts = {name: Estimate(name, took) for name, took in seconds.items()} | {"prompt": Estimate("prompt", None)}
    told: list[float] = []
    for part in shares(Progress(lambda event: told.append(event.fraction)), parts):
        part(1.0)
    assert told == pytest.approx([70 / 4900, 4870 / 4900, 1.0])
