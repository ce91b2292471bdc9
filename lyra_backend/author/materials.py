"""Physics materials: friction and bounce of colliders, and what binds them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pxr import Sdf, Tf

from .layers import apply_schemas, attribute, define

__all__ = ["Materials", "PhysicsMaterial", "author_material", "bind"]

#: Name of the material of everything that has none of its own.
SCENE_NAME = "Environment"

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


class Materials:
    """Materials below one prim, one for each class and friction: every further one costs an engine time."""

    def __init__(self, parent: Sdf.PrimSpec) -> None:
        self._parent = parent
        self._made: dict[tuple[str, PhysicsMaterial], Sdf.PrimSpec] = {}

    def of(self, classes: Sequence[str], material: PhysicsMaterial, *, own: bool) -> Sdf.PrimSpec:
        """Return the material of a class, authored if it is the first of its kind; `own` = not that of the scene."""
        name = ("_".join(classes) or "unknown") if own else SCENE_NAME
        if (name, material) not in self._made:
            others = sum(known == name for known, _ in self._made)
            unused = Tf.MakeValidIdentifier(f"{name}_{others + 1}" if others else name)
            self._made[name, material] = author_material(self._parent, unused, material)
        return self._made[name, material]


def author_material(parent: Sdf.PrimSpec, name: str, material: PhysicsMaterial) -> Sdf.PrimSpec:
    """Author a physics material below `parent`, multiplied with that of what touches it."""
    prim = define(parent, name, "Material")
    apply_schemas(prim, "PhysicsMaterialAPI", "PhysxMaterialAPI")
    # An unauthored friction is zero in PhysX.
    attribute(prim, "physics:staticFriction", _Types.Float, material.static_friction)
    attribute(prim, "physics:dynamicFriction", _Types.Float, material.dynamic_friction)
    attribute(prim, "physics:restitution", _Types.Float, material.restitution)
    attribute(prim, "physxMaterial:frictionCombineMode", _Types.Token, "multiply", uniform=True)
    attribute(prim, "physxMaterial:restitutionCombineMode", _Types.Token, "multiply", uniform=True)
    return prim


def bind(mesh: Sdf.PrimSpec, material: Sdf.PrimSpec) -> None:
    """Bind for physics only: the mesh keeps no look."""
    binding = Sdf.RelationshipSpec(mesh, "material:binding:physics", custom=False)
    binding.targetPathList.explicitItems = [material.path]
