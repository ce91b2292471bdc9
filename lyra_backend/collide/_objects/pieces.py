"""Convex pieces of a solid, cheaply: cells along its own axes are cut where cross-sections change most.

The cutting follows Mamou and Ghorbel's idea ("A simple and efficient approach for 3D mesh approximate convex
decomposition", 2009) of splitting whatever differs most from its convex hull; planes lie along the solid's axes only,
because furniture is made of boxes. Cells only choose the cuts: hulls are made of points of the surface itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from .._mesh.triangles import areas, cross, normals
from .cells import FLAT, Cells, column_ends, solid_cells
from .fit import Thing, samples_on
from .hulls import Hull, hull_of

__all__ = ["convex_pieces"]

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.integer]
Bools = npt.NDArray[np.bool_]
Surface = tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]

_PIECES = 16
_HOLLOW = 0.02  # share of the solid that all pieces together may have too much
_STEPS = 0.4  # of a cell that hulls of slanted and round sides have too much on average
_CLOSE_M = 0.01  # what they may have too much in any case
_INSIDE_M = 0.008  # how far below the surface the cell lies that a point of it belongs to
_FLAT_SHARE = 0.04  # share of a piece's points that make a flat side
_SEAM_M = 0.045  # how far seams stick out
_SMALLEST = 0.002  # share of the solid below which a loose piece is left out
_SPACING_M = 0.015  # of points on the surface
_FEWEST, _MOST = 400, 6000  # of them


def convex_pieces(thing: Thing, lids: Surface | None = None) -> list[Hull]:
    """Return convex hulls that together make up the solid below a thing's surface; none if it is no solid.

    Args:
        thing: its outer surface, which may be open below.
        lids: surface that belongs to it but was covered by what stands on it.
    """
    cells = solid_cells(thing, lids)
    if not cells.solid.any():
        return []
    piece = _split(cells)
    count = int(piece.max()) + 1
    wanted = int(np.clip(areas(thing.vertices, thing.faces).sum() / _SPACING_M**2, _FEWEST, _MOST))
    points, normal = samples_on(thing.vertices, thing.faces, wanted)
    local, facing = points @ cells.turn, normal @ cells.turn
    owner = _owners(cells, piece, local - _INSIDE_M * facing)
    corner, corner_owner = _corners(cells, piece, thing)
    cut, cut_owner = _cut_faces(cells, piece)
    local = np.concatenate([local, corner, cut])
    facing = np.concatenate([facing, np.zeros((len(corner) + len(cut), 3))])
    owner = np.concatenate([owner, corner_owner, cut_owner])
    hulls = [hull_of(_flattened(local[owner == i], facing[owner == i]) @ cells.turn.T) for i in range(count)]
    return [h for h in hulls if h is not None]


def _flattened(points: Floats, facing: Floats) -> Floats:
    """Cut what sticks out of flat sides along the axes: seams of the surface, which a hull would grow to."""
    if not len(points):
        return points
    points = points.copy()
    for axis in range(3):
        for sign in (-1.0, 1.0):
            along = sign * points[:, axis]
            side = (sign * facing[:, axis] > FLAT) & (along > along.max() - _SEAM_M)
            if side.sum() >= max(6, _FLAT_SHARE * len(points)):
                points[:, axis] = sign * np.minimum(along, np.median(along[side]))
    return points


def _split(cells: Cells) -> Ints:
    """Number the convex pieces (X, Y, Z), -1 outside."""
    start = np.argwhere(cells.solid)
    total = float(cells.volumes(start).sum())
    pieces = list(_weighed(cells, (start,), total))
    while len(pieces) < _PIECES and sum(h for h, _ in pieces) > _HOLLOW * total:
        worst = max(range(len(pieces)), key=lambda i: pieces[i][0])
        parts = _cut(cells, pieces[worst][1], total)
        if not parts:
            break
        pieces[worst : worst + 1] = parts
    label = np.full(cells.solid.shape, -1, np.int64)
    for i, (_, p) in enumerate(pieces):
        label[tuple(p.T)] = i
    return label


def _weighed(cells: Cells, groups: Iterable[Ints], total: float) -> Iterator[tuple[float, Ints]]:
    """Parts of each group of cells (N, 3) that share no face, without crumbs, and how hollow each is."""
    for some in groups:
        for part in _loose(some):
            if cells.volumes(part).sum() >= _SMALLEST * total:
                yield _hollow(cells, part), part


def _loose(cells: Ints) -> list[Ints]:
    """Parts of cells (N, 3) that share no face."""
    from scipy import ndimage

    low = cells.min(axis=0)
    box = np.zeros(cells.max(axis=0) - low + 1, bool)
    box[tuple((cells - low).T)] = True
    label, count = ndimage.label(box)
    mine = label[tuple((cells - low).T)]
    return [cells[mine == i + 1] for i in range(count)]


def _cut(cells: Cells, piece: Ints, total: float) -> list[tuple[float, Ints]]:
    """Cut cells (N, 3) along the plane that leaves the least hollow: where the cross-section changes, or in half."""
    best: list[tuple[float, Ints]] = []
    least = np.inf
    volume = cells.volumes(piece)
    for axis in range(3):
        low = int(piece[:, axis].min())
        width = cells.widths[axis][low : int(piece[:, axis].max()) + 1]
        if len(width) < 2:
            continue
        section = np.bincount(piece[:, axis] - low, weights=volume) / width
        jump = np.abs(np.diff(section))
        for place in sorted({*np.argsort(-jump, kind="stable")[:2].tolist(), len(section) // 2 - 1}):
            below = piece[:, axis] <= low + place
            parts, hollow = [], 0.0
            for part in _weighed(cells, (piece[below], piece[~below]), total):
                parts.append(part)
                hollow += part[0]
                # none is less than nothing: the rest cannot make it better again
                if hollow >= least:
                    break
            if parts and hollow < least:
                best, least = parts, hollow
    return best


def _hollow(cells: Cells, piece: Ints) -> float:
    """Volume [m3] that the convex hull of cells (N, 3) has too much, beyond what their steps explain."""
    from scipy.spatial import ConvexHull

    hull = ConvexHull(cells.corners(column_ends(piece)))
    step = max(float(width.max()) for width in cells.widths)
    slanted = float(hull.area) - _level_area(hull)
    return max(0.0, float(hull.volume) - float(cells.volumes(piece).sum()) - max(_STEPS * step, _CLOSE_M) * slanted)


def _level_area(hull: Any) -> float:
    """Area of the hull's faces along the axes: they hide no steps."""
    along = np.abs(hull.equations[:, :3]).max(axis=1) > 0.999
    corners = hull.points[hull.simplices[along]]
    sides = cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    return float(np.linalg.norm(sides, axis=1).sum() / 2)


