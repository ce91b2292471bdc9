"""Colliders of a stage: what can be judged without an engine.

Does: check triangles, physics materials and infinite planes. Does not: simulate, or judge winding.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from pxr import Usd, UsdGeom, UsdPhysics, UsdShade

from ..types import Finding, Severity
from ..types.mesh import triangle_normals_and_areas
from .collider_shapes import BrokenCollider, mesh_triangles
from .colliders import is_filled

__all__ = ["check_collider", "check_plane"]

#: A triangle flatter than this part of its longest side squared has no area worth the name.
_FLATNESS = 1e-9


def check_plane(prim: Usd.Prim, where: str) -> Iterator[Finding]:
    """Yield an error if `prim` is a Plane: ray casters take it for an infinite floor."""
    if prim.IsA(UsdGeom.Plane):
        message = f"{where}: is a Plane, which ray casters take for an infinite floor; use a Mesh."
        yield Finding("usd.plane", Severity.ERROR, message, where=where)


def check_collider(prim: Usd.Prim, where: str, limits: Any) -> tuple[list[Finding], int]:
    """Return what is wrong with one collider and its number of triangles (0 for shapes that are no mesh).

    Args:
        prim: a shape that engines collide with.
        where: its name in messages.
        limits: the validate stage's `Params`.
    """
    findings = list(_material(prim, where, limits.static_friction_min))
    if not prim.IsA(UsdGeom.Mesh):
        return findings, 0
    mesh = UsdGeom.Mesh(prim)
    try:
        points, triangles = mesh_triangles(mesh)
    except BrokenCollider as broken:
        message = f"{where}: {broken} Engines must not be given it."
        code = f"collider.{broken.code}"
        return [*findings, Finding(code, Severity.ERROR, message, broken.measured, broken.limit, where)], 0
    if not is_filled(prim):  # of what engines make a hull, they take the corners alone
        findings += _degenerate(points[triangles], where, limits.degenerate_triangle_share_max)
    count, most = len(triangles), limits.collider_triangles_max
    if count > most:
        message = f"{where}: has {count} triangles; engines cook more than {most} for many seconds."
        findings.append(Finding("collider.size", Severity.WARNING, message, count, most, where))
    if not mesh.GetExtentAttr().HasAuthoredValue():
        message = f"{where}: extent is not authored, so every reader computes it anew."
        findings.append(Finding("collider.extent_missing", Severity.WARNING, message, where=where))
    return findings, count


def _degenerate(corners: npt.NDArray[np.float64], where: str, limit: float) -> Iterator[Finding]:
    sides = corners - np.roll(corners, 1, axis=1)
    longest = np.einsum("fsk,fsk->fs", sides, sides).max(axis=1)
    share = float((2 * triangle_normals_and_areas(corners)[1] <= _FLATNESS * longest).mean())
    if share > limit:
        message = f"{where}: {share:.1%} of its triangles have no area; at most {limit:.1%} may."
        yield Finding("collider.degenerate", Severity.ERROR, message, share, limit, where)


def _material(prim: Usd.Prim, where: str, friction_min: float) -> Iterator[Finding]:
    """Yield what is wrong with the physics material: an unauthored friction is zero in PhysX."""
    material, _ = UsdShade.MaterialBindingAPI(prim).ComputeBoundMaterial("physics")
    if not material or not material.GetPrim().HasAPI(UsdPhysics.MaterialAPI):
        message = f"{where}: no physics material is bound, engines then choose the friction; bind one."
        yield Finding("collider.material", Severity.WARNING, message, where=where)
        return
    physics = UsdPhysics.MaterialAPI(material.GetPrim())
    for kind, attribute in (("static", physics.GetStaticFrictionAttr()), ("dynamic", physics.GetDynamicFrictionAttr())):
        value = float(attribute.Get()) if attribute.HasAuthoredValue() else 0.0
        if not value >= friction_min:
            came = f"is {value:g}" if attribute.HasAuthoredValue() else "is not authored, which means 0"
            message = f"{where}: {kind} friction {came}; everything on it slides, author at least {friction_min:g}."
            yield Finding("collider.friction", Severity.ERROR, message, value, friction_min, where)
