"""What physics engines collide with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np

from ..errors import InvalidRequest
from ._arrays import FloatArray, IntArray, frozen
from .frames import Similarity
from .mesh import concatenate_meshes
from .rotations import multiply_quats, quat_from_matrix

__all__ = ["Approximation", "CollisionPart", "CollisionProxy", "KinematicBody", "Primitive", "Role", "Shape"]


class Approximation(StrEnum):
    """How an engine takes the triangles; values are ``physics:approximation`` tokens of UsdPhysics."""

    MESH = "none"
    CONVEX_HULL = "convexHull"


class Role(StrEnum):
    """What a collider stands for; see `CollisionProxy` for which of them are used together."""

    ENVIRONMENT = "environment"
    STRUCTURE = "structure"
    OBJECT = "object"
    PIECE = "piece"
    EXACT = "exact"


class Shape(StrEnum):
    """Bodies that engines know exactly."""

    BOX = "box"
    CYLINDER = "cylinder"
    SPHERE = "sphere"


@dataclass(frozen=True, eq=False)
class Primitive:
    """A box, a cylinder along its local z axis, or a sphere.

    Attributes:
        shape: which of them.
        center: its middle, WORLD frame [m], shape (3,).
        quat_wxyz: unit quaternion, its axes to the world, shape (4,).
        size: sides of the box that holds it, along its own axes [m], shape (3,).
    """

    shape: Shape
    center: FloatArray
    quat_wxyz: FloatArray
    size: FloatArray

    def __post_init__(self) -> None:
        keep = object.__setattr__
        keep(self, "center", frozen(f"{self.shape}: center", self.center, (3,)))
        keep(self, "quat_wxyz", frozen(f"{self.shape}: quat_wxyz", self.quat_wxyz, (4,)))
        keep(self, "size", frozen(f"{self.shape}: size", self.size, (3,)))
        if not (self.size > 0).all():
            raise InvalidRequest(f"{self.shape}: sizes must be > 0 [m], got {self.size.tolist()}.")

    @property
    def volume_m3(self) -> float:
        share = {Shape.BOX: 1.0, Shape.CYLINDER: np.pi / 4, Shape.SPHERE: np.pi / 6}[self.shape]
        return float(share * self.size.astype(np.float64).prod())

    def transformed(self, similarity: Similarity) -> Primitive:
        """Return it moved, turned and scaled."""
        turn = quat_from_matrix(np.asarray(similarity.rotation))
        return Primitive(
            self.shape,
            similarity.apply(self.center[None])[0],
            multiply_quats(turn[None], self.quat_wxyz[None])[0],
            self.size * np.float32(similarity.scale),
        )


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
        role: what it stands for.
        primitive: the exact body that engines take instead of the triangles, which then only show it; None if the
            triangles themselves are meant.
        body: name of the object it is a part of; parts of one body move together. Empty for what is no object.
        mass_kg: its mass [kg], 0 if unknown; a body has the sum of its parts.
        friction: coefficient of static and dynamic friction, None for the scene's.
        dynamic: moves when pushed.
    """

    name: str
    vertices: FloatArray
    triangles: IntArray
    semantic_class: str = "unknown"
    approximation: Approximation = Approximation.MESH
    role: Role = Role.ENVIRONMENT
    primitive: Primitive | None = None
    body: str = ""
    mass_kg: float = 0.0
    friction: float | None = None
    dynamic: bool = False

    def __post_init__(self) -> None:
        keep = object.__setattr__
        keep(self, "vertices", frozen(f"collider {self.name}: vertices", self.vertices, (None, 3)))
        keep(self, "triangles", frozen(f"collider {self.name}: triangles", self.triangles, (None, 3), np.int32))
        if not len(self.triangles):
            raise InvalidRequest(f"collider {self.name} must have triangles, got none.")
        if not 0 <= int(self.triangles.min()) <= int(self.triangles.max()) < len(self.vertices):
            raise InvalidRequest(f"collider {self.name}: triangles must index its {len(self.vertices)} vertices.")
        if (self.role is Role.OBJECT) != bool(self.body):
            raise InvalidRequest(f"collider {self.name}: objects, and only they, must name their body.")
        if self.dynamic and (self.role is not Role.OBJECT or self.approximation is Approximation.MESH):
            raise InvalidRequest(f"collider {self.name}: only convex objects can be dynamic.")
        if not 0 <= self.mass_kg < float("inf"):
            raise InvalidRequest(f"collider {self.name}: mass must be at least 0 kg, got {self.mass_kg}.")

    def transformed(self, similarity: Similarity) -> CollisionPart:
        """Return it moved; its mass stays."""
        primitive = self.primitive.transformed(similarity) if self.primitive else None
        return replace(self, vertices=similarity.apply(self.vertices), primitive=primitive)


