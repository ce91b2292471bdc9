"""A box cut out of the lattice as plain arrays, and walks along its open edges."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .free_space import FreeSpace
from .lattice import BLOCK
from .sheets import Sheets

__all__ = ["Cutout", "cut_out"]

Ints = npt.NDArray[np.integer]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Cutout:
    """Part of the lattice, made of whole blocks.

    Attributes:
        low: lattice point of entry (0, 0, 0), shape (3,).
        reached: points that are free and reached, shape (X, Y, Z).
        in_sheet: points that lie in a sheet, shape (X, Y, Z).
        vacant: points of blocks without any surface, shape (X, Y, Z).
        open_edges: whether the edge to +x, +y, +z is open, shape (3, X, Y, Z).
    """

    low: Ints
    reached: Bools
    in_sheet: Bools
    vacant: Bools
    open_edges: Bools

    @property
    def passable(self) -> npt.NDArray[np.uint8]:
        """Bits per point as lines of sight want them."""
        bits = (~self.in_sheet).astype(np.uint8)
        for axis in range(3):
            bits |= self.open_edges[axis].astype(np.uint8) << np.uint8(axis + 1)
        return bits

    def joints(self, ones: Bools, others: Bools) -> tuple[Ints, Ints]:
        """Return lower ends (N, 3) and axes (N,) of open edges with one end in `ones` and the other in `others`."""
        ends, axes = [], []
        for axis in range(3):
            low, high = _pair(axis)
            joined = (ones[low] & others[high]) | (others[low] & ones[high])
            ends.append(np.argwhere(joined & self.open_edges[axis][low]))
            axes.append(np.full(len(ends[-1]), axis))
        return np.concatenate(ends), np.concatenate(axes)

    def clear(self) -> Bools:
        """Reached points without a sheet on one of their edges."""
        clear = self.reached.copy()
        for axis in range(3):
            low, high = _pair(axis)
            clear[low] &= self.open_edges[axis][low]
            clear[high] &= self.open_edges[axis][low]
        return clear

    def grown(self, points: Bools) -> Bools:
        """Return `points` and the reached ones that open edges join to them."""
        grown = points.copy()
        for axis in range(3):
            low, high = _pair(axis)
            open_ = self.open_edges[axis][low]
            grown[low] |= points[high] & open_
            grown[high] |= points[low] & open_
        return grown & self.reached

    def shrunk(self, points: Bools) -> Bools:
        """Return `points` without those that an open edge joins to other reached ones."""
        return points & ~self.grown(self.reached & ~points)

    def below(self, points: Bools) -> Bools:
        """Return `points` and the reached ones from which an open way leads straight up to one of them."""
        found = points.copy()
        for k in range(found.shape[2] - 2, -1, -1):
            found[:, :, k] |= found[:, :, k + 1] & self.open_edges[2][:, :, k] & self.reached[:, :, k]
        return found

    def blocks_with(self, points: Bools) -> Bools:
        """All points of the blocks that hold any of `points`."""
        x, y, z = np.array(points.shape) // BLOCK
        held = points.reshape(x, BLOCK, y, BLOCK, z, BLOCK).any(axis=(1, 3, 5), keepdims=True)
        return np.broadcast_to(held, (x, BLOCK, y, BLOCK, z, BLOCK)).reshape(points.shape)

    def parts(self, points: Bools) -> npt.NDArray[np.int32]:
        """Number (X, Y, Z) the parts of `points` that open edges join, from 0; -1 elsewhere."""
        from scipy.sparse import coo_matrix
        from scipy.sparse.csgraph import connected_components

        numbers = np.full(points.shape, -1, np.int32)
        count = int(points.sum())
        if not count:
            return numbers
        numbers[points] = np.arange(count)
        low, axis = self.joints(points, points)
        high = low + np.eye(3, dtype=np.int64)[axis]
        pair = numbers[tuple(low.T)], numbers[tuple(high.T)]
        graph = coo_matrix((np.ones(len(low), bool), pair), shape=(count, count))
        numbers[points] = connected_components(graph, directed=False)[1]
        return numbers


def _pair(axis: int) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Slices to the lower and the upper ends of the edges along an axis."""
    low, high = [slice(None)] * 3, [slice(None)] * 3
    low[axis], high[axis] = slice(-1), slice(1, None)
    return tuple(low), tuple(high)


def cut_out(sheets: Sheets, free: FreeSpace, low: Ints, high: Ints) -> Cutout:
    """Cut out the blocks that hold lattice points `low` to `high` (3,), both included, as far as there are any."""
    first = np.maximum(np.asarray(low) // BLOCK, 0)
    last = np.minimum(np.asarray(high) // BLOCK + 1, sheets.directory.shape)
    box = tuple(slice(a, b) for a, b in zip(first, last, strict=True))
    slots = sheets.directory[box]
    held = slots >= 0

    def cube(dense: npt.NDArray, sparse: npt.NDArray) -> npt.NDArray:
        values = np.repeat(sparse[..., None], BLOCK**3, axis=3)
        values[held] = dense
        shape = (*slots.shape, BLOCK, BLOCK, BLOCK)
        return values.reshape(shape).transpose(0, 3, 1, 4, 2, 5).reshape(np.array(slots.shape) * BLOCK)

    inner = slots[held]
    reached = cube(free.reached.dense[inner], free.reached.sparse[box])
    in_sheet = cube(free.sheet_edge.dense[inner] >= 0, np.zeros(slots.shape, bool))
    vacant = cube(np.zeros((int(held.sum()), 1), bool), ~held)
    opened = []
    for axis in range(3):
        edge = sheets.edge_index[inner, axis]
        opened.append(cube((edge < 0) | ~sheets.blocked[edge], np.ones(slots.shape, bool)))
    return Cutout(first * BLOCK, reached, in_sheet, vacant, np.stack(opened))
