"""Which ways are walked: those that see most of the scene together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...types import Cell, OccupancyMap, Task

__all__ = ["SHORT_M", "choose_tasks", "is_level", "points_along"]

#: Ways within this of each other see the same floor [m]; a Go2 is 0.3 m wide.
CELL_M = 0.3
#: Shorter ways tell little of walking; they are taken only if there are no others [m].
SHORT_M = 2.0
#: A Go2 sets its feet within 0.19 m of its middle, and strays by a few centimetres [m].
HALF_WIDTH_M = 0.25


def choose_tasks(tasks: Sequence[Task], count: int, longest_m: float, level: OccupancyMap) -> tuple[Task, ...]:
    """Return up to `count` tasks; each is the one that passes most floor that those before do not. Deterministic.

    Ways longer than `longest_m` are left out while there are others: they cost more time than they show floor. So are
    those that lead over or along something that `level`, the map of what stands on the ground, has: a planner may let a
    Go2 step on a pallet, but the policy that walks it was trained on level ground and does not see.
    """
    seen: set[tuple[int, int]] = set()
    chosen: list[Task] = []
    cells = {id(task): _cells(task) for task in tasks}
    for pool in _pools(tasks, longest_m, level):
        while pool and len(chosen) < count:
            best = pool.pop(int(np.argmax([len(cells[id(task)] - seen) for task in pool])))
            chosen.append(best)
            seen |= cells[id(best)]
    return tuple(chosen)


def _pools(tasks: Sequence[Task], longest_m: float, level: OccupancyMap) -> list[list[Task]]:
    """Return the tasks, those that are thought of first in front: level ones of good length."""
    pools: list[list[Task]] = [[], [], [], []]
    for task in tasks:
        uneven, odd = not is_level(task, level), not SHORT_M <= task.length_m <= longest_m
        pools[2 * uneven + odd].append(task)
    return pools


def is_level(task: Task, level: OccupancyMap) -> bool:
    """Say whether nothing stands on a way, nor beside it where a Go2 sets its feet."""
    points = points_along(np.asarray(task.path, np.float64), level.resolution_m)[:, :2]
    around = np.linspace(-HALF_WIDTH_M, HALF_WIDTH_M, 2 * int(np.ceil(HALF_WIDTH_M / level.resolution_m)) + 1)
    disc = np.stack(np.meshgrid(around, around), axis=-1).reshape(-1, 2)
    disc = disc[np.linalg.norm(disc, axis=1) <= HALF_WIDTH_M]
    column, row = np.floor(level.to_pixels((points[:, None] + disc).reshape(-1, 2))).astype(int).T
    inside = (column >= 0) & (column < level.cells.shape[1]) & (row >= 0) & (row < level.cells.shape[0])
    return not bool((level.cells[row[inside], column[inside]] == Cell.OCCUPIED).any())


def _cells(task: Task) -> set[tuple[int, int]]:
    points = points_along(task.path, CELL_M / 3)
    return {(int(x), int(y)) for x, y in np.floor(points[:, :2] / CELL_M)}


def points_along(path: np.ndarray, step_m: float) -> np.ndarray:
    """Return points (N, 3) no farther than `step_m` from each other along a path (K, 3), with all of its own."""
    lengths = np.linalg.norm(np.diff(path, axis=0), axis=1)
    parts = [
        a + (b - a) * np.linspace(0.0, 1.0, max(int(np.ceil(length / step_m)), 1), endpoint=False)[:, None]
        for a, b, length in zip(path[:-1], path[1:], lengths, strict=True)
    ]
    return np.concatenate([*parts, path[-1:]])
