"""Colliders and physics materials as one layer.

Does: write ``collision.usdc`` with the default prim /World, which holds /World/Collision/Environment (everything that
does not move, welded into one Mesh), /World/Collision/Structure (the same without the objects),
/World/Collision/Objects/* (objects, each an Xform with its shapes), /World/Collision/Convex/* (convex pieces),
/World/Collision/Exact/* (what the scene was made of), /World/Collision/Moving/* (what is carried along a path, each an
Xform with its hull) and /World/PhysicsMaterials/*.
What the first variant does not use is inactive, so the layer is right on its own; the scene's variants switch prims on
and off. Does not: move a triangle. PhysX's schema is authored by name, so it need not be installed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pxr import Sdf

from ..errors import InvalidRequest
from ..progress import Progress
from ..types import Approximation, CollisionPart, CollisionProxy, KinematicBody, Primitive, Role
from ..types.mesh import concatenate_meshes
from .bodies import author_body, author_primitive, origin_of
from .kinematic import author_kinematic
from .labels import UNKNOWN_CLASS, author_labels
from .layers import apply_schemas, attribute, define, write_layer
from .materials import Materials, PhysicsMaterial, bind
from .meshes import author_mesh, weld
from .time_codes import TimeCodes

__all__ = [
    "COLLISION_ROOT",
    "ENVIRONMENT_NAME",
    "FILE_NAME",
    "MATERIALS_NAME",
    "PhysicsMaterial",
    "collider_paths",
    "make_collider",
    "moving_shapes",
    "variants",
    "welded_paths",
    "write",
]

FILE_NAME = "collision.usdc"
ROOT_NAME = "World"
COLLISION_ROOT = "Collision"
ENVIRONMENT_NAME = "Environment"
STRUCTURE_NAME = "Structure"
OBJECTS_NAME = "Objects"
CONVEX_NAME = "Convex"
EXACT_NAME = "Exact"
MOVING_NAME = "Moving"
MATERIALS_NAME = "PhysicsMaterials"

#: Every so many shapes progress is reported.
_REPORTED = 32

_Types = Sdf.ValueTypeNames


@dataclass(frozen=True)
class _Collider:
    """One shape: its name, the scope and body it goes below, what it is made of, and its own friction if it has one."""

    name: str
    scope: str
    body: str
    parts: tuple[CollisionPart, ...]
    classes: tuple[str, ...]
    approximation: Approximation
    primitive: Primitive | None = None
    friction: float | None = None
    mass_kg: float = 0.0

    @cached_property
    def mesh(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]:
        """Welded points (V, 3) [m], frame WORLD, and triangles (F, 3)."""
        return weld(*concatenate_meshes([(p.vertices, p.triangles) for p in self.parts]))

    @property
    def path(self) -> str:
        """Path below the default prim."""
        return "/".join(n for n in (COLLISION_ROOT, self.scope, self.body, self.name) if n)

    @property
    def switch(self) -> str:
        """Path below the default prim of what variants switch on and off."""
        return "/".join(n for n in (COLLISION_ROOT, self.scope, self.body or self.name) if n)


def collider_paths(proxy: CollisionProxy) -> tuple[str, ...]:
    """Return the paths of the shapes below the default prim, in the order they are written."""
    return tuple(c.path for c in _colliders(proxy))


def welded_paths(paths: Sequence[str]) -> tuple[str, ...]:
    """Return those of the colliders' paths that are of welded meshes: at most one of them is active at a time."""
    return tuple(path for path in paths if path.count("/") == 1)


def moving_shapes(proxy: CollisionProxy) -> dict[str, tuple[npt.NDArray[np.float32], bool]]:
    """Return the shapes that move, by their paths below the default prim.

    For each where its surface is at first, points (V, 3) [m], frame WORLD, and whether they are the vertices of its
    Mesh in their order; boxes, cylinders and spheres are no meshes.
    """
    bodies = {part.body for part in proxy.parts if part.dynamic}
    moving = (c for c in _colliders(proxy) if c.scope == MOVING_NAME or (c.scope == OBJECTS_NAME and c.body in bodies))
    return {c.path: (c.mesh[0], c.primitive is None) for c in moving}


def variants(proxy: CollisionProxy) -> dict[str, dict[str, bool]]:
    """Return for each way to use the colliders, the default first, which prims below the default prim it switches.

    The layer itself is authored as the default; the values are what a variant has to change of that.
    """
    wanted = _wanted(proxy)
    if not wanted:
        return {}
    default = next(iter(wanted.values()))
    switches = dict.fromkeys(c.switch for c in _colliders(proxy))
    return {
        name: {path: path in active for path in switches if (path in active) != (path in default)}
        for name, active in wanted.items()
    }


