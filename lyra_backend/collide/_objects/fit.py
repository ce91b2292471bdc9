"""Boxes, cylinders and spheres that fit a thing's surface, and how far they are off.

The error is the 95 % quantile of the distance from the surface to the body or back, whichever is larger. What nobody
sees is not compared: the base that a thing stands on, and the lowest tenth of what is round there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...types import Primitive, Shape
from ...types.rotations import matrix_from_quat, quat_from_matrix
from .._mesh.triangles import normals

__all__ = ["Fit", "Thing", "distances_to", "fit_primitives", "rim_of", "samples_on", "upright_axes"]

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.integer]
Bools = npt.NDArray[np.bool_]

_SAMPLES = 1500
_FACES = 0.9  # cosine within which a face belongs to a side
_SIDE_DEPTH = 0.05  # share of the size within which faces lie that make up the outermost side
_HIDDEN = 0.1  # lowest share of the height that is not compared where a body is round at its base
_BASE_M = 0.01  # what lies lower than this above the rim is not compared
_SLOPED_BASE_M = 0.03  # the same above the plane through the rim, which bumps of the ground pierce
_RIM_OFF_M = 0.1  # how far a rim may lie above that plane
_APART_M = 20.0  # things are moved this far apart to be looked up in one mesh


@dataclass(frozen=True)
class Thing:
    """Outer surface of something that stands free, open below.

    Attributes:
        vertices: corners [m], shape (V, 3).
        triangles: all of it, shape (F, 3).
        faces: those that bound a solid, without the folds that stick out of its edges, shape (G, 3).
        rim: where the surface ends, at what the thing stands on [m], shape (R, 3).
    """

    vertices: Floats
    triangles: Ints
    faces: Ints
    rim: Floats

    def above_base(self, points: Floats) -> Bools:
        """Points (N, 3) that do not lie below what the thing stands on, where nobody sees them."""
        from scipy.spatial import cKDTree

        if not len(self.rim) or not len(points):
            return np.ones(len(points), bool)
        nearest = cKDTree(self.rim[:, :2]).query(points[:, :2])[1]
        height = np.maximum(self.rim[nearest, 2] + _BASE_M, _plane(self.rim)(points) + _SLOPED_BASE_M)
        return np.asarray(points[:, 2] > height)


@dataclass(frozen=True)
class Fit:
    """A body and the 95 % quantile of its distance to the surface [m], the worse of both ways."""

    primitive: Primitive
    error_m: float


def _plane(rim: Floats) -> Callable[[Floats], Floats]:
    """Height of the plane through most of a rim, as a function of points (N, 3)."""
    kept = np.ones(len(rim), bool)
    for _ in range(3):
        matrix = np.column_stack([rim[kept, :2], np.ones(kept.sum())])
        plane = np.linalg.lstsq(matrix, rim[kept, 2], rcond=None)[0]
        # rims of holes that other things cover lie higher
        kept = rim[:, 2] <= rim[:, :2] @ plane[:2] + plane[2] + _RIM_OFF_M
    return lambda points: points[:, :2] @ plane[:2] + plane[2]


def rim_of(vertices: Floats, triangles: Ints) -> Floats:
    """Return the corners (R, 3) of edges that only one triangle has."""
    edges = np.sort(triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2).astype(np.int64), axis=1)
    used, count = np.unique(edges, axis=0, return_counts=True)
    return vertices[np.unique(used[count == 1])].astype(np.float64)


def samples_on(vertices: Floats, triangles: Ints, count: int) -> tuple[Floats, Floats]:
    """Return points (count, 3) spread evenly over a surface and the unit normals there (count, 3)."""
    normal = normals(vertices, triangles)
    size = np.linalg.norm(normal, axis=1)
    total = np.cumsum(size)
    where = np.searchsorted(total, (np.arange(count) + 0.5) / count * total[-1])
    # Roberts' sequence in two dimensions, folded into the triangle
    u, v = (0.5 + np.arange(count)[:, None] * [0.7548776662466927, 0.5698402909980532]).T % 1.0
    fold = u + v > 1
    u, v = np.where(fold, 1 - u, u), np.where(fold, 1 - v, v)
    a, b, c = (vertices[triangles[where, k]].astype(np.float64) for k in range(3))
    return a + u[:, None] * (b - a) + v[:, None] * (c - a), normal[where] / np.maximum(size[where], 1e-20)[:, None]


def _worst(distances: Floats, unknown: float) -> float:
    """Return the 95 % quantile of distances (N,), `unknown` if there are none."""
    return float(np.quantile(distances, 0.95)) if len(distances) else unknown


def fit_primitives(things: list[Thing]) -> list[Fit]:
    """Return the best fitting body of each thing; a simpler shape wins unless another is clearly better."""
    points = [samples_on(t.vertices, t.faces, _SAMPLES) for t in things]
    candidates = [_candidates(*p) for p in points]
    owners = [i for i, bodies in enumerate(candidates) for _ in bodies]
    bodies = [b for group in candidates for b in group]
    backs = [_seen(b, _surface_points(b)) for b in bodies]
    backs = [p[things[i].above_base(p)] for p, i in zip(backs, owners, strict=True)]
    distances = distances_to(things, owners, backs)
    errors = np.array(
        [
            max(_worst(_distance(b, _seen(b, points[i][0])), np.inf), _worst(back, 0.0))
            for b, i, back in zip(bodies, owners, distances, strict=True)
        ]
    )
    starts = np.cumsum([0, *(len(g) for g in candidates)])
    best = []
    for i, group in enumerate(candidates):
        error = errors[starts[i] : starts[i + 1]]
        chosen = int(np.argmin(error * (1 + 0.1 * np.arange(len(group)))))
        best.append(Fit(group[chosen], float(error[chosen])))
    return best


def distances_to(things: list[Thing], owners: list[int], points: list[Floats]) -> list[Floats]:
    """Distances of each set of points to the thing it belongs to [m], with one tree for all."""
    from ...kernels.mesh_distance import mesh_distance

    shift = [np.array([i * _APART_M, 0.0, 0.0]) - t.vertices.mean(axis=0) for i, t in enumerate(things)]
    starts = np.cumsum([0, *(len(t.vertices) for t in things)])
    vertices = np.concatenate([t.vertices + s for t, s in zip(things, shift, strict=True)])
    triangles = np.concatenate([t.triangles + s for t, s in zip(things, starts[:-1], strict=True)])
    queries = np.concatenate([p + shift[i] for p, i in zip(points, owners, strict=True)])
    distance = mesh_distance(vertices, triangles, queries).distance
    return np.split(distance, np.cumsum([len(p) for p in points])[:-1])


def _candidates(points: Floats, normal: Floats) -> list[Primitive]:
    turn = upright_axes(normal)
    bodies = [_box(points, normal, turn), _cylinder(points, normal, np.eye(3), base=True)]
    for axis in (0, 1):
        lying = np.stack([turn[:, 1 - axis], [0.0, 0.0, 1.0], turn[:, axis]], axis=1)
        lying[:, 0] *= np.linalg.det(lying)
        bodies.append(_cylinder(points, normal, lying, base=False))
    bodies.append(_sphere(points))
    return [b for b in bodies if b is not None]


def upright_axes(normal: Floats) -> Floats:
    """Axes (columns) of a box with vertical sides that agrees best with the normals."""
    flat = normal[:, 0] + 1j * normal[:, 1]
    size = np.abs(flat)
    angle = np.angle((size * (flat / np.maximum(size, 1e-12)) ** 4).sum()) / 4
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def _side(along: Floats, facing: Floats) -> float:
    """Where the outermost side in a direction lies, from the positions along it and how far faces face it."""
    far, near = np.quantile(along, (0.995, 0.005))
    faces = (facing > _FACES) & (along > far - _SIDE_DEPTH * (far - near) - 0.02)
    return float(np.median(along[faces])) if faces.sum() >= 8 else float(far)


def _box(points: Floats, normal: Floats, turn: Floats) -> Primitive:
    local, facing = points @ turn, normal @ turn
    high = np.array([_side(local[:, k], facing[:, k]) for k in range(3)])
    low = np.array([-_side(-local[:, k], -facing[:, k]) for k in range(2)] + [local[:, 2].min()])
    return _placed(Shape.BOX, low, high, turn)


def _placed(shape: Shape, low: Floats, high: Floats, turn: Floats) -> Primitive:
    size = np.maximum(high - low, 1e-3)
    center, quat = turn @ ((low + high) / 2), quat_from_matrix(turn[None])[0]
    return Primitive(shape, center.astype(np.float32), quat.astype(np.float32), size.astype(np.float32))


def _cylinder(points: Floats, normal: Floats, turn: Floats, base: bool) -> Primitive | None:
    """A cylinder along the third column of `turn`; with `base` it stands on its lower end."""
    local, facing = points @ turn, normal @ turn
    side = np.abs(facing[:, 2]) < 0.5
    if side.sum() < 16:
        return None
    center, radius = _ball(local[side, :2])
    top = _side(local[:, 2], facing[:, 2])
    bottom = local[:, 2].min() if base else -_side(-local[:, 2], -facing[:, 2])
    if not 0.01 < radius < np.ptp(local[:, :2], axis=0).max():
        return None
    return _placed(Shape.CYLINDER, np.array([*(center - radius), bottom]), np.array([*(center + radius), top]), turn)


def _sphere(points: Floats) -> Primitive | None:
    center, radius = _ball(points)
    if not 0.01 < radius < np.ptp(points, axis=0).max():
        return None
    return _placed(Shape.SPHERE, center - radius, center + radius, np.eye(3))


def _ball(points: Floats) -> tuple[Floats, float]:
    """Centre and radius of the circle or sphere of least algebraic error (Kasa, 1976)."""
    middle = points.mean(axis=0)
    local = points - middle
    matrix = np.concatenate([2 * local, np.ones((len(local), 1))], axis=1)
    solution = np.linalg.lstsq(matrix, (local**2).sum(axis=1), rcond=None)[0]
    return solution[:-1] + middle, float(np.sqrt(max(solution[-1] + (solution[:-1] ** 2).sum(), 0.0)))


def _local(body: Primitive, points: Floats) -> Floats:
    return (points - body.center) @ matrix_from_quat(body.quat_wxyz[None].astype(np.float64))[0]


def _distance(body: Primitive, points: Floats) -> Floats:
    """Distance of points (N, 3) to the body's surface [m]."""
    local: Floats = _local(body, points)
    half: Floats = body.size / 2
    if body.shape is Shape.SPHERE:
        return np.abs(np.linalg.norm(local, axis=1) - half[0])
    if body.shape is Shape.CYLINDER:
        local = np.stack([np.hypot(local[:, 0], local[:, 1]), local[:, 2]], axis=1)
        half = half[[0, 2]]
    beyond = np.abs(local) - half
    outside = np.linalg.norm(np.maximum(beyond, 0), axis=1)
    return np.where(outside > 0, outside, -beyond.max(axis=1))


