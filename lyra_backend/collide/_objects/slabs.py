"""A surface as convex pieces: thin boxes behind what is flat, thin hulls behind what is not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...types import Primitive, Shape
from ...types.rotations import matrix_from_quat, quat_from_matrix
from .._mesh.triangles import normals
from .cells import covering, crossings, rectangles
from .fit import upright_axes
from .hulls import Hull, hull_of

__all__ = ["flat_boxes", "front_of", "rough_hulls"]

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.integer]
Bools = npt.NDArray[np.bool_]

_SAME_SIDE = 0.99  # cosine between triangles of one plane
_OFF_PLANE_M = 0.01
_FLAT_M2 = 0.3  # smallest plane: on rolling ground everything is flat if looked at closely enough
_RAGGED_M2 = 0.03  # mean size of a plane's rectangles below which it is no plane but touches rolling ground
_THINNEST_M = 0.004
_MOST_PLANES = 400
_FRONT_M = 0.25  # spacing of points that stand for a box's front
_FOLD_M = 0.012  # a back nearer than this belongs to a fold of the surface
_REFINED = 3  # times that a plane is moved to the middle of its triangles
_IN_VAIN = 300  # triangles in a row that lie on no plane, after which no more are looked for


@dataclass(frozen=True)
class _Plane:
    """A plane's origin (3,), its axes u, v and normal as columns (3, 3), and its triangles (N,)."""

    origin: Floats
    axes: Floats
    triangles: Ints


def flat_boxes(vertices: Floats, triangles: Ints, cell: float, thickness: float) -> tuple[list[Primitive], Bools]:
    """Return boxes up to `thickness` [m] behind the flat parts of a surface, and which triangles they cover (F,).

    Flat parts are cut into squares of `cell` [m], which are merged into rectangles. Where the surface's back is nearer,
    boxes are thinner.
    """
    size = np.linalg.norm(normals(vertices, triangles), axis=1) / 2
    unit = normals(vertices, triangles) / np.maximum(2 * size, 1e-20)[:, None]
    covered = np.zeros(len(triangles), bool)
    boxes: list[Primitive] = []
    for plane in _planes(vertices, triangles, unit, size):
        some = _boxes_behind(vertices, triangles, plane, cell, thickness)
        if some:
            covered[plane.triangles] = True
            boxes += some
    return boxes, covered


def _planes(vertices: Floats, triangles: Ints, unit: Floats, size: Floats) -> list[_Plane]:
    """Planes with enough surface, those with the largest triangles first."""
    turn = upright_axes(unit * size[:, None])
    corners = vertices[triangles].astype(np.float64)
    left = np.ones(len(triangles), bool)
    order = np.argsort(-size, kind="stable")
    planes: list[_Plane] = []
    in_vain = 0
    for seed in order:
        if len(planes) == _MOST_PLANES or in_vain == _IN_VAIN:
            break
        if not left[seed]:
            continue
        normal, origin = unit[seed], corners[seed].mean(axis=0)
        for _ in range(_REFINED):
            candidates = np.flatnonzero(left & (unit @ normal > _SAME_SIDE))
            near = np.abs((corners[candidates] - origin) @ normal).max(axis=1) < _OFF_PLANE_M
            mine = candidates[near]
            if not len(mine):
                break
            normal = (unit[mine] * size[mine, None]).sum(axis=0)
            normal /= np.linalg.norm(normal)
            origin = (corners[mine].mean(axis=1) * size[mine, None]).sum(axis=0) / size[mine].sum()
        if size[mine].sum() < _FLAT_M2:
            left[seed] = False
            in_vain += 1
            continue
        in_vain = 0
        left[mine] = False
        planes.append(_Plane(origin, _axes(normal, turn), mine))
    return planes


def _axes(normal: Floats, turn: Floats) -> Floats:
    """Axes in a plane: level ones in walls, those of the building in floors."""
    u = np.cross([0.0, 0.0, 1.0], normal) if abs(normal[2]) < 0.9 else turn[:, 0] - normal * (turn[:, 0] @ normal)
    u /= np.linalg.norm(u)
    return np.stack([u, np.cross(normal, u), normal], axis=1)


