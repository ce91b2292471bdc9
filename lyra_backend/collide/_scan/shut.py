"""Take points out of free space, and let sheets stand where it ends then."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from .free_space import FreeSpace
from .lattice import BLOCK, Points
from .sheets import Sheets

__all__ = ["Pane", "shut", "smooth"]

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.integer]

_AROUND = 3.0  # voxels around an edge that tell which way its pane runs
_FLAT = 1.0  # voxels that the edges of one plane may be off
_STEEP = 0.2  # least share of a pane's normal along an edge it blocks


@dataclass(frozen=True)
class Pane:
    """Edges of the lattice to be blocked.

    Attributes:
        low: lower ends, shape (E, 3).
        axis: directions, shape (E,).
        position: where they are crossed, in [0, 1] from the lower end, shape (E,).
        normal: unit normals of the sheet there, component along the edge > 0, shape (E, 3).
    """

    low: Ints
    axis: Ints
    position: Floats
    normal: Floats


def shut(sheets: Sheets, free: FreeSpace, points: Ints, pane: Pane) -> tuple[Sheets, FreeSpace]:
    """Return the same without `points` (P, 3) in what is reached, and with a `pane` of one opaque layer."""
    directory, blocks = _with_blocks(sheets, points, pane)
    added = blocks[len(sheets.blocks) :]
    flat = _flat(directory, pane.low, pane.axis)
    owner = np.union1d(sheets.owner, flat)
    old, new = np.searchsorted(owner, sheets.owner), np.searchsorted(owner, flat)
    edge_index = np.full((len(blocks), 3, BLOCK**3), -1, np.int32)
    edge_index.reshape(-1)[owner] = np.arange(len(owner), dtype=np.int32)
    layer: dict[str, Any] = {"blocked": True, "density": 1.0, "low": 0.0, "high": 0.0, "needed": 1.0, "deviation": 0.0}
    layer |= {"position": pane.position, "normal": pane.normal}
    columns: dict[str, Any] = {}
    for name, value in layer.items():
        was = getattr(sheets, name)
        columns[name] = np.zeros((len(owner), *was.shape[1:]), was.dtype)
        columns[name][old] = was
        columns[name][new] = value
    shut_in = replace(sheets, directory=directory, blocks=blocks, edge_index=edge_index, owner=owner, **columns)

    def extended(values: Points) -> Points:
        dense = np.repeat(values.sparse[tuple(added.T)][:, None], BLOCK**3, axis=1)
        return Points(directory, np.concatenate([values.dense, dense]), values.sparse)

    reached, edges = _without(extended(free.reached), points), extended(free.sheet_edge)
    numbered = np.where(edges.dense >= 0, old[edges.dense], -1).astype(np.int32)
    return shut_in, replace(
        free,
        reached=reached,
        interior=extended(free.interior),
        sheet_edge=edges.mapped(numbered, edges.sparse),
    )


def _with_blocks(sheets: Sheets, points: Ints, pane: Pane) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Return directory and blocks with those that are needed: they hold edges of the pane, or points but not all."""
    inside, counts = np.unique(points // BLOCK, axis=0, return_counts=True)
    wanted = np.unique(np.concatenate([inside[counts < BLOCK**3], pane.low // BLOCK]), axis=0)
    fresh = wanted[sheets.directory[tuple(wanted.T)] < 0].astype(np.int32)
    directory = sheets.directory.copy()
    directory[tuple(fresh.T)] = len(sheets.blocks) + np.arange(len(fresh), dtype=np.int32)
    return directory, np.concatenate([sheets.blocks, fresh])


def _flat(directory: npt.NDArray[np.int32], low: Ints, axis: Ints) -> npt.NDArray[np.int64]:
    """Flat index (block, axis, point) of edges."""
    slot, inner = directory[tuple((low // BLOCK).T)].astype(np.int64), low % BLOCK
    return (slot * 3 + axis) * BLOCK**3 + (inner[:, 0] * BLOCK + inner[:, 1]) * BLOCK + inner[:, 2]


def _without(reached: Points, points: Ints) -> Points:
    """Return `reached` with False at `points`; of blocks without surface all points must be among them."""
    dense, sparse = reached.dense.copy(), reached.sparse.copy()
    block, inner = tuple((points // BLOCK).T), points % BLOCK
    slot = reached.directory[block]
    held = slot >= 0
    dense[slot[held], ((inner[:, 0] * BLOCK + inner[:, 1]) * BLOCK + inner[:, 2])[held]] = False
    sparse[tuple(index[~held] for index in block)] = False
    sparse[reached.directory >= 0] = False
    return reached.mapped(dense, sparse)


def smooth(low: Ints, axis: Ints, inwards: Floats) -> tuple[Floats, Floats]:
    """Return where a smooth pane crosses edges (E,), in [0, 1], and its unit normals (E, 3), both from what is around.

    Steps of a side that runs aslant of the lattice have its direction on the average.
    """
    from scipy.spatial import KDTree

    step = np.eye(3)[axis]
    middle = low + 0.5 * step
    mean = inwards.sum(axis=0) / max(float(np.linalg.norm(inwards.sum(axis=0))), 1e-9)
    height = (middle - middle.mean(axis=0)) @ mean
    if np.abs(height).max() <= _FLAT:
        normal, centre = np.tile(mean, (len(low), 1)), np.tile(middle.mean(axis=0), (len(low), 1))
    else:
        near = KDTree(middle).query_ball_point(middle, _AROUND)
        normal = np.array([inwards[index].sum(axis=0) for index in near])
        centre = np.array([middle[index].mean(axis=0) for index in near])
        normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
    along = (normal * step).sum(axis=1)
    steep = np.abs(along) >= _STEEP
    shift = ((centre - middle) * normal).sum(axis=1) / np.where(steep, along, 1.0)
    normal = np.where(steep[:, None], normal, inwards)
    return np.clip(0.5 + np.where(steep, shift, 0.0), 0.02, 0.98), normal
