"""Free space: what a robot or camera can reach without passing a sheet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .lattice import Grid, Points
from .sheets import Sheets, edge_points

__all__ = ["FreeSpace", "find_free_space", "open_edges", "regions_without"]

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.floating]

_NO_GROUND = np.int32(2**30)
_MIN_SHARE = 0.1  # of the votes of the most voted region that a region needs to count as free space


@dataclass(frozen=True)
class FreeSpace:
    """Lattice points that can be reached.

    Attributes:
        reached: bool per lattice point.
        interior: bool per lattice point: counts as reached only so that solids are lined from inside.
        sheet_edge: per lattice point the edge whose sheet it lies in, -1 if in none.
        ground: lower end of the lowest sheet above which a column is free, per column (NX, NY); 2**30 where nothing is.
        floor_columns: columns that voted: those with a floor and headroom.
        regions: number of regions that count as free.
    """

    reached: Points
    interior: Points
    sheet_edge: Points
    ground: npt.NDArray[np.int32]
    floor_columns: int
    regions: int

    @property
    def inside(self) -> Bools:
        """Columns of the scene's plan, enclosed gaps included, shape (NX, NY)."""
        return self.ground < _NO_GROUND


def find_free_space(sheets: Sheets, grid: Grid, cameras: Floats, robot_height: float) -> FreeSpace:
    """Flood the free points above the ground from where robots and cameras are.

    Args:
        sheets: what blocks.
        grid: the lattice.
        cameras: points known to be free [m], shape (C, 3), may be empty.
        robot_height: headroom [m] a floor needs to count.
    """
    from ...kernels.flood import label_regions
    from ...kernels.lattice_walls import points_in_sheets

    sheet_edge = points_in_sheets(
        sheets.directory, sheets.blocks, sheets.edge_index, sheets.low, sheets.high, sheets.needed
    )
    lowest = _lowest_sheet(sheets, grid)
    ground = _ground(lowest, max(1, round(0.75 / grid.voxel_size)))
    passable = _passable(sheets, sheet_edge, ground)
    labels, block_labels = label_regions(
        sheets.directory, sheets.blocks, passable, _open_blocks(sheets.directory, ground)
    )
    regions = Points(sheets.directory, labels, block_labels)
    names, floor_columns = _free_regions(regions, lowest, grid, cameras, robot_height)
    reached = regions.mapped(np.isin(labels, names), np.isin(block_labels, names))
    in_sheets = Points(sheets.directory, sheet_edge, np.full(sheets.directory.shape, -1, np.int32))
    nowhere = regions.mapped(np.zeros(labels.shape, bool), np.zeros(block_labels.shape, bool))
    return FreeSpace(reached, nowhere, in_sheets, ground, floor_columns, len(names))


def regions_without(closed: npt.NDArray[np.int64], free: FreeSpace, sheets: Sheets) -> Points:
    """Label the parts that free space falls into when lattice points (N, 3) are taken away; -1 where it is not free.

    In blocks without any surface the whole block goes: there nothing narrower is known.
    """
    from ...kernels.flood import label_regions

    point_free, block_free = free.reached.dense.copy(), free.reached.sparse & (sheets.directory < 0)
    block = tuple((closed >> 3).T)
    slot, inner = sheets.directory[block], closed & 7
    held = slot >= 0
    point_free[slot[held], (inner[:, 0] * 64 + inner[:, 1] * 8 + inner[:, 2])[held]] = False
    block_free[tuple(index[~held] for index in block)] = False
    bits = point_free.astype(np.uint8) | open_edges(sheets)
    return Points(sheets.directory, *label_regions(sheets.directory, sheets.blocks, bits, block_free))


