"""Clumps of Gaussians in the air: opaque and flat as surfaces, but turned every which way."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["clumps"]

Floats = npt.NDArray[np.floating]
Bools = npt.NDArray[np.bool_]

_LARGEST = 1.0  # area [m2] from which a component is a thing, however rough
_AROUND = 8  # neighbours an edge is compared with
_LEVEL, _PARALLEL = 0.4, 0.85  # offset [voxels] and cosine up to which a neighbour carries a surface on
_SMOOTH = 0.36  # share of neighbours that do: clumps 0.14 to 0.25, balls and boxes 0.41 and more, rough legs 0.34
_ROUND = 0.6  # least extent over largest: a clump is as wide as it is high, rough legs and rims are not


def clumps(
    labels: npt.NDArray[np.integer], points: Floats, normals: Floats, areas: npt.NDArray[np.number], least: float
) -> Bools:
    """Return which components are clumps, shape (max label + 1,).

    Args:
        labels: component of each edge, shape (E,).
        points: where edges cross their sheet, in voxels, shape (E, 3).
        normals: unit normals without a sign, shape (E, 3).
        areas: area of each component [m2], by label.
        least: area below which a component does not matter [m2].
    """
    from scipy.spatial import KDTree

    found = np.zeros(len(areas), bool)
    some = (areas[labels] >= least) & (areas[labels] < _LARGEST)
    if not some.any():
        return found
    names, of, counts = np.unique(labels[some], return_inverse=True, return_counts=True)
    place, normal = points[some], normals[some].astype(np.float64)
    # components are kept apart by a coordinate of their own
    apart = 4.0 * (np.ptp(place, axis=0).max() + 1.0)
    tree = KDTree(np.column_stack([place, of * apart]))
    distance, near = tree.query(tree.data, _AROUND + 1, distance_upper_bound=apart / 2)
    is_one = np.isfinite(distance[:, 1:])
    near = np.where(is_one, near[:, 1:], 0)
    carries_on = is_one & _carries_on(place, normal, near)
    pairs = np.bincount(of, weights=is_one.sum(axis=1))
    smooth = np.bincount(of, weights=carries_on.sum(axis=1)) / np.maximum(pairs, 1)
    found[names] = (smooth < _SMOOTH) & (_roundness(place, of, counts) > _ROUND)
    return found


def _carries_on(place: Floats, normal: Floats, near: npt.NDArray[np.integer]) -> Bools:
    """Which neighbours (E, K) of edges lie in the plane of the edge and the edge in theirs, both turned alike."""
    way, theirs = place[near] - place[:, None], normal[near]
    off = np.maximum(np.abs(np.einsum("ekc,ec->ek", way, normal)), np.abs(np.einsum("ekc,ekc->ek", way, theirs)))
    return np.asarray((off < _LEVEL) & (np.abs(np.einsum("ekc,ec->ek", theirs, normal)) > _PARALLEL))


def _roundness(place: Floats, of: npt.NDArray[np.integer], counts: npt.NDArray[np.integer]) -> Floats:
    """Return the least over the largest standard deviation of the places (E, 3) of each component."""
    mean = np.stack([np.bincount(of, weights=place[:, k]) for k in range(3)], axis=1) / counts[:, None]
    offset = place - mean[of]
    spread = np.empty((len(counts), 3, 3))
    for r in range(3):
        for s in range(3):
            spread[:, r, s] = np.bincount(of, weights=offset[:, r] * offset[:, s]) / counts
    extents = np.sqrt(np.clip(np.linalg.eigvalsh(spread), 1e-12, None))
    return np.asarray(extents[:, 0] / extents[:, 2])