def _seen(body: Primitive, points: Floats) -> Floats:
    """Leave out points low on a body that is round there."""
    axis = matrix_from_quat(body.quat_wxyz[None].astype(np.float64))[0][2, 2]
    if body.shape is Shape.BOX or (body.shape is Shape.CYLINDER and abs(axis) > 0.5):
        return points
    return points[points[:, 2] > body.center[2] - body.size[0] * (0.5 - _HIDDEN)]


def _surface_points(body: Primitive, count: int = 400) -> Floats:
    """Points spread over the body, without the base that it stands on, in the world (N, 3)."""
    turn = matrix_from_quat(body.quat_wxyz[None].astype(np.float64))[0]
    local: Floats
    u, v, w = ((0.5 + np.arange(count)[:, None] * [0.8191725134, 0.6710436067, 0.5497004779]) % 1.0).T
    if body.shape is Shape.SPHERE:
        z, angle = 2 * u - 1, 2 * np.pi * v
        r = np.sqrt(1 - z * z)
        local = np.stack([r * np.cos(angle), r * np.sin(angle), z], axis=1) / 2
    elif body.shape is Shape.CYLINDER:
        local = _on_cylinder(u, v, w, body.size, standing=turn[2, 2] > 0.5)
    else:
        local = _on_box(u, v, w, body.size)
    return (local * body.size) @ turn.T + body.center


