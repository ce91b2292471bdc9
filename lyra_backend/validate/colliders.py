"""Static colliders of a composed USD stage as one triangle soup in the world frame.

Does: read what a physics engine would collide with, and say what is broken. Does not: simulate.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from pxr import Usd, UsdGeom, UsdPhysics

from ..types import Finding, Severity

__all__ = ["StaticColliders", "read_colliders"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: Engines read a Plane collider as infinite; half the side of the square that stands for it [m].
PLANE_HALF_SIDE = 60.0
#: Sides of round shapes; 48 keep the inscribed surface within 0.3 % of the radius.
ROUND_SIDES = 48
#: A scene smaller or larger than this [m] was written in other units.
PLAUSIBLE_EXTENT = (0.2, 20_000.0)
#: Approximations that fill the free space of a room.
FILLING = ("convexHull", "boundingCube", "boundingSphere")


@dataclass(frozen=True)
class StaticColliders:
    """What bodies can hit.

    Attributes:
        corners: triangle corners, world frame [m], shape (F, 3, 3), front faces counter-clockwise.
        paths: prim path of each static collider.
        meshes: whether each of them is a mesh rather than a basic shape.
        owner: index into `paths` of each triangle, shape (F,).
        lower, upper: corners of the box around all colliders but infinite planes [m], shape (3,).
        scenes: prim paths of the physics scenes.
        findings: what is wrong; an error among them means that simulating makes no sense.
    """

    corners: Floats
    paths: tuple[str, ...]
    meshes: tuple[bool, ...]
    owner: Ints
    lower: Floats
    upper: Floats
    scenes: tuple[str, ...]
    findings: tuple[Finding, ...]

    @property
    def usable(self) -> bool:
        return not any(f.severity is Severity.ERROR for f in self.findings)


class _BrokenCollider(Exception):
    """The collider's data cannot be given to an engine; the text says why."""


@dataclass
class _Reader:
    """What has been collected so far."""

    parts: list[Floats] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    scenes: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def note(self, code: str, severity: Severity, message: str, where: str = "") -> None:
        self.findings.append(Finding(f"physics.{code}", severity, message, where=where))


def read_colliders(stage: Usd.Stage) -> StaticColliders:
    """Read every enabled static collider of `stage`, those inside instances included."""
    reader = _Reader()
    _check_metadata(stage, reader)
    cache = UsdGeom.XformCache()
    for prim in Usd.PrimRange.Stage(stage, Usd.TraverseInstanceProxies()):
        if prim.IsA(UsdPhysics.Scene):
            _read_scene(UsdPhysics.Scene(prim), reader)
        if prim.IsA(UsdGeom.PointInstancer):
            _warn_of_instanced_colliders(UsdGeom.PointInstancer(prim), reader)
        if prim.HasAPI(UsdPhysics.CollisionAPI):
            _read_collider(prim, cache, reader)
    return _assembled(reader)


def _check_metadata(stage: Usd.Stage, reader: _Reader) -> None:
    root = stage.GetRootLayer().pseudoRoot
    if not root.HasInfo("upAxis") or UsdGeom.GetStageUpAxis(stage) != UsdGeom.Tokens.z:
        came = UsdGeom.GetStageUpAxis(stage) if root.HasInfo("upAxis") else "nothing (USD then means Y)"
        reader.note("up_axis", Severity.ERROR, f"The stage's up axis must be Z, its root layer says {came}.")
    scale = UsdGeom.GetStageMetersPerUnit(stage)
    if not root.HasInfo("metersPerUnit") or abs(scale - 1.0) > 1e-6:
        came = f"{scale:g}" if root.HasInfo("metersPerUnit") else "nothing (USD then means centimetres)"
        reader.note("units", Severity.ERROR, f"The stage's metersPerUnit must be 1, its root layer says {came}.")
    for error in stage.GetCompositionErrors() if hasattr(stage, "GetCompositionErrors") else ():
        reader.note("composition", Severity.ERROR, f"The stage does not compose: {str(error).strip()[:300]}")


