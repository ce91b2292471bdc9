"""The flat parts of a surface as thin boxes behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ...progress import Progress
from ...types import Primitive, Shape
from ...types.rotations import quat_from_matrix
from .._mesh.triangles import normals
from .cells import covering, crossings, rectangles
from .fit import upright_axes

if TYPE_CHECKING:
    from ...kernels.mesh_distance import MeshTree

__all__ = ["depths_behind", "flat_boxes"]

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.integer]
Bools = npt.NDArray[np.bool_]

_SAME_SIDE = 0.99  # cosine between triangles of one plane
_OFF_PLANE_M = 0.01
_FLAT_M2 = 0.3  # smallest plane: on rolling ground everything is flat if looked at closely enough
_RAGGED_M2 = 0.03  # mean size of a plane's rectangles below which it is no plane but touches rolling ground
_THINNEST_M = 0.004
_GROUND_M = 0.2
_OVERLAP_M = 0.02  # how far boxes of the ground reach beneath what stands beside them: squares leave slits
_MOST_PLANES = 400
_MOST_PLACES = 5  # of seven on a triangle, that must lie on boxes
_LINE_M = 0.005  # how near the corner of a triangle may be to the next square
_FOLD_M = 0.012  # a back nearer than this belongs to a fold of the surface
_REFINED = 3  # times that a plane is moved to the middle of its triangles
_REPORTED = 20  # of these, between two reports
_IN_VAIN = 300  # triangles in a row that lie on no plane, after which no more are looked for


@dataclass(frozen=True)
class _Plane:
    """A plane's origin (3,), its axes u, v and normal as columns (3, 3), and its triangles (N,)."""

    origin: Floats
    axes: Floats
    triangles: Ints


def flat_boxes(
    vertices: Floats,
    triangles: Ints,
    cell: float,
    thickness: float,
    least: float = 0.0,
    progress: Progress | None = None,
) -> tuple[list[Primitive], Bools]:
    """Return boxes up to `thickness` [m] behind the flat parts of a surface, and which triangles they cover (F,).

    Flat parts are cut into squares of `cell` [m], which are merged into rectangles; those with a side shorter than
    `least` [m] are left out, unless a triangle that is covered goes on in them. Where the surface's back is nearer,
    boxes are thinner.
    """
    from ...kernels.mesh_distance import MeshTree

    covered = np.zeros(len(triangles), bool)
    boxes: list[Primitive] = []
    if not len(triangles):
        return boxes, covered
    size = np.linalg.norm(normals(vertices, triangles), axis=1) / 2
    unit = normals(vertices, triangles) / np.maximum(2 * size, 1e-20)[:, None]
    tree = MeshTree(vertices, triangles)
    planes = _planes(vertices, triangles, unit, size, progress or Progress())
    for k, plane in enumerate(planes):
        if progress:
            progress(0.5 + 0.5 * k / len(planes), "boxes behind planes")
        some, under = _boxes_behind(tree, plane, cell, thickness, least)
        covered[plane.triangles[under]] = True
        boxes += some
    return boxes, covered


def _planes(vertices: Floats, triangles: Ints, unit: Floats, size: Floats, progress: Progress) -> list[_Plane]:
    """Planes with enough surface, those with the largest triangles first."""
    turn = upright_axes(unit * size[:, None])
    corners = vertices[triangles].astype(np.float64)
    left = np.ones(len(triangles), bool)
    order = np.argsort(-size, kind="stable")
    # what is left in arrays of its own: most of the time goes into comparing all normals with one
    rest, way = order, unit[order].astype(np.float32)
    planes: list[_Plane] = []
    in_vain = 0
    for k, seed in enumerate(order):
        if len(planes) == _MOST_PLANES or in_vain == _IN_VAIN:
            break
        if not left[seed]:
            continue
        if in_vain % _REPORTED == 0:
            progress(0.5 * k / len(order), "looking for planes")
        normal, origin, mine = unit[seed].astype(np.float64), corners[seed].mean(axis=0), rest[:0]
        for _ in range(_REFINED):
            candidates = rest[way @ normal.astype(np.float32) > _SAME_SIDE]
            candidates = candidates[left[candidates]]
            mine = candidates[np.abs((corners[candidates] - origin) @ normal).max(axis=1) < _OFF_PLANE_M]
            if size[mine].sum() < _FLAT_M2:
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
        rest, way = rest[left[rest]], way[left[rest]]
        planes.append(_Plane(origin, _axes(normal, turn), mine))
    return planes


def _axes(normal: Floats, turn: Floats) -> Floats:
    """Axes in a plane: level ones in walls, those of the building in floors."""
    u = np.cross([0.0, 0.0, 1.0], normal) if abs(normal[2]) < 0.9 else turn[:, 0] - normal * (turn[:, 0] @ normal)
    u /= np.linalg.norm(u)
    return np.stack([u, np.cross(normal, u), normal], axis=1)


