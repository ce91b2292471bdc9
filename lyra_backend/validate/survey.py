"""What colliders make of a place: its floor, what lies below free points and what these see around them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..progress import Progress
from .colliders import StaticColliders
from .floor_columns import FloorMap, find_floor, look_down
from .free_points import Samples, Views, look_around, sample_floor
from .triangle_index import TriangleIndex

__all__ = ["Survey", "random_stream", "survey_colliders"]


@dataclass(frozen=True)
class Survey:
    """Colliders and everything measured on them before anything moves."""

    colliders: StaticColliders
    index: TriangleIndex
    floor: FloorMap
    samples: Samples
    views: Views

    @property
    def solid_share(self) -> float:
        """Share of the samples below which meshes enclose something solid as high as a room."""
        share = float(self.samples.columns.solid.mean())
        if share == 0.0 or all(self.colliders.meshes):
            return share
        # A cube or a cylinder cannot be wound the wrong way: it is solid because it was meant to be.
        corners = self.colliders.corners[np.array(self.colliders.meshes)[self.colliders.owner]]
        return float(look_down(corners, self.samples.points).solid.mean())


def survey_colliders(colliders: StaticColliders, progress: Progress) -> Survey | None:
    """Look for the floor and at the walls; None if there is no floor."""
    progress(0.0, "looking for the floor")
    corners = colliders.corners
    floor = find_floor(corners, colliders.lower, colliders.upper)
    if floor is None or not floor.footprint.any():
        return None
    samples = sample_floor(corners, floor, random_stream(0))
    progress(0.5, "looking at the walls")
    index = TriangleIndex(corners)
    return Survey(colliders, index, floor, samples, look_around(corners, index, samples, random_stream(1)))


def random_stream(number: int) -> np.random.Generator:
    """Return one of the check's own streams of random numbers: the same stage gives the same findings."""
    return np.random.default_rng([20, number])
