"""Which ways are walked, those that see most of the scene together, and where robots stand: where it is level."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ...types import SpawnPoints, Task
from ..floor_columns import look_down

__all__ = ["SHORT_M", "choose_places", "choose_tasks", "points_along"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: Ways within this of each other see the same floor [m]; a Go2 is 0.3 m wide.
CELL_M = 0.3
#: Shorter ways tell little of walking; they are taken only if there are no others [m].
SHORT_M = 2.0
#: So many places are thought of; the soles of a G1 are within this of its root [m].
CANDIDATES, SOLES_M = 64, 0.2
#: Ground this level says something of a stance [m]; `place` lets it be this rough besides what it rises as a slope [m].
LEVEL_M, ROUGH_M = 0.005, 0.03


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


def choose_places(points: SpawnPoints, count: int, corners: Floats) -> Ints:
    """Return the numbers (N,) of up to `count` of the first places, those last below which the ground is uneven.

    A stance that is held stiffly says nothing where one foot is on the edge of a carpet: the robot tips over, and one
    that balances would not. What is rougher than `place` allows, or missing, is tried like level ground.

    Args:
        points: places on the ground that was planned.
        count: how many are wanted.
        corners: triangles of the scene (F, 3, 3) [m].
    """
    first = points.positions[:CANDIDATES].astype(np.float64)
    ring = SOLES_M * np.array([[np.cos(turn), np.sin(turn)] for turn in np.arange(8) * np.pi / 4])
    around = np.concatenate([[[0.0, 0.0]], ring / 2, ring])
    below = look_down(corners, (first[:, None, :2] + around).reshape(-1, 2)).height.reshape(len(first), -1)
    spread = np.ptp(below, axis=1)
    uneven = (spread > LEVEL_M) & (spread <= ROUGH_M)
    return np.argsort(np.where(uneven, spread, 0.0), kind="stable")[:count]


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
