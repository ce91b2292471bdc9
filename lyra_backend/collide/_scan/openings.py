"""Openings in walls: where free space passes through the plane of an upright wall that goes on around it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .._mesh.contour import Faces
from .free_space import FreeSpace
from .lattice import Grid, Points
from .sheets import Sheets, edge_points

__all__ = ["Opening", "find_openings", "looked_up"]

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.integer]
Bools = npt.NDArray[np.bool_]

_STEEP = 0.3  # sine of the lean up to which a wall is upright
_ALONG = 0.85  # cosine to which a wall's normals agree
_WALL_M2 = 1.0  # smallest wall
_DIRECTIONS, _APART_DEG = 8, 8
_SHARE = 0.04  # of all walls, that look a way, from which it is a direction of the building
_SLAB = 1.5  # half the thickness [voxels] of what counts as the wall
_NARROW_M = 0.35  # narrower openings are gaps
_DEEP_M, _THROUGH = 1.5, 0.3  # spaces that are shallower over all but this share are niches and shelves
_RING_M, _FRAMED = 0.25, 0.55  # so much of so wide a ring around an opening must be wall: the bays of racks have posts
_FRAME = 2  # cells by which a pane overlaps the wall
_IN_FRONT_M = 0.5  # the floor this near before an opening is its own


@dataclass(frozen=True)
class Opening:
    """A hole in a wall, seen from its front; lengths in lattice units unless said otherwise.

    Attributes:
        normal: horizontal unit normal of the wall towards its front, shape (3,).
        offset: the wall is where ``normal . p == offset``.
        cells: (u, z) of the open cells, along the wall and upwards, shape (C, 2).
        sill_m: height of its lower edge above the floor before it [m].
    """

    normal: Floats
    offset: float
    cells: Floats
    sill_m: float

    @property
    def along(self) -> Floats:
        """Unit vector along the wall, shape (3,)."""
        return np.array([-self.normal[1], self.normal[0], 0.0])

    @property
    def box(self) -> tuple[Floats, Floats]:
        """Lower and upper (u, z) of the opening."""
        return self.cells.min(axis=0) - 0.5, self.cells.max(axis=0) + 0.5

    def height(self, points: Floats) -> Floats:
        """Distance before the wall, shape (N,)."""
        return points @ self.normal - self.offset

    def aside(self, points: Floats) -> Floats:
        """How far points (N, 3) lie outside the opening's rectangle, along the wall, shape (N,)."""
        across = np.stack([points @ self.along, points[:, 2]], axis=1)
        low, high = self.box
        return np.linalg.norm(np.maximum(np.maximum(low - across, across - high), 0.0), axis=1)

    def places(self, height: float, cells: Floats | None = None) -> Floats:
        """Points (C, 3) at a height before the wall over its cells (C, 2), by default the open ones."""
        u, z = (self.cells if cells is None else cells).T
        middle = np.outer(u, self.along) + (self.offset + height) * self.normal
        middle[:, 2] = z
        return middle

    def pane(self, spacing: float) -> Floats:
        """Points (P, 3) that cover the opening and the edge of the wall around it."""
        from scipy import ndimage

        low = self.cells.min(axis=0) - _FRAME
        index = np.rint(self.cells - low).astype(int)
        mask = np.zeros(index.max(axis=0) + 1 + _FRAME, bool)
        mask[tuple(index.T)] = True
        frame = low + np.argwhere(ndimage.binary_dilation(mask, np.ones((3, 3)), iterations=_FRAME))
        steps = int(np.ceil(1.0 / spacing))
        inner = (np.arange(steps) + 0.5) / steps - 0.5
        fine = np.stack(np.meshgrid(inner, inner, indexing="ij"), axis=-1).reshape(-1, 2)
        return self.places(0.0, (frame[:, None] + fine).reshape(-1, 2))


def looked_up(values: Points, points: Floats, shape: tuple[int, int, int], outside: int) -> npt.NDArray:
    """Return the values at the lattice points nearest to `points` (N, 3); `outside` the lattice that."""
    at = np.rint(points).astype(np.int64)
    inside = ((at >= 0) & (at < shape)).all(axis=1)
    found = np.full(len(at), outside, values.dense.dtype)
    found[inside] = values.at(at[inside])
    return found


