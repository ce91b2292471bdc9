"""Where the Gaussians of a surface go: rows and columns on quads, fitted pieces on triangles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .cover import bisected
from .patches import Faces, unit_normals

__all__ = ["Samples", "mean_sides", "quad_weights", "spread"]

Floats = npt.NDArray[np.floating]
Integers = npt.NDArray[np.integer]
Mask = npt.NDArray[np.bool_]

#: Standard deviation of a Gaussian in row or column widths: neighbours together let less than 4 % through.
WIDTH = 0.66
#: How much narrower the last row is at an edge of each kind: the surface goes on, meets another that rises from it
#: (where wide Gaussians would show through), or ends in free space (half of the opacity is gone a quarter row on).
NARROWING = np.array([0.0, 0.15, 0.18])
LEAST_WIDTH = 0.40
#: Standard deviations of a triangle's Gaussian over those of the triangle itself; halved and right-angled ones
#: together let at most 6 % through.
TRIANGLE_WIDTH = 2.25


@dataclass(frozen=True, eq=False)
class Samples:
    """Places for Gaussians.

    Attributes:
        face: index of the quad, or of the triangle, they lie on, shape (N,).
        weights: corner weights on that face, shape (N, 3 or 4).
        tangents: unit vectors along the first in-plane axis, shape (N, 3).
        normals: unit normals of the surface, shape (N, 3).
        sigmas: standard deviations along and across the tangent [m], shape (N, 2).
    """

    face: Integers
    weights: Floats
    tangents: Floats
    normals: Floats
    sigmas: Floats


def spread(
    quads: Faces,
    triangles: Faces,
    fineness: tuple[Floats, Floats],
    edges: Integers,
    count: int,
    rng: np.random.Generator,
) -> tuple[Samples, Samples]:
    """Place `count` Gaussians, the ones on quads and the ones on triangles.

    Args:
        quads, triangles: the whole surface.
        fineness: wanted number of Gaussians per length over the scene's mean, of quads (Q,) and of triangles (T,).
        edges: kind of each side of each quad, from corner i to corner i + 1, an index of `NARROWING`, shape (Q, 4).
        count: number of Gaussians; at least one for each face, or the smallest faces get none.
        rng: breaks ties between equal triangles.
    """
    quads_kept, triangles_kept = _affordable(quads, triangles, count)
    sides = mean_sides(quads.corners)
    areas = _areas(triangles.corners)
    dither = rng.uniform(-0.5, 0.5, len(triangles))

    def numbers(spacing: float) -> tuple[Integers, Integers]:
        grid = np.maximum(np.round(sides * fineness[0][:, None] / spacing), 1).astype(np.int64)
        depth = np.round(np.log2(np.maximum(areas * fineness[1] ** 2 / spacing**2, 1e-9)) + dither)
        return grid * quads_kept[:, None], np.where(triangles_kept, np.clip(depth, 0, 24), -1).astype(np.int64)

    def total(spacing: float) -> int:
        grid, depth = numbers(spacing)
        return int(grid.prod(axis=1).sum() + (1 << depth[depth >= 0]).sum())

    low, high = 1e-4, 1e3
    for _ in range(60):
        middle = (low * high) ** 0.5
        low, high = (middle, high) if total(middle) > count else (low, middle)
    grid, depth = numbers(high)
    on_triangles = _fitted(triangles, depth)
    on_quads = _rows_and_columns(quads, grid, edges, count - len(on_triangles.face), rng)
    return on_quads, on_triangles


def _affordable(quads: Faces, triangles: Faces, count: int) -> tuple[Mask, Mask]:
    """Return which faces get any Gaussians: all of them, or the `count` largest."""
    total = len(quads) + len(triangles)
    if total <= count:
        return np.ones(len(quads), bool), np.ones(len(triangles), bool)
    size = np.concatenate([mean_sides(quads.corners).prod(axis=1), _areas(triangles.corners)])
    keep = np.zeros(total, bool)
    keep[np.argsort(-size, kind="stable")[:count]] = True
    return keep[: len(quads)], keep[len(quads) :]


def _areas(triangles: Floats) -> Floats:
    """Return the areas (T,) [m^2] of triangles (T, 3, 3)."""
    a, b = triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]
    return 0.5 * np.linalg.norm(np.cross(a, b), axis=1)


def mean_sides(corners: Floats) -> Floats:
    """Return the mean lengths (Q, 2) [m] of the sides 0-1 and 3-2, and of 0-3 and 1-2."""
    first = np.linalg.norm(corners[:, 1] - corners[:, 0], axis=1) + np.linalg.norm(
        corners[:, 2] - corners[:, 3], axis=1
    )
    second = np.linalg.norm(corners[:, 3] - corners[:, 0], axis=1) + np.linalg.norm(
        corners[:, 2] - corners[:, 1], axis=1
    )
    return np.stack([first, second], axis=1) / 2


def _rows_and_columns(quads: Faces, grid: Integers, edges: Integers, count: int, rng: np.random.Generator) -> Samples:
    number = grid.prod(axis=1)
    face = np.repeat(np.arange(len(quads)), number)
    rank = np.arange(number.sum()) - np.repeat(np.cumsum(number) - number, number)
    index = np.stack([rank % grid[face, 0], rank // grid[face, 0]], axis=1)
    spare = rng.integers(0, len(face), max(count - len(face), 0)) if len(face) else np.zeros(0, np.int64)
    # Those left over after whole rows sit between four others.
    face, index = np.concatenate([face, face[spare]]), np.concatenate([index, index[spare]])
    shift = np.zeros(len(face))
    shift[len(rank) :] = 0.5
    place = (np.minimum(index + shift[:, None], grid[face] - 1) + 0.5) / grid[face]
    weights = quad_weights(place)
    tangents, normals, cells = _cell_axes(quads.corners, face, place, grid)
    # Sides in the order of the corners: 0 and 2 bound the second axis, 1 and 3 the first.
    narrowing = NARROWING[edges][face]
    low = np.where(index == 0, narrowing[:, [3, 0]], 0.0)
    high = np.where(index == grid[face] - 1, narrowing[:, [1, 2]], 0.0)
    width = np.maximum(WIDTH - low - high, LEAST_WIDTH)
    return Samples(face, weights, *_ellipses(tangents, normals, cells * width[..., None]))


def quad_weights(place: Floats) -> Floats:
    """Return corner weights (N, 4) of places (N, 2) in [0, 1] on quads made of the triangles 0-1-3 and 2-3-1."""
    x, y = place.T
    first = x + y <= 1.0
    zero = np.zeros_like(x)
    one = np.stack([1 - x - y, x, zero, y], axis=1)
    two = np.stack([zero, 1 - y, x + y - 1, 1 - x], axis=1)
    return np.where(first[:, None], one, two)


def _cell_axes(corners: Floats, face: Integers, place: Floats, grid: Integers) -> tuple[Floats, Floats, Floats]:
    """Return unit vectors along the first cell side, normals, and both cell sides (N, 2, 3) [m]."""
    first = (place.sum(axis=1) <= 1.0)[:, None]
    a, b, c, d = (corners[:, i] for i in range(4))
    along = np.where(first, (b - a)[face], (c - d)[face])
    across = np.where(first, (d - a)[face], (c - b)[face])
    normal = np.where(first, unit_normals(corners[:, [0, 1, 3]])[face], unit_normals(corners[:, [2, 3, 1]])[face])
    cells = np.stack([along / grid[face, :1], across / grid[face, 1:]], axis=1)
    return along / np.linalg.norm(along, axis=1, keepdims=True), normal, cells


def _ellipses(tangents: Floats, normals: Floats, halves: Floats) -> tuple[Floats, Floats, Floats]:
    """Turn two conjugate half axes (N, 2, 3) [m] into principal ones; returns tangents, normals and sigmas (N, 2)."""
    side = np.cross(normals, tangents)
    x, y = np.einsum("nak,nk->na", halves, tangents), np.einsum("nak,nk->na", halves, side)
    xx, xy, yy = (x * x).sum(axis=1), (x * y).sum(axis=1), (y * y).sum(axis=1)
    angle = 0.5 * np.arctan2(2 * xy, xx - yy)
    angle[np.abs(xy) < 1e-9 * (xx + yy)] = 0.0
    cosine, sine = np.cos(angle), np.sin(angle)
    major = xx * cosine**2 + 2 * xy * cosine * sine + yy * sine**2
    minor = xx * sine**2 - 2 * xy * cosine * sine + yy * cosine**2
    turned = tangents * cosine[:, None] + side * sine[:, None]
    return turned, normals, np.sqrt(np.maximum(np.stack([major, minor], axis=1), 1e-10))


def _fitted(triangles: Faces, depth: Integers) -> Samples:
    """Halve each triangle `depth` times (-1 = leave it out) and give every piece a Gaussian of its own moments."""
    eye = np.broadcast_to(np.eye(3), (len(triangles), 3, 3))
    pieces = Faces(np.concatenate([triangles.corners, eye], axis=2), triangles.uvs, np.arange(len(triangles)))
    pieces = pieces.select(depth >= 0)
    left = depth[depth >= 0]
    done = []
    while len(pieces):
        done.append(pieces.select(left == 0))
        more = left > 0
        pieces, left = _halved(pieces.select(more)), np.concatenate([left[more] - 1] * 2)
    if not done:
        none = np.zeros((0, 3))
        return Samples(np.zeros(0, np.int64), none, none, none, np.zeros((0, 2)))
    pieces = Faces.concatenate(done)
    order = np.argsort(pieces.owners, kind="stable")
    pieces = pieces.select(order)
    corners, weights = pieces.corners[..., :3], pieces.corners[..., 3:].mean(axis=1)
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    tangents = a / np.maximum(np.linalg.norm(a, axis=1, keepdims=True), 1e-12)
    # The covariance of a triangle with sides a, b is (aa + bb - (ab + ba) / 2) / 18.
    halves = np.stack([(a - b / 2) / 18**0.5, b * (0.75 / 18) ** 0.5], axis=1)
    return Samples(pieces.owners, weights, *_ellipses(tangents, unit_normals(corners), TRIANGLE_WIDTH * halves))


def _halved(pieces: Faces) -> Faces:
    """As :func:`bisected`, for corners that carry their weights on the whole triangle behind the position."""
    plain = Faces(pieces.corners[..., :3], pieces.corners[..., 3:], pieces.owners)
    halves = bisected(plain)
    uvs = np.zeros((len(halves), 3, 2))
    return Faces(np.concatenate([halves.corners, halves.uvs], axis=2), uvs, halves.owners)