def _boxes_behind(vertices: Floats, triangles: Ints, plane: _Plane, cell: float, thickness: float) -> list[Primitive]:
    local = (vertices[triangles[plane.triangles]].astype(np.float64) - plane.origin) @ plane.axes
    low = local[..., :2].min(axis=(0, 1))
    shape = np.maximum(np.ceil((local[..., :2].max(axis=(0, 1)) - low) / cell - 0.1), 1).astype(np.int64)
    step = (local[..., :2].max(axis=(0, 1)) - low) / shape
    u, v = (low[k] + (np.arange(shape[k]) + 0.5) * step[k] for k in (0, 1))
    filled = np.zeros(shape[0] * shape[1], bool)
    for a in (-0.25, 0.25):  # a quarter is enough: half-filled squares left out would be slits between planes
        for b in (-0.25, 0.25):
            filled[crossings(local, u + a * step[0], v + b * step[1])[0]] = True
    boxes = []
    mask = filled.reshape(shape)
    if mask.sum() * step.prod() < _RAGGED_M2 * len(rectangles(mask)):
        return []
    depth = _depths(vertices, triangles, plane, u, v, thickness)
    for a, b, c, d in covering(_closed(mask)):
        deep = max(float(depth[a:c, b:d].min()), _THINNEST_M)
        first, last = low + np.array([a, b]) * step, low + np.array([c, d]) * step
        middle = np.array([*((first + last) / 2), -deep / 2])
        center = plane.origin + plane.axes @ middle
        extent = np.array([*(last - first), deep])
        quat = quat_from_matrix(plane.axes[None])[0]
        boxes.append(Primitive(Shape.BOX, center.astype(np.float32), quat, extent.astype(np.float32)))
    return boxes


def _depths(vertices: Floats, triangles: Ints, plane: _Plane, u: Floats, v: Floats, thickness: float) -> Floats:
    """How deep it is behind each cell until the surface's back or front comes [m], at most `thickness`."""
    from ...kernels.mesh_distance import mesh_rays

    at = np.stack([*np.meshgrid(u, v, indexing="ij"), np.full((len(u), len(v)), -_FOLD_M)], axis=-1).reshape(-1, 3)
    starts = plane.origin + at @ plane.axes.T
    hits = mesh_rays(vertices, triangles, starts, np.tile(-plane.axes[:, 2], (len(starts), 1)), thickness)
    # surface that is met from its front lies in the same solid
    depth = np.where(hits.front, thickness, hits.distance.astype(np.float64) + _FOLD_M)
    return np.minimum(depth, thickness).reshape(len(u), len(v))


def _closed(filled: Bools) -> Bools:
    """Close gaps one cell wide."""
    from scipy import ndimage

    return np.asarray(ndimage.binary_closing(np.pad(filled, 1), np.ones((3, 3)))[1:-1, 1:-1] | filled)


def front_of(box: Primitive) -> Floats:
    """Points (N, 3) spread over the side of a box that shows, the one its third axis points to [m]."""
    counts = np.maximum(np.ceil(box.size[:2] / _FRONT_M).astype(int) + 1, 2)
    at = np.stack(np.meshgrid(*(np.linspace(-0.5, 0.5, n) for n in counts), indexing="ij"), axis=-1).reshape(-1, 2)
    local = np.column_stack([at, np.full(len(at), 0.5)]) * box.size
    return local @ matrix_from_quat(box.quat_wxyz[None].astype(np.float64))[0].T + box.center


def rough_hulls(vertices: Floats, triangles: Ints, cell: float, thickness: float) -> list[tuple[Hull, Floats]]:
    """Return hulls behind a surface that is not flat: of its triangles in each cube of `cell` [m] that face one way.

    With each come the corners (N, 3) of its triangles [m].
    """
    if not len(triangles):
        return []
    normal = normals(vertices, triangles)
    unit = normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-20)
    corners = vertices[triangles].astype(np.float64)
    cube = np.floor(corners.mean(axis=1) / cell).astype(np.int64)
    axis = np.abs(unit).argmax(axis=1)
    way = 2 * axis + (np.take_along_axis(unit, axis[:, None], axis=1)[:, 0] < 0)
    _, group = np.unique(np.column_stack([cube, way]), axis=0, return_inverse=True)
    group = group.ravel()
    order = np.argsort(group, kind="stable")
    hulls: list[tuple[Hull, Floats]] = []
    for mine in np.split(order, np.flatnonzero(np.diff(group[order])) + 1):
        behind = normal[mine].sum(axis=0)
        behind *= -thickness / max(float(np.linalg.norm(behind)), 1e-20)
        points = corners[mine].reshape(-1, 3)
        hull = hull_of(np.concatenate([points, points + behind]))
        if hull is not None:
            hulls.append((hull, points))
    return hulls
