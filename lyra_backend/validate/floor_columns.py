"""Where a robot could stand: the walkable floor of a triangle soup, found with vertical rays.

A walkable surface has at least :data:`HEADROOM` of free height above it; the floor of a column is its lowest one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .parallel_rays import RayHits, parallel_hits

__all__ = ["LEVEL_ENOUGH", "Columns", "FloorMap", "find_floor", "look_down", "pieces", "sample_footprint"]

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

#: Free height above a floor [m].
HEADROOM = 1.0
#: Upward part of the unit normal below which a surface is a wall: it is steeper than 60 degrees.
LEVEL_ENOUGH = 0.5
#: Columns of the map; cells never get smaller than `SMALLEST_CELL` [m].
CELLS = 10_000
SMALLEST_CELL = 0.05
#: Gaps up to twice this wide [m] belong to the footprint: a missing piece of floor must not count as outside.
CLOSING_RADIUS = 1.0
#: Bodies start this far [m] inside the footprint.
MARGIN = 0.3
#: Surfaces this much [m] above their surroundings are tops of walls and shelves, not floor.
STEP_UP = 1.0
#: What a robot may climb from one cell to the next [m].
CLIMB = 0.25
#: Walkable pieces that are smaller than this part of the largest, and out of its reach, are no ground.
ISLAND_SHARE = 0.25
#: Clearly above the floor [m].
ABOVE_FLOOR = 0.2
#: Two hits within this distance [m] are one surface.
SAME_HEIGHT = 1e-4
#: Place of the ray in its cell: off centre, so that rays miss the regular edges of authored meshes.
RAY_IN_CELL = (0.4637, 0.5291)


@dataclass(frozen=True)
class Columns:
    """What vertical rays (N,) meet.

    Attributes:
        height: floor height [m], nan where there is no floor.
        headroom: free height above the floor [m], inf under the open sky.
        back: the only floor there is shows its back face.
        lowest: height of the lowest hit [m], nan where a ray meets nothing.
        grounded: the lowest hit faces up.
        solid: the highest hit is the roof of something solid of a room's height.
    """

    height: Floats
    headroom: Floats
    back: Mask
    lowest: Floats
    grounded: Mask
    solid: Mask

    @property
    def found(self) -> Mask:
        return np.isfinite(self.height)


@dataclass(frozen=True)
class FloorMap:
    """The floor on a regular grid of shape (X, Y).

    Attributes:
        origin: lower corner of the grid, x and y [m].
        cell: side of a cell [m].
        columns: one column per cell, row-major.
        filled: floor height of the nearest column that has one [m], shape (X, Y).
        footprint: cells in which bodies may start, holes in the floor included, shape (X, Y).
        area_m2: walkable area; back faces, tops of walls and tops of furniture do not count.
        walkable: cells whose floor can be walked on, furniture included, shape (X, Y).
    """

    origin: Floats
    cell: float
    columns: Columns
    filled: Floats
    footprint: Mask
    area_m2: float
    walkable: Mask


def look_down(corners: Floats, points: Floats) -> Columns:
    """Cast a vertical ray through each point (N, 2) [m] and classify what it meets."""
    return _classified(parallel_hits(corners, points), len(points))


def find_floor(corners: Floats, lower: Floats, upper: Floats) -> FloorMap | None:
    """Map the floor inside the box from `lower` to `upper`; None if no column has one."""
    extent = np.maximum(upper[:2] - lower[:2], 0.5)
    cell = max(SMALLEST_CELL, float(np.sqrt(extent.prod() / CELLS)))
    shape = np.maximum(1, np.ceil(extent / cell)).astype(int)
    index = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), axis=-1).reshape(-1, 2)
    columns = look_down(corners, lower[:2] + (index + RAY_IN_CELL) * cell)
    if not columns.found.any():
        return None
    filled = _nearest_filled(columns.height.reshape(shape))
    level = _not_stepping_up(filled, cell)
    footprint = _footprint(columns.found.reshape(shape), cell) & level
    walkable = (columns.found & ~columns.back).reshape(shape) & level
    area = _ground_cells(filled, walkable) * cell**2
    return FloorMap(lower[:2], cell, columns, filled, footprint, area, walkable)


def _ground_cells(height: Floats, walkable: Mask) -> int:
    """Return how many walkable cells are ground: tops of furniture are islands, out of reach and far smaller."""
    sizes = np.bincount(pieces(height, walkable, CLIMB)[walkable], minlength=1)
    return int(sizes[sizes >= ISLAND_SHARE * sizes.max()].sum())


def pieces(height: Floats, walkable: Mask, climb: float) -> npt.NDArray[np.int32]:
    """Number the pieces of walkable cells that steps of at most `climb` [m] hold together, shape (X, Y)."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    index = np.arange(height.size).reshape(height.shape)
    pairs = []
    for one, other in (
        ((slice(1, None),), (slice(None, -1),)),
        ((slice(None), slice(1, None)), (slice(None), slice(None, -1))),
    ):
        joined = walkable[one] & walkable[other] & (np.abs(height[one] - height[other]) <= climb)
        pairs.append(np.stack([index[one][joined], index[other][joined]]))
    rows, columns = np.concatenate(pairs, axis=1)
    links = coo_array((np.ones(len(rows), np.int8), (rows, columns)), shape=(height.size, height.size))
    _, label = connected_components(links, directed=False)
    return np.asarray(label, np.int32).reshape(height.shape)


