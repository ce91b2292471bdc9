"""Places that are known to be in the room: on rays from its middle, and on rays from where those end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from .._scan.free_space import FreeSpace
from .._scan.lattice import Grid
from .views import eye_points

if TYPE_CHECKING:
    from ...kernels.mesh_distance import MeshTree

__all__ = ["Room", "look_into", "sphere"]

Floats = npt.NDArray[np.floating]
Bools = npt.NDArray[np.bool_]

_EYES, _M2 = (8, 64), 15.0  # at least and at most, and plan for each
_RAYS = 24_000
_NEAR_END = 0.9  # of a ray, from where another goes on
_NEIGHBOURS, _ENOUGH = 32, 0.06  # places that are looked for, and share of them that must be seen


@dataclass(frozen=True)
class Room:
    """Places in a room [m], shape (P, 3): nothing of its collider is between them and its middle, or but one corner."""

    points: Floats

    def seen_from(self, others: Floats, mesh: MeshTree) -> Bools:
        """Return from which points (N, 3) [m] some of the places nearest to them can be seen past a mesh."""
        from scipy.spatial import cKDTree

        if not len(others) or not len(self.points):
            return np.zeros(len(others), bool)
        gap, nearest = cKDTree(self.points).query(others, k=min(_NEIGHBOURS, len(self.points)))
        gap, nearest = gap.reshape(len(others), -1), nearest.reshape(len(others), -1)
        ways = (self.points[nearest] - others[:, None]) / np.maximum(gap, 1e-9)[..., None]
        starts = np.broadcast_to(others[:, None], ways.shape)
        met = mesh.rays(starts.reshape(-1, 3), ways.reshape(-1, 3)).distance.reshape(gap.shape)
        return np.asarray((met > gap).mean(axis=1) >= _ENOUGH)


def look_into(free: FreeSpace, grid: Grid, mesh: MeshTree) -> Room:
    """Return places that are seen from points at robot height, and from where what is seen there lies."""
    plan = float(free.inside.sum()) * grid.voxel_size**2
    eyes = eye_points(free, grid, int(np.clip(plan / _M2, *_EYES)))
    if not len(eyes):
        return Room(np.zeros((0, 3)))
    rng = np.random.default_rng([5, 1])
    ways = sphere(-(-_RAYS // len(eyes)))
    starts, ways = np.repeat(eyes, len(ways), axis=0), np.tile(ways, (len(eyes), 1))
    points, ends = _along(starts, ways, mesh, rng)
    if not len(ends):
        return Room(points)
    again = rng.integers(len(ends), size=_RAYS)
    further, _ = _along(ends[again], ways[rng.integers(len(ways), size=_RAYS)], mesh, rng)
    return Room(np.concatenate([points, further]))


def _along(starts: Floats, ways: Floats, mesh: MeshTree, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return a point somewhere on each of the rays (N, 3) that meet the mesh, and one near its end."""
    distance = mesh.rays(starts, ways).distance
    met = np.isfinite(distance)
    starts, ways, distance = starts[met], ways[met], distance[met, None]
    some = starts + rng.random((len(starts), 1)) * distance * ways
    return some, starts + _NEAR_END * distance * ways


def sphere(count: int) -> Floats:
    """Return unit vectors spread evenly over the sphere (Fibonacci lattice), shape (count, 3)."""
    n = np.arange(count) + 0.5
    z = 1 - 2 * n / count
    turn = np.pi * (3 - np.sqrt(5)) * n
    r = np.sqrt(1 - z * z)
    return np.stack([r * np.cos(turn), r * np.sin(turn), z], axis=1)
