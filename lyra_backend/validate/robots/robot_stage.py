"""The temporary stage that puts robots into a scene; the scene's own files stay as they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pxr import Gf, Sdf, Usd, UsdGeom, UsdPhysics, UsdShade

from ...robot_models.gaits import Servo
from ...robot_models.model import Hinge, Link, RobotModel, Shape
from ...types.rotations import multiply_quats
from ..physics_stage import open_over

__all__ = ["ROBOT_ROOT", "Placed", "robot_path", "write_robot_stage"]

Floats = npt.NDArray[np.float64]

ROBOT_ROOT = "/LyraRobotTrial"
#: Solver iterations of an articulation: Isaac Lab's for legged robots, 4, doubled because contacts are with meshes.
POSITION_ITERATIONS, VELOCITY_ITERATIONS = 8, 1


@dataclass(frozen=True)
class Placed:
    """A robot at its start.

    Attributes:
        model: its body.
        servos: gains of its joints, in the order of the model's hinges.
        position: of its root, world frame [m], shape (3,).
        quat_wxyz: of its root.
        angles: of its hinges [rad], shape (H,); the servos hold them.
    """

    model: RobotModel
    servos: tuple[Servo, ...]
    position: Floats
    quat_wxyz: Floats
    angles: Floats


def robot_path(number: int) -> str:
    """Return the prim path of a robot; its links are children of it, named as in its model."""
    return f"{ROBOT_ROOT}/robot_{number}"


def write_robot_stage(scene: Path, physics_scenes: tuple[str, ...], robots: Sequence[Placed], out: Path) -> None:
    """Write a stage that sublayers `scene` and adds `robots`, which collide with the scene and not with each other."""
    stage = open_over(scene, physics_scenes, ROBOT_ROOT, out)
    for number, robot in enumerate(robots):
        _author_robot(stage, robot_path(number), robot)
    group = UsdPhysics.CollisionGroup.Define(stage, f"{ROBOT_ROOT}/Robots")
    group.GetCollidersCollectionAPI().CreateIncludesRel().AddTarget(ROBOT_ROOT)
    group.CreateFilteredGroupsRel().AddTarget(group.GetPath())
    stage.GetRootLayer().Save()


def _author_robot(stage: Usd.Stage, path: str, robot: Placed) -> None:
    root = UsdGeom.Xform.Define(stage, path).GetPrim()
    model = robot.model
    poses = model.poses_at(robot.position, robot.quat_wxyz, robot.angles)
    for link, pose in zip(model.links, poses, strict=True):
        _author_link(stage, f"{path}/{link.name}", link, *pose)
    for number, shape in enumerate(model.shapes):
        _author_shape(stage, f"{path}/{model.links[shape.link].name}/shape_{number}", shape)
    UsdGeom.Scope.Define(stage, f"{path}/joints")
    for hinge, servo, angle in zip(model.hinges, robot.servos, robot.angles, strict=True):
        _author_hinge(stage, path, model, hinge, servo, float(angle))
    base = stage.GetPrimAtPath(f"{path}/{model.links[0].name}")
    UsdPhysics.ArticulationRootAPI.Apply(base)
    base.AddAppliedSchema("PhysxArticulationAPI")
    _set(base, "physxArticulation:enabledSelfCollisions", Sdf.ValueTypeNames.Bool, False)
    _set(base, "physxArticulation:solverPositionIterationCount", Sdf.ValueTypeNames.Int, POSITION_ITERATIONS)
    _set(base, "physxArticulation:solverVelocityIterationCount", Sdf.ValueTypeNames.Int, VELOCITY_ITERATIONS)
    _set(base, "physxArticulation:sleepThreshold", Sdf.ValueTypeNames.Float, 0.0)
    _bind_materials(stage, path, root, model)


def _author_link(stage: Usd.Stage, path: str, link: Link, position: Floats, quat_wxyz: Floats) -> None:
    prim = UsdGeom.Xform.Define(stage, path).GetPrim()
    _place(UsdGeom.Xformable(prim), position, quat_wxyz)
    UsdPhysics.RigidBodyAPI.Apply(prim)
    mass = UsdPhysics.MassAPI.Apply(prim)
    mass.CreateMassAttr(link.mass)
    mass.CreateCenterOfMassAttr(Gf.Vec3f(*link.centre.tolist()))
    mass.CreateDiagonalInertiaAttr(Gf.Vec3f(*link.inertia.tolist()))
    mass.CreatePrincipalAxesAttr(_quatf(link.inertia_quat_wxyz))
    prim.AddAppliedSchema("PhysxContactReportAPI")
    _set(prim, "physxContactReport:threshold", Sdf.ValueTypeNames.Float, 0.0)


def _author_shape(stage: Usd.Stage, path: str, shape: Shape) -> None:
    prim: UsdGeom.Xformable
    if shape.kind == "box":
        prim = UsdGeom.Cube.Define(stage, path)
        prim.CreateSizeAttr(2.0)
    elif shape.kind == "sphere":
        prim = UsdGeom.Sphere.Define(stage, path)
        prim.CreateRadiusAttr(shape.size[0])
    else:
        # Of a cylinder PhysX makes a hull, with which it can hang amid triangles that are wound the wrong way; a
        # capsule of the same length and thickness is exact.
        radius, half = shape.size
        straight = half if shape.kind == "capsule" else max(half - radius, 0.001)
        prim = UsdGeom.Capsule.Define(stage, path)
        prim.CreateAxisAttr(UsdGeom.Tokens.z)
        prim.CreateRadiusAttr(radius)
        prim.CreateHeightAttr(2.0 * straight)
    _place(prim, shape.position, shape.quat_wxyz)
    if shape.kind == "box":
        prim.AddScaleOp().Set(Gf.Vec3f(*shape.size))
    UsdPhysics.CollisionAPI.Apply(prim.GetPrim())


def _author_hinge(stage: Usd.Stage, path: str, model: RobotModel, hinge: Hinge, servo: Servo, angle: float) -> None:
    link = model.links[hinge.link]
    joint = UsdPhysics.RevoluteJoint.Define(stage, f"{path}/joints/{hinge.name}")
    joint.CreateAxisAttr(UsdPhysics.Tokens.x)
    joint.CreateBody0Rel().SetTargets([f"{path}/{model.links[link.parent].name}"])
    joint.CreateBody1Rel().SetTargets([f"{path}/{link.name}"])
    turn = _from_x_to(hinge.axis)
    joint.CreateLocalPos0Attr(Gf.Vec3f(*(link.position + _rotated(link.quat_wxyz, hinge.anchor)).tolist()))
    joint.CreateLocalRot0Attr(_quatf(multiply_quats(link.quat_wxyz, turn)))
    joint.CreateLocalPos1Attr(Gf.Vec3f(*hinge.anchor.tolist()))
    joint.CreateLocalRot1Attr(_quatf(turn))
    joint.CreateLowerLimitAttr(float(np.degrees(hinge.lower)))
    joint.CreateUpperLimitAttr(float(np.degrees(hinge.upper)))
    prim = joint.GetPrim()
    drive = UsdPhysics.DriveAPI.Apply(prim, UsdPhysics.Tokens.angular)
    drive.CreateTypeAttr(UsdPhysics.Tokens.force)
    # USD gives angular gains for each degree.
    drive.CreateStiffnessAttr(float(np.radians(servo.stiffness)))
    drive.CreateDampingAttr(float(np.radians(servo.damping)))
    drive.CreateMaxForceAttr(servo.torque_max)
    drive.CreateTargetPositionAttr(float(np.degrees(angle)))
    prim.AddAppliedSchema("PhysicsJointStateAPI:angular")
    _set(prim, "state:angular:physics:position", Sdf.ValueTypeNames.Float, float(np.degrees(angle)))
    _set(prim, "state:angular:physics:velocity", Sdf.ValueTypeNames.Float, 0.0)
    prim.AddAppliedSchema("PhysxJointAxisAPI:angular")
    axis = {
        "armature": servo.armature,
        "staticFrictionEffort": servo.friction,
        "dynamicFrictionEffort": servo.friction,
        "viscousFrictionCoefficient": float(np.radians(servo.viscosity)),
    }
    for name, value in axis.items():
        _set(prim, f"physxJointAxis:angular:{name}", Sdf.ValueTypeNames.Float, value)


def _bind_materials(stage: Usd.Stage, path: str, root: Usd.Prim, model: RobotModel) -> None:
    """Give each shape the friction of its robot's model."""
    for number, friction in enumerate(sorted({shape.friction for shape in model.shapes})):
        material = UsdShade.Material.Define(stage, f"{path}/material_{number}")
        physics = UsdPhysics.MaterialAPI.Apply(material.GetPrim())
        physics.CreateStaticFrictionAttr(friction)
        physics.CreateDynamicFrictionAttr(friction)
        physics.CreateRestitutionAttr(0.0)
        for index, shape in enumerate(model.shapes):
            if shape.friction == friction:
                prim = stage.GetPrimAtPath(f"{path}/{model.links[shape.link].name}/shape_{index}")
                UsdShade.MaterialBindingAPI.Apply(prim).Bind(material, materialPurpose="physics")


