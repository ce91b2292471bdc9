"""Distance from points to a triangle mesh, and the first triangle a ray hits, with a bounding volume hierarchy."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import warp as wp

__all__ = ["ClosestPoints", "MeshTree", "RayHits", "mesh_distance", "mesh_rays"]

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


class MeshTree:
    """A triangle mesh that many queries are asked of; vertices (V, 3), triangles (F, 3).

    Other kernels ask `mesh`, None if there are no triangles, on `device`.
    """

    def __init__(self, vertices: Floats, triangles: npt.NDArray[np.integer], device: str | None = None) -> None:
        self.vertices, self.triangles = vertices, triangles
        self.device = wp.get_device(device) if device else wp.get_preferred_device()
        self.mesh = None
        if len(triangles):
            self.mesh = wp.Mesh(
                points=wp.array(np.ascontiguousarray(vertices, np.float32), dtype=wp.vec3, device=self.device),
                indices=wp.array(np.ascontiguousarray(triangles, np.int32).ravel(), dtype=int, device=self.device),
            )

    def closest(self, points: Floats, reach: float = 1e6) -> ClosestPoints:
        """Return the nearest point of the mesh to each of `points` (N, 3), looking no further than `reach`."""
        count, where = len(points), self.device
        distance, triangle = wp.zeros(count, dtype=float, device=where), wp.zeros(count, dtype=int, device=where)
        closest = wp.zeros(count, dtype=wp.vec3, device=where)
        if self.mesh is None:
            return ClosestPoints(np.full(count, np.inf, np.float32), np.full(count, -1, np.int32), closest.numpy())
        queries = wp.array(np.ascontiguousarray(points, np.float32), dtype=wp.vec3, device=where)
        outputs = [distance, triangle, closest]
        wp.launch(_closest, dim=count, inputs=[self.mesh.id, queries, float(reach)], outputs=outputs, device=where)
        return ClosestPoints(distance.numpy(), triangle.numpy(), closest.numpy())

    def rays(self, starts: Floats, directions: Floats, reach: float = 1e6) -> RayHits:
        """Return the first triangle each ray hits on either side; `directions` (N, 3) are unit vectors."""
        count, where = len(starts), self.device
        distance, triangle = wp.zeros(count, dtype=float, device=where), wp.zeros(count, dtype=int, device=where)
        front = wp.zeros(count, dtype=wp.uint8, device=where)
        if self.mesh is None:
            return RayHits(np.full(count, np.inf, np.float32), np.full(count, -1, np.int32), front.numpy() > 0)
        rays = [
            wp.array(np.ascontiguousarray(a, np.float32), dtype=wp.vec3, device=where) for a in (starts, directions)
        ]
        outputs = [distance, triangle, front]
        wp.launch(_cast, dim=count, inputs=[self.mesh.id, *rays, float(reach)], outputs=outputs, device=where)
        return RayHits(distance.numpy(), triangle.numpy(), front.numpy() > 0)

    def normals(self, triangles: npt.NDArray[np.integer]) -> npt.NDArray[np.float64]:
        """Return the unit normals (N, 3) of triangles given by index; anything for index -1."""
        a, b, c = np.moveaxis(self.vertices[self.triangles[triangles]].astype(np.float64), 1, 0)
        normal = np.cross(b - a, c - a)
        return normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-30)


def mesh_distance(
    vertices: Floats,
    triangles: npt.NDArray[np.integer],
    points: Floats,
    reach: float = 1e6,
    device: str | None = None,
) -> ClosestPoints:
    """Return the nearest point of a mesh to each of `points` (N, 3), see :meth:`MeshTree.closest`."""
    return MeshTree(vertices, triangles, device).closest(points, reach)


def mesh_rays(
    vertices: Floats,
    triangles: npt.NDArray[np.integer],
    starts: Floats,
    directions: Floats,
    reach: float = 1e6,
    device: str | None = None,
) -> RayHits:
    """Return the first triangle of a mesh that each ray hits, see :meth:`MeshTree.rays`."""
    return MeshTree(vertices, triangles, device).rays(starts, directions, reach)
