"""Which points lie inside closed solids, and which lie behind open sheets."""

from typing import Any

import numpy as np
import numpy.typing as npt
import warp as wp

__all__ = ["behind_sheets", "box_overlaps", "inside_solids"]

wp.set_module_options({"enable_backward": False})

Floats = npt.NDArray[np.floating]
Integers = npt.NDArray[np.integer]

#: Solids with more triangles than this are asked by rays.
_FEW = 32


@wp.func
def solid_angle(a: wp.vec3, b: wp.vec3, c: wp.vec3) -> float:
    """Return half the signed solid angle of a triangle seen from the origin (van Oosterom and Strackee 1983)."""
    la = wp.length(a)
    lb = wp.length(b)
    lc = wp.length(c)
    down = la * lb * lc + wp.dot(a, b) * lc + wp.dot(b, c) * la + wp.dot(c, a) * lb
    return wp.atan2(wp.dot(a, wp.cross(b, c)), down)


@wp.func
def winds_around(
    vertices: wp.array(dtype=wp.vec3), triangles: wp.array2d(dtype=wp.int32), first: int, end: int, p: wp.vec3
) -> bool:
    """Return whether triangles `first` to `end` enclose `p`, by their exact winding number."""
    half = float(0.0)
    for f in range(first, end):
        a = vertices[triangles[f, 0]] - p
        b = vertices[triangles[f, 1]] - p
        c = vertices[triangles[f, 2]] - p
        half += solid_angle(a, b, c)
    return half > wp.pi


@wp.func
def shows_backs(mesh: wp.uint64, root: int, p: wp.vec3) -> bool:
    """Return whether most of three rays from `p` first meet a back of one solid of the mesh."""
    votes = wp.int32(0)
    for k in range(3):
        # The third ray decides only where the first two disagree.
        if k < 2 or votes == 1:
            way = wp.vec3(0.0123, 0.0171, 0.0137)
            way[k] = 1.0
            hit = wp.mesh_query_ray(mesh, p, way, 1.0e6, root)
            if hit.result and hit.sign < 0.0:
                votes += 1
    return votes > 1


@wp.kernel
def _enclose(
    # in
    bvh: wp.uint64,
    mesh: wp.uint64,
    vertices: wp.array(dtype=wp.vec3),
    triangles: wp.array2d(dtype=wp.int32),
    starts: wp.array(dtype=wp.int32),
    points: wp.array(dtype=wp.vec3),
    few: int,
    # out
    inside: wp.array(dtype=wp.uint8),
) -> None:
    i = wp.tid()
    p = points[i]
    solid = wp.int32(0)
    found = bool(False)
    query = wp.bvh_query_aabb(bvh, p, p)
    while wp.bvh_query_next(query, solid):
        if not found:
            if starts[solid + 1] - starts[solid] <= few:
                found = winds_around(vertices, triangles, starts[solid], starts[solid + 1], p)
            else:
                found = shows_backs(mesh, wp.mesh_get_group_root(mesh, solid), p)
    inside[i] = wp.where(found, wp.uint8(1), wp.uint8(0))


@wp.kernel
def _look(
    # in
    mesh: wp.uint64,
    points: wp.array(dtype=wp.vec3),
    directions: wp.array(dtype=wp.vec3),
    reach: float,
    # out
    balance: wp.array(dtype=wp.int32),
) -> None:
    i = wp.tid()
    votes = wp.int32(0)
    for k in range(directions.shape[0]):
        hit = wp.mesh_query_ray(mesh, points[i], directions[k], reach)
        if hit.result:
            votes += wp.where(hit.sign > 0.0, 1, -1)
    balance[i] = votes


@wp.kernel
def _overlap(
    # in
    bvh: wp.uint64,
    lows: wp.array(dtype=wp.vec3),
    highs: wp.array(dtype=wp.vec3),
    starts: wp.array(dtype=wp.int32),
    # out
    counts: wp.array(dtype=wp.int32),
    partners: wp.array(dtype=wp.int32),
) -> None:
    i = wp.tid()
    other = wp.int32(0)
    count = wp.int32(0)
    query = wp.bvh_query_aabb(bvh, lows[i], highs[i])
    while wp.bvh_query_next(query, other):
        if partners.shape[0] > 0:
            partners[starts[i] + count] = other
        count += 1
    counts[i] = count


