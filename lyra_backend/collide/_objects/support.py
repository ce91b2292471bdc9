"""Whether what lies below a body carries it just as it stands: the last test before it may move."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ...types.mesh import concatenate_meshes
from .._mesh.triangles import normals
from .hulls import Hull
from .standing import SLENDER, is_ball, middle_of

__all__ = ["EXACT_M", "carried"]

Floats = npt.NDArray[np.floating]
Bools = npt.NDArray[np.bool_]
Surface = tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]

#: Ground that differs by this much [m] already lets bodies tilt.
EXACT_M = 0.0005
_CELL_M, _MOST_CELLS = 0.01, 80  # of the underside that is looked at; larger bodies have larger cells
_INWARDS = 0.01  # share of the way to the middle of its hull at which a corner's ground is looked for
_FOOT_M = 0.02  # height over the lowest point of what may touch the ground
_ABOVE_M = 0.02  # ground this much above the underside is still below it
_DROP_M = 0.005  # what would fall deeper than this is not carried
_SUNK_M = 0.002  # ground that reaches farther into a body throws it up
_LEVEL = 0.02  # downward share of the normals of upright sides, which are never an underside


def carried(groups: list[list[Hull]], environment: Surface, even: float = EXACT_M) -> list[bool]:
    """Say which bodies stay where they are when they are let go onto an environment and each other.

    Where the gap below a body is least it touches its ground. The middle of the body must lie over the convex hull of
    these places, farther inside than it would have to be moved to fall; so one edge, one corner or one leg that ends
    in the air makes a body stay fixed only where it matters.

    Args:
        groups: the shapes of each body.
        environment: everything that stands still, (V, 3) [m], (F, 3).
        even: ground whose height differs by less than this [m] carries together.
    """
    from ...kernels.mesh_distance import MeshTree

    ground = MeshTree(*environment)
    shapes = [[(h.vertices.astype(np.float32), h.triangles.astype(np.int32)) for h in hulls] for hulls in groups]
    result = []
    for i, hulls in enumerate(groups):
        starts = _underside(hulls)
        starts[:, 2] += _ABOVE_M
        others = [shape for k, group in enumerate(shapes) if k != i for shape in group]
        gap = np.full(len(starts), np.inf)
        for tree in (ground, MeshTree(*concatenate_meshes(others))) if others else (ground,):
            hits = tree.rays(starts, np.tile([0.0, 0.0, -1.0], (len(starts), 1)))
            gap = np.minimum(gap, np.where(hits.front, hits.distance.astype(np.float64) - _ABOVE_M, np.inf))
        result.append(_balanced(hulls, starts[:, :2], gap, even))
    return result


def _underside(hulls: list[Hull]) -> Floats:
    """Points (N, 3) [m] spread over the lowest parts of a body, and just inside of its lowest corners."""
    corners = np.concatenate([h.vertices for h in hulls]).astype(np.float64)
    low, high = corners.min(axis=0), corners.max(axis=0)
    feet = [h.vertices + _INWARDS * (h.vertices.mean(axis=0) - h.vertices) for h in hulls]
    cell = max(_CELL_M, float((high - low)[:2].max()) / _MOST_CELLS)
    x, y = (np.arange(low[k] + cell / 2, high[k], cell) for k in (0, 1))
    plan = np.concatenate(
        [np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1).reshape(-1, 2)] + [f[:, :2] for f in feet]
    )
    height = np.min([_lower_side(h, plan) for h in hulls], axis=0)
    mine = height < low[2] + _FOOT_M
    return np.column_stack([plan[mine], height[mine]])


def _lower_side(hull: Hull, plan: Floats) -> Floats:
    """Height [m] at which upright lines through points (N, 2) enter a hull, inf where they pass it by."""
    normal = normals(hull.vertices, hull.triangles).astype(np.float64)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-20)
    offset = (normal * hull.vertices[hull.triangles[:, 0]]).sum(axis=1)
    left = offset - plan @ normal[:, :2].T
    up = normal[:, 2]
    with np.errstate(divide="ignore", invalid="ignore"):
        height = left / up
    lower = np.where(up < -_LEVEL, height, -np.inf).max(axis=1)
    upper = np.where(up > _LEVEL, height, np.inf).min(axis=1)
    beside = (np.where(np.abs(up) <= _LEVEL, left, 0.0) < 0).any(axis=1)
    return np.where(beside | (lower > upper), np.inf, lower)


def _balanced(hulls: list[Hull], plan: Floats, gap: Floats, even: float) -> bool:
    """Say whether the places (N, 2) where the gap (N,) below a body [m] is least carry its middle."""
    from scipy.spatial import ConvexHull, QhullError

    least = float(gap.min(initial=np.inf))
    if not -max(_SUNK_M, even) < least < _DROP_M:
        return False
    touching = plan[gap < least + even]
    middle = middle_of(hulls)
    if is_ball(hulls):
        return bool(np.linalg.norm(touching - middle[:2], axis=1).min() < _CELL_M)
    base = min(float(h.vertices[:, 2].min()) for h in hulls)
    try:
        around = ConvexHull(touching)
    except (QhullError, ValueError):
        return False
    inside = -(around.equations[:, :2] @ middle[:2] + around.equations[:, 2]).max()
    return bool(inside > SLENDER * (middle[2] - base))
