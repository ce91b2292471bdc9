"""A vertical made surer by where things stand: upright surfaces do not drift sideways with height.

Upright surfels are gathered into pieces, by the way they face and the square of the plan they are in. In each piece the
offset along the mean normal is fitted over height and the place along the wall; its slope over height is by how much
the assumed vertical leans that way. A wall of 2.5 m tells 0.5 degrees by 2 cm, where normals scatter by ten degrees.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .cues import Direction
from .planes import tangents
from .surfels import Surfels

__all__ = ["plumb"]

Floats = npt.NDArray[np.float64]

#: Normals within this angle of horizontal are upright [deg].
_BAND_DEG = 15.0
_AZIMUTHS, _SQUARES = 12, 24
_MIN_PIECE = 12
_MIN_PIECES = 6
#: How upright a single thing is [rad, standard deviation].
_THING = np.radians(0.3)
#: Pieces that lean more than this many of their deviations count less and less.
_ROBUST = 2.0
_ROUNDS = 2
#: Things of one scene lean alike more often than chance has it: deviations grow by this.
_ALIKE = 1.5
#: Outlines are taken if their deviation is less than this part of that of the normals.
_SURER = 0.5
#: What is not known of a direction is known this well at the least [rad].
_LOOSE = np.radians(25.0)


@dataclass(frozen=True)
class _Pieces:
    """Leaning of each piece: slope over height (n,), its variance, the way it faces (n, 2), the square it is in."""

    slopes: Floats
    variances: Floats
    ways: Floats
    squares: npt.NDArray[np.intp]


def plumb(surfels: Surfels, first: Direction) -> Direction:
    """Return the direction made surer by outlines in plan, or as it was if too little stands upright.

    Args:
        surfels: all of the cloud.
        first: the vertical by normals, right to a few degrees.
    """
    up, best = first.up, first
    for _ in range(_ROUNDS):
        across = tangents(up)
        pieces = _pieces(surfels, up, across)
        if len(pieces.slopes) < _MIN_PIECES:
            return best
        lean, covariance = _settled(pieces)
        moved = up + lean @ across
        up = moved / np.linalg.norm(moved)
        best = Direction("upright surfaces", up, _ALIKE**2 * across.T @ covariance @ across)
    # normals of clean splats are exact, and foliage has no outline: only what is clearly surer is taken
    return best if np.trace(best.covariance) < _SURER**2 * np.trace(first.covariance) else first


def _pieces(surfels: Surfels, up: Floats, across: Floats) -> _Pieces:
    """Return how pieces of upright surfaces lean against `up`."""
    steep = np.abs(np.einsum("nk,k->n", surfels.normals, up)) < np.sin(np.radians(_BAND_DEG))
    plan = np.einsum("nk,jk->nj", surfels.points[steep], across)
    faces = np.einsum("nk,jk->nj", surfels.normals[steep], across)
    heights = np.einsum("nk,k->n", surfels.points[steep], up)
    if not len(plan):
        return _Pieces(np.zeros(0), np.zeros(0), np.zeros((0, 2)), np.zeros(0, np.intp))
    width = max(float(np.ptp(plan, axis=0).max()), 1e-9)
    squares = ((plan - plan.min(axis=0)) / width * (_SQUARES - 1e-6)).astype(np.intp)
    turns = np.mod(np.arctan2(faces[:, 1], faces[:, 0]), np.pi) / np.pi
    azimuths = np.minimum((turns * _AZIMUTHS).astype(np.intp), _AZIMUTHS - 1)
    keys = (azimuths * _SQUARES + squares[:, 0]) * _SQUARES + squares[:, 1]
    order = np.argsort(keys, kind="stable")
    starts = np.flatnonzero(np.diff(keys[order], prepend=-1))
    rows = [
        _leaning(plan[part], heights[part], float(azimuths[part[0]]), width)
        for part in np.split(order, starts[1:])
        if len(part) >= _MIN_PIECE
    ]
    found = [row for row in rows if row is not None]
    slopes, variances, x, y = np.array([row[:4] for row in found]).reshape(-1, 4).T
    where = np.array([row[4] for row in found]).reshape(-1, 2)
    coarse = np.clip((where - plan.min(axis=0)) / width * 5, 0, 4).astype(np.intp)
    return _Pieces(slopes, variances, np.stack([x, y], axis=1), coarse @ np.array([5, 1]))


def _leaning(
    plan: Floats, heights: Floats, azimuth: float, width: float
) -> tuple[float, float, float, float, Floats] | None:
    """Return (slope, variance, way x, way y, middle) of one piece; None if it is too low to tell."""
    turn = (azimuth + 0.5) * np.pi / _AZIMUTHS
    way, along = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
    middle = plan.mean(axis=0)
    places = (plan - middle) @ np.stack([way, along]).T
    offset, side, tall = places[:, 0], places[:, 1], heights - heights.mean()
    if tall.std() < 0.5 * places.std(axis=0).max() * 0.5 + 1e-3 * width:
        return None
    design = np.stack([tall, side, np.ones_like(tall)], axis=1)
    weights = np.ones(len(tall))
    for _ in range(5):
        fit = np.linalg.lstsq(design * weights[:, None], offset * weights, rcond=None)[0]
        left = np.abs(offset - design @ fit)
        spread = 1.4826 * float(np.median(left)) + 1e-6 * width
        weights = 1 / np.sqrt(1 + (left / (2 * spread)) ** 2)
    bread = np.linalg.pinv((design * weights[:, None] ** 2).T @ design)
    scores = design * (weights**2 * (offset - design @ fit))[:, None]
    variance = float((bread @ (scores.T @ scores) @ bread)[0, 0])
    # the piece's own wall is where the fit has it, not quite where its bin faces
    facing = way - fit[1] * along
    return float(fit[0]), variance, *(facing / np.linalg.norm(facing)), middle


def _settled(pieces: _Pieces) -> tuple[Floats, Floats]:
    """Return by how much the vertical leans across itself (2,), and the covariance of that (2, 2) [rad2]."""
    lean, variances = np.zeros(2), pieces.variances + _THING**2
    for _ in range(10):
        left = pieces.slopes - pieces.ways @ lean
        weights = 1 / variances / (1 + left**2 / (_ROBUST**2 * variances))
        bread = np.einsum("n,ni,nj->ij", weights, pieces.ways, pieces.ways) + np.eye(2) / _LOOSE**2
        lean = np.linalg.solve(bread, np.einsum("n,ni,n->i", weights, pieces.ways, pieces.slopes))
    scores = (weights * (pieces.slopes - pieces.ways @ lean))[:, None] * pieces.ways
    sums = np.stack([np.bincount(pieces.squares, scores[:, k]) for k in range(2)], axis=1)
    count = int((np.bincount(pieces.squares) > 0).sum())
    back = np.linalg.inv(bread)
    meat = sums.T @ sums * (count / max(count - 1, 1)) + np.eye(2) / _LOOSE**2
    return lean, np.asarray(back @ meat @ back)
