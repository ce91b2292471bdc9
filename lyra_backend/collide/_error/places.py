"""Places spread evenly over the surface that Gaussians show, and which of them may have another side close by."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["faced_both_ways", "spread_evenly"]

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.integer]
Bools = npt.NDArray[np.bool_]

_SAMPLES = 4000


def spread_evenly(points: Floats, normals: Floats, cell: float) -> tuple[Ints, Floats]:
    """Return one point for each sheet in each square column along the axis it faces, and the area [m2] it stands for.

    Points of one sheet follow one another along the column without a gap of a cell; the middle one is taken, however
    many there are and however they scatter.
    """
    axis = np.abs(normals).argmax(axis=1)
    sign = np.take_along_axis(normals, axis[:, None], axis=1)[:, 0] > 0
    across = np.stack([points[np.arange(len(points)), (axis + k) % 3] for k in (1, 2, 0)], axis=1)
    column = np.floor(across[:, :2] / cell).astype(np.int64)
    column -= column.min(axis=0)
    depth = np.rint((across[:, 2] - across[:, 2].min()) / (0.02 * cell)).astype(np.int64)
    key = ((2 * axis + sign) * (column[:, 0].max() + 1) + column[:, 0]) * (column[:, 1].max() + 1) + column[:, 1]
    # columns lie farther apart in one row of numbers than the gap that ends a sheet
    place = key * (int(depth.max()) + 100) + depth
    order = np.argsort(place, kind="stable")
    first = np.flatnonzero(np.diff(place[order], prepend=place[order[0]] - 100) > 50)
    last = np.append(first[1:], len(order))
    chosen, share = order[(first + last) // 2], 1.0
    if len(chosen) > _SAMPLES:
        share = len(chosen) / _SAMPLES
        chosen = np.sort(np.random.default_rng([5, 0]).choice(chosen, _SAMPLES, replace=False))
    return chosen, share * cell**2 / np.abs(normals[chosen]).max(axis=1)


def faced_both_ways(
    places: Floats, normals: Floats, points: Floats, point_normals: Floats, torn: Bools, cell: float
) -> Bools:
    """Return at which places (S,) points in the same cube of side `cell` [m] face the other way.

    Args:
        places, normals: places [m] and unit normals, (S, 3) each.
        points, point_normals: points [m] and unit normals, (N, 3) each.
        torn: points that face both ways, shape (N,).
    """
    low = points.min(axis=0)
    number, up = _cells(points, point_normals, low, cell)
    own, own_up = _cells(places, normals, low, cell)
    against_up, against_down = np.isin(own, number[~up | torn]), np.isin(own, number[up | torn])
    return np.where(own_up, against_up, against_down)


def _cells(points: Floats, normals: Floats, low: Floats, size: float) -> tuple[npt.NDArray[np.int64], Bools]:
    """Return a number for each point's cell and the axis it faces along, and whether it faces up that axis."""
    axis = np.abs(normals).argmax(axis=1)
    cell = np.floor((points - low) / size).astype(np.int64) + 1
    number = ((cell[:, 0] << 20) + cell[:, 1] << 20) + cell[:, 2]
    return 3 * number + axis, np.take_along_axis(normals, axis[:, None], axis=1)[:, 0] > 0