def inside_solids(
    vertices: Floats, triangles: Integers, starts: Integers, points: Floats, *, device: str | None = None
) -> npt.NDArray[np.bool_]:
    """Return which points lie inside at least one of several closed surfaces.

    Each solid is asked alone, so they may overlap and touch: small ones by their winding number, large ones by rays.
    Points closer to a surface than single precision can tell are undecided.

    Args:
        vertices: corners of all solids [m], shape (V, 3).
        triangles: vertex indices, outward, those of one solid next to each other, shape (F, 3).
        starts: first triangle of each solid, then F, shape (S + 1,).
        points: places to decide [m], shape (N, 3).

    Returns:
        Mask (N,).
    """
    if not len(points) or len(starts) < 2:
        return np.zeros(len(points), bool)
    target = wp.get_device(device) if device else wp.get_preferred_device()
    corners = np.asarray(vertices, np.float32)[np.asarray(triangles)]
    firsts = np.asarray(starts[:-1])
    if (np.diff(starts) <= 0).any() or starts[-1] != len(triangles):
        raise ValueError("starts must rise from 0 to the number of triangles.")
    lows = np.minimum.reduceat(corners.min(axis=1), firsts)
    highs = np.maximum.reduceat(corners.max(axis=1), firsts)
    bvh = wp.Bvh(_vectors(lows, target), _vectors(highs, target))
    places, faces, solids = _vectors(vertices, target), _integers(triangles, target), _integers(starts, target)
    groups = _integers(np.repeat(np.arange(len(starts) - 1), np.diff(starts)), target)
    mesh = wp.Mesh(places, faces.flatten(), groups=groups)
    inside = wp.zeros(len(points), dtype=wp.uint8, device=target)
    arrays = [places, faces, solids, _vectors(points, target)]
    wp.launch(_enclose, len(points), [bvh.id, mesh.id, *arrays, _FEW], [inside], device=target)
    return inside.numpy().astype(bool)


def behind_sheets(
    vertices: Floats, triangles: Integers, points: Floats, *, reach: float = 1e4, device: str | None = None
) -> npt.NDArray[np.bool_]:
    """Return which points see more backs than fronts of open sheets along the six axes.

    From free space every sheet shows its front, from under the floor or behind a wall its back.

    Args:
        vertices, triangles: the sheets, counter-clockwise seen from free space, (V, 3) [m] and (F, 3).
        points: places to decide [m], shape (N, 3).
        reach: length of the rays [m].

    Returns:
        Mask (N,).
    """
    if not len(points) or not len(triangles):
        return np.zeros(len(points), bool)
    target = wp.get_device(device) if device else wp.get_preferred_device()
    mesh = wp.Mesh(_vectors(vertices, target), _integers(triangles, target).flatten())
    # A little off the axes, so that no ray runs along the edges and faces of axis-aligned rooms.
    axes = np.concatenate([np.eye(3), -np.eye(3)]) + np.array([0.0123, 0.0171, 0.0137])
    directions = axes / np.linalg.norm(axes, axis=1, keepdims=True)
    balance = wp.zeros(len(points), dtype=wp.int32, device=target)
    arrays = [_vectors(points, target), _vectors(directions, target)]
    wp.launch(_look, len(points), [mesh.id, *arrays, float(reach)], [balance], device=target)
    return balance.numpy() < 0


def box_overlaps(
    lows: Floats, highs: Floats, other_lows: Floats, other_highs: Floats, *, device: str | None = None
) -> npt.NDArray[np.int32]:
    """Return pairs (P, 2) of (box, other box) that overlap or touch, in rising order.

    Args:
        lows, highs: corners of the boxes [m], shape (N, 3).
        other_lows, other_highs: corners of the others [m], shape (M, 3).
    """
    if not len(lows) or not len(other_lows):
        return np.zeros((0, 2), np.int32)
    target = wp.get_device(device) if device else wp.get_preferred_device()
    bvh = wp.Bvh(_vectors(other_lows, target), _vectors(other_highs, target))
    boxes = [_vectors(lows, target), _vectors(highs, target)]
    counts = wp.zeros(len(lows), dtype=wp.int32, device=target)
    nothing = wp.zeros(0, dtype=wp.int32, device=target)
    wp.launch(_overlap, len(lows), [bvh.id, *boxes, nothing], [counts, nothing], device=target)
    number = counts.numpy()
    starts = np.concatenate([[0], np.cumsum(number)])
    partners = wp.zeros(max(int(starts[-1]), 1), dtype=wp.int32, device=target)
    wp.launch(_overlap, len(lows), [bvh.id, *boxes, _integers(starts[:-1], target)], [counts, partners], device=target)
    pairs = np.stack([np.repeat(np.arange(len(lows)), number), partners.numpy()[: starts[-1]]], axis=1)
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))].astype(np.int32)


def _integers(values: Integers, device: Any) -> Any:
    return wp.array(np.ascontiguousarray(values, np.int32), dtype=wp.int32, device=device)


def _vectors(values: Floats, device: Any) -> Any:
    array = np.ascontiguousarray(values, np.float32)
    if array.ndim != 2 or array.shape[1] != 3:
        raise ValueError(f"points and corners must have shape (N, 3), got {array.shape}.")
    return wp.array(array, dtype=wp.vec3, device=device)
