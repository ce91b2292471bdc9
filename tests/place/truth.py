"""Ground truth for free space: maps and free places straight from exact meshes, by dense points instead of rays.

Nothing of `lyra_backend.place` or its kernels is used here.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import trimesh
from scipy import ndimage

from lyra_backend.types import OccupancyMap, TexturedMesh

Array = npt.NDArray[Any]

#: Cells: free, occupied, neither.
FREE, OCCUPIED, OTHER = 0, 1, 2
#: Points on the surface are about so far from each other [m].
SPACING = 0.02


def whole(truth: TexturedMesh) -> Array:
    """All triangles of an exact surface, shape (F, 3, 3) [m]."""
    return np.concatenate([part.vertices[part.triangles].astype(np.float64) for part in truth.parts])


def surface_points(corners: Array, spacing: float = SPACING) -> tuple[Array, Array, Array]:
    """Points (N, 3) all over triangles, edges included, the upward part of the normal at each (N,) and its share of
    the area [m^2] (N,): points lie closer on narrow triangles."""
    corners = np.asarray(corners, np.float64)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    length = np.linalg.norm(normals, axis=1)
    up = normals[:, 2] / np.maximum(length, 1e-30)
    sides = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max(axis=1)
    points, ups, areas = [], [], []
    single = corners.astype(np.float32)  # to micrometres
    count = np.maximum(1, np.ceil(sides / spacing)).astype(int)
    for n in np.unique(count):
        some = count == n
        u, v = np.meshgrid(np.arange(n + 1), np.arange(n + 1))
        u, v = u[u + v <= n] / n, v[u + v <= n] / n
        for block in np.array_split(np.flatnonzero(some), max(1, int(some.sum()) * len(u) // 2_000_000 + 1)):
            weights = np.column_stack([1 - u - v, u, v]).astype(np.float32)
            points.append((weights @ single[block]).reshape(-1, 3))
            ups.append(np.repeat(up[block], len(u)))
            areas.append(np.repeat(length[block] / 2 / len(u), len(u)))
    return np.concatenate(points), np.concatenate(ups), np.concatenate(areas)


def truth_map(corners: Array, like: OccupancyMap, low: float, high: float) -> Array:
    """What stands on the ground, in the cells of the map `like`: an array of its shape.

    The ground of a cell is the mean of its lowest surface that is no steeper than 45 degrees; a cell is occupied where
    there is a surface between two heights above it. What nobody reaches from a large free floor is neither.
    """
    height, width = like.cells.shape
    points, up, area = surface_points(corners)
    column, row = (np.floor(one).astype(np.int32) for one in like.to_pixels(points[:, :2]).T)
    inside = np.flatnonzero((column >= 0) & (column < width) & (row >= 0) & (row < height))
    flat = row[inside] * width + column[inside]
    z, level = points[inside, 2].astype(np.float64), up[inside] > 0.5**0.5
    ground = lowest_layer(flat[level], z[level], area[inside][level], height * width)
    missing = ~np.isfinite(ground).reshape(height, width)
    nearest = ndimage.distance_transform_edt(missing, return_distances=False, return_indices=True)
    filled = ground.reshape(height, width)[tuple(nearest)].ravel()
    above = z - filled[flat]
    occupied = np.zeros(height * width, bool)
    occupied[flat[(above > low) & (above < high)]] = True
    occupied = occupied.reshape(height, width)
    free = ~missing & ~occupied
    free &= ~cliffs(filled.reshape(height, width), free)
    return reached(np.where(free, FREE, np.where(occupied, OCCUPIED, OTHER)))


def lowest_layer(flat: Array, z: Array, area: Array, count: int) -> Array:
    """Mean height, by area, of the points in each cell that are within 10 cm of its lowest one; inf without any."""
    lowest = np.full(count, np.inf)
    np.minimum.at(lowest, flat, z)
    near = z < lowest[flat] + 0.1
    total = np.bincount(flat[near], area[near], count)
    mean = np.bincount(flat[near], (z * area)[near], count) / np.maximum(total, 1e-30)
    return np.where(total > 0, mean, np.inf)


def cliffs(ground: Array, free: Array) -> Array:
    """Free cells next to which free ground is more than 30 cm higher or lower."""
    high = ndimage.maximum_filter(np.where(free, ground, -np.inf), 3)
    low = ndimage.minimum_filter(np.where(free, ground, np.inf), 3)
    return free & (high - low > 0.3)


def reached(cells: Array) -> Array:
    """The cells; free pieces that are much smaller than the largest one count as neither: nobody gets there."""
    pieces, count = ndimage.label(cells == FREE)
    if not count:
        return cells
    sizes = np.bincount(pieces.ravel())[1:]
    small = (pieces > 0) & ~np.isin(pieces, 1 + np.flatnonzero(sizes >= 0.25 * sizes.max()))
    return np.where(small, OTHER, cells)


def agreement(ours: Array, truth: Array) -> float:
    """Share of the cells in which two maps say the same, of those that are free in either or next to such a cell."""
    free = (ours == FREE) | (truth == FREE)
    near = ndimage.binary_dilation(free, np.ones((3, 3)))
    return float((ours == truth)[near].mean())


class Surface:
    """Points on triangles (F, 3, 3), to ask what is near; made once for a scene."""

    def __init__(self, corners: Array, spacing: float = 0.025) -> None:
        points, *_ = surface_points(corners, spacing)
        self.points = points[np.argsort(points[:, 2], kind="stable")]

    def nearest(self, bases: Array, tops: Array, reach: float) -> Array:
        """Horizontal distance [m] from upright axes to the points between their ends, at most `reach`, (N,)."""
        from scipy.spatial import cKDTree

        found = np.full(len(bases), float(reach))
        if not len(bases):
            return found
        first, last = np.searchsorted(self.points[:, 2], [bases[:, 2].min(), tops.max()])
        points = self.points[first:last]
        if not len(points):
            return found
        for i, near in enumerate(cKDTree(points[:, :2]).query_ball_point(bases[:, :2], reach)):
            some = points[near]
            level = some[(some[:, 2] > bases[i, 2]) & (some[:, 2] < tops[i])]
            if len(level):
                found[i] = np.hypot(*(level[:, :2] - bases[i, :2]).T).min()
        return found


def box(low: npt.ArrayLike, high: npt.ArrayLike, *, inwards: bool = False) -> Array:
    """The triangles (12, 3, 3) of a box, seen from outside or from inside."""
    low, high = np.asarray(low, float), np.asarray(high, float)
    mesh = trimesh.creation.box(bounds=np.stack([low, high]))
    corners = np.asarray(mesh.triangles)
    return corners[:, ::-1] if inwards else corners
