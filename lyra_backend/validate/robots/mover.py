"""What moves a robot, tick by tick, and what is written down of it."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from ...robot_models.gaits import WalkingPolicy
from ...types.rotations import matrix_from_quat, xyzw_to_wxyz
from .path_follower import PathFollower
from .robot_body import RobotBody

__all__ = ["ARRIVED_M", "Holder", "Mover", "Walker"]

Floats = npt.NDArray[np.float64]

#: A walker stands this long before it goes [s].
SETTLE_S = 0.5
#: It has arrived when its root is this near the goal [m], and stands there for so long [s].
ARRIVED_M, STAND_S = 0.3, 0.5
#: A robot lies when the cosine between its up axis and the vertical is below this; soon after nothing more is learned.
LIES, LIES_S = 0.3, 0.5
#: Who gets on by less than this [m] in so long [s] is stuck.
STUCK_M, STUCK_S = 0.15, 5.0
#: Most that a command changes in a period: forwards, to the left [m/s], turn [rad/s], as a Go2's own driver limits it.
SLEW = np.array([0.05, 0.04, 0.10])


class Mover(Protocol):
    """Moves one robot."""

    body: RobotBody
    seconds_max: float

    def act(self, time_s: float) -> None:
        """Set what the servos aim at from now on."""

    def record(self, time_s: float, forces: Floats, depths: Floats) -> None:
        """Write down where the robot is after the period, forces [N] and depths [m] of its links, shape (L,)."""

    @property
    def finished(self) -> bool:
        """Say whether nothing more is learned from it."""

    def trace(self) -> dict[str, Floats]:
        """Return what was written down."""


class _Recorder:
    """Keeps what a robot does until it is finished."""

    def __init__(self, body: RobotBody, seconds_max: float) -> None:
        self.body, self.seconds_max = body, seconds_max
        self.finished = False
        self.done_m = 0.0
        self._end_s = seconds_max
        self._rows: dict[str, list[Floats]] = {"poses": [], "forces": [], "depths": [], "done_m": [], "command": []}
        self.poses = body.poses()
        self.command = np.zeros(3)

    def record(self, time_s: float, forces: Floats, depths: Floats) -> None:
        """Write down poses (L, 7), forces (L,) [N], depths (L,) [m], what is done of the way [m] and the command."""
        if self.finished:
            return
        self.poses = poses = self.body.poses()
        row = (poses, forces, depths, np.array(self.done_m), self.command.copy())
        for kept, values in zip(self._rows.values(), row, strict=True):
            kept.append(values)
        if _up(poses)[2] < LIES or not np.isfinite(poses).all():
            self._end_soon(time_s + LIES_S)
        self.finished = time_s >= self._end_s

    def _end_soon(self, time_s: float) -> None:
        self._end_s = min(self._end_s, time_s)

    def trace(self) -> dict[str, Floats]:
        """Return poses (T, L, 7), forces (T, L), depths (T, L), done_m (T,) and command (T, 3)."""
        return {name: np.array(values) for name, values in self._rows.items()}


def _up(poses: Floats) -> Floats:
    """Return the up axis of the root in the world, shape (3,)."""
    return np.asarray(matrix_from_quat(xyzw_to_wxyz(poses[0, 3:7]))[:, 2], np.float64)


class Holder(_Recorder):
    """Holds the stance that the servos were given."""

    def act(self, time_s: float) -> None:
        """Do nothing: the servos hold."""


class Walker(_Recorder):
    """Walks along a way with a policy."""

    def __init__(self, body: RobotBody, policy: WalkingPolicy, way: Floats, seconds_max: float) -> None:
        super().__init__(body, seconds_max)
        self._policy, self._follower = policy, PathFollower(way)
        self._action = np.zeros(len(policy.ORDER))
        self._passed: list[tuple[float, float]] = []

    def act(self, time_s: float) -> None:
        """Command the policy along the way, and the servos as the policy says."""
        if self.finished:
            return
        poses, motion = self.poses, self.body.motions()[0]
        turn = matrix_from_quat(xyzw_to_wxyz(poses[0, 3:7]))
        self.command += np.clip(self._wanted(time_s, poses[0], turn) - self.command, -SLEW, SLEW)
        angles, self._action = self._policy.act(
            turn.T @ motion[3:],
            turn.T @ np.array([0.0, 0.0, -1.0]),
            self.body.angles(),
            self.body.speeds(),
            self.command,
            self._action,
        )
        self.body.aim(angles)

    def _wanted(self, time_s: float, root: Floats, turn: npt.NDArray[np.floating]) -> Floats:
        """Return the command that takes the robot on, zero before it starts and after it has arrived."""
        if time_s < SETTLE_S:
            return np.zeros(3)
        position = root[:2]
        wanted = self._follower.command(position, float(np.arctan2(turn[1, 0], turn[0, 0])))
        self.done_m = self._follower.done_m
        if self._follower.distance(position) <= ARRIVED_M:
            self._end_soon(time_s + STAND_S)
            return np.zeros(3)
        if self._is_stuck(time_s, position):
            self._end_soon(time_s)
        return wanted

    def _is_stuck(self, time_s: float, position: Floats) -> bool:
        """Say whether it has come no nearer for long, neither along the way nor to the goal."""
        # On the spot it also turns, and that takes 3 s at most.
        best = self.done_m - self._follower.distance(position)
        if not self._passed or best > self._passed[-1][1] + STUCK_M:
            self._passed.append((time_s, best))
        return time_s - self._passed[-1][0] > STUCK_S
