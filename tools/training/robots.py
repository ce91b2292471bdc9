"""Robots that come with no download: a base that drives, and Newton's own quadruped.

Does: build one in Newton, and turn actions into targets of its joints' drives and coordinates into what it feels. Does
not: simulate.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from .simulation import GAP_M, Budget

__all__ = ["ROBOTS", "Base", "Quadruped", "Robot"]

Floats = npt.NDArray[np.floating]


class Robot(Protocol):
    """What an environment must know of a robot; N environments, actions between -1 and 1.

    Attributes:
        name: word of the command line.
        budget: room in the contact buffers that an environment takes.
        ground_friction: coefficient that the ground has.
        radius_m: of the upright cylinder that holds it.
        eye_m: of its planar rays above the ground that it stands on.
        root_m: of its root above that ground.
        action_count: numbers in an action.
    """

    name: str
    budget: Budget
    ground_friction: float
    radius_m: float
    eye_m: float
    root_m: float
    action_count: int

    def build(self) -> Any:
        """Return a newton.ModelBuilder with one of them at the origin."""

    def joints_at(self, places: Floats, yaws_rad: Floats) -> Floats:
        """Return coordinates (N, C) of robots that stand on places (N, 3) and look along yaws (N,)."""

    def targets(self, actions: Floats, joint_q: Floats) -> tuple[Floats | None, Floats | None]:
        """Return targets of joint coordinates and of their speeds for actions (N, action_count)."""

    def roots(self, joint_q: Floats) -> tuple[Floats, Floats, Floats]:
        """Return positions (N, 3), yaws (N,), and z of the robots' own upward axes (N,)."""

    def feels(self, joint_q: Floats, joint_qd: Floats) -> Floats:
        """Return what each feels of itself, of the order of 1, shape (N, F)."""


class Base:
    """A base on two wheels and a ball, of the size of Nova Carter, as an upright capsule that cannot tip.

    Its joint slides along x, y and z and turns about z; nothing but the ground holds it up. It is driven by forces that
    have limits, forwards and in turning, and kept from slipping sideways as wheels do. Its own friction takes the place
    of the ground's, being that of rolling.
    """

    name = "base"
    budget = Budget(contacts=24, triangle_pairs=600, constraint_rows=110)
    ground_friction = 1.0
    radius_m, height_m = 0.25, 0.6
    eye_m, root_m = 0.3, 0.3
    action_count = 2
    mass_kg, rolling_friction = 50.0, 0.05
    most_m_s, most_rad_s = 1.0, 2.0
    #: Largest push [N] and turn [N m], and how hard a difference of speed is answered [N s/m, N m s].
    force_n, torque_nm, gain, turn_gain = 150.0, 30.0, 600.0, 40.0

    def build(self) -> Any:
        import newton

        builder = newton.ModelBuilder(up_axis=newton.Axis.Z)
        newton.solvers.SolverMuJoCo.register_custom_attributes(builder)
        body = builder.add_link()
        cylinder_m = self.height_m - 2 * self.radius_m
        density = self.mass_kg / (np.pi * self.radius_m**2 * (cylinder_m + 4 / 3 * self.radius_m))
        builder.add_shape_capsule(
            body,
            radius=self.radius_m,
            half_height=cylinder_m / 2,
            cfg=newton.ModelBuilder.ShapeConfig(density=float(density), mu=self.rolling_friction, gap=GAP_M),
            # Of two shapes the one with more says what the friction is; of equals, the larger coefficient holds.
            custom_attributes={"mujoco:geom_priority": 1},
        )
        builder.add_articulation([self._joint(builder, body)])
        return builder

    def _joint(self, builder: Any, body: int) -> int:
        import newton

        axis, mode = newton.ModelBuilder.JointDofConfig, newton.JointTargetMode.VELOCITY
        push: dict[str, Any] = {"target_kd": self.gain, "effort_limit": self.force_n, "actuator_mode": mode}
        turn: dict[str, Any] = {"target_kd": self.turn_gain, "effort_limit": self.torque_nm, "actuator_mode": mode}
        return int(
            builder.add_joint_d6(
                -1,
                body,
                linear_axes=[axis(axis=newton.Axis.X, **push), axis(axis=newton.Axis.Y, **push), axis(axis=(0, 0, 1))],
                angular_axes=[axis(axis=newton.Axis.Z, **turn)],
            )
        )

    def joints_at(self, places: Floats, yaws_rad: Floats) -> Floats:
        return np.column_stack([places + [0.0, 0.0, self.root_m], yaws_rad])

    def targets(self, actions: Floats, joint_q: Floats) -> tuple[Floats | None, Floats | None]:
        speed, yaw = actions[:, 0] * self.most_m_s, joint_q[:, 3]
        level = np.column_stack([speed * np.cos(yaw), speed * np.sin(yaw)])
        return None, np.column_stack([level, np.zeros(len(speed)), actions[:, 1] * self.most_rad_s])

    def roots(self, joint_q: Floats) -> tuple[Floats, Floats, Floats]:
        return joint_q[:, :3], joint_q[:, 3], np.ones(len(joint_q))

    def feels(self, joint_q: Floats, joint_qd: Floats) -> Floats:
        cosine, sine = np.cos(joint_q[:, 3]), np.sin(joint_q[:, 3])
        forwards = joint_qd[:, 0] * cosine + joint_qd[:, 1] * sine
        return np.column_stack([forwards / self.most_m_s, joint_qd[:, 3] / self.most_rad_s])


