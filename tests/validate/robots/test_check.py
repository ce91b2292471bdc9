"""Robots in the real PhysX, in rooms that are good and rooms that are not.

Needs the robots' files, which `tools/dev.py` fetches when it sets up. There is no GPU in it, and nothing to compile.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lyra_backend import params
from lyra_backend.errors import Cancelled, InvalidRequest
from lyra_backend.progress import CancelToken, Progress
from lyra_backend.robot_models import store
from lyra_backend.types import (
    Cell,
    Finding,
    Locomotion,
    Navigation,
    OccupancyMap,
    Robot,
    RobotSpace,
    Severity,
    SpawnPoints,
    Task,
)
from lyra_backend.validate import Params
from lyra_backend.validate.robots import check_robots, robot_process

from .. import physics_rooms as rooms

LIMITS = Params()
MAP = OccupancyMap(np.full((2, 2), Cell.FREE, np.uint8), 2.0, (0.0, 0.0))
#: Along the free strip of `rooms.room`, and across its middle, where holes are.
STRIP = [(0.6, 2.1), (3.8, 2.1)]
TURN = [(3.0, 1.2), (3.0, 2.2), (0.7, 2.9)]


def task(points: list[tuple[float, float]]) -> Task:
    path = np.array([(*point, 0.0) for point in points], np.float32)
    step = path[1] - path[0]
    length = float(np.linalg.norm(np.diff(path, axis=0), axis=1).sum())
    return Task(path, float(np.arctan2(step[1], step[0])), length)


def space(name: str, places: list[tuple[float, float]], tasks: tuple[Task, ...]) -> RobotSpace:
    robot = Robot(name, name, Locomotion.QUADRUPED, f"{name}.usd", 0.4, 1.0, 0.4, 0.02, 0.1, 20.0, 0.4)
    count = len(places)
    points = SpawnPoints(
        np.array([(*place, 0.0) for place in places], np.float32).reshape(-1, 3),
        np.zeros(count, np.float32),
        np.ones(count, np.float32),
        np.zeros(count, np.int32),
    )
    return RobotSpace(robot, MAP, points, tasks)


def navigation(*ways: list[tuple[float, float]], stances: bool = True) -> Navigation:
    spaces = [space("go2", [], tuple(task(way) for way in ways))]
    spaces += [space("g1", [(0.7, 3.3), (2.6, 3.3)], ())] if stances else []
    return Navigation(MAP, (), 0.0, 2.6, tuple(spaces))


def check(stage: Path, where: Navigation | None = None, **limits: object) -> dict[str, Finding]:
    built = params.build(Params, "validate", limits)
    outcome = check_robots(stage, navigation(STRIP, TURN) if where is None else where, built, Progress())
    return {finding.code: finding for finding in outcome.findings}


def errors(found: dict[str, Finding]) -> set[str]:
    return {code.removeprefix("robots.") for code, finding in found.items() if finding.severity is Severity.ERROR}


def test_in_a_good_room_everybody_arrives_and_stands_and_it_is_the_same_again(tmp_path: Path) -> None:
    stage = rooms.room(tmp_path / "stage.usda")
    before = stage.read_bytes()
    found = check(stage)
    assert errors(found) == set()
    assert found["robots.not_reached"].measured == found["robots.fell"].measured == 0.0
    assert "0 of 2 walks of the Go2 missed their goal" in found["robots.not_reached"].message
    assert found["robots.penetration"].measured < 0.005
    assert found["robots.stance"].measured < 0.02
    assert found["robots.crossed"].measured == 0
    assert check(stage) == found
    assert stage.read_bytes() == before


def test_a_hole_a_wall_and_a_floor_that_looks_down_are_found(tmp_path: Path) -> None:
    hole = check(rooms.room(tmp_path / "hole.usda", rooms.floor(hole=0.8)), navigation(STRIP, stances=False))
    assert {"not_reached", "fell"} <= errors(hole)
    # It says where: at the edge of the hole, which begins at x = 2.1.
    assert float(hole["robots.fell"].where.strip("()").split(",")[0]) == pytest.approx(2.1, abs=0.5)
    wall = rooms.merge(*rooms.walls(), rooms.box((2.0, 1.2, 0.0), (2.04, 3.8, 1.0)))
    stopped = check(rooms.room(tmp_path / "wall.usda", None, [wall]), navigation(STRIP, stances=False))
    assert "not_reached" in errors(stopped)
    assert "fell" not in errors(stopped)
    flipped = check(rooms.room(tmp_path / "flip.usda", rooms.flipped(rooms.floor())), navigation(STRIP))
    assert {"not_reached", "fell", "crossed", "stance"} <= errors(flipped)


def test_where_nobody_can_walk_that_is_what_is_found(tmp_path: Path) -> None:
    stage = rooms.room(tmp_path / "stage.usda")
    assert errors(check(stage, navigation())) == {"no_tasks"}
    assert "too small or in pieces" in check(stage, navigation())["robots.no_tasks"].message
    outcome = check_robots(stage, None, LIMITS, Progress())
    assert [f.code for f in outcome.findings] == ["robots.no_tasks"]
    assert "no ways were planned, there is no tasks.json" in outcome.findings[0].message
    short = check(stage, navigation([(0.6, 2.1), (1.8, 2.1)]))
    assert errors(short) == set()
    assert short["robots.short_ways"].measured == 1.2
    alone = check(stage, navigation(STRIP, stances=False))
    assert "robots.short_ways" not in alone
    assert errors(alone) == set()
    assert alone["robots.nowhere_to_stand"].severity is Severity.INFO


def test_each_limit_decides_alone(tmp_path: Path) -> None:
    stage = rooms.room(tmp_path / "stage.usda")
    hold = {
        "robots_stance_drift_max_m": "stance",
        "robots_stance_tilt_max_deg": "stance_tilt",
        "robots_penetration_max_m": "penetration",
    }
    assert errors(check(stage, **dict.fromkeys(hold, 0.0))) == set(hold.values())


def test_an_engine_that_gives_no_result_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = rooms.room(tmp_path / "stage.usda")
    late = check(stage, robots_timeout_s=0.2)
    assert errors(late) == {"engine_failed"}
    assert "it was stopped after 0.2 s" in late["robots.engine_failed"].message
    monkeypatch.setattr(robot_process, "STALL_S", 0.2)
    hung = check(stage)
    assert errors(hung) == {"engine_failed"}
    assert "it hung: nothing happened for 0.2 s" in hung["robots.engine_failed"].message


def test_a_cancelled_job_ends_at_once(tmp_path: Path) -> None:
    token = CancelToken()
    seen = []

    def listener(event: object) -> None:
        seen.append(event)
        if len(seen) == 3:
            token.cancel()

    with pytest.raises(Cancelled):
        check_robots(rooms.room(tmp_path / "s.usda"), navigation(STRIP), LIMITS, Progress(listener, token))


def test_what_is_missing_is_said_with_the_line_that_brings_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "default_folder", lambda: tmp_path / "none")
    line = r"models of go2, g1 are not in .*Run: lyra-scenegen weights robots go2 g1"
    with pytest.raises(InvalidRequest, match=line):
        check(rooms.room(tmp_path / "stage.usda"))


def test_ways_are_walked_one_by_one_each(tmp_path: Path) -> None:
    """Robots of one trial do not touch each other, though they start at the same place."""
    same = navigation(STRIP, STRIP, STRIP, stances=False)
    found = check(rooms.room(tmp_path / "stage.usda"), replace(same))
    assert errors(found) == set()
    assert "0 of 3 walks" in found["robots.not_reached"].message
