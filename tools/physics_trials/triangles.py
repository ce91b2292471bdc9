"""Which triangles a collider has: how many, how even, and what for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lyra_backend.types import CollisionProxy, Outcome

__all__ = ["Shapes", "causes", "shapes"]

Floats = npt.NDArray[np.floating]


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
    return Shapes(
        count=len(triangles),
        worst=float(worst),
        percent_1=float(first),
        percent_5=float(fifth),
        median=float(median),
        below_5=float((angle < 5.0).mean()),
        below_10=float((angle < 10.0).mean()),
        longest_edge=float(length.max()),
    )


def causes(made: Outcome[CollisionProxy]) -> dict[str, int]:
    """Return how many triangles of a collider are linings, hidden floors and kerbs.

    "surface" is what is left; "whole" is all.
    """
    whole = len(made.value.welded()[1])
    extras = {name: int(made.counts[f"triangles_{name}"]) for name in ("lining", "hidden", "kerb")}
    return {"whole": whole, "surface": whole - sum(extras.values()), **extras}
