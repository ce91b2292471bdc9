"""The temporary stage that adds test bodies to a scene; the scene's own files stay as they are."""

from __future__ import annotations

from pathlib import Path

from pxr import Gf, Sdf, Usd, UsdGeom, UsdPhysics, UsdShade

from .placed_robots import empty_robots
from .probe_bodies import BOX_HALF_SIDE, SPHERE_RADIUS, Bodies

__all__ = ["BODY_PREFIX", "open_over", "write_stage"]

BODY_ROOT = "/LyraPhysicsCheck"
BODY_PREFIX = f"{BODY_ROOT}/body_"


def write_stage(scene: Path, physics_scenes: tuple[str, ...], bodies: Bodies, out: Path) -> None:
    """Write a stage that sublayers `scene`, without robots, and adds `bodies` and what the engine needs on a CPU."""
    stage = open_over(scene, physics_scenes, BODY_ROOT, out)
    material = _author_material(stage)
    for number in range(len(bodies.positions)):
        _author_body(stage, bodies, number, material)
    stage.GetRootLayer().Save()


def open_over(scene: Path, physics_scenes: tuple[str, ...], root: str, out: Path) -> Usd.Stage:
    """Return a new stage in `out` that sublayers `scene`, without robots, and adds what the engine needs on a CPU.

    Args:
        scene: a stage, Z up and in metres.
        physics_scenes: prim paths of its physics scenes; if there are none, one is added.
        root: prim path for what the caller adds.
        out: file to write; the caller saves its root layer.
    """
    layer = Sdf.Layer.CreateNew(str(out))
    layer.subLayerPaths.append(scene.resolve().as_posix())
    empty_robots(layer, scene)
    stage = Usd.Stage.Open(layer)
    # Stage metadata is not composed from sublayers.
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.z)
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    UsdPhysics.SetStageKilogramsPerUnit(stage, 1.0)
    UsdGeom.Xform.Define(stage, root)
    for path in physics_scenes or (f"{root}/PhysicsScene",):
        prim = UsdPhysics.Scene.Define(stage, path).GetPrim()
        prim.AddAppliedSchema("PhysxSceneAPI")
        prim.CreateAttribute("physxScene:enableGPUDynamics", Sdf.ValueTypeNames.Bool).Set(False)
        prim.CreateAttribute("physxScene:broadphaseType", Sdf.ValueTypeNames.Token).Set("MBP")
    return stage


def _author_material(stage: Usd.Stage) -> UsdShade.Material:
    material = UsdShade.Material.Define(stage, f"{BODY_ROOT}/Rubber")
    physics = UsdPhysics.MaterialAPI.Apply(material.GetPrim())
    physics.CreateStaticFrictionAttr(0.9)
    physics.CreateDynamicFrictionAttr(0.8)
    physics.CreateRestitutionAttr(0.0)
    return material


def _author_body(stage: Usd.Stage, bodies: Bodies, number: int, material: UsdShade.Material) -> None:
    path = f"{BODY_PREFIX}{number}"
    if bodies.box[number]:
        shape = UsdGeom.Cube.Define(stage, path)
        shape.CreateSizeAttr(2 * BOX_HALF_SIDE)
    else:
        shape = UsdGeom.Sphere.Define(stage, path)
        shape.CreateRadiusAttr(SPHERE_RADIUS)
    shape.AddTranslateOp().Set(Gf.Vec3d(*bodies.positions[number].tolist()))
    prim = shape.GetPrim()
    UsdPhysics.CollisionAPI.Apply(prim)
    UsdPhysics.MassAPI.Apply(prim).CreateMassAttr(2.0 if bodies.box[number] else 0.5)
    UsdPhysics.RigidBodyAPI.Apply(prim).CreateVelocityAttr(Gf.Vec3f(*bodies.velocities[number].tolist()))
    UsdShade.MaterialBindingAPI.Apply(prim).Bind(material, materialPurpose="physics")
    prim.AddAppliedSchema("PhysxRigidBodyAPI")
    # Without rolling friction a ball would never come to rest.
    prim.CreateAttribute("physxRigidBody:angularDamping", Sdf.ValueTypeNames.Float).Set(3.0)
    prim.AddAppliedSchema("PhysxContactReportAPI")
    prim.CreateAttribute("physxContactReport:threshold", Sdf.ValueTypeNames.Float).Set(0.0)
    prim.CreateAttribute("physxRigidBody:disableGravity", Sdf.ValueTypeNames.Bool).Set(not bodies.gravity)
