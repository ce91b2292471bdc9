"""What may move is put on its ground: a body that begins in the air, or on a slant base, would not stay where it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ...types import Primitive, Shape
from ...types.mesh import concatenate_meshes
from ...types.rotations import matrix_from_quat
from .hulls import Hull, hull_of

__all__ = ["HANGS_M", "ground_below", "planted", "rests_safely"]

Floats = npt.NDArray[np.floating]
Surface = tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]

#: Objects that hang higher than this above what is below them stay where they are: their legs are too thin for the
#: lattice, and let go they would fall.
HANGS_M = 0.03
_BASE_M = 0.015  # height of what carries a body
_SLENDER = 0.2  # distance of the middle from the edge of the base, per height, below which a body falls over
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
        points[points[:, 2] < base + _BASE_M, 2] = level
        return hull_of(points) or shape
    upright = abs(matrix_from_quat(shape.quat_wxyz[None].astype(np.float64))[0][2, 2]) > 0.999
    if shape.shape is Shape.SPHERE or not upright:
        low = float(shape.center[2]) - float(shape.size[0]) / 2
        return replace(shape, center=shape.center + np.array([0.0, 0.0, level - low], np.float32))
    top = float(shape.center[2] + shape.size[2] / 2)
    center = np.array([*shape.center[:2], (top + level) / 2], np.float32)
    return replace(shape, center=center, size=np.array([*shape.size[:2], top - level], np.float32))


def rests_safely(hulls: list[Hull]) -> bool:
    """Say whether the middle of a body lies well inside what carries it."""
    from scipy.spatial import ConvexHull, QhullError

    corners = np.concatenate([h.vertices for h in hulls])
    volume = np.array([h.volume_m3 for h in hulls])
    middle = (np.array([h.vertices.mean(axis=0) for h in hulls]) * volume[:, None]).sum(axis=0) / volume.sum()
    base = corners[:, 2].min()
    try:
        carried = ConvexHull(corners[corners[:, 2] < base + _BASE_M, :2])
    except (QhullError, ValueError):
        return len(hulls) == 1 and len(hulls[0].vertices) == 64  # balls stand on a point
    inside = -(carried.equations[:, :2] @ middle[:2] + carried.equations[:, 2]).max()
    return bool(inside > _SLENDER * (middle[2] - base))
