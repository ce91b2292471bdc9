"""Points looked up by place."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["Cubes"]

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.integer]


class Cubes:
    """Points by the cube of space they are in: looking some up costs what is near them, not what there is."""

    def __init__(self, points: Floats, side: float) -> None:
        self._side = side
        cube = self._cube(points)
        self._low = cube.min(axis=0) - 1 if len(cube) else np.zeros(3, np.int64)
        self._span = cube.max(axis=0) - self._low + 2 if len(cube) else np.ones(3, np.int64)
        key = self._key(cube)
        self._order = np.argsort(key, kind="stable")
        self._keys = key[self._order]

    def around(self, points: Floats, reach: float) -> Ints:
        """Return, in order, all within `reach` along each axis of `points` (N, 3), and others in the same cubes."""
        cube = self._cube(points)
        inside = ((cube >= self._low) & (cube < self._low + self._span)).all(axis=1)
        mine = np.unique(self._key(cube[inside]))
        ring = range(-int(np.ceil(reach / self._side)), int(np.ceil(reach / self._side)) + 1)
        steps = [(x * self._span[1] + y) * self._span[2] + z for x in ring for y in ring for z in ring]
        keys = np.unique(mine[:, None] + np.array(steps))
        start, end = (np.searchsorted(self._keys, keys, side) for side in ("left", "right"))
        count = end - start
        place = np.repeat(start - np.cumsum(count) + count, count) + np.arange(count.sum())
        return np.sort(self._order[place])

    def _cube(self, points: Floats) -> Ints:
        return np.floor(points / self._side).astype(np.int64)

    def _key(self, cube: Ints) -> Ints:
        cube = cube - self._low
        return np.asarray((cube[:, 0] * self._span[1] + cube[:, 1]) * self._span[2] + cube[:, 2])
