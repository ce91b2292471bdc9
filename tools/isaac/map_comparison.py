"""Two maps of one floor held against each other: ours, and what Isaac Sim's generator finds in its own physics.

The generator gives middles of cells in the world, which are put onto the grid of our map here; so neither the order of
its buffer nor where its own grid begins matters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lyra_backend.errors import InvalidRequest
from lyra_backend.types import Cell, OccupancyMap

__all__ = ["MapComparison", "band_of", "compare_maps", "extent_of", "rasterise"]

Floats = npt.NDArray[np.floating]
Mask = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class MapComparison:
    """How two maps of one grid agree, over cells that both know.

    Attributes:
        cells: how many both know.
        same: share of these that are the same.
        near: share of these whose state the other map has there or in one of the eight cells around, either way.
        missed: share of the other's occupied cells that are free here, and all cells around them too.
        invented: share of our occupied cells that are free there, and all cells around them too.
    """

    cells: int
    same: float
    near: float
    missed: float
    invented: float


def rasterise(occupied: Floats, free: Floats, like: OccupancyMap) -> OccupancyMap:
    """Put middles of cells (N, 2 or 3) [m] onto the grid of another map; what is not named is unknown.

    Where several fall into one cell, occupied wins.

    Raises:
        InvalidRequest: none of them is on that grid.
    """
    cells = np.full(like.cells.shape, Cell.UNKNOWN, np.uint8)
    count = 0
    for points, state in ((free, Cell.FREE), (occupied, Cell.OCCUPIED)):
        columns, rows = _on_grid(points, like)
        cells[rows, columns] = state
        count += len(rows)
    if not count:
        raise InvalidRequest("map: none of the generator's cells lies on the map of the run. Is it the same scene?")
    return OccupancyMap(cells, like.resolution_m, like.corner)


def compare_maps(ours: OccupancyMap, theirs: OccupancyMap) -> MapComparison:
    """Compare two maps of one grid.

    Raises:
        InvalidRequest: the grids differ, or there is no cell that both know.
    """
    if ours.cells.shape != theirs.cells.shape:
        raise InvalidRequest(f"maps: must have one grid, got {ours.cells.shape} and {theirs.cells.shape} cells.")
    known = (ours.cells != Cell.UNKNOWN) & (theirs.cells != Cell.UNKNOWN)
    if not known.any():
        raise InvalidRequest("maps: there is no cell that both know. Is it the same scene?")
    a, b = ours.cells[known], theirs.cells[known]
    near_a = np.where(ours.cells == Cell.OCCUPIED, _around(theirs, Cell.OCCUPIED), _around(theirs, Cell.FREE))
    near_b = np.where(theirs.cells == Cell.OCCUPIED, _around(ours, Cell.OCCUPIED), _around(ours, Cell.FREE))
    return MapComparison(
        int(known.sum()),
        float((a == b).mean()),
        float((near_a & near_b)[known].mean()),
        _unmatched(theirs, ours, known),
        _unmatched(ours, theirs, known),
    )


def extent_of(map_: OccupancyMap) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the lowest and the highest x and y of a map's cells, frame WORLD [m]."""
    x, y = map_.corner
    high, wide = map_.cells.shape
    return (x, y), (x + wide * map_.resolution_m, y + high * map_.resolution_m)


def band_of(ground_m: float, low_m: float, high_m: float) -> tuple[float, float]:
    """Return between which heights of the world something is in the way on a level floor.

    Raises:
        InvalidRequest: there is nothing between them.
    """
    if not low_m < high_m:
        raise InvalidRequest(f"heights of the map: the upper must be above the lower, got {low_m:g} and {high_m:g} m.")
    return ground_m + low_m, ground_m + high_m


def _on_grid(points: Floats, like: OccupancyMap) -> tuple[Numbers, Numbers]:
    """Return columns and rows of the cells that points (N, 2 or 3) lie in; those beside the map are left out."""
    middles = np.asarray(points, np.float64)
    flat = middles[:, :2] if middles.size else np.zeros((0, 2))
    pixels: Numbers = np.floor(like.to_pixels(flat)).astype(np.int64)
    high, wide = like.cells.shape
    inside = ((pixels >= 0) & (pixels < (wide, high))).all(axis=1)
    return pixels[inside, 0], pixels[inside, 1]


def _unmatched(wanted: OccupancyMap, seen: OccupancyMap, known: Mask) -> float:
    """Return the share of the occupied cells of one map that another shows free, with all around them."""
    occupied = (wanted.cells == Cell.OCCUPIED) & known
    return float((occupied & ~_around(seen, Cell.OCCUPIED)).sum() / max(1, occupied.sum()))


def _around(map_: OccupancyMap, state: Cell) -> Mask:
    """Say for each cell whether it or one of its eight neighbours has a state."""
    padded = np.pad(map_.cells == state, 1)
    high, wide = map_.cells.shape
    return np.logical_or.reduce([padded[i : i + high, j : j + wide] for i in range(3) for j in range(3)])
