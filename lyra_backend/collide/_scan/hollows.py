"""Solids that free space got into because nobody saw one of their sides: the back of a cupboard, a car from below.

Free space floods a solid whose back no Gaussian shows, if it comes to that back at all. Nobody was in there: no camera
or robot fits through the gap behind, along the directions of its sides nothing is in sight from inside but those sides,
and they are single sheets with free space on their other side. Real space in a narrow place differs in that it was
seen: its floor, its walls or both sides of its boards are there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .._mesh.contour import Faces, edges_at
from .cutout import Cutout, cut_out
from .free_space import FreeSpace
from .lattice import Grid
from .nobody import CORNER, HIDDEN, ONE_SIDED, Limits, Sides, is_closed, was_seen
from .sheets import Sheets
from .shut import Pane, smooth

__all__ = ["Hollow", "find_hollows"]

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.integer]
Bools = npt.NDArray[np.bool_]

_COARSEST_M = 0.1  # voxels above this do not show gaps
_CLEAR_M = 0.2  # what is that far from everything a camera or robot may have been in
_MARGIN_M = 1.0  # how far around a solid one looks
_TOP_M2 = 0.04  # of the smallest solid, seen from above
_WIDEST_M = 6.0  # and the side of the largest
_SMALLEST_M3 = 0.02
_ONE_SHEET, _LAYERS = 1.6, 1.6  # spread and layers of single sheets, in those of sheets that are free on one side only
_HALF, _APART = 0.25, 3.0  # layers that are one of a board's two sides, and spreads between them
_BESIDE = 1.8  # voxels between neighbouring faces
_EVEN = 5  # voxels over which ends are made even
_SMOOTH = 2  # rounds in which islands are taken in


@dataclass(frozen=True)
class Hollow:
    """The inside of a solid, and what closes it.

    Attributes:
        points: lattice points inside, shape (P, 3).
        pane: across the side that nobody saw.
        centre: middle of the pane [m], shape (3,).
        area_m2: of the pane.
        volume_m3: of the inside.
    """

    points: Ints
    pane: Pane
    centre: Floats
    area_m2: float
    volume_m3: float


@dataclass(frozen=True)
class _Scene:
    """What is looked at: the faces and which of them are of single sheets free on both sides; cameras (C, 3)."""

    faces: Faces
    single: Bools
    sheets: Sheets
    free: FreeSpace
    grid: Grid
    eyes: Ints


def find_hollows(faces: Faces, sheets: Sheets, free: FreeSpace, grid: Grid, eyes: Floats) -> list[Hollow]:
    """Return the solids whose inside counts as free; none where a camera of `eyes` (C, 3) [m] was."""
    if grid.voxel_size > _COARSEST_M or not len(faces.point):
        return []
    single = _single(faces, sheets, free)
    tops = faces.point[single & (faces.axis == 2) & faces.lower]
    at = np.rint(grid.to_lattice(eyes)).astype(np.int64).reshape(-1, 3)
    scene = _Scene(faces, single, sheets, free, grid, at)
    return [hollow for roof in _roofs(tops, grid) for hollow in _hollows_under(roof, scene)]


def _single(faces: Faces, sheets: Sheets, free: FreeSpace) -> Bools:
    """Faces (F,) of sheets that are free on both sides, and neither thicker nor denser than those free on one."""
    ahead = np.where(faces.lower[:, None], 1, -1) * np.eye(3, dtype=np.int64)[faces.axis]
    own = edges_at(sheets, np.minimum(faces.point, faces.point + ahead), faces.axis)
    within = free.sheet_edge.at(faces.point + ahead)
    edge = np.where((own >= 0) & sheets.blocked[own], own, within)
    both = faces.retreat > 0.0
    if both.all() or not both.any():
        return both
    spread, layers = sheets.deviation[edge], sheets.density[edge]
    usual = [float(np.median(values[~both])) for values in (spread, layers)]
    # a board around a lattice point has a side on either edge
    far = edges_at(sheets, np.minimum(faces.point + ahead, faces.point + 2 * ahead), faces.axis)
    shared = (within >= 0) & (own >= 0) & (far >= 0)
    gap = 1.0 + np.where(faces.lower, 1, -1) * (sheets.position[far] - sheets.position[own])
    shared &= np.minimum(sheets.density[own], sheets.density[far]) >= _HALF * usual[1]
    thin = (spread <= _ONE_SHEET * usual[0]) & ~(shared & (gap > _APART * usual[0]))
    return both & thin & (layers <= _LAYERS * usual[1])


def _roofs(tops: Ints, grid: Grid) -> list[Ints]:
    """Return groups of faces `tops` (T, 3), those above each other together, that are as large as solids are."""
    from scipy import ndimage
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import KDTree

    least = _TOP_M2 / grid.voxel_size**2
    if len(tops) < least:
        return []
    pairs = KDTree(tops).query_pairs(_BESIDE, output_type="ndarray")
    graph = coo_matrix((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), shape=(len(tops), len(tops)))
    labels = connected_components(graph, directed=False)[1]
    tops = tops[np.bincount(labels)[labels] >= least]
    plan = np.zeros(grid.shape[:2], bool)
    plan[tuple(tops[:, :2].T)] = True
    groups, _ = ndimage.label(ndimage.binary_dilation(plan, np.ones((3, 3))), np.ones((3, 3)))
    group = groups[tuple(tops[:, :2].T)]
    roofs = [tops[group == name] for name in np.unique(group)]
    return [roof for roof in roofs if np.ptp(roof[:, :2], axis=0).max() * grid.voxel_size <= _WIDEST_M]


def _hollows_under(roof: Ints, scene: _Scene) -> list[Hollow]:
    """Return the hollow solids below a roof (T, 3)."""
    size = scene.grid.voxel_size
    margin = round(_MARGIN_M / size)
    low, high = roof.min(axis=0) - margin, roof.max(axis=0) + margin
    ground = scene.free.ground[tuple(slice(max(a, 0), b + 1) for a, b in zip(low[:2], high[:2], strict=True))]
    low[2] = min(low[2], int(ground.min()) - 2)
    cut = cut_out(scene.sheets, scene.free, low, high)
    shape = np.array(cut.reached.shape)
    under = np.zeros(shape, bool)
    under[tuple((roof - cut.low).T)] = True
    under = cut.below(under)
    # pin holes in a roof let no way out
    under = cut.shrunk(cut.shrunk(cut.grown(cut.grown(under))))
    faces = np.flatnonzero(_lie_in(shape, scene.faces.point - cut.low))
    ways = _ways(_turn(scene.faces.normal[faces[scene.single[faces]]]))
    # the far most common case, and quick to tell: what is there can be seen from several sides
    kept = under & (_in_sight(cut, under, cut.vacant & cut.reached & ~cut.blocks_with(under), ways) <= 1)
    if kept.sum() * size**3 < _SMALLEST_M3:
        return []
    roomy = _roomy(cut, scene.eyes - cut.low, size)
    shut_in = _parts(cut, _hidden(cut, kept & ~roomy, roomy, ways, 0) & ~roomy, faces, scene, (HIDDEN, CORNER))
    for hollow in shut_in:
        kept[tuple((hollow.points - cut.low).T)] = False
    beyond = roomy & ~under
    return shut_in + _parts(cut, _hidden(cut, kept, beyond, ways, 1) & ~beyond, faces, scene, (ONE_SIDED,))


def _parts(cut: Cutout, hidden: Bools, faces: Ints, scene: _Scene, limits: tuple[Limits, ...]) -> list[Hollow]:
    """Return those parts of what is `hidden` (X, Y, Z), with faces (M,) in the box, that are solids."""
    labels = cut.parts(hidden)
    own = labels[tuple((scene.faces.point[faces] - cut.low).T)]
    least = _SMALLEST_M3 / scene.grid.voxel_size**3
    names = np.flatnonzero(np.bincount(labels[labels >= 0]) >= least)
    found = [_judged(cut, labels == name, hidden, faces[own == name], scene, limits) for name in names]
    return [hollow for hollow in found if hollow]


def _lie_in(shape: Ints, points: Ints) -> Bools:
    """Which points (N, 3) lie in an array of a shape (3,)."""
    return np.asarray(((points >= 0) & (points < shape)).all(axis=1))


def _roomy(cut: Cutout, eyes: Ints, size: float) -> Bools:
    """Points (X, Y, Z) in balls that fit into what goes on beyond the box, or in which there was a camera."""
    from scipy import ndimage

    core = ndimage.distance_transform_edt(cut.clear()) * size >= _CLEAR_M
    labels, count = ndimage.label(core, np.ones((3, 3, 3)))
    ends = [np.take(labels, (0, -1), axis) for axis in range(3)]
    known = np.zeros(count + 1, bool)
    known[np.unique(np.concatenate([end.ravel() for end in ends]))] = True
    known[0] = False
    core = known[labels]
    core[tuple(eyes[_lie_in(np.array(core.shape), eyes)].T)] = True
    for _ in range(round(_CLEAR_M / size)):
        core = cut.grown(core)
    return core & cut.reached


def _turn(normals: Floats) -> float:
    """Return the angle about z [rad] by which sides with normals (N, 3) are turned out of x and y."""
    angle = np.arctan2(normals[:, 1], normals[:, 0])
    weight = np.hypot(normals[:, 0], normals[:, 1]) ** 4
    return float(np.arctan2((weight * np.sin(4 * angle)).sum(), (weight * np.cos(4 * angle)).sum()) / 4)


def _ways(turn: float) -> Floats:
    """Four level directions (4, 3)."""
    angle = turn + np.arange(4) * np.pi / 2
    ways = np.stack([np.cos(angle), np.sin(angle), np.zeros(4)], axis=1)
    return np.where(np.abs(ways) < 1e-6, 0.0, ways)


def _hidden(cut: Cutout, candidates: Bools, target: Bools, ways: Floats, most: int) -> Bools:
    """Points (X, Y, Z), most of them candidates, from which the target is in sight along at most so many `ways` (4, 3).

    Ways one voxel wide, as behind a pin hole, and islands between what is hidden are hidden as well.
    """
    hidden = candidates & (_in_sight(cut, candidates, target, ways) <= most)
    if not hidden.any():
        return hidden
    hidden = _even(cut, cut.shrunk(cut.grown(hidden)))
    for _ in range(_SMOOTH):
        rest = candidates & ~hidden
        labels = cut.parts(rest)
        lead_out = cut.grown(cut.reached & ~hidden & ~rest) & rest
        islands = np.setdiff1d(labels[rest], labels[lead_out])
        hidden |= np.isin(labels, islands) & rest
    # the lip of a sheet hides a layer of points beside it
    return cut.grown(cut.shrunk(hidden)) & hidden


def _in_sight(cut: Cutout, points: Bools, target: Bools, ways: Floats) -> npt.NDArray[np.int64]:
    """Return along how many `ways` (W, 3) a target is in sight from `points` (X, Y, Z); 0 elsewhere."""
    from ...kernels.sight import lines_of_sight

    count = np.zeros(points.shape, np.int64)
    count[points] = lines_of_sight(cut.passable, target, np.argwhere(points), ways).sum(axis=1)
    return count


def _even(cut: Cutout, points: Bools) -> Bools:
    """Return `points` (X, Y, Z) with even ends: what most around agree on, as far as open edges lead."""
    from scipy import ndimage

    beside = cut.grown(points)
    near = beside
    for _ in range(_EVEN // 2):
        near = cut.grown(near)
    share = ndimage.uniform_filter(points.astype(np.float32), _EVEN)
    return np.asarray(share >= 0.5 * ndimage.uniform_filter(near.astype(np.float32), _EVEN)) & beside


def _judged(
    cut: Cutout, part: Bools, hidden: Bools, mine: Ints, scene: _Scene, limits: tuple[Limits, ...]
) -> Hollow | None:
    """Return the hollow whose inside is `part` (X, Y, Z) with the faces `mine` (M,), None if it may be real space."""
    size = scene.grid.voxel_size
    eyes = scene.eyes - cut.low
    eyes = eyes[_lie_in(np.array(part.shape), eyes)]
    sheets, volume, floor = _sheets(cut, hidden, mine, scene), part.sum() * size**3, _floor_seen(cut, part, mine, scene)
    limits = tuple(given for given in limits if volume <= given.volume_m3 and not was_seen(sheets, floor, given))
    if not limits or part[tuple(eyes.T)].any() or not cut.shrunk(part).any():
        return None
    low, axis = cut.joints(part, cut.reached & ~part)
    inwards = np.where(part[tuple(low.T)], -1.0, 1.0)[:, None] * np.eye(3)[axis]
    position, normal = smooth(low, axis, inwards)
    sides = sheets.with_open(normal, np.abs((normal * inwards).sum(axis=1)))
    area = float(sides.area[sides.open_].sum()) * size**2
    ways = _ways(_turn(sheets.normal[sheets.shell]))
    if not area or not any(is_closed(sides, volume / area, ways, given) for given in limits):
        return None
    flip = np.where((normal * np.eye(3)[axis]).sum(axis=1) < 0, -1.0, 1.0)
    pane = Pane(low + cut.low, axis, position, normal * flip[:, None])
    middle = low + cut.low + position[:, None] * np.eye(3)[axis]
    centre = scene.grid.to_world(middle.mean(axis=0))
    return Hollow(np.argwhere(part) + cut.low, pane, centre, area, float(volume))


def _floor_seen(cut: Cutout, part: Bools, mine: Ints, scene: _Scene) -> float:
    """Return the share of the plan of a pocket, without its rim, on which its faces `mine` (M,) show a floor."""
    from scipy import ndimage

    faces = scene.faces
    floor = mine[faces.looks_up[mine] & (faces.retreat[mine] == 0.0)]
    shown = np.zeros(part.shape[:2], bool)
    shown[tuple((faces.point[floor] - cut.low)[:, :2].T)] = True
    plan = part.any(axis=2)
    within = ndimage.binary_erosion(plan, np.ones((3, 3)))
    return float(shown[within if within.any() else plan].mean())


def _sheets(cut: Cutout, hidden: Bools, mine: Ints, scene: _Scene) -> Sides:
    """Return the sheets around a pocket, which have the faces `mine` (M,)."""
    faces = scene.faces
    ahead = np.where(faces.lower[mine, None], 1, -1) * np.eye(3, dtype=np.int64)[faces.axis[mine]]
    beyond = faces.point[mine] + ahead
    beyond += ahead * (scene.free.sheet_edge.at(beyond) >= 0)[:, None]
    at = tuple(np.clip(beyond - cut.low, 0, np.array(hidden.shape) - 1).T)
    # what is free on both sides but inside on both is a shelf, and somebody saw it
    return Sides(
        normal=faces.normal[mine],
        area=np.abs((faces.normal[mine] * ahead).sum(axis=1)),
        shell=(faces.retreat[mine] > 0.0) & ~hidden[at],
        open_=np.zeros(len(mine), bool),
        single=scene.single[mine],
    )
