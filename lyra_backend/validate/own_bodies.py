"""Bodies of a scene's own, each in its own frame: what could stand elsewhere as well."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pxr import Sdf, Usd, UsdGeom, UsdPhysics

from .collider_shapes import BrokenCollider, shape_corners

__all__ = ["OwnBody", "read_bodies"]

_LAYER, _OBJECTS = "collision.usdc", "/World/Collision/Objects"
_LABELS = "semantics:labels:class"


@dataclass(frozen=True)
class OwnBody:
    """A body: its path in the collision layer, class, mass [kg], friction, and triangles about its origin (F, 3, 3)."""

    path: str
    semantic_class: str
    mass_kg: float
    friction: float
    corners: npt.NDArray[np.float64]


def read_bodies(run: Path) -> tuple[OwnBody, ...]:
    """Return the objects of a finished run's colliders, in their order; none if there are none."""
    layer = Sdf.Layer.FindOrOpen(str(run / _LAYER)) if (run / _LAYER).is_file() else None
    scope = layer.GetPrimAtPath(_OBJECTS) if layer else None
    if scope is None:
        return ()
    session = Sdf.Layer.CreateAnonymous()
    for spec in scope.nameChildren:  # those that the usual variant does not use are inactive
        Sdf.CreatePrimInLayer(session, spec.path).active = True
    stage = Usd.Stage.Open(layer, session)
    bodies = (_body(stage.GetPrimAtPath(spec.path)) for spec in scope.nameChildren)
    return tuple(body for body in bodies if body is not None)


def _body(prim: Usd.Prim) -> OwnBody | None:
    """Read a body; None if one of its shapes is broken, which is told where it is checked."""
    to_body = UsdGeom.XformCache().GetLocalToWorldTransform(prim).GetInverse()
    shapes = [child for child in prim.GetChildren() if child.IsA(UsdGeom.Gprim)]
    corners = []
    for shape in shapes:
        matrix = np.array(UsdGeom.XformCache().GetLocalToWorldTransform(shape) * to_body)
        try:
            corners.append(shape_corners(shape) @ matrix[:3, :3] + matrix[3, :3])
        except BrokenCollider:
            return None
    if not corners:
        return None
    mass = sum(_mass(one) for one in (prim, *shapes))
    labels = [label for one in (prim, *shapes) for label in one.GetAttribute(_LABELS).Get() or ()]
    label = str(labels[0]) if labels else "unknown"
    return OwnBody(str(prim.GetPath()), label, mass, _friction(shapes[0]), np.concatenate(corners))


def _mass(prim: Usd.Prim) -> float:
    return float(UsdPhysics.MassAPI(prim).GetMassAttr().Get() or 0.0) if prim.HasAPI(UsdPhysics.MassAPI) else 0.0


def _friction(shape: Usd.Prim) -> float:
    """Return the static friction of the material that is bound to a shape for physics, 1 if none is."""
    targets = shape.GetRelationship("material:binding:physics").GetTargets()
    material = shape.GetStage().GetPrimAtPath(targets[0]) if targets else None
    friction = material.GetAttribute("physics:staticFriction").Get() if material else None
    return 1.0 if friction is None else float(friction)
