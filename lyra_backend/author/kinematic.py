"""Bodies that are carried along: rigid bodies that nothing pushes, with samples of their transform over time.

Does: author the Xform of such a body; between samples USD interpolates, along a line and the short way round. Does
not: author its shape.
"""

from __future__ import annotations

from pxr import Gf, Sdf, Vt

from ..types import KinematicBody
from .layers import apply_schemas, attribute, define
from .time_codes import TimeCodes

__all__ = ["author_kinematic"]

_Types = Sdf.ValueTypeNames


def author_kinematic(parent: Sdf.PrimSpec, body: KinematicBody) -> Sdf.PrimSpec:
    """Author the Xform of a body below `parent`, without its shape, which is meant in the axes of the first time."""
    prim = define(parent, body.part.body, "Xform")
    times = TimeCodes.of(body.times_s)
    places = [Gf.Vec3d(*position) for position in body.positions.tolist()]
    turns = [Gf.Quatd(*quat) for quat in body.quats_wxyz.tolist()]
    for name, kind, values in (("translate", _Types.Double3, places), ("orient", _Types.Quatd, turns)):
        spec = attribute(prim, f"xformOp:{name}", kind, values[0])
        for code, value in zip(times.codes, values, strict=True):
            prim.layer.SetTimeSample(spec.path, code, value)
    operations = Vt.TokenArray(["xformOp:translate", "xformOp:orient"])
    attribute(prim, "xformOpOrder", _Types.TokenArray, operations, uniform=True)
    attribute(prim, "physics:kinematicEnabled", _Types.Bool, True)
    apply_schemas(prim, "PhysicsRigidBodyAPI")
    return prim