def _lowest_sheet(sheets: Sheets, grid: Grid) -> npt.NDArray[np.int32]:
    """Lower end of the lowest blocked vertical edge of each column."""
    points, axis = edge_points(sheets.blocks, sheets.owner[sheets.blocked])
    points = points[axis == 2]
    lowest = np.full(grid.shape[:2], _NO_GROUND, np.int32)
    np.minimum.at(lowest, (points[:, 0], points[:, 1]), points[:, 2].astype(np.int32))
    return lowest


def _ground(lowest: npt.NDArray[np.int32], radius: int) -> npt.NDArray[np.int32]:
    """Fill enclosed gaps of the ground with what is around them, and cut what sticks out and is narrow.

    Under furniture nobody saw the floor: there the lowest sheet is the seat, and what is under it is free all the same.
    """
    from scipy import ndimage

    known = lowest < _NO_GROUND
    if not known.any():
        return lowest
    footprint = ndimage.binary_fill_holes(known)
    nearest = ndimage.distance_transform_edt(~known, return_distances=False, return_indices=True)
    filled = lowest[tuple(nearest)]
    size = 2 * radius + 1
    opened = ndimage.maximum_filter(ndimage.minimum_filter(filled, size), size)
    return np.where(footprint, np.minimum(filled, opened), _NO_GROUND).astype(np.int32)


def _passable(
    sheets: Sheets, sheet_edge: npt.NDArray[np.int32], ground: npt.NDArray[np.int32]
) -> npt.NDArray[np.uint8]:
    x, y, z = ((sheets.blocks[:, k, None] * 8 + np.arange(8)) for k in range(3))
    level = ground[x[:, :, None], y[:, None, :]]
    above = (z[:, None, None, :] > level[..., None]).reshape(len(sheets.blocks), 512)
    return ((sheet_edge < 0) & above).view(np.uint8) | open_edges(sheets)


def open_edges(sheets: Sheets) -> npt.NDArray[np.uint8]:
    """Return bits 2, 4 and 8 per point (B, 512): its edge to +x, +y, +z is open."""
    bits = np.zeros((len(sheets.blocks), 512), np.uint8)
    for axis in range(3):
        edge = sheets.edge_index[:, axis]
        closed = (edge >= 0) & sheets.blocked[edge]
        bits |= (~closed).view(np.uint8) << np.uint8(axis + 1)
    return bits


def _open_blocks(directory: npt.NDArray[np.int32], ground: npt.NDArray[np.int32]) -> Bools:
    """Empty blocks that lie above the ground of at least one of their columns."""
    bx, by, bz = directory.shape
    lowest = ground.reshape(bx, 8, by, 8).min(axis=(1, 3))
    return (directory < 0) & (np.arange(bz) * 8 > lowest[:, :, None])


def _free_regions(
    regions: Points, lowest: npt.NDArray[np.int32], grid: Grid, cameras: Floats, robot_height: float
) -> tuple[npt.NDArray[np.int32], int]:
    """Return the labels of free regions: those with cameras, or with much floor under headroom; and the votes."""
    columns = np.argwhere(lowest < _NO_GROUND)
    start = lowest[tuple(columns.T)].astype(np.int64) + 2
    top = grid.shape[2] - 1
    heights = [start + round(height / grid.voxel_size) for height in (0.2, robot_height / 2, robot_height)]
    labels = [regions.at(np.column_stack([columns, np.minimum(z, top)])) for z in heights]
    agree = (labels[0] >= 0) & (labels[0] == labels[1]) & (labels[1] == labels[2])
    votes = [_popular(labels[0][agree])]
    if len(cameras):
        points = np.rint(grid.to_lattice(cameras)).astype(np.int64)
        inside = ((points >= 0) & (points < grid.shape)).all(axis=1)
        seen = regions.at(points[inside])
        seen = _popular(seen[seen >= 0])
        if len(seen):
            votes = [seen]
    return np.unique(np.concatenate(votes)), int(agree.sum())


def _popular(labels: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    names, counts = np.unique(labels, return_counts=True)
    return names[counts >= _MIN_SHARE * counts.max()] if len(names) else names