def _read_scene(scene: UsdPhysics.Scene, reader: _Reader) -> None:
    path = str(scene.GetPrim().GetPath())
    reader.scenes.append(path)
    if len(reader.scenes) == 2:
        reader.note("scenes", Severity.WARNING, "The stage has several physics scenes; bodies may not meet.", path)
    direction, magnitude = scene.GetGravityDirectionAttr().Get(), scene.GetGravityMagnitudeAttr().Get()
    # A zero vector and an infinite magnitude are the schema's way to say "the usual one".
    if direction is not None and any(direction) and not direction[2] / math.hypot(*direction) < -0.99:
        reader.note("gravity", Severity.ERROR, f"Gravity must point down (0, 0, -1), got {tuple(direction)}.", path)
    if magnitude is not None and math.isfinite(magnitude) and magnitude >= 0 and abs(magnitude - 9.81) > 0.2:
        reader.note("gravity", Severity.WARNING, f"Gravity is {magnitude:g} m/s², the Earth's is 9.81 m/s².", path)


def _warn_of_instanced_colliders(instancer: UsdGeom.PointInstancer, reader: _Reader) -> None:
    stage = instancer.GetPrim().GetStage()
    prototypes = (stage.GetPrimAtPath(path) for path in instancer.GetPrototypesRel().GetTargets())
    subtrees = (Usd.PrimRange(p, Usd.TraverseInstanceProxies()) for p in prototypes if p)
    if any(prim.HasAPI(UsdPhysics.CollisionAPI) for subtree in subtrees for prim in subtree):
        reader.note(
            "point_instancer",
            Severity.WARNING,
            "A point instancer copies colliders: engines disagree on them and they are not measured; use references.",
            str(instancer.GetPath()),
        )


def _read_collider(prim: Usd.Prim, cache: UsdGeom.XformCache, reader: _Reader) -> None:
    path = str(prim.GetPath())
    if UsdPhysics.CollisionAPI(prim).GetCollisionEnabledAttr().Get() is False or _is_dynamic(prim):
        return
    if not prim.IsA(UsdGeom.Gprim):
        message = f"{path} carries CollisionAPI but is no shape, so engines ignore it."
        reader.note("ignored_collider", Severity.WARNING, message, path)
        return
    try:
        corners = _world_corners(prim, cache)
    except _BrokenCollider as broken:
        reader.note("broken_collider", Severity.ERROR, f"Collider {path}: {broken}", path)
        return
    if prim.IsA(UsdGeom.Mesh) and _approximation(prim) in FILLING:
        message = f"Collider {path} is a {_approximation(prim)}: its hollows are filled."
        reader.note("filled_collider", Severity.WARNING, message, path)
    reader.parts.append(corners)
    reader.paths.append(path)
    reader.kinds.append("Mesh" if prim.IsA(UsdGeom.Mesh) else str(prim.GetTypeName()))


def _is_dynamic(prim: Usd.Prim) -> bool:
    """Say whether the nearest rigid body at or above `prim` moves it."""
    while prim and not prim.IsPseudoRoot():
        body = UsdPhysics.RigidBodyAPI(prim)
        if prim.HasAPI(UsdPhysics.RigidBodyAPI) and body.GetRigidBodyEnabledAttr().Get() is not False:
            return True
        prim = prim.GetParent()
    return False


def _approximation(prim: Usd.Prim) -> str:
    if not prim.HasAPI(UsdPhysics.MeshCollisionAPI):
        return "none"
    return str(UsdPhysics.MeshCollisionAPI(prim).GetApproximationAttr().Get() or "none")


def _world_corners(prim: Usd.Prim, cache: UsdGeom.XformCache) -> Floats:
    matrix = np.array(cache.GetLocalToWorldTransform(prim), dtype=np.float64)
    if not np.isfinite(matrix).all():
        raise _BrokenCollider("its transform is not finite.")
    handedness = float(np.linalg.det(matrix[:3, :3]))
    if abs(handedness) < 1e-12:
        raise _BrokenCollider("its transform flattens it (a scale is zero).")
    corners = _local_corners(prim) @ matrix[:3, :3] + matrix[3, :3]
    return corners[:, ::-1] if handedness < 0 else corners


