"""Fewer triangles by collapsing edges where the surface is flat, many at a time.

Quadric error metric (Garland and Heckbert, "Surface simplification using quadric error metrics", 1997), area-weighted.
In a round every edge whose new vertex lies within the tolerance of the planes it stands for offers its error to both
its ends. The edges that are the best offer at all corners of the triangles around both collapse together, unless what
is left would be no surface (link condition), a triangle would turn over or become a sliver, or an edge grow too long;
such edges are refused until something changes next to them or the tolerance grows.
"""

import numpy as np
import numpy.typing as npt
import warp as wp

__all__ = ["decimate"]

wp.config.log_level = max(wp.config.log_level, wp.LOG_WARNING)
wp.set_module_options({"enable_backward": False})

_NO_OFFER = wp.constant(wp.int64(2**62))
_MOST_URGENT = wp.constant(wp.float64(2.0))
_STEPS = wp.constant(wp.float64(7.0))  # of urgency
_UNKNOWN, _REFUSED, _KNOWN = 0, 1, 2  # states of an edge; from _KNOWN on: its urgency and target, as last worked out
_HALF_WAY, _TO_A, _TO_B = 0, 1, 2  # targets
_FREE, _RIM, _FIXED = 0, 1, 2  # kinds of vertices: inside, on an open edge, on an edge of more than two triangles
_STALE = 0.8  # share of the triangles below which vertices without any are left out
_QUADRIC = 11  # 6 of the symmetric matrix, 3 linear, 1 constant, 1 weight
_HALVES = wp.constant(wp.int64(2**34 - 1))  # the part of an offer that says whose it is


class _Quadric(wp.types.vector(length=11, dtype=wp.float64)):  # type: ignore[misc]
    """One row of quadrics."""


@wp.func
def _normal(a: wp.vec3d, b: wp.vec3d, c: wp.vec3d) -> wp.vec3d:
    return wp.cross(b - a, c - a)


@wp.func
def _shape(a: wp.vec3d, b: wp.vec3d, c: wp.vec3d, size: wp.float64) -> wp.float64:
    """1 for an equilateral triangle, 0 for one without area; `size` is twice its area."""
    sides = wp.length_sq(b - a) + wp.length_sq(c - b) + wp.length_sq(a - c)
    return wp.float64(3.4641016151377544) * size / wp.max(sides, wp.float64(1.0e-30))


@wp.func
def _sum(q: wp.array2d(dtype=wp.float64), a: int, b: int) -> _Quadric:
    """Planes of two vertices together."""
    both = _Quadric()
    for k in range(11):
        both[k] = q[a, k] + q[b, k]
    return both


@wp.func
def _error(q: _Quadric, p: wp.vec3d) -> wp.float64:
    """Mean squared distance of `p` to planes."""
    value = wp.float64(0.0)
    value += q[0] * p[0] * p[0]
    value += q[1] * p[1] * p[1]
    value += q[2] * p[2] * p[2]
    value += wp.float64(2.0) * q[3] * p[0] * p[1]
    value += wp.float64(2.0) * q[4] * p[1] * p[2]
    value += wp.float64(2.0) * q[5] * p[0] * p[2]
    for k in range(3):
        value += wp.float64(2.0) * q[6 + k] * p[k]
    value += q[9]
    return wp.max(value, wp.float64(0.0)) / wp.max(q[10], wp.float64(1.0e-30))


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
def _has(triangles: wp.array2d(dtype=int), t: int, v: int) -> bool:
    return triangles[t, 0] == v or triangles[t, 1] == v or triangles[t, 2] == v


@wp.func
def _keeps_surface(
    triangles: wp.array2d(dtype=int), first: wp.array(dtype=int), around: wp.array(dtype=int), a: int, b: int
) -> bool:
    """Link condition: the neighbours that two vertices have in common are the tips of the triangles they share."""
    shared = int(0)
    common = int(0)
    for i in range(first[a], first[a + 1]):
        t = around[i]
        if _has(triangles, t, b):
            shared += 1
        for k in range(3):
            v = triangles[t, k]
            # each neighbour of a is met once as the successor of a; on a rim the last one only as the predecessor
            if triangles[t, (k + 2) % 3] != a or v == b:
                continue
            for j in range(first[b], first[b + 1]):
                if _has(triangles, around[j], v):
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
            if _has(triangles, around[i], b):
                shared += 1
        if shared != 1:
            return wp.uint8(_REFUSED)
    elif a > b:
        return wp.uint8(_REFUSED)
    target = int(_HALF_WAY)
    both = _sum(quadrics, a, b)
    error = _error(both, wp.float64(0.5) * (vertices[a] + vertices[b]))
    error_a = _error(both, vertices[a])
    error_b = _error(both, vertices[b])
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
                state[t, k] = wp.uint8(_UNKNOWN)


