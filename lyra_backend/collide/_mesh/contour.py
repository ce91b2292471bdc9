"""The surface between reached points and the sheets that stop them: dual contouring on the lattice.

Every lattice edge from a reached point into a sheet gives one quadrilateral around it, turned towards the point, with
one vertex in each of the four cells around the edge. A cell has one vertex for every group of its reached corners that
are joined inside it, so a sheet thinner than a voxel that is reached from both sides gets both. Vertices minimise the
squared distance to the planes of the sheets (Ju et al., "Dual contouring of Hermite data", 2002), held to the mean
crossing so that flat places stay even.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt

from .._scan.free_space import FreeSpace
from .._scan.lattice import Grid, places
from .._scan.sheets import Sheets, edge_points

__all__ = ["LINING", "Faces", "cell_corners_reached", "contour", "edges_at", "find_faces"]

Ints = npt.NDArray[np.integer]
Floats = npt.NDArray[np.floating]

_HOLD = 0.03  # weight of the mean crossing against the planes
_LIGHT_HOLD = 1e-3  # the same where planes were found, whose corners shall be sharp
_SLACK = 0.5  # how far [voxels] a vertex on a found plane may leave its cell
_TWO_SHEETS = 0.15  # spread of crossings [voxels] above which an edge free at both ends is crossed by two sheets
_APART = 0.04  # distance [voxels] kept from a sheet that is reached from both sides, so that its sides are told apart
LINING = 0.2  # the same for the lining of solids, which must stay behind the outside
_CORNERS = np.array([[n >> 2, (n >> 1) & 1, n & 1] for n in range(8)])
_STEP: Ints = np.eye(3, dtype=np.int64)


@dataclass(frozen=True)
class Faces:
    """Where reached space ends, in lattice units.

    Attributes:
        point: reached end of the lattice edge, shape (F, 3).
        axis: direction of the edge, shape (F,).
        lower: the reached end is the lower one, shape (F,).
        crossing: where the sheet crosses, shape (F, 3).
        normal: unit normal of the sheet towards the reached end, shape (F, 3).
        retreat: how far the surface keeps from the sheet, shape (F,).
        lining: the reached end is inside a solid, shape (F,).
        planar: the crossing lies on a plane that was found, shape (F,).
    """

    point: Ints
    axis: npt.NDArray[np.int64]
    lower: npt.NDArray[np.bool_]
    crossing: Floats
    normal: Floats
    retreat: Floats
    lining: npt.NDArray[np.bool_]
    planar: npt.NDArray[np.bool_]

    @property
    def looks_up(self) -> npt.NDArray[np.bool_]:
        """Faces of vertical edges that are reached from above, shape (F,)."""
        return (self.axis == 2) & ~self.lower


def find_faces(sheets: Sheets, free: FreeSpace) -> Faces:
    """Return where reached space and the lined inside of solids end."""
    faces = _join([_blocked_faces(sheets, free), _sheet_point_faces(sheets, free)])
    lining = free.interior.at(faces.point)
    ahead = np.where(faces.lower[:, None], _STEP[faces.axis], -_STEP[faces.axis])
    beyond = faces.point + ahead
    beyond += ahead * (free.sheet_edge.at(beyond) >= 0)[:, None]
    both = free.reached.at(beyond) & ~free.interior.at(beyond)
    return replace(faces, retreat=np.where(lining, LINING, np.where(both, _APART, 0.0)), lining=lining)


def contour(
    faces: Faces, sheets: Sheets, free: FreeSpace, grid: Grid
) -> tuple[npt.NDArray[np.float32], Ints, npt.NDArray[np.float32]]:
    """Return vertices (V, 3) in lattice units, quadrilaterals (Q, 4) and the unit normal wanted for each (Q, 3)."""
    if not len(faces.point):
        return np.zeros((0, 3), np.float32), np.zeros((0, 4), np.int64), np.zeros((0, 3), np.float32)
    cells, quads, names = _cell_groups(faces, sheets, free, grid)
    vertices = _vertices(faces, quads, cells, len(names))
    return vertices.astype(np.float32), quads, faces.normal.astype(np.float32)


def _blocked_faces(sheets: Sheets, free: FreeSpace) -> Faces:
    """Faces of blocked edges, seen from whichever end is reached."""
    edges = np.flatnonzero(sheets.blocked)
    low, axis = edge_points(sheets.blocks, sheets.owner[edges])
    reached_low, reached_high = free.reached.at(low), free.reached.at(low + _STEP[axis])
    thin = reached_low & reached_high & (sheets.deviation[edges] > _TWO_SHEETS)
    spread = np.where(thin, sheets.deviation[edges], 0.0)
    parts = []
    for lower, reached in ((True, reached_low), (False, reached_high)):
        e, p, a = edges[reached], low[reached], axis[reached]
        share = sheets.position[e] + (-spread if lower else spread)[reached]
        crossing = p + _STEP[a] * np.clip(share, -0.1, 1.1)[:, None]
        normal = -sheets.normal[e] if lower else sheets.normal[e]
        parts.append(_faces(p if lower else p + _STEP[a], a, lower, crossing, normal))
    return _join(parts)


def _sheet_point_faces(sheets: Sheets, free: FreeSpace) -> Faces:
    """Faces of open edges from a reached point to one that lies in a sheet."""
    slot, local = np.nonzero(free.sheet_edge.dense >= 0)
    inside = sheets.blocks[slot].astype(np.int64) * 8 + np.stack([local >> 6, (local >> 3) & 7, local & 7], axis=-1)
    edge = free.sheet_edge.dense[slot, local]
    foot, foot_axis = edge_points(sheets.blocks, sheets.owner[edge])
    crossing = foot + _STEP[foot_axis] * sheets.position[edge][:, None]
    parts = []
    for axis in range(3):
        for lower in (True, False):
            outer = inside - _STEP[axis] if lower else inside + _STEP[axis]
            owner = outer if lower else inside
            between = edges_at(sheets, owner, axis)
            take = free.reached.at(outer) & ~((between >= 0) & sheets.blocked[between])
            normal = sheets.normal[edge[take]]
            # the sheet's normal has no sign: it must face the reached point
            side = ((outer[take] - crossing[take]) * normal).sum(axis=1)
            normal = normal * np.where(side < 0, -1.0, 1.0)[:, None]
            parts.append(_faces(outer[take], np.full(len(normal), axis), lower, crossing[take], normal))
    return _join(parts)


def _faces(point: Ints, axis: npt.NDArray[np.int64], lower: bool, crossing: Floats, normal: Floats) -> Faces:
    count = len(point)
    no = np.zeros(count, bool)
    return Faces(point, axis, np.full(count, lower), crossing, normal, np.zeros(count), no, no)


def edges_at(sheets: Sheets, points: Ints, axis: int | npt.NDArray) -> npt.NDArray[np.int32]:
    """Index of the edges that start at `points` (N, 3) along `axis`, -1 where untouched, shape (N,)."""
    block, local = places(points, sheets.directory.shape)
    slot = sheets.directory.ravel().take(block)
    # a block that is not there has slot -1: whatever stands at the end of the table is not looked at
    return np.where(slot >= 0, sheets.edge_index.ravel().take((slot * np.int64(3) + axis) * 512 + local), -1)


def _join(parts: list[Faces]) -> Faces:
    names = [f.name for f in fields(Faces)]
    return Faces(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def _cell_groups(faces: Faces, sheets: Sheets, free: FreeSpace, grid: Grid) -> tuple[Ints, Ints, Ints]:
    """Return the cell of each vertex (V, 3), the vertices of each face (F, 4) and the vertices' names."""
    owner = faces.point - np.where(faces.lower[:, None], 0, _STEP[faces.axis])
    b, c = _STEP[(faces.axis + 1) % 3], _STEP[(faces.axis + 2) % 3]
    around = np.stack([owner - b - c, owner - c, owner, owner - b], axis=1)
    # counter-clockwise seen from the reached end
    around[faces.lower] = around[faces.lower][:, ::-1]
    ny, nz = grid.shape[1:]
    key = (around[..., 0] * ny + around[..., 1]) * nz + around[..., 2]
    cell_keys, cell = _numbered(key, around, sheets)
    corners = np.stack([cell_keys // (ny * nz), cell_keys // nz % ny, cell_keys % nz], axis=-1)
    groups = _corner_groups(corners, sheets, free)
    offset = faces.point[:, None, :] - around
    which = offset[..., 0] * 4 + offset[..., 1] * 2 + offset[..., 2]
    names = cell * 8 + groups[cell, which]
    used = np.zeros(8 * len(corners), bool)
    used[names] = True
    unique = np.flatnonzero(used)
    return corners[unique // 8], (np.cumsum(used) - 1)[names], unique


def _numbered(key: Ints, cells: Ints, sheets: Sheets) -> tuple[Ints, Ints]:
    """Return what ``np.unique(key, return_inverse=True)`` would for cells (..., 3), by a table of their blocks."""
    _, by, bz = sheets.directory.shape
    block = (cells[..., 0] >> 3) * by + (cells[..., 1] >> 3)
    block = block * bz + (cells[..., 2] >> 3)
    touched = np.zeros(sheets.directory.size, bool)
    touched[block] = True
    slot = np.cumsum(touched, dtype=np.int32)[block] - 1
    inner = cells & 7
    place = slot.astype(np.int64) * 512 + (inner[..., 0] << 6 | inner[..., 1] << 3 | inner[..., 2])
    table = np.full(512 * int(touched.sum()), -1, np.int64)
    table[place] = key
    held = np.flatnonzero(table >= 0)
    order = held[np.argsort(table[held])]
    keys = table[order]
    table[order] = np.arange(len(order))
    return keys, table[place]


def cell_corners_reached(cells: Ints, free: FreeSpace) -> npt.NDArray[np.bool_]:
    """Return which of the eight corners (C, 8) of cells, given by their lowest corner (C, 3), are reached."""
    return np.stack([free.reached.at(cells + corner) for corner in _CORNERS]).T


def _corner_groups(corners: Ints, sheets: Sheets, free: FreeSpace) -> npt.NDArray[np.int8]:
    """Name each of the eight corners (C, 8) of cells after the first corner it is joined to inside the cell."""
    reached = cell_corners_reached(corners, free)
    joints = []
    for axis in range(3):
        for n in np.flatnonzero(_CORNERS[:, axis] == 0):
            edge = edges_at(sheets, corners + _CORNERS[n], axis)
            m = n + (4 >> axis)
            joints.append((n, m, reached[:, n] & reached[:, m] & ~((edge >= 0) & sheets.blocked[edge])))
    groups = np.repeat(np.arange(8, dtype=np.int8)[:, None], len(corners), axis=1)
    for _ in range(4):  # the longest path between two corners of a cube that names must travel back along
        for n, m, joined in joints:
            smaller = np.minimum(groups[n], groups[m])
            np.copyto(groups[n], smaller, where=joined)
            np.copyto(groups[m], smaller, where=joined)
    return groups.T


def _vertices(faces: Faces, quads: Ints, cells: Ints, count: int) -> Floats:
    """Place each vertex where the planes around it meet, in its cell."""
    flat = quads.ravel()
    each = np.repeat(np.arange(len(quads)), 4)

    def total(values: npt.NDArray) -> Floats:
        return np.bincount(flat, weights=values[each], minlength=count).astype(np.float64)

    weight = total(np.ones(len(quads)))
    mean = np.stack([total(faces.crossing[:, k]) for k in range(3)], axis=-1) / weight[:, None]
    normal = faces.normal
    reach = (normal * faces.crossing).sum(axis=1)
    matrix = np.empty((count, 3, 3))
    for r in range(3):
        for s in range(r, 3):
            matrix[:, r, s] = matrix[:, s, r] = total(normal[:, r] * normal[:, s])
    right = np.stack([total(normal[:, k] * reach) for k in range(3)], axis=-1)
    right -= np.einsum("vij,vj->vi", matrix, mean)
    planar = 2.0 * total(faces.planar) >= weight
    matrix += (np.where(planar, _LIGHT_HOLD, _HOLD) * weight)[:, None, None] * np.eye(3)
    step = np.linalg.solve(matrix, right[..., None])[..., 0]
    away = np.stack([total(normal[:, k] * faces.retreat) for k in range(3)], axis=-1)
    away = np.linalg.solve(matrix, away[..., None])[..., 0]
    slack = np.where(planar, _SLACK, 0.0)[:, None]
    return np.clip(mean + step, cells - slack, cells + 1.0 + slack) + away
