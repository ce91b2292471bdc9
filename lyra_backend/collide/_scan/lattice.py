"""The lattice of a scene: where it lies, how coarse it must be, and how arrays over its points are read."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ...types import Finding, GaussianCloud, Severity

__all__ = ["BLOCK", "Grid", "Points", "make_grid", "places", "trusted"]

BLOCK = 8
_BORDER = 4  # lattice points kept free around everything
_MOST_SAMPLES = 1_000_000  # Gaussians that tell where the scene is
_CUBE_M, _CUBES = 1.0, 128  # least side of the cubes that are looked at for strays, and how many make the longest side
_STRAY_SHARE = 1e-3  # of the opaque area, below which what lies apart is none of the scene
_MOST_CUTS = 8

Ints = npt.NDArray[np.integer]
Floats = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Grid:
    """Lattice point (i, j, k) lies at ``origin + voxel_size * (i, j, k)`` [m]; `shape` is made of whole blocks."""

    origin: npt.NDArray[np.float64]
    voxel_size: float
    shape: tuple[int, int, int]

    def to_lattice(self, points: Floats) -> npt.NDArray[np.float32]:
        """World [m] to lattice units."""
        return ((points - self.origin) / self.voxel_size).astype(np.float32)

    def to_world(self, points: Floats) -> Floats:
        """Lattice units to world [m]."""
        return points * self.voxel_size + self.origin


def trusted(cloud: GaussianCloud, min_opacity: float, max_scale: float) -> tuple[npt.NDArray[np.bool_], list[Finding]]:
    """Return which Gaussians (N,) may shape the collider, and a finding about those that lie absurdly far out.

    Faint ones and ones larger than `max_scale` [m] are left out. So is what lies outside the scene: the lattice spans
    a box around everything, and one stray Gaussian would blow it up.
    """
    opaque = cloud.opacities >= min_opacity
    huge = opaque & (cloud.wide_scales[1] > max_scale)
    solid = opaque & ~huge
    if not solid.any():
        return solid, []
    low, high = _scene_box(cloud, np.flatnonzero(solid))
    near = solid.copy()
    for axis in range(3):
        column = cloud.positions[:, axis]
        near &= (column >= low[axis]) & (column <= high[axis])
    left_out = int((solid & ~near).sum() + huge.sum())
    if not left_out:
        return solid, []
    text = (
        f"{left_out} Gaussians were left out of the collider because they are larger than {max_scale:g} m or lie "
        f"outside the scene, which spans {' x '.join(f'{side:.3g}' for side in high - low)} m."
    )
    return near, [Finding("collide.clipped", Severity.INFO, text, float(left_out), 0.0)]


def _scene_box(cloud: GaussianCloud, index: Ints) -> tuple[Floats, Floats]:
    """Return the corners (3,) [m] of a box around all Gaussians but strays.

    First what is further from the middle half of the centres than twenty times its size is left out, then, again and
    again, what is apart from the rest and has next to none of the opaque area, until nothing is.
    """
    index = index[:: -(-len(index) // _MOST_SAMPLES)]
    points = cloud.positions[index].T.astype(np.float64, order="C")
    middle, largest = cloud.wide_scales
    areas = cloud.opacities[index] * middle[index] * largest[index]
    quartiles = np.quantile(points, (0.25, 0.5, 0.75), axis=1)
    reach = 20.0 * max(float((quartiles[2] - quartiles[0]).max()), 0.05)
    low, high = quartiles[1] - reach, quartiles[1] + reach
    for _ in range(_MOST_CUTS):
        inside = _inside(points, low, high)
        if not inside.all():
            points, areas = points[:, inside], areas[inside]
        low, high, whole = _without_strays(points, areas)
        if whole:
            break
    return low, high


def _inside(points: Floats, low: Floats, high: Floats) -> npt.NDArray[np.bool_]:
    """Return which points, by column (3, N), lie in a box."""
    inside = np.ones(points.shape[1], bool)
    for column, first, last in zip(points, low, high, strict=True):
        inside &= (column >= first) & (column <= last)
    return inside


def _without_strays(points: Floats, areas: Floats) -> tuple[Floats, Floats, bool]:
    """Return a box around the groups of neighbouring cubes that hold some of the area, and whether it holds all.

    Points come by column, (3, N).
    """
    from scipy import ndimage

    low = points.min(axis=1)
    side = max(_CUBE_M, float((points.max(axis=1) - low).max()) / _CUBES)
    # not negative: cutting is rounding down
    cube = ((points - low[:, None]) / side).astype(np.int32)
    shape = tuple(cube.max(axis=1) + 1)
    flat = np.ravel_multi_index(tuple(cube), shape)
    held = np.bincount(flat, minlength=math.prod(shape)).reshape(shape) > 0
    labels, count = ndimage.label(held, np.ones((3, 3, 3)))
    share = np.bincount(labels.ravel()[flat], weights=areas, minlength=count + 1) / max(float(areas.sum()), 1e-30)
    corners = np.argwhere((labels > 0) & (share >= _STRAY_SHARE)[labels])
    # what is not quite apart stays: it costs nothing
    first, last = low + side * (corners.min(axis=0) - 1), low + side * (corners.max(axis=0) + 2)
    return first, last, bool(_inside(points, first, last).all())


def make_grid(low: Floats, high: Floats, voxel_size: float, offset: float) -> Grid:
    """Return a lattice over the box `low`..`high` [m].

    Args:
        low, high: corners of what must lie inside, shape (3,) [m].
        voxel_size: spacing [m].
        offset: position of the lattice relative to the world's origin along every axis, in voxels.
    """
    first = np.floor(np.asarray(low, np.float64) / voxel_size - offset) - _BORDER
    extent = np.maximum(np.asarray(high, np.float64) - low, 1e-3)
    last = np.ceil((low + extent) / voxel_size - offset) + _BORDER
    nx, ny, nz = (math.ceil((b - a + 1) / BLOCK) * BLOCK for a, b in zip(first, last, strict=True))
    return Grid((first + offset) * voxel_size, voxel_size, (nx, ny, nz))


def places(points: Ints, blocks: tuple[int, ...]) -> tuple[Ints, Ints]:
    """Return the flat index of the block that lattice points (N, 3) lie in, of so many along each axis, and in it."""
    x, y, z = points[:, 0], points[:, 1], points[:, 2]
    block = ((x >> 3) * blocks[1] + (y >> 3)) * blocks[2] + (z >> 3)
    return block, (x & 7) << 6 | (y & 7) << 3 | (z & 7)


@dataclass(frozen=True)
class Points:
    """Values at lattice points: `dense` per occupied block and point, `sparse` for every point of an empty block."""

    directory: npt.NDArray[np.int32]
    dense: npt.NDArray
    sparse: npt.NDArray

    def at(self, points: Ints) -> npt.NDArray:
        """Return the values at lattice points (N, 3), which must lie in the grid."""
        block, local = places(points, self.directory.shape)
        sparse = self.sparse.ravel().take(block)
        if not len(self.dense):
            return sparse
        slot = self.directory.ravel().take(block)
        # a block that is not there has slot -1: whatever stands at the end of the table is not looked at
        return np.where(slot >= 0, self.dense.ravel().take(slot * np.int64(BLOCK**3) + local), sparse)

    def mapped(self, dense: npt.NDArray, sparse: npt.NDArray) -> Points:
        return replace(self, dense=dense, sparse=sparse)
