"""Distance from points to a triangle mesh, and the first triangle a ray hits, with a bounding volume hierarchy."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import warp as wp

__all__ = ["ClosestPoints", "RayHits", "mesh_distance", "mesh_rays"]

wp.set_module_options({"enable_backward": False})

Floats = npt.NDArray[np.floating]


class ClosestPoints(NamedTuple):
    """Per query point: distance (N,), inf where no triangle is within reach; triangle (N,), -1 then; point (N, 3)."""

    distance: npt.NDArray[np.float32]
    triangle: npt.NDArray[np.int32]
    point: npt.NDArray[np.float32]


class RayHits(NamedTuple):
    """Per ray: distance along it (N,), inf without a hit; triangle (N,), -1 then; `front` (N,): met from the front."""

    distance: npt.NDArray[np.float32]
    triangle: npt.NDArray[np.int32]
    front: npt.NDArray[np.bool_]


@wp.kernel
def _closest(
    # in
    mesh: wp.uint64,
    points: wp.array(dtype=wp.vec3),
    reach: float,
    # out
    distance: wp.array(dtype=float),
    triangle: wp.array(dtype=int),
    closest: wp.array(dtype=wp.vec3),
) -> None:
    i = wp.tid()
    query = wp.mesh_query_point_no_sign(mesh, points[i], reach)
    distance[i] = wp.inf
    triangle[i] = -1
    if query.result:
        at = wp.mesh_eval_position(mesh, query.face, query.u, query.v)
        distance[i] = wp.length(at - points[i])
        triangle[i] = query.face
        closest[i] = at


@wp.kernel
def _cast(
    # in
    mesh: wp.uint64,
    starts: wp.array(dtype=wp.vec3),
    directions: wp.array(dtype=wp.vec3),
    reach: float,
    # out
    distance: wp.array(dtype=float),
    triangle: wp.array(dtype=int),
    front: wp.array(dtype=wp.uint8),
) -> None:
    i = wp.tid()
    query = wp.mesh_query_ray(mesh, starts[i], directions[i], reach)
    distance[i] = wp.inf
    triangle[i] = -1
    if query.result:
        distance[i] = query.t
        triangle[i] = query.face
        front[i] = wp.where(query.sign > 0.0, wp.uint8(1), wp.uint8(0))


def _mesh(vertices: Floats, triangles: npt.NDArray[np.integer], device: wp.Device) -> wp.Mesh:
    return wp.Mesh(
        points=wp.array(np.ascontiguousarray(vertices, np.float32), dtype=wp.vec3, device=device),
        indices=wp.array(np.ascontiguousarray(triangles, np.int32).ravel(), dtype=int, device=device),
    )


def mesh_distance(
    vertices: Floats,
    triangles: npt.NDArray[np.integer],
    points: Floats,
    reach: float = 1e6,
    device: str | None = None,
) -> ClosestPoints:
    """Return the nearest point of the mesh to each of `points` (N, 3), looking no further than `reach`."""
    where = wp.get_device(device) if device else wp.get_preferred_device()
    count = len(points)
    distance, triangle = wp.zeros(count, dtype=float, device=where), wp.zeros(count, dtype=int, device=where)
    closest = wp.zeros(count, dtype=wp.vec3, device=where)
    if not len(triangles):
        return ClosestPoints(np.full(count, np.inf, np.float32), np.full(count, -1, np.int32), closest.numpy())
    mesh = _mesh(vertices, triangles, where)
    queries = wp.array(np.ascontiguousarray(points, np.float32), dtype=wp.vec3, device=where)
    outputs = [distance, triangle, closest]
    wp.launch(_closest, dim=count, inputs=[mesh.id, queries, float(reach)], outputs=outputs, device=where)
    return ClosestPoints(distance.numpy(), triangle.numpy(), closest.numpy())


def mesh_rays(
    vertices: Floats,
    triangles: npt.NDArray[np.integer],
    starts: Floats,
    directions: Floats,
    reach: float = 1e6,
    device: str | None = None,
) -> RayHits:
    """Return the first triangle each ray hits on either side; `directions` (N, 3) are unit vectors."""
    where = wp.get_device(device) if device else wp.get_preferred_device()
    count = len(starts)
    distance, triangle = wp.zeros(count, dtype=float, device=where), wp.zeros(count, dtype=int, device=where)
    front = wp.zeros(count, dtype=wp.uint8, device=where)
    if not len(triangles):
        return RayHits(np.full(count, np.inf, np.float32), np.full(count, -1, np.int32), front.numpy() > 0)
    mesh = _mesh(vertices, triangles, where)
    rays = [wp.array(np.ascontiguousarray(a, np.float32), dtype=wp.vec3, device=where) for a in (starts, directions)]
    outputs = [distance, triangle, front]
    wp.launch(_cast, dim=count, inputs=[mesh.id, *rays, float(reach)], outputs=outputs, device=where)
    return RayHits(distance.numpy(), triangle.numpy(), front.numpy() > 0)
