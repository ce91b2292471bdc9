"""The ground right below what moves: one plate of few triangles, on which engines let bodies lie still."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["EVEN_M", "Plate", "plate_below", "plates_below"]

Floats = npt.NDArray[np.floating]
Bools = npt.NDArray[np.bool_]
Surface = tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]

#: Ground this near [m] to the height of a body's feet is made even with them.
EVEN_M = 0.006
_MARGIN_M = 0.1  # how far a plate goes on beyond the feet: seams of the ground near them let engines tilt bodies
_STEP_M = 0.025  # between the places where it is looked for
_ABOVE_M = 0.05  # height from which it is
_LEAST_M = 0.02  # the same where the ground falls away
_BACK_M = 0.01  # how far a plate ends before that

_EIGHT = np.stack([np.cos(np.arange(8) * np.pi / 4), np.sin(np.arange(8) * np.pi / 4)], axis=1)


@dataclass(frozen=True, eq=False)
class Plate:
    """A level convex polygon: its height [m] and its corners (K, 2) [m], counter-clockwise."""

    level: float
    corners: Floats

    def holds(self, points: Floats) -> Bools:
        """Say which points of the plan (N, 2) lie on it."""
        inside = np.ones(len(points), bool)
        for start, side in zip(self.corners, np.roll(self.corners, -1, axis=0) - self.corners, strict=True):
            inside &= side[0] * (points[:, 1] - start[1]) - side[1] * (points[:, 0] - start[0]) >= 0
        return inside

    def mesh(self) -> Surface:
        """Return its triangles, which look up."""
        count = np.arange(1, len(self.corners) - 1)
        triangles = np.stack([np.zeros_like(count), count, count + 1], axis=1)
        vertices = np.column_stack([self.corners, np.full(len(self.corners), self.level)])
        return vertices.astype(np.float32), triangles.astype(np.int32)


def plates_below(feet: dict[int, Floats], levels: dict[int, float], ground: Surface) -> dict[int, Plate]:
    """Return a plate below the feet (N, 2) [m] of each body, at its height [m].

    Plates go on a little beyond feet, but not where the ground falls away.
    """
    from ...kernels.mesh_distance import MeshTree

    tree, plates = MeshTree(*ground), {}
    for i, level in levels.items():
        low, high = feet[i].min(axis=0) - _MARGIN_M, feet[i].max(axis=0) + _MARGIN_M
        x, y = (np.arange(low[k], high[k] + _STEP_M, _STEP_M) for k in (0, 1))
        plan = np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1).reshape(-1, 2)
        starts = np.column_stack([plan, np.full(len(plan), level + _ABOVE_M)])
        hits = tree.rays(starts, np.tile([0.0, 0.0, -1.0], (len(starts), 1)))
        plates[i] = plate_below(feet[i], level, plan[hits.front & (hits.distance > _ABOVE_M + EVEN_M)])
    return plates


def plate_below(feet: Floats, level: float, lower: Floats) -> Plate:
    """Return a plate with at most eight corners around feet (N, 2) [m].

    It is the smallest rectangle along one of the sides of their hull, with its corners cut off where nothing stands,
    and goes on around it as far as it does not cover `lower` ground (M, 2) [m].
    """
    axes, ways = _axes(_turn(feet)), _EIGHT
    reach = (feet @ axes @ ways.T).max(axis=0)
    beyond = lower @ axes @ ways.T - reach
    side = beyond.argmax(axis=1)
    farthest = beyond[np.arange(len(lower)), side] - _BACK_M
    margin = np.full(len(ways), _MARGIN_M)
    np.minimum.at(margin, side, np.maximum(farthest, _LEAST_M))
    reach += margin
    polygon = np.array([[-reach[4], -reach[6]], [reach[0], -reach[6]], [reach[0], reach[2]], [-reach[4], reach[2]]])
    for k in (1, 3, 5, 7):
        polygon = _cut(polygon, ways[k], float(reach[k]))
    return Plate(level, polygon @ axes.T)


def _turn(feet: Floats) -> float:
    """Angle [rad] of the smallest rectangle around points (N, 2)."""
    from scipy.spatial import ConvexHull, QhullError

    try:
        corners = feet[ConvexHull(feet).vertices]
    except (QhullError, ValueError):
        return 0.0
    sides = np.roll(corners, -1, axis=0) - corners
    angles = np.unique(np.round(np.arctan2(sides[:, 1], sides[:, 0]) % (np.pi / 2), 9))
    areas = [np.ptp(corners @ _axes(angle), axis=0).prod() for angle in angles]
    return float(angles[int(np.argmin(areas))])


def _axes(angle: float) -> Floats:
    """Columns: axes of the plan turned by an angle [rad]."""
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def _cut(polygon: Floats, way: Floats, reach: float) -> Floats:
    """Cut off what lies farther along a unit vector (2,) than `reach` [m]."""
    beyond = polygon @ way - reach
    corners = []
    for k, (here, point) in enumerate(zip(beyond, polygon, strict=True)):
        before = beyond[k - 1]
        if (here > 0) != (before > 0):
            share = before / (before - here)
            corners.append(polygon[k - 1] + share * (point - polygon[k - 1]))
        if here <= 0:
            corners.append(point)
    return np.array(corners)
