"""Moving objects begin apart: what overlaps is thrown about by engines in their first step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from .._mesh.triangles import normals
from .hulls import Hull, hull_of

if TYPE_CHECKING:
    from ...kernels.mesh_distance import MeshTree

__all__ = ["interlocked", "touching", "trimmed"]

Floats = npt.NDArray[np.floating]
Surface = tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]

_DEEPEST_M = 0.1  # overlaps deeper than this are no inaccuracy of shapes and are left alone
_GAP_M = 0.001
_OVERLAP_M = 0.01  # overlap that throws bodies about
_SHRINK = 0.02  # share of the way to the middle by which edges are moved inwards
_TOUCH_M = 0.001  # how deep what stands still may reach into a body, and how high above its feet


def trimmed(objects: list[list[Hull]]) -> list[list[Hull]]:
    """Cut hulls of each object back to where those of larger objects begin.

    Where two hulls overlap, the smaller object's is cut along the face of the other that takes the least away.
    """
    size = [sum(h.volume_m3 for h in hulls) for hulls in objects]
    order = sorted(range(len(objects)), key=lambda i: (-size[i], i))
    result = [list(hulls) for hulls in objects]
    for rank, i in enumerate(order):
        for larger in order[:rank]:
            for other in result[larger]:
                result[i] = [_cut(hull, other) for hull in result[i]]
    return result


def _cut(hull: Hull, other: Hull) -> Hull:
    if (hull.vertices.min(axis=0) >= other.vertices.max(axis=0)).any():
        return hull
    if (hull.vertices.max(axis=0) <= other.vertices.min(axis=0)).any():
        return hull
    depth, normal, reach = _overlap(hull, other)
    if not -_GAP_M < depth <= _DEEPEST_M:
        return hull
    beyond = reach + _GAP_M - hull.vertices @ normal
    return hull_of(hull.vertices + np.maximum(beyond, 0.0)[:, None] * normal) or hull


def _overlap(hull: Hull, other: Hull) -> tuple[float, Floats, float]:
    """Return how far two hulls overlap along the face normal where they do least [m], negative if they are apart.

    Returns:
        The overlap, the normal from the other hull to this one, and how far the other reaches along it.
    """
    normal = np.concatenate([normals(other.vertices, other.triangles), -normals(hull.vertices, hull.triangles)])
    normal = normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-20)
    reach = (other.vertices @ normal.T).max(axis=0)
    depth = reach - (hull.vertices @ normal.T).min(axis=0)
    best = int(depth.argmin())
    return float(depth[best]), normal[best], float(reach[best])


def interlocked(objects: list[list[Hull]], points: Floats) -> list[bool]:
    """Say which objects overlap another one, or have points (N, 3) of what does not move inside."""
    found = [any(_holds(hull, points) for hull in hulls) for hulls in objects]
    for i, one in enumerate(objects):
        for k in range(i):
            if any(_overlap(a, b)[0] > _OVERLAP_M for a in one for b in objects[k]):
                found[i] = found[k] = True
    return found


def _holds(hull: Hull, points: Floats, depth: float = _OVERLAP_M) -> bool:
    low, high = hull.vertices.min(axis=0), hull.vertices.max(axis=0)
    points = points[((points > low) & (points < high)).all(axis=1)]
    normal = normals(hull.vertices, hull.triangles)
    normal = normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-20)
    beyond = points @ normal.T - (normal * hull.vertices[hull.triangles[:, 0]]).sum(axis=1)
    return bool((beyond.max(axis=1) < -depth).any())


def touching(objects: list[list[Hull]], surface: Surface) -> list[bool]:
    """Say which objects a surface reaches into above their feet: pushed out of it, they would not stay.

    Seen at the sides and middles of its triangles, and where it cuts the edges of hulls.
    """
    from ...kernels.mesh_distance import MeshTree

    corners = surface[0][surface[1]].astype(np.float64)
    low, high, tree = corners.min(axis=1), corners.max(axis=1), MeshTree(*surface)
    result = []
    for hulls in objects:
        points = np.concatenate([h.vertices for h in hulls])
        near = ((low <= points.max(axis=0)) & (high >= points.min(axis=0))).all(axis=1)
        result.append(_reached(hulls, corners[near], tree))
    return result


def _crossed(hull: Hull, starts: Floats, ends: Floats, lowest: float) -> bool:
    """Say whether one of the segments (N, 3) is somewhere deep inside a hull and above a height [m]."""
    normal = normals(hull.vertices, hull.triangles).astype(np.float64)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-20)
    offset = (normal * hull.vertices[hull.triangles[:, 0]]).sum(axis=1) - _TOUCH_M
    normal, offset = np.concatenate([normal, [[0.0, 0.0, -1.0]]]), np.append(offset, -lowest)
    begin, slope = starts @ normal.T - offset, (ends - starts) @ normal.T
    with np.errstate(divide="ignore", invalid="ignore"):
        at = -begin / slope
    enters = np.where(slope < 0, at, np.where((slope == 0) & (begin >= 0), np.inf, 0.0)).max(axis=1)
    leaves = np.where(slope > 0, at, 1.0).min(axis=1)
    return bool((np.maximum(enters, 0.0) < np.minimum(leaves, 1.0)).any())


def _reached(hulls: list[Hull], corners: Floats, tree: MeshTree) -> bool:
    feet = min(float(h.vertices[:, 2].min()) for h in hulls) + _TOUCH_M
    middles = corners.mean(axis=1)
    starts, ends = corners.reshape(-1, 3), np.roll(corners, -1, axis=1).reshape(-1, 3)
    for hull in hulls:
        if _holds(hull, middles[middles[:, 2] > feet], _TOUCH_M) or _crossed(hull, starts, ends, feet):
            return True
    edges = [hull.vertices[hull.triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)] for hull in hulls]
    centres = [hull.vertices.mean(axis=0) for hull in hulls]
    shrunk = np.concatenate([e + _SHRINK * (m - e) for e, m in zip(edges, centres, strict=True)])
    shrunk = shrunk[shrunk[..., 2].min(axis=1) > feet]
    along = shrunk[:, 1] - shrunk[:, 0]
    length = np.linalg.norm(along, axis=1)
    shrunk, along, length = (values[length > _TOUCH_M] for values in (shrunk, along, length))
    if not len(length):
        return False
    return bool((tree.rays(shrunk[:, 0], along / length[:, None]).distance < length).any())
