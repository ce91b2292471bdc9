"""How far a surface that is simplified is from what it was made from: vertices of the source follow its triangles.

Every vertex of the source belongs to the triangle it is nearest to, in a linked list, and goes to the nearest of the
new ones when that changes. A change after which one would be further away than a bound is refused, and so is a vertex
that would be further from the source's triangles: nothing accumulates, however often the surface changes.
"""

import numpy as np
import numpy.typing as npt
import warp as wp

from .quadrics import has

__all__ = ["Source", "first_followers", "follows", "keeps_followers"]

wp.config.log_level = max(wp.config.log_level, wp.LOG_WARNING)
wp.set_module_options({"enable_backward": False})

_FAR = wp.constant(wp.float64(1.0e300))


@wp.struct
class Source:
    """Vertices, triangles, and where each vertex's triangles start in the list of triangles by vertex."""

    vertices: wp.array(dtype=wp.vec3d)
    triangles: wp.array2d(dtype=int)
    first: wp.array(dtype=int)
    around: wp.array(dtype=int)


@wp.func
def _to_segment(p: wp.vec3d, a: wp.vec3d, b: wp.vec3d) -> wp.float64:
    way = b - a
    share = wp.dot(p - a, way) / wp.max(wp.length_sq(way), wp.float64(1.0e-300))
    return wp.length_sq(p - a - wp.clamp(share, wp.float64(0.0), wp.float64(1.0)) * way)


@wp.func
def squared_distance(p: wp.vec3d, a: wp.vec3d, b: wp.vec3d, c: wp.vec3d) -> wp.float64:
    """Squared distance of a point to a triangle."""
    normal = wp.cross(b - a, c - a)
    size = wp.length_sq(normal)
    inside = wp.dot(wp.cross(b - a, p - a), normal) >= wp.float64(0.0)
    inside = inside and wp.dot(wp.cross(c - b, p - b), normal) >= wp.float64(0.0)
    inside = inside and wp.dot(wp.cross(a - c, p - c), normal) >= wp.float64(0.0)
    if inside and size > wp.float64(0.0):
        height = wp.dot(p - a, normal)
        return height * height / size
    return wp.min(_to_segment(p, a, b), wp.min(_to_segment(p, b, c), _to_segment(p, c, a)))


@wp.func
def _to_moved(
    p: wp.vec3d,
    vertices: wp.array(dtype=wp.vec3d),
    triangles: wp.array2d(dtype=int),
    t: int,
    moved: int,
    target: wp.vec3d,
) -> wp.float64:
    """Squared distance to a triangle one of whose corners goes to `target`."""
    a = vertices[triangles[t, 0]]
    b = vertices[triangles[t, 1]]
    c = vertices[triangles[t, 2]]
    if triangles[t, 0] == moved:
        a = target
    if triangles[t, 1] == moved:
        b = target
    if triangles[t, 2] == moved:
        c = target
    return squared_distance(p, a, b, c)


@wp.func
def _nearest(
    p: wp.vec3d,
    vertices: wp.array(dtype=wp.vec3d),
    triangles: wp.array2d(dtype=int),
    first: wp.array(dtype=int),
    around: wp.array(dtype=int),
    a: int,
    b: int,
    target: wp.vec3d,
    enough: wp.float64,
) -> wp.vec2d:
    """Squared distance to the triangles left around two vertices that both go to `target`, and which is nearest.

    The first one that is near `enough` will do.
    """
    best = wp.vec2d(_FAR, wp.float64(-1.0))
    for end in range(2):
        moved = wp.where(end == 0, a, b)
        other = wp.where(end == 0, b, a)
        for i in range(first[moved], first[moved + 1]):
            t = around[i]
            if has(triangles, t, other):
                continue
            distance = _to_moved(p, vertices, triangles, t, moved, target)
            if distance < best[0]:
                best = wp.vec2d(distance, wp.float64(t))
                if distance <= enough:
                    return best
    return best


@wp.func
def _to_source(source: Source, p: wp.vec3d, v: int) -> wp.float64:
    """Squared distance to the triangles of the source around its vertex `v`."""
    best = _FAR
    for i in range(source.first[v], source.first[v + 1]):
        t = source.around[i]
        a = source.vertices[source.triangles[t, 0]]
        b = source.vertices[source.triangles[t, 1]]
        c = source.vertices[source.triangles[t, 2]]
        best = wp.min(best, squared_distance(p, a, b, c))
    return best


@wp.func
def keeps_followers(
    source: Source,
    vertices: wp.array(dtype=wp.vec3d),
    triangles: wp.array2d(dtype=int),
    first: wp.array(dtype=int),
    around: wp.array(dtype=int),
    head: wp.array(dtype=int),
    after: wp.array(dtype=int),
    a: int,
    b: int,
    target: wp.vec3d,
    is_new: bool,
    bound: wp.float64,
) -> bool:
    """Are source and surface within the root of `bound` of each other when `a` and `b` have gone to `target`?"""
    closest = int(-1)
    apart = _FAR
    for end in range(2):
        centre = wp.where(end == 0, a, b)
        for i in range(first[centre], first[centre + 1]):
            t = around[i]
            if end == 1 and has(triangles, t, a):
                continue
            v = head[t]
            while v >= 0:
                p = source.vertices[v]
                nearest = _nearest(p, vertices, triangles, first, around, a, b, target, bound)
                if nearest[0] > bound:
                    return False
                if wp.length_sq(p - target) < apart:
                    apart = wp.length_sq(p - target)
                    closest = v
                v = after[v]
    # other targets are vertices, which were looked at when they were made
    if is_new:
        if closest < 0:
            return False
        if _to_source(source, target, closest) > bound:
            return False
    return True


@wp.func
def follows(
    source: Source,
    vertices: wp.array(dtype=wp.vec3d),
    triangles: wp.array2d(dtype=int),
    first: wp.array(dtype=int),
    around: wp.array(dtype=int),
    a: int,
    b: int,
    target: wp.vec3d,
    head: wp.array(dtype=int),
    after: wp.array(dtype=int),
) -> None:
    """Give the vertices of the source around `a` and `b` to what is nearest when both have gone to `target`."""
    loose = int(-1)
    for end in range(2):
        centre = wp.where(end == 0, a, b)
        for i in range(first[centre], first[centre + 1]):
            t = around[i]
            v = head[t]
            head[t] = -1
            while v >= 0:
                following = after[v]
                after[v] = loose
                loose = v
                v = following
    while loose >= 0:
        v = loose
        loose = after[v]
        p = source.vertices[v]
        nearest = _nearest(p, vertices, triangles, first, around, a, b, target, wp.float64(0.0))
        t = int(nearest[1])
        after[v] = head[t]
        head[t] = v


def first_followers(
    triangles: npt.NDArray[np.int32], count: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Return the first follower of every triangle (F,) and the one after each of `count` vertices, -1 = no more."""
    owner = np.full(count, -1)
    owner[triangles.ravel()] = np.repeat(np.arange(len(triangles)), 3)
    order = np.argsort(owner, kind="stable")
    order = order[owner[order] >= 0]
    mine = owner[order]
    head, after = np.full(len(triangles), -1, np.int32), np.full(count, -1, np.int32)
    starts = np.append(True, mine[1:] != mine[:-1])[: len(mine)]
    head[mine[starts]] = order[starts]
    after[order[:-1][~starts[1:]]] = order[1:][~starts[1:]]
    return head, after
