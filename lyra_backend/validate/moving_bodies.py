"""Rigid bodies of a scene: convex shapes that lie where they were written until something pushes them.

Does: say what is near them, what looks at them from above and what flies at them, before and after they have moved.
Does not: read a stage. Every shape counts as its convex hull, which is what engines make of a mesh that moves; of
meshes that are decomposed or given distance fields the hull is the outermost that there can be.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ..types.rotations import matrix_from_quat

__all__ = ["MovingBodies", "Poses", "Solid", "solid_of"]

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

#: A ray that passes a side nearer than this [m] may meet it in the engine and miss it here, or the other way round.
GRAZING_M = 0.01


@dataclass(frozen=True)
class Solid:
    """A convex shape in the world at the start: planes (P, 4), normals outwards [m], and the body it belongs to."""

    planes: Floats
    body: int

    def outside(self, points: Floats) -> Floats:
        """Return a distance [m] to the shape (N,) that is never too large; negative inside."""
        return np.asarray((points @ self.planes[:, :3].T + self.planes[:, 3]).max(axis=1))

    def entered(self, starts: Floats, ends: Floats, wider: float) -> Floats:
        """Return the fraction (N,) of segments (N, 3) to (N, 3) at which they enter the shape grown by `wider` [m].

        It is inf where they pass it by; those that start inside enter at 0 (Cyrus and Beck 1978).
        """
        begin = starts @ self.planes[:, :3].T + self.planes[:, 3] - wider
        slope = (ends - starts) @ self.planes[:, :3].T
        with np.errstate(divide="ignore", invalid="ignore"):
            at = -begin / slope
        first = np.where(slope < 0, at, np.where((slope == 0) & (begin > 0), np.inf, 0.0)).max(axis=1)
        last = np.where(slope > 0, at, np.where((slope == 0) & (begin > 0), -np.inf, 1.0)).min(axis=1)
        first = np.maximum(first, 0.0)
        return np.where(first <= np.minimum(last, 1.0), first, np.inf)


def solid_of(corners: Floats, body: int) -> Solid | None:
    """Return the convex hull of points (N, 3) [m]; None if they span no volume."""
    from scipy.spatial import ConvexHull, QhullError

    middle = corners.mean(axis=0)
    try:
        planes = ConvexHull(corners - middle).equations
    except (QhullError, ValueError):
        return None
    planes = np.unique(np.round(planes, 9), axis=0)
    return Solid(np.column_stack([planes[:, :3], planes[:, 3] - planes[:, :3] @ middle]), body)


@dataclass(frozen=True)
class Poses:
    """Where an engine had the bodies at the start and in the end.

    Attributes:
        positions: of each body's prim, start and end [m], shape (2, M, 3), nan if the engine lost it.
        quats_wxyz: orientations, shape (2, M, 4).
        speeds: of the centre at the end [m/s], shape (M,).
    """

    positions: Floats
    quats_wxyz: Floats
    speeds: Floats

    def moves(self) -> tuple[Floats, Floats]:
        """Return the rotations (M, 3, 3) and offsets (M, 3) that take each body from start to end."""
        start, end = matrix_from_quat(self.quats_wxyz)
        turn = end @ np.swapaxes(start, 1, 2)
        return turn, self.positions[1] - np.einsum("nij,nj->ni", turn, self.positions[0])


@dataclass(frozen=True)
class MovingBodies:
    """What can be pushed.

    Attributes:
        paths: prim path of each body.
        free: whether nothing but gravity drives it; bodies of joints and kinematic ones are driven.
        solids: their shapes at the start.
        corners: the triangles of these shapes, world frame [m], shape (F, 3, 3).
        owner: index of the body of each triangle, shape (F,).
    """

    paths: tuple[str, ...] = ()
    free: tuple[bool, ...] = ()
    solids: tuple[Solid, ...] = ()
    corners: Floats = field(default_factory=lambda: np.zeros((0, 3, 3)))
    owner: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))

    def clearance(self, points: Floats) -> Floats:
        """Return a distance [m] from points (N, 3) to the nearest shape at the start, never too large."""
        distance = np.full(len(points), np.inf)
        for solid in self.solids:
            distance = np.minimum(distance, solid.outside(points))
        return distance

    def clearance_at(self, points: Floats, poses: Poses) -> Floats:
        """Return the same distances at the end of `poses`; bodies that got lost are nowhere."""
        turn, offset = poses.moves()
        distance = np.full(len(points), np.inf)
        for solid in self.solids:
            if np.isfinite(offset[solid.body]).all():
                local = (points - offset[solid.body]) @ turn[solid.body]
                distance = np.minimum(distance, solid.outside(local))
        return distance

    def drift(self, poses: Poses) -> Floats:
        """Return how far the corner of each body that went furthest has moved [m], inf if it is lost, shape (M,)."""
        turn, offset = poses.moves()
        points, body = self.corners.reshape(-1, 3), np.repeat(self.owner, 3)
        moved = np.linalg.norm(np.einsum("nij,nj->ni", turn[body], points) + offset[body] - points, axis=1)
        most = np.zeros(len(self.paths))
        np.maximum.at(most, body, np.where(np.isfinite(moved), moved, np.inf))
        return most

    def clear_above(self, points: Floats, radius: float) -> Mask:
        """Say which vertical lines through points (N, 3) pass all bodies at a distance of `radius` [m] at least."""
        high, low = points + [0.0, 0.0, 100.0], points - [0.0, 0.0, 100.0]
        clear = np.ones(len(points), bool)
        for solid in self.solids:
            clear &= np.isinf(solid.entered(high, low, radius))
        return clear

    def clear_way(self, starts: Floats, ends: Floats, radius: float) -> Mask:
        """Say which balls of `radius` [m] get from `starts` to `ends` (N, 3) without touching a body."""
        clear = np.ones(len(starts), bool)
        for solid in self.solids:
            clear &= np.isinf(solid.entered(starts, ends, radius))
        return clear

    def heights_below(self, points: Floats, length: float) -> tuple[Floats, Mask]:
        """Look down from points (N, 3).

        Returns:
            The height [m] at which a ray of `length` [m] meets a body, -inf where it meets none, and which of the rays
            graze a side, so that engines may see them the other way.
        """
        down = np.array([0.0, 0.0, -length])
        height, grazing = np.full(len(points), -np.inf), np.zeros(len(points), bool)
        for solid in self.solids:
            wide, narrow = (np.isfinite(solid.entered(points, points + down, w)) for w in (GRAZING_M, -GRAZING_M))
            grazing |= wide != narrow
            at = solid.entered(points, points + down, 0.0)
            height = np.maximum(height, np.where(np.isfinite(at), points[:, 2] - at * length, -np.inf))
        return height, grazing
