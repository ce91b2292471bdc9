"""Solids are lined from inside: engines collide with front faces only, so a body inside a wardrobe would leave it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from .._scan.free_space import FreeSpace, open_edges
from .._scan.lattice import Grid
from .._scan.sheets import Sheets
from .contour import LINING, Faces, edges_at
from .ground import RIM, Floor

__all__ = ["behind_outside", "with_sides_in_order", "with_solid_interiors"]

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.integer]
Bools = npt.NDArray[np.bool_]

_POCKET_M3 = 0.01  # inside of the smallest solid that is worth a lining
_POCKET_HEIGHT_M = 0.8  # and the height of the lowest
_CUBE = 8  # voxels; farther than a vertex is pushed and looks
_PUSHES = 3  # at a corner a vertex is pushed away from one side after the other
_NEAR = 1.5  # voxels between the two sides of a sheet
_OPPOSED = -0.7  # cosine between their normals
_CANDIDATES = 8  # faces looked at for each


def with_solid_interiors(free: FreeSpace, floor: Floor, sheets: Sheets, grid: Grid, height: float) -> FreeSpace:
    """Count the inside of solids as reached, on the scene's plan and up to `height` [m] above the floor."""
    level = np.where(floor.core, (floor.under - grid.origin[2]) / grid.voxel_size, np.inf)
    low, high = level + 0.5, level + height / grid.voxel_size
    inner = np.arange(512)
    corner = sheets.blocks.astype(np.int64) * 8
    i, j = corner[:, :1] + (inner >> 6), corner[:, 1:2] + ((inner >> 3) & 7)
    k = corner[:, 2:] + (inner & 7)
    between = (k > low[i, j]) & (k < high[i, j])
    inside = between & (free.sheet_edge.dense < 0) & ~free.reached.dense
    inside &= _roomy(inside, k, sheets, grid)
    slot, local = np.nonzero(inside)
    points = np.stack([i[slot, local], j[slot, local], k[slot, local]], axis=1)
    inside[_slots(_to_far_walls(points, floor, free, sheets, grid), sheets)] = True
    # empty blocks hold no sheets: whatever they count as gives no faces
    reached = free.reached.mapped(free.reached.dense | inside, free.reached.sparse)
    return replace(free, reached=reached, interior=free.interior.mapped(inside, free.interior.sparse))


def _roomy(inside: Bools, height: Ints, sheets: Sheets, grid: Grid) -> Bools:
    """Points (B, 512) of pockets that are large and high; `height` (B, 512) is that of the points, in voxels.

    Noise between sheets makes many small ones, and nothing starts in a solid that is lower than a robot.
    """
    from scipy import ndimage

    from ...kernels.flood import label_regions

    bits = inside.astype(np.uint8) | open_edges(sheets)
    labels, _ = label_regions(sheets.directory, sheets.blocks, bits, np.zeros(sheets.directory.shape, bool))
    names, index, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    index, every = index.reshape(labels.shape), np.arange(len(names))
    rise = ndimage.maximum(height, index, every) - ndimage.minimum(height, index, every)
    fit = (sizes * grid.voxel_size**3 >= _POCKET_M3) & (np.asarray(rise) * grid.voxel_size >= _POCKET_HEIGHT_M)
    return np.asarray(fit[index])


def _to_far_walls(points: Ints, floor: Floor, free: FreeSpace, sheets: Sheets, grid: Grid) -> Ints:
    """Return the points (N, 3) between the inside of a solid and a wall of it that stands beyond the core of the plan.

    Beyond such a wall is free space; beyond the outermost walls of the scene is none.
    """
    rest = []
    for axis in (0, 1):
        for side in (-1, 1):
            beyond = points[:, :2] + side * np.eye(2, dtype=np.int64)[axis]
            leaves = ~floor.core[tuple(np.clip(beyond, 0, np.array(grid.shape[:2]) - 1).T)]
            rest.append(_walk(points[leaves], axis, side, free, sheets))
    return np.concatenate(rest)


def _walk(path: Ints, axis: int, side: int, free: FreeSpace, sheets: Sheets) -> Ints:
    """Walk from points (N, 3) along an axis; return the way of those that come to a wall before free space."""
    step = side * np.eye(3, dtype=np.int64)[axis]
    start = np.arange(len(path))
    arrived = np.zeros(len(path), bool)
    ways, starts = [path[:0]], [start[:0]]
    for _ in range(RIM + 2):
        ahead = path + step
        edge = edges_at(sheets, path if side > 0 else ahead, axis)
        wall = (edge >= 0) & sheets.blocked[edge]
        reached = free.reached.at(ahead)
        arrived[start[wall & reached]] = True
        on = ~wall & ~reached & (free.sheet_edge.at(ahead) < 0)
        path, start = ahead[on], start[on]
        ways.append(path)
        starts.append(start)
    return np.concatenate(ways)[arrived[np.concatenate(starts)]]


def _slots(points: Ints, sheets: Sheets) -> tuple[Ints, Ints]:
    """Return the block and the place in it of points (N, 3), of those that lie in blocks with surface."""
    slot = sheets.directory[tuple((points >> 3).T)]
    inner = points & 7
    local = inner[:, 0] * 64 + inner[:, 1] * 8 + inner[:, 2]
    return slot[slot >= 0], local[slot >= 0]


