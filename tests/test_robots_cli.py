"""Robots on the command line: the listing, and what ``--robot`` stands for in a request."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from lyra_backend.errors import InvalidRequest
from lyra_backend.place.robots import known_robots, robot
from lyra_backend.plan import make_plan
from lyra_backend.robots_cli import add_robots, users_file
from lyra_backend.types import SceneRequest

from .commands import call

ROVER = '[rover]\nlocomotion = "wheels"\nasset = "./models/rover.usd"\nradius_m = 0.4\nheight_m = 0.5\n'


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("APPDATA", str(tmp_path / "config"))
    return tmp_path


def _params(*arguments: Any, given: dict[str, dict[str, Any]] | None = None) -> dict[str, dict[str, Any]]:
    params = given or {}
    add_robots(params, *(*arguments, *[None] * (4 - len(arguments))))
    return params


def test_listing_has_every_robot_with_its_sizes() -> None:
    done = call("robots", "--json")
    assert done.code == 0
    assert list(done.data) == list(known_robots())
    assert done.data["go2"]["radius_m"] == robot("go2").radius_m
    assert done.data["go2"]["locomotion"] == "quadruped"
    people = call("robots")
    assert "Unitree Go2, quadruped; radius 0.43 m" in people.out


def test_listing_has_the_users_own(home: Path) -> None:
    users_file().parent.mkdir(parents=True)
    users_file().write_text(ROVER, encoding="utf-8")
    listed = call("robots", "--json").data["rover"]
    assert listed["asset"] == str((users_file().parent / "models/rover.usd").resolve())
    other = home / "mine.toml"
    other.write_text(ROVER.replace("rover]", "tug]"), encoding="utf-8")
    assert {"tug"} == set(call("robots", "--robot-file", other, "--json").data) - set(known_robots())


def test_robots_become_parameters_of_place_and_author() -> None:
    params = _params("go2, g1", 4)
    assert params == {"place": {"robots": "go2,g1"}, "author": {"robots": "go2,g1", "robot_count": 4}}
    plan = make_plan(SceneRequest(prompt="a room", params=params))
    assert plan.params["author"].robot_names == ("go2", "g1")
    assert plan.params["place"].names == ("go2", "g1")


def test_robots_that_places_were_asked_for_stay() -> None:
    params = _params("go2", given={"place": {"robots": "carter,go2"}})
    assert params["place"]["robots"] == "go2,carter"
    assert params["author"]["robots"] == "go2"


def test_own_robot_travels_as_text(home: Path) -> None:
    file = home / "mine.toml"
    file.write_text(ROVER + ROVER.replace("rover]", "tug]"), encoding="utf-8")
    params = _params("rover", 2, file)
    assert "tug" not in params["place"]["own_robots"]
    plan = make_plan(SceneRequest.from_json(SceneRequest(prompt="a room", params=params).to_json()))
    rover = robot("rover", plan.params["place"].own_robots)
    assert rover.asset == str((home / "models/rover.usd").resolve())
    assert rover.radius_m == 0.4


def test_folder_of_assets_is_written_out_in_full(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home)
    (home / "assets").mkdir()
    assert _params("go2", None, None, "assets")["author"]["assets_root"] == str((home / "assets").resolve())
    url = "omniverse://localhost/NVIDIA/Assets/Isaac/5.1"
    assert _params("go2", None, None, url)["author"]["assets_root"] == url


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--robot", "go3"], "--robot 'go3': unknown; known: .*Did you mean 'go2'"),
        (["--robot", ","], "--robot: must name a robot"),
        (["--count", "2"], "--count: says more of the robots that --robot names"),
        (["--assets-root", "x"], "--assets-root: says more"),
        (["--robot", "go2", "--robot-file", "nowhere.toml"], "nowhere.toml: cannot be read"),
        (
            ["--robot", "go2", "--set", "author.assets_root=here"],
            "assets_root must be a URL or an absolute path",
        ),
        (["--set", "author.robots=h1"], "author.robots: 'h1' is not among place.robots, go2, g1, carter"),
        (["--set", "place.robots=h9"], "robot 'h9' is unknown"),
    ],
)
def test_mistakes_are_found_before_any_work(options: list[str], words: str, home: Path) -> None:
    done = call("generate", "--prompt", "a room", "--dry-run", *options)
    assert done.code == 2
    assert re.search(words, " ".join(done.err.split())), done.err


def test_file_that_is_no_text_is_refused(home: Path) -> None:
    (home / "bad.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidRequest, match="UTF-8"):
        _params("go2", None, home / "bad.toml")
