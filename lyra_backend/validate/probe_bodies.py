"""The spheres and boxes that test a scene, and where they start."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .free_points import Samples, Views, points_above
from .moving_bodies import MovingBodies
from .triangle_index import TriangleIndex

__all__ = ["BOX_HALF_SIDE", "GAP", "SPHERE_RADIUS", "Bodies", "choose_drops", "choose_shots"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

SPHERE_RADIUS = 0.05
BOX_HALF_SIDE = 0.10
#: Radius of the ball around a box, and the free space asked for around every start [m].
BOX_REACH = BOX_HALF_SIDE * 3**0.5
GAP = 0.02
DROP_HEIGHTS = (0.3, 1.2)
#: Bodies keep this far apart on the ground, or at least the second, where the place is small [m].
DROP_SPACING = (0.45, 0.32)
SHOT_SPACING = (0.25, 0.12)
#: Of the dropped bodies, this share is aimed at holes of the floor, if there are any.
AIMED_AT_HOLES = 1 / 8
SPEEDS = (2.0, 5.0)


@dataclass(frozen=True)
class Bodies:
    """Bodies at the start: centres (N, 3) [m], velocities (N, 3) [m/s], which are boxes (N,), and gravity or none."""

    positions: Floats
    velocities: Floats
    box: Mask
    gravity: bool

    @property
    def reach(self) -> Floats:
        """Radius of the ball around each body [m], shape (N,)."""
        return np.where(self.box, BOX_REACH, SPHERE_RADIUS)


def choose_drops(
    samples: Samples, index: TriangleIndex, moving: MovingBodies, count: int, rng: np.random.Generator
) -> Bodies:
    """Choose up to `count` spheres and boxes in turn above the floor, some of them above its holes.

    They start clear of everything, and not above what moves as long as there are places elsewhere.
    """
    holes = rng.permutation(np.flatnonzero(samples.holes))[: 40 * count]
    over_holes = np.column_stack([samples.points, samples.above])[holes]
    standing = rng.permutation(np.flatnonzero(samples.columns.found))[: 60 * count]
    over_floor = points_above(samples, standing, DROP_HEIGHTS, rng)
    over_holes, over_floor = (_clear(p, index, moving) for p in (over_holes, over_floor))
    aimed = over_holes[_spread(over_holes, round(count * AIMED_AT_HOLES), DROP_SPACING)]
    beside = moving.clear_above(over_floor, BOX_REACH + GAP)
    candidates = np.concatenate([aimed, over_floor[beside]])
    positions = candidates[_spread(candidates, count, DROP_SPACING, taken=len(aimed))]
    candidates = np.concatenate([positions, over_floor[~beside]])
    positions = candidates[_spread(candidates, count, DROP_SPACING, taken=len(positions))]
    box = np.arange(len(positions)) % 2 == 1
    return Bodies(positions, np.zeros_like(positions), box, gravity=True)


def _clear(points: Floats, index: TriangleIndex, moving: MovingBodies) -> Floats:
    """Keep points (N, 3) around which a box has room."""
    return points[index.are_free(points, BOX_REACH + GAP) & (moving.clearance(points) > BOX_REACH + GAP)]


def choose_shots(views: Views, moving: MovingBodies, count: int, seconds: float, rng: np.random.Generator) -> Bodies:
    """Choose up to `count` balls that fly at something they reach within `seconds`, without gravity.

    Nothing that moves is in their way.
    """
    # A metre short of the way of a free flight: the ball shall lean on what it meets for a while.
    reach = np.array(SPEEDS) * seconds - 1.0
    point, direction = np.nonzero(views.distance < reach.max())
    along = _along(views.azimuths[direction]) * views.distance[point, direction, None]
    clear = moving.clear_way(views.points[point], views.points[point] + along, SPHERE_RADIUS + GAP)
    point, direction = point[clear], direction[clear]
    order = rng.permutation(len(point))
    _, first = np.unique(point[order], return_index=True)
    order = order[np.sort(first)]
    order = order[_spread(views.points[point[order]], count, SHOT_SPACING)]
    point, direction = point[order], direction[order]
    slow = (np.arange(len(order)) % 2 == 0) & (views.distance[point, direction] < reach.min())
    velocities = np.where(slow, min(SPEEDS), max(SPEEDS))[:, None] * _along(views.azimuths[direction])
    return Bodies(views.points[point], velocities, np.zeros(len(order), bool), gravity=False)


def _along(azimuths: Floats) -> Floats:
    """Return level unit vectors (N, 3) in directions (N,) [rad]."""
    return np.stack([np.cos(azimuths), np.sin(azimuths), np.zeros_like(azimuths)], axis=1)


def _spread(candidates: Floats, count: int, spacing: tuple[float, float], taken: int = 0) -> Ints:
    """Return indices of up to `count` of the `candidates` (C, 3) that keep their distance on the ground.

    The first `taken` of them are chosen already; closer ones are let in only when the place is too small for all.
    """
    chosen = list(range(taken))
    for distance in np.linspace(*spacing, 4):
        for i in range(taken, len(candidates)):
            if len(chosen) >= count:
                break
            offset = candidates[chosen, :2] - candidates[i, :2]
            if not chosen or np.hypot(offset[:, 0], offset[:, 1]).min() >= distance:
                chosen.append(i)
    return np.array(chosen, dtype=np.int64)
