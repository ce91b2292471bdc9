"""One round of edge collapse: many edges at a time that do not touch.

Every edge whose new vertex lies within the tolerance of the planes it stands for offers its error to both its ends. The
edges that are the best offer at all corners of the triangles around both collapse together, unless what is left would
be no surface (link condition), a triangle would turn over or become a sliver, an edge grow too long, or the surface
leave what it was made from; such edges are refused until something changes next to them or the tolerance grows.
"""

import warp as wp

from .followers import Source, follows, keeps_followers
from .quadrics import error_at, has, summed

__all__ = ["NO_OFFER", "UNKNOWN", "collapse", "offer", "renamed"]

wp.config.log_level = max(wp.config.log_level, wp.LOG_WARNING)
wp.set_module_options({"enable_backward": False})

NO_OFFER = wp.constant(wp.int64(2**62))
_MOST_URGENT = wp.constant(wp.float64(2.0))
_STEPS = wp.constant(wp.float64(7.0))  # of urgency
UNKNOWN, _REFUSED, _KNOWN = 0, 1, 2  # states of an edge; from _KNOWN on: its urgency and target, as last worked out
_HALF_WAY, _TO_A, _TO_B = 0, 1, 2  # targets
_HALVES = wp.constant(wp.int64(2**34 - 1))  # the part of an offer that says whose it is


@wp.func
def _normal(a: wp.vec3d, b: wp.vec3d, c: wp.vec3d) -> wp.vec3d:
    return wp.cross(b - a, c - a)


@wp.func
def _shape(a: wp.vec3d, b: wp.vec3d, c: wp.vec3d, size: wp.float64) -> wp.float64:
    """1 for an equilateral triangle, 0 for one without area; `size` is twice its area."""
    sides = wp.length_sq(b - a) + wp.length_sq(c - b) + wp.length_sq(a - c)
    return wp.float64(3.4641016151377544) * size / wp.max(sides, wp.float64(1.0e-30))


@wp.func
def _keeps_shape(
    vertices: wp.array(dtype=wp.vec3d),
    triangles: wp.array2d(dtype=int),
    first: wp.array(dtype=int),
    around: wp.array(dtype=int),
    moved: int,
    other: int,
    target: wp.vec3d,
    longest: wp.float64,
) -> bool:
    """May `moved` go to `target` as far as its triangles without `other` are concerned?"""
    for i in range(first[moved], first[moved + 1]):
        t = around[i]
        if triangles[t, 0] == other or triangles[t, 1] == other or triangles[t, 2] == other:
            continue
        corner = int(0)
        if triangles[t, 1] == moved:
            corner = 1
        if triangles[t, 2] == moved:
            corner = 2
        b = vertices[triangles[t, (corner + 1) % 3]]
        c = vertices[triangles[t, (corner + 2) % 3]]
        if wp.length_sq(b - target) > longest or wp.length_sq(c - target) > longest:
            return False
        before = _normal(vertices[moved], b, c)
        after = _normal(target, b, c)
        size = wp.length(after)
        if wp.dot(before, after) < wp.float64(0.6) * wp.length(before) * size:
            return False
        shape = _shape(target, b, c, size)
        if shape < wp.float64(0.15):
            if shape < _shape(vertices[moved], b, c, wp.length(before)):
                return False
    return True


@wp.func
def _keeps_surface(
    triangles: wp.array2d(dtype=int), first: wp.array(dtype=int), around: wp.array(dtype=int), a: int, b: int
) -> bool:
    """Link condition: the neighbours that two vertices have in common are the tips of the triangles they share."""
    shared = int(0)
    common = int(0)
    for i in range(first[a], first[a + 1]):
        t = around[i]
        if has(triangles, t, b):
            shared += 1
        for k in range(3):
            v = triangles[t, k]
            # each neighbour of a is met once as the successor of a; on a rim the last one only as the predecessor
            if triangles[t, (k + 2) % 3] != a or v == b:
                continue
            for j in range(first[b], first[b + 1]):
                if has(triangles, around[j], v):
                    common += 1
                    break
    return common <= shared


@wp.func
def _judged(
    vertices: wp.array(dtype=wp.vec3d),
    quadrics: wp.array2d(dtype=wp.float64),
    kind: wp.array(dtype=int),
    triangles: wp.array2d(dtype=int),
    first: wp.array(dtype=int),
    around: wp.array(dtype=int),
    a: int,
    b: int,
    tolerance: wp.float64,
    longest: wp.float64,
) -> wp.uint8:
    """State of an edge of two vertices: refused, or how urgent it is and where its new vertex goes."""
    if kind[a] == 2 or kind[b] == 2:
        return wp.uint8(_REFUSED)
    # of the two sides of an inner edge one speaks, that of a rim has but one; an edge from rim to rim must be rim
    if kind[a] == 1 and kind[b] == 1:
        shared = int(0)
        for i in range(first[a], first[a + 1]):
            if has(triangles, around[i], b):
                shared += 1
        if shared != 1:
            return wp.uint8(_REFUSED)
    elif a > b:
        return wp.uint8(_REFUSED)
    target = int(_HALF_WAY)
    both = summed(quadrics, a, b)
    error = error_at(both, wp.float64(0.5) * (vertices[a] + vertices[b]))
    error_a = error_at(both, vertices[a])
    error_b = error_at(both, vertices[b])
    if (kind[a] == 1 and kind[b] == 0) or (kind[a] == kind[b] and error_a < error):
        target = _TO_A
        error = error_a
    if (kind[b] == 1 and kind[a] == 0) or (kind[a] == kind[b] and error_b < error):
        target = _TO_B
        error = error_b
    if error > tolerance:
        return wp.uint8(_REFUSED)
    # the cheap and short go first, in few steps: within one a scrambled order lets many offers win next to each other
    urgency = error / wp.max(tolerance, wp.float64(1.0e-30)) + wp.length_sq(vertices[a] - vertices[b]) / longest
    urgency = wp.min(urgency, _MOST_URGENT)
    return wp.uint8(_KNOWN + 3 * int(urgency * _STEPS) + target)


