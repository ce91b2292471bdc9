"""Rooms that are not there: what is seen in mirrors and through windows is taken out of free space.

Where free space passes through an opening in a wall, what lies beyond either was visited, or was only looked at. Who
only looks through an opening never sees what is beside it on the far side: not the wall's other face, not the floor
along it. If all that bounds the space beyond can be seen through its openings, and no way leads there but those, it is
a view:

- a mirror, if it repeats what is before the wall, turned over in the wall's plane;
- a window, if its sill is above the floor and nothing or much space is beyond.

An opening that reaches the floor is a doorway whatever is beyond, unless more than one surface facing it, or its
colours, are repeated by a mirror.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...types import GaussianCloud
from .._mesh.contour import Faces
from .free_space import FreeSpace, regions_without
from .lattice import Grid, Points
from .openings import Opening, find_openings, looked_up
from .sheets import Sheets

__all__ = ["EDGE", "SLOPE", "View", "find_views"]

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.integer]
Bools = npt.NDArray[np.bool_]

_SILL_M = 0.3  # robots step or drive over lower ones
SLOPE = 3.7  # tangent of the widest angle at which one looks through an opening: 75 degrees
_FLUSH = 1.5  # surface this near the wall [voxels] is the wall
EDGE = 2.0  # how uncertain edges are [voxels]
_LESS_VISITED = 0.35  # such surface beyond, relative to that before the wall: of two rooms neither is a view
_VISITED, _VISITED_M2 = 0.03, 0.3  # share and area of what cannot be seen through openings: then somebody was there
#: Distances [voxels] at which the spaces on either side are named: blocks around an opening may be shut as a whole.
_LOOKED_AT = (2.5, 5.0, 8.0, 11.0)
_FAR_M = (0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0)  # and where nothing is known right behind
_BARRIER = 0.9  # half the thickness [voxels] of a plane that no step of a flood leaps over
_MOST_WAYS = 6  # openings onto one view; what has more is full of holes
_ROOM_M2, _NOOK = 10.0, 0.25  # least surface of a room; share of that beyond
_REPEATED, _REPEATED_SURELY = 0.75, 0.85  # share of what faces a mirror that must be repeated
_FACING = 0.7  # cosine
_OFF, _ASIDE, _ALIKE = 0.7, 1.6, 0.8  # how well [voxels; cosine] a surface is repeated
_FACING_M2, _SOME_M2 = 0.2, 0.5  # least surface to tell a mirror by
_SECOND, _STEP_M = 0.12, 0.4  # share of another surface that faces the mirror, and how far before the rest it is
_SAMPLES = 4000
_COLOURFUL, _COLOURS_AGREE = 0.04, 0.6  # standard deviation of colours that tell something; their correlation


@dataclass(frozen=True)
class View:
    """Space behind an opening that was only looked at.

    Attributes:
        opening: where it is seen.
        regions: labels of the spaces behind it, none if nothing is known there.
        mirror: it is the room once more.
        closed: no doubt; else it is left as it is.
        repeated: share of what faces the wall that is repeated by a mirror there.
        beyond_m2: surface in that space [m2].
    """

    opening: Opening
    regions: tuple[int, ...]
    mirror: bool
    closed: bool
    repeated: float
    beyond_m2: float


@dataclass(frozen=True)
class _Beyond:
    """Faces of the space behind an opening, in lattice units: `points`, `normals` (F, 3)."""

    points: Floats
    normals: Floats


@dataclass(frozen=True)
class _Spaces:
    """What free space falls into when openings are shut: labels of lattice points, and of the faces (F,)."""

    labels: Points
    of_faces: Ints
    faces: Faces
    grid: Grid

    @staticmethod
    def of(labels: Points, faces: Faces, grid: Grid) -> _Spaces:
        return _Spaces(labels, labels.at(faces.point), faces, grid)

    def at(self, hole: Opening, heights: tuple[float, ...]) -> int:
        """Return the label most points at `heights` before an opening have; -1 if hardly any is free."""
        labels = np.concatenate([looked_up(self.labels, hole.places(h), self.grid.shape, -1) for h in heights])
        names, counts = np.unique(labels[labels >= 0], return_counts=True)
        return int(names[counts.argmax()]) if counts.sum() > 0.02 * len(labels) else -1

    def before(self, hole: Opening) -> int:
        """Return the label of the space before an opening, -1 if there is none."""
        return self.at(hole, _LOOKED_AT)

    def behind(self, hole: Opening) -> list[int]:
        """Return the labels of the spaces behind an opening, nearest first."""
        labels = [self.at(hole, tuple(-h for h in _LOOKED_AT))]
        labels += [self.at(hole, (-far / self.grid.voxel_size,)) for far in _FAR_M]
        return [label for label in dict.fromkeys(labels) if label >= 0]

    def is_room(self, front: int, beyond: int) -> bool:
        """Is the space before an opening large enough for a room, and not just a nook of what is beyond?"""
        before, behind = (int((self.of_faces == label).sum()) for label in (front, beyond))
        return before * self.grid.voxel_size**2 > _ROOM_M2 and before > _NOOK * behind

    def faces_of(self, regions: Sequence[int]) -> _Beyond:
        """Return the faces that bound spaces."""
        here = np.zeros(len(self.of_faces), bool)
        for region in regions:
            here |= self.of_faces == region
        return _Beyond(self.faces.crossing[here], self.faces.normal[here])


def find_views(
    cloud: GaussianCloud, faces: Faces, sheets: Sheets, free: FreeSpace, grid: Grid, eyes: Floats
) -> tuple[list[View], Points | None]:
    """Return the views of a scene, and the spaces their `regions` are labels of; None if there are none.

    Where one of the `eyes` (C, 3) [m] is, somebody was.
    """
    openings = find_openings(faces, sheets, free, grid)
    if not openings:
        return [], None
    shut = _Spaces.of(_shut(openings, free, sheets, grid), faces, grid)
    mirrors = {}
    for n, hole in enumerate(openings):
        behind_it = shut.behind(hole)
        if not behind_it or shut.before(hole) in behind_it:
            continue
        repeated, sure = _repeated(hole, shut.faces_of(behind_it[:1]), faces, cloud, grid)
        if repeated >= _REPEATED:
            mirrors[n] = (repeated, sure)
    asked = [n for n, hole in enumerate(openings) if hole.sill_m > _SILL_M or n in mirrors]
    if not asked:
        return [], None
    spaces = _Spaces.of(_shut([openings[n] for n in asked], free, sheets, grid), faces, grid)
    views = []
    seen_from = set(looked_up(spaces.labels, grid.to_lattice(eyes), grid.shape, -1).tolist())
    all_behind = {n: spaces.behind(openings[n]) for n in asked}
    for n in asked:
        front, behind = spaces.before(openings[n]), all_behind[n]
        if front < 0 or front in behind:
            continue
        ways = {r: [openings[m] for m in asked if r in all_behind[m]] for r in behind}
        regions = tuple(
            r
            for r in behind
            if r not in seen_from
            and len(ways[r]) <= _MOST_WAYS
            and spaces.is_room(front, r)
            and not _was_visited(openings[n], ways[r], front, r, spaces)
        )
        if behind and behind[0] not in regions:
            continue
        view = _judged(openings[n], regions, spaces.faces_of(regions), mirrors.get(n), grid)
        views += [view] if view else []
    return _once(views), spaces.labels


def _shut(openings: list[Opening], free: FreeSpace, sheets: Sheets, grid: Grid) -> Points:
    """Label free space with all `openings` shut."""
    planes = [
        hole.places(h, hole.pane(1.0) @ np.stack([hole.along, (0, 0, 1)], axis=1))
        for hole in openings
        for h in (-_BARRIER, -_BARRIER / 2, 0.0, _BARRIER / 2, _BARRIER)
    ]
    at = np.rint(np.concatenate(planes)).astype(np.int64)
    at = at[((at >= 0) & (at < grid.shape)).all(axis=1)]
    return regions_without(at, free, sheets)


def _judged(
    hole: Opening, regions: tuple[int, ...], beyond: _Beyond, mirror: tuple[float, bool] | None, grid: Grid
) -> View | None:
    """Return the view behind an opening; None if it is a doorway."""
    walkable = hole.sill_m <= _SILL_M
    area = len(beyond.points) * grid.voxel_size**2
    if mirror is not None and regions:
        return View(hole, regions, True, mirror[1] or not walkable, mirror[0], area)
    return None if walkable else View(hole, regions, False, True, 0.0, area)


def _was_visited(hole: Opening, ways: list[Opening], front: int, region: int, spaces: _Spaces) -> bool:
    """Is much in a space behind an opening that cannot be seen through it, nor through the other `ways` there?

    Much is what is more than noise, and is not far less than what is before the wall and cannot be seen from behind.
    """
    cell = spaces.grid.voxel_size**2
    others = [way for way in ways if way is not hole]
    unseen, seen = (count * cell for count in _unseen(hole, others, spaces.faces_of([region]).points, -1.0))
    before = _unseen(hole, [], spaces.faces_of([front]).points, 1.0)[0] * cell
    return (unseen > _VISITED_M2 and unseen > _VISITED * (seen + unseen)) or unseen > _LESS_VISITED * before


def _unseen(hole: Opening, others: list[Opening], points: Floats, side: float) -> tuple[int, int]:
    """Number of places before (`side` 1) or behind (-1) an opening that cannot and can be seen from across.

    What `others` show is seen as well.
    """
    depth = side * hole.height(points)
    points, depth = points[depth > _FLUSH], depth[depth > _FLUSH]
    hidden = points[hole.aside(points) > SLOPE * depth + EDGE]
    for other in others:
        deep = -other.height(hidden)
        hidden = hidden[(deep < -_FLUSH) | ((deep > _FLUSH) & (other.aside(hidden) > SLOPE * deep + EDGE))]
    return len(hidden), len(points) - len(hidden)


def _repeated(hole: Opening, beyond: _Beyond, faces: Faces, cloud: GaussianCloud, grid: Grid) -> tuple[float, bool]:
    """Return the share of the surface beyond, that faces the wall, which is before the wall as well; and if that is
    proof enough where robots could go through.

    Only upright surface counts: floors and ceilings repeat in any mirror and beyond any door.
    """
    from scipy.spatial import cKDTree

    depth = -hole.height(beyond.points)
    use = np.flatnonzero((np.abs(beyond.normals[:, 2]) < 0.5) & (depth > EDGE))
    before = np.flatnonzero((np.abs(faces.normal[:, 2]) < 0.5) & (hole.height(faces.crossing) > EDGE))
    cell = grid.voxel_size**2
    if len(use) * cell < _SOME_M2 or not len(before):
        return 0.0, False
    share = max(1, len(use) // _SAMPLES)
    use = use[::share]
    facing = np.abs(beyond.normals[use] @ hole.normal) > _FACING
    if facing.sum() * share * cell < _FACING_M2:
        return 0.0, False
    mirrored = beyond.points[use] + 2.0 * depth[use, None] * hole.normal
    turned = beyond.normals[use] - 2.0 * (beyond.normals[use] @ hole.normal)[:, None] * hole.normal
    gap, nearest = cKDTree(faces.crossing[before]).query(mirrored, distance_upper_bound=_ASIDE)
    found = np.isfinite(gap)
    other = before[np.where(found, nearest, 0)]
    across = np.abs(((mirrored - faces.crossing[other]) * faces.normal[other]).sum(axis=1))
    # either side: single sheets are met from behind as well where the room in the mirror is not closed
    found &= (across < _OFF) & (np.abs((turned * faces.normal[other]).sum(axis=1)) > _ALIKE)
    if found.mean() < 0.8 * _REPEATED:
        return 0.0, False
    repeated = float(found[facing].mean())
    colours = _same_colours(cloud, grid.to_world(beyond.points[use][found]), grid.to_world(mirrored[found]))
    if colours is not None and colours < 0.5 * _COLOURS_AGREE:
        return 0.0, False
    agree = colours is not None and colours >= _COLOURS_AGREE
    staggered = _staggered(depth[use][facing & found] * grid.voxel_size)
    return repeated, repeated >= _REPEATED_SURELY and (agree or staggered)


def _staggered(depth_m: Floats) -> bool:
    """Do surfaces at more than one depth [m] face the wall? A room just as deep as its neighbour shows only one."""
    if not len(depth_m):
        return False
    back = float(np.quantile(depth_m, 0.9))
    return bool((depth_m < back - _STEP_M).mean() > _SECOND)


def _same_colours(cloud: GaussianCloud, here: Floats, there: Floats) -> float | None:
    """Return how the colours at places (N, 3) and (N, 3) [m] correlate; None if there is hardly any colour."""
    from scipy.spatial import cKDTree

    some = slice(None, None, max(1, cloud.count // 150_000))
    tree, colours = cKDTree(cloud.positions[some]), cloud.base_colors[some]
    one, two = (colours[tree.query(places[::4])[1]].astype(np.float64) for places in (here, there))
    one, two = (c - c.mean(axis=0) for c in (one, two))
    spread = one.std(), two.std()
    if len(one) < 20 or min(spread) < _COLOURFUL:
        return None
    return float((one * two).mean() / (spread[0] * spread[1]))


def _once(views: list[View]) -> list[View]:
    """Keep one of those views that are of the same hole, through either face of a thick wall."""
    kept: list[View] = []
    for view in sorted(views, key=lambda v: (not v.mirror, not v.closed)):
        middle = view.opening.places(0.0).mean(axis=0)
        if all(np.linalg.norm(middle - other.opening.places(0.0).mean(axis=0)) > 4.0 for other in kept):
            kept.append(view)
    return kept
