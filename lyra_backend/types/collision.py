"""What physics engines collide with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from ..errors import InvalidRequest
from ._arrays import FloatArray, IntArray, frozen
from .frames import Similarity
from .mesh import concatenate_meshes

__all__ = ["Approximation", "CollisionPart", "CollisionProxy"]


class Approximation(StrEnum):
    """How an engine takes the triangles; values are ``physics:approximation`` tokens of UsdPhysics."""

    MESH = "none"
    CONVEX_HULL = "convexHull"


@dataclass(frozen=True, eq=False)
class CollisionPart:
    """One collider.

    Attributes:
        name: a USD identifier, unique in its proxy.
        vertices: corners, WORLD frame [m], shape (V, 3).
        triangles: vertex indices wound so that normals point into free space, shape (F, 3). Engines collide on the
            front side only.
        semantic_class: name of what it is, "unknown" if nothing is known.
        approximation: how engines take it.
    """

    name: str
    vertices: FloatArray
    triangles: IntArray
    semantic_class: str = "unknown"
    approximation: Approximation = Approximation.MESH

    def __post_init__(self) -> None:
        keep = object.__setattr__
        keep(self, "vertices", frozen(f"collider {self.name}: vertices", self.vertices, (None, 3)))
        keep(self, "triangles", frozen(f"collider {self.name}: triangles", self.triangles, (None, 3), np.int32))
        if not len(self.triangles):
            raise InvalidRequest(f"collider {self.name} must have triangles, got none.")
        if not 0 <= int(self.triangles.min()) <= int(self.triangles.max()) < len(self.vertices):
            raise InvalidRequest(f"collider {self.name}: triangles must index its {len(self.vertices)} vertices.")


@dataclass(frozen=True, eq=False)
class CollisionProxy:
    """All colliders of a scene.

    Attributes:
        parts: the colliders; empty for the method "none".
        method: registry name of the plugin that made it.
        error_m: measured distance between proxy and Gaussians [m] by name (for example "median", "p95"); empty
            if it was not measured.
    """

    parts: tuple[CollisionPart, ...]
    method: str
    error_m: dict[str, float]

    def transformed(self, similarity: Similarity) -> CollisionProxy:
        """Return the colliders moved; `error_m` scales with them."""
        parts = tuple(replace(p, vertices=similarity.apply(p.vertices)) for p in self.parts)
        return replace(self, parts=parts, error_m={k: v * similarity.scale for k, v in self.error_m.items()})

    def welded(self) -> tuple[FloatArray, IntArray]:
        """Return all parts as one (vertices (V, 3) [m], triangles (F, 3))."""
        return concatenate_meshes([(p.vertices, p.triangles) for p in self.parts])
