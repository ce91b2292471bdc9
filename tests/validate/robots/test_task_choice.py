"""Ways to walk are chosen for what they pass."""

from __future__ import annotations

import numpy as np

from lyra_backend.types import SpawnPoints, Task
from lyra_backend.validate.robots.task_choice import choose_places, choose_tasks, points_along


def way(*points: tuple[float, float]) -> Task:
    path = np.array([(*point, 0.0) for point in points], np.float32)
    return Task(path, 0.0, float(np.linalg.norm(np.diff(path, axis=0), axis=1).sum()))


def test_each_way_passes_most_of_what_those_before_do_not() -> None:
    long, part, across, far = way((0, 0), (6, 0)), way((1, 0), (5, 0)), way((3, -2), (3, 2)), way((0, 9), (3, 9))
    assert choose_tasks([part, far, across, long], 3, 8.0) == (long, across, far)
    assert choose_tasks([part, far, across, long], 9, 8.0) == (long, across, far, part)


def test_long_and_short_ways_come_last() -> None:
    short, good, long, longer = way((0, 0), (1, 0)), way((0, 2), (3, 2)), way((0, 4), (9, 4)), way((0, 6), (20, 6))
    assert choose_tasks([longer, short, long, good], 1, 8.0) == (good,)
    assert set(choose_tasks([longer, short, long, good], 4, 8.0)) == {good, long, longer, short}
    assert choose_tasks([], 4, 8.0) == ()


def test_points_along_a_way_leave_no_gap_and_no_corner_out() -> None:
    path = np.array([[0, 0, 0], [1, 0, 0], [1, 0.95, 0.3]], float)
    points = points_along(path, 0.1)
    assert np.linalg.norm(np.diff(points, axis=0), axis=1).max() <= 0.1 + 1e-9
    for corner in path:
        assert np.abs(points - corner).sum(axis=1).min() < 1e-12


def test_robots_stand_where_it_is_level_and_where_it_is_too_rough_to_be_planned() -> None:
    """Ground of four strips along x: level, 1.5 cm up, level again, and none from x = 3 on."""
    strips = [((0.0, 0.0), (1.0, 0.0)), ((1.0, 0.015), (2.0, 0.015)), ((2.0, 0.0), (3.0, 0.0))]
    quads = np.array([[(a, -1, z), (b, -1, w), (b, 1, w), (a, 1, z)] for (a, z), (b, w) in strips], float)
    corners = quads[:, [[0, 1, 2], [0, 2, 3]]].reshape(-1, 3, 3)
    positions = np.array([(x, 0.0, 0.0) for x in (1.05, 2.1, 0.5, 1.5, 3.0, 4.0)], np.float32)
    zeros = np.zeros(len(positions), np.float32)
    points = SpawnPoints(positions, zeros, zeros + 1.0, np.zeros(len(positions), np.int32))
    assert choose_places(points, 9, corners).tolist() == [2, 3, 4, 5, 0, 1]
    assert choose_places(points, 2, corners).tolist() == [2, 3]
