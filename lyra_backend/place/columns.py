"""Colliders seen from above: what stands in each column of a grid, and the surfaces that one could stand on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..types import CollisionProxy
from ..types.mesh import concatenate_meshes, triangle_normals_and_areas
from ..types.rotations import matrix_from_quat

if TYPE_CHECKING:
    from ..kernels.column_spans import ColumnSpans
    from ..kernels.mesh_distance import MeshTree

__all__ = ["Columns", "Solids", "look_down", "solids_of"]

Floats = npt.NDArray[np.floating]
Mask = npt.NDArray[np.bool_]

#: Poses of what is carried along a path that are looked at.
_POSES_MAX = 64
#: Upward part of the unit normal below which a surface is a wall: steeper than 60 degrees.
_LEVEL_ENOUGH = 0.5
#: Hits so near to each other that face the same way are one surface [m].
_SAME_M = 1e-3
#: Where cells begin, in their sides.
_BESIDE = 0.25
#: Surfaces to stand on that are kept of one column, from the lowest upwards.
_LEVELS_MAX = 6


@dataclass(frozen=True, eq=False)
class Solids:
    """All that a robot can bump into, as triangles.

    Attributes:
        vertices: corners, frame WORLD [m], shape (V, 3).
        triangles: vertex indices, wound towards free space, shape (F, 3).
        moving: triangles of what moves or can be pushed, shape (F,): an obstacle and no ground.
        tree: the same triangles, to ask of.
    """

    vertices: Floats
    triangles: npt.NDArray[np.integer]
    moving: Mask
    tree: MeshTree


@dataclass(frozen=True, eq=False)
class Columns:
    """The grid of columns, indexed [x, y].

    Attributes:
        origin: x and y of the corner with the least coordinates [m].
        cell_m: side of a column [m].
        spans: heights of each triangle in each column.
        levels: surfaces to stand on, from low to high, nan where there are no more, shape (L, X, Y) [m].
        facing: upward part of their unit normals, shape (L, X, Y).
        headroom: free height above them, inf under the sky, shape (L, X, Y) [m].
    """

    origin: tuple[float, float]
    cell_m: float
    spans: ColumnSpans
    levels: Floats
    facing: Floats
    headroom: Floats

    @property
    def shape(self) -> tuple[int, int]:
        return self.levels.shape[1], self.levels.shape[2]


def solids_of(proxy: CollisionProxy) -> Solids:
    """Return the colliders as one mesh; what is carried along a path is everywhere on it at once."""
    from ..kernels.mesh_distance import MeshTree

    parts = [(p.vertices, p.triangles, p.dynamic) for p in proxy.whole()]
    for body in proxy.kinematic:
        stride = -(-len(body.times_s) // _POSES_MAX)
        turns = matrix_from_quat(body.quats_wxyz[::stride])
        for turn, position in zip(turns, body.positions[::stride], strict=True):
            around = body.part.vertices - body.positions[0]
            parts.append(((around @ turn.T + position).astype(np.float32), body.part.triangles, True))
    vertices, triangles = concatenate_meshes([(v, t) for v, t, _ in parts])
    moving = np.repeat([m for *_, m in parts], [len(t) for _, t, _ in parts])
    return Solids(vertices, triangles, moving.astype(bool), MeshTree(vertices, triangles))


def look_down(solids: Solids, cell_m: float, headroom_m: float) -> Columns:
    """Look down on a scene.

    Args:
        solids: what is there.
        cell_m: side of a column [m].
        headroom_m: free height that a surface must have above it to be stood on [m].
    """
    from ..kernels.column_spans import column_spans

    corners = solids.vertices[solids.triangles]
    low, high = solids.vertices[:, :2].min(axis=0), solids.vertices[:, :2].max(axis=0)
    # Walls of rooms often lie at whole or half multiples of the side; cells begin a quarter beside these, so that a
    # millimetre of error leaves a wall in its cell.
    first = np.floor(low.astype(np.float64) / cell_m - _BESIDE) - 1 + _BESIDE
    across, along = (int(n) for n in np.ceil(high / cell_m) + 1 - first)
    origin = (float(first[0] * cell_m), float(first[1] * cell_m))
    spans = column_spans(corners, origin, cell_m, (across, along))
    up = triangle_normals_and_areas(corners)[0][:, 2]
    levels, facing, headroom = _levels(spans, up, solids.moving, (across, along), headroom_m)
    return Columns(origin, cell_m, spans, levels, facing, headroom)


def _levels(
    spans: ColumnSpans, up: Floats, moving: Mask, shape: tuple[int, int], headroom_m: float
) -> tuple[Floats, Floats, Floats]:
    """Return heights, upward parts of the normals, and headroom of the surfaces that have it and free space above."""
    hit = np.flatnonzero(~np.isnan(spans.middle) & ~moving[spans.triangle])
    hit = hit[np.lexsort((spans.middle[hit], spans.cell[hit]))]
    cell, height, facing = spans.cell[hit], spans.middle[hit].astype(np.float64), up[spans.triangle[hit]]
    same = (cell[1:] == cell[:-1]) & (height[1:] - height[:-1] < _SAME_M) & (facing[1:] * facing[:-1] > 0)
    keep = np.r_[True, ~same][: len(hit)]
    cell, height, facing = cell[keep], height[keep], facing[keep]
    headroom, open_ = np.full(len(cell), np.inf), np.ones(len(cell), bool)
    pair = cell[1:] == cell[:-1]
    headroom[:-1][pair] = (height[1:] - height[:-1])[pair]
    # under a surface that faces up there is something solid
    open_[:-1][pair] = facing[1:][pair] <= 0
    stands = (facing > _LEVEL_ENOUGH) & (headroom >= headroom_m) & open_
    return _stacked(cell[stands], height[stands], facing[stands], headroom[stands], shape)


def _stacked(
    cell: npt.NDArray[np.integer], height: Floats, facing: Floats, headroom: Floats, shape: tuple[int, int]
) -> tuple[Floats, Floats, Floats]:
    """Return three numbers of surfaces, which are sorted by column and height, as arrays (L, X, Y)."""
    rank = np.arange(len(cell)) - np.searchsorted(cell, cell)
    kept = rank < _LEVELS_MAX
    count = int(rank[kept].max(initial=0)) + 1
    stacked = []
    for values, missing in ((height, np.nan), (facing, 0.0), (headroom, 0.0)):
        layers = np.full((count, shape[0] * shape[1]), missing)
        layers[rank[kept], cell[kept]] = values[kept]
        stacked.append(layers.reshape(count, *shape))
    return stacked[0], stacked[1], stacked[2]