def _place(prim: UsdGeom.Xformable, position: Floats, quat_wxyz: Floats) -> None:
    prim.AddTranslateOp().Set(Gf.Vec3d(*np.asarray(position, np.float64).tolist()))
    prim.AddOrientOp().Set(_quatf(quat_wxyz))


def _quatf(quat_wxyz: npt.NDArray[np.floating]) -> Gf.Quatf:
    w, x, y, z = (float(value) for value in quat_wxyz)
    return Gf.Quatf(w, x, y, z)


def _set(prim: Usd.Prim, name: str, kind: Sdf.ValueTypeName, value: object) -> None:
    prim.CreateAttribute(name, kind).Set(value)


def _rotated(quat_wxyz: Floats, vector: Floats) -> Floats:
    from ...types.rotations import matrix_from_quat

    return np.asarray(matrix_from_quat(quat_wxyz) @ vector, np.float64)


def _from_x_to(axis: Floats) -> Floats:
    """Return the shortest turn, as a quaternion wxyz, that takes the x axis to the unit vector `axis`."""
    if axis[0] < -0.999999:
        return np.array([0.0, 0.0, 0.0, 1.0])
    quat = np.array([1.0 + axis[0], 0.0, -axis[2], axis[1]])
    return quat / np.linalg.norm(quat)
