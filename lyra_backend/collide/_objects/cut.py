"""Taking objects out of a surface, and the surface below them that nobody saw."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ...types.mesh import concatenate_meshes
from .._mesh.triangles import compact
from .fit import Thing

__all__ = ["crumbs_below", "ground_gap", "is_level", "patch_below", "without"]

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.integer]
Bools = npt.NDArray[np.bool_]
Surface = tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]

_CELL_M = 0.025
_COVERED_M = 0.05  # surface this near to an object's base closes the hole it leaves
_CRUMB_M, _LEVEL_M = 0.1, 0.05  # height of crumbs, and how level the rim of a thing on a floor is
_SINK_M = 0.002  # a patch lies this much lower than what it continues


def without(vertices: Floats, triangles: Ints, owner: Ints, things: dict[int, Thing]) -> Surface:
    """Return the surface without the triangles of `things`, closed below them.

    Args:
        vertices, triangles: the surface (V, 3) [m], (F, 3).
        owner: the number of the thing that each triangle goes with (F,), others where it stays.
        things: what goes, by number.
    """
    gone = np.isin(owner, list(things))
    rest = compact(vertices, triangles[~gone])
    if not things:
        return rest
    cells = [_footprint(vertices[triangles[owner == i]].astype(np.float64)) for i in things]
    base = [float(t.vertices[t.triangles, 2].min()) for t in things.values()]
    covered = _covered(rest, np.concatenate(cells), np.repeat(base, [len(c) for c in cells]))
    parts = np.split(covered, np.cumsum([len(c) for c in cells])[:-1])
    patches = [_grid(_around(c, ~hidden), b - _SINK_M) for c, b, hidden in zip(cells, base, parts, strict=True)]
    patches = [p for p in patches if len(p[1])]
    return concatenate_meshes([rest, *patches]) if patches else rest


def _around(cells: Ints, some: Bools) -> Ints:
    """Return those of the cells (N, 2) that are among `some` (N,) of them or next to one: no slit may be left."""
    from scipy import ndimage

    low = cells.min(axis=0)
    plan = np.zeros(cells.max(axis=0) - low + 1, bool)
    plan[tuple((cells[some] - low).T)] = True
    wider = ndimage.binary_dilation(plan, np.ones((3, 3)))
    return cells[wider[tuple((cells - low).T)]]


def crumbs_below(vertices: Floats, triangles: Ints, owner: Ints, things: dict[int, Thing]) -> Ints:
    """Give triangles that stick out of a level floor under things, and would lift them, to these things.

    Args:
        vertices, triangles: the surface (V, 3) [m], (F, 3).
        owner: the number of the thing that each triangle goes with (F,), negative where it belongs to none.
        things: what may have crumbs below it, by number.

    Returns:
        The new owners (F,).
    """
    among, owner = owner < 0, owner.copy()
    corners = vertices[triangles]
    low, high = corners[..., 2].min(axis=1), corners[..., 2].max(axis=1)
    cells = np.floor(corners[..., :2].mean(axis=1) / _CELL_M).astype(np.int64)
    for i, thing in things.items():
        base = float(thing.vertices[thing.triangles, 2].min())
        if not is_level(thing):
            continue
        near = among & (high > base + _SINK_M) & (high < base + _CRUMB_M) & (low > base - _CRUMB_M)
        foot = _footprint(thing.vertices[thing.triangles].astype(np.float64))
        start = foot.min(axis=0)
        plan = np.zeros(foot.max(axis=0) - start + 1, bool)
        plan[tuple((foot - start).T)] = True
        at = cells[near] - start
        inside = ((at >= 0) & (at < plan.shape)).all(axis=1)
        inside[inside] = plan[tuple(at[inside].T)]
        owner[np.flatnonzero(near)[inside]] = i
    return owner


def is_level(thing: Thing) -> bool:
    """Say whether a thing stands on level ground; rims in its upper half are holes where other things stand on it."""
    if not len(thing.rim):
        return False
    height = thing.rim[:, 2] - thing.vertices[thing.triangles, 2].min()
    low = height[height < 0.5 * float(np.ptp(thing.vertices[thing.triangles, 2]))]
    return len(low) > 0 and float(low.max()) <= _LEVEL_M


def patch_below(vertices: Floats, triangles: Ints) -> Surface:
    """Return a level grid below a thing (V, 3), (F, 3), as high as its base."""
    corners = vertices[triangles].astype(np.float64)
    return _grid(_footprint(corners), float(corners[..., 2].min()))


def _footprint(corners: Floats) -> Ints:
    """Cells (N, 2) of the plan whose middle lies below triangles (F, 3, 3), and their neighbours."""
    from scipy import ndimage

    from .pieces import crossings

    low = np.floor(corners[..., :2].min(axis=(0, 1)) / _CELL_M).astype(np.int64) - 2
    high = np.ceil(corners[..., :2].max(axis=(0, 1)) / _CELL_M).astype(np.int64) + 2
    x, y = ((np.arange(a, b) + 0.5) * _CELL_M for a, b in zip(low, high, strict=True))
    line = crossings(corners, x, y)[0]
    below = np.zeros(len(x) * len(y), bool)
    below[line] = True
    return np.argwhere(ndimage.binary_dilation(below.reshape(len(x), len(y)))) + low


def _covered(rest: Surface, cells: Ints, base: Floats) -> Bools:
    from ...kernels.mesh_distance import mesh_rays

    starts = np.column_stack([(cells + 0.5) * _CELL_M, base + _COVERED_M])
    hits = mesh_rays(*rest, starts, np.tile([0.0, 0.0, -1.0], (len(cells), 1)), 2 * _COVERED_M)
    return (hits.triangle >= 0) & hits.front


def _grid(cells: Ints, height: float) -> Surface:
    """One quadrilateral per cell (N, 2), at a height [m]."""
    corners = (cells[:, None] + np.array([[0, 0], [1, 0], [1, 1], [0, 1]])).reshape(-1, 2)
    used, index = np.unique(corners, axis=0, return_inverse=True)
    quads = index.reshape(-1, 4)
    vertices = np.column_stack([used * _CELL_M, np.full(len(used), height)]).astype(np.float32)
    return vertices, np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]).astype(np.int32)


def ground_gap(structure: Surface, things: list[Thing]) -> list[float]:
    """Height [m] of each thing's base above what is right below it: structure or another thing."""
    from ...kernels.mesh_distance import mesh_rays

    gaps = []
    for i, thing in enumerate(things):
        others = [(t.vertices, t.triangles) for k, t in enumerate(things) if k != i]
        everything = concatenate_meshes([structure, *(compact(*o) for o in others)])
        points = thing.vertices[thing.faces].reshape(-1, 3)
        lowest = points[points[:, 2] < points[:, 2].min() + 0.02][:200]
        hits = mesh_rays(*everything, lowest + [0.0, 0.0, 0.02], np.tile([0.0, 0.0, -1.0], (len(lowest), 1)))
        gaps.append(float(hits.distance.min()) - 0.02 if len(lowest) else float("inf"))
    return gaps
