"""All intersections of a bundle of parallel rays with triangles, without a tree.

The triangles are rasterised onto the plane across the rays, so that a bundle of ten thousand rays through a hundred
thousand triangles takes a fraction of a second in plain NumPy.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..types.mesh import triangle_normals_and_areas

__all__ = ["RayHits", "parallel_hits"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: (triangle, ray) pairs tested at a time; bounds the memory to some hundred megabytes.
PAIRS_AT_ONCE = 2_000_000


@dataclass(frozen=True)
class RayHits:
    """Hits sorted by ray and, within a ray, from high to low.

    Attributes:
        ray: index of the ray, shape (H,).
        height: coordinate along the rays [m], shape (H,).
        facing: component along the rays of the triangle's unit normal, shape (H,); positive if its front faces up.
        triangle: index of the triangle, shape (H,).
    """

    ray: Ints
    height: Floats
    facing: Floats
    triangle: Ints


def parallel_hits(corners: Floats, rays: Floats) -> RayHits:
    """Intersect rays along the third axis, endless both ways, with triangles.

    A ray through an edge that two triangles share hits at least one of them.

    Args:
        corners: triangle corners (F, 3, 3) [m] in a frame whose third axis runs along the rays.
        rays: the first two coordinates of each ray (R, 2) [m].
    """
    found: list[tuple[Ints, Ints, Floats]] = []
    if len(corners) and len(rays):
        for triangle, ray in _candidates(corners, rays):
            found.append(_tested(corners, rays, triangle, ray))
    if not found:
        nothing = np.zeros(0, np.int64)
        return RayHits(nothing, np.zeros(0), np.zeros(0), nothing)
    triangle, ray, height = (np.concatenate(parts) for parts in zip(*found, strict=True))
    facing = triangle_normals_and_areas(corners[triangle])[0][:, 2]
    # At equal heights back faces come first: where a closed object stands on the floor, the floor is covered.
    order = np.lexsort((triangle, facing, -np.round(height, 6), ray))
    return RayHits(ray[order], height[order], facing[order], triangle[order])


def _candidates(corners: Floats, rays: Floats) -> Iterator[tuple[Ints, Ints]]:
    """Yield (triangle, ray) index pairs whose cells overlap, a bounded number at a time."""
    low, side, shape = _grid(rays)
    cell = np.minimum(((rays - low) / side).astype(np.int64), shape - 1)
    flat = cell[:, 0] * shape[1] + cell[:, 1]
    by_cell = np.argsort(flat, kind="stable")
    first = np.searchsorted(flat[by_cell], np.arange(shape[0] * shape[1] + 1))
    inside, start, end = _overlapping_cells(corners, low, side, shape)
    triangle, row = _expand(inside, start[:, 0], end[:, 0])
    run_start = first[row * shape[1] + start[triangle, 1]]
    run_end = first[row * shape[1] + end[triangle, 1] + 1]
    some = run_end > run_start
    triangle, run_start, run_end = triangle[some], run_start[some], run_end[some]
    lengths = np.cumsum(run_end - run_start)
    cuts = np.searchsorted(lengths, np.arange(PAIRS_AT_ONCE, lengths[-1] if len(lengths) else 0, PAIRS_AT_ONCE))
    for part in np.split(np.arange(len(triangle)), np.unique(cuts)):
        if len(part):
            run, position = _expand(np.arange(len(part)), run_start[part], run_end[part] - 1)
            yield inside[triangle[part][run]], by_cell[position]


def _grid(rays: Floats) -> tuple[Floats, Floats, Ints]:
    """Return (origin, cell sides, cell counts) of a grid with about one ray in each cell."""
    low, extent = rays.min(axis=0), np.ptp(rays, axis=0)
    extent = np.maximum(extent, max(extent.max() * 1e-3, 1e-6))
    side = np.sqrt(extent[0] * extent[1] / len(rays))
    shape = np.maximum(1, np.ceil(extent / side)).astype(np.int64)
    return low, extent / shape, shape


def _overlapping_cells(corners: Floats, low: Floats, side: Floats, shape: Ints) -> tuple[Ints, Ints, Ints]:
    """Return indices of triangles over the grid and the first and last cell of each one's bounding box."""
    flat = corners[:, :, :2]
    # Rounding must not push a ray on a box's border out of the box.
    first = np.floor((flat.min(axis=1) - low) / side - 1e-6).astype(np.int64)
    last = np.floor((flat.max(axis=1) - low) / side + 1e-6).astype(np.int64)
    inside = np.flatnonzero((last >= 0).all(axis=1) & (first < shape).all(axis=1))
    return inside, np.maximum(first[inside], 0), np.minimum(last[inside], shape - 1)


def _expand(item: Ints, first: Ints, last: Ints) -> tuple[Ints, Ints]:
    """Return (position in `item`, value) for every value from first to last of every item."""
    counts = last - first + 1
    which = np.repeat(np.arange(len(item)), counts)
    return which, np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts) + first[which]


def _tested(corners: Floats, rays: Floats, triangle: Ints, ray: Ints) -> tuple[Ints, Ints, Floats]:
    """Keep the pairs that meet; edges belong to both sides."""
    point = rays[ray]
    a, b, c = (corners[triangle, k] for k in range(3))
    weights = [_doubled_area(b, c, point), _doubled_area(c, a, point), _doubled_area(a, b, point)]
    total = weights[0] + weights[1] + weights[2]
    smallest, largest = np.minimum.reduce(weights), np.maximum.reduce(weights)
    slack = 1e-12 * np.abs(total)
    # Triangles seen edge-on have no area on this plane; their neighbours take the ray.
    meets = ((smallest >= -slack) | (largest <= slack)) & (np.abs(total) > 1e-14)
    weights = [w[meets] / total[meets] for w in weights]
    height = weights[0] * a[meets, 2] + weights[1] * b[meets, 2] + weights[2] * c[meets, 2]
    return triangle[meets], ray[meets], height


def _doubled_area(a: Floats, b: Floats, point: Floats) -> Floats:
    return (b[:, 0] - a[:, 0]) * (point[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (point[:, 0] - a[:, 0])
