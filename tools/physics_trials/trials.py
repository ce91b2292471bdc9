"""The trials: a box through a doorway, stairs, balls at walls from all sides, and balls that roll across a floor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import trimesh
from known_scenes.solids import Floats, Solid, inside

from lyra_backend.types import CollisionProxy
from lyra_backend.validate.engine_process import Trace

from .engine import DT_S, Body, Trial, ball
from .scenes import DOORWAY, RISE_M, TREAD_M, Scene

__all__ = [
    "Rolled",
    "Steps",
    "Thrown",
    "box_through_doorway",
    "floor_heights",
    "has_passed",
    "rolled",
    "rolling",
    "stair_rays",
    "step_heights",
    "throw",
    "thrown",
]

BALL_RADIUS_M, SPEED_M_S = 0.05, 5.0
#: Radius of what rolls: a wheel 3 cm across. It slides at first; a ball rolls at 5/7 of the speed it slid with.
WHEEL_RADIUS_M, SLIDE_M_S = 0.015, 0.8
#: The free part of the floor of `scenes.room`: from, to [m].
FREE_FLOOR = ((0.35, 0.35), (5.65, 3.3))


# ---------- a doorway


def box_through_doorway(proxy: CollisionProxy, width: float = 0.5) -> Trial:
    """Push a box of 20 kg at 0.6 m/s from one of the two rooms towards the other, for 5 s."""
    middle = (DOORWAY[0] + DOORWAY[1]) / 2
    return Trial(proxy, [Body((1.2, middle, 0.26), (0.5, width, 0.5), mass_kg=20.0, pushed=0.6)], 5.0)


def has_passed(trace: Trace) -> bool:
    """Whether the box is wholly in the other room, on its floor and upright."""
    x, _, z = trace.positions[-1, 0]
    return bool(x > 2.53 + 0.36 and abs(z - 0.25) < 0.02)


# ---------- stairs


@dataclass(frozen=True)
class Steps:
    """What the engine's rays find of steps: heights less the true ones, means and worst places [m], by step."""

    off: Floats
    uneven: Floats

    @property
    def is_good(self) -> bool:
        """Every step within 1 cm of its height, and level within 1 cm."""
        return bool((np.abs(self.off) < 0.01).all() and (self.uneven < 0.01).all())


def stair_rays() -> Floats:
    """Return points above the four treads (4 * 60, 3) [m], 4 cm and more from their edges."""
    rng = np.random.default_rng(3)
    points = []
    for k in range(4):
        low, high = (1.35, 1.4 + k * TREAD_M + 0.04), (2.47, 1.4 + (k + 1) * TREAD_M - 0.04)
        points.append(np.column_stack([rng.uniform(low, high, (60, 2)), np.full(60, (k + 1) * RISE_M + 0.3)]))
    return np.concatenate(points)


def step_heights(trace: Trace) -> Steps:
    """Measure the steps on the heights that rays from `stair_rays` found."""
    heights = stair_rays()[:, 2] - trace.ray_distances
    off = heights.reshape(4, 60) - RISE_M * np.arange(1, 5)[:, None]
    off = np.where(np.isnan(off), np.inf, off)
    return Steps(off.mean(axis=1), np.ptp(off, axis=1))


# ---------- balls


@dataclass(frozen=True)
class Thrown:
    """Balls that were thrown: how many, which were inside a solid at any time (N,), which at the end (N,)."""

    count: int
    crossed: npt.NDArray[np.bool_]
    ended_inside: npt.NDArray[np.bool_]


def throw(scene: Scene, proxy: CollisionProxy, count: int, seed: int = 0, seconds: float = 1.5) -> Trial:
    """Throw `count` balls of 5 cm at 5 m/s, without gravity, at the solids of a room, from every side that is open.

    Places are even over the exposed surface but for floor, ceiling and walls: thin walls from both sides, table tops
    from below, the strip between a cupboard and its wall. Balls start 10 to 60 cm away, where nothing is near.
    """
    rng = np.random.default_rng([seed, 5])
    solids = scene.solids[1:]
    points, faces = trimesh.sample.sample_surface(scene.truth, 400 * count, seed=seed)
    normals = np.asarray(scene.truth.face_normals[faces])
    on_solid = _touches(solids, np.asarray(points))
    points, normals = np.asarray(points)[on_solid], normals[on_solid]
    aim = normals + rng.uniform(-0.8, 0.8, points.shape)
    aim /= np.linalg.norm(aim, axis=1, keepdims=True)
    starts = points + rng.uniform(0.1, 0.6, (len(points), 1)) * aim
    fine = (aim * normals).sum(axis=1) > 0.5
    fine &= _is_free(scene, starts, BALL_RADIUS_M + 0.01)
    for share in (0.25, 0.5, 0.75):
        fine &= ~_in_solids(scene.solids, points + share * (starts - points))
    chosen = _spread_over(points[fine], count, rng)
    starts, aim = starts[fine][chosen], aim[fine][chosen]
    bodies = [ball(p, BALL_RADIUS_M, -SPEED_M_S * a, falls=False) for p, a in zip(starts, aim, strict=True)]
    return Trial(proxy, bodies, seconds)


