"""What stands in a collider on purpose although no Gaussians are there: kerbs, hidden floors, panes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["OnPurpose"]

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.integer]
Bools = npt.NDArray[np.bool_]

_ON_M = 0.002  # what is nearer to a surface is on it
_NEAR_M, _FAR_M = 0.1, 0.2  # to a Gaussian that was put in, and to all that came
_MOST = 1_000_000  # Gaussians that are looked at


@dataclass(frozen=True)
class OnPurpose:
    """Parts of a collider that findings and counts of their own tell of.

    Attributes:
        vertices, triangles: surface that was built, [m], shape (V, 3) and (F, 3).
        gaussians: centres of all Gaussians that the collider was made of [m], shape (M, 3): some were put in to close
            something.
        shown: centres of those that came [m], shape (N, 3).
    """

    vertices: Floats
    triangles: Ints
    gaussians: Floats
    shown: Floats

    def has(self, points: Floats) -> Bools:
        """Return which points (P, 3) [m] of the collider, all of them far from what the Gaussians show, are meant."""
        meant = self.built(points)
        left = np.flatnonzero(~meant)
        if len(left) and self.gaussians is not self.shown:
            meant[left] = _near(points[left], self.gaussians, _NEAR_M) & ~_near(points[left], self.shown, _FAR_M)
        return meant

    def built(self, points: Floats) -> Bools:
        """Return which points (P, 3) [m] are on surface that was built."""
        from ...kernels.mesh_distance import mesh_distance

        if not len(points) or not len(self.triangles):
            return np.zeros(len(points), bool)
        return mesh_distance(self.vertices, self.triangles, points, _ON_M).triangle >= 0


def _near(points: Floats, others: Floats, reach: float) -> Bools:
    """Return which points (P, 3) have some of the others (M, 3) within reach [m]."""
    from scipy.spatial import cKDTree

    some = others[:: max(1, len(others) // _MOST)]
    return np.asarray(np.isfinite(cKDTree(some).query(points, distance_upper_bound=reach)[0]))
