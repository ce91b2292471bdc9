"""Ways through a robot's free space: shortest paths between pairs of places.

A path is shortest on the grid of columns with eight neighbours (Dijkstra), then pulled straight: corners go wherever
the straight line between their neighbours is free for the robot. What is left is checked against the triangles.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..types import SpawnPoints, Task
from .columns import Solids
from .ground import Ground
from .traversability import Traversable

__all__ = ["find_tasks"]

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

#: Goals that share a start.
_GOALS = 8
#: Shortest way that is a task, where there is room for it [m].
_LENGTH_M = 3.0
#: Straight lines are looked at every so many sides of a column.
_STRIDE = 0.5
#: Farthest that the ground is above or below the straight line between two points of a way [m].
_BEND_M = 0.02
_STREAM = 8_302


@dataclass(frozen=True, eq=False)
class _Grid:
    """Free columns as a graph: `number` (X, Y) of each, -1 where it is not free, and `links` between neighbours."""

    cells: Ints
    number: Ints
    links: object


def find_tasks(
    ground: Ground, space: Traversable, points: SpawnPoints, solids: Solids, count: int, seed: int
) -> tuple[Task, ...]:
    """Return up to `count` ways between spawn points of the same region, short and long ones mixed.

    Starts are spawn points in their order; a start has several goals, whose distances are spread evenly between 3 m and
    the farthest one, or over the farther half of all where nothing is that far.
    """
    from scipy.sparse.csgraph import dijkstra

    if points.count < 2 or not count:
        return ()
    rng = np.random.default_rng([seed, _STREAM, zlib.crc32(space.robot.name.encode())])
    grid, cell = _graph(space.free, ground.columns.cell_m), ground.columns.cell_m
    cells = ground.cells_at(points.positions[:, :2])
    nodes = grid.number[tuple(cells.T)]
    found: list[Task] = []
    for start in range(min(points.count, 2 * -(-count // _GOALS))):
        if len(found) >= count:
            break
        length, before = dijkstra(grid.links, directed=False, indices=nodes[start], return_predecessors=True)
        goals = _goals(length[nodes], start, min(_GOALS, count - len(found)), rng)
        lines = [_straight(space.free, grid.cells[_trace(before, nodes[goal])]) for goal in goals]
        paths = [_on_ground(ground, line) for line in lines]
        clear = _are_clear(paths, space, ground, solids, cell)
        found += [_task(path, float(points.yaws_rad[start])) for path, ok in zip(paths, clear, strict=True) if ok]
    return tuple(found)


def _graph(free: Mask, cell_m: float) -> _Grid:
    from scipy.sparse import coo_array

    cells = np.argwhere(free)
    number = np.full(free.shape, -1, np.int64)
    number[tuple(cells.T)] = np.arange(len(cells))
    rows, columns, lengths = [], [], []
    for dx, dy in ((1, 0), (0, 1), (1, 1), (1, -1)):
        one = number[: len(number) - dx, max(0, -dy) : free.shape[1] - max(0, dy)]
        other = number[dx:, max(0, dy) : free.shape[1] + min(0, dy)]
        joined = (one >= 0) & (other >= 0)
        rows.append(one[joined])
        columns.append(other[joined])
        lengths.append(np.full(int(joined.sum()), np.hypot(dx, dy) * cell_m))
    data = (np.concatenate(lengths), (np.concatenate(rows), np.concatenate(columns)))
    return _Grid(cells, number, coo_array(data, shape=(len(cells), len(cells))).tocsr())


def _goals(length: Floats, start: int, count: int, rng: np.random.Generator) -> list[int]:
    """Return spawn points whose distances from the start are spread evenly."""
    reached = np.isfinite(length)
    reached[start] = False
    if not reached.any():
        return []
    far = float(length[reached].max())
    near = _LENGTH_M if far > _LENGTH_M else 0.5 * far
    wanted = near + (far - near) * (np.arange(count) + rng.uniform(size=count)) / count
    candidates = np.flatnonzero(reached & (length >= near))
    order = candidates[np.argsort(length[candidates], kind="stable")]
    at = np.searchsorted(length[order], wanted).clip(max=len(order) - 1)
    return [int(goal) for goal in np.unique(order[at])]


def _trace(before: npt.NDArray[np.int32], goal: int) -> list[int]:
    """Return the nodes of the path to `goal`, from its start."""
    path = [int(goal)]
    while before[path[-1]] >= 0:
        path.append(int(before[path[-1]]))
    return path[::-1]


def _straight(free: Mask, cells: Ints) -> Floats:
    """Return the corners of a path (N, 2), in columns, that are left when it is pulled straight."""
    corners, first = [0], 0
    while first < len(cells) - 1:
        # lines of sight are lost and won again along a path, so the farthest one is looked for in halves and then on
        low, high = first + 1, len(cells) - 1
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if _sees(free, cells[first], cells[middle]) else (low, middle - 1)
        corners.append(low)
        first = low
    return cells[_without_detours(free, cells, corners)].astype(np.float64)


def _without_detours(free: Mask, cells: Ints, corners: list[int]) -> list[int]:
    """Return the corners without those that can be left out, tried until none is left to try."""
    kept, at = list(corners), 1
    while at < len(kept) - 1:
        if _sees(free, cells[kept[at - 1]], cells[kept[at + 1]]):
            del kept[at]
            at = max(1, at - 1)
        else:
            at += 1
    return kept


def _sees(free: Mask, start: Ints, end: Ints) -> bool:
    """Return whether every column on the line between two columns is free."""
    count = int(np.ceil(np.abs(end - start).max() / _STRIDE)) + 1
    line = start + (end - start) * np.linspace(0.0, 1.0, count)[:, None]
    x, y = np.floor(line + 0.5).astype(np.int64).T
    return bool(free[x, y].all())


def _on_ground(ground: Ground, cells: Floats) -> Floats:
    """Return corners (N, 2), in columns, as points on the ground (M, 3) [m], with more where it bends between them."""
    flat = ground.middle(cells)
    parts = [_bent(ground, flat[i : i + 2])[1:] for i in range(len(flat) - 1)]
    first = ground.filled[tuple(cells[0].astype(np.int64))]
    return np.concatenate([[[*flat[0], first]], *parts])


def _bent(ground: Ground, ends: Floats) -> Floats:
    """Return points (M, 3) [m] of the ground from end to end (2, 2), between which it is straight."""
    line = _sampled(ends, ground.columns.cell_m)
    points = np.column_stack([line, ground.filled[tuple(ground.cells_at(line).T)]])
    kept, spans = {0, len(points) - 1}, [(0, len(points) - 1)]
    while spans:
        first, last = spans.pop()
        share = np.linspace(0.0, 1.0, last - first + 1)
        off = np.abs(points[first : last + 1, 2] - points[first, 2] - share * (points[last, 2] - points[first, 2]))
        if off.max() > _BEND_M:
            middle = first + int(off.argmax())
            kept.add(middle)
            spans += [(first, middle), (middle, last)]
    return points[sorted(kept)]


def _are_clear(paths: list[Floats], space: Traversable, ground: Ground, solids: Solids, cell_m: float) -> list[bool]:
    """Return of each path whether the robot's cylinder meets nothing higher than its step anywhere on it."""
    from ..kernels.cylinder_clearance import cylinder_clearance

    if not paths:
        return []
    robot, dense = space.robot, [_sampled(path, cell_m) for path in paths]
    flat = np.concatenate(dense)
    x, y = ground.cells_at(flat).T
    bases = np.column_stack([flat, ground.filled[x, y] + robot.step_m + 0.02])
    tops = ground.filled[x, y] + robot.height_m
    clear = cylinder_clearance(solids.tree, bases, tops, robot.radius_m + 0.01) > robot.radius_m
    ends = np.cumsum([len(points) for points in dense])[:-1]
    return [bool(part.all()) for part in np.split(clear, ends)]


def _sampled(path: Floats, step_m: float) -> Floats:
    """Return points (N, 2) along a path, no farther from each other than `step_m`."""
    parts = [path[:1, :2]]
    for start, end in zip(path[:-1, :2], path[1:, :2], strict=True):
        count = max(1, int(np.ceil(np.hypot(*(end - start)) / step_m)))
        parts.append(start + (end - start) * (np.arange(1, count + 1) / count)[:, None])
    return np.concatenate(parts)


def _task(path: Floats, yaw_rad: float) -> Task:
    length = float(np.linalg.norm(np.diff(path, axis=0), axis=1).sum())
    return Task(path.astype(np.float32), yaw_rad, length)
