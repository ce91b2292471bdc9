"""Where small things get into a room, or out of it: straight through from afar, and past any part of its shell.

From afar: a ball on a straight line between the middle of the room and the outside, either way. Past the shell: from
the unseen side of every place where free space ends, a ray and a ball a few centimetres long; so nothing is hidden by
furniture, and ways round corners are found as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from .._scan.free_space import FreeSpace
from .._scan.lattice import Grid, Points
from .rays import BALL_M, separate

if TYPE_CHECKING:
    from ...kernels.mesh_distance import MeshTree

__all__ = ["Leaks", "find_leaks", "free_ends"]

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.integer]
Bools = npt.NDArray[np.bool_]

_DIRECTIONS = 3000
_ENCLOSED = 0.10  # share of rays that may leave a closed room
_LEAKING_RAYS = 500  # more need not be followed
_LEVEL = 0.1  # sine of the elevation up to which rays are level
_STEP_M = 0.04
_PROBES = 30_000
_FROM, _TO = 2.0, -2.5  # where probes start behind the end of free space, and how far in nothing may be [voxels]
_TOGETHER = 2.5  # probes this near [voxels] are of one hole
_KNOWN_M = 0.5  # a straight way out this near a hole is through it


@dataclass(frozen=True)
class Leaks:
    """Ways into and out of a room that a small ball can take.

    Attributes:
        points: where each passes the shell [m], shape (L, 3), the largest first.
        area_m2: how much is open there, 0 if it was only met from afar, shape (L,).
        enclosed: it is a room; only that must hold anything.
    """

    points: Floats
    area_m2: Floats
    enclosed: bool


def find_leaks(eyes: Floats, low: Floats, high: Floats, mesh: MeshTree, free: FreeSpace, grid: Grid) -> Leaks:
    """Return where a ball of 3 cm radius passes the shell of a room.

    Only a room must hold it, which is where hardly any level ray from `eyes` (P, 3) [m] leaves the box `low`..`high`.
    One without a ceiling need not above level, and is looked at from afar only. Floors have figures of their own.
    """
    nothing = Leaks(np.zeros((0, 3)), np.zeros(0), False)
    if not len(eyes):
        return nothing
    ways = _sphere(_DIRECTIONS)
    starts, directions = np.repeat(eyes, len(ways), axis=0), np.tile(ways, (len(eyes), 1))
    escapes = mesh.rays(starts, directions).triangle < 0
    up = directions[:, 2]
    walled, roofed = (bool(escapes[part].mean() < _ENCLOSED) for part in (np.abs(up) < _LEVEL, up >= _LEVEL))
    if not walled:
        return nothing
    out = np.flatnonzero(escapes & (up < (2.0 if roofed else _LEVEL)))[:_LEAKING_RAYS]
    straight = _straight(starts[out], directions[out], low, high, mesh)
    if not roofed:
        # without a ceiling free space goes over the walls and down their outside, and has no shell there
        return Leaks(straight, np.zeros(len(straight)), True)
    points, area = _past_the_shell(mesh, free, grid)
    if len(points) and len(straight):
        gap = np.linalg.norm(straight[:, None] - points[None], axis=2).min(axis=1)
        straight = straight[gap > _KNOWN_M + np.sqrt(area.max())]
    return Leaks(np.concatenate([points, straight]), np.concatenate([area, np.zeros(len(straight))]), True)


def _straight(starts: Floats, ways: Floats, low: Floats, high: Floats, mesh: MeshTree) -> Floats:
    """Return where a ball that moves straight to the sides of the box passes what is narrowest, one of each place."""
    if not len(starts):
        return np.zeros((0, 3))
    with np.errstate(divide="ignore"):
        length = ((np.where(ways > 0, high, low) - starts) / ways).min(axis=1)
    steps = np.arange(0.0, float(length.max()) + _STEP_M, _STEP_M)
    path = starts[:, None] + ways[:, None] * np.minimum(steps[None, :, None], length[:, None, None])
    room = mesh.closest(path.reshape(-1, 3)).distance.reshape(path.shape[:2])
    through = room.min(axis=1) > BALL_M
    return separate(path[np.arange(len(starts)), room.argmin(axis=1)][through])


def _past_the_shell(mesh: MeshTree, free: FreeSpace, grid: Grid) -> tuple[Floats, Floats]:
    """Return the middles (L, 3) [m] and areas (L,) [m2] of holes, largest first, by probes from behind the shell."""
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    ends, ways, width = free_ends(free.reached)
    at = grid.to_world(ends.astype(np.float64))
    asked = np.flatnonzero(ways[:, 2] >= 0)
    stride = -(-len(asked) // _PROBES) if len(asked) else 1
    asked = asked[::stride]
    at, size = at[asked], grid.voxel_size * width[asked].astype(np.float64)
    out: Floats = ways[asked].astype(np.float64)
    ray = mesh.rays(at + _FROM * grid.voxel_size * out, -out, (_FROM - _TO) * grid.voxel_size)
    passed = np.flatnonzero(ray.triangle < 0)
    middle = at[passed] + 0.5 * grid.voxel_size * out[passed]
    wide = mesh.closest(middle).distance > BALL_M
    middle, size = middle[wide], size[passed][wide]
    if not len(middle):
        return np.zeros((0, 3)), np.zeros(0)
    near = cKDTree(middle).sparse_distance_matrix(
        cKDTree(middle), _TOGETHER * float(size.max()) * np.sqrt(stride), output_type="coo_matrix"
    )
    count, hole = connected_components(near, directed=False)
    area = np.asarray(np.bincount(hole, weights=size**2 * stride, minlength=count), np.float64)
    number = np.bincount(hole, minlength=count)
    centre = np.stack([np.bincount(hole, weights=middle[:, k], minlength=count) / number for k in range(3)], axis=1)
    order = np.argsort(-area, kind="stable")
    return centre[order], area[order]


def free_ends(reached: Points) -> tuple[Ints, Ints, Ints]:
    """Return where free space ends: the last reached points (N, 3), the steps from there (N, 3), and the width of the
    square [voxels] each stands for (N,): 1, or 8 between two blocks without surface."""
    blocks = np.zeros((len(reached.dense), 3), np.int64)
    held = np.argwhere(reached.directory >= 0)
    blocks[reached.directory[tuple(held.T)]] = held
    cubes = reached.dense.reshape(-1, 8, 8, 8).astype(bool)
    parts = [
        part
        for axis in range(3)
        for part in (_ends_inside(cubes, blocks, axis), *_ends_between(reached, cubes, blocks, axis))
    ]
    return tuple(np.concatenate(column) for column in zip(*parts, strict=True))  # type: ignore[return-value]


def _ends(low: Ints, axis: int, below: Bools, above: Bools, width: int) -> tuple[Ints, Ints, Ints]:
    """Ends at edges from points `low` (N, 3) along an axis, one of whose sides is reached and the other not."""
    step = np.eye(3, dtype=np.int64)[axis]
    up, down = low[below & ~above], low[~below & above] + step
    ways = np.concatenate([np.tile(step, (len(up), 1)), np.tile(-step, (len(down), 1))])
    return np.concatenate([up, down]), ways, np.full(len(ways), width)


def _ends_inside(cubes: Bools, blocks: Ints, axis: int) -> tuple[Ints, Ints, Ints]:
    lower, upper = [slice(None)] * 4, [slice(None)] * 4
    lower[axis + 1], upper[axis + 1] = slice(0, 7), slice(1, 8)
    below, above = cubes[tuple(lower)], cubes[tuple(upper)]
    at = np.argwhere(below != above)
    return _ends(blocks[at[:, 0]] * 8 + at[:, 1:], axis, below[tuple(at.T)], above[tuple(at.T)], 1)


def _ends_between(reached: Points, cubes: Bools, blocks: Ints, axis: int) -> list[tuple[Ints, Ints, Ints]]:
    """Ends between neighbouring blocks: point by point if either holds surface, else one for the whole face."""
    step = np.eye(3, dtype=np.int64)[axis]
    shape = np.array(reached.directory.shape)
    parts = []
    for side, ways in ((7, step), (0, -step)):
        other = blocks + ways
        ok = np.flatnonzero(((other >= 0) & (other < shape)).all(axis=1))
        slot = reached.directory[tuple(other[ok].T)]
        # pairs of two such blocks are met from below only
        ok, slot = (a[(slot < 0) | (side == 7)] for a in (ok, slot))
        mine = np.take(cubes[ok], side, axis=axis + 1)
        theirs = np.take(cubes[slot], 7 - side, axis=axis + 1)
        empty = reached.sparse[tuple(other[ok].T)].astype(bool)
        theirs = np.where((slot >= 0)[:, None, None], theirs, empty[:, None, None])
        n, u, v = np.nonzero(mine != theirs)
        at = blocks[ok[n]] * 8 + np.insert(np.stack([u, v], axis=1), axis, side, axis=1)
        low = at if side == 7 else at - step
        below, above = (mine, theirs) if side == 7 else (theirs, mine)
        parts.append(_ends(low, axis, below[n, u, v], above[n, u, v], 1))
    void = reached.directory < 0
    lower, upper = [slice(None)] * 3, [slice(None)] * 3
    lower[axis], upper[axis] = slice(0, -1), slice(1, None)
    pair = void[tuple(lower)] & void[tuple(upper)]
    below, above = (reached.sparse[tuple(part)].astype(bool) for part in (lower, upper))
    at = np.argwhere(pair & (below != above))
    low = at * 8 + 4
    low[:, axis] = at[:, axis] * 8 + 7
    parts.append(_ends(low, axis, below[tuple(at.T)], above[tuple(at.T)], 8))
    return parts


def _sphere(count: int) -> Floats:
    """Return unit vectors spread evenly over the sphere (Fibonacci lattice), shape (count, 3)."""
    n = np.arange(count) + 0.5
    z = 1 - 2 * n / count
    turn = np.pi * (3 - np.sqrt(5)) * n
    r = np.sqrt(1 - z * z)
    return np.stack([r * np.cos(turn), r * np.sin(turn), z], axis=1)
