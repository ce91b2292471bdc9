"""Where free space ends on its lattice."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .._scan.lattice import Points

__all__ = ["free_ends"]

Ints = npt.NDArray[np.integer]
Bools = npt.NDArray[np.bool_]


def free_ends(reached: Points) -> tuple[Ints, Ints, Ints]:
    """Return where free space ends: the last reached points (N, 3), the steps from there (N, 3), and the width of the
    square [voxels] each stands for (N,): 1, or 8 between two blocks without surface."""
    blocks = np.zeros((len(reached.dense), 3), np.int64)
    held = np.argwhere(reached.directory >= 0)
    blocks[reached.directory[tuple(held.T)]] = held
    cubes = reached.dense.reshape(-1, 8, 8, 8).astype(bool)
    parts = [
        part
        for axis in range(3)
        for part in (_ends_inside(cubes, blocks, axis), *_ends_between(reached, cubes, blocks, axis))
    ]
    return tuple(np.concatenate(column) for column in zip(*parts, strict=True))  # type: ignore[return-value]


def _ends(low: Ints, axis: int, below: Bools, above: Bools, width: int) -> tuple[Ints, Ints, Ints]:
    """Ends at edges from points `low` (N, 3) along an axis, one of whose sides is reached and the other not."""
    step = np.eye(3, dtype=np.int64)[axis]
    up, down = low[below & ~above], low[~below & above] + step
    ways = np.concatenate([np.tile(step, (len(up), 1)), np.tile(-step, (len(down), 1))])
    return np.concatenate([up, down]), ways, np.full(len(ways), width)


def _ends_inside(cubes: Bools, blocks: Ints, axis: int) -> tuple[Ints, Ints, Ints]:
    lower, upper = [slice(None)] * 4, [slice(None)] * 4
    lower[axis + 1], upper[axis + 1] = slice(0, 7), slice(1, 8)
    below, above = cubes[tuple(lower)], cubes[tuple(upper)]
    at = np.argwhere(below != above)
    return _ends(blocks[at[:, 0]] * 8 + at[:, 1:], axis, below[tuple(at.T)], above[tuple(at.T)], 1)


def _ends_between(reached: Points, cubes: Bools, blocks: Ints, axis: int) -> list[tuple[Ints, Ints, Ints]]:
    """Ends between neighbouring blocks: point by point if either holds surface, else one for the whole face."""
    step = np.eye(3, dtype=np.int64)[axis]
    shape = np.array(reached.directory.shape)
    parts = []
    for side, ways in ((7, step), (0, -step)):
        other = blocks + ways
        ok = np.flatnonzero(((other >= 0) & (other < shape)).all(axis=1))
        slot = reached.directory[tuple(other[ok].T)]
        # pairs of two such blocks are met from below only
        ok, slot = (a[(slot < 0) | (side == 7)] for a in (ok, slot))
        mine = np.take(cubes[ok], side, axis=axis + 1)
        theirs = np.take(cubes[slot], 7 - side, axis=axis + 1)
        empty = reached.sparse[tuple(other[ok].T)].astype(bool)
        theirs = np.where((slot >= 0)[:, None, None], theirs, empty[:, None, None])
        n, u, v = np.nonzero(mine != theirs)
        at = blocks[ok[n]] * 8 + np.insert(np.stack([u, v], axis=1), axis, side, axis=1)
        low = at if side == 7 else at - step
        below, above = (mine, theirs) if side == 7 else (theirs, mine)
        parts.append(_ends(low, axis, below[n, u, v], above[n, u, v], 1))
    void = reached.directory < 0
    lower, upper = [slice(None)] * 3, [slice(None)] * 3
    lower[axis], upper[axis] = slice(0, -1), slice(1, None)
    pair = void[tuple(lower)] & void[tuple(upper)]
    below, above = (reached.sparse[tuple(part)].astype(bool) for part in (lower, upper))
    at = np.argwhere(pair & (below != above))
    low = at * 8 + 4
    low[:, axis] = at[:, axis] * 8 + 7
    parts.append(_ends(low, axis, below[tuple(at.T)], above[tuple(at.T)], 8))
    return parts
