"""What things are, from the classes of the Gaussians they are made of."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ...types import GaussianCloud
from .._mesh.triangles import areas
from .materials import substance_of
from .segment import STRUCTURE, joined_nodes, neighbours

__all__ = ["kinds_of", "plausible", "split_by_kind"]

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.integer]
Bools = npt.NDArray[np.bool_]

_MOST = 200_000  # Gaussians that are looked at
_NEAR_M = 0.1  # Gaussians further from a thing than this are not its own
_SMALLEST_M2, _SMALLEST_SHARE = 0.03, 0.03  # surface that makes a thing of its own, and its share of the whole
_BASE_M, _BASE_VOTE = 0.03, 0.1  # height of a thing's base, and how much its surface there says of its class
#: Classes of what things stand on or lean against: seen at the rim of a thing, they say nothing about it.
_GROUND_CLASSES = set("unknown floor ground wall ceiling pavement road carpet rug floor_marking".split())


def kinds_of(vertices: Floats, triangles: Ints, label: Ints, outer: Bools, cloud: GaussianCloud) -> list[str]:
    """Name the class of every triangle of things; "" for all others and for what they stand on."""
    from scipy.spatial import cKDTree

    kinds = np.full(len(triangles), "", dtype=object)
    mine = np.flatnonzero((label >= 0) & outer)
    centre = vertices[triangles[mine]].mean(axis=1)
    assert cloud.class_ids is not None
    low, high = centre.min(axis=0) - _NEAR_M, centre.max(axis=0) + _NEAR_M
    near = np.flatnonzero(((cloud.positions >= low) & (cloud.positions <= high)).all(axis=1) & (cloud.opacities > 0.3))
    if not len(near):
        return list(kinds)
    near = near[:: max(1, len(near) // _MOST)]
    distance, nearest = cKDTree(cloud.positions[near]).query(centre, distance_upper_bound=_NEAR_M)
    known = np.isfinite(distance)
    names = np.array([n if n not in _GROUND_CLASSES else "" for n in cloud.class_names], dtype=object)
    kinds[mine[known]] = names[cloud.class_ids[near[nearest[known]]]]
    return list(kinds)


def split_by_kind(
    vertices: Floats, triangles: Ints, label: Ints, outer: Bools, kinds: list[str]
) -> tuple[Ints, list[str]]:
    """Give parts of one thing that are of different classes numbers of their own.

    Returns:
        The new numbers (F,) in the order of the old ones, and the class of each.
    """
    area = areas(vertices, triangles)
    kind = np.array(kinds, dtype=object)
    result, names = np.where(label < 0, label, -3), list[str]()
    for thing in range(int(label.max()) + 1):
        own = np.flatnonzero((label == thing) & outer)
        if not len(own):  # a lining whose outside belongs to something else
            result[label == thing] = STRUCTURE
            continue
        part, part_names = _parts_of(vertices, triangles[own], kind[own], area[own])
        result[own] = part + len(names)
        # linings follow the first part: they are only ever taken away
        result[(label == thing) & ~outer] = len(names)
        names += part_names
    return result, names


def plausible(kind: str, vertices: Floats, triangles: Ints) -> str:
    """Return "unknown" for what is far too small for its class: it carries the name of what it lies on or in."""
    if not len(triangles):  # a lining whose outside belongs to something else
        return "unknown"
    size = np.ptp(vertices[triangles].reshape(-1, 3), axis=0).max()
    return kind if size >= substance_of(kind).least_m else "unknown"


def _parts_of(vertices: Floats, triangles: Ints, kind: npt.NDArray, area: Floats) -> tuple[Ints, list[str]]:
    """Number connected parts of one class that are large enough; all other triangles go to the nearest of them."""
    from scipy.spatial import cKDTree

    pairs = neighbours(triangles)
    same = kind[pairs[:, 0]] == kind[pairs[:, 1]]
    piece = joined_nodes(len(triangles), pairs[same])
    size = np.bincount(piece, weights=area)
    first = np.unique(piece, return_index=True)[1]
    large = (kind[first] != "") & (size >= max(_SMALLEST_M2, _SMALLEST_SHARE * size.sum()))
    if large.sum() < 2:
        # near the base the nearest Gaussians are those of what it stands on
        height = vertices[triangles].mean(axis=1)[:, 2] - vertices[triangles][..., 2].min()
        vote = np.where(height > _BASE_M, area, _BASE_VOTE * area)
        votes = {k: float(vote[kind == k].sum()) for k in sorted(set(kind) - {""})}
        return np.zeros(len(triangles), np.int64), [max(votes, key=lambda k: votes[k]) if votes else "unknown"]
    number = np.where(large, np.cumsum(large) - 1, -1)[piece]
    centre = vertices[triangles].mean(axis=1)
    lost = number < 0
    if lost.any():
        number[lost] = number[~lost][cKDTree(centre[~lost]).query(centre[lost])[1]]
    return number, [str(kind[f]) for f, keep in zip(first, large, strict=True) if keep]
