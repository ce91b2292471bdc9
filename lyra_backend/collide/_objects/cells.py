"""A solid as cells along its own axes, with planes between them where its flat sides lie."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from .fit import Thing, samples_on, upright_axes

__all__ = ["FLAT", "Cells", "column_ends", "covering", "crossings", "rectangles", "solid_cells"]

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.integer]
Bools = npt.NDArray[np.bool_]
Surface = tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]

FLAT = 0.95  # cosine to an axis of a side that lies along it
_CELLS = 40  # along the longest side
_FINEST_M, _COARSEST_M = 0.012, 0.08
_MOST_COVERING = 150  # rectangles that are looked for one by one
_SIDE_M, _SIDE_SHARE = 0.004, 0.015  # half the thickness of flat sides, and their share of all points


@dataclass(frozen=True)
class Cells:
    """Cells (X, Y, Z) between planes `edges` (X + 1), (Y + 1), (Z + 1) [m] along the columns of `turn`."""

    solid: Bools
    edges: tuple[Floats, Floats, Floats]
    turn: Floats

    def index(self, local: Floats) -> Ints:
        """Cell of each point (N, 3) in these axes; the nearest for points outside."""
        at = [np.searchsorted(e, local[:, k], side="right") - 1 for k, e in enumerate(self.edges)]
        return np.clip(np.stack(at, axis=1), 0, np.array(self.solid.shape) - 1)

    def middles(self) -> tuple[Floats, Floats, Floats]:
        """Middles of the cells along each axis [m]."""
        x, y, z = ((e[:-1] + e[1:]) / 2 for e in self.edges)
        return x, y, z

    @cached_property
    def widths(self) -> tuple[Floats, Floats, Floats]:
        """Widths of the cells along each axis [m]."""
        x, y, z = (np.diff(e) for e in self.edges)
        return x, y, z

    def volumes(self, cells: Ints) -> Floats:
        """Volumes [m3] of cells (N, 3)."""
        x, y, z = (width[cells[:, k]] for k, width in enumerate(self.widths))
        return x * y * z

    def corners(self, cells: Ints) -> Floats:
        """All corners of cells (N, 3) in these axes [m]."""
        low = cells.min(axis=0)
        box = np.zeros(cells.max(axis=0) - low + 2, bool)
        x, y, z = (cells - low).T
        for corner in np.ndindex(2, 2, 2):
            box[x + corner[0], y + corner[1], z + corner[2]] = True
        at = np.argwhere(box) + low
        return np.stack([e[at[:, k]] for k, e in enumerate(self.edges)], axis=1)


def solid_cells(thing: Thing, lids: Surface | None) -> Cells:
    """Cells inside: more surface above that looks up than such that looks down."""
    points, normal = samples_on(thing.vertices, thing.faces, 2000)
    turn = upright_axes(normal)
    edges = _edges(points @ turn, normal @ turn)
    corners = thing.vertices[thing.triangles].astype(np.float64) @ turn
    if lids is not None:
        corners = np.concatenate([corners, lids[0][lids[1]].astype(np.float64) @ turn])
    x, y, z = ((e[:-1] + e[1:]) / 2 for e in edges)
    column, height, sign = crossings(corners, x, y)
    level = np.searchsorted(z, height)  # cells whose middle lies below the crossing
    change = np.zeros((len(x) * len(y), len(z) + 1), np.int64)
    np.add.at(change, (column, level), sign)
    above = np.cumsum(change[:, ::-1], axis=1)[:, ::-1][:, 1:]
    return Cells((above > 0).reshape(len(x), len(y), len(z)), edges, turn)


def _edges(local: Floats, facing: Floats) -> tuple[Floats, Floats, Floats]:
    """Planes between cells along each axis: where flat sides lie, and evenly spaced between them."""
    low, high = local.min(axis=0), local.max(axis=0)
    step = float(np.clip((high - low).max() / _CELLS, _FINEST_M, _COARSEST_M))
    edges = []
    for k in range(3):
        sides = _sides(local[np.abs(facing[:, k]) > FLAT, k], len(local))
        inner = [s for s in sides if low[k] + _FINEST_M < s < high[k] - _FINEST_M]
        planes = np.array([low[k], *inner, max(high[k], low[k] + 1e-3)])
        counts = np.maximum(np.ceil(np.diff(planes) / step), 1).astype(int)
        spans = [np.linspace(a, b, n, endpoint=False) for a, b, n in zip(planes[:-1], planes[1:], counts, strict=True)]
        edges.append(np.concatenate([*spans, planes[-1:]]))
    return edges[0], edges[1], edges[2]


def _sides(along: Floats, total: int) -> list[float]:
    """Where flat sides lie that hold at least a share of all `total` points, given those that face along the axis."""
    along = np.sort(along)
    found: list[float] = []
    while len(along):
        count = np.searchsorted(along, along + 2 * _SIDE_M, side="right") - np.arange(len(along))
        best = int(count.argmax())
        if count[best] < _SIDE_SHARE * total:
            break
        side = float(np.median(along[best : best + count[best]]))
        found.append(side)
        along = along[np.abs(along - side) > _FINEST_M]
    return sorted(found)


def crossings(corners: Floats, x: Floats, y: Floats) -> tuple[Ints, Floats, Ints]:
    """Where vertical lines at `x` (X,) and `y` (Y,) meet triangles (F, 3, 3).

    Returns:
        Number of the line, height, and +1 where the triangle looks up, -1 where it looks down.
    """
    flat = corners[..., :2]
    turned = _cross(flat[:, 1] - flat[:, 0], flat[:, 2] - flat[:, 0])
    # a hair off, so that lines do not run through edges of symmetric meshes
    lines = [x + 1.3e-6, y + 0.7e-6]
    first = np.stack([np.searchsorted(lines[k], flat[..., k].min(axis=1)) for k in (0, 1)], axis=1)
    last = np.stack([np.searchsorted(lines[k], flat[..., k].max(axis=1)) for k in (0, 1)], axis=1)
    span = np.where((turned != 0)[:, None], last - first, 0)
    each = span.prod(axis=1)
    triangle = np.repeat(np.arange(len(corners)), each)
    within = np.arange(len(triangle)) - np.repeat(np.cumsum(each) - each, each)
    i = first[triangle, 0] + within // np.maximum(span[triangle, 1], 1)
    j = first[triangle, 1] + within % np.maximum(span[triangle, 1], 1)
    at = np.stack([lines[0][i], lines[1][j]], axis=1)
    a, b, c = (corners[triangle, k] for k in range(3))
    total = turned[triangle]
    v = _cross(at - a[:, :2], c[:, :2] - a[:, :2]) / total
    w = _cross(b[:, :2] - a[:, :2], at - a[:, :2]) / total
    hit = (v >= 0) & (w >= 0) & (v + w < 1)
    height = a[:, 2] + v * (b - a)[:, 2] + w * (c - a)[:, 2]
    return (i * len(y) + j)[hit], height[hit], np.sign(total[hit]).astype(np.int64)


def _cross(one: Floats, two: Floats) -> Floats:
    return one[:, 0] * two[:, 1] - one[:, 1] * two[:, 0]


def column_ends(cells: Ints) -> Ints:
    """Cells that are the outermost of their column along each axis; the others touch no hull."""
    low = cells.min(axis=0)
    box = np.zeros(cells.max(axis=0) - low + 1, bool)
    box[tuple((cells - low).T)] = True
    ends = box.copy()
    for axis in range(3):
        before = np.logical_or.accumulate(box, axis=axis)
        after = np.flip(np.logical_or.accumulate(np.flip(box, axis), axis=axis), axis)
        inner = [slice(None)] * 3
        inner[axis] = slice(1, -1)
        ahead, behind = list(inner), list(inner)
        ahead[axis], behind[axis] = slice(2, None), slice(None, -2)
        ends[tuple(inner)] &= ~(before[tuple(behind)] & after[tuple(ahead)])
    return np.argwhere(ends) + low


def rectangles(filled: Bools) -> list[tuple[int, int, int, int]]:
    """Cut a mask into rectangles (first row, first column, end row, end column): equal runs of rows are merged."""
    open_runs: dict[tuple[int, int], int] = {}
    done = []
    for row in range(len(filled) + 1):
        line = filled[row] if row < len(filled) else np.zeros(filled.shape[1], bool)
        edge = np.flatnonzero(np.diff(np.concatenate([[0], line.astype(np.int8), [0]])))
        runs = set(zip(edge[::2].tolist(), edge[1::2].tolist(), strict=True))
        for run in sorted(set(open_runs) - runs):
            done.append((open_runs.pop(run), run[0], row, run[1]))
        for run in sorted(runs - set(open_runs)):
            open_runs[run] = row
    return done


def covering(filled: Bools) -> list[tuple[int, int, int, int]]:
    """Cover a mask with rectangles (first row, first column, end row, end column), largest first.

    They may overlap. What more than a hundred and some leave is cut into rows of runs.
    """
    from scipy import ndimage

    left = filled.copy()
    found: list[tuple[int, int, int, int]] = []
    while left.any():
        if len(found) == _MOST_COVERING:
            return found + rectangles(left)
        room = ndimage.distance_transform_cdt(np.pad(left, 1), "chessboard")[1:-1, 1:-1]
        row, column = (int(k) for k in np.unravel_index(int(room.argmax()), left.shape))
        reach = int(room[row, column]) - 1
        found.append(_grown(filled, [row - reach, column - reach, row + reach + 1, column + reach + 1]))
        a, b, c, d = found[-1]
        left[a:c, b:d] = False
    return found


def _grown(filled: Bools, sides: list[int]) -> tuple[int, int, int, int]:
    """Move each side of a rectangle outwards as long as it stays in the mask, the sides in turn."""
    moving = [True] * 4
    while any(moving):
        for side, step in enumerate((-1, -1, 1, 1)):
            if not moving[side]:
                continue
            wider = list(sides)
            wider[side] += step
            a, b, c, d = wider
            fits = min(a, b) >= 0 and c <= filled.shape[0] and d <= filled.shape[1]
            moving[side] = fits and bool(filled[a:c, b:d].all())
            sides = wider if moving[side] else sides
    a, b, c, d = (int(k) for k in sides)
    return a, b, c, d
