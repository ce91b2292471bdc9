"""What the motion of test bodies says about the colliders they met."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..types.rotations import matrix_from_quat, xyzw_to_wxyz
from .engine_process import Trace
from .moving_bodies import MovingBodies
from .probe_bodies import BOX_HALF_SIDE, SPHERE_RADIUS, Bodies
from .triangle_index import TriangleIndex

__all__ = ["DropScore", "ShotScore", "score_drop", "score_shots"]

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Box = tuple[Floats, Floats]

#: A body slower than this [m/s] is at rest.
RESTING_SPEED = 0.05
#: A moving body that gets less far than this part of its path shakes instead of rolling.
ROLLING_SHARE = 0.5
#: The last part of the motion that tells shaking from rolling [s].
TAIL_S = 0.5
#: A body this far [m] below the lowest collider has fallen out of the scene.
FALLEN_DEPTH = 0.5
#: A body at rest with no surface within this gap [m], and no other body it could lie on, hangs in the air.
FLOATING_GAP = 0.03
BODY_NEIGHBOUR = 0.4
#: A body deeper than this [m] in a surface is not held by it.
HELD_DEPTH = 0.02


@dataclass(frozen=True)
class DropScore:
    """What became of dropped bodies.

    Attributes:
        held: at rest, or rolling, on a collider or on a body that moves, shape (N,) as all masks.
        fallen: below everything, and not over the edge.
        over_edge: beyond the outline without going through a surface: rolled off the rim.
        crossed: the centre went through a surface.
        jitter: still shaking at the end.
        floating: at rest on nothing that is there.
        lost: the engine lost the body or gave it no finite position.
        ends: final centres [m], shape (N, 3).
        crossings: where the centre first went through a surface [m], nan if nowhere, shape (N, 3).
        depth: how deep the body sits in surfaces [m], shape (N,).
    """

    held: Mask
    fallen: Mask
    over_edge: Mask
    crossed: Mask
    jitter: Mask
    floating: Mask
    lost: Mask
    ends: Floats
    crossings: Floats
    depth: Floats


@dataclass(frozen=True)
class ShotScore:
    """What became of shot balls: masks (N,), and where each first went through a surface (N, 3) [m], nan if nowhere."""

    tunnelled: Mask
    outside: Mask
    lost: Mask
    crossings: Floats


def score_drop(
    bodies: Bodies, trace: Trace, dt: float, index: TriangleIndex, others: MovingBodies, box: Box
) -> DropScore:
    """Judge bodies that were dropped in a scene whose colliders fill `box`, (lower, upper) corner [m].

    The scene's own bodies carry them where these are in the end.
    """
    ends = trace.positions[-1]
    lost = _lost(trace)
    below = ends[:, 2] < box[0][2] - FALLEN_DEPTH
    crossings = _crossings(trace.positions, index)
    crossed = _all_finite(crossings)
    over_edge = _beyond(ends, box) & ~crossed
    moving = (np.linalg.norm(trace.velocities, axis=1) > RESTING_SPEED) & ~below & ~lost
    rolling = moving & _gets_on(trace.positions, dt)
    resting = ~moving & ~below & ~lost
    gap = index.distances(ends, float(bodies.reach.max(initial=0.0)) + 2 * FLOATING_GAP)
    gap = np.minimum(gap, others.clearance_at(ends, trace.others)) - bodies.reach
    depth = np.where(bodies.box, _box_depth(ends, trace.orientations_xyzw, index), _ball_depth(ends, index))
    depth[below | lost] = 0.0
    floating = resting & (gap > FLOATING_GAP) & (_neighbour(ends) > BODY_NEIGHBOUR)
    supported = resting | (rolling & (gap < FLOATING_GAP))
    held = supported & ~crossed & ~floating & (depth < HELD_DEPTH)
    shaking = moving & ~rolling & ~over_edge
    return DropScore(held, below & ~over_edge, over_edge, crossed, shaking, floating, lost, ends, crossings, depth)


def score_shots(trace: Trace, index: TriangleIndex, box: Box) -> ShotScore:
    """Judge balls shot at walls in a scene whose colliders fill `box`, (lower, upper) corner [m]."""
    crossings = _crossings(trace.positions, index)
    return ShotScore(_all_finite(crossings), _beyond(trace.positions[-1], box), _lost(trace), crossings)


def _lost(trace: Trace) -> Mask:
    """Say which bodies the engine lost sight of at any time."""
    return ~(_all_finite(trace.positions).all(axis=0) & _all_finite(trace.velocities))


def _all_finite(vectors: Floats) -> Mask:
    return np.asarray(np.isfinite(vectors).all(axis=-1))


def _beyond(points: Floats, box: Box) -> Mask:
    """Say which points lie beyond the outline of the box, seen from above."""
    return np.asarray(((points[:, :2] < box[0][:2] - 0.1) | (points[:, :2] > box[1][:2] + 0.1)).any(axis=1))


def _gets_on(positions: Floats, dt: float) -> Mask:
    """Say which bodies (N,) moved on during the last moments instead of to and fro."""
    tail = positions[-max(3, round(TAIL_S / dt)) :]
    path = np.linalg.norm(np.diff(tail, axis=0), axis=2).sum(axis=0)
    return np.linalg.norm(tail[-1] - tail[0], axis=1) > ROLLING_SHARE * np.maximum(path, 1e-9)


def _crossings(positions: Floats, index: TriangleIndex) -> Floats:
    """Return where each centre first passed through a surface (N, 3), nan if it never did, as it should be."""
    steps, count = len(positions) - 1, positions.shape[1]
    starts, ends = positions[:-1].reshape(-1, 3), positions[1:].reshape(-1, 3)
    fraction = index.first_hits(starts, ends)[0].reshape(steps, count)
    step, body = np.isfinite(fraction).argmax(axis=0), np.arange(count)
    at = np.where(np.isfinite(fraction), fraction, np.nan)[step, body, None]
    return positions[step, body] + at * (positions[step + 1, body] - positions[step, body])


def _ball_depth(centres: Floats, index: TriangleIndex) -> Floats:
    return np.maximum(0.0, SPHERE_RADIUS - index.distances(centres, 2 * SPHERE_RADIUS))


def _box_depth(centres: Floats, orientations_xyzw: Floats, index: TriangleIndex) -> Floats:
    """Return how far [m] corners and face centres of boxes reach behind a surface, measured across the surface."""
    signs = np.stack(np.meshgrid(*[[-1.0, 0.0, 1.0]] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    spokes = BOX_HALF_SIDE * signs[np.isin(np.abs(signs).sum(axis=1), (1, 3))]
    turn = matrix_from_quat(xyzw_to_wxyz(orientations_xyzw))
    tips = centres[:, None] + np.einsum("nij,kj->nki", turn, spokes)
    starts = np.broadcast_to(centres[:, None], tips.shape)
    fraction, triangle = index.first_hits(starts.reshape(-1, 3), tips.reshape(-1, 3))
    beyond = (1.0 - np.minimum(fraction, 1.0))[:, None] * (tips - starts).reshape(-1, 3)
    across = np.abs(np.einsum("nk,nk->n", beyond, index.normals(triangle)))
    return np.where(triangle >= 0, across, 0.0).reshape(tips.shape[:2]).max(axis=1)


def _neighbour(points: Floats) -> Floats:
    """Return the distance [m] from each point to the next one, inf if there is none."""
    apart = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    return apart.min(axis=1, initial=np.inf)