def find_openings(faces: Faces, sheets: Sheets, free: FreeSpace, grid: Grid) -> list[Opening]:
    """Return the openings of upright walls, each from every side from which its wall is seen."""
    upright = np.flatnonzero((faces.axis != 2) & (np.abs(faces.normal[:, 2]) < _STEEP))
    least = _WALL_M2 / grid.voxel_size**2
    if len(upright) < least:
        return []
    points, normals = faces.crossing[upright], faces.normal[upright]
    walls = [wall for way in _ways(normals) for wall in _walls(points, normals, way, least)]
    walls = sorted(walls, key=lambda wall: -wall[2])
    low, axis = edge_points(sheets.blocks, sheets.owner[sheets.blocked])
    crossings = low.astype(np.float32)
    crossings[np.arange(len(low)), axis] += sheets.position[sheets.blocked]
    normals = sheets.normal[sheets.blocked]
    ground = _ground(faces, grid)
    return [
        hole for normal, offset, _ in walls for hole in _holes(normal, offset, crossings, normals, ground, free, grid)
    ]


def _ways(normals: Floats) -> list[Floats]:
    """Return the horizontal directions (3,) that walls face, most first."""
    angle = np.degrees(np.arctan2(normals[:, 1], normals[:, 0])) % 360.0
    votes = np.bincount(angle.astype(int) % 360, minlength=360).astype(float)
    smooth = np.sum([np.roll(votes, k) for k in range(-2, 3)], axis=0)
    ways: list[Floats] = []
    for _ in range(_DIRECTIONS):
        best = int(np.argmax(smooth))
        if smooth[best] < _SHARE * len(normals):
            break
        apart = np.abs((angle - best - 0.5 + 180.0) % 360.0 - 180.0)
        mean = normals[apart < 5.0, :2].sum(axis=0)
        ways.append(np.array([*(mean / np.linalg.norm(mean)), 0.0]))
        smooth[np.arange(best - _APART_DEG, best + _APART_DEG + 1) % 360] = 0.0
    return ways


def _walls(points: Floats, normals: Floats, way: Floats, least: float) -> list[tuple[Floats, float, int]]:
    """Return walls (normal, offset, faces) that face `way` with at least `least` faces."""
    agree = normals @ way > _ALONG
    points = points[agree]
    if len(points) < least:
        return []
    across = points @ way
    start = float(across.min()) - 1.0
    votes = np.bincount(((across - start) * 2.0).astype(int), minlength=3).astype(float)
    smooth = np.convolve(votes, np.ones(3), "same")
    walls = []
    while True:
        best = int(np.argmax(smooth))
        near = np.abs(across - start - 0.5 * best - 0.25) < 1.0
        if smooth[best] < least or near.sum() < least:
            break
        walls.append((*_fitted(points[near], way), int(near.sum())))
        smooth[max(0, best - 4) : best + 5] = 0.0
    return walls


def _fitted(points: Floats, way: Floats) -> tuple[Floats, float]:
    """Return the upright plane (normal, offset) through points, near one that faces `way`."""
    middle = np.median(points, axis=0)
    along = np.array([-way[1], way[0], 0.0])
    u, h = (points - middle) @ along, (points - middle) @ way
    slope = float(np.clip((u @ h) / max(float(u @ u), 1e-9), -0.1, 0.1))
    normal = way - slope * along
    normal = normal / np.linalg.norm(normal)
    return normal, float(np.median(points @ normal))


def _ground(faces: Faces, grid: Grid) -> Floats:
    """Height of the lowest surface that looks up, per column; inf where there is none."""
    up = faces.looks_up
    ground = np.full(grid.shape[:2], np.inf)
    np.minimum.at(ground, (faces.point[up, 0], faces.point[up, 1]), faces.crossing[up, 2])
    return ground