def _wanted(proxy: CollisionProxy) -> dict[str, set[str]]:
    """Return the active prims of each variant."""
    moving = {p.body for p in proxy.parts if p.dynamic}
    colliders = _colliders(proxy)
    objects = {c.switch: c.body in moving for c in colliders if c.scope == OBJECTS_NAME}
    carried = {c.switch for c in colliders if c.scope == MOVING_NAME}
    always = carried | {path for path, moves in objects.items() if moves}
    wanted: dict[str, set[str]] = {}
    for variant, name in (("single", ENVIRONMENT_NAME), ("parts", STRUCTURE_NAME)):
        own = {c.switch for c in colliders if c.name == name and not c.scope}
        if own:
            wanted[variant] = own | always | (set(objects) if variant == "parts" else set())
    pieces = {c.switch for c in colliders if c.scope == CONVEX_NAME}
    if pieces:
        wanted["convex"] = pieces | always
    if not wanted and objects:
        wanted["parts"] = set(objects) | always
    if exact := {c.switch for c in colliders if c.scope == EXACT_NAME}:
        wanted["exact"] = exact | carried  # objects that can be pushed are in it, standing still
    return wanted


def write(
    proxy: CollisionProxy,
    path: Path,
    material: PhysicsMaterial | None = None,
    progress: Progress | None = None,
) -> dict[str, int]:
    """Write the colliders to `path` (.usdc, .usda or .usdz); return counts of meshes, vertices and triangles.

    Raises:
        InvalidRequest: there is nothing to write, a part's name is no USD identifier, or `path` cannot be written.
    """
    material, progress = material or PhysicsMaterial(), progress or Progress()
    colliders = _colliders(proxy)
    if not colliders:
        raise InvalidRequest(f"{path.name}: the collision proxy {proxy.method!r} has no parts, nothing to write.")

    def fill(layer: Sdf.Layer) -> None:
        world = define(layer, ROOT_NAME, "Xform")
        root = define(world, COLLISION_ROOT, "Scope")
        root.SetInfo("customData", {"lyra": _origin(proxy)})
        materials = Materials(define(world, MATERIALS_NAME, "Scope"))
        active = next(iter(_wanted(proxy).values()))
        for i, collider in enumerate(colliders):
            if i % _REPORTED == 0:
                progress(i / len(colliders), f"writing collider {collider.name}")
            parent = _parent(root, collider, proxy, active)
            prim = _author_shape(parent, collider, proxy)
            if collider.name == ENVIRONMENT_NAME and not collider.scope:
                prim.SetInfo("customData", {"lyra": _origin(proxy)})
            if collider.switch not in active and not collider.body:
                prim.active = False
            own = _own_material(collider, material)
            bind(prim, materials.of(collider.classes, own, own=collider.friction is not None))

    times = TimeCodes.of(proxy.kinematic[0].times_s) if proxy.kinematic else None
    write_layer(path, ROOT_NAME, fill, times=times)
    return {
        "colliders": len(colliders),
        "collider_vertices": sum(len(c.mesh[0]) for c in colliders),
        "collider_triangles": sum(len(c.mesh[1]) for c in colliders),
    }


def _parent(root: Sdf.PrimSpec, collider: _Collider, proxy: CollisionProxy, active: set[str]) -> Sdf.PrimSpec:
    """Return where a collider goes; made on demand, so that the environment stays the first Mesh of the layer."""
    if not collider.scope:
        return root
    scope = root.nameChildren.get(collider.scope) or define(root, collider.scope, "Scope")
    if not collider.body:
        return scope
    body = scope.nameChildren.get(collider.body)
    if body is None and (carried := _carried(proxy, collider)):
        return author_kinematic(scope, carried)
    if body is None:
        body = author_body(scope, _parts_of(proxy, collider.body))
        if collider.switch not in active:
            body.active = False
    return body


def _carried(proxy: CollisionProxy, collider: _Collider) -> KinematicBody | None:
    """Return the body that is carried along of which a collider is the shape, None if it is of none."""
    if collider.scope != MOVING_NAME:
        return None
    return next(body for body in proxy.kinematic if body.part.body == collider.body)


