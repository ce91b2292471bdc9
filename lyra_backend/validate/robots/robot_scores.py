"""What became of robots: traces turned into numbers. Does not: hold them against limits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...robot_models.gaits import CONTROL_S, Stance
from ...robot_models.model import RobotModel
from ...types.rotations import matrix_from_quat, xyzw_to_wxyz
from ..triangle_index import TriangleIndex
from .mover import ARRIVED_M, SETTLE_S
from .robot_process import RobotTrace

__all__ = ["Conduct", "StanceScore", "WalkScore", "score_stance", "score_walk"]

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

#: A robot has fallen when the cosine between its up axis and the vertical is below this (60 degrees), or its root is
#: lower than this part of its stance over the ground that was planned.
FALLEN_TILT, FALLEN_HEIGHT = 0.5, 0.4
#: It stumbles when something but a foot is pushed harder than this [N], or its up axis leans more (35 degrees).
BUMP_N, STUMBLE_TILT = 5.0, 0.82
#: Two stumbles are this far apart [s]; one that lasts is one.
APART_S = 0.5
#: Links are looked at for what they pass through so many times a second.
LOOKS_HZ = 10.0


@dataclass(frozen=True)
class Conduct:
    """What a robot did to itself and the scene, walking or standing.

    Attributes:
        fell: where its root was when it fell [m], shape (3,); None if it did not.
        stumbles: where its root was each time [m], shape (N, 3).
        depth_m: deepest that a link was in what it touched [m].
        crossings: where a surface went through the robot: between two links that hang together [m], shape (N, 3).
    """

    fell: Floats | None
    stumbles: Floats
    depth_m: float
    crossings: Floats


@dataclass(frozen=True)
class WalkScore:
    """A walk along a way.

    Attributes:
        reached: it came within :data:`~.mover.ARRIVED_M` of the goal.
        end: where its root was at last [m], shape (3,).
        done_m, length_m: how far along the way it came, and the way's length [m].
        seconds: that it took.
        conduct: what happened on the way.
    """

    reached: bool
    end: Floats
    done_m: float
    length_m: float
    seconds: float
    conduct: Conduct


@dataclass(frozen=True)
class StanceScore:
    """A stance held for a time: how far the root drifted sideways and sank [m], how far it leans [rad], and conduct."""

    drift_m: float
    sunk_m: float
    tilt_rad: float
    conduct: Conduct


def score_walk(
    trace: RobotTrace, way: Floats, model: RobotModel, stance: Stance, index: TriangleIndex | None
) -> WalkScore:
    """Score a walk along `way` (K, 3) [m]; `index` has the scene's colliders, None where nothing can be crossed."""
    root = trace.poses[:, 0, :3]
    ground = _ground(root, way)
    conduct = _conduct(trace, ground, model, stance, index)
    steps = np.linalg.norm(np.diff(way[:, :2], axis=0), axis=1)
    away = np.linalg.norm(root[:, :2] - way[-1, :2], axis=1)
    reached = conduct.fell is None and bool((away <= ARRIVED_M).any())
    return WalkScore(
        reached, root[-1], float(trace.done_m[-1]), float(steps.sum()), len(root) * CONTROL_S - SETTLE_S, conduct
    )


def score_stance(
    trace: RobotTrace, ground_m: float, model: RobotModel, stance: Stance, index: TriangleIndex | None
) -> StanceScore:
    """Score a stance on ground at the height `ground_m` [m]."""
    root = trace.poses[:, 0, :3]
    conduct = _conduct(trace, np.full(len(root), ground_m), model, stance, index)
    drift = float(np.linalg.norm(root[:, :2] - root[0, :2], axis=1).max())
    sunk = float(ground_m + stance.upright - root[:, 2].min())
    return StanceScore(drift, sunk, float(np.arccos(np.clip(_uprightness(trace).min(), -1.0, 1.0))), conduct)


