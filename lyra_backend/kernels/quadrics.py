"""What edge collapse knows of a vertex: the planes of the triangles around it, and whether it is on an open edge.

Quadric error metric (Garland and Heckbert, "Surface simplification using quadric error metrics", 1997), area-weighted.
"""

import numpy as np
import numpy.typing as npt
import warp as wp

__all__ = ["FIXED", "FREE", "RIM", "Quadric", "error_at", "has", "incidence", "kinds", "quadrics", "summed"]

wp.config.log_level = max(wp.config.log_level, wp.LOG_WARNING)
wp.set_module_options({"enable_backward": False})

FREE, RIM, FIXED = 0, 1, 2  # kinds of vertices: inside, on an open edge, on an edge of more than two triangles
_QUADRIC = 11  # 6 of the symmetric matrix, 3 linear, 1 constant, 1 weight


class Quadric(wp.types.vector(length=11, dtype=wp.float64)):  # type: ignore[misc]
    """One row of quadrics."""


@wp.func
def summed(q: wp.array2d(dtype=wp.float64), a: int, b: int) -> Quadric:
    """Planes of two vertices together."""
    both = Quadric()
    for k in range(11):
        both[k] = q[a, k] + q[b, k]
    return both


@wp.func
def error_at(q: Quadric, p: wp.vec3d) -> wp.float64:
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
def has(triangles: wp.array2d(dtype=int), t: int, v: int) -> bool:
    return triangles[t, 0] == v or triangles[t, 1] == v or triangles[t, 2] == v


def incidence(triangles: npt.NDArray[np.int32], count: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
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
            if has(triangles, around[i], b):
                uses += 1
        rim[t, side] = uses == 1
        if uses != 2:
            least = wp.where(uses == 1, int(RIM), int(FIXED))
            wp.atomic_max(kind, a, least)
            wp.atomic_max(kind, b, least)


def kinds(
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


def quadrics(
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