def _local_corners(prim: Usd.Prim) -> Floats:
    if prim.IsA(UsdGeom.Mesh):
        return _mesh_corners(UsdGeom.Mesh(prim))
    if prim.IsA(UsdGeom.Cube):
        return _box_corners(_attribute(UsdGeom.Cube(prim).GetSizeAttr()) / 2)
    if prim.IsA(UsdGeom.Sphere):
        radius = _attribute(UsdGeom.Sphere(prim).GetRadiusAttr())
        return _revolved(_arc(radius, -90.0, 90.0, 0.0), "Z")
    if prim.IsA(UsdGeom.Plane):
        axis = str(UsdGeom.Plane(prim).GetAxisAttr().Get())
        square = PLANE_HALF_SIDE * np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], dtype=np.float64)
        return _along(square, axis)[[[0, 1, 2], [0, 2, 3]]]
    for kind in (UsdGeom.Cylinder, UsdGeom.Capsule, UsdGeom.Cone):
        if prim.IsA(kind):
            return _round_corners(kind(prim))
    raise _BrokenCollider(f"shapes of type {prim.GetTypeName()} are not known to this check.")


def _attribute(attribute: Any) -> float:
    """Return a shape's size, which must be a positive number."""
    value = attribute.Get()
    if value is None or not math.isfinite(value) or value <= 0:
        raise _BrokenCollider(f"{attribute.GetName()} must be a positive number, got {value}.")
    return float(value)


def _mesh_corners(mesh: UsdGeom.Mesh) -> Floats:
    points, counts, indices = (
        attribute.Get() or ()
        for attribute in (mesh.GetPointsAttr(), mesh.GetFaceVertexCountsAttr(), mesh.GetFaceVertexIndicesAttr())
    )
    if not len(points) or not len(counts) or not len(indices):
        raise _BrokenCollider("the mesh has no points or no faces.")
    vertices = np.asarray(points, dtype=np.float64).reshape(-1, 3)
    counts, indices = np.asarray(counts, dtype=np.int64), np.asarray(indices, dtype=np.int64)
    if counts.min() < 3:
        raise _BrokenCollider(f"a face has {counts.min()} corners.")
    if counts.sum() != len(indices):
        raise _BrokenCollider(f"faceVertexCounts add up to {counts.sum()}, but there are {len(indices)} indices.")
    if indices.min() < 0 or indices.max() >= len(vertices):
        raise _BrokenCollider(f"an index from {indices.min()} to {indices.max()} is outside {len(vertices)} points.")
    broken = ~np.isfinite(vertices).all(axis=1)
    if broken.any():
        raise _BrokenCollider(f"{broken.sum()} of {len(vertices)} points are not finite (first: {broken.argmax()}).")
    triangles = _fan(counts, indices)
    if mesh.GetOrientationAttr().Get() == UsdGeom.Tokens.leftHanded:
        triangles = triangles[:, ::-1]
    return vertices[triangles]


def _fan(counts: Ints, indices: Ints) -> Ints:
    """Split polygons into triangles (F, 3) around their first corner, as engines do."""
    if (counts == 3).all():
        return indices.reshape(-1, 3)
    first = np.cumsum(counts) - counts
    polygon = np.repeat(np.arange(len(counts)), counts - 2)
    step = np.arange(len(polygon)) - np.repeat(np.cumsum(counts - 2) - (counts - 2), counts - 2)
    start = first[polygon]
    return np.stack([indices[start], indices[start + step + 1], indices[start + step + 2]], axis=1)


def _box_corners(half: float) -> Floats:
    """Return the 12 triangles of a cube around the origin."""
    square = np.array([[-1, -1, 1], [1, -1, 1], [1, 1, 1], [-1, 1, 1]], dtype=np.float64)
    face = square[[[0, 1, 2], [0, 2, 3]]]
    turns = [np.roll(face, shift, axis=2) for shift in range(3)]
    # Mirroring a face through the origin turns its winding round.
    return half * np.concatenate([*turns, *(-turn[:, ::-1] for turn in turns)])


