"""PPO of Stable-Baselines3 on :class:`.environment.Environment`, and how good what was learnt is.

Does: make environments out as that library wants them, learn, and count episodes on scenes. Does not: draw or print.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from stable_baselines3 import PPO
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.vec_env import VecEnv

from .environment import Environment

__all__ = ["Episodes", "Policy", "VectorEnvironment", "evaluate", "interval", "learn", "new_learner", "pooled"]


class Policy(Protocol):
    """What acts: a learner of the library, or anything with its method."""

    def predict(self, observation: Any, *, deterministic: bool = False) -> tuple[Any, Any]: ...


class VectorEnvironment(VecEnv):
    """Our environments as Stable-Baselines3 asks for them; they start again by themselves."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self._actions = np.zeros((environment.count, environment.robot.action_count), np.float32)
        super().__init__(
            environment.count,
            spaces.Box(-10.0, 10.0, (environment.observation_count,), np.float32),
            spaces.Box(-1.0, 1.0, (environment.robot.action_count,), np.float32),
        )

    def reset(self) -> npt.NDArray[np.float32]:
        return self.environment.reset()

    def step_async(self, actions: npt.NDArray[Any]) -> None:
        self._actions = actions

    def step_wait(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.bool_], list[dict]]:
        step = self.environment.step(self._actions)
        infos: list[dict] = [{} for _ in range(self.num_envs)]
        for row in np.flatnonzero(step.done):
            # What is cut off only for time is worth what would have come: the library asks for its last observation.
            infos[row] = {"terminal_observation": step.last_seen[row], "TimeLimit.truncated": bool(step.late[row])}
        return step.seen, step.reward, step.done, infos

    def close(self) -> None:
        """There is nothing to close."""

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        return [getattr(self.environment, attr_name, None)] * len(list(self._get_indices(indices)))

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        raise AttributeError(f"{attr_name}: environments share one simulation, which cannot be changed one by one.")

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> list[Any]:
        raise AttributeError(f"{method_name}: environments share one simulation and have no methods of their own.")

    def env_is_wrapped(self, wrapper_class: type, indices: Any = None) -> list[bool]:
        return [False] * len(list(self._get_indices(indices)))


@dataclass(frozen=True, eq=False)
class Episodes:
    """What came of the first episode of each environment.

    Attributes:
        returns: sum of rewards, shape (E,).
        reached: came to the goal (E,).
        lost: fell or left the scene (E,).
        tiles: scene of each (E,).
    """

    returns: npt.NDArray[np.float64]
    reached: npt.NDArray[np.bool_]
    lost: npt.NDArray[np.bool_]
    tiles: npt.NDArray[np.integer]


def evaluate(environment: Environment, policy: Policy) -> Episodes:
    """Return what came of one episode in each environment, all begun together, so that short ones do not count double.

    The policy's most likely action is taken.
    """
    seen = environment.reset()
    count = environment.count
    returns, over = np.zeros(count), np.zeros(count, bool)
    reached, lost = np.zeros(count, bool), np.zeros(count, bool)
    for _ in range(environment.rules.limit_steps):
        step = environment.step(np.asarray(policy.predict(seen, deterministic=True)[0]))
        returns += np.where(over, 0.0, step.reward)
        reached |= step.reached & ~over
        lost |= step.lost & ~over
        over |= step.done
        seen = step.seen
        if over.all():
            break
    return Episodes(returns, reached, lost, environment.tile_of)


def interval(successes: int, trials: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson, "Probable inference", J. Am. Stat. Assoc. 22, 1927)."""
    if trials < 1:
        return 0.0, 1.0
    z, share = 1.959964, successes / trials
    middle = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z / (1 + z * z / trials) * np.sqrt(share * (1 - share) / trials + z * z / (4 * trials**2))
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))


def new_learner(environment: Environment, seed: int) -> PPO:
    """Return a learner that knows nothing yet: two layers of 64 for the policy and for the value."""
    learner = PPO(
        "MlpPolicy",
        VectorEnvironment(environment),
        n_steps=32,
        batch_size=min(256, 32 * environment.count),
        n_epochs=8,
        learning_rate=1e-3,
        gamma=0.98,
        gae_lambda=0.95,
        ent_coef=0.002,
        policy_kwargs={"log_std_init": -0.5},
        seed=seed,
        device="cpu",
    )
    learner.set_logger(Logger(folder=None, output_formats=[]))  # its own would leave a folder behind
    return learner


def learn(learner: PPO, steps: int, every: int, report: Callable[[int], None]) -> None:
    """Learn for about `steps` steps of environments; `report` the number of those done after each `every`, and at 0."""
    report(0)
    done = 0
    while done < steps:
        learner.learn(min(every, steps - done), reset_num_timesteps=done == 0)
        done = learner.num_timesteps
        report(done)


def pooled(episodes: Sequence[Episodes]) -> Episodes:
    """Return the episodes of several evaluations together."""
    names = ("returns", "reached", "lost", "tiles")
    return Episodes(*(np.concatenate([getattr(one, name) for one in episodes]) for name in names))
