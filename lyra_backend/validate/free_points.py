"""Free points above the floor, what lies below them and what they see around them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..types.mesh import triangle_normals_and_areas
from .floor_columns import LEVEL_ENOUGH, Columns, FloorMap, look_down, sample_footprint
from .parallel_rays import parallel_hits
from .triangle_index import TriangleIndex

__all__ = ["Samples", "Views", "look_around", "points_above", "sample_floor"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

FLOOR_SAMPLES = 16_000
VIEW_POINTS = 400
#: Heights above the floor of the points that look around [m], and the free space around them.
VIEW_HEIGHTS = (0.25, 1.1)
VIEW_GAP = 0.07
#: Points end this far below whatever is above them [m].
BELOW_CEILING = 0.2
#: Half as many bundles of parallel rays as there are directions of view.
VIEW_BUNDLES = 8
#: The first direction [rad], so that no ray runs along the walls of an ordinary room.
FIRST_AZIMUTH = 0.1234


@dataclass(frozen=True)
class Samples:
    """Random points of the footprint (S, 2) [m], a height just above the floor (S,) [m] and what a ray down meets."""

    points: Floats
    above: Floats
    columns: Columns

    @property
    def holes(self) -> Mask:
        """Samples below which there is nothing at all: a boulder's flank is ground, a ceiling is not."""
        return ~(self.columns.lowest <= self.above) & ~self.columns.grounded


@dataclass(frozen=True)
class Views:
    """What horizontal rays from free points meet first.

    Attributes:
        points: ray origins (P, 3) [m].
        azimuths: directions of view (A,) [rad].
        distance: to the first surface [m], inf if none, shape (P, A).
        back: whether its back face is seen, shape (P, A).
        wall: whether it is steep, shape (P, A).
    """

    points: Floats
    azimuths: Floats
    distance: Floats
    back: Mask
    wall: Mask


def sample_floor(corners: Floats, floor: FloorMap, rng: np.random.Generator) -> Samples:
    """Look down at random points of the footprint; finds holes that the regular grid of the map steps over."""
    points, above = sample_footprint(floor, FLOOR_SAMPLES, rng)
    return Samples(points, above, look_down(corners, points))


def points_above(samples: Samples, which: Ints, heights: tuple[float, float], rng: np.random.Generator) -> Floats:
    """Return points (N, 3) at random heights above the floor and below whatever is above it."""
    columns = samples.columns
    ceiling = np.minimum(heights[1], columns.headroom[which] - BELOW_CEILING)
    height = heights[0] + rng.uniform(size=len(which)) * (np.maximum(ceiling, heights[0]) - heights[0])
    return np.column_stack([samples.points[which], columns.height[which] + height])


def look_around(corners: Floats, index: TriangleIndex, samples: Samples, rng: np.random.Generator) -> Views:
    """Cast horizontal rays in all directions from free points above the floor; points inside solids are left out."""
    standing = np.flatnonzero(samples.columns.found)[: 2 * VIEW_POINTS]
    points = points_above(samples, standing, VIEW_HEIGHTS, rng)
    points = points[index.are_free(points, VIEW_GAP)][:VIEW_POINTS]
    bundles = [_view_along(corners, points, FIRST_AZIMUTH + k * np.pi / VIEW_BUNDLES) for k in range(VIEW_BUNDLES)]
    forth = [np.stack([b[0][k] for b in bundles], axis=1) for k in range(3)]
    back = [np.stack([b[1][k] for b in bundles], axis=1) for k in range(3)]
    distance, behind, wall = (np.concatenate(pair, axis=1) for pair in zip(forth, back, strict=True))
    azimuths = FIRST_AZIMUTH + np.arange(2 * VIEW_BUNDLES) * np.pi / VIEW_BUNDLES
    return _outside_solids(Views(points, azimuths, distance, behind > 0, wall > 0))


def _view_along(corners: Floats, points: Floats, azimuth: float) -> tuple[list[Floats], list[Floats]]:
    """Return (distance, shows its back, is steep) of what each point sees at `azimuth` and the other way."""
    forward = np.array([np.cos(azimuth), np.sin(azimuth), 0.0])
    axes = np.stack([np.array([-forward[1], forward[0], 0.0]), [0.0, 0.0, 1.0], forward], axis=1)
    turned, origins = corners @ axes, points @ axes
    hits = parallel_hits(turned, origins[:, :2])
    steep = np.abs(triangle_normals_and_areas(corners[hits.triangle])[0][:, 2]) < LEVEL_ENOUGH
    along = hits.height - origins[hits.ray, 2]
    seen = []
    for sign in (1.0, -1.0):
        ahead = np.flatnonzero(sign * along > 0)
        away = sign * hits.facing > 0
        # Where a sheet has both sides, the side that looks here is the one that counts.
        ahead = ahead[np.lexsort((away[ahead], np.round(sign * along[ahead], 4), hits.ray[ahead]))]
        ray, first = np.unique(hits.ray[ahead], return_index=True)
        nearest = ahead[first]
        distance, back, wall = np.full(len(points), np.inf), np.zeros(len(points)), np.zeros(len(points))
        distance[ray] = sign * along[nearest]
        back[ray], wall[ray] = away[nearest], steep[nearest]
        seen.append([distance, back, wall])
    return seen[0], seen[1]


def _outside_solids(views: Views) -> Views:
    """Leave out points that see almost nothing but back faces: they are inside closed objects.

    If that were most of the points, it is the walls that are wound the wrong way, and all stay.
    """
    if not len(views.points):
        return views
    inside = (views.back & np.isfinite(views.distance)).mean(axis=1) >= 0.75
    keep = ~inside if inside.mean() <= 0.5 else np.ones(len(inside), bool)
    return Views(views.points[keep], views.azimuths, views.distance[keep], views.back[keep], views.wall[keep])
