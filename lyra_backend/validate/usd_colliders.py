"""Collider meshes of a stage: what can be judged without an engine.

Does: check indices, degenerate triangles, physics materials and infinite planes. Does not: simulate, or judge winding.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from pxr import Usd, UsdGeom, UsdPhysics, UsdShade

from ..types import Finding, Severity

__all__ = ["ColliderLimits", "check_collider", "check_planes", "is_collider"]

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.int64]

#: A triangle flatter than this part of its longest side squared has no area worth the name.
_FLATNESS = 1e-9


@dataclass(frozen=True)
class ColliderLimits:
    """Bounds of :func:`check_collider`."""

    degenerate_share: float
    triangles: int
    friction: float


def is_collider(prim: Usd.Prim) -> bool:
    """Say whether engines collide with `prim`."""
    if not prim.HasAPI(UsdPhysics.CollisionAPI) or not prim.IsA(UsdGeom.Gprim):
        return False
    return UsdPhysics.CollisionAPI(prim).GetCollisionEnabledAttr().Get() is not False


def check_planes(stage: Usd.Stage, where: str) -> Iterator[Finding]:
    """Yield an error for each Plane prim: ray casters take it for an infinite floor."""
    for prim in Usd.PrimRange.Stage(stage, Usd.TraverseInstanceProxies()):
        if prim.IsA(UsdGeom.Plane):
            at = f"{where}:{prim.GetPath()}"
            message = f"{at}: is a Plane, which ray casters take for an infinite floor; use a Mesh."
            yield Finding("usd.plane", Severity.ERROR, message, where=at)


def check_collider(prim: Usd.Prim, where: str, limits: ColliderLimits) -> tuple[list[Finding], int]:
    """Return what is wrong with one collider and its number of triangles (0 for shapes that are no mesh)."""
    findings = list(_material(prim, where, limits.friction))
    if not prim.IsA(UsdGeom.Mesh):
        return findings, 0
    mesh = UsdGeom.Mesh(prim)
    points, counts, indices = (
        _values(a) for a in (mesh.GetPointsAttr(), mesh.GetFaceVertexCountsAttr(), mesh.GetFaceVertexIndicesAttr())
    )
    broken = list(_topology(points, counts.astype(np.int64), indices.astype(np.int64), where))
    if broken:
        return [*findings, *broken], len(counts)
    triangles = indices.reshape(-1, 3) if (counts == 3).all() else None
    if triangles is not None:
        findings += _degenerate(points, triangles, where, limits.degenerate_share)
    if len(counts) > limits.triangles:
        message = f"{where}: has {len(counts)} faces; engines cook more than {limits.triangles} for many seconds."
        findings.append(Finding("collider.size", Severity.WARNING, message, len(counts), limits.triangles, where))
    if not mesh.GetExtentAttr().HasAuthoredValue():
        message = f"{where}: extent is not authored, so every reader computes it anew."
        findings.append(Finding("collider.extent_missing", Severity.WARNING, message, where=where))
    return findings, len(counts)


def _values(attribute: Usd.Attribute) -> npt.NDArray[Any]:
    values = attribute.Get()
    return np.zeros(0, np.int64) if values is None else np.asarray(values)


def _topology(points: npt.NDArray[Any], counts: Ints, indices: Ints, where: str) -> Iterator[Finding]:
    """Yield why the mesh must not reach an engine."""
    if not len(points) or not len(counts):
        yield Finding("collider.empty", Severity.ERROR, f"{where}: has no points or no faces.", where=where)
        return
    bad = int((~np.isfinite(points)).any(axis=1).sum())
    if bad:
        message = f"{where}: {bad} of {len(points)} points are NaN or infinite; engines must not be given it."
        yield Finding("collider.not_finite", Severity.ERROR, message, bad, 0, where)
    if counts.min() < 3 or counts.sum() != len(indices):
        message = f"{where}: faceVertexCounts ask for {counts.sum()} corners (at least 3 a face), got {len(indices)}."
        yield Finding("collider.topology", Severity.ERROR, message, len(indices), int(counts.sum()), where)
    elif indices.min() < 0 or indices.max() >= len(points):
        message = f"{where}: indices go from {indices.min()} to {indices.max()}, but there are {len(points)} points."
        yield Finding("collider.indices", Severity.ERROR, message, int(indices.max()), len(points) - 1, where)


def _degenerate(points: Floats, triangles: Ints, where: str, limit: float) -> Iterator[Finding]:
    a, b, c = (points[triangles[:, k]].astype(np.float64) for k in range(3))
    sides = [b - a, c - b, a - c]
    longest = np.max([np.einsum("fk,fk->f", s, s) for s in sides], axis=0)
    doubled_area = np.linalg.norm(np.cross(sides[0], sides[1]), axis=1)
    share = float((doubled_area <= _FLATNESS * longest).mean())
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
