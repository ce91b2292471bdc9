"""Statistics that a few wrong samples do not move."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["weighted_median"]

Floats = npt.NDArray[np.floating]


def weighted_median(values: Floats, weights: Floats) -> float:
    """Return the value that halves the weight of sorted `values` (N,), N > 0."""
    order = np.argsort(values)
    total = np.cumsum(weights[order], dtype=np.float64)
    return float(values[order[np.searchsorted(total, total[-1] / 2)]])
