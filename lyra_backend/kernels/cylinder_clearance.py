"""How far triangles are from upright cylinders' axes, of what lies between the ends of each.

A triangle is cut off at the two heights; what is left, seen from above, is a convex polygon whose sides are the pieces
of its edges between the heights and the two lines where it was cut. Its distance from the axis is that of the nearest
side, or 0 if the axis goes through it.
"""

import numpy as np
import numpy.typing as npt
import warp as wp

from .mesh_distance import MeshTree

__all__ = ["cylinder_clearance"]

wp.set_module_options({"enable_backward": False})

Floats = npt.NDArray[np.floating]


@wp.func
def _segment(p: wp.vec2, q: wp.vec2) -> float:
    """Return the distance from the origin to segment pq."""
    along = q - p
    squared = wp.dot(along, along)
    at = float(0.0)
    if squared > 1.0e-20:
        at = wp.clamp(-wp.dot(p, along) / squared, 0.0, 1.0)
    return wp.length(p + at * along)


@wp.func
def _edge(a: wp.vec3, b: wp.vec3, low: float, high: float) -> float:
    """Return the distance of the part of edge ab between two heights, inf if there is none."""
    if wp.max(a[2], b[2]) < low or wp.min(a[2], b[2]) > high:
        return wp.inf
    first, last = float(0.0), float(1.0)
    rise = b[2] - a[2]
    if wp.abs(rise) > 1.0e-9:
        s, t = (low - a[2]) / rise, (high - a[2]) / rise
        first, last = wp.max(wp.min(s, t), 0.0), wp.min(wp.max(s, t), 1.0)
    p, q = a + first * (b - a), a + last * (b - a)
    return _segment(wp.vec2(p[0], p[1]), wp.vec2(q[0], q[1]))


@wp.func
def _crossing(a: wp.vec3, b: wp.vec3, at: float) -> wp.vec3:
    """Return x and y where edge ab crosses a height, and 1; 0 as the third if it does not."""
    if (a[2] < at) == (b[2] < at):
        return wp.vec3(0.0, 0.0, 0.0)
    p = a + (at - a[2]) / (b[2] - a[2]) * (b - a)
    return wp.vec3(p[0], p[1], 1.0)


@wp.func
def _cut(a: wp.vec3, b: wp.vec3, c: wp.vec3, at: float) -> float:
    """Return the distance of the line in which a triangle is cut at a height, inf if it is not."""
    p, q, r = _crossing(a, b, at), _crossing(b, c, at), _crossing(c, a, at)
    if p[2] == 0.0:
        p = r
    elif q[2] == 0.0:
        q = r
    if p[2] == 0.0 or q[2] == 0.0:
        return wp.inf
    return _segment(wp.vec2(p[0], p[1]), wp.vec2(q[0], q[1]))


@wp.func
def _through(a: wp.vec3, b: wp.vec3, c: wp.vec3, low: float, high: float) -> wp.bool:
    """Return whether the axis, at the origin, goes through the triangle between two heights."""
    u, v, w = b[0] * c[1] - b[1] * c[0], c[0] * a[1] - c[1] * a[0], a[0] * b[1] - a[1] * b[0]
    if not ((u >= 0.0 and v >= 0.0 and w >= 0.0) or (u <= 0.0 and v <= 0.0 and w <= 0.0)):
        return False
    total = u + v + w
    if wp.abs(total) < 1.0e-12:
        return False
    z = (u * a[2] + v * b[2] + w * c[2]) / total
    return z >= low and z <= high


@wp.kernel
def _clearance(
    # in
    mesh: wp.uint64,
    bases: wp.array(dtype=wp.vec3),
    tops: wp.array(dtype=float),
    reach: float,
    # out
    clearance: wp.array(dtype=float),
) -> None:
    i = wp.tid()
    base = bases[i]
    lower = wp.vec3(base[0] - reach, base[1] - reach, base[2])
    upper = wp.vec3(base[0] + reach, base[1] + reach, tops[i])
    low, high = float(0.0), tops[i] - base[2]
    nearest = float(reach)
    query = wp.mesh_query_aabb(mesh, lower, upper)
    face = int(0)
    while wp.mesh_query_aabb_next(query, face):
        a = wp.mesh_eval_position(mesh, face, 1.0, 0.0) - base
        b = wp.mesh_eval_position(mesh, face, 0.0, 1.0) - base
        c = wp.mesh_eval_position(mesh, face, 0.0, 0.0) - base
        nearest = wp.min(
            nearest, wp.min(_edge(a, b, low, high), wp.min(_edge(b, c, low, high), _edge(c, a, low, high)))
        )
        nearest = wp.min(nearest, wp.min(_cut(a, b, c, low), _cut(a, b, c, high)))
        if _through(a, b, c, low, high):
            nearest = 0.0
    clearance[i] = nearest


def cylinder_clearance(tree: MeshTree, bases: Floats, tops: Floats, reach: float) -> npt.NDArray[np.float32]:
    """Return how far the nearest triangle is from each axis [m], at most `reach`, shape (N,).

    Args:
        tree: the triangles.
        bases: lower ends of the axes [m], shape (N, 3).
        tops: heights of the upper ends [m], shape (N,).
        reach: farthest that is looked [m].
    """
    where, mesh = tree.device, tree.mesh
    found = wp.full(len(bases), float(reach), dtype=float, device=where)
    if mesh is not None and len(bases):
        starts = wp.array(np.ascontiguousarray(bases, np.float32), dtype=wp.vec3, device=where)
        ends = wp.array(np.ascontiguousarray(tops, np.float32), dtype=float, device=where)
        wp.launch(_clearance, len(bases), [mesh.id, starts, ends, float(reach)], [found], device=where)
    clearance: npt.NDArray[np.float32] = found.numpy()
    return clearance