def _on_cylinder(u: Floats, v: Floats, w: Floats, size: Floats, standing: bool) -> Floats:
    radius, height = size[0] / 2, size[2]
    side, end = 2 * radius * height, radius**2
    share = side / (side + end * (1 if standing else 2))
    angle = 2 * np.pi * v
    on_side = u < share
    r = np.where(on_side, 0.5, 0.5 * np.sqrt(w))
    z = np.where(on_side, w - 0.5, 0.5 if standing else np.where(u < (1 + share) / 2, 0.5, -0.5))
    return np.stack([r * np.cos(angle), r * np.sin(angle), z], axis=1)


def _on_box(u: Floats, v: Floats, w: Floats, size: Floats) -> Floats:
    x, y, z = size
    areas = np.array([y * z, y * z, x * z, x * z, x * y])
    face = np.searchsorted(np.cumsum(areas) / areas.sum(), u)
    local = np.empty((len(u), 3))
    for side, (axis, sign) in enumerate(((0, -0.5), (0, 0.5), (1, -0.5), (1, 0.5), (2, 0.5))):
        on = face == side
        others = [k for k in range(3) if k != axis]
        local[on, axis] = sign
        local[on, others[0]], local[on, others[1]] = v[on] - 0.5, w[on] - 0.5
    return local