def _origin_of(proxy: CollisionProxy, collider: _Collider) -> npt.NDArray[np.float64]:
    """Return where the prim above a collider has its origin [m], shape (3,)."""
    if carried := _carried(proxy, collider):
        return carried.positions[0].astype(np.float64)
    return origin_of(_parts_of(proxy, collider.body)) if collider.body else np.zeros(3)


def _parts_of(proxy: CollisionProxy, body: str) -> list[CollisionPart]:
    return [p for p in proxy.parts if p.body == body]


def _colliders(proxy: CollisionProxy) -> list[_Collider]:
    """Weld what does not move into one mesh, for ray casters that read the first Mesh only; keep all others apart."""
    colliders = []
    for role, name in ((Role.ENVIRONMENT, ENVIRONMENT_NAME), (Role.STRUCTURE, STRUCTURE_NAME)):
        if parts := proxy.with_role(role):
            colliders.append(_welded(name, parts))
    for role, scope in ((Role.OBJECT, OBJECTS_NAME), (Role.PIECE, CONVEX_NAME), (Role.EXACT, EXACT_NAME)):
        for part in proxy.with_role(role):
            colliders.append(_apart(part, scope))
    return colliders + [_apart(body.part, MOVING_NAME) for body in proxy.kinematic]


def _apart(part: CollisionPart, scope: str) -> _Collider:
    for name in (part.name, part.body or part.name):
        if not Sdf.Path.IsValidIdentifier(name):
            raise InvalidRequest(
                f"collider {name!r}: its name must be letters, digits and underscores and not begin with a digit "
                "to become a prim; rename it."
            )
    # a body that moves has its mass on the body
    mass = 0.0 if part.dynamic else part.mass_kg
    classes = _class_names([part])
    return _Collider(
        part.name, scope, part.body, (part,), classes, part.approximation, part.primitive, part.friction, mass
    )


def _welded(name: str, parts: Sequence[CollisionPart]) -> _Collider:
    return _Collider(name, "", "", tuple(parts), _class_names(parts), Approximation.MESH)


def _class_names(parts: Sequence[CollisionPart]) -> tuple[str, ...]:
    return tuple(sorted({p.semantic_class for p in parts} - {UNKNOWN_CLASS}))


def _own_material(collider: _Collider, material: PhysicsMaterial) -> PhysicsMaterial:
    """The scene's material with the friction of what the collider is made of."""
    if collider.friction is None:
        return material
    return replace(material, static_friction=collider.friction, dynamic_friction=collider.friction)


def _origin(proxy: CollisionProxy) -> dict[str, str | dict[str, float]]:
    """Return how the colliders were made, how far they were measured to be off, in which variant, and what else was."""
    origin: dict[str, str | dict[str, float]] = {"method": proxy.method}
    if proxy.error_m:
        origin["errorMeters"] = {name: float(value) for name, value in sorted(proxy.error_m.items())}
        origin["errorVariant"] = next(iter(_wanted(proxy)))
    if proxy.measured:
        origin["measured"] = {name: float(value) for name, value in sorted(proxy.measured.items())}
    return origin


def _author_shape(parent: Sdf.PrimSpec, collider: _Collider, proxy: CollisionProxy) -> Sdf.PrimSpec:
    """Author a collider."""
    origin = _origin_of(proxy, collider)
    if collider.primitive is not None:
        prim = author_primitive(parent, collider.name, collider.primitive, origin)
    else:
        points, triangles = collider.mesh
        prim = author_mesh(parent, collider.name, (points - origin).astype(np.float32), triangles)
    make_collider(prim, collider.classes, None if collider.primitive else collider.approximation, collider.mass_kg)
    return prim


def make_collider(
    prim: Sdf.PrimSpec, classes: Sequence[str], approximation: Approximation | None, mass_kg: float = 0.0
) -> None:
    """Make a shape a collider, hidden from cameras but not from physics; only a mesh has an `approximation`."""
    schemas = ["PhysicsCollisionAPI", "MaterialBindingAPI"]
    if approximation is not None:
        schemas.insert(1, "PhysicsMeshCollisionAPI")
        attribute(prim, "physics:approximation", _Types.Token, approximation.value, uniform=True)
    attribute(prim, "purpose", _Types.Token, "guide", uniform=True)
    attribute(prim, "physics:collisionEnabled", _Types.Bool, True)
    if mass_kg:
        schemas.append("PhysicsMassAPI")
        attribute(prim, "physics:mass", _Types.Float, mass_kg)
    apply_schemas(prim, *schemas, *author_labels(prim, classes))
