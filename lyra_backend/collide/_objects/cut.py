"""Taking objects out of a surface, and the surface below them that nobody saw."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ...types.mesh import concatenate_meshes
from .._mesh.triangles import compact, normals
from .cells import crossings, rectangles
from .fit import Thing
from .plates import EVEN_M, Plate

if TYPE_CHECKING:
    from ...kernels.mesh_distance import MeshTree

__all__ = ["crumbs_below", "is_level", "patch_below", "without"]

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.integer]
Bools = npt.NDArray[np.bool_]
Surface = tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]

_CELL_M = 0.025
_COVERED_M = 0.05  # surface this near to an object's base closes the hole it leaves
_CRUMB_M, _LEVEL_M = 0.1, 0.05  # height of crumbs, and how level the rim of a thing on a floor is
_SINK_M = 0.002  # a patch lies this much lower than what it continues
_AROUND = 2  # cells around a body in which it is


def without(
    vertices: Floats,
    triangles: Ints,
    owner: Ints,
    things: dict[int, Thing],
    *,
    plates: dict[int, Plate] | None = None,
    crumbs: bool = True,
) -> Surface:
    """Return the surface without the triangles of `things`, closed below those that stand on what stays.

    Args:
        vertices, triangles: the surface (V, 3) [m], (F, 3).
        owner: the number of the thing that each triangle goes with (F,), others where it stays.
        things: what goes, by number.
        plates: what some of them shall stand on; the ground around is made even with it.
        crumbs: keep what sticks out of the floor below things.
    """
    from ...kernels.mesh_distance import MeshTree

    plates = plates or {}
    cells = {i: _footprint(vertices[triangles[owner == i]].astype(np.float64)) for i in things}
    bounds = _bounds(vertices, triangles)
    cells = {i: c for i, c in cells.items() if not _on_another(vertices, triangles, bounds, owner, c, i, things)}
    if not crumbs:
        owner = crumbs_below(vertices, triangles, owner, {i: things[i] for i in cells})
    for i in [i for i in cells if i in plates]:
        owner = _with_floor(vertices, triangles, owner, i, cells[i], plates[i].level)
        cells[i] = _footprint(vertices[triangles[owner == i]].astype(np.float64))
    rest = compact(vertices, triangles[~np.isin(owner, list(things))])
    patches, taken, tree = [rest], np.zeros((0, 3)), MeshTree(*rest)
    for i, mine in cells.items():
        base = float(things[i].vertices[things[i].triangles, 2].min())
        ground = _ground(tree, mine, base)
        plate = plates.get(i)
        wanted, height = _patch(mine, ground, plate.level if plate else None, things[i])
        # what hangs above a floor does not close it
        beside = np.abs(taken[:, 2] - np.median(height)) < _COVERED_M if len(height) else np.zeros(len(taken), bool)
        new = ~_among(wanted, taken[beside, :2].astype(np.int64))
        taken = np.concatenate([taken, np.column_stack([wanted, height])[new]])
        if plate:
            patches.append(plate.mesh())
            new &= ~_within(plate, wanted)
        if new.any():
            # grids follow ground that is not level
            shape = _rectangles if plate else _grid
            patches.append(shape(wanted[new], height[new]))
    return concatenate_meshes(patches)


def _within(plate: Plate, cells: Ints) -> Bools:
    """Say which of the cells (N, 2) a plate covers altogether."""
    corners = [plate.holds((cells + step) * _CELL_M) for step in np.indices((2, 2)).reshape(2, 4).T]
    return np.asarray(np.all(corners, axis=0))


def _among(cells: Ints, others: Ints) -> Bools:
    """Say which of the cells (N, 2) are among others (M, 2)."""
    key, known = (c[:, 0] * 2**32 + c[:, 1] for c in (cells, others))
    return np.isin(key, known)


def _with_floor(vertices: Floats, triangles: Ints, owner: Ints, own: int, cells: Ints, level: float) -> Ints:
    """Give a thing the floor below its cells (N, 2) and around it that is nearly at its `level` [m], too.

    Sheets that lie on each other make bodies tilt in engines: what is laid below a thing must replace the floor.
    """
    corners = vertices[triangles]
    near = (owner < 0) & (np.abs(corners[..., 2] - level).max(axis=1) < EVEN_M)
    near &= normals(vertices, triangles)[:, 2] > 0
    low = cells.min(axis=0) - _AROUND
    plan = np.zeros(cells.max(axis=0) + _AROUND - low + 1, bool)
    plan[tuple((cells - low).T)] = True
    for k in (0, 1):  # a square around each cell
        plan = np.any([np.roll(plan, shift, axis=k) for shift in range(-_AROUND, _AROUND + 1)], axis=0)
    total = np.pad(plan.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    at = np.floor(corners[near][..., :2] / _CELL_M).astype(np.int64) - low
    first = np.clip(at.min(axis=1), 0, plan.shape)
    last = np.clip(at.max(axis=1) + 1, first, plan.shape)
    (a, b), (c, d) = first.T, last.T
    touches = total[c, d] - total[a, d] - total[c, b] + total[a, b] > 0
    owner = owner.copy()
    owner[np.flatnonzero(near)[touches]] = own
    return owner


def _bounds(vertices: Floats, triangles: Ints) -> tuple[Floats, Floats]:
    """Lower and upper corners (F, 3) of the boxes around triangles [m]."""
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    return np.minimum(np.minimum(a, b), c), np.maximum(np.maximum(a, b), c)


def _on_another(
    vertices: Floats,
    triangles: Ints,
    bounds: tuple[Floats, Floats],
    owner: Ints,
    cells: Ints,
    own: int,
    things: dict[int, Thing],
) -> bool:
    """Say whether what lies around the base of a thing belongs mostly to others that go, too."""
    from ...kernels.mesh_distance import mesh_rays

    if not len(cells):  # a sheet on edge covers no cell
        return False
    base = float(things[own].vertices[things[own].triangles, 2].min())
    low = np.array([*(cells.min(axis=0) * _CELL_M), base - _COVERED_M])
    high = np.array([*((cells.max(axis=0) + 1) * _CELL_M), base + _COVERED_M])
    near = (owner != own) & (bounds[0] <= high).all(axis=1) & (bounds[1] >= low).all(axis=1)
    starts = np.column_stack([(cells + 0.5) * _CELL_M, np.full(len(cells), base + _COVERED_M)])
    surface = triangles[near]
    hits = mesh_rays(vertices, surface, starts, np.tile([0.0, 0.0, -1.0], (len(cells), 1)), 2 * _COVERED_M)
    met = owner[near][hits.triangle[(hits.triangle >= 0) & hits.front]]
    return bool(2 * np.isin(met, list(things)).sum() > len(met))


def _patch(cells: Ints, ground: Floats, level: float | None, thing: Thing) -> tuple[Ints, Floats]:
    """Choose cells (N, 2) without ground (nan) and those next to them, as high as the nearest ground [m].

    Nothing rises above the ground of what stands level. With a `level`, cells that would be nearly as high get that
    height: what stands there shall not tilt.

    Returns:
        The cells (M, 2) and their heights (M,).
    """
    from scipy.spatial import cKDTree

    bare = np.isnan(ground)
    if bare.all():
        base = float(thing.vertices[thing.triangles, 2].min())
        return cells, np.full(len(cells), base - _SINK_M if level is None else level)
    height = ground[~bare][cKDTree(cells[~bare]).query(cells)[1]]
    if level is not None or is_level(thing):
        height = np.minimum(height, np.median(ground[~bare]) if level is None else level)
    wanted = _around(cells, bare)
    cells, height = cells[wanted], height[wanted]
    if level is None:
        return cells, height - _SINK_M
    return cells, np.where(level - height < EVEN_M, level, height - _SINK_M)


def _around(cells: Ints, some: Bools) -> Bools:
    """Say which of the cells (N, 2) are among `some` (N,) of them or next to one: no slit may be left."""
    from scipy import ndimage

    low = cells.min(axis=0)
    plan = np.zeros(cells.max(axis=0) - low + 1, bool)
    plan[tuple((cells[some] - low).T)] = True
    wider = ndimage.binary_dilation(plan, np.ones((3, 3)))
    return np.asarray(wider[tuple((cells - low).T)], bool)


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
    cells = _footprint(corners)
    return _grid(cells, np.full(len(cells), corners[..., 2].min()))


def _footprint(corners: Floats) -> Ints:
    """Cells (N, 2) of the plan whose middle lies below triangles (F, 3, 3), and their neighbours."""
    from scipy import ndimage

    low = np.floor(corners[..., :2].min(axis=(0, 1)) / _CELL_M).astype(np.int64) - 2
    high = np.ceil(corners[..., :2].max(axis=(0, 1)) / _CELL_M).astype(np.int64) + 2
    x, y = ((np.arange(a, b) + 0.5) * _CELL_M for a, b in zip(low, high, strict=True))
    line = crossings(corners, x, y)[0]
    below = np.zeros(len(x) * len(y), bool)
    below[line] = True
    return np.argwhere(ndimage.binary_dilation(below.reshape(len(x), len(y)))) + low


def _ground(rest: MeshTree, cells: Ints, base: float) -> Floats:
    """Height of the surface below and near the `base` [m] of a thing over its cells (N, 2), nan where there is none."""
    starts = np.column_stack([(cells + 0.5) * _CELL_M, np.full(len(cells), base + _COVERED_M)])
    hits = rest.rays(starts, np.tile([0.0, 0.0, -1.0], (len(cells), 1)), 2 * _COVERED_M)
    return np.where((hits.triangle >= 0) & hits.front, starts[:, 2] - hits.distance, np.nan)


def _rectangles(cells: Ints, height: Floats) -> Surface:
    """Rectangles over cells (N, 2) at heights (N,) [m]."""
    surfaces = []
    for level in np.unique(height):
        mine = cells[height == level]
        low = mine.min(axis=0)
        plan = np.zeros(mine.max(axis=0) - low + 1, bool)
        plan[tuple((mine - low).T)] = True
        found = np.array(rectangles(plan)) + np.tile(low, 2)
        a, b, c, d = (found[:, k] * _CELL_M for k in range(4))
        corners = np.stack([a, b, c, b, c, d, a, d], axis=1).reshape(-1, 2)
        vertices = np.column_stack([corners, np.full(len(corners), level)]).astype(np.float32)
        quads = np.arange(len(corners)).reshape(-1, 4)
        surfaces.append((vertices, np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]).astype(np.int32)))
    return concatenate_meshes(surfaces)


def _grid(cells: Ints, height: Floats) -> Surface:
    """One quadrilateral per cell (N, 2), at heights (N,) [m]; where they differ, corners take the lower one."""
    corners = (cells[:, None] + np.array([[0, 0], [1, 0], [1, 1], [0, 1]])).reshape(-1, 2)
    used, index = np.unique(corners, axis=0, return_inverse=True)
    lowest = np.full(len(used), np.inf)
    np.minimum.at(lowest, index.ravel(), np.repeat(height, 4))
    quads = index.reshape(-1, 4)
    vertices = np.column_stack([used * _CELL_M, lowest]).astype(np.float32)
    return vertices, np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]).astype(np.int32)
