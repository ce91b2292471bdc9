"""What the ground needs besides what Gaussians show: a bottom under furniture, and a kerb where the world ends."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .._scan.free_space import FreeSpace
from .._scan.lattice import Grid
from .contour import Faces
from .triangles import normals

__all__ = ["RIM", "STEP_M", "Floor", "Surface", "bottoms", "find_floor", "kerb"]

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.integer]
Bools = npt.NDArray[np.bool_]
Surface = tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]

STEP_M = 0.25  # neighbouring columns that differ by more are not one floor
_BUMP_M = 0.75  # boulders no wider than twice this stand on the floor and are none
_FLANK_M = 0.3  # width of the upper edge of a steep flank
_NOTCH_M = 1.0  # notches of the plan narrower than twice this count as solids between walls
_HOLE_M = 0.5  # holes of the floor no wider than twice this are closed
RIM = 2  # columns along the edge of the plan that hold no solids
_LEVEL_M = 0.02  # neighbouring columns that differ by less are level
_SINK_M = 0.002  # the floor under solids lies this much lower than the floor it continues


@dataclass(frozen=True)
class Floor:
    """Heights of lattice columns (NX, NY) [m], NaN where there is none.

    Attributes:
        base: the connected floor that robots stand on.
        under: the same without what stands on it, boulders for instance; continued under everything, never NaN.
        lowest: lowest reached surface that faces up.
        plan: columns of the floor, holes and notches included.
        core: columns with anything in them, holes and notches included, without the blur of the outermost walls.
        open_above: the space above where the floor is or should be can be reached.
        torn: columns at steps of the floor whose side nobody saw.
    """

    base: Floats
    under: Floats
    lowest: Floats
    plan: Bools
    core: Bools
    open_above: Bools
    torn: Bools


def find_floor(faces: Faces, free: FreeSpace, grid: Grid) -> Floor:
    """Collect the lowest faces that look up, and the largest part of them without steps.

    Raises:
        ValueError: nothing looks up.
    """
    from scipy import ndimage

    up = faces.looks_up
    x, y = faces.point[up, 0], faces.point[up, 1]
    lowest = np.full(grid.shape[:2], np.inf)
    np.minimum.at(lowest, (x, y), faces.crossing[up, 2] * grid.voxel_size + grid.origin[2])
    lowest[~np.isfinite(lowest)] = np.nan
    part = _parts(lowest)
    sizes = np.bincount(part[part >= 0])
    if not len(sizes):
        raise ValueError("find_floor: no face looks up.")
    base = np.where(part == sizes.argmax(), lowest, np.nan)
    under = _without_bumps(_filled(base), grid)
    above = np.rint((under - grid.origin[2]) / grid.voxel_size).astype(np.int64) + 2
    columns = np.indices(base.shape).reshape(2, -1)
    points = np.vstack([columns, np.clip(above.ravel(), 0, grid.shape[2] - 1)]).T
    open_above = free.reached.at(points).reshape(base.shape)
    plan = _plan_with_notches(np.isfinite(base), grid)
    core = ndimage.binary_erosion(_plan_with_notches(free.inside, grid), iterations=RIM)
    return Floor(base, under, lowest, plan, core, open_above, _torn(lowest, faces, grid))


def _torn(lowest: Floats, faces: Faces, grid: Grid) -> Bools:
    """Return the columns (NX, NY) on either side of a step that has no face: under a ledge, for instance."""
    torn = np.zeros(lowest.shape, bool)
    lower_end = faces.point - np.where(faces.lower[:, None], 0, 1) * np.eye(3, dtype=np.int64)[faces.axis]
    height = faces.crossing[:, 2] * grid.voxel_size + grid.origin[2]
    for axis in (0, 1):
        beyond = np.roll(lowest, -1, axis)
        low, high = np.minimum(lowest, beyond), np.maximum(lowest, beyond)
        # lower steps hold no lattice point: the contour spans them
        step = high - low > grid.voxel_size
        # between two level floors only: a steep slope is a step after a step
        step &= np.abs(lowest - np.roll(lowest, 1, axis)) < _LEVEL_M
        step &= np.abs(beyond - np.roll(beyond, -1, axis)) < _LEVEL_M
        sides = np.flatnonzero(faces.axis == axis)
        i, j = lower_end[sides, 0], lower_end[sides, 1]
        between = (height[sides] > low[i, j]) & (height[sides] < high[i, j])
        step[i[between], j[between]] = False
        torn |= step | np.roll(step, 1, axis)
    return torn


def _without_bumps(heights: Floats, grid: Grid) -> Floats:
    """Cut what sticks out by more than a step and is narrow, and the upper edges of steep flanks [m]."""
    from scipy import ndimage

    wide, near = (2 * round(r / grid.voxel_size) + 1 for r in (_BUMP_M, _FLANK_M))
    level = ndimage.maximum_filter(ndimage.minimum_filter(heights, wide), wide)
    foot = ndimage.minimum_filter(heights, near)
    return np.where(heights - level > STEP_M, level, np.where(heights - foot > STEP_M, foot, heights))


def _filled(heights: Floats) -> Floats:
    """Give columns without a height that of the nearest with one."""
    from scipy import ndimage

    nearest = ndimage.distance_transform_edt(np.isnan(heights), return_distances=False, return_indices=True)
    return heights[tuple(nearest)]


def _parts(heights: Floats) -> npt.NDArray[np.int64]:
    """Label columns that are joined by steps of at most `STEP_M`; -1 where there is no height."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    index = np.arange(heights.size).reshape(heights.shape)
    pairs = []
    for one, two in (
        ((slice(1, None), slice(None)), (slice(-1), slice(None))),
        ((slice(None), slice(1, None)), (slice(None), slice(-1))),
    ):
        joined = np.abs(heights[one] - heights[two]) <= STEP_M
        pairs.append(np.stack([index[one][joined], index[two][joined]]))
    rows, columns = np.concatenate(pairs, axis=1)
    graph = coo_matrix((np.ones(len(rows), bool), (rows, columns)), shape=(heights.size, heights.size))
    labels = connected_components(graph, directed=False)[1].reshape(heights.shape)
    return np.where(np.isfinite(heights), labels, -1)


