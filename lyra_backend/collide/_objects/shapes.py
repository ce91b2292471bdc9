"""Simple shapes as triangles, and how far hulls are from the surface they stand for."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ...types import Primitive, Shape
from ...types.rotations import matrix_from_quat
from .._mesh.triangles import areas, normals
from .fit import Thing, distances_to, samples_on
from .hulls import Hull, hull_of

__all__ = ["hulls_error", "primitive_mesh", "single_hulls"]

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.integer]
Surface = tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]

_SAMPLES = 1500
_SIDES = 32  # of a cylinder's triangles
_TOUCH_M = 0.003  # points of a hull nearer to another than this are no surface


def primitive_mesh(body: Primitive) -> Surface:
    """Triangles that show a primitive, wound outwards."""
    hull = hull_of(_outline(body.shape) * body.size)
    if hull is None:
        raise ValueError(f"primitive_mesh: a {body.shape} of size {body.size.tolist()} m is no solid.")
    turn = matrix_from_quat(body.quat_wxyz[None].astype(np.float64))[0]
    return (hull.vertices @ turn.T + body.center).astype(np.float32), hull.triangles.astype(np.int32)


def _outline(shape: Shape) -> Floats:
    """Points of a body of size 1 around the origin whose hull it is."""
    if shape is Shape.BOX:
        return np.indices((2, 2, 2)).reshape(3, 8).T - 0.5
    angle = 2 * np.pi * np.arange(_SIDES) / _SIDES
    if shape is Shape.CYLINDER:
        ring = np.stack([np.cos(angle), np.sin(angle), np.ones(_SIDES)], axis=1) / 2
        return np.concatenate([ring, ring * [1, 1, -1]])
    height = 1 - 2 * (np.arange(64) + 0.5) / 64
    turn = np.pi * (3 - np.sqrt(5)) * np.arange(64)
    flat = np.sqrt(1 - height**2)
    return np.stack([flat * np.cos(turn), flat * np.sin(turn), height], axis=1) / 2


def single_hulls(thing: Thing, lids: Surface | None) -> list[Hull]:
    """The convex hull of the whole, if it is a solid."""
    points, _ = samples_on(thing.vertices, thing.faces, 4 * _SAMPLES)
    hull = hull_of(points)
    return [hull] if hull else []


def hulls_error(things: list[Thing], hulls: list[list[Hull]]) -> list[float]:
    """95 % quantile of the distance between each surface and its hulls [m], the worse of both ways."""
    filled = [i for i, group in enumerate(hulls) if group]
    errors = np.full(len(things), np.inf)
    if not filled:
        return errors.tolist()
    seen = [samples_on(things[i].vertices, things[i].faces, _SAMPLES)[0] for i in filled]
    solids = [_joined(hulls[i]) for i in filled]
    there = distances_to(solids, list(range(len(filled))), seen)
    outer = [_outer_points(hulls[i]) for i in filled]
    outer = [p[things[i].above_base(p)] for p, i in zip(outer, filled, strict=True)]
    back = distances_to([things[i] for i in filled], list(range(len(filled))), outer)
    for k, i in enumerate(filled):
        errors[i] = max(np.quantile(d, 0.95) if len(d) else 0.0 for d in (there[k], back[k]))
    return errors.tolist()


def _joined(hulls: list[Hull]) -> Thing:
    starts = np.cumsum([0, *(len(h.vertices) for h in hulls)])
    triangles = np.concatenate([h.triangles + s for h, s in zip(hulls, starts[:-1], strict=True)])
    return Thing(np.concatenate([h.vertices for h in hulls]), triangles, triangles, np.zeros((0, 3)))


def _outer_points(hulls: list[Hull]) -> Floats:
    """Points spread over hulls where they border on nothing: not in or at another."""
    size = np.array([areas(h.vertices, h.triangles).sum() for h in hulls])
    kept = []
    for k, hull in enumerate(hulls):
        points, _ = samples_on(hull.vertices, hull.triangles, max(16, int(_SAMPLES * size[k] / size.sum())))
        keep = np.ones(len(points), bool)
        for other in (h for h in hulls if h is not hull):
            keep &= _outside(other, points) > _TOUCH_M
        kept.append(points[keep])
    return np.concatenate(kept)


def _outside(hull: Hull, points: Floats) -> Floats:
    """How far points (N, 3) lie beyond the face of a hull that they are furthest out of [m]; negative inside."""
    normal = normals(hull.vertices, hull.triangles)
    normal = normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-20)
    return (points @ normal.T - (normal * hull.vertices[hull.triangles[:, 0]]).sum(axis=1)).max(axis=1)
