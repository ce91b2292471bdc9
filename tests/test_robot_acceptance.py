"""--accept robots, from the command line to the report, on a run of the whole pipeline."""

from __future__ import annotations

from pathlib import Path

import lyra_backend
from lyra_backend.io.navigation_files import TASKS_FILE, load_navigation
from lyra_backend.types import Finding, Severity

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