def _plan_with_notches(inside: Bools, grid: Grid) -> Bools:
    """Return columns (NX, NY) with holes and narrow notches filled: those between walls are part of the building."""
    from scipy import ndimage

    reach = round(_NOTCH_M / grid.voxel_size)
    padded = np.pad(inside, reach + 1)
    grown = ndimage.distance_transform_edt(~padded) <= reach
    closed = ndimage.distance_transform_edt(grown) > reach
    filled = np.asarray(ndimage.binary_fill_holes(closed | padded))
    return filled[reach + 1 : -reach - 1, reach + 1 : -reach - 1]


def bottoms(floor: Floor, grid: Grid, *, under_solids: bool, across_holes: bool) -> tuple[Surface, float]:
    """Return the floor's continuation under solids and across small holes, and its area [m2].

    Nobody saw the floor under a box, yet a body that is pushed or spawned into the box must not fall out of the world.
    """
    from scipy import ndimage

    known = np.abs(floor.lowest - floor.under) <= STEP_M
    missing = floor.core & ~known
    holes = missing & floor.open_above
    missing = (missing & ~holes & under_solids) | (_narrow(holes, _HOLE_M / grid.voxel_size) & holes & across_holes)
    torn = floor.torn & known if across_holes else np.zeros_like(known)
    patch = ndimage.binary_dilation(missing) | torn
    return _patch(patch, floor.under, grid), float((missing | torn).sum() * grid.voxel_size**2)


def _narrow(mask: Bools, radius: float) -> Bools:
    """Columns of those connected parts of `mask` that hold no disc of `radius` columns."""
    from scipy import ndimage

    labels, count = ndimage.label(mask)
    depth = ndimage.distance_transform_edt(mask)
    widest = ndimage.maximum(depth, labels, np.arange(count + 1))
    return np.asarray(widest)[labels] <= radius


def _patch(mask: Bools, height: Floats, grid: Grid) -> Surface:
    """One quadrilateral per column of `mask`, at the mean height of the columns around each corner."""
    i, j = np.nonzero(mask[1:-1, 1:-1])
    i, j = i + 1, j + 1
    width = mask.shape[1]
    corners = np.stack([i * width + j, (i + 1) * width + j, (i + 1) * width + j + 1, i * width + j + 1], axis=1)
    used, quads = np.unique(corners, return_inverse=True)
    quads = quads.reshape(corners.shape)
    x, y = used // width, used % width
    z = sum(height[x - a, y - b] for a in (0, 1) for b in (0, 1)) / 4 - _SINK_M
    vertices = np.stack(
        [(x - 0.5) * grid.voxel_size + grid.origin[0], (y - 0.5) * grid.voxel_size + grid.origin[1], z], axis=1
    )
    return vertices.astype(np.float32), np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]).astype(np.int32)


def kerb(vertices: Floats, triangles: Ints, floor: Floor, grid: Grid, height: float) -> tuple[Surface, float]:
    """Return the surface with a wall of `height` [m] on the open edges of the floor, and the wall's length [m].

    Only edges beyond which no floor is get one, not those of holes in the floor. It faces the scene.
    """
    edges = _open_edges(vertices, triangles)
    a, b = vertices[edges[:, 0]], vertices[edges[:, 1]]
    along = (b - a)[:, :2]
    length = np.linalg.norm(along, axis=1)
    outwards = np.stack([along[:, 1], -along[:, 0]], axis=1) / np.maximum(length, 1e-9)[:, None]
    middle = (a + b) / 2

    def column(steps: float) -> tuple[Ints, Ints]:
        at = np.rint((middle[:, :2] + steps * grid.voxel_size * outwards - grid.origin[:2]) / grid.voxel_size)
        return tuple(np.clip(at.astype(int), 0, np.array(grid.shape[:2]) - 1).T)

    inner = column(-1.0)
    on_floor = floor.open_above[inner] & (np.abs(floor.base[inner] - middle[:, 2]) < STEP_M)
    ends = on_floor & ~floor.plan[column(2.0)] & (height > 0)
    edges = edges[ends]
    used, top = np.unique(edges, return_inverse=True)
    top = top.reshape(edges.shape) + len(vertices)
    raised = vertices[used] + np.array([0.0, 0.0, height], vertices.dtype)
    (a, b), (c, d) = edges.T, top.T
    wall = np.concatenate([np.stack([b, a, c], axis=1), np.stack([b, c, d], axis=1)])
    surface = np.concatenate([vertices, raised]), np.concatenate([triangles, wall]).astype(np.int32)
    return surface, float(length[ends].sum())


def _open_edges(vertices: Floats, triangles: Ints) -> npt.NDArray[np.int64]:
    """Edges (E, 2) of a single triangle that looks up, directed as in it."""
    directed = triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2).astype(np.int64)
    key = directed.min(axis=1) * len(vertices) + directed.max(axis=1)
    _, index, uses = np.unique(key, return_inverse=True, return_counts=True)
    normal = normals(vertices, triangles)
    level = normal[:, 2] > 0.5 * np.linalg.norm(normal, axis=1)
    return directed[(uses[index] == 1) & np.repeat(level, 3)]