def _owners(cells: Cells, piece: Ints, local: Floats) -> Ints:
    """Piece of the cell that each point (N, 3) lies in or nearest to."""
    from scipy import ndimage

    nearest = ndimage.distance_transform_edt(piece < 0, return_distances=False, return_indices=True)
    at = nearest[(slice(None), *cells.index(local).T)]
    return piece[tuple(at)]


def _corners(cells: Cells, piece: Ints, thing: Thing) -> tuple[Floats, Ints]:
    """Corners of the triangles and the pieces they lie on: they hold edges that samples miss."""
    corner = thing.vertices[thing.faces].astype(np.float64) @ cells.turn
    normal = normals(thing.vertices, thing.faces).astype(np.float64) @ cells.turn
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-20)
    inside = corner + 0.4 * (corner.mean(axis=1, keepdims=True) - corner) - _INSIDE_M * normal[:, None]
    return corner.reshape(-1, 3), _owners(cells, piece, inside.reshape(-1, 3))


def _cut_faces(cells: Cells, piece: Ints) -> tuple[Floats, Ints]:
    """Middles of the faces between cells of different pieces, once for each of both."""
    points: list[Floats] = [np.zeros((0, 3))]
    owners: list[Ints] = [np.zeros(0, np.int64)]
    middles = cells.middles()
    for axis in range(3):
        lower, upper = [slice(None)] * 3, [slice(None)] * 3
        lower[axis], upper[axis] = slice(-1), slice(1, None)
        one, two = piece[tuple(lower)], piece[tuple(upper)]
        at = np.argwhere((one != two) & (one >= 0) & (two >= 0))
        face = np.stack([middles[k][at[:, k]] for k in range(3)], axis=1)
        face[:, axis] = cells.edges[axis][at[:, axis] + 1]
        points += [face, face]
        owners += [one[tuple(at.T)], two[tuple(at.T)]]
    return np.concatenate(points), np.concatenate(owners)