def with_sides_in_order(faces: Faces) -> Faces:
    """Move faces so that the two sides of a sheet do not pass each other.

    A lining goes where its outside is. Where a side that lies on no plane has passed one that does, it goes there too.
    Where both lie on planes, or none, they meet half-way, but for what looks up: that stays, to roll on.
    """
    crossing, normal, planar = faces.crossing.copy(), faces.normal.copy(), faces.planar.copy()
    lining, outside = _opposite(faces, np.flatnonzero(faces.lining), np.flatnonzero(~faces.lining))
    back, front = _opposite(faces, np.flatnonzero(~faces.lining & ~planar), np.flatnonzero(~faces.lining & planar))
    passed = ((crossing[back] - crossing[front]) * normal[front]).sum(axis=1) > 0
    for these, those in ((lining, outside), (back[passed], front[passed])):
        normal[these], planar[these] = -normal[those], planar[those]
        ahead = ((crossing[those] - crossing[these]) * normal[these]).sum(axis=1)
        crossing[these] += ahead[:, None] * normal[these]
    lower, upper = _twins(faces)
    lower, upper = lower[planar[lower] == planar[upper]], upper[planar[lower] == planar[upper]]
    axis = faces.axis[lower]
    low, high = crossing[lower, axis], crossing[upper, axis]
    meet = np.where(axis == 2, high, (low + high) / 2)
    crossing[lower, axis], crossing[upper, axis] = np.minimum(low, meet), np.maximum(high, meet)
    return replace(faces, crossing=crossing, normal=normal, planar=planar)


def _twins(faces: Faces) -> tuple[Ints, Ints]:
    """Return the faces on both sides of what is thinner than two voxels: those met from below and from above."""
    outside = ~faces.lining
    lower, upper = np.flatnonzero(outside & faces.lower), np.flatnonzero(outside & ~faces.lower)
    shape = np.append(faces.point.max(axis=0, initial=0) + 3, 3)
    key = np.ravel_multi_index((*faces.point[upper].T, faces.axis[upper]), shape)
    order = np.argsort(key)
    pairs = []
    for thick in (1, 2):
        ahead = faces.point[lower] + thick * np.eye(3, dtype=np.int64)[faces.axis[lower]]
        wanted = np.ravel_multi_index((*ahead.T, faces.axis[lower]), shape)
        at = np.minimum(np.searchsorted(key, wanted, sorter=order), max(len(key) - 1, 0))
        found = key[order[at]] == wanted if len(key) else np.zeros(len(lower), bool)
        pairs.append((lower[found], upper[order[at[found]]]))
    return np.concatenate([a for a, _ in pairs]), np.concatenate([b for _, b in pairs])


def _opposite(faces: Faces, these: Ints, those: Ints) -> tuple[Ints, Ints]:
    """Return those of `these` faces that have one of `those` near and facing the other way, and the nearest such."""
    from scipy.spatial import KDTree

    if not len(these) or not len(those):
        return these[:0], those[:0]
    tree = KDTree(faces.crossing[those])
    distance, near = tree.query(faces.crossing[these], _CANDIDATES, distance_upper_bound=_NEAR)
    candidate = those[np.minimum(near, len(those) - 1)]
    cosine = np.einsum("lck,lk->lc", faces.normal[candidate], faces.normal[these])
    fits = np.isfinite(distance) & (cosine < _OPPOSED)
    has = fits.any(axis=1)
    return these[has], candidate[np.arange(len(these)), fits.argmax(axis=1)][has]


def _near(vertices: Floats, some: Ints) -> Bools:
    """Return which vertices (V, 3) are within a cube of `_CUBE` voxels of some of them."""
    from scipy import ndimage

    cube = (vertices / _CUBE).astype(np.int32)
    cube -= cube.min(axis=0)
    held = np.zeros(cube.max(axis=0) + 1, bool)
    held[tuple(cube[some].T)] = True
    return np.asarray(ndimage.binary_dilation(held, np.ones((3, 3, 3)))[tuple(cube.T)])


def behind_outside(vertices: Floats, triangles: Ints, lining: Bools) -> Floats:
    """Return the vertices (V, 3), those of the lining's triangles (F,) moved behind the outside where they are not.

    Outside and lining are placed each from its own faces, and may cross where these differ: at grooves and corners.
    """
    from ...kernels.mesh_distance import MeshTree

    moved, movable = vertices.copy(), np.zeros(len(vertices), bool)
    movable[triangles[lining]] = True
    movable[triangles[~lining]] = False
    movable = np.flatnonzero(movable)
    if not len(movable):
        return moved
    near_by = _near(vertices, movable)
    outside = triangles[~lining]
    tree = MeshTree(vertices, outside[near_by[outside].any(axis=1)])
    for _ in range(_PUSHES):
        near = tree.closest(moved[movable], _NEAR)
        normal = tree.normals(near.triangle)
        ahead = ((moved[movable] - near.point) * normal).sum(axis=1)
        wrong = (near.triangle >= 0) & (ahead > -LINING)
        moved[movable[wrong]] = (near.point - LINING * normal)[wrong]
    return moved
