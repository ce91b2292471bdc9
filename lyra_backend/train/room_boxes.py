"""What stands in drawn rooms: pieces like furniture on the floor, flat boxes on the walls."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["Box", "draw_boxes"]

Floats = npt.NDArray[np.float64]

#: How many times a place is sought for a piece before it is left out.
_TRIES = 8
#: Pieces keep this distance from each other [scene units].
_GAP = 0.08
#: Kind of piece -> how often it is drawn, and whether it always stands against a wall.
_KINDS = {
    "table": (0.24, False),
    "cupboard": (0.26, True),
    "crate": (0.14, False),
    "stack": (0.12, False),
    "sofa": (0.14, True),
    "bench": (0.1, False),
}
#: Kind of flat box -> least and greatest half sizes: along the wall, off it, up.
_HUNG = {"picture": ([0.2, 0.03, 0.18], [0.5, 0.04, 0.4]), "window": ([0.35, 0.03, 0.35], [0.7, 0.04, 0.5])}


class Box(NamedTuple):
    """A box of a room, Z up, scene units: centre (3,), half sizes (3,), yaw [rad], and what it is.

    `kind` is one of those of :func:`~.room_surfaces.draw_surface`; boxes with the same `piece` belong together.
    """

    centre: Floats
    half: Floats
    yaw: float
    kind: str
    piece: int


def draw_boxes(rng: np.random.Generator, half: Floats) -> list[Box]:
    """Return 2 to 6 pieces on the floor and up to 3 flat boxes on walls.

    Args:
        rng: what is drawn from.
        half: half width and depth, and whole height, of a room about the origin with its floor at 0, shape (3,).
    """
    boxes: list[Box] = []
    taken: list[Floats] = []
    for piece in range(int(rng.integers(2, 7))):
        boxes += _place(rng, half, piece, taken)
    hung: list[Floats] = []
    for piece in range(int(rng.integers(0, 4))):
        boxes += _hang(rng, half, 100 + piece, hung)
    return boxes


def _place(rng: np.random.Generator, room: Floats, piece: int, taken: list[Floats]) -> list[Box]:
    """Return the boxes of a piece where the floor is free, or none; its footprint is added to `taken`."""
    kind = str(rng.choice(list(_KINDS), p=[often for often, _ in _KINDS.values()]))
    parts = _parts(rng, kind)
    foot = np.max([np.abs(centre[:2]) + half[:2] for centre, half, _ in parts], axis=0)
    for _ in range(_TRIES):
        at, yaw = _spot(rng, room, foot, at_wall=_KINDS[kind][1] or rng.random() < 0.25)
        reach = _reach(foot, yaw)
        bounds = np.concatenate([at - reach, at + reach])
        inside = (np.abs(at) + reach <= room[:2] + 1e-9).all()
        if inside and not any(_overlap(bounds, other) for other in taken):
            taken.append(bounds)
            return [_moved(part, at, yaw, piece) for part in parts]
    return []


def _spot(rng: np.random.Generator, room: Floats, foot: Floats, *, at_wall: bool) -> tuple[Floats, float]:
    """Return a place on the floor (2,) and a yaw; at a wall the piece's back, its -y, is against it."""
    if at_wall:
        wall = int(rng.integers(4))
        along, across = (room[0], room[1]) if wall % 2 == 0 else (room[1], room[0])
        x = rng.uniform(-1, 1) * max(along - foot[0], 0.0)
        y = foot[1] - across
        yaw = wall * math.pi / 2
        turn = np.array([[math.cos(yaw), -math.sin(yaw)], [math.sin(yaw), math.cos(yaw)]])
        return turn @ np.array([x, y]), yaw
    return rng.uniform(-1, 1, 2) * (room[:2] - foot.min()), float(rng.uniform(0, 2 * math.pi))


