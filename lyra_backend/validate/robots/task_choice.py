"""Which ways are walked: those that see most of the scene together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...types import Task

__all__ = ["SHORT_M", "choose_tasks", "points_along"]

#: Ways within this of each other see the same floor [m]; a Go2 is 0.3 m wide.
CELL_M = 0.3
#: Shorter ways tell little of walking; they are taken only if there are no others [m].
SHORT_M = 2.0


def choose_tasks(tasks: Sequence[Task], count: int, longest_m: float) -> tuple[Task, ...]:
    """Return up to `count` tasks; each is the one that passes most floor that those before do not. Deterministic.

    Ways longer than `longest_m` are left out while there are others: they cost more time than they show floor. So are
    those that are too short to say much.
    """
    seen: set[tuple[int, int]] = set()
    chosen: list[Task] = []
    cells = {id(task): _cells(task) for task in tasks}
    for odd in (False, True):
        pool = [task for task in tasks if odd != (SHORT_M <= task.length_m <= longest_m)]
        while pool and len(chosen) < count:
            best = pool.pop(int(np.argmax([len(cells[id(task)] - seen) for task in pool])))
            chosen.append(best)
            seen |= cells[id(best)]
    return tuple(chosen)


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
