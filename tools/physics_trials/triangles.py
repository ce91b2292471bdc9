"""Which triangles a collider has: how many, how even, and what for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lyra_backend.types import CollisionProxy, GaussianCloud

from .scenes import collide

__all__ = ["Shapes", "causes", "shapes"]

Floats = npt.NDArray[np.floating]

#: What completes a surface, in the order in which :func:`causes` takes it away.
_EXTRAS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("linings", {"lining_height": 0.0}),
    ("bottoms and holes", {"close_bottoms": False, "close_holes": False}),
    ("kerbs", {"kerb_height": 0.0}),
)


@dataclass(frozen=True)
class Shapes:
    """Triangles of a mesh: how many, quantiles of their smallest angles [degrees], and shares of slivers.

    Attributes:
        worst, percent_1, percent_5, median: smallest angle of the worst triangle, 1 %, 5 % and half of all.
        below_5, below_10: share of triangles with an angle smaller than 5 and 10 degrees.
        longest_edge: of all [m].
    """

    count: int
    worst: float
    percent_1: float
    percent_5: float
    median: float
    below_5: float
    below_10: float
    longest_edge: float


def shapes(vertices: Floats, triangles: npt.NDArray[np.integer]) -> Shapes:
    """Measure the triangles of a mesh; one without area has an angle of 0."""
    corners = np.asarray(vertices, np.float64)[triangles]
    edges = np.roll(corners, -1, axis=1) - corners
    length = np.linalg.norm(edges, axis=2)
    # the smallest angle lies opposite the shortest side
    area = np.linalg.norm(np.cross(edges[:, 0], edges[:, 1]), axis=1)
    ordered = np.sort(length, axis=1)
    sine = area / np.maximum(ordered[:, 1] * ordered[:, 2], 1e-30)
    angle = np.degrees(np.arcsin(np.clip(sine, 0.0, 1.0)))
    worst, first, fifth, median = np.quantile(angle, (0.0, 0.01, 0.05, 0.5))
    below = [float((angle < limit).mean()) for limit in (5.0, 10.0)]
    return Shapes(len(triangles), float(worst), float(first), float(fifth), float(median), *below, float(length.max()))


def causes(cloud: GaussianCloud, **params: Any) -> tuple[CollisionProxy, dict[str, int]]:
    """Return the collider of a cloud, and how many triangles each thing that completes it costs.

    "surface" is what is left; "whole" is all.
    """
    whole = collide(cloud, **params)
    counts, left, without = {"whole": _count(whole)}, _count(whole), dict(params)
    for name, change in _EXTRAS:
        without |= change
        rest = _count(collide(cloud, **without))
        counts[name], left = left - rest, rest
    return whole, {**counts, "surface": left}


def _count(proxy: CollisionProxy) -> int:
    return len(proxy.welded()[1])
