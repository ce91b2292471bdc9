"""The ground of a scene: of all surfaces that one could stand on, those that robots get to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .columns import Columns

__all__ = ["Ground", "find_ground"]

Floats = npt.NDArray[np.floating]
Mask = npt.NDArray[np.bool_]

#: Surfaces of neighbouring columns that differ by no more hang together [m].
_CLIMB_M = 0.25
#: A piece with this share of the largest one's area can be the ground; the lowest of them is.
_GROUND_SHARE = 0.25
#: Further pieces belong to it where they are at least so large [m^2] and lie at the height of the nearest ground [m].
_PIECE_M2, _LEVEL_M = 0.5, 0.3
#: Width over which slopes are measured [m].
_SLOPE_WIDTH_M = 0.3


@dataclass(frozen=True, eq=False)
class Ground:
    """The ground in each column, arrays (X, Y).

    Attributes:
        columns: the grid.
        height: of the ground [m], nan where there is none.
        filled: of the nearest ground [m].
        slope_deg: steepness, of the surface itself or of its surroundings, whichever is less [deg].
        above_m2: area of further ground above or below the one that the map shows [m^2].
    """

    columns: Columns
    height: Floats
    filled: Floats
    slope_deg: Floats
    above_m2: float

    @property
    def known(self) -> Mask:
        return ~np.isnan(self.height)

    def occupied(self, low_m: float, high_m: float) -> Mask:
        """Return the columns (X, Y) in which something is between two heights above the ground [m]."""
        spans, ground = self.columns.spans, self.filled.ravel()
        base = ground[spans.cell]
        inside = (spans.high > base + low_m) & (spans.low < base + high_m)
        found = np.zeros(ground.size, bool)
        found[spans.cell[inside]] = True
        return found.reshape(self.height.shape)

    def middle(self, cells: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """Return x and y of the middles of columns (N, 2) [m], shape (N, 2)."""
        return np.asarray(self.columns.origin + (cells + 0.5) * self.columns.cell_m, np.float64)

    def cells_at(self, points: Floats) -> npt.NDArray[np.int64]:
        """Return the columns (N, 2) at or next to points (N, 2) [m]."""
        index = np.floor((points - np.array(self.columns.origin)) / self.columns.cell_m).astype(np.int64)
        return np.clip(index, 0, np.array(self.height.shape) - 1)


def find_ground(columns: Columns) -> Ground | None:
    """Return the ground of a scene; None if there is nothing to stand on.

    Pieces of surface hang together where neighbouring columns differ by little. Of the large ones the lowest is the
    ground, so that neither roofs nor table tops are, together with what lies level with it: rooms behind closed doors.
    """
    levels = columns.levels
    if np.isnan(levels).all():
        return None
    pieces = _pieces(levels)
    area = np.bincount(pieces[pieces >= 0])
    chosen = _main_piece(levels, pieces, area)
    height, facing = _lowest(columns, pieces == chosen)
    further = _level_pieces(levels, pieces, area, chosen, height, columns.cell_m)
    rest, rest_facing = _lowest(columns, np.isin(pieces, further))
    added = np.isnan(height) & ~np.isnan(rest)
    height, facing = np.where(added, rest, height), np.where(added, rest_facing, facing)
    elsewhere = (pieces == chosen).sum() - (~np.isnan(height) & ~added).sum()
    height = _without_pinholes(height)
    filled = _from_nearest(height)
    slope = np.minimum(_slope_around(filled, columns.cell_m), np.degrees(np.arccos(np.clip(facing, 0.0, 1.0))))
    return Ground(columns, height, filled, slope, float(elsewhere * columns.cell_m**2))


def _pieces(levels: Floats) -> npt.NDArray[np.int32]:
    """Number the surfaces (L, X, Y) that hang together; -1 where there is none."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    there = ~np.isnan(levels)
    number = np.cumsum(there).reshape(levels.shape) - 1
    pairs = []
    for axis in (1, 2):
        for one in range(len(levels)):
            for other in range(len(levels)):
                before = np.delete(levels[one], -1, axis=axis - 1)
                after = np.delete(levels[other], 0, axis=axis - 1)
                near = np.abs(after - before) <= _CLIMB_M
                first = np.delete(number[one], -1, axis=axis - 1)[near]
                pairs.append(np.stack([first, np.delete(number[other], 0, axis=axis - 1)[near]]))
    rows, cols = np.concatenate(pairs, axis=1)
    count = int(there.sum())
    graph = coo_array((np.ones(len(rows), np.int8), (rows, cols)), shape=(count, count))
    labels = connected_components(graph, directed=False)[1]
    return np.where(there, labels[np.maximum(number, 0)], -1).astype(np.int32)


def _main_piece(levels: Floats, pieces: npt.NDArray[np.int32], area: npt.NDArray[np.integer]) -> int:
    large = np.flatnonzero(area >= _GROUND_SHARE * area.max())
    heights = [np.median(levels[pieces == piece]) for piece in large]
    return int(large[np.argmin(heights)])


def _level_pieces(
    levels: Floats,
    pieces: npt.NDArray[np.int32],
    area: npt.NDArray[np.integer],
    chosen: int,
    height: Floats,
    cell_m: float,
) -> list[int]:
    """Return the other pieces that are large enough and lie at the height of the nearest ground."""
    expected, found = _from_nearest(height), []
    for piece in np.flatnonzero(area * cell_m**2 >= _PIECE_M2):
        if piece != chosen:
            level, x, y = np.nonzero(pieces == piece)
            apart = np.median(np.abs(levels[level, x, y] - expected[x, y]))
            found += [int(piece)] if apart <= _LEVEL_M else []
    return found


def _lowest(columns: Columns, chosen: Mask) -> tuple[Floats, Floats]:
    """Return height and facing of the lowest of the chosen surfaces (L, X, Y) in each column."""
    first = chosen.argmax(axis=0)[None]
    height = np.take_along_axis(columns.levels, first, axis=0)[0]
    facing = np.take_along_axis(columns.facing, first, axis=0)[0]
    there = chosen.any(axis=0)
    return np.where(there, height, np.nan), np.where(there, facing, 1.0)


def _without_pinholes(height: Floats) -> Floats:
    """Return the ground with gaps of one column filled: feet and wheels are wider."""
    from scipy.ndimage import binary_closing

    known = np.pad(~np.isnan(height), 1)
    closed = binary_closing(known, np.ones((2, 2)))[1:-1, 1:-1] | ~np.isnan(height)
    return np.where(closed, _from_nearest(height), np.nan)


def _from_nearest(height: Floats) -> Floats:
    from scipy.ndimage import distance_transform_edt

    missing = np.isnan(height)
    nearest = distance_transform_edt(missing, return_distances=False, return_indices=True)
    return np.asarray(height[tuple(nearest)])


def _slope_around(filled: Floats, cell_m: float) -> Floats:
    """Return the steepness of the ground's surroundings [deg], shape (X, Y)."""
    from scipy.ndimage import uniform_filter

    smooth = uniform_filter(filled, max(3, round(_SLOPE_WIDTH_M / cell_m)))
    along_x, along_y = np.gradient(smooth, cell_m)
    return np.degrees(np.arctan(np.hypot(along_x, along_y)))