def _arc(radius: float, start_deg: float, end_deg: float, lift: float) -> Floats:
    """Return profile points (K, 2) as (distance from the axis, height) on a circle around (0, lift)."""
    angles = np.radians(np.linspace(start_deg, end_deg, ROUND_SIDES // 4 + 1))
    return np.stack([radius * np.cos(angles), radius * np.sin(angles) + lift], axis=1)


def _round_corners(shape: Any) -> Floats:
    radius, half = _attribute(shape.GetRadiusAttr()), _attribute(shape.GetHeightAttr()) / 2
    if isinstance(shape, UsdGeom.Capsule):
        profile = np.concatenate([_arc(radius, -90.0, 0.0, -half), _arc(radius, 0.0, 90.0, half)])
    elif isinstance(shape, UsdGeom.Cone):
        profile = np.array([[0.0, -half], [radius, -half], [0.0, half]])
    else:
        profile = np.array([[0.0, -half], [radius, -half], [radius, half], [0.0, half]])
    return _revolved(profile, str(shape.GetAxisAttr().Get()))


def _revolved(profile: Floats, axis: str) -> Floats:
    """Turn a profile, bottom to top, around an axis into a closed surface."""
    angles = np.arange(ROUND_SIDES) * (2 * np.pi / ROUND_SIDES)
    ring = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    height = np.broadcast_to(profile[:, 1, None], (len(profile), ROUND_SIDES))
    points = np.concatenate([profile[:, 0, None, None] * ring, height[..., None]], axis=2)
    points = _along(points.reshape(-1, 3), axis)
    lower = (np.arange(len(profile) - 1)[:, None] * ROUND_SIDES + np.arange(ROUND_SIDES)).ravel()
    beside = lower // ROUND_SIDES * ROUND_SIDES + (lower + 1) % ROUND_SIDES
    quads = np.stack([lower, beside, beside + ROUND_SIDES, lower + ROUND_SIDES], axis=1)
    return points[np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])]


def _along(points: Floats, axis: str) -> Floats:
    """Turn points built around Z to stand around `axis`; cyclic, so windings stay."""
    return points[:, {"X": [2, 0, 1], "Y": [1, 2, 0]}.get(axis, [0, 1, 2])]


def _assembled(reader: _Reader) -> StaticColliders:
    if not reader.parts:
        if all(f.code != "physics.broken_collider" for f in reader.findings):
            message = "No static collider: nothing that stands still carries an enabled PhysicsCollisionAPI."
            reader.note("no_collider", Severity.ERROR, message)
        return StaticColliders(
            np.zeros((0, 3, 3)),
            (),
            (),
            np.zeros(0, np.int64),
            np.zeros(3),
            np.zeros(3),
            tuple(reader.scenes),
            tuple(reader.findings),
        )
    lower, upper = _bounds(reader)
    extent = float((upper - lower).max())
    if not PLAUSIBLE_EXTENT[0] <= extent <= PLAUSIBLE_EXTENT[1]:
        message = f"The colliders are {extent:.4g} m wide; that is no place for a robot. Are they in other units?"
        reader.note("extent", Severity.ERROR, message)
    return StaticColliders(
        np.concatenate(reader.parts),
        tuple(reader.paths),
        tuple(kind == "Mesh" for kind in reader.kinds),
        np.repeat(np.arange(len(reader.parts)), [len(part) for part in reader.parts]),
        lower,
        upper,
        tuple(reader.scenes),
        tuple(reader.findings),
    )


def _bounds(reader: _Reader) -> tuple[Floats, Floats]:
    """Return the corners of the box around everything finite, or around everything if nothing is."""
    finite = [part for part, kind in zip(reader.parts, reader.kinds, strict=True) if kind != "Plane"] or reader.parts
    lower = np.min([part.min(axis=(0, 1)) for part in finite], axis=0)
    return lower, np.max([part.max(axis=(0, 1)) for part in finite], axis=0)
