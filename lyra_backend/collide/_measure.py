"""How far the collider is from the Gaussians it stands for."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..types import GaussianCloud
from ._contour import cell_corners_reached
from ._free_space import FreeSpace
from ._lattice import Grid

__all__ = ["measure"]

_SAMPLES = 100_000
_FAR_M = 0.10


def measure(
    cloud: GaussianCloud, free: FreeSpace, grid: Grid, vertices: npt.NDArray, triangles: npt.NDArray
) -> tuple[dict[str, float], float]:
    """Return distances from opaque Gaussians at the edge of free space to the surface, and the share far off.

    Returns:
        ``{"median": ..., "p95": ...}`` [m] over those at most 10 cm off, empty if there are none; and the share that
        is further, which is surface that was missed or floaters that were rightly left out.
    """
    from ..kernels.mesh_distance import mesh_distance

    opaque = np.flatnonzero(_surface_like(cloud))
    opaque = opaque[:: max(1, len(opaque) // _SAMPLES)]
    points = cloud.positions[opaque]
    lattice = np.floor(grid.to_lattice(points)).astype(np.int64)
    inside = ((lattice >= 0) & (lattice < np.array(grid.shape) - 1)).all(axis=1)
    points, lattice = points[inside], lattice[inside]
    visible = cell_corners_reached(lattice, free).any(axis=1)
    if not visible.any():
        return {}, 0.0
    distance = mesh_distance(vertices, triangles, points[visible]).distance
    near = distance <= _FAR_M
    if not near.any():
        return {}, 1.0
    median, p95 = np.quantile(distance[near], (0.5, 0.95))
    return {"median": float(median), "p95": float(p95)}, float(1.0 - near.mean())


def _surface_like(cloud: GaussianCloud) -> npt.NDArray[np.bool_]:
    """Opaque discs; if a cloud has hardly any discs, everything opaque."""
    scales = np.sort(cloud.scales, axis=1)
    opaque = cloud.opacities >= 0.5
    disc = opaque & (scales[:, 0] < 0.5 * scales[:, 1])
    return disc if disc.sum() > 0.1 * opaque.sum() else opaque
