"""Divide Gaussians by place into parts of bounded size: a k-d tree, balanced by count (Bentley 1975).

Does: tell which Gaussian is in which part, the same on every machine. Does not: copy or reorder any.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["divide"]

Ints = npt.NDArray[np.int32]

#: Places that are looked at to find along which axis a part is longest; strays do not count.
_SAMPLE = 10_000
_STRAYS_PERCENT = 2.0


def divide(positions: npt.NDArray[np.floating], most: int) -> list[Ints]:
    """Return as few parts of `positions` (N, 3) as hold at most `most` each: ascending indices, no two sizes far apart.

    Parts are cut across the axis along which most of them is longest. Which side equal coordinates go to is settled by
    their order, so nothing depends on how a library partitions. Beside the indices, memory of 12 bytes a position.
    """
    everything = np.arange(len(positions), dtype=np.int32)
    return _divided(positions, everything, -(-len(positions) // most)) if len(positions) > most else [everything]


def _divided(positions: npt.NDArray[np.floating], own: Ints, parts: int) -> list[Ints]:
    if parts == 1:
        return [own]
    first = parts // 2
    low, high = _cut(positions, own, len(own) * first // parts)
    return [*_divided(positions, low, first), *_divided(positions, high, parts - first)]


def _cut(positions: npt.NDArray[np.floating], own: Ints, count: int) -> tuple[Ints, Ints]:
    """Return the `count` lowest of `own` along their longest axis, and the rest; both keep their order."""
    values = positions[own, _longest_axis(positions[own[:: -(-len(own) // _SAMPLE)]])]
    bound = np.partition(values, count)[count]
    below = values < bound
    equal = np.flatnonzero(values == bound)
    below[equal[: count - int(below.sum())]] = True
    return own[below], own[~below]


def _longest_axis(positions: npt.NDArray[np.floating]) -> int:
    low, high = np.percentile(positions, [_STRAYS_PERCENT, 100 - _STRAYS_PERCENT], axis=0)
    return int(np.argmax(high - low))