@wp.kernel
def _offer(
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
        if known == wp.uint8(_UNKNOWN):
            known = _judged(vertices, quadrics, kind, triangles, first, around, a, b, tolerance, longest)
            state[t, side] = known
            if known == wp.uint8(_REFUSED):
                continue
        offer = _offer_of(int(known), t * 3 + side)
        wp.atomic_min(best, a, offer)
        wp.atomic_min(best, b, offer)


@wp.kernel
def _collapse(
    # in
    triangles: wp.array2d(dtype=int),
    first: wp.array(dtype=int),
    around: wp.array(dtype=int),
    best: wp.array(dtype=wp.int64),
    longest: wp.float64,
    # out
    vertices: wp.array(dtype=wp.vec3d),
    quadrics: wp.array2d(dtype=wp.float64),
    kind: wp.array(dtype=int),
    becomes: wp.array(dtype=int),
    state: wp.array2d(dtype=wp.uint8),
) -> None:
    a = wp.tid()
    offer = best[a]
    if offer == _NO_OFFER:
        return
    t = int(offer & _HALVES) // 3
    side = int(offer & _HALVES) - 3 * t
    b = triangles[t, (side + 1) % 3]
    # the edge's other end leaves it to this one
    if triangles[t, side] != a or best[b] != offer:
        return
    for i in range(first[a], first[a + 1]):
        for k in range(3):
            if best[triangles[around[i], k]] < offer:
                return
    for i in range(first[b], first[b + 1]):
        for k in range(3):
            if best[triangles[around[i], k]] < offer:
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
    if not fine:
        state[t, side] = wp.uint8(_REFUSED)
        return
    vertices[a] = target
    for k in range(11):
        quadrics[a, k] = quadrics[a, k] + quadrics[b, k]
    _forget(triangles, first, around, a, a, b, state)
    _forget(triangles, first, around, b, a, b, state)
    kind[a] = wp.max(kind[a], kind[b])
    becomes[b] = a


@wp.kernel
def _renamed(
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


def _incidence(triangles: npt.NDArray[np.int32], count: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Return where each vertex's triangles start (V + 1,) in the list of triangles by vertex."""
    from scipy.sparse import csr_array

    rows = np.arange(0, triangles.size + 1, 3, dtype=np.int32)
    by_triangle = csr_array((np.ones(triangles.size, np.int8), triangles.ravel(), rows), (len(triangles), count))
    by_vertex = by_triangle.tocsc()
    return by_vertex.indptr.astype(np.int32, copy=False), by_vertex.indices.astype(np.int32, copy=False)


@wp.kernel
def _uses(
    # in
    triangles: wp.array2d(dtype=int),
    first: wp.array(dtype=int),
    around: wp.array(dtype=int),
    # out
    kind: wp.array(dtype=int),
    rim: wp.array2d(dtype=wp.bool),
) -> None:
    t = wp.tid()
    for side in range(3):
        a = triangles[t, side]
        b = triangles[t, (side + 1) % 3]
        uses = int(0)
        for i in range(first[a], first[a + 1]):
            if _has(triangles, around[i], b):
                uses += 1
        rim[t, side] = uses == 1
        if uses != 2:
            least = wp.where(uses == 1, int(_RIM), int(_FIXED))
            wp.atomic_max(kind, a, least)
            wp.atomic_max(kind, b, least)


def _kinds(
    triangles: npt.NDArray[np.int32],
    first: npt.NDArray[np.int32],
    around: npt.NDArray[np.int32],
    where: wp.Device,
) -> tuple[wp.array, npt.NDArray[np.int32]]:
    """Return the kind of each vertex (V,) and the open edges (E, 2), directed as in their triangles."""
    kind = wp.zeros(len(first) - 1, dtype=int, device=where)
    rim = wp.empty(triangles.shape, dtype=wp.bool, device=where)
    ring = [wp.array(a, dtype=int, device=where, copy=False) for a in (triangles, first, around)]
    wp.launch(_uses, dim=len(triangles), inputs=ring, outputs=[kind, rim], device=where)
    t, side = np.nonzero(rim.numpy())
    return kind, np.stack([triangles[t, side], triangles[t, (side + 1) % 3]], axis=1)


def _plane_quadrics(
    unit: npt.NDArray[np.float64], points: npt.NDArray[np.float64], weight: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Quadrics (N, 11) of planes through `points` (N, 3)."""
    x, y, z = unit.T
    d = -(unit * points).sum(axis=1)
    rows = np.empty((len(d), _QUADRIC))
    for k, column in enumerate((x * x, y * y, z * z, x * y, y * z, x * z, x * d, y * d, z * d, d * d, 1.0)):
        rows[:, k] = column * weight
    return rows


def _quadrics(
    vertices: npt.NDArray[np.float64],
    triangles: npt.NDArray[np.int32],
    rims: npt.NDArray[np.int32],
    first: npt.NDArray[np.int32],
    around: npt.NDArray[np.int32],
) -> npt.NDArray[np.float64]:
    """Sum the planes around each vertex (V, 11); open edges are held by a plane that stands on them."""
    from scipy.sparse import csr_array

    corner = vertices[triangles[:, 0]]
    normal = np.cross(vertices[triangles[:, 1]] - corner, vertices[triangles[:, 2]] - corner)
    size = np.linalg.norm(normal, axis=1)
    planes = _plane_quadrics(normal / np.maximum(size, 1e-30)[:, None], corner, size)
    del normal, corner
    shape = (len(vertices), len(triangles))
    sums = np.asarray(csr_array((np.ones(len(around)), around, first), shape) @ planes)
    if len(rims):
        along = vertices[rims[:, 1]] - vertices[rims[:, 0]]
        length = np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-30)
        # directions across the edge: without the triangle's normal at hand, hold both
        for axis in np.eye(3):
            across = axis - (along / length) * (along / length)[:, [int(axis.argmax())]]
            held = _plane_quadrics(across, vertices[rims[:, 0]], length[:, 0] ** 2)
            np.add.at(sums, rims.ravel(), np.repeat(held, 2, axis=0))
    return sums


def decimate(
    vertices: npt.NDArray[np.floating],
    triangles: npt.NDArray[np.integer],
    target: int,
    tolerance: float,
    longest_edge: float,
    *,
    rounds: int = 60,
    device: str | None = None,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]:
    """Collapse edges until `target` triangles are left or nothing may go any more.

    Args:
        vertices: corners (V, 3).
        triangles: indices (F, 3); open edges stay where they are, edges of more than two triangles stay as they are.
        target: number of triangles that is few enough.
        tolerance: root mean square distance of a new vertex to the planes it replaces, in the vertices' unit.
        longest_edge: no edge grows longer than this.
        rounds: most rounds; a round removes about a tenth.

    Returns:
        vertices (V', 3) and triangles (F', 3), wound as before.
    """
    where = wp.get_device(device) if device else wp.get_preferred_device()
    faces = np.array(triangles, np.int32, order="C")  # renamed in place
    points = np.ascontiguousarray(vertices, np.float64)
    if not len(faces):
        return points.astype(np.float32), faces
    ring = _incidence(faces, len(points))
    kinds, rims = _kinds(faces, *ring, where)
    quadrics = wp.array(_quadrics(points, faces, rims, *ring), dtype=wp.float64, device=where, copy=False)
    # vertices move in place, and the caller's must not
    corners = wp.array(points, dtype=wp.vec3d, device=where)
    allowed, before, held = (tolerance / 4) ** 2, len(faces), len(faces)
    state = np.zeros(faces.shape, np.uint8)
    for _ in range(rounds):
        if len(faces) <= target:
            break
        faces, state = _round(corners, quadrics, kinds, faces, state, allowed, longest_edge**2, where)
        if before - len(faces) < 0.02 * before:
            if allowed >= tolerance**2:
                break
            allowed *= 4.0
            state[:] = _UNKNOWN
        before = len(faces)
        if before < _STALE * held:
            corners, quadrics, kinds, faces = _without_gone(corners, quadrics, kinds, faces)
            held = before
    used, index = np.unique(faces, return_inverse=True)
    return corners.numpy()[used].astype(np.float32), index.reshape(-1, 3).astype(np.int32)


def _without_gone(
    corners: wp.array, quadrics: wp.array, kinds: wp.array, faces: npt.NDArray[np.int32]
) -> tuple[wp.array, wp.array, wp.array, npt.NDArray[np.int32]]:
    """Leave out vertices that no triangle names any more; the others keep their order."""
    used = np.zeros(len(corners), bool)
    used[faces] = True
    index = np.flatnonzero(used)
    rows = [wp.array(a.numpy().take(index, axis=0), dtype=a.dtype, device=a.device) for a in (corners, quadrics, kinds)]
    return *rows, (np.cumsum(used, dtype=np.int32) - 1)[faces]


def _round(
    corners: wp.array,
    quadrics: wp.array,
    kinds: wp.array,
    faces: npt.NDArray[np.int32],
    state: npt.NDArray[np.uint8],
    tolerance: float,
    longest: float,
    where: wp.Device,
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.uint8]]:
    """Collapse one set of edges that do not touch; changes vertices in place, returns triangles and states of sides."""
    count = len(corners)
    ring = [wp.array(a, dtype=int, device=where, copy=False) for a in (faces, *_incidence(faces, count))]
    best = wp.full(count, _NO_OFFER, dtype=wp.int64, device=where)
    becomes = wp.array(np.arange(count, dtype=np.int32), dtype=int, device=where)
    states = wp.array(state, dtype=wp.uint8, device=where)
    inputs = [corners, quadrics, kinds, *ring, wp.float64(tolerance), wp.float64(longest)]
    wp.launch(_offer, dim=len(faces), inputs=inputs, outputs=[states, best], device=where)
    outputs = [corners, quadrics, kinds, becomes, states]
    wp.launch(_collapse, dim=count, inputs=[*ring, best, wp.float64(longest)], outputs=outputs, device=where)
    stays = wp.empty(len(faces), dtype=wp.bool, device=where)
    wp.launch(_renamed, dim=len(faces), inputs=[becomes], outputs=[ring[0], stays], device=where)
    left = np.flatnonzero(stays.numpy())
    return ring[0].numpy().take(left, axis=0), states.numpy().take(left, axis=0)
