"""Colliders and physics materials as one layer.

Does: write ``collision.usdc`` with the default prim /World, which holds /World/Collision/Environment (every exact part
welded into one Mesh), /World/Collision/Objects/* (parts taken as convex hulls) and /World/PhysicsMaterials/*. Does
not: move a triangle, or write anything that moves. PhysX's schema is authored by name, so it need not be installed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pxr import Sdf, Vt

from ..errors import InvalidRequest
from ..progress import Progress
from ..types import Approximation, CollisionPart, CollisionProxy
from ..types.mesh import triangle_normals_and_areas
from .layers import apply_schemas, attribute, define, write_layer

__all__ = ["COLLISION_ROOT", "ENVIRONMENT_NAME", "FILE_NAME", "PhysicsMaterial", "collider_paths", "write"]

FILE_NAME = "collision.usdc"
ROOT_NAME = "World"
COLLISION_ROOT = "Collision"
ENVIRONMENT_NAME = "Environment"
OBJECTS_NAME = "Objects"
MATERIALS_NAME = "PhysicsMaterials"
UNKNOWN_CLASS = "unknown"

_Types = Sdf.ValueTypeNames


@dataclass(frozen=True)
class PhysicsMaterial:
    """Friction and bounce of every collider.

    PhysX multiplies these with the other body's (combine mode "multiply"), so a friction of 1 and a restitution of 0
    leave a robot's feet their own friction and never add bounce.
    """

    static_friction: float = 1.0
    dynamic_friction: float = 1.0
    restitution: float = 0.0


@dataclass(frozen=True)
class _Collider:
    """One Mesh prim: its name, whether it goes below Objects, and what it is made of."""

    name: str
    is_object: bool
    points: npt.NDArray[np.float32]
    triangles: npt.NDArray[np.int32]
    classes: tuple[str, ...]
    approximation: Approximation


def collider_paths(proxy: CollisionProxy) -> tuple[str, ...]:
    """Return the paths of the Mesh prims below the default prim, in the order they are written."""
    exact, hulls = _sorted_parts(proxy)
    environment = (f"{COLLISION_ROOT}/{ENVIRONMENT_NAME}",) if exact else ()
    return (*environment, *(f"{COLLISION_ROOT}/{OBJECTS_NAME}/{part.name}" for part in hulls))


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
        materials = define(world, MATERIALS_NAME, "Scope")
        for i, collider in enumerate(colliders):
            progress(i / len(colliders), f"writing collider {collider.name}")
            mesh = _author_mesh(_parent(root, collider), collider)
            _bind(mesh, _author_material(materials, _material_name(collider), material))

    write_layer(path, ROOT_NAME, fill)
    return {
        "colliders": len(colliders),
        "collider_vertices": sum(len(c.points) for c in colliders),
        "collider_triangles": sum(len(c.triangles) for c in colliders),
    }


def _parent(root: Sdf.PrimSpec, collider: _Collider) -> Sdf.PrimSpec:
    """Return where a collider goes; made on demand, so that the environment stays the first Mesh of the layer."""
    if not collider.is_object:
        return root
    return root.nameChildren.get(OBJECTS_NAME) or define(root, OBJECTS_NAME, "Scope")


def _colliders(proxy: CollisionProxy) -> list[_Collider]:
    """Weld the exact parts into one mesh, for ray casters that read the first Mesh only; keep hulls apart."""
    exact, hulls = _sorted_parts(proxy)
    colliders = [_environment(exact)] if exact else []
    for part in hulls:
        if not Sdf.Path.IsValidIdentifier(part.name):
            raise InvalidRequest(
                f"collider {part.name!r}: its name must be letters, digits and underscores and not begin with a digit "
                "to become a prim; rename it."
            )
        points, triangles = _weld(part.vertices, part.triangles)
        colliders.append(_Collider(part.name, True, points, triangles, _class_names([part]), part.approximation))
    return colliders


def _sorted_parts(proxy: CollisionProxy) -> tuple[list[CollisionPart], list[CollisionPart]]:
    """Return the parts taken as they are, and those taken as hulls."""
    exact = [p for p in proxy.parts if p.approximation is Approximation.MESH]
    return exact, [p for p in proxy.parts if p.approximation is not Approximation.MESH]


def _environment(parts: Sequence[CollisionPart]) -> _Collider:
    points, triangles = _weld(*CollisionProxy(tuple(parts), "", {}).welded())
    return _Collider(ENVIRONMENT_NAME, False, points, triangles, _class_names(parts), Approximation.MESH)


def _weld(
    points: npt.NDArray[np.float32], triangles: npt.NDArray[np.int32]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]:
    """Merge vertices at exactly the same place and drop unused ones; no triangle moves, and the order stays.

    Triangles that merging leaves with two corners have no area and go, unless there is nothing else.
    """
    points = points + np.float32(0)  # -0.0 becomes 0.0, which is the same place
    order = np.lexsort(points.T)
    is_new = np.ones(len(points), bool)
    is_new[1:] = (points[order[1:]] != points[order[:-1]]).any(axis=1)
    # lexsort is stable, so the first of each run is the one that came first.
    stands_for = np.empty(len(points), np.int64)
    stands_for[order] = order[is_new][np.cumsum(is_new) - 1]
    welded = stands_for[triangles]
    is_whole = (welded != np.roll(welded, 1, axis=1)).all(axis=1)
    used, corners = np.unique(welded[is_whole] if is_whole.any() else welded, return_inverse=True)
    return points[used], corners.reshape(-1, 3).astype(np.int32)


def _class_names(parts: Sequence[CollisionPart]) -> tuple[str, ...]:
    return tuple(sorted({p.semantic_class for p in parts} - {UNKNOWN_CLASS}))


def _material_name(collider: _Collider) -> str:
    return f"{OBJECTS_NAME}_{collider.name}" if collider.is_object else collider.name


def _origin(proxy: CollisionProxy) -> dict[str, str | dict[str, float]]:
    """Return how the colliders were made and how far they were measured to be off."""
    origin: dict[str, str | dict[str, float]] = {"method": proxy.method}
    if proxy.error_m:
        origin["errorMeters"] = {name: float(value) for name, value in sorted(proxy.error_m.items())}
    return origin


def _author_mesh(parent: Sdf.PrimSpec, collider: _Collider) -> Sdf.PrimSpec:
    """Author the triangles with an identity transform, hidden from cameras but not from physics."""
    mesh = define(parent, collider.name, "Mesh")
    points = np.ascontiguousarray(collider.points, np.float32)
    corners = np.ascontiguousarray(collider.triangles, np.int32).reshape(-1)
    box = np.stack([points.min(axis=0), points.max(axis=0)])
    attribute(mesh, "points", _Types.Point3fArray, Vt.Vec3fArray.FromNumpy(points))
    attribute(mesh, "faceVertexIndices", _Types.IntArray, Vt.IntArray.FromNumpy(corners))
    counts = np.full(len(collider.triangles), 3, np.int32)
    attribute(mesh, "faceVertexCounts", _Types.IntArray, Vt.IntArray.FromNumpy(counts))
    attribute(mesh, "extent", _Types.Float3Array, Vt.Vec3fArray.FromNumpy(box))
    normals = Vt.Vec3fArray.FromNumpy(_face_normals(points, collider.triangles))
    attribute(mesh, "normals", _Types.Normal3fArray, normals).SetInfo("interpolation", "uniform")
    attribute(mesh, "subdivisionScheme", _Types.Token, "none", uniform=True)
    attribute(mesh, "orientation", _Types.Token, "rightHanded", uniform=True)
    attribute(mesh, "purpose", _Types.Token, "guide", uniform=True)
    attribute(mesh, "physics:collisionEnabled", _Types.Bool, True)
    attribute(mesh, "physics:approximation", _Types.Token, collider.approximation.value, uniform=True)
    schemas = ["PhysicsCollisionAPI", "PhysicsMeshCollisionAPI", "MaterialBindingAPI"]
    if collider.classes:
        schemas.append("SemanticsLabelsAPI:class")
        attribute(mesh, "semantics:labels:class", _Types.TokenArray, Vt.TokenArray(collider.classes))
    apply_schemas(mesh, *schemas)
    return mesh


def _face_normals(points: npt.NDArray[np.float32], triangles: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
    """Return the unit normal of each triangle, shape (F, 3), straight up where it has no area."""
    normals, areas = triangle_normals_and_areas(points[triangles])
    normals[areas == 0.0] = (0.0, 0.0, 1.0)
    return normals.astype(np.float32)


def _author_material(parent: Sdf.PrimSpec, name: str, material: PhysicsMaterial) -> Sdf.PrimSpec:
    prim = define(parent, name, "Material")
    apply_schemas(prim, "PhysicsMaterialAPI", "PhysxMaterialAPI")
    # An unauthored friction is zero in PhysX.
    attribute(prim, "physics:staticFriction", _Types.Float, material.static_friction)
    attribute(prim, "physics:dynamicFriction", _Types.Float, material.dynamic_friction)
    attribute(prim, "physics:restitution", _Types.Float, material.restitution)
    attribute(prim, "physxMaterial:frictionCombineMode", _Types.Token, "multiply", uniform=True)
    attribute(prim, "physxMaterial:restitutionCombineMode", _Types.Token, "multiply", uniform=True)
    return prim


def _bind(mesh: Sdf.PrimSpec, material: Sdf.PrimSpec) -> None:
    """Bind for physics only: the mesh keeps no look."""
    binding = Sdf.RelationshipSpec(mesh, "material:binding:physics", custom=False)
    binding.targetPathList.explicitItems = [material.path]
