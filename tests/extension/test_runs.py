"""The history and how runs are named."""

from __future__ import annotations

import importlib
import json
import os
from pathlib import Path
from types import ModuleType

import pytest

from .kit import Kit


@pytest.fixture
def runs(kit: Kit) -> ModuleType:
    return importlib.import_module("omni.lyra.scenegen.runs")


def write(folder: Path, age_s: float = 0.0, **files: object) -> None:
    folder.mkdir(parents=True)
    for name, data in files.items():
        (folder / f"{name}.json").write_text(data if isinstance(data, str) else json.dumps(data))
    if (folder / "request.json").exists():
        os.utime(folder / "request.json", (1e9 - age_s, 1e9 - age_s))


def test_runs_are_listed_the_newest_first_and_rubbish_is_not(runs: ModuleType, tmp_path: Path) -> None:
    write(tmp_path / "old", 100, request={"prompt": "a hall"}, report={"accepted": False})
    write(tmp_path / "new", request={"image": "/data/photo.png"}, report={"accepted": True})
    write(tmp_path / "broken-off", 50, request={"prompt": "a yard"})
    write(tmp_path / "rubbish", request="{", report="[]")
    write(tmp_path / "a folder")
    (tmp_path / "a file").write_text("")
    found = runs.list_runs(tmp_path)
    assert [(run.title, run.state) for run in found] == [
        ("photo.png", "accepted"),
        ("a yard", "unfinished"),
        ("a hall", "rejected"),
    ]
    assert runs.list_runs(tmp_path / "nothing") == []


def test_a_run_goes_on_with_the_files_that_it_keeps(runs: ModuleType, tmp_path: Path) -> None:
    write(tmp_path / "run", request={"prompt": "a hall", "image": "inputs/12ab.png", "depth": None})
    again = runs.Run.read(tmp_path / "run").request_again()
    assert again == {"prompt": "a hall", "image": str(tmp_path / "run" / "inputs" / "12ab.png"), "depth": None}


def test_the_picture_is_found_while_a_run_is_made(runs: ModuleType, tmp_path: Path) -> None:
    assert runs.preview_of(tmp_path) is None
    stage = tmp_path / ".stages" / "picture-1a2b"
    stage.mkdir(parents=True)
    (stage / "preview.png").write_bytes(b"")
    assert runs.preview_of(tmp_path) == stage / "preview.png"
    (tmp_path / "preview.png").write_bytes(b"")
    assert runs.preview_of(tmp_path) == tmp_path / "preview.png"


def test_new_runs_are_named_after_what_they_show(runs: ModuleType, tmp_path: Path) -> None:
    request = {"prompt": "A Kitchen, with 2 doors & a very long list of other things in it"}
    first = runs.new_run_folder(tmp_path, request)
    assert first.name == "a-kitchen-with-2-doors-a-very-long-list"
    first.mkdir()
    assert runs.new_run_folder(tmp_path, request).name == f"{first.name}-2"
    assert runs.new_run_folder(tmp_path, request, {tmp_path / f"{first.name}-2"}).name == f"{first.name}-3"
    assert runs.new_run_folder(tmp_path, {"image": "/data/photo.png"}).name == "photo-png"
    assert runs.new_run_folder(tmp_path, {"prompt": "廚房"}).name == "scene"
