"""Hazy clouds: how they are told, and what is made of them.

A clean cloud has one thin layer of Gaussians per surface. What an optimiser leaves behind is often a layer 10 cm thick
with more Gaussians behind it; taken as they are they make a rough surface that lies too deep.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...progress import Progress
from ...types import GaussianCloud
from .._mesh.contour import Faces, edges_at
from .._mesh.plane_search import find_planes
from .._mesh.planes import Plane
from .._scan.free_space import FreeSpace
from .._scan.lattice import Grid
from .._scan.sheets import Sheets
from .seen import seen_surface, stand_points
from .straighten import straightened

__all__ = ["Sharpened", "haze", "sharpened"]

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.integer]
Bools = npt.NDArray[np.bool_]

_STEEP = 0.7  # cosine between a sheet's normal and an edge from which the edge crosses it squarely
_LAYERS = 3  # consecutive blocked edges that no thin sheet has
_EYES = 24
_CRISP_M = 0.015  # scatter of what is seen up to which a thick layer of Gaussians still shows where its surface is
_TOLERANCE_M, _CELL_M, _MIN_AREA_M2 = 0.2, 0.1, 0.2
_WIDE_M, _WIDE_CELL_M, _WIDE_AREA_M2 = 0.5, 0.2, 4.0  # for ceilings and walls that are hardly there
_INNER = 0.3  # share of what is seen from which a wall that is hardly there would stand in the middle of the scene
_ALIKE = 0.95  # cosine between parallel planes


@dataclass(frozen=True)
class Sharpened:
    """A cloud made sharp.

    Attributes:
        cloud: its Gaussians.
        planes: number of planes they were moved onto; 0 if they are thick but not hazy: they stay as they are.
        spread: area-weighted deviation of what is seen from these planes [m].
        closed_m2: area without Gaussians that was closed.
    """

    cloud: GaussianCloud
    planes: int
    spread: float
    closed_m2: float


def haze(faces: Faces, sheets: Sheets) -> float:
    """Return the share of the surface that is more than two voxels thick."""
    way = np.eye(3, dtype=np.int64)[faces.axis]
    inwards: npt.NDArray[np.int64] = np.where(faces.lower[:, None], way, -way)
    squarely = np.abs(faces.normal[np.arange(len(faces.axis)), faces.axis]) > _STEEP
    if not squarely.any():
        return 0.0
    lower_end = np.where(faces.lower[:, None], faces.point, faces.point - way)[squarely]
    axis, step = faces.axis[squarely], inwards[squarely]
    thick = np.ones(len(axis), bool)
    for layer in range(_LAYERS):
        thick &= _blocked(lower_end + layer * step, axis, sheets)
    some = np.flatnonzero(thick)
    thick[some] = ~_thin_across(lower_end[some], axis[some], sheets)
    return float(thick.mean())


def _thin_across(lower_end: Ints, axis: Ints, sheets: Sheets) -> Bools:
    """Is the sheet of blocked edges (E,) thin along another axis, at either of their ends?

    Lattice lines along a rough floor, just above it, are stopped again and again; that does not make it thick.
    """
    way = np.eye(3, dtype=np.int64)
    thin = np.zeros(len(axis), bool)
    for end in (lower_end, lower_end + way[axis]):
        for turn in (1, 2):
            across = (axis + turn) % 3
            layers = np.zeros(len(axis), np.int64)
            for first, sign in ((0, 1), (-1, -1)):
                on = np.ones(len(axis), bool)
                for layer in range(_LAYERS):
                    on &= _blocked(end + (first + sign * layer) * way[across], across, sheets)
                    layers += on
            thin |= (layers > 0) & (layers < _LAYERS)
    return thin


def _blocked(points: Ints, axis: Ints, sheets: Sheets) -> Bools:
    """Are the edges from `points` (E, 3) along `axis` (E,) blocked?"""
    edge = edges_at(sheets, points, axis)
    return np.asarray((edge >= 0) & sheets.blocked[edge])


def sharpened(cloud: GaussianCloud, free: FreeSpace, grid: Grid, floor: Floats, progress: Progress) -> Sharpened | None:
    """Straighten a hazy cloud; None if nobody can stand in it or no plane is seen.

    Args:
        cloud: Gaussians in frame WORLD.
        free: free space found in the haze.
        grid: its lattice.
        floor: height of the floor by column [m], NaN where there is none.
    """
    eyes = stand_points(free, grid, floor, _EYES)
    if not len(eyes):
        return None
    seen = seen_surface(cloud, eyes, progress.child(0.0, 0.7))
    progress(0.7, "fitting planes")
    areas = seen.areas()
    found = find_planes(
        seen.points,
        seen.normals,
        areas,
        tolerance=_TOLERANCE_M,
        cell=_CELL_M,
        min_area=_MIN_AREA_M2,
        cosine=0.6,
        apart=False,
    )
    rest = found.owner < 0
    wide = find_planes(
        seen.points[rest],
        seen.normals[rest],
        areas[rest],
        tolerance=_WIDE_M,
        cell=_WIDE_CELL_M,
        min_area=_WIDE_AREA_M2,
        cosine=0.5,
        loose=0.5,
        apart=False,
    )
    planes: list[Plane] = list(found.planes)
    planes += [
        plane
        for plane in wide.planes
        if abs(plane.normal[2]) in (0.0, 1.0)
        and not _beside(plane, found.planes)
        and _bounds(plane, seen.points, areas)
    ]
    if not planes:
        return None
    spread = float(np.average([p.spread for p in planes], weights=[p.area for p in planes]))
    if spread < _CRISP_M:
        return Sharpened(cloud, 0, spread, 0.0)
    progress(0.9, "straightening")
    cloud, closed = straightened(cloud, planes, seen)
    return Sharpened(cloud, len(planes), spread, closed)


def _bounds(plane: Plane, points: Floats, areas: Floats) -> bool:
    """Does hardly anything that is seen, points (N, 3), lie behind it? Sides of furniture line up in the middle."""
    behind = plane.residual(points) < -_WIDE_M
    return float(areas[behind].sum()) < _INNER * float(areas.sum())


def _beside(plane: Plane, found: Sequence[Plane]) -> bool:
    """Is it made of what a large plane that was found already left over, and of edges of furniture before it?"""
    return any(
        other.area >= _WIDE_AREA_M2
        and float(other.normal @ plane.normal) > _ALIKE
        and abs(other.offset - plane.offset) < _WIDE_M
        for other in found
    )
