"""Objects of the collision layer: an Xform for each body, and boxes, cylinders and spheres as what they are.

Does: author where a body is, what it weighs and whether it moves, and the exact shapes below it. Does not: apply what
makes a shape a collider. A body that does not move carries its mass all the same, so that applying
PhysicsRigidBodyAPI to its Xform is all it takes to let it move.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from pxr import Gf, Sdf, Vt

from ..types import CollisionPart, Primitive, Shape
from .labels import author_labels
from .layers import apply_schemas, attribute, define

__all__ = ["author_body", "author_primitive", "origin_of"]

_Types = Sdf.ValueTypeNames
_TYPE_NAMES = {Shape.BOX: "Cube", Shape.CYLINDER: "Cylinder", Shape.SPHERE: "Sphere"}

#: Share of its spin that a round body loses per second.
_ROLLING_DAMPING = 2.0


def origin_of(parts: Sequence[CollisionPart]) -> npt.NDArray[np.float64]:
    """Return the middle of a body's base [m], shape (3,): the origin of its prim."""
    corners = np.concatenate([p.vertices for p in parts]).astype(np.float64)
    low, high = corners.min(axis=0), corners.max(axis=0)
    return np.array([(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]])


def author_body(parent: Sdf.PrimSpec, parts: Sequence[CollisionPart]) -> Sdf.PrimSpec:
    """Author the Xform of a body below `parent`, without its shapes."""
    prim = define(parent, parts[0].body, "Xform")
    attribute(prim, "xformOp:translate", _Types.Double3, Gf.Vec3d(*origin_of(parts).tolist()))
    attribute(prim, "xformOpOrder", _Types.TokenArray, Vt.TokenArray(["xformOp:translate"]), uniform=True)
    schemas = []
    if any(p.dynamic for p in parts):
        schemas += ["PhysicsRigidBodyAPI", "PhysicsMassAPI"]
        attribute(prim, "physics:mass", _Types.Float, sum(p.mass_kg for p in parts))
        if any(p.primitive is not None and p.primitive.shape is not Shape.BOX for p in parts):
            # engines know no rolling resistance: without this a ball never stops
            schemas.append("PhysxRigidBodyAPI")
            attribute(prim, "physxRigidBody:angularDamping", _Types.Float, _ROLLING_DAMPING)
    schemas += author_labels(prim, (p.semantic_class for p in parts))
    if schemas:
        apply_schemas(prim, *schemas)
    return prim


def author_primitive(
    parent: Sdf.PrimSpec, name: str, body: Primitive, origin: npt.NDArray[np.floating]
) -> Sdf.PrimSpec:
    """Author a Cube, Cylinder or Sphere below a prim whose origin lies at `origin` [m] and which is not turned."""
    prim = define(parent, name, _TYPE_NAMES[body.shape])
    half = body.size.astype(np.float64) / 2
    operations = ["xformOp:translate", "xformOp:orient"]
    attribute(prim, "xformOp:translate", _Types.Double3, Gf.Vec3d(*(body.center - origin).tolist()))
    attribute(prim, "xformOp:orient", _Types.Quatd, Gf.Quatd(*body.quat_wxyz.astype(np.float64).tolist()))
    if body.shape is Shape.BOX:
        attribute(prim, "size", _Types.Double, 1.0)
        attribute(prim, "xformOp:scale", _Types.Double3, Gf.Vec3d(*(2 * half).tolist()))
        operations.append("xformOp:scale")
        half = np.full(3, 0.5)
    else:
        attribute(prim, "radius", _Types.Double, float(half[0]))
    if body.shape is Shape.CYLINDER:
        attribute(prim, "height", _Types.Double, float(2 * half[2]))
        attribute(prim, "axis", _Types.Token, "Z", uniform=True)
    attribute(prim, "xformOpOrder", _Types.TokenArray, Vt.TokenArray(operations), uniform=True)
    box = np.stack([-half, half]).astype(np.float32)
    attribute(prim, "extent", _Types.Float3Array, Vt.Vec3fArray.FromNumpy(box))
    return prim
