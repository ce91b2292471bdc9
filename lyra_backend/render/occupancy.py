"""A coarse grid of where a cloud is opaque: enough to choose viewpoints by, far too coarse to collide with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..types import GaussianCloud
from ..types.rotations import matrix_from_quat

__all__ = ["Occupancy"]

Floats = npt.NDArray[np.floating]

_CELL_MIN_M = 0.06
_CELLS_MAX = (176, 176, 96)
_REACH_M = 20.0
_GAUSSIANS_MAX = 250_000
_COVER_MIN = 0.5
_STEP_M = 0.15
_OUTLIERS = 0.005
_SPECK_CELLS = 40
_LEVEL_SHARE = 0.7
_OBSTACLE_CELLS = 6
_RUN_GAP_CELLS = 2
# Steps of a ray [cells] that are looked at together.
_MARCH = np.arange(32, dtype=np.float32) * np.float32(0.7)


@dataclass(frozen=True, eq=False)
class Occupancy:
    """Opaque cells around the middle of a cloud.

    Attributes:
        solid: cells that hide what is behind them, shape (X, Y, Z).
        low: corner of the grid with the least coordinates [m], shape (3,).
        cell_m: side of a cell [m].
        ground_m: height of the ground one can stand on [m], shape (X, Y); NaN where there is none.
    """

    solid: npt.NDArray[np.bool_]
    low: Floats
    cell_m: float
    ground_m: Floats

    @staticmethod
    def of(cloud: GaussianCloud, focus: npt.ArrayLike | None = None) -> Occupancy:
        """Build the grid of a cloud that is not empty (Z up, metres), around `focus` [m] or the cloud's middle."""
        points, cover_m2, width = _opaque_points(cloud)
        low, high = _window(points, focus)
        cell = max(_CELL_MIN_M, 2.0 * width, float(((high - low) / _CELLS_MAX).max()))
        shape = tuple(int(n) + 1 for n in np.floor((high - low) / cell))
        index = np.floor((points - low) / cell).astype(np.int64)
        inside = ((index >= 0) & (index < shape)).all(axis=1)
        flat = np.ravel_multi_index(tuple(index[inside].T), shape)
        size = int(np.prod(shape))
        cover = np.bincount(flat, np.minimum(cover_m2[inside] / cell**2, 1.0), size).reshape(shape)
        heights = np.bincount(flat, points[inside, 2], size) / np.maximum(np.bincount(flat, minlength=size), 1)
        solid = _without_specks(cover > _COVER_MIN)
        levels = low[2] + (np.arange(shape[2]) + 0.5) * cell
        return Occupancy(solid, low, cell, _ground(solid, heights.reshape(shape), levels))

    def centre(self, cells: npt.NDArray[np.integer]) -> Floats:
        """Return the horizontal middle [m] of columns (N, 2), shape (N, 2)."""
        return self.low[:2] + (cells + 0.5) * self.cell_m

    def column(self, point: npt.ArrayLike) -> npt.NDArray[np.integer]:
        """Return the column (2,) at or next to a point [m]."""
        index = np.floor((np.asarray(point)[:2] - self.low[:2]) / self.cell_m).astype(int)
        return np.clip(index, 0, np.array(self.solid.shape[:2]) - 1)

    def clearance_m(self, headroom_m: float) -> Floats:
        """Return how far each column (X, Y) is from what one would bump into [m], 0 where one cannot stand.

        One bumps into whatever stands between a step and `headroom_m` above the ground, and into missing ground.
        """
        from scipy.ndimage import distance_transform_edt

        levels = self.low[2] + (np.arange(self.solid.shape[2]) + 0.5) * self.cell_m
        above = levels - self.ground_m[..., None]
        body = (above > _STEP_M + self.cell_m) & (above < headroom_m + self.cell_m)
        free = ~np.isnan(self.ground_m) & ~_obstacles((self.solid & body).sum(axis=2))
        return distance_transform_edt(np.pad(free, 1))[1:-1, 1:-1] * self.cell_m

    def cast(self, origins: Floats, directions: Floats, reach_m: float) -> Floats:
        """Return how far rays (R, 3) of unit `directions` see before a solid cell [m], shape (R,); inf if none."""
        start = ((origins - self.low) / self.cell_m).astype(np.float32)
        ways = directions.astype(np.float32)
        shape = np.array(self.solid.shape, np.float32)
        with np.errstate(divide="ignore", invalid="ignore"):
            walls = np.sort(np.stack([-start / ways, (shape - start) / ways]), axis=0)
        # 0 / 0 is a ray along the border: no wall stops it there.
        enter = np.maximum(np.nan_to_num(walls[0], nan=-np.inf, neginf=-np.inf).max(axis=1), 1.0)
        leave = np.nan_to_num(walls[1], nan=np.inf, posinf=np.inf).min(axis=1).clip(max=reach_m / self.cell_m)
        far = np.full(len(start), np.inf)
        rays = np.flatnonzero(enter < leave)
        while len(rays):
            travelled = enter[rays, None] + _MARCH
            hit = self._solid_at(start[rays], ways[rays], travelled) & (travelled < leave[rays, None])
            found = hit.any(axis=1)
            far[rays[found]] = travelled[found, hit[found].argmax(axis=1)] * self.cell_m
            enter[rays] += np.float32(_MARCH[-1] + _MARCH[1])
            rays = rays[~found & (enter[rays] < leave[rays])]
        return far

    def _solid_at(self, start: Floats, ways: Floats, travelled: Floats) -> npt.NDArray[np.bool_]:
        """Return whether points (R, T) on rays lie in solid cells; all in cells, points outside are moved inside."""
        flat = np.zeros(travelled.shape, np.int32)
        for axis, size in enumerate(self.solid.shape):
            index = (start[:, axis, None] + ways[:, axis, None] * travelled).astype(np.int32)
            np.clip(index, 0, size - 1, out=index)
            flat *= np.int32(size)
            flat += index
        return self.solid.ravel()[flat]


