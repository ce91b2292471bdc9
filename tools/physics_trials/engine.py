"""Colliders as a run authors them, with bodies among them, simulated by PhysX."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from known_scenes.solids import Floats
from pxr import Gf, Sdf, Usd, UsdGeom, UsdPhysics, UsdShade

from lyra_backend.author import collision
from lyra_backend.progress import Progress
from lyra_backend.types import CollisionProxy
from lyra_backend.validate.engine_process import Job, Run, Trace, run_engine

__all__ = ["DT_S", "PREFIX", "Body", "Trial", "ball", "simulate", "trial_stage", "write_trial"]

DT_S = 1 / 120
PREFIX = "/Trial/body_"
_RAY_LENGTH_M = 50.0
_TIMEOUT_S = 900.0
#: Most force [N] with which a body is pushed: that of a person leaning on it.
_PUSH_N = 400.0


@dataclass(frozen=True)
class Body:
    """A box or a ball.

    Attributes:
        position: its centre at the start [m].
        size: sides of the box [m], or three times the diameter of the ball.
        is_ball: which of the two.
        velocity: at the start [m/s].
        mass_kg: its mass.
        falls: gravity acts on it.
        pushed: speed [m/s] along x at which it is kept as far as a push of 400 N can; None: it is left alone.
    """

    position: tuple[float, float, float]
    size: tuple[float, float, float]
    is_ball: bool = False
    velocity: tuple[float, float, float] = (0.0, 0.0, 0.0)
    mass_kg: float = 1.0
    falls: bool = True
    pushed: float | None = None


@dataclass(frozen=True)
class Trial:
    """A collider, the bodies in it, for how long [s], and places (R, 3) from which the engine casts rays down."""

    proxy: CollisionProxy
    bodies: Sequence[Body]
    seconds: float
    rays: Floats | None = None


def ball(position: Floats | Sequence[float], radius: float, velocity: Sequence[float], **rest: float | bool) -> Body:
    """Return a ball with a start velocity [m/s]; its density is that of rubber."""
    x, y, z = (float(v) for v in position)
    mass = 1100.0 * 4 / 3 * np.pi * radius**3
    vx, vy, vz = (float(v) for v in velocity)
    return Body((x, y, z), (2 * radius,) * 3, True, (vx, vy, vz), float(mass), **rest)  # type: ignore[arg-type]


def simulate(trials: Mapping[str, Trial]) -> dict[str, Trace]:
    """Return what happened in each trial; all run in one process of the engine.

    Raises:
        RuntimeError: the engine reported errors.
        EngineFailed: it crashed.
    """
    with tempfile.TemporaryDirectory(prefix="lyra-trials-", ignore_cleanup_errors=True) as name:
        runs = []
        for number, (key, trial) in enumerate(trials.items()):
            usd = write_trial(Path(name) / f"trial_{number}", trial.proxy, trial.bodies)
            rays = [] if trial.rays is None else trial.rays.tolist()
            steps = max(1, round(trial.seconds / DT_S))
            runs.append(Run(key, str(usd), PREFIX, len(trial.bodies), steps, DT_S, rays, _RAY_LENGTH_M))
        result = run_engine(Job(tuple(runs)), Path(name), _TIMEOUT_S, Progress())
    if result.errors:
        raise RuntimeError(f"PhysX: {'; '.join(result.errors)}")
    return dict(result.traces)


def write_trial(folder: Path, proxy: CollisionProxy, bodies: Sequence[Body], *, asleep: bool = True) -> Path:
    """Write a stage with a collider and bodies into a new `folder`; return its path.

    Args:
        folder: made here.
        proxy: written as a run writes it.
        bodies: numbered from 0 below `PREFIX`.
        asleep: resting bodies may sleep; otherwise every step costs what it costs.
    """
    stage = trial_stage(folder, proxy)
    material = _author_material(stage)
    for number, body in enumerate(bodies):
        _author_body(stage, f"{PREFIX}{number}", body, material, asleep)
    stage.Save()
    return Path(stage.GetRootLayer().realPath)


def trial_stage(folder: Path, proxy: CollisionProxy) -> Usd.Stage:
    """Return a stage, not saved, in a new `folder`: colliders as a run writes them and a physics scene for the CPU."""
    folder.mkdir()
    collision.write(proxy, folder / collision.FILE_NAME)
    layer = Sdf.Layer.CreateNew(str(folder / "trial.usda"))
    layer.subLayerPaths.append(f"./{collision.FILE_NAME}")
    stage = Usd.Stage.Open(layer)
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.z)
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    UsdPhysics.SetStageKilogramsPerUnit(stage, 1.0)
    UsdGeom.Xform.Define(stage, "/Trial")
    scene = UsdPhysics.Scene.Define(stage, "/Trial/PhysicsScene")
    scene.CreateGravityDirectionAttr(Gf.Vec3f(0, 0, -1))
    scene.CreateGravityMagnitudeAttr(9.81)
    _author(
        scene.GetPrim(), "PhysxSceneAPI", {"physxScene:enableGPUDynamics": False, "physxScene:broadphaseType": "MBP"}
    )
    return stage


def _author(prim: Usd.Prim, schema: str, values: Mapping[str, bool | float | str]) -> None:
    """Apply a schema by name and set its attributes."""
    kinds = {bool: Sdf.ValueTypeNames.Bool, float: Sdf.ValueTypeNames.Float, str: Sdf.ValueTypeNames.Token}
    prim.AddAppliedSchema(schema)
    for name, value in values.items():
        prim.CreateAttribute(name, kinds[type(value)]).Set(value)


def _author_material(stage: Usd.Stage) -> UsdShade.Material:
    material = UsdShade.Material.Define(stage, "/Trial/Rubber")
    physics = UsdPhysics.MaterialAPI.Apply(material.GetPrim())
    physics.CreateStaticFrictionAttr(0.6)
    physics.CreateDynamicFrictionAttr(0.5)
    physics.CreateRestitutionAttr(0.0)
    return material


def _author_body(stage: Usd.Stage, path: str, body: Body, material: UsdShade.Material, asleep: bool) -> None:
    if body.is_ball:
        shape = UsdGeom.Sphere.Define(stage, path)
        shape.CreateRadiusAttr(body.size[0] / 2)
        shape.AddTranslateOp().Set(Gf.Vec3d(*body.position))
    else:
        shape = UsdGeom.Cube.Define(stage, path)
        shape.CreateSizeAttr(1.0)
        shape.AddTranslateOp().Set(Gf.Vec3d(*body.position))
        shape.AddScaleOp().Set(Gf.Vec3f(*body.size))
    prim = shape.GetPrim()
    UsdPhysics.CollisionAPI.Apply(prim)
    UsdPhysics.MassAPI.Apply(prim).CreateMassAttr(body.mass_kg)
    UsdPhysics.RigidBodyAPI.Apply(prim).CreateVelocityAttr(Gf.Vec3f(*body.velocity))
    UsdShade.MaterialBindingAPI.Apply(prim).Bind(material, materialPurpose="physics")
    # balls shall roll as long as the floor lets them
    values: dict[str, bool | float | str] = {
        "physxRigidBody:angularDamping": 0.0,
        "physxRigidBody:disableGravity": not body.falls,
    }
    if not asleep:
        values["physxRigidBody:sleepThreshold"] = 0.0
    _author(prim, "PhysxRigidBodyAPI", values)
    if body.pushed is not None:
        _author_push(stage, f"{path}_push", path, body)


def _author_push(stage: Usd.Stage, path: str, body_path: str, body: Body) -> None:
    """A joint to the world that leaves the body free and drives it along x."""
    joint = UsdPhysics.Joint.Define(stage, path)
    joint.CreateBody1Rel().SetTargets([body_path])
    joint.CreateLocalPos0Attr(Gf.Vec3f(*body.position))
    drive = UsdPhysics.DriveAPI.Apply(joint.GetPrim(), "transX")
    drive.CreateTypeAttr("force")
    drive.CreateTargetVelocityAttr(body.pushed)
    drive.CreateStiffnessAttr(0.0)
    drive.CreateDampingAttr(1e4)
    drive.CreateMaxForceAttr(_PUSH_N)
