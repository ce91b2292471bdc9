"""Planes that large parts of a surface lie on: samples moved onto them, and they to where the surface is densest."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from .cubes import Cubes
from .robust import weighted_median
from .triangles import cross

__all__ = ["Plane", "Planes", "densest", "flattened", "plan_cells", "refitted"]

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.integer]
Bools = npt.NDArray[np.bool_]

_MASSES, _PER_SAMPLE, _FEW_MASSES = 200_000, 2, 20  # used to move planes at least, or for each sample; needed for it
_CUBE = 4.0  # cells along the side of the cubes that masses are looked up by
_ROUNDS = 12  # of looking for the densest place
_TO_DEVIATION = 1.4826  # standard deviation over median absolute deviation of a normal distribution
_SHALLOW = 0.2  # sine between a direction and a plane below which they count as parallel


@dataclass(frozen=True)
class Plane:
    """Points x with ``normal . x = offset``; `normal` looks into free space.

    Attributes:
        normal: unit, shape (3,).
        offset: in the samples' unit.
        window: distance up to which samples belong to it.
        spread: robust standard deviation of its samples.
        area: of its samples.
        centre: mean of its samples, on the plane, shape (3,).
    """

    normal: Floats
    offset: float
    window: float
    spread: float
    area: float
    centre: Floats

    def residual(self, points: Floats) -> Floats:
        """Signed distances (N,) of points (N, 3), positive in free space."""
        return points @ self.normal - self.offset


@dataclass(frozen=True)
class Planes:
    """All planes of a scene and the plane of every sample, -1 = none, shape (N,)."""

    planes: tuple[Plane, ...]
    owner: npt.NDArray[np.int32]

    def members(self) -> list[Ints]:
        """Return the samples of every plane, in order."""
        order = np.argsort(self.owner, kind="stable")
        ends = np.searchsorted(self.owner[order], np.arange(len(self.planes) + 1))
        return [order[start:end] for start, end in pairwise(ends)]


def refitted(planes: Planes, points: Floats, masses: Floats, weights: Floats, cell: float) -> Planes:
    """Move planes along their normals to where the mass around them is densest.

    Samples of a rough surface are those of its front; the middle of what makes it rough is a better guess.

    Args:
        planes: planes of `points` (N, 3).
        masses: places of what the surface was made from, shape (M, 3).
        weights: how much each counts, shape (M,).
        cell: as for :func:`.plane_search.find_planes`.
    """
    stride = max(1, len(masses) // max(_MASSES, _PER_SAMPLE * len(points)))
    masses, weights = masses[::stride].astype(np.float64), weights[::stride].astype(np.float64)
    cubes = Cubes(masses, _CUBE * cell)
    moved = []
    for plane, own in zip(planes.planes, planes.members(), strict=True):
        near = cubes.around(points[own], max(cell, 2.0 * plane.window))
        residual = plane.residual(masses[near])
        close = np.abs(residual) < 2.0 * plane.window
        near, residual = near[close], residual[close]
        if len(near):
            inside = _within(masses[near], points[own], plane.normal, cell)
            near, residual = near[inside], residual[inside]
        if len(near) < _FEW_MASSES:
            moved.append(plane)
            continue
        spread = _TO_DEVIATION * weighted_median(np.abs(residual), weights[near])
        middle = weighted_median(residual, weights[near])
        shift = densest(residual, weights[near], middle, 2.0 * max(spread, 1e-6))
        moved.append(replace(plane, offset=plane.offset + shift, centre=plane.centre + shift * plane.normal))
    return Planes(tuple(moved), planes.owner)


def _within(points: Floats, region: Floats, normal: Floats, cell: float) -> Bools:
    """Return which points (N, 3) lie before or behind cells that hold samples of a region (M, 3)."""
    plan, held = plan_cells(points, normal, cell), plan_cells(region, normal, cell)
    low = held.min(axis=0)
    width = int(held[:, 1].max() - low[1]) + 1
    inside = (plan[:, 1] >= low[1]) & (plan[:, 1] < low[1] + width)
    return inside & np.isin((plan - low) @ np.array([width, 1]), np.unique((held - low) @ np.array([width, 1])))


def flattened(points: Floats, normals: Floats, planes: Planes, along: Floats) -> tuple[Floats, Floats]:
    """Move samples onto their planes in directions `along` (N, 3); return points and normals (N, 3)."""
    points, normals = points.copy(), normals.copy()
    for plane, mine in zip(planes.planes, planes.members(), strict=True):
        steep = (along[mine] @ plane.normal)[:, None]
        # what runs along the plane meets it nowhere near: there the shortest way will do
        way = np.where(np.abs(steep) < _SHALLOW, plane.normal, along[mine] / np.where(steep == 0.0, 1.0, steep))
        points[mine] -= plane.residual(points[mine])[:, None] * way
        normals[mine] = plane.normal
    return points, normals


def densest(heights: Floats, areas: Floats, start: float, width: float) -> float:
    """Return where samples are densest near `start`: haze lies more behind a surface than before it (mean shift)."""
    for _ in range(_ROUNDS):
        weight = areas * np.maximum(0.0, 1.0 - ((heights - start) / width) ** 2) ** 2
        if weight.sum() <= 0:
            break
        start = float((weight * heights).sum() / weight.sum())
    return start


def plan_cells(points: Floats, normal: Floats, cell: float) -> Ints:
    """Return cells (N, 2) of points in two axes across `normal`."""
    first = cross(normal[None], np.eye(3)[None, np.abs(normal).argmin()])[0]
    first /= np.linalg.norm(first)
    second = cross(normal[None], first[None])[0]
    cells = np.empty((len(points), 2), np.int64)
    for k, axis in enumerate((first, second)):
        cells[:, k] = np.floor(points @ axis / cell)
    return cells
