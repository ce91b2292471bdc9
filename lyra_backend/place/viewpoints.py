"""Cameras that stand in free space and see much."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..types import Camera, Intrinsics, look_at
from .columns import Solids
from .ground import Ground
from .traversability import signed_distance

__all__ = ["viewpoints_of"]

Floats = npt.NDArray[np.floating]
Mask = npt.NDArray[np.bool_]

_WIDTH_PX, _HEIGHT_PX, _FOV_DEG = 960, 540, 70.0
#: Directions that are looked in from a place, and how far [m]; what is farther is as good as that.
_DIRECTIONS, _SIGHT_M = 24, 12.0
#: Places that are compared for each that is wanted.
_CHOICE = 8
#: Free space around a camera, or half of what there is [m].
_ROOM_M = 0.3
_STREAM = 8_303


def viewpoints_of(
    ground: Ground, occupied: Mask, solids: Solids, height_m: float, count: int, seed: int
) -> tuple[Camera, ...]:
    """Return up to `count` level cameras, `height_m` above the ground, far from each other.

    They stand beside what stands on the ground, given by column (X, Y), look where the mean line of sight over the
    picture is longest, and see only the front of surfaces; names are "view_00" and so on.
    """
    room = signed_distance(ground.known & ~occupied, ground.columns.cell_m)
    cells = np.argwhere(room >= min(_ROOM_M, 0.5 * float(room.max())))
    if room.max() <= 0 or not count:
        return ()
    rng = np.random.default_rng([seed, _STREAM])
    cells = cells[np.sort(rng.choice(len(cells), min(len(cells), _CHOICE * count), replace=False))]
    heights = ground.filled[tuple(cells.T)] + height_m
    eyes = np.column_stack([ground.middle(cells), heights])
    sight, forward = _sights(eyes, solids)
    chosen = _spread(eyes, sight.max(axis=1), count)
    lens = Intrinsics.from_fov(_WIDTH_PX, _HEIGHT_PX, _FOV_DEG)
    ways = forward[sight[chosen].argmax(axis=1)]
    return tuple(
        Camera(lens, look_at(eye, eye + way), f"view_{k:02d}")
        for k, (eye, way) in enumerate(zip(eyes[chosen], ways, strict=True))
    )


def _sights(eyes: Floats, solids: Solids) -> tuple[Floats, Floats]:
    """Return how far each eye sees in each direction on the mean over a picture [m], 0 where it would see a back face,
    shape (N, D), and the directions (D, 3)."""
    turn = 2 * np.pi * np.arange(_DIRECTIONS) / _DIRECTIONS
    ways = np.column_stack([np.cos(turn), np.sin(turn), np.zeros(_DIRECTIONS)])
    starts, directions = np.repeat(eyes, _DIRECTIONS, axis=0), np.tile(ways, (len(eyes), 1))
    hits = solids.tree.rays(starts, directions, _SIGHT_M)
    seen = np.where(hits.front | np.isinf(hits.distance), np.minimum(hits.distance, _SIGHT_M), 0.0)
    seen = seen.reshape(len(eyes), _DIRECTIONS)
    half = round(_FOV_DEG / 2 / (360 / _DIRECTIONS))
    fan = [np.roll(seen, shift, axis=1) for shift in range(-half, half + 1)]
    # one near thing in the middle of the picture hides much
    return np.minimum(np.mean(fan, axis=0), 3.0 * seen), ways


def _spread(eyes: Floats, sight: Floats, count: int) -> list[int]:
    """Choose the eye that sees most, then again and again the one that is far from all chosen and sees much."""
    chosen = [int(sight.argmax())]
    away = np.linalg.norm(eyes - eyes[chosen[0]], axis=1)
    while len(chosen) < min(count, len(eyes)):
        worth = away * np.sqrt(np.maximum(sight, 1e-3))
        if worth.max() <= 0:
            break
        chosen.append(int(worth.argmax()))
        away = np.minimum(away, np.linalg.norm(eyes - eyes[chosen[-1]], axis=1))
    return chosen
