"""--accept robots, from the command line to the report, on a run of the whole pipeline."""

from __future__ import annotations

from pathlib import Path

import pytest

import lyra_backend
from lyra_backend.io.navigation_files import TASKS_FILE, load_navigation
from lyra_backend.plan import make_plan
from lyra_backend.types import Finding, SceneRequest, Severity

from .commands import call

ROBOTS = {"validate": {"accept": "robots"}}


def found_by_robots(findings: list[Finding]) -> dict[str, Finding]:
    return {f.code: f for f in findings if f.code.startswith("robots.")}


def test_robots_are_asked_only_if_they_are_wanted(scene_dir: Path) -> None:
    tasks = load_navigation(scene_dir).space_of("go2")
    assert tasks is not None
    assert tasks.tasks
    assert not found_by_robots(list(lyra_backend.validate_scene(scene_dir)))
    found = found_by_robots(list(lyra_backend.validate_scene(scene_dir, overrides=ROBOTS)))
    assert {"robots.not_reached", "robots.fell", "robots.stumbled", "robots.stance"} <= set(found)
    assert not [f.message for f in found.values() if f.severity is Severity.ERROR]


def test_a_stage_without_ways_is_not_tried_and_another_word_is_refused(scene_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    for path in scene_dir.iterdir():
        if path.is_file() and path.name != TASKS_FILE:
            (tmp_path / "run" / path.name).symlink_to(path)
    found = found_by_robots(list(lyra_backend.validate_scene(tmp_path / "run", overrides=ROBOTS)))
    assert set(found) == {"robots.no_tasks"}
    refused = call("validate", scene_dir, "--accept", "dogs")
    assert refused.code == 2
    assert "bodies, robots" in refused.err


@pytest.mark.parametrize(("asked", "looked_for"), [("carter", "carter,go2,g1"), ("", "go2,g1"), ("g1", "g1,go2")])
def test_robots_that_scenes_are_tried_with_are_looked_for_besides_those_that_are_asked_for(
    asked: str, looked_for: str
) -> None:
    params = {"place": {"robots": asked}, "author": {"robots": asked}}
    place = make_plan(SceneRequest(prompt="a room", params={**params, **ROBOTS})).params["place"]
    assert place.robots == looked_for
    assert make_plan(SceneRequest(prompt="a room", params=params)).params["place"].robots == asked
