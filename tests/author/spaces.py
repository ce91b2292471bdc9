"""Where robots can start in a room, made by hand."""

from __future__ import annotations

import numpy as np

from lyra_backend.place.robots import robot
from lyra_backend.types import Navigation, OccupancyMap, RobotSpace, SpawnPoints


def navigation_of(*names: str, spacing_m: float = 1.0, count: int = 25) -> Navigation:
    """Return a square grid of `count` places for each robot, `spacing_m` apart, from the middle outwards."""
    side = int(np.ceil(count**0.5))
    grid = spacing_m * (np.stack(np.meshgrid(*[np.arange(side)] * 2), axis=-1).reshape(-1, 2) - (side - 1) / 2)
    grid = grid[np.argsort(np.linalg.norm(grid, axis=1), kind="stable")][:count]
    points = SpawnPoints(
        np.column_stack([grid, np.zeros(len(grid))]),
        np.linspace(-3.0, 3.0, len(grid)),
        np.full(len(grid), 0.5),
        np.zeros(len(grid), np.int32),
    )
    cells = OccupancyMap(np.zeros((4, 4), np.uint8), 1.0, (-2.0, -2.0))
    spaces = tuple(RobotSpace(robot(name), cells, points) for name in names)
    return Navigation(cells, (), 0.0, 2.5, spaces)