def _spread_over(points: Floats, count: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Return indices of `count` points, each in a cell of 12 cm of its own as far as there are cells."""
    cells = np.floor(points / 0.12).astype(np.int64)
    order = rng.permutation(len(points))
    _, first = np.unique(cells[order], axis=0, return_index=True)
    one_each = order[rng.permutation(first)]
    rest = np.setdiff1d(order, one_each)
    return np.concatenate([one_each, rest])[:count]


def _touches(solids: list[Solid], points: Floats) -> npt.NDArray[np.bool_]:
    """Which points lie on boxes, within 1 mm."""
    found = np.zeros(len(points), bool)
    for solid in solids:
        low, high = np.array(solid["min"]) - 1e-3, np.array(solid["max"]) + 1e-3
        found |= ((points > low) & (points < high)).all(axis=1)
    return found


def _in_solids(solids: list[Solid], points: Floats) -> npt.NDArray[np.bool_]:
    found = np.zeros(len(points), bool)
    for solid in solids:
        found |= inside(solid, points)
    return found


def _is_free(scene: Scene, points: Floats, radius: float) -> npt.NDArray[np.bool_]:
    """Which points are outside of solids, in the room, and `radius` [m] from the true surface."""
    from lyra_backend.kernels.mesh_distance import mesh_distance

    near = mesh_distance(np.asarray(scene.truth.vertices), np.asarray(scene.truth.faces), points, 2.0).distance
    return ~_in_solids(scene.solids, points) & (near > radius)


def thrown(scene: Scene, trace: Trace) -> Thrown:
    """Say which balls' centres were inside of a solid, or out of the room; between steps paths are straight."""
    path = trace.positions
    crossed = np.zeros(path.shape[1], bool)
    for share in (0.0, 0.25, 0.5, 0.75):
        between = (1 - share) * path[:-1] + share * path[1:]
        crossed |= _in_solids(scene.solids, between.reshape(-1, 3)).reshape(between.shape[:2]).any(axis=0)
    return Thrown(path.shape[1], crossed, _in_solids(scene.solids, path[-1]))


# ---------- rolling


@dataclass(frozen=True)
class Rolled:
    """Balls that rolled: how far [m], peak to peak of their heights, and the largest step between frames [m]; (N,)."""

    distance: Floats
    peak_to_peak: Floats
    largest_step: Floats

    def is_good(self, distance: float) -> bool:
        """All came as far as `distance` [m], within 1 mm of height and without a step of 2 mm."""
        smooth = (self.peak_to_peak < 1e-3).all() and (self.largest_step < 2e-3).all()
        return bool(smooth and (self.distance > distance).all())


def rolling(proxy: CollisionProxy, seconds: float = 8.0, lines: int = 12) -> Trial:
    """Roll balls of 3 cm across the free middle of the floor of `scenes.room`, along x."""
    speed, (low, high) = (SLIDE_M_S, 0.0, 0.0), FREE_FLOOR
    across = np.linspace(low[1], high[1], lines)
    balls = [ball((low[0], y, WHEEL_RADIUS_M + 0.001), WHEEL_RADIUS_M, speed) for y in across]
    return Trial(proxy, balls, seconds)


def floor_heights(proxy: CollisionProxy, spacing: float = 0.02) -> Floats:
    """Return heights of the collider (A, B) [m] on a grid over the free floor of `scenes.room`, nan where is none."""
    from lyra_backend.kernels.mesh_distance import mesh_rays

    (x0, y0), (x1, y1) = FREE_FLOOR
    x, y = np.meshgrid(np.arange(x0, x1, spacing), np.arange(y0, y1, spacing), indexing="ij")
    starts = np.column_stack([x.ravel(), y.ravel(), np.full(x.size, 0.3)])
    hits = mesh_rays(*proxy.welded(), starts, np.tile((0.0, 0.0, -1.0), (len(starts), 1)), 1.0)
    return np.where(hits.triangle < 0, np.nan, 0.3 - hits.distance).reshape(x.shape)


def rolled(trace: Trace, settled_s: float = 0.3) -> Rolled:
    """Measure heights while the balls are away from walls, after they came down on the floor."""
    path = trace.positions[round(settled_s / DT_S) :]
    distance, peaks, steps = [], [], []
    for n in range(path.shape[1]):
        free = path[:, n][path[:, n, 0] < FREE_FLOOR[1][0]]
        heights = free[:, 2]
        distance.append(float(free[-1, 0] - free[0, 0]))
        peaks.append(float(np.ptp(heights)))
        steps.append(float(np.abs(np.diff(heights)).max()))
    return Rolled(np.array(distance), np.array(peaks), np.array(steps))