@dataclass(frozen=True, eq=False)
class KinematicBody:
    """A convex collider and the path that it is carried along.

    Attributes:
        part: its shape where it is at the first time, frame WORLD.
        times_s: ascending times [s].
        positions: where its origin is at each time, frame WORLD [m], shape (T, 3).
        quats_wxyz: how it is turned then from how it is at the first, shape (T, 4).
        error_m: 95 % quantile of the distance between the shape and the Gaussians that it stands for, at the worst of
            the times [m].

    Raises:
        InvalidRequest: the shape is not convex, or there is not a pose for each time.
    """

    part: CollisionPart
    times_s: tuple[float, ...]
    positions: FloatArray
    quats_wxyz: FloatArray
    error_m: float

    def __post_init__(self) -> None:
        keep, count, name = object.__setattr__, len(self.times_s), self.part.name
        keep(self, "positions", frozen(f"kinematic body {name}: positions", self.positions, (count, 3)))
        keep(self, "quats_wxyz", frozen(f"kinematic body {name}: quats_wxyz", self.quats_wxyz, (count, 4)))
        if not count or not self.part.body or self.part.approximation is not Approximation.CONVEX_HULL:
            raise InvalidRequest(f"kinematic body {name}: must be a convex object and have at least one time.")

    def transformed(self, similarity: Similarity) -> KinematicBody:
        """Return it with its path moved; `error_m` stays what it was."""
        turn = quat_from_matrix(np.asarray(similarity.rotation))
        back = turn * np.array([1, -1, -1, -1])
        quats = multiply_quats(multiply_quats(turn[None], self.quats_wxyz), back[None])
        positions = similarity.apply(self.positions)
        return replace(self, part=self.part.transformed(similarity), positions=positions, quats_wxyz=quats)


@dataclass(frozen=True, eq=False)
class CollisionProxy:
    """All colliders of a scene, in up to four ways that stand for the same world.

    ======== ==================================================================
    variant  roles
    ======== ==================================================================
    single   ENVIRONMENT: everything that does not move, as one surface
    parts    STRUCTURE, the same without the objects' surfaces, and OBJECT
    convex   PIECE, convex pieces of everything that does not move; ground that
             rolls is one with the approximation MESH, an even grid of heights
    exact    EXACT, what the scene was made of, if its generator knows that
    ======== ==================================================================

    Dynamic objects and kinematic bodies are part of every variant but "exact", in which nothing is pushed about;
    ENVIRONMENT, STRUCTURE and PIECE leave them out.

    Attributes:
        parts: the colliders; empty for the method "none".
        method: registry name of the plugin that made it.
        error_m: measured distance between proxy and Gaussians [m] by name (for example "median", "p95"); empty
            if it was not measured.
        measured: what else was measured, by names that end in their unit unless it is a count (for example "leaks",
            "surface_missing_share", "open_m2").
        kinematic: what is carried along a path.
    """

    parts: tuple[CollisionPart, ...]
    method: str
    error_m: dict[str, float]
    measured: Mapping[str, int | float] = field(default_factory=dict)
    kinematic: tuple[KinematicBody, ...] = ()

    def with_role(self, *roles: Role) -> tuple[CollisionPart, ...]:
        """Return the parts that stand for one of `roles`, in their order."""
        return tuple(p for p in self.parts if p.role in roles)

    def whole(self) -> tuple[CollisionPart, ...]:
        """Return the parts that stand for the whole world once: its environment, or else what it is made of."""
        static = self.with_role(Role.ENVIRONMENT) or self.with_role(Role.PIECE) or self.with_role(Role.STRUCTURE)
        moving = tuple(p for p in self.parts if p.dynamic)
        return (*static, *moving) if static else self.with_role(Role.OBJECT)

    def transformed(self, similarity: Similarity) -> CollisionProxy:
        """Return the colliders moved; `error_m` stays what it was, in metres of the world that was measured."""
        return replace(
            self,
            parts=tuple(p.transformed(similarity) for p in self.parts),
            kinematic=tuple(body.transformed(similarity) for body in self.kinematic),
        )

    def welded(self) -> tuple[FloatArray, IntArray]:
        """Return the whole as one (vertices (V, 3) [m], triangles (F, 3))."""
        return concatenate_meshes([(p.vertices, p.triangles) for p in self.whole()])
