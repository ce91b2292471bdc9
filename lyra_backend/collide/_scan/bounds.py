"""How finely a cloud can be scanned in the memory there is: decided before that memory is spent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ...memory import installed_memory_bytes
from ...types import GaussianCloud
from ...types.rotations import wxyz_to_xyzw
from .lattice import BLOCK, Grid, make_grid

if TYPE_CHECKING:
    from ...kernels.voxel_blocks import LatticeGaussians

__all__ = ["Fit", "Portions", "fit", "limit_gb"]

_GB = 1e9
_MOST_GB, _SHARE = 8.0, 0.5  # of the limit nobody gave: at most this, and this share of what is installed
_LEAST_GB = 0.1  # what a lattice may take in any case
_AT_ONCE = 1_000_000  # Gaussians in a portion
_NODES = 2**31 - 1  # points of a flood, and edges of blocks, that kernels can name

# Peak memory [B] of a whole run, so that none of those measured reached it (rooms and terrain of 0.5 to 20 million
# Gaussians stay a quarter below, a hall of 36 000 m2 comes up to it): of the interpreter with its libraries; for each
# Gaussian (held twice); for each block that is touched, and each full of surface, while Gaussians are summed up; for
# each block full of surface while the mesh is made; for each block of the box, and for each column of its plan.
_BASE, _GAUSSIAN, _TOUCHED, _SUMMED, _MESHED, _CELL, _COLUMN = 0.28e9, 125.0, 14e3, 25e3, 110e3, 24.0, 150.0
_FULL = 64.0  # opaque area of a block full of surface, in lattice units


@dataclass(frozen=True)
class Fit:
    """A lattice that fits into memory.

    Attributes:
        grid: the lattice.
        portions: the Gaussians in its units.
        directory: its touched blocks, see ``kernels.voxel_blocks.touched_blocks``.
        limit_gb: memory that a run may take.
        used_gb: memory that it is expected to take.
        wanted_gb: what it is expected to have taken with the voxels that were wanted.
    """

    grid: Grid
    portions: Portions
    directory: npt.NDArray[np.int32]
    limit_gb: float
    used_gb: float
    wanted_gb: float


def limit_gb(given: float | None) -> float:
    """Return the memory a run may take [GB]: what was given, else half of what is installed and at most 8.

    What happens to be free does not count: the same request must give the same collider.
    """
    if given is not None:
        return given
    installed = installed_memory_bytes()
    return _MOST_GB if installed is None else min(_MOST_GB, _SHARE * installed / _GB)


def fit(cloud: GaussianCloud, voxel_size: float, limit: float, offset: float, beside: float = 0.0) -> Fit:
    """Return the finest lattice, not finer than `voxel_size` [m], whose scan takes at most `limit` [GB].

    Gaussians are counted on the blocks of a lattice, which costs next to nothing, until one fits. If the cloud alone
    takes more than the limit, its lattice gets 0.1 GB.

    Args:
        cloud: at least one Gaussian.
        offset: position of the lattice, see :func:`make_grid`.
        beside: memory [GB] that something else holds.
    """
    from ...kernels.voxel_blocks import touched_blocks

    held = beside + (_BASE + _GAUSSIAN * cloud.count) / _GB
    room = max(limit - held, _LEAST_GB)
    low, high = cloud.bounds()
    size = voxel_size
    while True:
        grid = make_grid(low, high, size, offset)
        box, blocks = _box_gb(grid), 0.0
        if box > room or _cells(grid) > _NODES:
            size *= max(1.02, min(box / room, 8.0) ** (1 / 3))
            continue
        portions = Portions(cloud, grid)
        directory = touched_blocks(portions, grid.shape)
        touched = int((directory >= 0).sum())
        blocks = _blocks_gb(touched, portions.surface_blocks)
        if box + blocks <= room and directory.size + 3 * touched * BLOCK**3 <= _NODES:
            break
        # blocks lie along surfaces
        size *= max(1.02, ((box + blocks) / room) ** 0.5)
    wanted = _box_gb(make_grid(low, high, voxel_size, offset)) + blocks * (size / voxel_size) ** 2
    return Fit(grid, portions, directory, limit, held + box + blocks, held + wanted)


def _cells(grid: Grid) -> float:
    """Blocks of the box."""
    return float(np.prod([n / BLOCK for n in grid.shape]))


def _box_gb(grid: Grid) -> float:
    return (_CELL * _cells(grid) + _COLUMN * float(grid.shape[0]) * grid.shape[1]) / _GB


def _blocks_gb(touched: int, surface: float) -> float:
    return max(_TOUCHED * touched + _SUMMED * surface, _MESHED * surface) / _GB


@dataclass(frozen=True)
class Portions:
    """A cloud in units of a lattice, some at a time; no second cloud is held."""

    cloud: GaussianCloud
    grid: Grid

    def __iter__(self) -> Iterator[LatticeGaussians]:
        from ...kernels.voxel_blocks import LatticeGaussians

        for start in self._starts:
            part = slice(start, start + _AT_ONCE)
            yield LatticeGaussians(
                self.grid.to_lattice(self.cloud.positions[part]),
                self.cloud.scales[part] / np.float32(self.grid.voxel_size),
                wxyz_to_xyzw(self.cloud.quats_wxyz[part]),
                self.cloud.opacities[part],
            )

    @property
    def surface_blocks(self) -> float:
        """Blocks full of surface that the opaque area of the Gaussians makes."""
        area, wide = np.zeros(self._blocks), self.cloud.wide_scales
        for start in self._starts:
            part = slice(start, start + _AT_ONCE)
            sides = [side[part] / np.float32(self.grid.voxel_size) for side in wide]
            opaque = 2.0 * np.pi * self.cloud.opacities[part] * sides[0] * sides[1]
            area += np.bincount(self._block(part), weights=opaque, minlength=self._blocks)
        return float(np.minimum(area / _FULL, 1.0).sum())

    @property
    def _starts(self) -> range:
        return range(0, self.cloud.count, _AT_ONCE)

    @property
    def _blocks(self) -> int:
        return int(np.prod([n // BLOCK for n in self.grid.shape], dtype=np.int64))

    def _block(self, part: slice) -> npt.NDArray[np.int64]:
        """Number of the block that each centre lies in."""
        _, ny, nz = (n // BLOCK for n in self.grid.shape)
        block = self.grid.to_lattice(self.cloud.positions[part]).astype(np.int64) // BLOCK
        return np.asarray((block[:, 0] * ny + block[:, 1]) * nz + block[:, 2])