def _boxes_behind(
    tree: MeshTree, plane: _Plane, cell: float, thickness: float, least: float
) -> tuple[list[Primitive], Bools]:
    """Return boxes behind a plane, and which of its triangles they cover."""
    local = (tree.vertices[tree.triangles[plane.triangles]].astype(np.float64) - plane.origin) @ plane.axes
    low = local[..., :2].min(axis=(0, 1))
    shape = np.maximum(np.ceil((local[..., :2].max(axis=(0, 1)) - low) / cell - 0.1), 1).astype(np.int64)
    step = (local[..., :2].max(axis=(0, 1)) - low) / shape
    u, v = (low[k] + (np.arange(shape[k]) + 0.5) * step[k] for k in (0, 1))
    filled = np.zeros(shape[0] * shape[1], bool)
    for a in (-0.25, 0.25):  # a quarter is enough: half-filled squares left out would be slits between planes
        for b in (-0.25, 0.25):
            filled[crossings(local, u + a * step[0], v + b * step[1])[0]] = True
    mask = filled.reshape(shape)
    none = np.zeros(len(local), bool)
    if mask.sum() * step.prod() < _RAGGED_M2 * len(rectangles(mask)):
        return [], none
    found = [r for r in covering(_closed(mask)) if min((r[2] - r[0]) * step[0], (r[3] - r[1]) * step[1]) >= least]
    if not found:
        return [], none
    depth = _depths(tree, plane, u, v, thickness)
    boxes, drawn = [], np.zeros(shape, bool)
    for a, b, c, d in found:
        drawn[a:c, b:d] = True
    under = _lies_on(local[..., :2], low, step, drawn)
    for a, b, c, d in [*found, *_left_over(local[under], (u, v), mask & ~drawn)]:
        deep = max(float(depth[a:c, b:d].min()), _THINNEST_M)
        first, last = low + np.array([a, b]) * step, low + np.array([c, d]) * step
        middle = np.array([*((first + last) / 2), -deep / 2])
        center = plane.origin + plane.axes @ middle
        extent = np.array([*(last - first), deep])
        if deep >= _GROUND_M:
            extent[:2] += 2 * _OVERLAP_M
        quat = quat_from_matrix(plane.axes[None])[0]
        boxes.append(Primitive(Shape.BOX, center.astype(np.float32), quat, extent.astype(np.float32)))
    return boxes, under


def _left_over(local: Floats, squares: tuple[Floats, Floats], open_squares: Bools) -> list[tuple[int, int, int, int]]:
    """Return rectangles of the squares that triangles (F, 3, 3) cover and that have no box yet.

    Most of a triangle on boxes makes it covered: what it has beside them, between things that stand on a floor, would
    otherwise be a hole.
    """
    held = np.zeros(open_squares.size, bool)
    held[crossings(local, *squares)[0]] = True
    return rectangles(held.reshape(open_squares.shape) & open_squares)


def _lies_on(corners: Floats, low: Floats, step: Floats, drawn: Bools) -> Bools:
    """Say which triangles (F, 3, 2) lie on drawn squares: most of their corners, middles of sides and middle."""
    middle = corners.mean(axis=1, keepdims=True)
    places = np.concatenate([corners, (corners + np.roll(corners, 1, axis=1)) / 2, middle], axis=1)
    # a corner on the line between two squares belongs to the triangle's own
    places += np.minimum(1.0, _LINE_M / np.maximum(np.abs(middle - places), 1e-9)) * (middle - places)
    at = np.clip(((places - low) / step).astype(np.int64), 0, np.array(drawn.shape) - 1)
    return np.asarray(drawn[at[..., 0], at[..., 1]].sum(axis=1) >= _MOST_PLACES)


def _depths(tree: MeshTree, plane: _Plane, u: Floats, v: Floats, thickness: float) -> Floats:
    """How deep it is behind each cell until the surface's back or front comes [m], at most `thickness`.

    A floor below which there is nothing at all is as thick as ground: engines push what has got more than half through
    a thin box out on its other side.
    """
    at = np.stack([*np.meshgrid(u, v, indexing="ij"), np.zeros((len(u), len(v)))], axis=-1).reshape(-1, 3)
    normal = np.broadcast_to(plane.axes[:, 2], at.shape)
    points = plane.origin + at @ plane.axes.T
    depth = _solid_behind(tree, points, normal, thickness)
    if plane.axes[2, 2] > _SAME_SIDE:
        nothing = np.isinf(tree.rays(points - _FOLD_M * normal, -normal).distance)
        depth = np.where(nothing, np.maximum(depth, _GROUND_M), depth)
    return depth.reshape(len(u), len(v))


def _solid_behind(tree: MeshTree, points: Floats, normal: Floats, thickness: float) -> Floats:
    """How deep it is behind points (N, 3) of a surface until its back or front comes [m], at most `thickness`."""
    hits = tree.rays(points - _FOLD_M * normal, -normal, thickness)
    # surface that is met from its front lies in the same solid
    depth = np.where(hits.front, thickness, hits.distance.astype(np.float64) + _FOLD_M)
    return np.minimum(depth, thickness)


def depths_behind(vertices: Floats, triangles: Ints, thickness: float) -> Floats:
    """How thick the solid behind each triangle is (F,) [m], at most `thickness`."""
    from ...kernels.mesh_distance import MeshTree

    normal = normals(vertices, triangles).astype(np.float64)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-20)
    middle = vertices[triangles].mean(axis=1).astype(np.float64)
    return np.maximum(_solid_behind(MeshTree(vertices, triangles), middle, normal, thickness), _THINNEST_M)


def _closed(filled: Bools) -> Bools:
    """Close gaps one cell wide."""
    from scipy import ndimage

    return np.asarray(ndimage.binary_closing(np.pad(filled, 1), np.ones((3, 3)))[1:-1, 1:-1] | filled)
