"""Surface that is not flat as convex pieces: cut in two where it is worst, until it is good enough.

A piece is the hull of some triangles and of the same triangles moved into their solid. How bad it is: how far the
surface lies from the sides of that hull, and how much of it is free. Every cut is the best of four (along three axes,
and between the triangles that face one way and the others), so as many more hulls are made as there are more pieces.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...progress import Progress
from .._mesh.triangles import areas, normals
from .hulls import MAX_VERTICES, Hull, hull_of, spread

__all__ = ["COARSEST_M", "split_surface"]

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.integer]
Bools = npt.NDArray[np.bool_]
IsFree = Callable[[Floats], Bools]

#: What is worse than this [m] is cut even where that makes three times as many pieces as wanted.
COARSEST_M = 0.12
_BURIED = 0.95  # share of the surface that must be less deep than the tolerance
_INSIDE = 40  # places in a hull that are looked at for free space
_MOST_FRONT = 400  # vertices of a piece whose depth is looked at
_CRUMB_M = 0.03  # pieces smaller than this are good
_ELONGATED = 0.35  # axes shorter than this share of the longest are not cut
_FEW = 300  # pieces that are never too many
_FREE = 0.4  # how bad it is if all of a piece is free, in its size
_REPORTED = 20  # cuts between two reports
_FACING = (0.1, 0.9)  # shares of the area between which triangles that face one way are cut off
#: Which places in a piece are looked at: shares in [0, 1], spread evenly (Roberts, "The unreasonable effectiveness of
#: quasirandom sequences", 2018).
_STEPS = np.array([0.8566748838, 0.7338918566, 0.5385972572, 0.6287067210])
_PICKS = (0.5 + _STEPS[:, None] * np.arange(1, _INSIDE + 1)) % 1.0
_PICKS[3] = 0.08 + 0.84 * _PICKS[3]


@dataclass(frozen=True, eq=False)
class _Sheet:
    """A surface, and the same moved into its solid: vertices (V, 3) each [m], triangles (F, 3), what these face."""

    vertices: Floats
    behind: Floats
    triangles: Ints
    middle: Floats
    area: Floats
    facing: Ints


def split_surface(
    vertices: Floats,
    triangles: Ints,
    depth: Floats,
    is_free: IsFree,
    *,
    largest: float,
    tolerance: float,
    most: int,
    progress: Progress,
) -> tuple[list[Hull], float]:
    """Return hulls behind a surface, and how bad the worst is [m].

    Args:
        vertices, triangles: the surface (V, 3) [m], (F, 3), wound to free space.
        depth: how thick the solid behind each triangle may be made (F,) [m].
        is_free: says of points (N, 3) [m] whether they certainly lie in free space.
        largest: side [m] of the cubes that the surface is cut into first.
        tolerance: pieces in which the surface lies less deep [m] than this are good.
        most: pieces that are enough for what is better than `COARSEST_M`.
        progress: asked often.
    """
    if not len(triangles):
        return [], tolerance
    sheet = _sheet(vertices, triangles, depth)
    groups = _cubes(sheet, largest)
    heap: list[tuple[float, int, Ints]] = []
    for k, (mine, cost) in enumerate(zip(groups, _costs(sheet, groups, is_free), strict=True)):
        heap.append((-cost, k, mine))
    heapq.heapify(heap)
    number = len(heap)
    while True:
        worst = -heap[0][0]
        if worst <= tolerance or (len(heap) >= most and worst <= COARSEST_M) or len(heap) >= max(3 * most, _FEW):
            break
        if len(heap) % _REPORTED == 0:
            progress(min(1.0, len(heap) / max(most, 1)), f"{len(heap)} pieces")
        _, _, mine = heapq.heappop(heap)
        for part, cost in _cut(sheet, mine, is_free):
            heapq.heappush(heap, (-cost, number, part))
            number += 1
    hulls = [hull_of(_points(sheet, mine)) for _, _, mine in sorted(heap, key=lambda entry: entry[1])]
    return [h for h in hulls if h is not None], max(worst, tolerance)


def _sheet(vertices: Floats, triangles: Ints, depth: Floats) -> _Sheet:
    used, index = np.unique(triangles, return_inverse=True)
    points, index = vertices[used].astype(np.float64), index.reshape(-1, 3)
    normal = normals(points, index)
    unit = normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-20)
    way, thin = np.zeros_like(points), np.full(len(points), np.inf)
    for k in range(3):
        np.add.at(way, index[:, k], normal)
        np.minimum.at(thin, index[:, k], depth)
    way /= np.maximum(np.linalg.norm(way, axis=1, keepdims=True), 1e-20)
    axis = np.abs(unit).argmax(axis=1)
    facing = 2 * axis + (np.take_along_axis(unit, axis[:, None], axis=1)[:, 0] < 0)
    return _Sheet(points, points - thin[:, None] * way, index, points[index].mean(axis=1), areas(points, index), facing)


def _cubes(sheet: _Sheet, largest: float) -> list[Ints]:
    """Numbers of the triangles in each cube."""
    _, cube = np.unique(np.floor(sheet.middle / largest).astype(np.int64), axis=0, return_inverse=True)
    order = np.argsort(cube.ravel(), kind="stable")
    return np.split(order, np.flatnonzero(np.diff(cube.ravel()[order])) + 1)


def _points(sheet: _Sheet, mine: Ints) -> Floats:
    used = np.unique(sheet.triangles[mine])
    return np.concatenate([sheet.vertices[used], sheet.behind[used]])


def _costs(sheet: _Sheet, groups: list[Ints], is_free: IsFree) -> list[float]:
    """How bad [m] the hull of each group of triangles is."""
    from scipy.spatial import ConvexHull, QhullError

    buried, size = np.zeros(len(groups)), np.zeros(len(groups))
    inside = np.zeros((len(groups), _INSIDE, 3))
    for k, mine in enumerate(groups):
        used = np.unique(sheet.triangles[mine])
        front = sheet.vertices[used]
        size[k] = np.ptp(front, axis=0).max()
        inside[k] = _places(front)
        if len(mine) < 2 or size[k] < _CRUMB_M:
            continue
        origin = front.mean(axis=0)
        try:
            hull = ConvexHull(np.concatenate([front, sheet.behind[used]]) - origin)
            if len(hull.vertices) > MAX_VERTICES:
                hull = ConvexHull(spread(hull.points[hull.vertices], MAX_VERTICES))
        except QhullError:
            continue
        some = front[:: -(-len(front) // _MOST_FRONT)] - origin
        # what sticks out of a hull with fewer corners is as bad as what is buried
        depth = np.sort(np.abs((some @ hull.equations[:, :3].T + hull.equations[:, 3]).max(axis=1)))
        buried[k] = depth[int(_BURIED * (len(depth) - 1))]
    share = is_free(inside.reshape(-1, 3)).reshape(len(groups), -1).mean(axis=1)
    single = np.array([len(mine) < 2 for mine in groups])
    return np.where(single | (size < _CRUMB_M), 0.0, np.maximum(buried, _FREE * share * size)).tolist()


def _places(front: Floats) -> Floats:
    """Places (N, 3) between points (P, 3) of a piece: the same ones every time."""
    one, two, three = (front[(u * len(front)).astype(np.int64)] for u in _PICKS[:3])
    inside = one + _PICKS[3][:, None] * (two - one)
    return inside + 0.25 * (three - inside)


def _cut(sheet: _Sheet, mine: Ints, is_free: IsFree) -> list[tuple[Ints, float]]:
    """Cut triangles in two where the worse half is best; return both and how bad they are [m]."""
    sides = [s for s in _sides(sheet, mine) if s.any() and not s.all()]
    if not sides:  # triangles around one point
        sides = [np.arange(len(mine)) < len(mine) // 2]
    groups = [mine[part] for s in sides for part in (s, ~s)]
    costs = np.array(_costs(sheet, groups, is_free)).reshape(-1, 2)
    best = int(np.argmin(costs.max(axis=1) + 0.1 * costs.min(axis=1)))
    return [(groups[2 * best + k], float(costs[best, k])) for k in (0, 1)]


def _sides(sheet: _Sheet, mine: Ints) -> list[Bools]:
    """Ways to cut triangles in two: which of them lie on one side."""
    middle, area = sheet.middle[mine], sheet.area[mine]
    length = np.ptp(middle, axis=0)
    sides = [
        middle[:, axis] < (middle[:, axis].min() + middle[:, axis].max()) / 2
        for axis in range(3)
        if length[axis] >= _ELONGATED * length.max()
    ]
    share = np.bincount(sheet.facing[mine], area, 6) / max(float(area.sum()), 1e-20)
    main = int(share.argmax())
    if _FACING[0] < share[main] < _FACING[1]:
        sides.append(sheet.facing[mine] == main)
    return sides