def sample_footprint(floor: FloorMap, count: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return random points (count, 2) in the footprint and a height (count,) just above the floor at each [m]."""
    cells = np.argwhere(floor.footprint)
    chosen = cells[rng.integers(len(cells), size=count)]
    points = floor.origin + (chosen + rng.uniform(size=(count, 2))) * floor.cell
    # Within a cell, ground that a robot can climb rises by no more than the cell is wide.
    return points, floor.filled[chosen[:, 0], chosen[:, 1]] + floor.cell + ABOVE_FLOOR


def _classified(hits: RayHits, count: int) -> Columns:
    above, below_front = _surface_above(hits)
    headroom = above - hits.height
    walkable = (np.abs(hits.facing) > LEVEL_ENOUGH) & (headroom >= HEADROOM)
    front = walkable & (hits.facing > 0)
    # A face that looks down is no floor under something solid, where no robot can be, and it is a ceiling above a
    # face that looks up.
    back = walkable & (hits.facing < 0) & ~below_front & ~_has_floor_below(hits)
    height, room = np.full(count, np.nan), np.full(count, np.nan)
    for kind in (back, front):
        # Later writes win and hits run downwards, so the lowest one stays; a front face beats any back face.
        height[hits.ray[kind]], room[hits.ray[kind]] = hits.height[kind], headroom[kind]
    has_front = np.zeros(count, bool)
    has_front[hits.ray[front]] = True
    lowest, grounded = np.full(count, np.nan), np.zeros(count, bool)
    lowest[hits.ray], grounded[hits.ray] = hits.height, hits.facing > 0
    solid = np.zeros(count, bool)
    solid[hits.ray[below_front & (hits.facing < 0) & (headroom >= 1.8 * HEADROOM)]] = True
    return Columns(height, room, np.isfinite(height) & ~has_front, lowest, grounded, solid)


def _surface_above(hits: RayHits) -> tuple[Floats, Mask]:
    """Return for each hit the height of the next one above it [m], inf if none, and whether that faces up."""
    count = len(hits.ray)
    above, faces_up = np.full(count, np.inf), np.zeros(count, bool)
    if count > 1:
        same = hits.ray[1:] == hits.ray[:-1]
        above[1:][same] = hits.height[:-1][same]
        faces_up[1:][same] = hits.facing[:-1][same] > 0
        coincident = np.zeros(count, bool)
        coincident[1:] = same & (above[1:] - hits.height[1:] < SAME_HEIGHT)
        for i in np.flatnonzero(coincident):
            # Twins are two triangles that share an edge, or the two sides of one sheet. A back face under a roof is
            # neither: there something solid stands on the surface below and covers it.
            if (hits.facing[i] > 0) == (hits.facing[i - 1] > 0) or not faces_up[i - 1]:
                above[i], faces_up[i] = above[i - 1], faces_up[i - 1]
    return above, faces_up


def _has_floor_below(hits: RayHits) -> Mask:
    """Say for each hit whether any one below it in its column looks up.

    Asking only the next one would take a ceiling for a floor wherever something stands under it whose top and
    underside lie within a hair of each other.
    """
    looking_up = np.r_[0, np.cumsum(hits.facing > 0)]
    end_of_column = np.searchsorted(hits.ray, hits.ray, side="right")
    return np.asarray(looking_up[end_of_column] > looking_up[np.arange(len(hits.ray)) + 1])


def _nearest_filled(height: Floats) -> Floats:
    from scipy import ndimage

    nearest = ndimage.distance_transform_edt(np.isnan(height), return_distances=False, return_indices=True)
    return height[tuple(nearest)]


def _footprint(found: Mask, cell: float) -> Mask:
    """Close and fill the cells that have a floor, then keep a margin from the border."""
    from scipy import ndimage

    radius = max(1, round(CLOSING_RADIUS / cell))
    padded = np.pad(found, radius + 1)
    grown = ndimage.distance_transform_edt(~padded) <= radius
    closed = ndimage.distance_transform_edt(grown) > radius
    inner = ndimage.binary_fill_holes(closed | padded)[radius + 1 : -radius - 1, radius + 1 : -radius - 1]
    return ndimage.binary_erosion(inner, iterations=max(1, round(MARGIN / cell)), border_value=0)


def _not_stepping_up(filled: Floats, cell: float) -> Mask:
    from scipy import ndimage

    width = max(3, 2 * round(0.4 / cell) + 1)
    return filled - ndimage.minimum_filter(filled, size=width) < STEP_UP