def feet(model: RobotModel, stance: Stance) -> tuple[int, ...]:
    """Return the links that touch the ground in the stance: those whose shapes reach lowest, within 3 cm."""
    poses = model.poses_at(np.zeros(3), np.array([1.0, 0.0, 0.0, 0.0]), stance.angles_of(model))
    lowest: dict[int, float] = {}
    for shape in model.shapes:
        origin, quat = poses[shape.link]
        z = float((origin + matrix_from_quat(quat) @ shape.position)[2]) - shape.size[0]
        lowest[shape.link] = min(lowest.get(shape.link, np.inf), z)
    return tuple(sorted(link for link, z in lowest.items() if z < min(lowest.values()) + 0.03))


def _conduct(
    trace: RobotTrace, ground: Floats, model: RobotModel, stance: Stance, index: TriangleIndex | None
) -> Conduct:
    root, up = trace.poses[:, 0, :3], _uprightness(trace)
    low = root[:, 2] - ground < FALLEN_HEIGHT * stance.upright
    fallen = (up < FALLEN_TILT) | low | ~np.isfinite(root).all(axis=1)
    end = int(fallen.argmax()) if fallen.any() else len(root)
    body = np.setdiff1d(np.arange(len(model.links)), feet(model, stance))
    bumped = (trace.forces[:, body] > BUMP_N).any(axis=1) | (up < STUMBLE_TILT)
    # What it does lying on the ground is no stumbling.
    stumbles = root[:end][_beginnings(bumped[:end])]
    crossings = np.zeros((0, 3)) if index is None else _crossings(trace, model, index)
    depth = float(np.fmax.reduce(trace.depths, axis=None, initial=0.0))
    return Conduct(root[end] if end < len(root) else None, stumbles, depth, crossings)


def _uprightness(trace: RobotTrace) -> Floats:
    """Return the cosine between the root's up axis and the vertical, shape (T,)."""
    return np.asarray(matrix_from_quat(xyzw_to_wxyz(trace.poses[:, 0, 3:7]))[:, 2, 2], np.float64)


def _ground(root: Floats, way: Floats) -> Floats:
    """Return the height of the way [m] where it is nearest to each position, shape (T,)."""
    start, step = way[:-1, :2], np.diff(way[:, :2], axis=0)
    offset = root[:, None, :2] - start
    squared = np.maximum((step**2).sum(axis=1), 1e-12)
    share = np.clip((offset * step).sum(axis=2) / squared, 0.0, 1.0)
    away = np.linalg.norm(offset - share[..., None] * step, axis=2)
    nearest = away.argmin(axis=1)
    row = np.arange(len(root))
    return way[nearest, 2] + share[row, nearest] * np.diff(way[:, 2])[nearest]


def _beginnings(mask: Mask) -> npt.NDArray[np.int64]:
    """Return where runs of true values begin that are at least :data:`APART_S` after what was true before."""
    true = np.flatnonzero(mask)
    apart = np.diff(true, prepend=-(10**9)) > APART_S / CONTROL_S
    return true[apart]


def _crossings(trace: RobotTrace, model: RobotModel, index: TriangleIndex) -> Floats:
    """Return where surfaces lie within the robot, a point for each bone and look (N, 3).

    Bones lead from each link to the one that carries it, and to the middles of its own shapes: nothing of the scene can
    be on them unless it went through the robot, or the robot through it.
    """
    every = max(round(1.0 / (LOOKS_HZ * CONTROL_S)), 1)
    poses = trace.poses[::every]
    poses = poses[np.isfinite(poses).all(axis=(1, 2))]
    child = np.arange(1, len(model.links))
    parent = np.array([link.parent for link in model.links[1:]])
    owner = np.array([shape.link for shape in model.shapes])
    middle = np.array([shape.position for shape in model.shapes])
    turns = matrix_from_quat(xyzw_to_wxyz(poses[:, owner, 3:7]))
    tips = poses[:, owner, :3] + np.einsum("tsij,sj->tsi", turns, middle)
    start = np.concatenate([poses[:, parent, :3], poses[:, owner, :3]], axis=1).reshape(-1, 3)
    end = np.concatenate([poses[:, child, :3], tips], axis=1).reshape(-1, 3)
    fraction, _ = index.first_hits(start, end)
    hit = np.isfinite(fraction)
    return start[hit] + fraction[hit, None] * (end - start)[hit]
