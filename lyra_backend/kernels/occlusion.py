"""Light that arrives at points of a scene, found by rays against its triangles."""

from typing import Any

import numpy as np
import numpy.typing as npt
import warp as wp

from .cores import launch_in_parts

__all__ = ["ambient_light", "cosine_hemisphere", "lamp_light", "tangents", "unblocked"]

wp.set_module_options({"enable_backward": False})

Floats = npt.NDArray[np.floating]


@wp.func
def sky_share(up: float) -> float:
    """Return how much of the light from a direction of height `up` comes from above: 0 below, 1 above the horizon."""
    x = wp.clamp(0.5 + up, 0.0, 1.0)
    return x * x * (3.0 - 2.0 * x)


@wp.func
def tangents(n: wp.vec3) -> tuple[wp.vec3, wp.vec3]:
    """Return two unit vectors that are a frame with the unit vector `n`.

    Duff et al. 2017, "Building an orthonormal basis, revisited".
    """
    side = wp.where(n[2] >= 0.0, 1.0, -1.0)
    a = -1.0 / (side + n[2])
    b = n[0] * n[1] * a
    t = wp.vec3(1.0 + side * n[0] * n[0] * a, side * b, -side * n[0])
    return t, wp.vec3(b, side + n[1] * n[1] * a, -n[1])


@wp.kernel
def _gather(
    # in
    first: int,
    mesh: wp.uint64,
    radiance: wp.array(dtype=wp.vec3),
    points: wp.array(dtype=wp.vec3),
    normals: wp.array(dtype=wp.vec3),
    directions: wp.array(dtype=wp.vec3),
    sky: wp.vec3,
    ground: wp.vec3,
    reach: float,
    shade: float,
    # out
    light: wp.array(dtype=wp.vec3),
    buried: wp.array(dtype=float),
) -> None:
    i = first + wp.tid()
    n = normals[i]
    t, u = tangents(n)
    total = wp.vec3(0.0, 0.0, 0.0)
    backs = float(0.0)
    for k in range(directions.shape[0]):
        d = directions[k]
        ray = t * d[0] + u * d[1] + n * d[2]
        share = sky_share(ray[2])
        incoming = sky * share + ground * (1.0 - share)
        hit = wp.mesh_query_ray(mesh, points[i], ray, reach)
        if hit.result:
            far = hit.t / reach
            near = 1.0 - far * far
            bounced = wp.vec3(0.0, 0.0, 0.0)
            if hit.sign > 0.0:
                # What is very close lies in the same shade as the point itself.
                bounced = radiance[hit.face] * (1.0 - 0.5 * shade / (far + shade + 1.0e-6))
            else:
                backs += 1.0
            incoming = incoming * (1.0 - near) + bounced * near
        total += incoming
    light[i] = total / float(directions.shape[0])
    buried[i] = backs / float(directions.shape[0])


@wp.kernel
def _illuminate(
    # in
    first: int,
    mesh: wp.uint64,
    points: wp.array(dtype=wp.vec3),
    normals: wp.array(dtype=wp.vec3),
    lamp_positions: wp.array(dtype=wp.vec3),
    lamp_intensities: wp.array(dtype=wp.vec3),
    offsets: wp.array(dtype=wp.vec3),
    housing: float,
    probe_count: int,
    # out
    light: wp.array(dtype=wp.vec3),
) -> None:
    i = first + wp.tid()
    p = points[i]
    total = wp.vec3(0.0, 0.0, 0.0)
    for j in range(lamp_positions.shape[0]):
        received = float(0.0)
        traced = wp.int32(0)
        blocked = wp.int32(0)
        for k in range(offsets.shape[0]):
            # Rays beyond the first few are for penumbras, where those disagree.
            if k < probe_count or (blocked > 0 and blocked < traced):
                way = lamp_positions[j] + offsets[k] - p
                distance = wp.max(wp.length(way), 1.0e-3)
                d = way / distance
                facing = wp.dot(d, normals[i])
                traced += 1
                if facing <= 0.0 or wp.mesh_query_ray_anyhit(mesh, p, d, distance - housing):
                    blocked += 1
                else:
                    # Closer than 0.3 m the inverse square law of a point would outshine any lamp of real size.
                    received += facing / wp.max(distance * distance, 0.09)
        total += lamp_intensities[j] * (received / float(traced))
    light[i] = total


@wp.kernel
def _trace(
    # in
    first: int,
    mesh: wp.uint64,
    starts: wp.array(dtype=wp.vec3),
    ends: wp.array(dtype=wp.vec3),
    # out
    free: wp.array(dtype=wp.uint8),
) -> None:
    i = first + wp.tid()
    way = ends[i] - starts[i]
    distance = wp.max(wp.length(way), 1.0e-9)
    hit = wp.mesh_query_ray_anyhit(mesh, starts[i], way / distance, distance)
    free[i] = wp.where(hit, wp.uint8(0), wp.uint8(1))


