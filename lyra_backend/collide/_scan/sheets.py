"""Sheets of surface in a lattice: which edges they block, and which of them are only floaters."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from .._mesh.robust import weighted_median
from .bounds import Fit
from .clumps import clumps

__all__ = ["Sheets", "edge_points", "find_sheets"]

Floats = npt.NDArray[np.floating]
Bools = npt.NDArray[np.bool_]
Lattice = tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.int32]]

_END_SHARE = 0.12  # how near [voxels] a sheet must be to a lattice point to hold it
_COHERENT = 0.8  # length of the mean normal from which Gaussians agree; random ones reach 0.6
_FAINT = 0.25  # share of the scene's typical layers below which a small component floats
_LARGE = 2.0  # area [m2] no floater has
_COLUMNS = ("blocked", "density", "low", "high", "needed", "position", "deviation", "normal")  # one entry an edge
_GROWTH = 2  # cells that an incoherent edge may be away from a coherent one


@dataclass(frozen=True)
class Sheets:
    """Edges of the lattice that a sheet of Gaussians crosses.

    Attributes:
        directory, blocks, edge_index: the lattice, see ``kernels.voxel_blocks``.
        owner: flat index (block, axis, point) of each touched edge, shape (E,).
        blocked: edges nothing can pass, shape (E,).
        density, low, high, needed: layers in the edge, near its ends, and those that make a sheet there, shape (E,).
        position, deviation: where the sheet crosses, in [0, 1] from the lower end, and its spread, shape (E,).
        normal: unit normals, component along the edge > 0, shape (E, 3).
        dropped: number of components that were taken for floaters.
    """

    directory: npt.NDArray[np.int32]
    blocks: npt.NDArray[np.int32]
    edge_index: npt.NDArray[np.int32]
    owner: npt.NDArray[np.int64]
    blocked: Bools
    density: Floats
    low: Floats
    high: Floats
    needed: Floats
    position: Floats
    deviation: Floats
    normal: Floats
    dropped: int


def edge_points(sheets_blocks: npt.NDArray[np.int32], owner: npt.NDArray[np.int64]) -> tuple[npt.NDArray, npt.NDArray]:
    """Return the lower end (E, 3) and the axis (E,) of edges given by their flat index."""
    row = owner >> 9
    slot = row // 3
    points = sheets_blocks.astype(np.int64).take(slot, axis=0) * 8
    for k, shift in enumerate((6, 3, 0)):
        points[:, k] += (owner >> shift) & 7
    return points, row - 3 * slot


def find_sheets(found: Fit, *, density: float, relative_density: float, min_area: float) -> Sheets:
    """Sum the Gaussians up on the lattice, threshold, and drop what floats, with the blocks that hold nothing else.

    Args:
        found: Gaussians that may be surface, on their lattice.
        density: least layers of opaque surface that make a sheet.
        relative_density: least share of the layers around an edge that its own must have: where a surface ends.
        min_area: smallest area of a sheet [m2] that is not a floater.
    """
    from ...kernels.lattice_walls import typical_density, widened
    from ...kernels.voxel_blocks import voxel_blocks

    crossings = voxel_blocks(found.portions, found.directory, end_share=_END_SHARE)
    lattice = (crossings.directory, crossings.blocks, crossings.edge_index)
    low, high = crossings.density_low, crossings.density_high
    owner = np.flatnonzero(crossings.edge_index >= 0)
    layers, position = widened(*lattice, crossings.density, low, high, crossings.position, _END_SHARE, owner)
    axis = (owner // 512) % 3
    normal = _unit(crossings.normal, axis)
    area = np.abs(normal[np.arange(len(axis)), axis]) * found.grid.voxel_size**2
    coherent = np.linalg.norm(crossings.normal, axis=-1) >= _COHERENT
    firm = (layers >= density) & coherent
    usual = weighted_median(layers[firm], area[firm]) if firm.any() else 0.0
    # corners hold the layers of several sheets: what is opaque elsewhere must not count as a gap there
    around = np.minimum(typical_density(*lattice, typical_density(*lattice, layers, owner), owner), usual)
    needed = np.maximum(density, relative_density * around).astype(np.float32)
    blocked = layers >= needed
    shown = (position, normal, area, layers / max(usual, 1e-9))
    kept, dropped = _without_floaters(lattice, owner, blocked, blocked & coherent, shown, min_area)
    zero = np.float32(0)
    low, high = np.where(kept, low, zero), np.where(kept, high, zero)
    return _surface_only(
        Sheets(*lattice, owner, kept, layers, low, high, needed, position, crossings.deviation, normal, dropped)
    )


def _surface_only(sheets: Sheets) -> Sheets:
    """Return the same without idle blocks: where Gaussians float there are many, and nothing further needs them.

    Blocks stay that hold an end of a blocked edge, or one of the edges that continue it.
    """
    owner = sheets.owner[sheets.blocked]
    row = owner >> 9
    stays = np.zeros(len(sheets.blocks), bool)
    stays[row // 3] = True
    for axis, shift in enumerate((6, 3, 0)):
        # only edges at a face of their block go on in another
        along = np.where(row % 3 == axis, (owner >> shift) & 7, -1)
        for at, step in ((0, -1), (7, 1)):
            block = sheets.blocks[np.unique(row[along == at] // 3)] + step * np.eye(3, dtype=np.int32)[axis]
            slot = sheets.directory[tuple(block.T)]
            stays[slot[slot >= 0]] = True
    number = np.append(np.where(stays, np.cumsum(stays, dtype=np.int32) - 1, -1), -1).astype(np.int32)
    edge_index = sheets.edge_index[stays]
    touched = edge_index >= 0
    chosen = edge_index[touched]
    edge_index[touched] = np.arange(len(chosen), dtype=np.int32)
    return replace(
        sheets,
        directory=number[sheets.directory],
        blocks=sheets.blocks[stays],
        edge_index=edge_index,
        owner=np.flatnonzero(touched),
        **{name: getattr(sheets, name)[chosen] for name in _COLUMNS},
    )


def _unit(normal: Floats, axis: npt.NDArray) -> Floats:
    """Normalise; where Gaussians do not agree on a normal the edge itself is the best guess."""
    length = np.linalg.norm(normal, axis=-1, keepdims=True)
    along = np.eye(3, dtype=np.float32)[axis]
    blended = np.where(length > 0.3, normal, along)
    return blended / np.linalg.norm(blended, axis=-1, keepdims=True)


def _without_floaters(
    lattice: Lattice,
    owner: npt.NDArray[np.int64],
    blocked: Bools,
    firm: Bools,
    shown: tuple[Floats, Floats, Floats, Floats],
    min_area: float,
) -> tuple[Bools, int]:
    """Return the blocked edges that are surface (E,) and the number of components that are not.

    A component is a set of neighbouring `firm` edges: their Gaussians agree on a normal. It floats if it is smaller
    than `min_area` [m2], if it is fainter than the scene's surfaces (brightness 1) and no larger than a piece of
    furniture, or if it is a clump. Edges with no common normal (ridges, foliage) stay if they touch what stays.
    `shown` is position, normal, area [m2] and brightness of each edge.
    """
    from ...kernels.lattice_walls import label_sheets, touching_sheets

    position, normal, area, brightness = shown
    if not firm.any():
        return np.zeros_like(blocked), 0
    labels = label_sheets(*lattice, firm, owner)[firm]
    areas = np.bincount(labels, weights=area[firm], minlength=len(firm))
    light = np.bincount(labels, weights=(area * brightness)[firm], minlength=len(firm))
    stays = (areas >= min_area) & ((light >= _FAINT * areas) | (areas >= _LARGE))
    foot, axis = edge_points(lattice[1], owner[firm])
    stays &= ~clumps(labels, foot + np.eye(3)[axis] * position[firm, None], normal[firm], areas, min_area)
    kept = firm.copy()
    kept[firm] = stays[labels]
    for _ in range(_GROWTH):
        kept = touching_sheets(*lattice, kept, blocked, owner)
    return kept, int(((areas > 0) & ~stays).sum())
