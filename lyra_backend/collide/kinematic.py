"""Colliders for what moves: each part that hangs together becomes a convex hull that is carried along its path.

Gaussians that are followed through time hang together if they are neighbours at all times; the path of a part is the
rigid motion that fits it best. Others hang together if the places they take do, in space and from time to time; then
a turn cannot be told, and the path is that of their middle. The ground that a part goes over is none of it. Engines
cook a shape once: a part that changes its shape gets a hull that holds it at all times. Does not: touch what stands
still.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..progress import Progress
from ..types import (
    Approximation,
    CollisionPart,
    Finding,
    GaussianCloud,
    GaussianSequence,
    KinematicBody,
    Outcome,
    Role,
    Severity,
)
from ..types.rotations import quat_from_matrix
from ._objects.fit import samples_on
from ._objects.hulls import Hull, hull_of

__all__ = ["carried_bodies"]

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.integer]

#: Gaussians nearer than this hang together [m].
_GAP_M = 0.1
_NEIGHBOURS = 8
#: More transparent Gaussians are no part of anything solid.
_SOLID = 0.3
#: A part of fewer Gaussians, or smaller than this [m], is a speck.
_FEWEST, _SMALLEST_M = 30, 0.05
#: A part whose Gaussians stay within this of its rigid motion keeps its shape [m].
_RIGID_M = 0.02
#: A hull that stands off by more than this share of its size fills what is open.
_HOLLOW = 0.25
#: The path is fitted to so many Gaussians of a part at most, and the hull compared at so many places.
_FITTED, _COMPARED = 4000, 600


@dataclass(frozen=True)
class _Part:
    """Points (N, 3) [m] at each time in the axes of the body, its path, and how far its Gaussians stray from it [m]."""

    points: list[Floats]
    positions: Floats
    rotations: Floats
    stray_m: float

    @property
    def count(self) -> int:
        return sum(len(points) for points in self.points)


def carried_bodies(sequence: GaussianSequence, progress: Progress) -> Outcome[tuple[KinematicBody, ...]]:
    """Return colliders for what moves in a sequence of which the background was split off, the largest part first.

    Where nothing stands still nothing is told apart, so there are none.
    """
    if sequence.background is None:
        return Outcome((), {"moving_bodies": 0})
    progress(0.0, "looking for moving parts")
    parts, passing = (_followed if sequence.stable_identity else _tracked)(sequence)
    parts.sort(key=lambda part: (-part.count, *part.positions[0].tolist()))
    bodies: list[KinematicBody] = []
    hollow = 0
    for number, part in enumerate(parts):
        progress(0.5 + 0.5 * number / len(parts), f"making the collider of moving part {number + 1}")
        body = _body(f"moving_{len(bodies) + 1}", part, sequence.times_s)
        hollow += body is None
        bodies += [] if body is None else [body]
    strays = [part.stray_m for part in parts]
    counts = {"moving_bodies": len(bodies), "moving_parts_left_out": passing + hollow}
    return Outcome(tuple(bodies), counts, _findings(bodies, max(strays, default=0.0), passing, hollow))


def _followed(sequence: GaussianSequence) -> tuple[list[_Part], int]:
    """Return the parts that Gaussians form which are neighbours at all times."""
    clouds = sequence.movers()
    solid = np.flatnonzero(np.max([cloud.opacities for cloud in clouds], axis=0) >= _SOLID)
    found = []
    for members in _components(len(solid), _lasting_pairs(clouds, solid)):
        some = solid[members[:: -(-len(members) // _FITTED)]]
        paths = np.stack([cloud.positions[some] for cloud in clouds]).astype(np.float64)
        if len(members) >= _FEWEST and np.ptp(paths[0], axis=0).max() >= _SMALLEST_M:
            found.append(_fitted(paths))
    return found, 0


def _lasting_pairs(clouds: tuple[GaussianCloud, ...], solid: Ints) -> Ints:
    """Return pairs (P, 2) of Gaussians, by their place in `solid`, that are near each other at all times."""
    from scipy.spatial import cKDTree

    if len(solid) < 2:
        return np.zeros((0, 2), np.int64)
    first = clouds[0].positions[solid]
    near = min(_NEIGHBOURS + 1, len(solid))
    distance, other = cKDTree(first).query(first, k=near, distance_upper_bound=_GAP_M)
    one, k = np.nonzero(np.isfinite(distance))
    pairs = np.column_stack([one, other[one, k]])
    for cloud in clouds[1:]:
        a, b = (cloud.positions[solid[pairs[:, side]]] for side in (0, 1))
        pairs = pairs[np.einsum("nk,nk->n", a - b, a - b) < _GAP_M**2]
    return pairs


def _components(count: int, pairs: Ints) -> Iterator[Ints]:
    """Yield the members, ascending, of each connected component of a graph of `count` nodes with edges (P, 2)."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not count:
        return
    graph = coo_array((np.ones(len(pairs), np.int8), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    label = connected_components(graph, directed=False)[1]
    order = np.argsort(label, kind="stable")
    yield from np.split(order, np.flatnonzero(np.diff(label[order])) + 1)


def _fitted(paths: Floats) -> _Part:
    """Return the best rigid motion of points over time (T, N, 3), in the least squares sense (Kabsch, 1976)."""
    middles = paths.mean(axis=1)
    local = paths - middles[:, None]
    u, _, vt = np.linalg.svd(np.einsum("tni,nj->tij", local, local[0]))
    proper = np.linalg.det(u @ vt)
    u[:, :, 2] *= proper[:, None]
    rotations = u @ vt
    own = np.einsum("tni,tij->tnj", local, rotations)
    stray = np.quantile(np.linalg.norm(own - local[0], axis=2), 0.95, axis=1).max()
    points = [local[0]] if stray <= _RIGID_M else list(own)
    return _Part(points, middles, rotations, float(stray))


def _tracked(sequence: GaussianSequence) -> tuple[list[_Part], int]:
    """Return the parts that the places of Gaussians form which hang together in space and time.

    Also how many there are that are not there at all times.
    """
    from scipy.spatial import cKDTree

    clouds = [cloud.select((cloud.opacities >= _SOLID) & above) for cloud, above in _above_ground(sequence)]
    when = np.repeat(np.arange(len(clouds)), [cloud.count for cloud in clouds])
    points = np.concatenate([cloud.positions for cloud in clouds]).astype(np.float64)
    if not len(points):
        return [], 0
    cells, of_cell = np.unique(
        np.column_stack([when, np.floor(points / _GAP_M)]).astype(np.int64), axis=0, return_inverse=True
    )
    pairs = cKDTree(cells).query_pairs(1.0, p=np.inf, output_type="ndarray")
    label = np.empty(len(cells), np.int64)
    for number, members in enumerate(_components(len(cells), pairs)):
        label[members] = number
    found, passing = [], 0
    for members in _grouped(label[of_cell.ravel()]):
        times = [points[members[when[members] == t]] for t in range(len(clouds))]
        if min(len(own) for own in times) < _FEWEST:
            passing += max(len(own) for own in times) >= _FEWEST
        elif np.ptp(times[0], axis=0).max() >= _SMALLEST_M:
            middles = np.array([own.mean(axis=0) for own in times])
            turns = np.tile(np.eye(3), (len(clouds), 1, 1))
            local = [own - middle for own, middle in zip(times, middles, strict=True)]
            found.append(_Part(local, middles, turns, 0.0))
    return found, passing


def _above_ground(sequence: GaussianSequence) -> Iterator[tuple[GaussianCloud, npt.NDArray[np.bool_]]]:
    """Yield the clouds with which of their Gaussians (N,) are not of the ground that something goes over.

    Higher up, a surface that lasts may as well be the side of something long that slides along itself.
    """
    solid = sequence.solid or [np.ones(cloud.count, bool) for cloud in sequence.clouds]
    for cloud, own in zip(sequence.clouds, solid, strict=True):
        yield cloud, own | (cloud.positions[:, 2] > _GAP_M)


def _grouped(label: Ints) -> Iterator[Ints]:
    """Yield the indices, ascending, of each value of a label."""
    order = np.argsort(label, kind="stable")
    yield from np.split(order, np.flatnonzero(np.diff(label[order])) + 1)


def _body(name: str, part: _Part, times_s: tuple[float, ...]) -> KinematicBody | None:
    """Return a part as a collider; None if its hull would fill what is open, or it spans no solid."""
    hull = hull_of(np.concatenate(part.points))
    if hull is None:
        return None
    off = max(_stands_off(hull, points) for points in part.points)
    if off > _HOLLOW * np.ptp(hull.vertices, axis=0).max():
        return None
    corners = (hull.vertices + part.positions[0]).astype(np.float32)
    triangles = hull.triangles.astype(np.int32)
    shape = CollisionPart(name, corners, triangles, "unknown", Approximation.CONVEX_HULL, Role.OBJECT, body=name)
    quats = quat_from_matrix(part.rotations)
    return KinematicBody(shape, times_s, part.positions, quats, max(off, part.stray_m))


def _stands_off(hull: Hull, points: Floats) -> float:
    """Return the 95 % quantile of the distance from a hull's surface to the nearest of points (N, 3) [m]."""
    from scipy.spatial import cKDTree

    places, _ = samples_on(hull.vertices, hull.triangles, _COMPARED)
    return float(np.quantile(cKDTree(points).query(places)[0], 0.95))


def _findings(bodies: list[KinematicBody], stray_m: float, passing: int, hollow: int) -> tuple[Finding, ...]:
    found = []
    if bodies:
        worst = max(body.error_m for body in bodies)
        bends = f" Their Gaussians stray up to {stray_m:.3f} m from a rigid motion." if stray_m > _RIGID_M else ""
        message = (
            f"{len(bodies)} moving parts have colliders that are carried along; their hulls are within {worst:.3f} m "
            f"of the Gaussians.{bends}"
        )
        found.append(Finding("collide.moving", Severity.INFO, message, worst))
    if passing or hollow:
        message = (
            f"{passing + hollow} moving parts have no collider, so robots go through them: {passing} are not there at "
            f"all times, {hollow} have a shape that a convex hull would fill."
        )
        found.append(Finding("collide.moving_left_out", Severity.WARNING, message, passing + hollow))
    return tuple(found)
