"""The flattest layer of a floor, and how much a floor goes up and down, which tell built ground from natural ground.

A road, or the bare floor between rugs, lies in one plane to a part of the tolerance that floors are found with,
whatever kerbs, pavements and cars lie beside it; natural ground fills any thickness evenly, however thin. Heights are
looked at as medians of the ground plan's cells, so that the noise of single Gaussians matters little.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .planes import fitted, spread_of_fit

__all__ = ["Layer", "flattest_layer", "undulation"]

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

#: Half thickness of the layer, relative to the floor's tolerance.
_THIN = 0.1
#: The plane is fitted to so many times that, round by round: it starts tilted by what lies beside the layer.
_REACHES = (2.0, 2.0, 2.0, 1.0, 1.0)
#: More points do not make medians any surer.
_MOST = 200_000
#: Fewer cells say nothing of flatness.
_MIN_CELLS = 10
#: A uniform tilt over a width w has heights of standard deviation tilt w / sqrt(12).
_WIDTH_OVER_SPREAD = 12**0.5


@dataclass(frozen=True)
class Layer:
    """The plane that most of a floor's cells lie in.

    Attributes:
        normal: unit vector that points up (3,).
        covariance: of `normal` (3, 3) [rad2], of the fit alone.
        peak: part of the cells within three half thicknesses that lie within one: 1 for what is flat, a third for what
            is as thick as is looked at.
        cells: how many cells of the ground plan lie in it.
    """

    normal: Floats
    covariance: Floats
    peak: float
    cells: int


def flattest_layer(
    points: Floats, weights: Floats, cells: Indices, squares: Indices, plane: tuple[Floats, float], tolerance: float
) -> Layer | None:
    """Return the flattest layer within three tolerances of a floor; None if too little of it was seen.

    Args:
        points: centres of level Gaussians (n, 3).
        weights: their areas (n,).
        cells: the cell of the ground plan that each lies in (n,).
        squares: the large square that each lies in (n,); errors of the fit count by these.
        plane: normal (3,) and offset of the floor.
        tolerance: its half thickness, in units of the points.
    """
    (normal, offset), thin = plane, _THIN * tolerance
    some = slice(None, None, -(-len(points) // _MOST) or 1)
    points, weights, cells, squares = points[some], weights[some], cells[some], squares[some]
    for reach in _REACHES:
        medians = _about(points, cells, normal, offset, 3 * tolerance)
        if len(medians) < _MIN_CELLS:
            return None
        offset += _fullest(medians, 2 * thin)
        inside = np.abs(np.einsum("nk,k->n", points, normal) - offset) < reach * thin
        normal, offset = fitted(points[inside], weights[inside], normal, offset)
    _, covariance = spread_of_fit(points[inside], weights[inside], normal, squares[inside])
    medians = _about(points, cells, normal, offset, 3 * tolerance)
    away = np.abs(medians - _fullest(medians, 2 * thin))
    count = int((away < thin).sum())
    return Layer(normal, covariance, count / int((away < 3 * thin).sum()), count)


def undulation(heights: Floats, squares: Indices, width: float) -> float:
    """Return how far ground slopes as a whole if it slopes as much as it goes up and down [rad, standard deviation].

    Natural ground does so at every scale. Squares are large, so that the noise of Gaussians goes out.

    Args:
        heights: of points above the floor's plane (n,).
        squares: the large square of the ground plan that each lies in (n,).
        width: of the ground plan.
    """
    medians = _medians(heights, squares)
    spread = 1.4826 * float(np.median(np.abs(medians - np.median(medians)))) if len(medians) else 0.0
    return _WIDTH_OVER_SPREAD * spread / width


def _about(points: Floats, cells: Indices, normal: Floats, offset: float, reach: float) -> Floats:
    """Return the median heights above a plane by cell (m,), of what lies within `reach`."""
    heights = np.einsum("nk,k->n", points, normal) - offset
    near = np.abs(heights) < reach
    return _medians(heights[near], cells[near])


def _medians(heights: Floats, cells: Indices) -> Floats:
    """Return the (upper) median height of every cell that holds any."""
    order = np.lexsort((heights, cells))
    starts = np.flatnonzero(np.diff(cells[order], prepend=-1))
    sizes = np.diff(np.append(starts, len(order)))
    return np.asarray(heights[order[starts + sizes // 2]], np.float64)


def _fullest(heights: Floats, window: float) -> float:
    """Return the median of the heights (n,), at least one, in the window that holds most of them."""
    ordered = np.sort(heights)
    counts = np.searchsorted(ordered, ordered + window, side="right") - np.arange(len(ordered))
    first = int(counts.argmax())
    return float(ordered[first + counts[first] // 2])
