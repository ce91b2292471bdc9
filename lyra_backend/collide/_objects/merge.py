"""Convex pieces joined to fewer, as long as they fill no free space and bury no surface.

Two pieces that touch become their common hull when neither of two tests speaks against it: no place inside may be
free, and what both show of the surface may lie at most a tolerance deep inside the hull. The first keeps doors and
shelves open, the second corners and steps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...types import Primitive
from .hulls import Hull

__all__ = ["Piece", "merged"]

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.integer]
Bools = npt.NDArray[np.bool_]

_TOUCH_M = 0.015  # pieces whose boxes are nearer than this touch
_INSIDE = 60  # places inside a common hull that must not be free
_MOST_FRONT = 300  # points of the surface that a piece remembers
_MOST_CORNERS = 96  # of a hull; engines take 64, the rest is rounded off at the end
_BURIED = 0.95  # share of the remembered points that must be less deep than the tolerance
_COARSEST_M = 0.12  # tolerance beyond which pieces are no longer joined


@dataclass(frozen=True, eq=False)
class Piece:
    """A convex piece: corners (V, 3) [m], points of the surface that it stands for (N, 3) [m], and its own shape.

    The shape is None for pieces that were joined.
    """

    corners: Floats
    front: Floats
    shape: Primitive | Hull | None = None


def merged(
    pieces: list[Piece], is_free: Callable[[Floats], Bools], most: int, tolerance: float
) -> tuple[list[Piece], float]:
    """Join pieces that may be joined; while there are more than `most`, with twice the tolerance.

    Args:
        pieces: what there is.
        is_free: says of points (N, 3) [m] whether they certainly lie in free space.
        most: pieces that are few enough.
        tolerance: how deep surface may come to lie inside a piece [m].

    Returns:
        The pieces, and the tolerance that was needed [m].
    """
    pieces = _joined(pieces, is_free, tolerance)
    while len(pieces) > most and 2 * tolerance <= _COARSEST_M:
        tolerance *= 2
        pieces = _joined(pieces, is_free, tolerance)
    return pieces, tolerance


def _joined(pieces: list[Piece], is_free: Callable[[Floats], Bools], tolerance: float) -> list[Piece]:
    living = dict(enumerate(pieces))
    tried: set[tuple[int, int]] = set()
    number = len(pieces)
    while True:
        pairs = [p for p in _touching(living) if p not in tried]
        if not pairs:
            break
        tried.update(pairs)
        busy: set[int] = set()
        for a, b in _possible(living, pairs, is_free):
            if a in busy or b in busy:
                tried.discard((a, b))
                continue
            whole = _common(living[a], living[b], tolerance)
            if whole is not None:
                busy |= {a, b}
                del living[a], living[b]
                living[number] = whole
                number += 1
        if not busy:
            break
    return list(living.values())


def _touching(living: dict[int, Piece]) -> list[tuple[int, int]]:
    """Pairs whose boxes touch."""
    names = np.array(list(living))
    low = np.array([p.corners.min(axis=0) for p in living.values()], np.float32) - _TOUCH_M / 2
    high = np.array([p.corners.max(axis=0) for p in living.values()], np.float32) + _TOUCH_M / 2
    pairs = []
    for i in range(len(names) - 1):
        near = ((low[i + 1 :] <= high[i]) & (high[i + 1 :] >= low[i])).all(axis=1)
        pairs += [(int(names[i]), int(names[k])) for k in i + 1 + np.flatnonzero(near)]
    return pairs


def _possible(
    living: dict[int, Piece], pairs: list[tuple[int, int]], is_free: Callable[[Floats], Bools]
) -> list[tuple[int, int]]:
    """Leave out pairs between which something is free; the others sorted by the size of their common box."""
    count = np.array([(len(living[a].corners), len(living[b].corners)) for a, b in pairs])
    # the same places in every hull: between corners of the one and of the other, Roberts' sequence in four dimensions
    u = ((0.5 + np.arange(1, _INSIDE + 1)[:, None] * [0.8566748838, 0.7338918566, 0.6287067210, 0.5385972572]) % 1.0).T
    starts = np.cumsum([0, *(len(p.corners) for p in living.values())])
    first = dict(zip(living, starts[:-1].tolist(), strict=True))
    corners = np.concatenate([p.corners for p in living.values()])
    at = np.array([(first[a], first[b]) for a, b in pairs])
    one = corners[at[:, :1] + (u[0] * count[:, :1]).astype(np.int64)]
    two = corners[at[:, 1:] + (u[1] * count[:, 1:]).astype(np.int64)]
    three = corners[at[:, :1] + (u[3] * count[:, :1]).astype(np.int64)]
    share = 0.08 + 0.84 * u[2][None, :, None]
    inside = share * one + (1 - share) * two
    inside += 0.25 * (three - inside)
    free = np.asarray(is_free(inside.reshape(-1, 3)).reshape(len(pairs), -1).any(axis=1), bool)
    low = {i: p.corners.min(axis=0) for i, p in living.items()}
    high = {i: p.corners.max(axis=0) for i, p in living.items()}
    size = [float((np.maximum(high[a], high[b]) - np.minimum(low[a], low[b])).sum()) for a, b in pairs]
    return [pairs[i] for i in sorted(range(len(pairs)), key=lambda i: (size[i], i)) if not free[i]]


def _common(one: Piece, two: Piece, tolerance: float) -> Piece | None:
    """Return the common hull of two pieces, None if it buries too much of what they show."""
    from scipy.spatial import ConvexHull, QhullError

    for larger, smaller in ((one, two), (two, one)):
        if _contains(larger, smaller.corners):
            return larger
    points = np.concatenate([one.corners, two.corners]).astype(np.float64)
    middle = points.mean(axis=0)
    try:
        hull = ConvexHull(points - middle)
    except QhullError:
        return None
    if len(hull.vertices) > _MOST_CORNERS:
        return None
    front = np.concatenate([one.front, two.front])
    depth = -((front - middle) @ hull.equations[:, :3].T + hull.equations[:, 3]).max(axis=1)
    if np.quantile(depth, _BURIED) > tolerance or depth.max() > 2 * tolerance:
        return None
    front = front[:: -(-len(front) // _MOST_FRONT)]
    return Piece(points[np.sort(hull.vertices)], front)


def _contains(larger: Piece, corners: Floats) -> bool:
    """Say whether corners (N, 3) lie inside a piece."""
    from scipy.spatial import ConvexHull, QhullError

    if (corners.min(axis=0) < larger.corners.min(axis=0) - 1e-3).any():
        return False
    if (corners.max(axis=0) > larger.corners.max(axis=0) + 1e-3).any():
        return False
    middle = larger.corners.mean(axis=0)
    try:
        planes = ConvexHull(larger.corners.astype(np.float64) - middle).equations
    except QhullError:
        return False
    return bool(((corners - middle) @ planes[:, :3].T + planes[:, 3]).max() < 1e-3)