class Quadruped:
    """``quadruped.urdf`` of Newton's examples: twelve joints that hold a stance, moved about it by actions."""

    name = "quadruped"
    budget = Budget(contacts=48, triangle_pairs=1200, constraint_rows=220)
    ground_friction = 1.0
    radius_m = 0.5
    eye_m, root_m = 0.4, 0.5
    action_count = 12
    #: How far an action moves a joint from the stance [rad]; stiffness and damping of the drives.
    reach_rad, stiffness, damping = 0.25, 2000.0, 20.0
    #: Turns of hip, thigh and shank of the four legs, standing [rad].
    stance = np.array([0.2, 0.4, -0.6, -0.2, -0.4, 0.6, -0.2, 0.4, -0.6, 0.2, -0.4, 0.6])

    def build(self) -> Any:
        import newton
        import newton.examples
        import warp as wp

        builder = newton.ModelBuilder(up_axis=newton.Axis.Z)
        newton.solvers.SolverMuJoCo.register_custom_attributes(builder)
        builder.default_joint_cfg.armature = 0.01
        builder.default_joint_cfg.target_ke, builder.default_joint_cfg.target_kd = self.stiffness, self.damping
        builder.default_shape_cfg.mu, builder.default_shape_cfg.gap = 1.0, GAP_M
        builder.add_urdf(
            newton.examples.get_asset("quadruped.urdf"),
            floating=True,
            enable_self_collisions=False,
            ignore_inertial_definitions=True,
            joint_damping_mode="drive",
        )
        # Its thin links turn so easily that the drives would need shorter steps.
        more = 0.01 * np.eye(3, dtype=np.float32)
        for body in range(builder.body_count):
            inertia = np.asarray(builder.body_inertia[body], np.float32).reshape(3, 3)
            builder.body_inertia[body] = wp.mat33(inertia + more)
        builder.joint_q[-12:] = builder.joint_target_q[-12:] = self.stance.tolist()
        return builder

    def joints_at(self, places: Floats, yaws_rad: Floats) -> Floats:
        half, count = yaws_rad / 2, len(places)
        turn = np.column_stack([np.zeros((count, 2)), np.sin(half), np.cos(half)])  # xyzw, as Newton has it
        return np.column_stack([places + [0.0, 0.0, self.root_m], turn, np.tile(self.stance, (count, 1))])

    def targets(self, actions: Floats, joint_q: Floats) -> tuple[Floats | None, Floats | None]:
        return np.column_stack([joint_q[:, :7], self.stance + self.reach_rad * actions]), None

    def roots(self, joint_q: Floats) -> tuple[Floats, Floats, Floats]:
        x, y, z, w = joint_q[:, 3:7].T
        yaw = np.arctan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))
        return joint_q[:, :3], yaw, 1 - 2 * (x * x + y * y)

    def feels(self, joint_q: Floats, joint_qd: Floats) -> Floats:
        x, y, z, w = joint_q[:, 3:7].T
        # The third row of the turn: where "down" is, seen from the body.
        up = np.column_stack([2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)])
        return np.column_stack([up, joint_q[:, 7:] - self.stance, joint_qd / 10.0])


ROBOTS: dict[str, type[Base] | type[Quadruped]] = {robot.name: robot for robot in (Base, Quadruped)}
