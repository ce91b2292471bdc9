"""The lattice of a scene: where it lies, how coarse it must be, and how arrays over its points are read."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ...types import Finding, GaussianCloud, Severity

__all__ = ["BLOCK", "Grid", "fit_grid", "trusted"]

BLOCK = 8
_BORDER = 4  # lattice points kept free around everything

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

    Faint ones and ones larger than `max_scale` [m] are left out. So are centres further from the middle half of the
    scene than twenty times its size: one stray Gaussian would otherwise blow the lattice up.
    """
    solid = (cloud.opacities >= min_opacity) & (cloud.scales.max(axis=1) <= max_scale)
    if not solid.any():
        return solid, []
    quartiles = np.quantile(cloud.positions[solid], (0.25, 0.5, 0.75), axis=0)
    reach = 20.0 * max(float((quartiles[2] - quartiles[0]).max()), 0.05)
    near = (np.abs(cloud.positions - quartiles[1]) <= reach).all(axis=1)
    huge = (cloud.opacities >= min_opacity) & (cloud.scales.max(axis=1) > max_scale)
    left_out = int((solid & ~near).sum() + huge.sum())
    if not left_out:
        return solid, []
    text = (
        f"{left_out} Gaussians were left out of the collider because they lie more than {reach:.3g} m from the middle "
        f"of the scene or are larger than {max_scale:g} m."
    )
    return solid & near, [Finding("collide.clipped", Severity.INFO, text, float(left_out), 0.0)]


def fit_grid(low: Floats, high: Floats, voxel_size: float, max_voxels: int, offset: float) -> Grid:
    """Return a lattice over the box `low`..`high` [m], coarser than `voxel_size` if it would have too many voxels.

    Args:
        low, high: corners of what must lie inside, shape (3,) [m].
        voxel_size: wanted spacing [m].
        max_voxels: voxels the box may have, empty ones included.
        offset: position of the lattice relative to the world's origin along every axis, in voxels.
    """
    extent = np.maximum(np.asarray(high, np.float64) - low, 1e-3)
    size = voxel_size
    while (cells := float(np.prod(np.ceil(extent / size) + 2 * _BORDER))) > max_voxels:
        size *= max(1.01, (cells / max_voxels) ** (1 / 3))
    first = np.floor(np.asarray(low, np.float64) / size - offset) - _BORDER
    last = np.ceil(np.asarray(high, np.float64) / size - offset) + _BORDER
    nx, ny, nz = (math.ceil((b - a + 1) / BLOCK) * BLOCK for a, b in zip(first, last, strict=True))
    return Grid((first + offset) * size, size, (nx, ny, nz))


@dataclass(frozen=True)
class Points:
    """Values at lattice points: `dense` per occupied block and point, `sparse` for every point of an empty block."""

    directory: npt.NDArray[np.int32]
    dense: npt.NDArray
    sparse: npt.NDArray

    def at(self, points: Ints) -> npt.NDArray:
        """Return the values at lattice points (N, 3), which must lie in the grid."""
        block = tuple((points >> 3).T)
        slot = self.directory[block]
        inner = points & 7
        local = inner[:, 0] * 64 + inner[:, 1] * 8 + inner[:, 2]
        if not len(self.dense):
            return self.sparse[block]
        return np.where(slot >= 0, self.dense[slot, local], self.sparse[block])

    def mapped(self, dense: npt.NDArray, sparse: npt.NDArray) -> Points:
        return replace(self, dense=dense, sparse=sparse)