@wp.func
def _offer_of(state: int, half: int) -> wp.int64:
    """What an edge offers to its ends; the smallest is the best."""
    scrambled = (wp.int64(half) * wp.int64(2654435761)) & wp.int64(0xFFFFFF)
    return (wp.int64((state - _KNOWN) // 3) << wp.int64(58)) + (scrambled << wp.int64(34)) + wp.int64(half)


@wp.func
def _forget(
    triangles: wp.array2d(dtype=int),
    first: wp.array(dtype=int),
    around: wp.array(dtype=int),
    moved: int,
    a: int,
    b: int,
    state: wp.array2d(dtype=wp.uint8),
) -> None:
    """What is known of edges at `a` and `b` holds no longer, and what was refused around `moved` may be welcome now."""
    for i in range(first[moved], first[moved + 1]):
        t = around[i]
        for k in range(3):
            start = triangles[t, k]
            end = triangles[t, (k + 1) % 3]
            elsewhere = start != a and start != b and end != a and end != b
            if state[t, k] < wp.uint8(_KNOWN) or not elsewhere:
                state[t, k] = wp.uint8(UNKNOWN)


@wp.kernel
def offer(
    # in
    vertices: wp.array(dtype=wp.vec3d),
    quadrics: wp.array2d(dtype=wp.float64),
    kind: wp.array(dtype=int),
    triangles: wp.array2d(dtype=int),
    first: wp.array(dtype=int),
    around: wp.array(dtype=int),
    tolerance: wp.float64,
    longest: wp.float64,
    # out
    state: wp.array2d(dtype=wp.uint8),
    best: wp.array(dtype=wp.int64),
) -> None:
    t = wp.tid()
    for side in range(3):
        known = state[t, side]
        if known == wp.uint8(_REFUSED):
            continue
        a = triangles[t, side]
        b = triangles[t, (side + 1) % 3]
        if known == wp.uint8(UNKNOWN):
            known = _judged(vertices, quadrics, kind, triangles, first, around, a, b, tolerance, longest)
            state[t, side] = known
            if known == wp.uint8(_REFUSED):
                continue
        own = _offer_of(int(known), t * 3 + side)
        wp.atomic_min(best, a, own)
        wp.atomic_min(best, b, own)


@wp.kernel
def collapse(
    # in
    triangles: wp.array2d(dtype=int),
    first: wp.array(dtype=int),
    around: wp.array(dtype=int),
    best: wp.array(dtype=wp.int64),
    longest: wp.float64,
    source: Source,
    bound: wp.float64,
    # out
    vertices: wp.array(dtype=wp.vec3d),
    quadrics: wp.array2d(dtype=wp.float64),
    kind: wp.array(dtype=int),
    becomes: wp.array(dtype=int),
    state: wp.array2d(dtype=wp.uint8),
    head: wp.array(dtype=int),
    after: wp.array(dtype=int),
) -> None:
    a = wp.tid()
    wanted = best[a]
    if wanted == NO_OFFER:
        return
    t = int(wanted & _HALVES) // 3
    side = int(wanted & _HALVES) - 3 * t
    b = triangles[t, (side + 1) % 3]
    # the edge's other end leaves it to this one
    if triangles[t, side] != a or best[b] != wanted:
        return
    for i in range(first[a], first[a + 1]):
        for k in range(3):
            if best[triangles[around[i], k]] < wanted:
                return
    for i in range(first[b], first[b + 1]):
        for k in range(3):
            if best[triangles[around[i], k]] < wanted:
                return
    # nobody else moves a vertex of these triangles now, so looking at them is safe
    target = wp.float64(0.5) * (vertices[a] + vertices[b])
    where = (int(state[t, side]) - _KNOWN) % 3
    if where == _TO_A:
        target = vertices[a]
    if where == _TO_B:
        target = vertices[b]
    fine = _keeps_shape(vertices, triangles, first, around, a, b, target, longest)
    # one by one: `and` would work all of them out
    if fine:
        fine = _keeps_shape(vertices, triangles, first, around, b, a, target, longest)
    if fine:
        fine = _keeps_surface(triangles, first, around, a, b)
    if fine:
        fine = keeps_followers(
            source, vertices, triangles, first, around, head, after, a, b, target, where == _HALF_WAY, bound
        )
    if not fine:
        state[t, side] = wp.uint8(_REFUSED)
        return
    follows(source, vertices, triangles, first, around, a, b, target, head, after)
    vertices[a] = target
    for k in range(11):
        quadrics[a, k] = quadrics[a, k] + quadrics[b, k]
    _forget(triangles, first, around, a, a, b, state)
    _forget(triangles, first, around, b, a, b, state)
    kind[a] = wp.max(kind[a], kind[b])
    becomes[b] = a


@wp.kernel
def renamed(
    # in
    becomes: wp.array(dtype=int),
    # out
    triangles: wp.array2d(dtype=int),
    stays: wp.array(dtype=wp.bool),
) -> None:
    t = wp.tid()
    a = becomes[triangles[t, 0]]
    b = becomes[triangles[t, 1]]
    c = becomes[triangles[t, 2]]
    triangles[t, 0] = a
    triangles[t, 1] = b
    triangles[t, 2] = c
    stays[t] = a != b and b != c and c != a
