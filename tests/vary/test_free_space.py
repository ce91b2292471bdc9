"""Free space of a variation: that of its run without what things block."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from lyra_backend.author.variation import Clutter, Variation
from lyra_backend.errors import InvalidRequest
from lyra_backend.io.navigation_files import save_navigation
from lyra_backend.place.robots import robot
from lyra_backend.types import Navigation, Task
from lyra_backend.vary import VARIATIONS_FILE, navigation_of
from lyra_backend.vary.record import as_json

from ..author.spaces import navigation_of as places_of

#: Ways along x at several distances from the x axis, one of them with a corner.
WAYS = [[(-2, y), (2, y)] for y in (0.0, 0.5, 1.0, -2.0)] + [[(-2, -2), (0, -2), (0, 2)]]


def _navigation() -> Navigation:
    found = places_of("go2")
    ways = (np.array([(*point, 0.0) for point in way], np.float32) for way in WAYS)
    tasks = tuple(Task(way, 0.0, 4.0) for way in ways)
    return replace(found, spaces=(replace(found.spaces[0], tasks=tasks),))


def _ball(x: float, y: float, z: float = 0.0) -> Clutter:
    return Clutter("ball_0", "ball", 1.0, 0.5, (x, y, z), (1.0, 0.0, 0.0, 0.0), (0.5, 0.5, 0.5), 0.1)


def _blocked(*things: Clutter) -> tuple[list[int], list[int]]:
    data = as_json(Variation(clutter=things), _navigation())
    return data["blocked_starts"]["go2"], data["blocked_tasks"]["go2"]


def _nearest(way: list[tuple[float, float]], at: tuple[float, float]) -> float:
    """Return the distance of a point from a way [m], by a thousand points on each part of it."""
    share = np.linspace(0.0, 1.0, 1001)[:, None]
    parts = [np.array(a) + share * (np.array(b) - np.array(a)) for a, b in pairwise(way)]
    return float(np.linalg.norm(np.concatenate(parts) - at, axis=1).min())


@pytest.mark.parametrize("at", [(0.0, 0.0), (1.0, 0.3), (0.7, 1.0), (-2.5, 0.0), (2.55, 0.5), (0.3, 0.9), (5.0, 5.0)])
def test_ways_are_blocked_that_come_too_near_to_a_thing(at: tuple[float, float]) -> None:
    reach = robot("go2").radius_m + 0.1 + 0.05
    distances = [_nearest(way, at) for way in WAYS]
    assert min(abs(distance - reach) for distance in distances) > 1e-3
    assert _blocked(_ball(*at))[1] == [i for i, distance in enumerate(distances) if distance < reach]


def test_a_thing_above_the_robot_blocks_nothing() -> None:
    assert _blocked(_ball(0.0, 0.0, 1.0)) == ([], [])
    assert _blocked() == ([], [])


def _run(folder: Path) -> tuple[Path, Navigation]:
    navigation, variation = _navigation(), folder / "variations/000"
    variation.mkdir(parents=True)
    save_navigation(navigation, folder)
    entry = as_json(Variation(clutter=(_ball(0.0, 0.0),)), navigation)
    (variation.parent / VARIATIONS_FILE).write_text(json.dumps({"variations": {"000": entry}}))
    (variation / "stage.usda").write_text("#usda 1.0\n")
    return variation, navigation


def test_a_variation_has_the_free_space_of_its_run_but_what_is_blocked(tmp_path: Path) -> None:
    variation, navigation = _run(tmp_path)
    starts, tasks = _blocked(_ball(0.0, 0.0))
    assert tasks
    for path in (variation, variation / "stage.usda"):
        found = navigation_of(path)
        assert found.value is not None
        space, whole = found.value.spaces[0], navigation.spaces[0]
        assert space.spawn_points.count == whole.spawn_points.count - len(starts)
        kept = [task.path.tolist() for i, task in enumerate(whole.tasks) if i not in tasks]
        assert [task.path.tolist() for task in space.tasks] == kept
        assert [(f.code, f.measured) for f in found.findings] == [("vary.ways_blocked", len(tasks))]
    whole_run = navigation_of(tmp_path)
    assert whole_run.value is not None
    assert len(whole_run.value.spaces[0].tasks) == len(WAYS)
    assert whole_run.findings == ()


def test_nothing_is_known_of_a_file_that_lies_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "stage.usda").write_text("#usda 1.0\n")
    assert navigation_of(tmp_path / "stage.usda").value is None


def test_a_record_that_does_not_say_what_is_blocked_is_refused(tmp_path: Path) -> None:
    variation, _ = _run(tmp_path)
    record = variation.parent / VARIATIONS_FILE
    data = json.loads(record.read_text())
    del data["variations"]["000"]["blocked_tasks"]
    record.write_text(json.dumps(data))
    with pytest.raises(InvalidRequest, match=r"blocks the way in variation 000.*vary RUN --overwrite"):
        navigation_of(variation)
