"""An order of Gaussians of which the first ones, however many, are spread evenly over the whole scene."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["spread_order"]

_BITS = 10


def spread_order(positions: npt.NDArray[np.floating]) -> npt.NDArray[np.int64]:
    """Return the indices of `positions` (N, 3), each once.

    They are laid along a curve that fills space, and taken from it at ever smaller distances: the first, the one in the
    middle, those at the quarters and so on. A part of them has fewer holes and clumps than one drawn by chance.
    """
    along = np.argsort(_curve(positions), kind="stable")
    return along[np.argsort(_reversed_bits(len(positions)), kind="stable")]


def _curve(positions: npt.NDArray[np.floating]) -> npt.NDArray[np.uint32]:
    """Return where each position lies along a Z-order curve through the box of them all, shape (N,)."""
    low, high = positions.min(axis=0), positions.max(axis=0)
    # cells are cubes, so that thin scenes are not cut finer across than along
    side = max(float((high - low).max()), 1e-9)
    cells = np.minimum((positions - low) * ((1 << _BITS) / side), (1 << _BITS) - 1).astype(np.uint32)
    code = np.zeros(len(positions), np.uint32)
    for bit in range(_BITS):
        for axis in range(3):
            code |= ((cells[:, axis] >> np.uint32(bit)) & np.uint32(1)) << np.uint32(3 * bit + axis)
    return code


def _reversed_bits(count: int) -> npt.NDArray[np.uint32]:
    """Return the numbers from 0 to `count` - 1 with the order of their bits turned round."""
    numbers = np.arange(count, dtype=np.uint32)
    reversed_ = np.zeros(count, np.uint32)
    for bit in range(32):
        reversed_ |= ((numbers >> np.uint32(bit)) & np.uint32(1)) << np.uint32(31 - bit)
    return reversed_