def _holes(
    normal: Floats, offset: float, crossings: Floats, normals: Floats, ground: Floats, free: FreeSpace, grid: Grid
) -> list[Opening]:
    """Return what is open in a wall and enclosed by it, by the floor and by what else meets it."""
    from scipy import ndimage

    height = crossings @ normal.astype(np.float32) - np.float32(offset)
    near = np.flatnonzero(np.abs(height) < _SLAB)
    uz = np.stack([crossings[near] @ np.array([-normal[1], normal[0], 0.0]), crossings[near, 2]], axis=1)
    index = np.rint(uz).astype(np.int64)
    low = index.min(axis=0) - 1
    wall = np.zeros(index.max(axis=0) - low + 2, bool)
    own = np.zeros_like(wall)
    wall[tuple((index - low).T)] = True
    own[tuple((index - low)[np.abs(normals[near] @ normal) > _ALONG].T)] = True
    own = ndimage.binary_dilation(own, np.ones((3, 3)))
    # cells seen at a slant between lattice points
    wall = ndimage.binary_closing(wall, np.ones((3, 3)))
    open_ = ndimage.binary_fill_holes(wall) & ~wall
    if not open_.any():
        return []
    behind = crossings[(height < -_SLAB) & (height > -_DEEP_M / grid.voxel_size)]
    blocked = _blocked_by(behind, normal, low, wall.shape)
    labels, count = ndimage.label(open_)
    depth = ndimage.maximum(ndimage.distance_transform_edt(open_), labels, np.arange(1, count + 1))
    ring = max(2, round(_RING_M / grid.voxel_size))
    holes = []
    for n in np.flatnonzero(np.asarray(depth) >= 0.5 * _NARROW_M / grid.voxel_size):
        inside = np.pad(labels == n + 1, ring)
        around = ndimage.binary_dilation(inside, iterations=ring) & ~inside
        through = 1.0 - float(blocked[inside[ring:-ring, ring:-ring]].mean())
        if through <= _THROUGH or np.pad(own, ring)[around].mean() < _FRAMED:
            continue
        cells = (np.argwhere(inside) - ring + low).astype(np.float64)
        hole = Opening(normal, offset, cells, 0.0)
        # what is solid behind its front is no opening
        before = looked_up(free.reached, hole.places(2.0), grid.shape, 0).astype(bool)
        if before.mean() > 0.5:
            holes.append(Opening(normal, offset, cells, _sill_m(hole, ground, grid)))
    return holes


def _blocked_by(crossings: Floats, normal: Floats, low: Ints, shape: tuple[int, ...]) -> Bools:
    """Cells of a wall before or behind which there is one of the crossings."""
    from scipy import ndimage

    along = crossings @ np.array([-normal[1], normal[0], 0.0], np.float32)
    index = np.rint(np.stack([along, crossings[:, 2]], axis=1)).astype(np.int64) - low
    index = index[((index >= 0) & (index < shape)).all(axis=1)]
    blocked = np.zeros(shape, bool)
    blocked[tuple(index.T)] = True
    return np.asarray(ndimage.binary_closing(blocked, np.ones((3, 3))))


def _sill_m(hole: Opening, ground: Floats, grid: Grid) -> float:
    """Height of the opening's lower edge above the floor before it [m]; above the lowest known ground if none is."""
    low = float(hole.cells[:, 1].min())
    u = np.unique(hole.cells[:, 0])
    foot = np.column_stack([u, np.full(len(u), low)])
    heights = []
    for step in range(2, max(4, round(_IN_FRONT_M / grid.voxel_size))):
        x, y = np.rint(hole.places(float(step), foot)[:, :2]).astype(np.int64).T
        inside = (x >= 0) & (y >= 0) & (x < ground.shape[0]) & (y < ground.shape[1])
        heights.append(ground[x[inside], y[inside]])
    known = np.concatenate(heights)
    known = known[np.isfinite(known) & (known < low + 2.0)]
    floor = float(np.median(known)) if len(known) else float(ground[np.isfinite(ground)].min())
    return (low - 0.5 - floor) * grid.voxel_size
