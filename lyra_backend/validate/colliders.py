"""Colliders of a composed USD stage: what stands still as one triangle soup in the world frame, and what moves.

Does: read what a physics engine would collide with, and say what it would make of it. Does not: simulate, or judge
how the stage is written; that is :mod:`usd`'s business and comes first.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from pxr import Usd, UsdGeom, UsdPhysics

from ..types import Finding, Severity
from .collider_shapes import BrokenCollider, shape_corners
from .moving_bodies import MovingBodies, solid_of

__all__ = ["StaticColliders", "is_collider", "is_filled", "read_colliders"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: A scene smaller or larger than this [m] was written in other units.
PLAUSIBLE_EXTENT = (0.2, 20_000.0)
#: A ground plane counts as far as this [m] around what stands on it.
PLANE_MARGIN = 4.0
#: Approximations that fill the free space of a room.
FILLING = ("convexHull", "boundingCube", "boundingSphere")


@dataclass(frozen=True)
class StaticColliders:
    """What bodies can hit.

    Attributes:
        corners: triangle corners, world frame [m], front faces counter-clockwise, shape (F, 3, 3).
        paths: prim path of each static collider.
        meshes: whether each of them is a mesh rather than a basic shape.
        owner: index into `paths` of each triangle, shape (F,).
        lower, upper: corners of the box around all colliders; of infinite planes, what lies near the others [m],
            shape (3,).
        scenes: prim paths of the physics scenes.
        moving: rigid bodies, which are in none of the above.
        findings: what is wrong; an error among them means that simulating makes no sense.
    """

    corners: Floats
    paths: tuple[str, ...]
    meshes: tuple[bool, ...]
    owner: Ints
    lower: Floats
    upper: Floats
    scenes: tuple[str, ...]
    moving: MovingBodies
    findings: tuple[Finding, ...]

    @property
    def usable(self) -> bool:
        return not any(f.severity is Severity.ERROR for f in self.findings)


@dataclass
class _Reader:
    """What has been collected so far."""

    parts: list[Floats] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    scenes: list[str] = field(default_factory=list)
    filled: list[str] = field(default_factory=list)
    moving: list[tuple[str, Floats]] = field(default_factory=list)
    driven: set[str] = field(default_factory=set)
    findings: list[Finding] = field(default_factory=list)

    def note(self, code: str, severity: Severity, message: str, where: str = "") -> None:
        self.findings.append(Finding(f"physics.{code}", severity, message, where=where))


def is_collider(prim: Usd.Prim) -> bool:
    """Say whether `prim` asks engines to collide with it."""
    if not prim.HasAPI(UsdPhysics.CollisionAPI):
        return False
    return UsdPhysics.CollisionAPI(prim).GetCollisionEnabledAttr().Get() is not False


def read_colliders(stage: Usd.Stage) -> StaticColliders:
    """Read every enabled collider of `stage` (Z up, metres), those inside instances included."""
    reader = _Reader()
    cache = UsdGeom.XformCache()
    for prim in Usd.PrimRange.Stage(stage, Usd.TraverseInstanceProxies()):
        if prim.IsA(UsdPhysics.Scene):
            _read_scene(UsdPhysics.Scene(prim), reader)
        if prim.IsA(UsdGeom.PointInstancer):
            _warn_of_instanced_colliders(UsdGeom.PointInstancer(prim), reader)
        if prim.IsA(UsdPhysics.Joint):
            _read_joint(UsdPhysics.Joint(prim), reader)
        if is_collider(prim):
            _read_collider(prim, cache, reader)
    _tell_filled(reader)
    return _assembled(reader)


def is_filled(prim: Usd.Prim) -> bool:
    """Say whether engines make something convex of the mesh `prim`."""
    return prim.IsA(UsdGeom.Mesh) and _approximation(prim) in FILLING


def _tell_filled(reader: _Reader) -> None:
    if reader.filled:
        message = f"{len(reader.filled)} colliders are taken for their convex hulls: hollows in them are filled."
        reader.note("filled_collider", Severity.WARNING, message, reader.filled[0])


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
    if not prim.IsA(UsdGeom.Gprim):
        message = f"{path} carries CollisionAPI but is no shape, so engines ignore it."
        reader.note("ignored_collider", Severity.WARNING, message, path)
        return
    try:
        corners = _world_corners(prim, cache)
    except BrokenCollider as broken:
        reader.note("broken_collider", Severity.ERROR, f"Collider {path}: {broken}", path)
        return
    if body := _body_of(prim):
        reader.moving.append((str(body.GetPath()), corners))
        if UsdPhysics.RigidBodyAPI(body).GetKinematicEnabledAttr().Get():
            reader.driven.add(str(body.GetPath()))
        return
    is_mesh = prim.IsA(UsdGeom.Mesh)
    if is_filled(prim):
        reader.filled.append(path)
    reader.parts.append(corners)
    reader.paths.append(path)
    reader.kinds.append("Mesh" if is_mesh else str(prim.GetTypeName()))


def _read_joint(joint: UsdPhysics.Joint, reader: _Reader) -> None:
    for relation in (joint.GetBody0Rel(), joint.GetBody1Rel()):
        reader.driven.update(str(path) for path in relation.GetTargets())


def _body_of(prim: Usd.Prim) -> Usd.Prim | None:
    """Return the nearest rigid body at or above `prim` that moves it, None if it stands still."""
    while prim and not prim.IsPseudoRoot():
        body = UsdPhysics.RigidBodyAPI(prim)
        if prim.HasAPI(UsdPhysics.RigidBodyAPI) and body.GetRigidBodyEnabledAttr().Get() is not False:
            return prim
        prim = prim.GetParent()
    return None


def _moving(reader: _Reader) -> MovingBodies:
    """Gather the shapes of each body; flat ones have no inside that anything could get into."""
    if not reader.moving:
        return MovingBodies()
    paths = tuple(dict.fromkeys(path for path, _ in reader.moving))
    number = {path: i for i, path in enumerate(paths)}
    solids = [solid_of(corners.reshape(-1, 3), number[path]) for path, corners in reader.moving]
    return MovingBodies(
        paths,
        tuple(path not in reader.driven for path in paths),
        tuple(solid for solid in solids if solid),
        np.concatenate([corners for _, corners in reader.moving]),
        np.repeat([number[path] for path, _ in reader.moving], [len(corners) for _, corners in reader.moving]),
    )


def _approximation(prim: Usd.Prim) -> str:
    if not prim.HasAPI(UsdPhysics.MeshCollisionAPI):
        return "none"
    return str(UsdPhysics.MeshCollisionAPI(prim).GetApproximationAttr().Get() or "none")


def _world_corners(prim: Usd.Prim, cache: UsdGeom.XformCache) -> Floats:
    matrix = np.array(cache.GetLocalToWorldTransform(prim), dtype=np.float64)
    if not np.isfinite(matrix).all():
        raise BrokenCollider("transform", "its transform is not finite.")
    handedness = float(np.linalg.det(matrix[:3, :3]))
    if abs(handedness) < 1e-12:
        raise BrokenCollider("transform", "its transform flattens it (a scale is zero).")
    corners = shape_corners(prim) @ matrix[:3, :3] + matrix[3, :3]
    return corners[:, ::-1] if handedness < 0 else corners


def _assembled(reader: _Reader) -> StaticColliders:
    lower, upper = _bounds(reader)
    if not reader.parts:
        if all(f.code != "physics.broken_collider" for f in reader.findings):
            message = "No static collider: nothing that stands still carries an enabled PhysicsCollisionAPI, so robots "
            reader.note("no_collider", Severity.ERROR, message + "fall through the scene.")
    elif not PLAUSIBLE_EXTENT[0] <= (extent := float((upper - lower).max())) <= PLAUSIBLE_EXTENT[1]:
        message = f"The colliders are {extent:.4g} m wide; that is no place for a robot. Are they in other units?"
        reader.note("extent", Severity.ERROR, message)
    return StaticColliders(
        np.concatenate([np.zeros((0, 3, 3)), *reader.parts]),
        tuple(reader.paths),
        tuple(kind == "Mesh" for kind in reader.kinds),
        np.repeat(np.arange(len(reader.parts)), [len(part) for part in reader.parts]),
        lower,
        upper,
        tuple(reader.scenes),
        _moving(reader),
        tuple(reader.findings),
    )


def _bounds(reader: _Reader) -> tuple[Floats, Floats]:
    """Return the corners of the box around everything finite and the planes near it; around the planes if alone."""
    if not reader.parts:
        return np.zeros(3), np.zeros(3)
    low, high = (np.array([edge(part, axis=(0, 1)) for part in reader.parts]) for edge in (np.min, np.max))
    endless = np.array([kind == "Plane" for kind in reader.kinds])
    if endless.all() or not endless.any():
        return low.min(axis=0), high.max(axis=0)
    lower, upper = low[~endless].min(axis=0), high[~endless].max(axis=0)
    near_low = np.maximum(low[endless], lower - PLANE_MARGIN).min(axis=0)
    near_high = np.minimum(high[endless], upper + PLANE_MARGIN).max(axis=0)
    return np.minimum(lower, near_low), np.maximum(upper, near_high)
