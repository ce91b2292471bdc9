"""What of each triangle lies in each column of a regular grid, exactly: heights over the cell, and over its middle.

The columns that a triangle touches follow row by row from its edges, cut off at the row's borders; its lowest and
highest point in a column are at a corner, where an edge meets the column's border, or at a corner of the column.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import warp as wp

__all__ = ["ColumnSpans", "column_spans"]

wp.set_module_options({"enable_backward": False})

Floats = npt.NDArray[np.floating]
#: How far beyond an edge [cells] a middle still counts, so that none falls between two triangles.
_SLACK = wp.constant(1e-4)


class ColumnSpans(NamedTuple):
    """One row for each triangle and each column that it touches, by triangle.

    Attributes:
        cell: index of the column, row-major in (x, y), shape (S,).
        triangle: index of the triangle, shape (S,).
        low, high: least and greatest height of the triangle in the column [m], shape (S,).
        middle: its height over the middle of the column [m], nan if it is not there, shape (S,).
    """

    cell: npt.NDArray[np.int32]
    triangle: npt.NDArray[np.int32]
    low: npt.NDArray[np.float32]
    high: npt.NDArray[np.float32]
    middle: npt.NDArray[np.float32]


@wp.func
def _row_range(a: wp.vec3, b: wp.vec3, bottom: float, found: wp.vec2) -> wp.vec2:
    """Widen `found` by the x of the part of edge ab whose y lies in the row above `bottom`."""
    low, high = wp.min(a[1], b[1]), wp.max(a[1], b[1])
    if high < bottom or low > bottom + 1.0:
        return found
    along = b[1] - a[1]
    first, last = float(0.0), float(1.0)
    if wp.abs(along) > 1.0e-9:
        s, t = (bottom - a[1]) / along, (bottom + 1.0 - a[1]) / along
        first, last = wp.max(wp.min(s, t), 0.0), wp.min(wp.max(s, t), 1.0)
    p, q = a[0] + first * (b[0] - a[0]), a[0] + last * (b[0] - a[0])
    return wp.vec2(wp.min(found[0], wp.min(p, q)), wp.max(found[1], wp.max(p, q)))


@wp.func
def _columns_of_row(a: wp.vec3, b: wp.vec3, c: wp.vec3, row: int, width: int) -> wp.vec2i:
    """Return the first and the last column that the triangle touches in a row; first > last if there is none."""
    found = wp.vec2(1.0e30, -1.0e30)
    bottom = float(row)
    found = _row_range(a, b, bottom, found)
    found = _row_range(b, c, bottom, found)
    found = _row_range(c, a, bottom, found)
    if found[0] > found[1] or found[1] < 0.0 or found[0] >= float(width):
        return wp.vec2i(1, 0)
    return wp.vec2i(wp.max(int(wp.floor(found[0])), 0), wp.min(int(wp.floor(found[1])), width - 1))


@wp.func
def _rows(a: wp.vec3, b: wp.vec3, c: wp.vec3, height: int) -> wp.vec2i:
    low, high = wp.min(a[1], wp.min(b[1], c[1])), wp.max(a[1], wp.max(b[1], c[1]))
    if high < 0.0 or low >= float(height):
        return wp.vec2i(1, 0)
    return wp.vec2i(wp.max(int(wp.floor(low)), 0), wp.min(int(wp.floor(high)), height - 1))


@wp.func
def _inside(from_: float, to: float, start: float, part: wp.vec2) -> wp.vec2:
    """Cut `part` of the way between two coordinates down to where they lie between `start` and `start` + 1."""
    along = to - from_
    if wp.abs(along) < 1.0e-9:
        if from_ < start or from_ > start + 1.0:
            return wp.vec2(1.0, -1.0)
        return part
    s, t = (start - from_) / along, (start + 1.0 - from_) / along
    return wp.vec2(wp.max(part[0], wp.min(s, t)), wp.min(part[1], wp.max(s, t)))


@wp.func
def _edge_heights(a: wp.vec3, b: wp.vec3, x: float, y: float, found: wp.vec2) -> wp.vec2:
    """Widen `found` by the heights of the part of edge ab in the square from (x, y) to (x + 1, y + 1)."""
    part = _inside(a[0], b[0], x, wp.vec2(0.0, 1.0))
    part = _inside(a[1], b[1], y, part)
    if part[0] > part[1]:
        return found
    p, q = a[2] + part[0] * (b[2] - a[2]), a[2] + part[1] * (b[2] - a[2])
    return wp.vec2(wp.min(found[0], wp.min(p, q)), wp.max(found[1], wp.max(p, q)))


@wp.func
def _height_at(a: wp.vec3, b: wp.vec3, c: wp.vec3, x: float, y: float, slack: float) -> float:
    """Return the height of the triangle over (x, y), nan if it is not there or is seen edge-on."""
    u = (b[0] - x) * (c[1] - y) - (b[1] - y) * (c[0] - x)
    v = (c[0] - x) * (a[1] - y) - (c[1] - y) * (a[0] - x)
    w = (a[0] - x) * (b[1] - y) - (a[1] - y) * (b[0] - x)
    total = u + v + w
    if wp.abs(total) < 1.0e-7:
        return wp.nan
    u, v, w = u / total, v / total, w / total
    longest = wp.max(wp.length(b - a), wp.max(wp.length(c - b), wp.length(a - c)))
    # a weight times twice the area over an edge's length is the distance from that edge
    least = -slack * longest / wp.abs(total)
    if u < least or v < least or w < least:
        return wp.nan
    return u * a[2] + v * b[2] + w * c[2]


@wp.func
def _corner_height(a: wp.vec3, b: wp.vec3, c: wp.vec3, x: float, y: float, found: wp.vec2) -> wp.vec2:
    z = _height_at(a, b, c, x, y, 0.0)
    if wp.isnan(z):
        return found
    return wp.vec2(wp.min(found[0], z), wp.max(found[1], z))


@wp.kernel
def _count(
    # in
    corners: wp.array2d(dtype=wp.vec3),
    width: int,
    height: int,
    # out
    counts: wp.array(dtype=int),
) -> None:
    i = wp.tid()
    a, b, c = corners[i, 0], corners[i, 1], corners[i, 2]
    rows = _rows(a, b, c, height)
    total = int(0)
    for row in range(rows[0], rows[1] + 1):
        columns = _columns_of_row(a, b, c, row, width)
        total += columns[1] - columns[0] + 1
    counts[i] = total


@wp.kernel
def _fill(
    # in
    corners: wp.array2d(dtype=wp.vec3),
    width: int,
    height: int,
    starts: wp.array(dtype=int),
    # out
    cell: wp.array(dtype=int),
    triangle: wp.array(dtype=int),
    low: wp.array(dtype=float),
    high: wp.array(dtype=float),
    middle: wp.array(dtype=float),
) -> None:
    i = wp.tid()
    a, b, c = corners[i, 0], corners[i, 1], corners[i, 2]
    rows = _rows(a, b, c, height)
    k = starts[i]
    for row in range(rows[0], rows[1] + 1):
        columns = _columns_of_row(a, b, c, row, width)
        for column in range(columns[0], columns[1] + 1):
            x, y = float(column), float(row)
            span = wp.vec2(1.0e30, -1.0e30)
            span = _edge_heights(a, b, x, y, span)
            span = _edge_heights(b, c, x, y, span)
            span = _edge_heights(c, a, x, y, span)
            span = _corner_height(a, b, c, x, y, span)
            span = _corner_height(a, b, c, x + 1.0, y, span)
            span = _corner_height(a, b, c, x, y + 1.0, span)
            span = _corner_height(a, b, c, x + 1.0, y + 1.0, span)
            cell[k] = column * height + row
            triangle[k] = i
            low[k] = span[0]
            high[k] = span[1]
            middle[k] = _height_at(a, b, c, x + 0.5, y + 0.5, _SLACK)
            k += 1


def column_spans(
    corners: Floats, origin: tuple[float, float], cell_m: float, shape: tuple[int, int], device: str | None = None
) -> ColumnSpans:
    """Return what triangles have in each column of a grid; what lies outside of the grid is left out.

    Args:
        corners: of triangles [m], shape (F, 3, 3).
        origin: x and y of the corner of the grid with the least coordinates [m].
        cell_m: side of a column [m].
        shape: columns along x and along y.
        device: where to compute; None for the best there is.
    """
    where = wp.get_device(device) if device else wp.get_preferred_device()
    scaled = np.array(corners, np.float64)
    scaled[..., :2] = (scaled[..., :2] - origin) / cell_m
    triangles = wp.array(np.ascontiguousarray(scaled, np.float32), dtype=wp.vec3, ndim=2, device=where)
    count, (width, height) = len(corners), shape
    counts = wp.zeros(count, dtype=int, device=where)
    wp.launch(_count, dim=count, inputs=[triangles, width, height], outputs=[counts], device=where)
    ends = np.cumsum(counts.numpy(), dtype=np.int64)
    total = int(ends[-1]) if count else 0
    starts = wp.array((ends - counts.numpy()).astype(np.int32), dtype=int, device=where)
    outputs = [wp.empty(total, dtype=kind, device=where) for kind in (int, int, float, float, float)]
    wp.launch(_fill, dim=count, inputs=[triangles, width, height, starts], outputs=outputs, device=where)
    cell, triangle, low, high, middle = (array.numpy() for array in outputs)
    # rounding can name a column next to the triangle, which then has nothing of it
    real = low <= high
    return ColumnSpans(cell[real], triangle[real], low[real], high[real], middle[real])
