"""What may move is put on its ground: a body that begins in the air, or on a slant base, would not stay where it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ...types import Primitive, Shape
from ...types.mesh import concatenate_meshes
from ...types.rotations import matrix_from_quat
from .hulls import Hull, hull_of

__all__ = ["HANGS_M", "SLENDER", "feet_of", "ground_below", "is_ball", "middle_of", "planted", "rests_safely"]

Floats = npt.NDArray[np.floating]
Surface = tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]

#: Objects that hang higher than this above what is below them stay where they are: their legs are too thin for the
#: lattice, and let go they would fall.
HANGS_M = 0.03
#: Distance of the middle of a body from the edge of its base, per height, below which it falls over.
SLENDER = 0.2
_BASE_M = 0.015  # height of what carries a body
_SAME_M = 0.003  # grounds that differ by less are one
_ABOVE_M = 0.02  # ground this much above the lowest point of a body is still below it


def ground_below(structure: Surface, groups: list[list[Hull]], surfaces: list[Surface]) -> list[float]:
    """Height [m] of what is right below each object: structure or another object; -inf if nothing is.

    Heights of structure that are nearly the same are made the same.

    Args:
        structure: everything without objects.
        groups: the shapes of each object.
        surfaces: the surface of each object, where other objects may stand as well as on the shapes.
    """
    from ...kernels.mesh_distance import mesh_rays

    shapes = [(h.vertices.astype(np.float32), h.triangles.astype(np.int32)) for hulls in groups for h in hulls]
    owner = np.repeat(np.arange(len(groups)), [len(hulls) for hulls in groups])
    levels, on_structure = [], []
    for i, hulls in enumerate(groups):
        others = [s for s, k in zip(shapes, owner, strict=True) if k != i]
        others += [s for k, s in enumerate(surfaces) if k != i]
        points = np.concatenate([h.vertices for h in hulls])
        lowest = points[points[:, 2] < points[:, 2].min() + _BASE_M]
        starts = lowest + [0.0, 0.0, _ABOVE_M]
        hits = mesh_rays(*concatenate_meshes([structure, *others]), starts, np.tile([0.0, 0.0, -1.0], (len(starts), 1)))
        level = np.where(hits.front, starts[:, 2] - hits.distance, -np.inf)
        levels.append(float(level.max(initial=-np.inf)))
        on_structure.append(bool(np.isfinite(levels[-1]) and hits.triangle[level.argmax()] < len(structure[1])))
    return _made_even(levels, on_structure)


def _made_even(levels: list[float], chosen: list[bool]) -> list[float]:
    """Raise the chosen levels to the highest of those within a few millimetres."""
    result = list(levels)
    left = sorted((i for i, c in enumerate(chosen) if c), key=lambda i: -levels[i])
    while left:
        top = levels[left[0]]
        same = [i for i in left if levels[i] > top - _SAME_M]
        for i in same:
            result[i] = top
        left = left[len(same) :]
    return result


def planted(shapes: tuple[Primitive | Hull, ...], level: float) -> tuple[Primitive | Hull, ...]:
    """Let every foot of an object end at a height [m]: those a little off are made longer or shorter."""
    return tuple(_on(shape, level) for shape in shapes)


def _on(shape: Primitive | Hull, level: float) -> Primitive | Hull:
    if isinstance(shape, Hull):
        base = float(shape.vertices[:, 2].min())
        if base > level + HANGS_M:
            return shape
        points = shape.vertices.astype(np.float64)
        # feet between the base and a ground that is higher would stay in the ground
        points[points[:, 2] < max(base, level) + _BASE_M, 2] = level
        return hull_of(points) or shape
    upright = abs(matrix_from_quat(shape.quat_wxyz[None].astype(np.float64))[0][2, 2]) > 0.999
    if shape.shape is Shape.SPHERE or not upright:
        low = float(shape.center[2]) - float(shape.size[0]) / 2
        return replace(shape, center=shape.center + np.array([0.0, 0.0, level - low], np.float32))
    top = float(shape.center[2] + shape.size[2] / 2)
    center = np.array([*shape.center[:2], (top + level) / 2], np.float32)
    return replace(shape, center=center, size=np.array([*shape.size[:2], top - level], np.float32))


def feet_of(hulls: list[Hull]) -> Floats:
    """Corners (N, 2) [m] of what carries a body."""
    corners = np.concatenate([h.vertices for h in hulls]).astype(np.float64)
    return corners[corners[:, 2] < corners[:, 2].min() + _BASE_M, :2]


def rests_safely(hulls: list[Hull]) -> bool:
    """Say whether the middle of a body lies well inside what carries it."""
    from scipy.spatial import ConvexHull, QhullError

    middle, base = middle_of(hulls), min(float(h.vertices[:, 2].min()) for h in hulls)
    try:
        carried = ConvexHull(feet_of(hulls))
    except (QhullError, ValueError):
        return is_ball(hulls)
    inside = -(carried.equations[:, :2] @ middle[:2] + carried.equations[:, 2]).max()
    return bool(inside > SLENDER * (middle[2] - base))


def is_ball(hulls: list[Hull]) -> bool:
    """Say whether a body stands on a point because it is a ball."""
    away = np.concatenate([np.linalg.norm(h.vertices - h.vertices.mean(axis=0), axis=1) for h in hulls])
    return len(hulls) == 1 and len(away) == 64 and bool(np.ptp(away) < 0.02 * away.max())


def middle_of(hulls: list[Hull]) -> Floats:
    """Centre of mass (3,) of shapes of the same density; where they overlap engines count both as well."""
    volume = np.array([h.volume_m3 for h in hulls])
    return np.asarray((np.array([_centroid(h) for h in hulls]) * volume[:, None]).sum(axis=0) / volume.sum())


def _centroid(hull: Hull) -> Floats:
    """Middle (3,) of a solid: that of the tetrahedra between its triangles and a point, by their volumes."""
    origin = hull.vertices.mean(axis=0).astype(np.float64)
    corners = hull.vertices[hull.triangles].astype(np.float64) - origin
    volume = np.linalg.det(corners)
    return np.asarray(origin + (corners.sum(axis=1) / 4 * volume[:, None]).sum(axis=0) / volume.sum())
