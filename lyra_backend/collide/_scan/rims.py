"""Where sheets end: lattice lines that pass just beside the edge of one are no part of it.

A lattice line sees Gaussians through a footprint, so lines up to half a voxel beside the edge of a sheet are blocked
too, which keeps corners tight, and the surface would go on to there as a fin. From such a line all of the sheet lies to
one side. For a straight edge at a distance d from the line, blurred by Gaussians of variance b^2, and a footprint of
deviation s, the mean of what is seen is s^2/w f(d/w) / F(-d/w) away, where w^2 = s^2 + b^2 (f, F: the standard normal
density and distribution; their quotient is the inverse of Mills' ratio), from which d follows.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ...types import GaussianCloud
from ...types.rotations import wxyz_to_xyzw
from .._mesh.contour import edges_at
from .._mesh.cubes import Cubes
from .free_space import FreeSpace
from .lattice import Grid
from .sheets import Sheets, edge_points

__all__ = ["find_rims", "without_fins"]

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.integer]
Bools = npt.NDArray[np.bool_]

_FOOTPRINT = 0.5  # deviation [voxels] of what a lattice line sees
_SLAB = 0.5  # voxels to either side of a crossing that belong to its sheet
_REACH = 2.5  # voxels; Gaussians farther away are not seen
_FARTHEST = 2.0  # deviations beside an edge at which lines are no longer blocked
_ASIDE = 0.15  # share of a way along an axis that is more than chance
_STEP: Ints = np.eye(3, dtype=np.int64)


def find_rims(sheets: Sheets, free: FreeSpace, cloud: GaussianCloud, grid: Grid) -> tuple[Ints, Floats]:
    """Return the edges (N,) that pass beside a sheet, and the ways from there to its edge [voxels], shape (N, 3).

    Only edges of which both ends are free: nothing is opened or closed there, whatever becomes of them.
    """
    from ...kernels.mass_offset import mass_offsets

    edges = _beside_open(sheets, free)
    low, axis = edge_points(sheets.blocks, sheets.owner[edges])
    places, normals = low + _STEP[axis] * sheets.position[edges, None], sheets.normal[edges]
    centres = grid.to_lattice(cloud.positions)
    near = Cubes(centres, 2 * _REACH).around(places, _REACH)
    scales, quats = cloud.scales[near] / grid.voxel_size, wxyz_to_xyzw(cloud.quats_wxyz[near])
    seen = mass_offsets(centres[near], scales, quats, cloud.opacities[near], places, normals, _FOOTPRINT, _SLAB)
    ways = _to_edge(*(column.astype(np.float64) for column in seen))
    beside = ways.any(axis=1)
    return edges[beside], ways[beside]


def without_fins(sheets: Sheets, free: FreeSpace, cloud: GaussianCloud, grid: Grid) -> Sheets:
    """Open the edges that pass beside a sheet which is a side of a solid: the solid ends at its other sides."""
    edges, ways = find_rims(sheets, free, cloud, grid)
    low, axis = edge_points(sheets.blocks, sheets.owner[edges])
    aside = np.abs(ways) > _ASIDE * np.linalg.norm(ways, axis=1, keepdims=True)
    inwards = np.where(aside & (_STEP[axis] == 0), np.sign(ways), 0).astype(np.int64)
    solid = np.zeros(len(edges), bool)
    for kept in ((1, 1, 1), (1, 0, 0), (0, 1, 0), (0, 0, 1)):
        inner = low + inwards * np.array(kept)
        beside = edges_at(sheets, inner, axis)
        through = free.reached.at(inner) & free.reached.at(inner + _STEP[axis])
        solid |= (beside >= 0) & sheets.blocked[beside] & ~through
    blocked = sheets.blocked.copy()
    blocked[edges[solid]] = False
    return replace(sheets, blocked=blocked)


def _beside_open(sheets: Sheets, free: FreeSpace) -> Ints:
    """Return the blocked edges that are reached from both ends and next to a parallel edge that is open."""
    edges = np.flatnonzero(sheets.blocked)
    low, axis = edge_points(sheets.blocks, sheets.owner[edges])
    both = free.reached.at(low) & free.reached.at(low + _STEP[axis])
    edges, low, axis = edges[both], low[both], axis[both]
    open_ = np.zeros(len(edges), bool)
    for turn in (1, 2):
        for way in (1, -1):
            beside = edges_at(sheets, low + way * _STEP[(axis + turn) % 3], axis)
            open_ |= (beside < 0) | ~sheets.blocked[beside]
    return edges[open_]


def _to_edge(seen: Floats, blur: Floats) -> Floats:
    """Return the way (N, 3) to the edge of a sheet whose mass is seen so far away (N, 3) and is blurred by a variance
    (N,); none from within it."""
    from scipy.special import log_ndtr

    away = np.linspace(0.0, _FARTHEST, 201)
    mean = np.exp(-0.5 * away**2 - log_ndtr(-away)) / np.sqrt(2 * np.pi)
    length, width = np.linalg.norm(seen, axis=1), np.sqrt(_FOOTPRINT**2 + blur)
    distance = np.interp(length * width / _FOOTPRINT**2, mean, away, left=0.0) * width
    return seen * (distance / np.maximum(length, 1e-9))[:, None]
