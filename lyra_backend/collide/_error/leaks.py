"""Where small things get into a room, or out of it: straight through from afar, and past any part of its shell.

From afar: a ball on a straight line between the middle of the room and the outside, either way. Past the shell: from
the unseen side of every place where free space ends, a ray and a ball a few centimetres long; so nothing is hidden by
furniture, and ways round corners are found as well.

Free space ends at furniture too, and where haze let it out, somewhere outside. A shell is where most of what is seen
from just behind is the open, and from just before it the room: little of the open, and places that are known to be in
the room because they lie on rays from its middle, or on rays from where those end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from .._scan.free_space import FreeSpace
from .._scan.lattice import Grid, Points
from .ends import free_ends
from .groups import grouped
from .on_purpose import OnPurpose
from .rays import BALL_M
from .room import Room, sphere

if TYPE_CHECKING:
    from ...kernels.mesh_distance import MeshTree

__all__ = ["Leaks", "find_leaks"]

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.integer]
Bools = npt.NDArray[np.bool_]

_DIRECTIONS = 3000
_ENCLOSED = 0.10  # share of rays that may leave a closed room
_LEAKING_RAYS = 500  # more need not be followed
_LEVEL = 0.1  # sine of the elevation up to which rays are level
_STEP_M = 0.04
_MOST_STEPS = 2_000_000  # on all paths: of a large hall fewer are followed
_SAME_M = 0.3  # straight ways this near one another are one
_PROBES = 30_000
_FROM, _TO = 2.0, -2.5  # where probes start behind the end of free space, and how far in nothing may be [voxels]
_TOGETHER = 1.5  # probes this near [voxels] are of one hole
_KNOWN_M = 0.5  # a straight way out this near a hole is through it
_GLANCES = 64  # directions in which a probe looks around
_AT_ONCE = 4096  # probes that do so
_BEFORE_M = 0.3  # how far before the shell they do
_INDOORS, _OUTDOORS = 0.4, 0.5  # share of what is seen from before a shell that may be open, and from behind that must


@dataclass(frozen=True)
class Leaks:
    """Ways into and out of a room that a small ball can take.

    Attributes:
        points: where each passes the shell [m], shape (L, 3), the largest first.
        area_m2: how much is open there, at least, shape (L,).
        enclosed: it is a room; only that must hold anything.
    """

    points: Floats
    area_m2: Floats
    enclosed: bool


def find_leaks(
    eyes: Floats,
    low: Floats,
    high: Floats,
    mesh: MeshTree,
    free: FreeSpace,
    grid: Grid,
    room: Room,
    on_purpose: OnPurpose | None = None,
) -> Leaks:
    """Return where a ball of 3 cm radius passes the shell of a room.

    Only a room must hold it, which is where hardly any level ray from `eyes` (P, 3) [m] leaves the box `low`..`high`;
    one that ends at a kerb does. One without a ceiling need not above level, and is looked at from afar only. Floors
    have figures of their own.
    """
    nothing = Leaks(np.zeros((0, 3)), np.zeros(0), False)
    if not len(eyes):
        return nothing
    ways = sphere(_DIRECTIONS)
    starts, directions = np.repeat(eyes, len(ways), axis=0), np.tile(ways, (len(eyes), 1))
    met = mesh.rays(starts, directions)
    escapes, up = met.triangle < 0, directions[:, 2]
    level = np.abs(up) < _LEVEL
    ends = (starts + met.distance[:, None] * directions)[level & ~escapes]
    kerbed = np.zeros(len(ends), bool) if on_purpose is None else on_purpose.built(ends)
    walled = np.count_nonzero(escapes[level]) + np.count_nonzero(kerbed) < _ENCLOSED * np.count_nonzero(level)
    roofed = bool(escapes[up >= _LEVEL].mean() < _ENCLOSED)
    if not walled:
        return nothing
    out = np.flatnonzero(escapes & (up < (2.0 if roofed else _LEVEL)))
    straight, wide = _straight(starts[out], directions[out], low, high, mesh)
    if not roofed:
        # without a ceiling free space goes over the walls and down their outside, and has no shell there
        return Leaks(straight, wide, True)
    points, area = _past_the_shell(mesh, free.reached, grid, room)
    if len(points) and len(straight):
        beyond = np.linalg.norm(straight[:, None] - points[None], axis=2) - np.sqrt(area)
        new = beyond.min(axis=1) > _KNOWN_M
        np.maximum.at(area, beyond.argmin(axis=1)[~new], wide[~new])
        straight, wide = straight[new], wide[new]
    points, area = np.concatenate([points, straight]), np.concatenate([area, wide])
    order = np.argsort(-area, kind="stable")
    return Leaks(points[order], area[order], True)


def _straight(starts: Floats, ways: Floats, low: Floats, high: Floats, mesh: MeshTree) -> tuple[Floats, Floats]:
    """Return where a ball that moves straight to the sides of the box passes what is narrowest, one of each place.

    Also returns areas (L,) [m2] across the rays from the eye that looks through most, each of which stands for its part
    of the sphere.
    """
    inside = ((starts > low) & (starts < high)).all(axis=1)
    starts, ways = starts[inside], ways[inside]
    if not len(starts):
        return np.zeros((0, 3)), np.zeros(0)
    with np.errstate(divide="ignore"):
        length = ((np.where(ways > 0, high, low) - starts) / ways).min(axis=1)
    steps = np.arange(0.0, float(length.max()) + _STEP_M, _STEP_M)
    each = max(-(-len(starts) // _LEAKING_RAYS), -(-len(starts) * len(steps) // _MOST_STEPS))
    starts, ways, length = starts[::each], ways[::each], length[::each]
    path = starts[:, None] + ways[:, None] * np.minimum(steps[None, :, None], length[:, None, None])
    room = mesh.closest(path.reshape(-1, 3)).distance.reshape(path.shape[:2])
    through = room.min(axis=1) > BALL_M
    narrowest = path[np.arange(len(starts)), room.argmin(axis=1)][through]
    if not len(narrowest):
        return np.zeros((0, 3)), np.zeros(0)
    groups = grouped(narrowest, _SAME_M)
    _, eye = np.unique(starts[through], axis=0, return_inverse=True)
    part = 4.0 * np.pi / _DIRECTIONS * each * ((narrowest - starts[through]) ** 2).sum(axis=1)
    area = np.zeros((len(groups.points), eye.max() + 1))
    np.add.at(area, (groups.number, eye.ravel()), part)
    return groups.points, area.max(axis=1)


def _past_the_shell(mesh: MeshTree, reached: Points, grid: Grid, room: Room) -> tuple[Floats, Floats]:
    """Return places (L, 3) [m] and areas (L,) [m2] of holes, largest first, by probes from behind the shell."""
    ends, ways, each = _probes(reached)
    voxel = grid.voxel_size
    at, out = grid.to_world(ends.astype(np.float64)), ways.astype(np.float64)
    passed = mesh.rays(at + _FROM * voxel * out, -out, (_FROM - _TO) * voxel).triangle < 0
    at, out = at[passed], out[passed]
    middle = at + 0.5 * voxel * out
    wide = mesh.closest(middle, BALL_M).triangle < 0
    middle, out = middle[wide], out[wide]
    shell = _is_shell(middle, out, (_FROM - 0.5) * voxel, room, mesh)
    found = grouped(middle[shell], _TOGETHER * voxel * each**0.5)
    return found.points, found.sizes * each * voxel**2


def _probes(reached: Points) -> tuple[Floats, Ints, int]:
    """Return evenly chosen ends of free space (N, 3) that look level or up, the steps from there, and the squares of
    a voxel's width that each stands for."""
    ends, ways, width = free_ends(reached)
    asked = np.flatnonzero(ways[:, 2] >= 0)
    squares = np.cumsum(width[asked].astype(np.int64) ** 2)
    total = int(squares[-1]) if len(squares) else 0
    each = max(1, -(-total // _PROBES))
    square = np.arange(0, total, each)
    end = np.searchsorted(squares, square, side="right")
    chosen = asked[end]
    inner, side = square - squares[end] + width[chosen].astype(np.int64) ** 2, width[chosen]
    axis = np.abs(ways[chosen]).argmax(axis=1)
    at, row = ends[chosen].astype(np.float64), np.arange(len(chosen))
    at[row, (axis + 1) % 3] += inner // side - side // 2
    at[row, (axis + 2) % 3] += inner % side - side // 2
    return at, ways[chosen], each


def _is_shell(points: Floats, out: Floats, beyond: float, room: Room, mesh: MeshTree) -> Bools:
    """Return which holes (N,) are in a shell: the room before them, seen against `out` (N, 3), and the open behind."""
    glances = sphere(_GLANCES)
    shell = np.zeros(len(points), bool)
    for start in range(0, len(points), _AT_ONCE):
        part = np.arange(start, min(start + _AT_ONCE, len(points)))
        way = out[part, None]
        outwards = glances * np.where((glances * way).sum(axis=2, keepdims=True) < 0, -1.0, 1.0)
        part = part[_open_share(points[part] + beyond * out[part], outwards, mesh) > _OUTDOORS]
        inwards = np.minimum(mesh.rays(points[part], -out[part], 2.0 * _BEFORE_M).distance / 2.0, _BEFORE_M)
        before = points[part] - inwards[:, None] * out[part]
        around = np.broadcast_to(glances, (len(part), *glances.shape))
        shell[part] = (_open_share(before, around, mesh) < _INDOORS) & room.seen_from(before, mesh)
    return shell


def _open_share(points: Floats, ways: Floats, mesh: MeshTree) -> Floats:
    """Return the share of rays from points (N, 3) along unit vectors (N, R, 3) that meet nothing, shape (N,)."""
    if not len(points):
        return np.zeros(0)
    starts = np.broadcast_to(points[:, None], ways.shape)
    missed = mesh.rays(starts.reshape(-1, 3), ways.reshape(-1, 3)).triangle < 0
    return np.asarray(missed.reshape(ways.shape[:2]).mean(axis=1))
