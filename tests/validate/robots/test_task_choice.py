"""Ways to walk are chosen for what they pass."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lyra_backend.types import Cell, OccupancyMap, Task
from lyra_backend.validate.robots.task_choice import choose_tasks, is_level, points_along


def way(*points: tuple[float, float]) -> Task:
    path = np.array([(*point, 0.0) for point in points], np.float32)
    return Task(path, 0.0, float(np.linalg.norm(np.diff(path, axis=0), axis=1).sum()))


#: Nothing stands anywhere within 25 m.
EMPTY = OccupancyMap(np.full((500, 500), Cell.FREE, np.uint8), 0.1, (-25.0, -25.0))


def test_each_way_passes_most_of_what_those_before_do_not() -> None:
    long, part, across, far = way((0, 0), (6, 0)), way((1, 0), (5, 0)), way((3, -2), (3, 2)), way((0, 9), (3, 9))
    assert choose_tasks([part, far, across, long], 3, 8.0, EMPTY) == (long, across, far)
    assert choose_tasks([part, far, across, long], 9, 8.0, EMPTY) == (long, across, far, part)


def test_long_and_short_ways_come_last() -> None:
    short, good, long, longer = way((0, 0), (1, 0)), way((0, 2), (3, 2)), way((0, 4), (9, 4)), way((0, 6), (20, 6))
    assert choose_tasks([longer, short, long, good], 1, 8.0, EMPTY) == (good,)
    assert set(choose_tasks([longer, short, long, good], 4, 8.0, EMPTY)) == {good, long, longer, short}
    assert choose_tasks([], 4, 8.0, EMPTY) == ()


def test_ways_along_what_stands_there_come_last() -> None:
    cells = np.array(EMPTY.cells)
    cells[EMPTY.cells.shape[0] - 251, 280] = Cell.OCCUPIED  # x 3.0 to 3.1, y 0.0 to 0.1
    pallet = replace(EMPTY, cells=cells)
    along, aside, short = way((0, 0.3), (6, 0.3)), way((0, 0.5), (5, 0.5)), way((0, 0.7), (1, 0.7))
    assert [is_level(task, pallet) for task in (along, aside, short)] == [False, True, True]
    assert choose_tasks([along, short, aside], 3, 8.0, pallet)[0] is aside
    assert choose_tasks([along], 3, 8.0, pallet) == (along,)


def test_points_along_a_way_leave_no_gap_and_no_corner_out() -> None:
    path = np.array([[0, 0, 0], [1, 0, 0], [1, 0.95, 0.3]], float)
    points = points_along(path, 0.1)
    assert np.linalg.norm(np.diff(points, axis=0), axis=1).max() <= 0.1 + 1e-9
    for corner in path:
        assert np.abs(points - corner).sum(axis=1).min() < 1e-12
