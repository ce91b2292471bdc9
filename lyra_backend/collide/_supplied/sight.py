"""Where free space is by a mesh alone, and what is seen of another one from there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ...types import Camera

if TYPE_CHECKING:
    from ...kernels.mesh_distance import MeshTree

__all__ = ["eyes_in", "fronts_seen", "seen_from"]

Floats = npt.NDArray[np.floating]
Bools = npt.NDArray[np.bool_]

_ROBOT_EYE_M = 1.2
_PLAN = 9  # candidates along each side of the plan
_CORE = (0.05, 0.95)  # quantiles of the plan between which they stand
_MOST = 10
_DIRECTIONS = 160
_GOLDEN = np.pi * (3.0 - 5.0**0.5)
_FREE = 0.95  # share of what is seen from free space that shows its front
_FEWEST_HITS = 0.25  # of the directions
_NEAR_M = 0.02  # hits this close before a point are the point


def eyes_in(mesh: MeshTree, cameras: tuple[Camera, ...]) -> Floats:
    """Return points in free space [m], shape (P, 3): the cameras, and places at robot height that see fronts only.

    Args:
        mesh: wound towards free space, floor at z = 0.
        cameras: views that are known to be free.
    """
    places = _places(mesh)
    free = places[fronts_seen(mesh, places) >= _FREE]
    known = np.unique(np.array([c.position for c in cameras], np.float64).reshape(-1, 3), axis=0)
    return np.concatenate([_spread(known, _MOST), _spread(free, _MOST)])


def fronts_seen(mesh: MeshTree, points: Floats | None = None) -> Floats:
    """Return what share of the triangles that rays meet first show their front, shape (N,); NaN where few meet any.

    Args:
        mesh: any mesh.
        points: from where to look [m], shape (N, 3); None: from places at robot height over its plan.
    """
    points = _places(mesh) if points is None else points
    ways = _sphere(_DIRECTIONS)
    hits = mesh.rays(np.repeat(points, len(ways), axis=0), np.tile(ways, (len(points), 1)))
    met, front = ((part.reshape(len(points), -1)) for part in (hits.triangle >= 0, hits.front & (hits.triangle >= 0)))
    count = met.sum(axis=1)
    return np.where(count >= _FEWEST_HITS * len(ways), front.sum(axis=1) / np.maximum(count, 1), np.nan)


def seen_from(eyes: Floats, points: Floats, mesh: MeshTree) -> Bools:
    """Return which of the points (N, 3) on a mesh are seen from one of the eyes (P, 3), shape (N,)."""
    seen = np.zeros(len(points), bool)
    for eye in eyes:
        left = np.flatnonzero(~seen)
        way = points[left] - eye
        far = np.maximum(np.linalg.norm(way, axis=1), 1e-9)
        hits = mesh.rays(np.broadcast_to(eye, way.shape), way / far[:, None])
        seen[left] = hits.distance > far - _NEAR_M
    return seen


def _places(mesh: MeshTree) -> Floats:
    """Return places at robot height over the plan of a mesh [m], shape (N, 3)."""
    used = mesh.vertices[np.unique(mesh.triangles)][:, :2].astype(np.float64)
    low, high = np.quantile(used, _CORE, axis=0)
    x, y = np.meshgrid(*(np.linspace(a, b, _PLAN) for a, b in zip(low, high, strict=True)))
    return np.column_stack([x.ravel(), y.ravel(), np.full(x.size, _ROBOT_EYE_M)])


def _spread(points: Floats, most: int) -> Floats:
    """Return up to `most` of the points, far from each other."""
    if len(points) <= most:
        return points
    gap = -np.linalg.norm(points - np.median(points, axis=0), axis=1)
    chosen: list[int] = []
    for n in range(most):
        chosen.append(int(gap.argmax()))
        away = np.linalg.norm(points - points[chosen[-1]], axis=1)
        gap = away if n == 0 else np.minimum(gap, away)
    return points[chosen]


def _sphere(count: int) -> Floats:
    """Return unit vectors spread evenly over the sphere, shape (count, 3)."""
    z = 1.0 - 2.0 * (np.arange(count) + 0.5) / count
    turn = np.arange(count) * _GOLDEN
    radius = np.sqrt(1.0 - z**2)
    return np.column_stack([radius * np.cos(turn), radius * np.sin(turn), z])