def _parts(rng: np.random.Generator, kind: str) -> list[tuple[Floats, Floats, float]]:
    """Return centre, half sizes and yaw of a piece's boxes about its place on the floor."""
    if kind == "table":
        width, depth, height, top = rng.uniform([0.3, 0.25, 0.4, 0.04], [0.6, 0.4, 0.75, 0.07])
        leg = (height - 2 * top) / 2
        share = rng.uniform(0.4, 0.8)
        return [
            _part(0, height - top, width, depth, top),
            _part(0, leg, width * share, depth * share, leg),
        ]
    if kind == "sofa":
        width, depth, seat, back = rng.uniform([0.45, 0.32, 0.18, 0.34], [0.85, 0.42, 0.23, 0.45])
        return [_part(0, seat, width, depth, seat), _part(-depth + 0.1, back, width, 0.1, back)]
    if kind == "stack":
        low, high = rng.uniform(0.22, 0.32), rng.uniform(0.14, 0.21)
        turned = _part(0, 2 * low + high, high, high, high)
        return [_part(0, low, low, low, low), (*turned[:2], float(rng.uniform(0, math.pi / 2)))]
    least, most = {
        "cupboard": ([0.25, 0.18, 0.4], [0.6, 0.3, 1.0]),
        "crate": ([0.18, 0.18, 0.15], [0.35, 0.3, 0.35]),
        "bench": ([0.4, 0.15, 0.17], [0.75, 0.25, 0.26]),
    }[kind]
    width, depth, height = rng.uniform(least, most)
    return [_part(0, height, width, depth, height)]


def _part(y: float, z: float, width: float, depth: float, height: float) -> tuple[Floats, Floats, float]:
    return np.array([0.0, y, z]), np.array([width, depth, height]), 0.0


def _moved(part: tuple[Floats, Floats, float], at: Floats, yaw: float, piece: int) -> Box:
    centre, half, own = part
    cos, sin = math.cos(yaw), math.sin(yaw)
    x, y = cos * centre[0] - sin * centre[1], sin * centre[0] + cos * centre[1]
    return Box(np.array([at[0] + x, at[1] + y, centre[2]]), half, yaw + own, "furniture", piece)


def _hang(rng: np.random.Generator, room: Floats, piece: int, hung: list[Floats]) -> list[Box]:
    """Return a picture, a door or a window on a wall, or nothing where another one is; its place is added to `hung`."""
    kind = str(rng.choice(["picture", "window", "door"], p=[0.45, 0.35, 0.2]))
    if kind == "door":
        half = np.array([rng.uniform(0.36, 0.45), 0.03, rng.uniform(0.93, 1.02)])
        height = half[2]
    else:
        least, most = _HUNG[kind]
        half = rng.uniform(least, most)
        height = rng.uniform(1.25, max(1.3, room[2] - half[2] - 0.2))
    wall = int(rng.integers(4))
    along, across = (room[0], room[1]) if wall % 2 == 0 else (room[1], room[0])
    x = rng.uniform(-1, 1) * (along - half[0] - 0.15)
    place = np.array([wall, x - half[0] - 0.1, wall, x + half[0] + 0.1])
    if any(_overlap(place, other) for other in hung):
        return []
    hung.append(place)
    part = np.array([x, half[1] - across, height]), half, 0.0
    return [_moved(part, np.zeros(2), wall * math.pi / 2, piece)._replace(kind=kind)]


def _reach(foot: Floats, yaw: float) -> Floats:
    """Return how far a turned footprint reaches along x and y."""
    cos, sin = abs(math.cos(yaw)), abs(math.sin(yaw))
    return np.array([cos * foot[0] + sin * foot[1], sin * foot[0] + cos * foot[1]])


def _overlap(one: Floats, other: Floats) -> bool:
    """Return whether two rectangles (x low, y low, x high, y high) come nearer to each other than the gap."""
    return bool((one[:2] < other[2:] + _GAP).all() and (other[:2] < one[2:] + _GAP).all())
