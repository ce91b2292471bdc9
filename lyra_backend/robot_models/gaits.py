"""How robots stand and walk: gains of their joints, their stance, and the neural policy that moves them.

The numbers of the Go2 are those of rl_sar's deployment of robot_lab's policy, which the package that brings the policy
states (gains, scales, order of joints, stance, rate); the armature, friction and viscosity of its joints are those that
its authors fitted to runs of a real Go2 under this policy. The G1's gains are those of MuJoCo Menagerie's ``g1.xml``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import InvalidRequest, MissingDependency
from .model import RobotModel

__all__ = ["CONTROL_S", "G1_STANCE", "GO2_WALK", "Servo", "Stance", "WalkingPolicy", "hold"]

Floats = npt.NDArray[np.float64]

#: Time between two commands to the joints [s].
CONTROL_S = 0.02


@dataclass(frozen=True)
class Servo:
    """A joint's motor, a spring and a damper towards its target.

    Attributes:
        stiffness: [N m/rad].
        damping: [N m s/rad].
        torque_max: [N m].
        armature: inertia of its rotor [kg m^2].
        friction: torque that it takes to move it [N m].
        viscosity: torque for each speed that is lost [N m s/rad].
    """

    stiffness: float
    damping: float
    torque_max: float
    armature: float
    friction: float
    viscosity: float


@dataclass(frozen=True)
class Stance:
    """How a robot stands.

    Attributes:
        stiffness, damping: of all joints [N m/rad], [N m s/rad].
        angles: of hinges whose names end so [rad]; the others are at zero.
        joint: armature [kg m^2], friction [N m] and viscosity [N m s/rad] of all joints; None: those of the model.
        upright: height of the root over the ground in this stance [m].
    """

    stiffness: float
    damping: float
    angles: Mapping[str, float]
    upright: float
    joint: tuple[float, float, float] | None = None

    def angles_of(self, model: RobotModel) -> Floats:
        """Return the angles [rad] of the model's hinges, shape (H,)."""
        return np.array(
            [next((a for end, a in self.angles.items() if name.endswith(end)), 0.0) for name in model.hinge_names]
        )


#: The keyframe "stand" of Menagerie's g1.xml; in it the soles are 0.79 m below the pelvis.
G1_STANCE = Stance(
    500.0,
    5.0,
    {
        "left_shoulder_pitch_joint": 0.2,
        "left_shoulder_roll_joint": 0.2,
        "right_shoulder_pitch_joint": 0.2,
        "right_shoulder_roll_joint": -0.2,
        "elbow_joint": 1.28,
    },
    0.79,
)
GO2_WALK = Stance(20.0, 0.5, {"thigh_joint": 0.8, "calf_joint": -1.5}, 0.335, (0.00712, 0.365, 0.285))


def hold(model: RobotModel, stance: Stance) -> tuple[Servo, ...]:
    """Return the servos of a model's hinges that hold a stance."""
    return tuple(
        Servo(
            stance.stiffness,
            stance.damping,
            hinge.torque_max,
            *(stance.joint or (hinge.armature, hinge.friction, hinge.damping)),
        )
        for hinge in model.hinges
    )


class WalkingPolicy:
    """rl_sar's velocity-tracking policy of a Go2: 45 observations to 12 angles, one robot at a time."""

    ORDER = tuple(f"{leg}_{part}_joint" for leg in ("FR", "FL", "RR", "RL") for part in ("hip", "thigh", "calf"))
    ACTION_SCALE = np.array([0.125, 0.25, 0.25] * 4)
    TURN_SCALE, SPEED_SCALE, MOST = 0.25, 0.05, 100.0

    def __init__(self, path: Path, model: RobotModel) -> None:
        """Load the network at `path` for robots with the hinges of `model`.

        Raises:
            InvalidRequest: the model has other hinges than the policy moves, or the file is no such network.
            MissingDependency: onnxruntime is not installed.
        """
        try:
            import onnxruntime
        except ImportError as error:
            raise MissingDependency("onnxruntime", "walking robots", "physics") from error
        if sorted(self.ORDER) != sorted(model.hinge_names):
            raise InvalidRequest(f"walking policy: it moves {len(self.ORDER)} hinges of a Go2, the model has others.")
        self._column = np.array([model.hinge_names.index(name) for name in self.ORDER])
        self._stance = GO2_WALK.angles_of(model)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        try:
            self._network = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's own, which are plain classes of its binding
            raise InvalidRequest(f"walking policy {path.name}: onnxruntime cannot load it: {error}") from error
        self._input = self._network.get_inputs()[0].name

    def act(
        self, spin: Floats, gravity: Floats, angles: Floats, speeds: Floats, command: Floats, last: Floats
    ) -> tuple[Floats, Floats]:
        """Return the angles that the servos aim at next, in the model's order (12,) [rad], and the action (12,).

        Args:
            spin: angular velocity of the base in its own frame [rad/s], shape (3,).
            gravity: unit vector downwards in the base's frame, shape (3,).
            angles, speeds: of the model's hinges [rad], [rad/s], shape (12,).
            command: speed forwards [m/s], to the left [m/s], turn to the left [rad/s], shape (3,).
            last: the action before, zero at first, shape (12,).
        """
        bent = (angles - self._stance)[self._column]
        seen = [spin * self.TURN_SCALE, gravity, command, bent, speeds[self._column] * self.SPEED_SCALE, last]
        row = np.clip(np.concatenate(seen), -self.MOST, self.MOST).astype(np.float32)[None]
        action = np.clip(self._network.run(None, {self._input: row})[0][0].astype(np.float64), -self.MOST, self.MOST)
        targets = self._stance.copy()
        targets[self._column] += action * self.ACTION_SCALE
        return targets, action
