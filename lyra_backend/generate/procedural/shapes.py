"""Closed triangle meshes of simple bodies, and open height fields; metres, Z up, counter-clockwise outward."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

__all__ = [
    "Mesh",
    "ball",
    "box",
    "cushion",
    "cylinder",
    "height_field",
    "hull",
    "join",
    "lathe",
    "plank",
    "prism",
    "quad",
    "ring",
    "tube",
]

Points = npt.NDArray[np.float64]
Faces = npt.NDArray[np.int32]
Vector = tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class Mesh:
    """Corners `vertices` [m], shape (V, 3), and `triangles`, shape (F, 3)."""

    vertices: Points
    triangles: Faces

    def moved(self, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> Mesh:
        """Return the mesh shifted by (x, y, z) [m]."""
        return Mesh(self.vertices + np.array([x, y, z]), self.triangles)

    def turned(self, degrees: float, axis: str = "z") -> Mesh:
        """Return the mesh turned about an axis through the origin, right-handed [deg]."""
        c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        i, j = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
        rotation = np.eye(3)
        rotation[i, i], rotation[i, j], rotation[j, i], rotation[j, j] = c, -s, s, c
        return Mesh(self.vertices @ rotation.T, self.triangles)

    def scaled(self, x: float, y: float, z: float) -> Mesh:
        """Return the mesh stretched about the origin; all factors must be positive."""
        return Mesh(self.vertices * np.array([x, y, z]), self.triangles)

    def bent(self, move: Callable[[Points], Points]) -> Mesh:
        """Return the mesh with every corner moved by `move`, which maps (V, 3) to (V, 3)."""
        return Mesh(move(self.vertices), self.triangles)

    @property
    def bounds(self) -> tuple[Points, Points]:
        """Lowest and highest corner [m], each shape (3,)."""
        return self.vertices.min(0), self.vertices.max(0)


def join(meshes: Iterable[Mesh]) -> Mesh:
    """Return several meshes as one, without merging corners."""
    parts = list(meshes)
    offsets = np.cumsum([0, *(len(m.vertices) for m in parts[:-1])])
    triangles = [m.triangles + o for m, o in zip(parts, offsets, strict=True)]
    return Mesh(np.concatenate([m.vertices for m in parts]), np.concatenate(triangles).astype(np.int32))


def quad(a: Vector, b: Vector, c: Vector, d: Vector) -> Mesh:
    """Return an open rectangle; a, b, c, d run counter-clockwise seen from free space."""
    return Mesh(np.array([a, b, c, d], float), np.array([[0, 1, 2], [0, 2, 3]], np.int32))


def box(w: float, d: float, h: float, at: Vector = (0.0, 0.0, 0.0)) -> Mesh:
    """Return a box of width `w` (x), depth `d` (y), height `h` (z); `at` is the centre of its bottom face."""
    corners = np.array([[x, y, z] for z in (0, 1) for y in (-0.5, 0.5) for x in (-0.5, 0.5)], float)
    faces = [[0, 2, 3, 1], [4, 5, 7, 6], [0, 1, 5, 4], [1, 3, 7, 5], [3, 2, 6, 7], [2, 0, 4, 6]]
    triangles = [t for a, b, c, e in faces for t in ([a, b, c], [a, c, e])]
    return Mesh(corners * np.array([w, d, h]) + np.array(at), np.array(triangles, np.int32))


def plank(start: Vector, end: Vector, width: float, thickness: float) -> Mesh:
    """Return a bar from `start` to `end`: `width` sideways, `thickness` at right angles to both."""
    a, b = np.array(start, float), np.array(end, float)
    along = (b - a) / np.linalg.norm(b - a)
    side = np.cross((0.0, 0.0, 1.0), along)
    side = np.array([1.0, 0.0, 0.0]) if np.linalg.norm(side) < 1e-6 else side / np.linalg.norm(side)
    frame = np.stack([side, np.cross(along, side), along])
    bar = box(width, thickness, float(np.linalg.norm(b - a)))
    return Mesh(bar.vertices @ frame + a, bar.triangles)


def lathe(profile: Sequence[tuple[float, float]], sides: int = 16, at: Vector = (0.0, 0.0, 0.0)) -> Mesh:
    """Return the solid made by turning `profile`, pairs (radius, z) from bottom to top, about the z axis.

    The ends are closed with discs. A profile that goes up outside and down inside makes a vessel.
    """
    angle = np.linspace(0, 2 * np.pi, sides, endpoint=False) + np.pi / sides
    circle = np.stack([np.cos(angle), np.sin(angle)], 1)
    rows = [np.column_stack([circle * max(r, 1e-4), np.full(sides, z)]) for r, z in profile]
    vertices = [*rows, np.array([[0.0, 0.0, profile[0][1]]]), np.array([[0.0, 0.0, profile[-1][1]]])]
    here, after = np.arange(sides), (np.arange(sides) + 1) % sides
    triangles = []
    for row in range(len(profile) - 1):
        low, high = row * sides, (row + 1) * sides
        triangles += [np.stack([low + here, low + after, high + after], 1)]
        triangles += [np.stack([low + here, high + after, high + here], 1)]
    first, last = len(profile) * sides, len(profile) * sides + 1
    top = (len(profile) - 1) * sides
    triangles += [np.stack([np.full(sides, first), after, here], 1)]
    triangles += [np.stack([np.full(sides, last), top + here, top + after], 1)]
    return Mesh(np.concatenate(vertices) + np.array(at), np.concatenate(triangles).astype(np.int32))


def cylinder(
    radius: float, height: float, at: Vector = (0.0, 0.0, 0.0), *, top: float | None = None, sides: int = 16
) -> Mesh:
    """Return an upright cylinder on `at`; `top` is the upper radius of a cone [m]."""
    return lathe([(radius, 0.0), (radius if top is None else top, height)], sides, at)


def ring(outer: float, inner: float, height: float, at: Vector = (0.0, 0.0, 0.0), sides: int = 16) -> Mesh:
    """Return an upright pipe, open through its middle."""
    angle = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    circle = np.stack([np.cos(angle), np.sin(angle)], 1)
    loop = [(outer, 0.0), (outer, height), (inner, height), (inner, 0.0)]
    vertices = np.concatenate([np.column_stack([circle * r, np.full(sides, z)]) for r, z in loop])
    here, after = np.arange(sides), (np.arange(sides) + 1) % sides
    triangles = []
    for row in range(4):
        low, high = row * sides, (row + 1) % 4 * sides
        triangles += [np.stack([low + here, low + after, high + after], 1)]
        triangles += [np.stack([low + here, high + after, high + here], 1)]
    return Mesh(vertices + np.array(at), np.concatenate(triangles).astype(np.int32))


def tube(start: Vector, end: Vector, radius: float, sides: int = 8) -> Mesh:
    """Return a round bar from `start` to `end`."""
    a, b = np.array(start, float), np.array(end, float)
    along = (b - a) / np.linalg.norm(b - a)
    helper = np.array([1.0, 0.0, 0.0]) if abs(along[2]) > 0.9 else np.array([0.0, 0.0, 1.0])
    side = np.cross(helper, along)
    side /= np.linalg.norm(side)
    frame = np.stack([side, np.cross(along, side), along])
    bar = cylinder(radius, float(np.linalg.norm(b - a)), sides=sides)
    return Mesh(bar.vertices @ frame + a, bar.triangles)


@cache
def _sphere(subdivisions: int) -> tuple[Points, Faces]:
    """Return a unit icosphere."""
    g = (1 + 5**0.5) / 2
    points: list[tuple[float, float, float]] = [(-1, g, 0), (1, g, 0), (-1, -g, 0), (1, -g, 0), (0, -1, g), (0, 1, g)]
    points += [(0, -1, -g), (0, 1, -g), (g, 0, -1), (g, 0, 1), (-g, 0, -1), (-g, 0, 1)]
    faces = [(0, 11, 5), (0, 5, 1), (0, 1, 7), (0, 7, 10), (0, 10, 11), (1, 5, 9), (5, 11, 4), (11, 10, 2)]
    faces += [(10, 7, 6), (7, 1, 8), (3, 9, 4), (3, 4, 2), (3, 2, 6), (3, 6, 8), (3, 8, 9), (4, 9, 5)]
    faces += [(2, 4, 11), (6, 2, 10), (8, 6, 7), (9, 8, 1)]
    vertices = [np.array(p, float) / np.linalg.norm(p) for p in points]
    for _ in range(subdivisions):
        middle: dict[tuple[int, int], int] = {}
        split: list[tuple[int, int, int]] = []
        for a, b, c in faces:
            ab, bc, ca = (_between(vertices, middle, *edge) for edge in ((a, b), (b, c), (c, a)))
            split += [(a, ab, ca), (b, bc, ab), (c, ca, bc), (ab, bc, ca)]
        faces = split
    return np.array(vertices), np.array(faces, np.int32)


def _between(vertices: list[Points], middle: dict[tuple[int, int], int], a: int, b: int) -> int:
    key = (min(a, b), max(a, b))
    if key not in middle:
        point = vertices[a] + vertices[b]
        vertices.append(point / np.linalg.norm(point))
        middle[key] = len(vertices) - 1
    return middle[key]


def ball(
    rx: float,
    ry: float,
    rz: float,
    at: Vector = (0.0, 0.0, 0.0),
    *,
    subdivisions: int = 2,
    rough: float = 0.0,
    grain: float = 0.25,
    rng: np.random.Generator | None = None,
) -> Mesh:
    """Return an ellipsoid centred on `at`.

    `rough` is the relative height of lumps drawn from `rng`, `grain` its share that differs from corner to corner.
    """
    unit, triangles = _sphere(subdivisions)
    factor = np.ones(len(unit))
    if rough > 0 and rng is not None:
        waves, phases = rng.normal(size=(7, 3)) * 2.3, rng.uniform(0, 6.28, 7)
        factor += rough * (np.cos(unit @ waves.T + phases).mean(1) * 1.7 + grain * rng.normal(size=len(unit)))
    return Mesh(unit * factor[:, None] * np.array([rx, ry, rz]) + np.array(at), triangles)


def hull(points: npt.ArrayLike) -> Mesh:
    """Return the convex hull of `points`, shape (N, 3)."""
    from scipy.spatial import ConvexHull

    cloud = np.asarray(points, float)
    found = ConvexHull(cloud)
    kept, triangles = np.unique(found.simplices, return_inverse=True)
    vertices, triangles = cloud[kept], triangles.reshape(-1, 3)
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    inward = np.einsum("ij,ij->i", np.cross(b - a, c - a), a - vertices.mean(0)) < 0
    triangles[inward] = triangles[inward][:, ::-1]
    return Mesh(vertices, triangles.astype(np.int32))


def cushion(w: float, d: float, h: float, at: Vector = (0.0, 0.0, 0.0), *, bevel: float = 0.04) -> Mesh:
    """Return a box with bevelled edges; `at` is the centre of its bottom face, `bevel` the cut [m]."""
    b = min(bevel, 0.45 * w, 0.45 * d, 0.45 * h)
    half = np.array([w, d, h]) / 2
    points = []
    for sign in np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float):
        points += [sign * (half - b * (1 - np.eye(3)[k])) for k in range(3)]
    return hull(np.array(points)).moved(at[0], at[1], at[2] + h / 2)


def prism(outline: Sequence[tuple[float, float]], length: float, axis: str = "z") -> Mesh:
    """Return `outline` (counter-clockwise, any simple polygon) pushed along `axis`, from 0 to `length`.

    The outline's plane is (x, y) for axis "z", (y, z) for "x" and (z, x) for "y".
    """
    flat = np.array(outline, float)
    count = len(flat)
    cap = np.array(_ears(flat), np.int32)
    vertices = np.concatenate([np.column_stack([flat, np.full(count, z)]) for z in (0.0, length)])
    here, after = np.arange(count), (np.arange(count) + 1) % count
    triangles = [cap[:, ::-1], cap + count]
    triangles += [np.stack([here, after, after + count], 1), np.stack([here, after + count, here + count], 1)]
    order = {"z": [0, 1, 2], "x": [2, 0, 1], "y": [1, 2, 0]}[axis]
    return Mesh(vertices[:, order], np.concatenate(triangles).astype(np.int32))


def _ears(flat: Points) -> list[tuple[int, int, int]]:
    """Triangulate a simple counter-clockwise polygon by cutting ears."""
    left, found = list(range(len(flat))), []
    while len(left) > 3:
        for k in range(len(left)):
            i, j, m = left[k - 1], left[k], left[(k + 1) % len(left)]
            if _cross(flat[i], flat[j], flat[m]) <= 1e-12:
                continue
            others = [flat[n] for n in left if n not in (i, j, m)]
            if not any(_inside(p, flat[i], flat[j], flat[m]) for p in others):
                found.append((i, j, m))
                left.pop(k)
                break
        else:
            left.pop(0)
    return [*found, (left[0], left[1], left[2])]


def _cross(a: Points, b: Points, c: Points) -> float:
    return float((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]))


def _inside(p: Points, a: Points, b: Points, c: Points) -> bool:
    return min(_cross(a, b, p), _cross(b, c, p), _cross(c, a, p)) >= 0


def height_field(xs: Points, ys: Points, heights: Points) -> Mesh:
    """Return an open sheet facing up over the grid `xs` (X,), `ys` (Y,) with `heights` (Y, X), all [m]."""
    grid_x, grid_y = np.meshgrid(xs, ys)
    vertices = np.stack([grid_x, grid_y, heights], -1).reshape(-1, 3)
    index = np.arange(len(vertices)).reshape(heights.shape)
    a, b, c, d = index[:-1, :-1].ravel(), index[:-1, 1:].ravel(), index[1:, 1:].ravel(), index[1:, :-1].ravel()
    triangles = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
    return Mesh(vertices, triangles.astype(np.int32))