def ambient_light(
    vertices: Floats,
    triangles: npt.NDArray[np.integer],
    radiance: Floats,
    points: Floats,
    normals: Floats,
    sky: Floats,
    ground: Floats,
    *,
    ray_count: int = 32,
    reach: float = 2.0,
    shade: float = 0.0,
    device: str | None = None,
) -> tuple[Floats, Floats]:
    """Gather the light that arrives from all around, cosine weighted.

    A ray that meets nothing within `reach` brings `sky` or `ground` light by its height; one that meets a triangle's
    front brings that triangle's `radiance`, the more of it the closer the hit; a back brings nothing.

    Args:
        vertices: corners of the occluders [m], shape (V, 3).
        triangles: vertex indices, counter-clockwise seen from free space, shape (F, 3).
        radiance: light a triangle sends out, linear RGB, shape (F, 3).
        points: where the light arrives, just above the surface [m], shape (N, 3).
        normals: unit normals there, shape (N, 3).
        sky, ground: radiance from above and from below, linear RGB, shape (3,).
        ray_count: rays per point, the same directions around every normal.
        reach: distance beyond which surfaces count as surroundings [m].
        shade: share of `reach` within which surfaces darken each other: at no distance they send half of their
            radiance, at this one three quarters, because what keeps light from the point keeps it from them too.

    Returns:
        Mean incoming radiance (N, 3), which is irradiance divided by pi, and the share of rays that met a back (N,):
        points with a large one lie inside something.
    """
    target = wp.get_device(device) if device else wp.get_preferred_device()
    mesh = _mesh(vertices, triangles, target)
    light = wp.zeros(len(points), dtype=wp.vec3, device=target)
    buried = wp.zeros(len(points), dtype=float, device=target)
    arrays = [_vectors(a, target) for a in (radiance, points, normals, cosine_hemisphere(ray_count))]
    tones = [wp.vec3(*(float(v) for v in np.asarray(c))) for c in (sky, ground)]
    inputs = [mesh.id, *arrays, *tones, float(reach), float(shade)]
    launch_in_parts(_gather, len(points), inputs, [light, buried], target)
    return light.numpy(), buried.numpy()


def lamp_light(
    vertices: Floats,
    triangles: npt.NDArray[np.integer],
    points: Floats,
    normals: Floats,
    lamp_positions: Floats,
    lamp_intensities: Floats,
    *,
    radius: float = 0.1,
    sample_count: int = 24,
    probe_count: int = 4,
    housing: float = 0.0,
    device: str | None = None,
) -> Floats:
    """Sum the light of spherical lamps with shadows and inverse square falloff.

    Args:
        vertices, triangles: occluders as in :func:`ambient_light`.
        points, normals: where the light arrives [m] and the unit normals there, shape (N, 3); light from behind the
            normal is left out.
        lamp_positions: lamp centres [m], shape (L, 3).
        lamp_intensities: irradiance at 1 m facing the lamp, linear RGB, shape (L, 3).
        radius: radius of every lamp [m]; larger ones have softer shadows.
        sample_count: shadow rays per point and lamp where it is half in shade.
        probe_count: rays of these that decide whether it is.
        housing: what is closer to a lamp than this casts no shadow [m].

    Returns:
        Irradiance, linear RGB, shape (N, 3).
    """
    target = wp.get_device(device) if device else wp.get_preferred_device()
    mesh = _mesh(vertices, triangles, target)
    light = wp.zeros(len(points), dtype=wp.vec3, device=target)
    offsets = radius * _sphere(sample_count) if min(sample_count, probe_count) > 1 else np.zeros((1, 3))
    arrays = [_vectors(a, target) for a in (points, normals, lamp_positions, lamp_intensities, offsets)]
    launch_in_parts(_illuminate, len(points), [mesh.id, *arrays, float(housing), int(probe_count)], [light], target)
    return light.numpy()


def unblocked(
    vertices: Floats,
    triangles: npt.NDArray[np.integer],
    starts: Floats,
    ends: Floats,
    *,
    device: str | None = None,
) -> npt.NDArray[np.bool_]:
    """Return which segments from `starts` (N, 3) to `ends` (N, 3) [m] meet none of the triangles, shape (N,)."""
    target = wp.get_device(device) if device else wp.get_preferred_device()
    mesh = _mesh(vertices, triangles, target)
    free = wp.zeros(len(starts), dtype=wp.uint8, device=target)
    ways = [_vectors(starts, target), _vectors(ends, target)]
    launch_in_parts(_trace, len(starts), [mesh.id, *ways], [free], target)
    return free.numpy().astype(bool)


def _mesh(vertices: Floats, triangles: npt.NDArray[np.integer], device: Any) -> wp.Mesh:
    corners = _vectors(vertices, device)
    indices = np.ascontiguousarray(triangles, np.int32)
    if indices.ndim != 2 or indices.shape[1] != 3 or not len(indices):
        raise ValueError(f"triangles must have shape (F, 3) with F > 0, got {indices.shape}.")
    if indices.min() < 0 or indices.max() >= len(vertices):
        raise ValueError(f"triangles must index the {len(vertices)} vertices, got {indices.min()} to {indices.max()}.")
    return wp.Mesh(corners, wp.array(indices.ravel(), dtype=wp.int32, device=device))


def _vectors(values: Floats, device: Any) -> Any:
    array = np.ascontiguousarray(values, np.float32)
    if array.ndim != 2 or array.shape[1] != 3:
        raise ValueError(f"points and vectors must have shape (N, 3), got {array.shape}.")
    return wp.array(array, dtype=wp.vec3, device=device)


def _sphere(count: int) -> Floats:
    """Return evenly spread unit vectors (count, 3): a Fibonacci spiral, in an order whose beginnings are even too."""
    i = np.argsort(np.arange(count) * 0.61803399 % 1) + 0.5
    z, turn = 1 - 2 * i / count, np.pi * (1 + 5**0.5) * i
    r = np.sqrt(1 - z * z)
    return np.stack([r * np.cos(turn), r * np.sin(turn), z], axis=-1)


def cosine_hemisphere(count: int) -> Floats:
    """Return unit vectors (count, 3) around +Z, as dense as the cosine: a spiral of equal areas on the disc below."""
    i = np.arange(count) + 0.5
    r, turn = np.sqrt(i / count), np.pi * (1 + 5**0.5) * i
    return np.stack([r * np.cos(turn), r * np.sin(turn), np.sqrt(1 - i / count)], axis=-1)
