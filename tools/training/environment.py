"""Going to a goal in many scenes at once: what a robot sees, what it is paid for, when it starts again.

Does: the task, in arrays of NumPy, for any robot of :mod:`.robots`. Does not: learn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lyra_backend.errors import InvalidRequest
from lyra_backend.kernels.mesh_distance import MeshTree

from .grounds import Ground
from .robots import Robot
from .simulation import Budget, Simulation

__all__ = ["Environment", "Rules", "Step"]

Floats = npt.NDArray[np.floating]
Bools = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.integer]

_STREAM = 61


@dataclass(frozen=True)
class Rules:
    """The task.

    Attributes:
        dt_s, substeps: a step of physics [s], and how many make a step of the environment.
        limit_s: an episode is cut off after that [s].
        reached_m: a goal nearer than this, seen from above, is reached [m].
        rays, range_m: planar rays around the robot, and how far they see [m].
        bonus: paid once for the goal; metres made towards it pay 1 each.
        cost_s: paid for each second.
        near_m, near_cost_s: what stands nearer to the robot's cylinder than this [m] costs so much a second.
        fallen: z of the robot's upward axis below which it has fallen.
        drop_m: below the lowest or above the highest corner of its scene by this much it has left it [m].
    """

    dt_s: float = 0.02
    substeps: int = 5
    limit_s: float = 15.0
    reached_m: float = 0.3
    rays: int = 24
    range_m: float = 5.0
    bonus: float = 5.0
    cost_s: float = 0.1
    near_m: float = 0.05
    near_cost_s: float = 0.5
    fallen: float = 0.5
    drop_m: float = 0.5

    @property
    def step_s(self) -> float:
        return self.dt_s * self.substeps

    @property
    def limit_steps(self) -> int:
        return round(self.limit_s / self.step_s)


class Step(NamedTuple):
    """What came of a step, a row an environment; environments that are `done` have started again already.

    Attributes:
        seen: observations (N, O), of the new episode where one began.
        reward: (N,).
        done: the episode ended (N,), for one of three reasons: `reached` the goal, `lost` (fell, or left its scene), or
            `late` (the time was up).
        last_seen: observations (N, O) before anything started again.
    """

    seen: npt.NDArray[np.float32]
    reward: npt.NDArray[np.float32]
    done: Bools
    reached: Bools
    lost: Bools
    late: Bools
    last_seen: npt.NDArray[np.float32]


class Environment:
    """`count` environments; environment i is in tile i modulo the number of tiles.

    An episode begins at the start of a random pair of the tile, looking anywhere. What is seen: nearness along planar
    rays (0 at their range, 1 at the robot's middle), the goal (distance in units of the range, cosine and sine of its
    bearing), and what the robot feels of itself.

    Attributes:
        simulation: the robots.
        tile_of: tile of each environment, shape (count,).
        goals: where each is to go [m], shape (count, 3).
    """

    def __init__(
        self,
        ground: Ground,
        robot: Robot,
        count: int,
        *,
        seed: int,
        rules: Rules | None = None,
        budget: Budget | None = None,
    ) -> None:
        if count < len(ground.tiles):
            raise InvalidRequest(f"environment: every scene needs one at least, got {count} for {len(ground.tiles)}.")
        self.rules, self.robot, self.ground, self.count = rules or Rules(), robot, ground, count
        self.simulation = Simulation(
            ground, robot, count, dt_s=self.rules.dt_s, substeps=self.rules.substeps, budget=budget
        )
        self._rays = MeshTree(ground.vertices, ground.triangles, "cpu")
        self._random = np.random.default_rng([seed, _STREAM])
        self.tile_of = np.arange(count) % len(ground.tiles)
        self._lower = np.stack([tile.lower for tile in ground.tiles])[self.tile_of] - self.rules.drop_m
        self._upper = np.stack([tile.upper for tile in ground.tiles])[self.tile_of] + self.rules.drop_m
        self.goals, self._distance = np.zeros((count, 3)), np.zeros(count)
        self._age = np.zeros(count, int)

    @property
    def observation_count(self) -> int:
        joints = self.simulation
        return self.rules.rays + 3 + self.robot.feels(joints.joint_q[:1], joints.joint_qd[:1]).shape[1]

    def begin_again(self, seed: int) -> None:
        """Make what is random from now on what it would be in new environments of that seed."""
        self._random = np.random.default_rng([seed, _STREAM])

    def reset(self) -> npt.NDArray[np.float32]:
        """Start all again and return what they see, shape (N, O)."""
        self._start(np.arange(self.count))
        return self._look()

    def step(self, actions: Floats) -> Step:
        """Act (N, A), each number between -1 and 1, for `substeps` steps of physics.

        Raises:
            ContactOverflow: contacts were dropped.
        """
        if np.shape(actions) != (self.count, self.robot.action_count):
            raise InvalidRequest(
                f"actions: must have the shape ({self.count}, {self.robot.action_count}), got {np.shape(actions)}."
            )
        moves = np.clip(np.nan_to_num(np.asarray(actions, np.float64)), -1.0, 1.0)
        self.simulation.step(*self.robot.targets(moves, self.simulation.joint_q))
        self._age += 1
        last_seen = self._look()
        reached, lost, late = self._ends()
        reward, done = self._pay(last_seen, reached, lost), reached | lost | late
        if done.any():
            self._start(np.flatnonzero(done))
        seen = self._look() if done.any() else last_seen
        return Step(seen, reward, done, reached, lost, late, last_seen)

    def _start(self, rows: Indices) -> None:
        """Begin new episodes in some environments."""
        count = len(rows)
        starts, goals = np.empty((count, 3)), np.empty((count, 3))
        for k, row in enumerate(rows):
            pairs = self.ground.tiles[self.tile_of[row]].pairs
            starts[k], goals[k] = pairs[self._random.integers(len(pairs))]
        yaws = self._random.uniform(-np.pi, np.pi, count)
        self.simulation.place(rows, self.robot.joints_at(starts, yaws))
        self.goals[rows], self._age[rows] = goals, 0
        self._distance[rows] = np.linalg.norm(goals[:, :2] - starts[:, :2], axis=1)

    def _ends(self) -> tuple[Bools, Bools, Bools]:
        position, _, up = self.robot.roots(self.simulation.joint_q)
        whole = np.isfinite(self.simulation.joint_q).all(axis=1)
        inside = ((position > self._lower) & (position < self._upper)).all(axis=1)
        lost = ~whole | ~inside | (up < self.rules.fallen)
        away = np.linalg.norm((self.goals - position)[:, :2], axis=1)
        reached = ~lost & (away < self.rules.reached_m)
        return reached, lost, ~reached & ~lost & (self._age >= self.rules.limit_steps)

    def _pay(self, seen: Floats, reached: Bools, lost: Bools) -> npt.NDArray[np.float32]:
        """Return rewards (N,): metres towards the goal, the bonus, and what time and nearness cost."""
        rules, position = self.rules, self.robot.roots(self.simulation.joint_q)[0]
        distance = np.linalg.norm(self.goals[:, :2] - position[:, :2], axis=1)
        made = np.where(lost, 0.0, self._distance - distance)
        self._distance = np.where(lost, self._distance, distance)
        nearest = rules.range_m * (1.0 - seen[:, : rules.rays].max(axis=1))
        near = nearest < self.robot.radius_m + rules.near_m
        cost = rules.step_s * (rules.cost_s + rules.near_cost_s * near)
        return (made + rules.bonus * reached - rules.bonus * lost - cost).astype(np.float32)

    def _look(self) -> npt.NDArray[np.float32]:
        """Return what all see now, shape (N, O)."""
        joints = self.simulation
        position, yaw, _ = self.robot.roots(joints.joint_q)
        toward = self.goals[:, :2] - position[:, :2]
        bearing = np.arctan2(toward[:, 1], toward[:, 0]) - yaw
        goal = np.column_stack([np.linalg.norm(toward, axis=1) / self.rules.range_m, np.cos(bearing), np.sin(bearing)])
        feels = self.robot.feels(joints.joint_q, joints.joint_qd)
        seen = np.column_stack([self._nearness(position, yaw), goal, feels])
        # A robot that came apart is lost and starts again; its numbers must not reach what learns.
        return np.nan_to_num(seen, posinf=0.0, neginf=0.0).clip(-10.0, 10.0).astype(np.float32)

    def _nearness(self, position: Floats, yaw: Floats) -> Floats:
        """Return 1 - distance / range of what planar rays meet, shape (N, rays); the first ray looks ahead."""
        rules = self.rules
        angles = yaw[:, None] + np.linspace(0.0, 2 * np.pi, rules.rays, endpoint=False)
        ways = np.stack([np.cos(angles), np.sin(angles), np.zeros_like(angles)], axis=-1).reshape(-1, 3)
        eyes = position + [0.0, 0.0, self.robot.eye_m - self.robot.root_m]
        whole = np.nan_to_num(np.repeat(eyes, rules.rays, axis=0)), np.nan_to_num(ways)
        met = self._rays.rays(*whole, reach=rules.range_m).distance.reshape(self.count, rules.rays)
        return 1.0 - np.minimum(met, rules.range_m) / rules.range_m
