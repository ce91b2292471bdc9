"""A robot as physics sees it: links, hinges and simple shapes, read from an MJCF file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InvalidRequest, MissingDependency

__all__ = ["Hinge", "Link", "RobotModel", "Shape", "read_mjcf"]

Floats = npt.NDArray[np.float64]

#: Shapes that touch things are in this group of MuJoCo Menagerie's models; pictures are in others.
COLLISION_GROUP = 3


@dataclass(frozen=True)
class Link:
    """A rigid body.

    Attributes:
        name: unique in its robot.
        parent: index of the link that carries it, -1 for the root.
        position: of its frame in its parent's [m], shape (3,).
        quat_wxyz: its frame in its parent's.
        mass: [kg].
        centre: of mass, own frame [m], shape (3,).
        inertia: principal moments about the centre of mass [kg m^2], shape (3,).
        inertia_quat_wxyz: their axes in the own frame.
    """

    name: str
    parent: int
    position: Floats
    quat_wxyz: Floats
    mass: float
    centre: Floats
    inertia: Floats
    inertia_quat_wxyz: Floats


@dataclass(frozen=True)
class Hinge:
    """A joint that turns a link about an axis through its parent.

    Attributes:
        name: unique in its robot.
        link: index of the link that it turns.
        axis: unit vector in the link's frame, shape (3,).
        anchor: point on the axis in the link's frame [m], shape (3,).
        lower, upper: bounds of its angle [rad].
        damping: [N m s/rad].
        friction: torque that it takes to move it [N m].
        armature: inertia of its rotor [kg m^2].
        torque_max: of its motor [N m].
    """

    name: str
    link: int
    axis: Floats
    anchor: Floats
    lower: float
    upper: float
    damping: float
    friction: float
    armature: float
    torque_max: float


@dataclass(frozen=True)
class Shape:
    """What touches things.

    Attributes:
        link: index of the link that it is fixed to.
        kind: "sphere", "box", "cylinder" or "capsule", the last two along their z.
        size: sphere: radius; box: half sides; cylinder and capsule: radius and half length of the straight part [m].
        position: in the link's frame [m], shape (3,).
        quat_wxyz: in the link's frame.
        friction: coefficient of sliding friction.
    """

    link: int
    kind: str
    size: tuple[float, ...]
    position: Floats
    quat_wxyz: Floats
    friction: float


@dataclass(frozen=True)
class RobotModel:
    """Links (the first is the root, parents before children), hinges in the order of the file, and shapes."""

    links: tuple[Link, ...]
    hinges: tuple[Hinge, ...]
    shapes: tuple[Shape, ...]

    @property
    def hinge_names(self) -> tuple[str, ...]:
        return tuple(hinge.name for hinge in self.hinges)

    def link_index(self, name: str) -> int:
        """Return the index of the link of that name.

        Raises:
            InvalidRequest: there is none.
        """
        names = [link.name for link in self.links]
        if name not in names:
            raise InvalidRequest(f"robot model: it has no link {name}; it has: {', '.join(names)}.")
        return names.index(name)

    def poses_at(self, root_position: Floats, root_quat_wxyz: Floats, angles: Floats) -> list[tuple[Floats, Floats]]:
        """Return (position [m], quaternion wxyz) of each link in the world for hinge angles [rad], shape (H,)."""
        from ..types.rotations import matrix_from_quat, multiply_quats

        turns = {hinge.link: (hinge, float(angle)) for hinge, angle in zip(self.hinges, angles, strict=True)}
        poses = [(np.asarray(root_position, np.float64), np.asarray(root_quat_wxyz, np.float64))]
        for number, link in enumerate(self.links[1:], 1):
            origin, turn = poses[link.parent]
            place = origin + matrix_from_quat(turn) @ link.position
            frame: Floats = np.asarray(multiply_quats(turn, link.quat_wxyz), np.float64)
            if number in turns:
                hinge, angle = turns[number]
                bend = np.concatenate([[np.cos(angle / 2)], np.sin(angle / 2) * hinge.axis])
                place = place + matrix_from_quat(frame) @ (hinge.anchor - matrix_from_quat(bend) @ hinge.anchor)
                frame = np.asarray(multiply_quats(frame, bend), np.float64)
            poses.append((place, frame))
        return poses


def read_mjcf(path: Path) -> RobotModel:
    """Read the links, hinges and collision shapes of the one robot in an MJCF file; meshes are left out, unread.

    Raises:
        InvalidRequest: the file is no MJCF, its robot does not float, or it has joints that are no hinges.
        MissingDependency: mujoco is not installed.
    """
    try:
        import mujoco
    except ImportError as error:
        raise MissingDependency("mujoco", "reading robot models", "lyra-backend[physics]") from error
    try:
        spec = mujoco.MjSpec.from_file(str(path))
        _drop_meshes(spec, mujoco.mjtGeom.mjGEOM_MESH)
        model = spec.compile()
    except (ValueError, OSError, RuntimeError) as error:
        raise InvalidRequest(f"robot model {path.name}: MuJoCo cannot read it: {error}") from error
    free, hinge = int(mujoco.mjtJoint.mjJNT_FREE), int(mujoco.mjtJoint.mjJNT_HINGE)
    kinds = model.jnt_type.tolist()
    if kinds[:1] != [free] or any(kind != hinge for kind in kinds[1:]):
        raise InvalidRequest(f"robot model {path.name}: it must float freely and have hinges only.")
    return RobotModel(_links(model), _hinges(model), _shapes(model, mujoco.mjtGeom))


def _drop_meshes(spec: Any, mesh: Any) -> None:
    """Delete shapes that are meshes, so that their files need not be there."""
    for geom in list(spec.geoms):
        if geom.type == mesh:
            spec.delete(geom)
    for asset in list(spec.meshes):
        spec.delete(asset)


def _links(model: Any) -> tuple[Link, ...]:
    """Return the bodies but the world, which MuJoCo has as number 0."""
    return tuple(
        Link(
            model.body(i).name,
            int(model.body_parentid[i]) - 1,
            np.array(model.body_pos[i]),
            np.array(model.body_quat[i]),
            float(model.body_mass[i]),
            np.array(model.body_ipos[i]),
            np.array(model.body_inertia[i]),
            np.array(model.body_iquat[i]),
        )
        for i in range(1, model.nbody)
    )


def _hinges(model: Any) -> tuple[Hinge, ...]:
    torques = _torques(model)
    found = []
    for i in range(1, model.njnt):
        dof = int(model.jnt_dofadr[i])
        lower, upper = model.jnt_range[i] if model.jnt_limited[i] else (-np.pi, np.pi)
        found.append(
            Hinge(
                model.joint(i).name,
                int(model.jnt_bodyid[i]) - 1,
                np.array(model.jnt_axis[i]),
                np.array(model.jnt_pos[i]),
                float(lower),
                float(upper),
                float(model.dof_damping[dof]),
                float(model.dof_frictionloss[dof]),
                float(model.dof_armature[dof]),
                torques[i],
            )
        )
    return tuple(found)


def _torques(model: Any) -> list[float]:
    """Return the largest torque of each joint's motor: the joint's own bound, else that of a motor's control."""
    torques = [
        float(high) if limited else np.inf
        for limited, (_, high) in zip(model.jnt_actfrclimited, model.jnt_actfrcrange, strict=True)
    ]
    for joint, limited, (_, high), gain, bias in zip(
        model.actuator_trnid[:, 0],
        model.actuator_ctrllimited,
        model.actuator_ctrlrange,
        model.actuator_gainprm[:, 0],
        model.actuator_biasprm,
        strict=True,
    ):
        if limited and not np.any(bias):  # a motor, whose control is its torque
            torques[joint] = min(torques[joint], float(gain * high))
    return torques


def _shapes(model: Any, kinds: Any) -> tuple[Shape, ...]:
    sizes = {kinds.mjGEOM_SPHERE: ("sphere", 1), kinds.mjGEOM_BOX: ("box", 3)}
    sizes |= {kinds.mjGEOM_CYLINDER: ("cylinder", 2), kinds.mjGEOM_CAPSULE: ("capsule", 2)}
    named = {int(kind): value for kind, value in sizes.items()}
    return tuple(
        Shape(
            int(model.geom_bodyid[i]) - 1,
            named[int(model.geom_type[i])][0],
            tuple(float(x) for x in model.geom_size[i][: named[int(model.geom_type[i])][1]]),
            np.array(model.geom_pos[i]),
            np.array(model.geom_quat[i]),
            float(model.geom_friction[i][0]),
        )
        for i in range(model.ngeom)
        if model.geom_group[i] == COLLISION_GROUP and int(model.geom_type[i]) in named and model.geom_bodyid[i]
    )