def _opaque_points(cloud: GaussianCloud) -> tuple[Floats, Floats, float]:
    """Return points (M, 3) on the Gaussians, the opaque area each stands for [m^2], and their usual width [m]."""
    stride = -(-cloud.count // _GAUSSIANS_MAX)
    positions, scales = cloud.positions[::stride], np.sort(cloud.scales[::stride], axis=1)
    area = 2 * np.pi * scales[:, 1] * scales[:, 2] * cloud.opacities[::stride] * stride
    width = float(np.median(scales[:, 1]))
    wide = np.flatnonzero((scales[:, 2] > max(_CELL_MIN_M, 2.0 * width)) & (cloud.opacities[::stride] > 0.1))
    if not len(wide):
        return positions, area, width
    spread = _spread(positions[wide], cloud.scales[::stride][wide], cloud.quats_wxyz[::stride][wide])
    copies = spread.shape[1]
    keep = np.ones(len(positions), bool)
    keep[wide] = False
    points = np.concatenate([positions[keep], spread.reshape(-1, 3)])
    return points, np.concatenate([area[keep], np.repeat(area[wide] / copies, copies)]), width


def _spread(positions: Floats, scales: Floats, quats: Floats) -> Floats:
    """Return a lattice of 7 x 7 points over the two longer axes of wide Gaussians, shape (W, 49, 3)."""
    axes = matrix_from_quat(quats).astype(np.float32) * scales[:, None, :]
    long = np.take_along_axis(axes, np.argsort(scales, axis=1)[:, None, 1:], axis=2)
    step = np.linspace(-1.2, 1.2, 7, dtype=np.float32)
    lattice = np.stack(np.meshgrid(step, step, indexing="ij"), axis=-1).reshape(-1, 2)
    return positions[:, None] + np.einsum("wic,kc->wki", long, lattice)


def _window(points: Floats, focus: npt.ArrayLike | None) -> tuple[Floats, Floats]:
    """Return the corners of the part of the cloud to look at: without stragglers, no farther than _REACH_M."""
    sample = points[:: -(-len(points) // 50_000)]
    low, middle, high = np.quantile(sample, [_OUTLIERS, 0.5, 1.0 - _OUTLIERS], axis=0)
    middle = middle if focus is None else np.asarray(focus, np.float64)
    low, high = np.maximum(low, middle - _REACH_M), np.minimum(high, middle + _REACH_M)
    margin = 0.05 * (high - low).max() + _CELL_MIN_M
    return low - margin, np.maximum(high, low) + margin


def _without_specks(solid: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return the cells without the small groups that touch nothing else: stray Gaussians."""
    from scipy.ndimage import label

    groups, _ = label(solid, np.ones((3, 3, 3)))
    large = np.bincount(groups.ravel()) >= _SPECK_CELLS
    large[0] = False
    return large[groups]


def _obstacles(cells: npt.NDArray[np.integer]) -> npt.NDArray[np.bool_]:
    """Return the columns (X, Y) that stand in the way, by how many solid cells each holds; stray ones do not."""
    from scipy.ndimage import label

    groups, _ = label(cells > 0, np.ones((3, 3)))
    large = np.bincount(groups.ravel(), cells.ravel()) >= _OBSTACLE_CELLS
    large[0] = False
    return large[groups]


def _ground(solid: npt.NDArray[np.bool_], heights: Floats, levels: Floats) -> Floats:
    """Return the height of the largest connected walkable surface, shape (X, Y), NaN where it is not.

    Args:
        solid: opaque cells, shape (X, Y, Z).
        heights: mean height of the Gaussians in each cell [m], shape (X, Y, Z).
        levels: height of the middle of each layer of cells [m], shape (Z,).
    """
    from scipy.ndimage import median_filter

    known = np.asarray(solid.any(axis=2))
    if not known.any():
        return np.full(known.shape, np.nan)
    top = np.take_along_axis(heights, _top_of_lowest_run(solid)[..., None], axis=2)[..., 0]
    smooth = median_filter(_from_nearest(top, known), 3)
    surface = _connected(np.where(known, smooth, np.nan), max(_STEP_M, levels[1] - levels[0]))
    ground = np.where(known & (surface == np.bincount(surface[known]).argmax()), smooth, np.nan)
    # Where the floor is mostly level, steps and ramps are furniture: one can climb them, but stands beside them.
    level = np.abs(ground - np.nanmedian(ground)) < _STEP_M
    if level.sum() > _LEVEL_SHARE * np.isfinite(ground).sum():
        ground[~level] = np.nan
    return _completed(ground, solid, levels)


def _top_of_lowest_run(solid: npt.NDArray[np.bool_]) -> npt.NDArray[np.integer]:
    """Return the layer (X, Y) where the lowest solid cells end: noise makes floors several cells thick, with gaps."""
    filled = solid.copy()
    for gap in range(1, _RUN_GAP_CELLS + 1):
        filled[..., gap:] |= solid[..., :-gap]
    layer = np.arange(solid.shape[2])
    above = ~filled & (layer > filled.argmax(axis=2)[..., None])
    end = np.where(above.any(axis=2), above.argmax(axis=2), solid.shape[2])
    return np.where(solid & (layer < end[..., None]), layer, 0).max(axis=2)


def _completed(ground: Floats, solid: npt.NDArray[np.bool_], levels: Floats) -> Floats:
    """Return the ground with its gaps filled: small ones, and those that hold something solid at its height."""
    from scipy.ndimage import binary_closing

    known = ~np.isnan(ground)
    expected = _from_nearest(ground, known)
    continued = (solid & (np.abs(levels - expected[..., None]) < _STEP_M)).any(axis=2) | known
    filled = binary_closing(np.pad(continued, 2), iterations=2)[2:-2, 2:-2] | continued
    return np.where(filled, expected, np.nan)


def _from_nearest(heights: Floats, known: npt.NDArray[np.bool_]) -> Floats:
    """Return heights (X, Y) with those that are not known taken from the nearest column that is."""
    from scipy.ndimage import distance_transform_edt

    nearest = distance_transform_edt(~known, return_distances=False, return_indices=True)
    return heights[tuple(nearest)]


def _connected(heights: Floats, step_m: float) -> npt.NDArray[np.integer]:
    """Return the number of the surface that each column (X, Y) belongs to: neighbours less than a step apart."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    number = np.arange(heights.size).reshape(heights.shape)
    links = []
    for axis, stride in ((0, heights.shape[1]), (1, 1)):
        near = np.abs(np.diff(heights, axis=axis)) < step_m
        first = np.delete(number, -1, axis=axis)[near]
        links.append(np.stack([first, first + stride]))
    pairs = np.concatenate(links, axis=1)
    graph = coo_array((np.ones(pairs.shape[1], np.int8), tuple(pairs)), shape=(heights.size, heights.size))
    return connected_components(graph, directed=False)[1].reshape(heights.shape)
