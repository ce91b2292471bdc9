"""Triangle meshes as Wavefront OBJ: a library for all formats takes longer to load than this to write."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

__all__ = ["write_obj"]

_ROWS_AT_ONCE = 65_536


def write_obj(path: Path, vertices: npt.NDArray[np.floating], triangles: npt.NDArray[np.integer]) -> None:
    """Write vertices (V, 3) [m] with eight decimals and triangles (F, 3), counter-clockwise seen from the front."""
    with path.open("w", encoding="ascii", newline="\n") as file:
        _write_rows(file.write, "v %.8f %.8f %.8f\n", np.asarray(vertices, np.float64))
        # corners are counted from 1
        _write_rows(file.write, "f %d %d %d\n", np.asarray(triangles, np.int64) + 1)


def _write_rows(write: Callable[[str], object], line: str, rows: npt.NDArray[np.generic]) -> None:
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        part = rows[start : start + _ROWS_AT_ONCE]
        write(line * len(part) % tuple(part.ravel().tolist()))
