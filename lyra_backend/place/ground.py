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

#: A piece with this share of the largest one's area can be the ground; the lowest of them is.
_GROUND_SHARE = 0.25
#: Further pieces of at least so much [m^2] belong to it if they are level with the nearest ground: rooms behind doors.
_PIECE_M2 = 0.5
#: They are so high inside [m], which hollows in banks and furniture are not.
_ROOM_M = 1.0
#: Such large ones may be so much higher or lower [m^2, m]: pavements, platforms.
_LARGE_M2, _HIGHER_M = 4.0, 0.3
#: Width over which slopes are measured [m].
_SLOPE_WIDTH_M = 0.3
#: What is narrower and stands out of the ground by more than can be climbed stands on it: logs, sills, roots [m].
_NARROW_M = 0.6


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


def find_ground(columns: Columns, climb_m: float) -> Ground | None:
    """Return the ground of a scene; None if there is nothing to stand on.

    Pieces of surface hang together where neighbouring columns differ by no more than `climb_m` [m]. Of the large ones
    the lowest is the ground, so that neither roofs nor table tops are, together with others that are level with it.
    """
    levels = columns.levels
    if np.isnan(levels).all():
        return None
    pieces = _pieces(levels, climb_m)
    area = np.bincount(pieces[pieces >= 0])
    chosen = _main_piece(levels, pieces, area)
    height, facing = _lowest(columns, pieces == chosen)
    further = _level_pieces(columns, pieces, area, chosen, height, climb_m)
    rest, rest_facing = _lowest(columns, np.isin(pieces, further))
    added = np.isnan(height) & ~np.isnan(rest)
    height, facing = np.where(added, rest, height), np.where(added, rest_facing, facing)
    elsewhere = (pieces == chosen).sum() - (~np.isnan(height) & ~added).sum()
    height = _without_pinholes(_without_bumps(height, columns.cell_m, climb_m))
    filled = _from_nearest(height)
    slope = np.minimum(_slope_around(height, columns.cell_m), np.degrees(np.arccos(np.clip(facing, 0.0, 1.0))))
    return Ground(columns, height, filled, slope, float(elsewhere * columns.cell_m**2))


def _pieces(levels: Floats, climb_m: float) -> npt.NDArray[np.int32]:
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
                near = np.abs(after - before) <= climb_m
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
    columns: Columns,
    pieces: npt.NDArray[np.int32],
    area: npt.NDArray[np.integer],
    chosen: int,
    height: Floats,
    climb_m: float,
) -> list[int]:
    """Return the other pieces that belong to the ground by their size, headroom and height above the nearest of it."""
    expected, found = _from_nearest(height), []
    area_m2 = area * columns.cell_m**2
    for piece in np.flatnonzero(area_m2 >= _PIECE_M2):
        if piece != chosen:
            level, x, y = np.nonzero(pieces == piece)
            if np.median(columns.headroom[level, x, y]) < _ROOM_M:
                continue
            apart = np.median(np.abs(columns.levels[level, x, y] - expected[x, y]))
            most = max(_HIGHER_M, climb_m) if area_m2[piece] >= _LARGE_M2 else climb_m
            found += [int(piece)] if apart <= most else []
    return found


def _lowest(columns: Columns, chosen: Mask) -> tuple[Floats, Floats]:
    """Return height and facing of the lowest of the chosen surfaces (L, X, Y) in each column."""
    first = chosen.argmax(axis=0)[None]
    height = np.take_along_axis(columns.levels, first, axis=0)[0]
    facing = np.take_along_axis(columns.facing, first, axis=0)[0]
    there = chosen.any(axis=0)
    return np.where(there, height, np.nan), np.where(there, facing, 1.0)


def _without_bumps(height: Floats, cell_m: float, climb_m: float) -> Floats:
    """Return the ground without what stands out of it by more than `climb_m` [m] and is narrower than 0.6 m.

    What lies on a slope often touches it somewhere by an edge low enough to climb, and would hang together with it.
    The ground is compared with its morphological opening by a disc, as filters of laser scans do (Zhang and others
    2003): slopes, steps and broad platforms are their own opening.
    """
    from scipy.ndimage import grey_opening

    reach = int(np.ceil(_NARROW_M / 2 / cell_m))
    x, y = np.ogrid[-reach : reach + 1, -reach : reach + 1]
    disc = np.hypot(x, y) * cell_m <= _NARROW_M / 2
    filled = _from_nearest(height)
    return np.where(filled - grey_opening(filled, footprint=disc, mode="nearest") > climb_m, np.nan, height)


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


def _slope_around(height: Floats, cell_m: float) -> Floats:
    """Return the steepness of the plane that fits the ground around each column best [deg], shape (X, Y).

    Least squares over a square, of known ground alone: the ground beyond an edge is not level, there is none.
    """
    from scipy.ndimage import uniform_filter

    there = ~np.isnan(height)
    # over the mean of all, or small differences of large sums would be lost
    z = np.where(there, height - np.nanmean(height), 0.0)
    x, y = np.meshgrid(*(np.arange(n) * cell_m for n in height.shape), indexing="ij")
    width = max(3, 2 * round(_SLOPE_WIDTH_M / cell_m / 2) + 1)

    def mean(values: Floats) -> Floats:
        return np.asarray(uniform_filter(np.where(there, values, 0.0), width, mode="constant"))

    share = np.maximum(mean(there.astype(np.float64)), 1e-9)
    x_mean, y_mean, z_mean = mean(x) / share, mean(y) / share, mean(z) / share
    xx, yy = mean(x * x) / share - x_mean**2, mean(y * y) / share - y_mean**2
    xy = mean(x * y) / share - x_mean * y_mean
    xz, yz = mean(x * z) / share - x_mean * z_mean, mean(y * z) / share - y_mean * z_mean
    determinant = xx * yy - xy**2
    # ground of less than two columns' width has no slope across; there its own counts
    flat = determinant < (0.1 * cell_m) ** 4
    determinant = np.where(flat, 1.0, determinant)
    along_x, along_y = (yy * xz - xy * yz) / determinant, (xx * yz - xy * xz) / determinant
    return np.where(flat, 90.0, np.degrees(np.arctan(np.hypot(along_x, along_y))))
