"""What environments cost: steps a second, memory, room in the contact buffers.

Does: roll random actions out, in this process or in one of its own, and compare surfaces. Does not: print.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from .environment import Environment, Rules
from .grounds import Surface, load_scene
from .robots import ROBOTS

__all__ = ["RULES", "SPACES", "Cost", "least_ratio", "measure", "measure_apart", "memory_per_environment_mb", "turns"]

#: Steps of physics that a robot needs: legs are stiffer than a base that drives.
RULES = {"base": Rules(), "quadruped": Rules(dt_s=0.005, substeps=4)}
#: Robot of ``place.robots`` in whose space a robot of ours has its tasks: one that is no smaller.
SPACES = {"base": "carter", "quadruped": "go2"}
LENGTH_M = (1.0, 8.0)
#: Steps before anything is timed, and those that are timed together.
WARM_UP, BLOCK = 20, 10
#: Random actions lie between plus and minus this, so that legs mostly stay on the ground.
STIR = 0.3

_STREAM = 62


@dataclass(frozen=True)
class Cost:
    """What a rollout took.

    Attributes:
        scene, surface, robot, envs: what ran.
        triangles: of the ground.
        steps: of each environment, timed.
        cpu_ms, wall_ms: median time for a step of one environment: physics, rays, rewards, new episodes.
        peak_mb: largest resident memory of the process so far, in 2^20 bytes.
        contacts, contacts_limit: most contact points at any step of physics, of all environments, and the room.
        pairs, pairs_limit: the same of a robot's shapes and triangles near them.
        episodes, reached, lost: that ended, and how.
    """

    scene: str
    surface: str
    robot: str
    envs: int
    triangles: int
    steps: int
    cpu_ms: float
    wall_ms: float
    peak_mb: float
    contacts: int
    contacts_limit: int
    pairs: int
    pairs_limit: int
    episodes: int
    reached: int
    lost: int

    @property
    def steps_per_cpu_s(self) -> float:
        return 1e3 / self.cpu_ms


def measure(directory: Path, surface: Surface, robot: str, envs: int, *, steps: int, seed: int = 0) -> Cost:
    """Roll `steps` steps of random actions out in `envs` environments.

    Raises:
        InvalidRequest: the scene cannot be used.
        ContactOverflow: contacts were dropped.
    """
    ground = load_scene(directory, surface, space=SPACES[robot], length_m=LENGTH_M)
    environment = Environment(ground, ROBOTS[robot](), envs, seed=seed, rules=RULES[robot])
    random = np.random.default_rng([seed, _STREAM])
    environment.reset()
    ended, cpu, wall = np.zeros(3, int), [], []
    for step in range(-WARM_UP, steps):
        if step % BLOCK == 0 and step >= 0:
            cpu.append(time.process_time())
            wall.append(time.perf_counter())
        came = environment.step(random.uniform(-STIR, STIR, (envs, environment.robot.action_count)))
        ended += [came.done.sum(), came.reached.sum(), came.lost.sum()]
    cpu_ms, wall_ms = (1e3 * float(np.median(np.diff(marks))) / BLOCK / envs for marks in (cpu, wall))
    load = environment.simulation.load
    return Cost(
        directory.name,
        surface.value,
        robot,
        envs,
        len(ground.triangles),
        steps,
        cpu_ms,
        wall_ms,
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        load.contacts,
        load.contacts_limit,
        load.triangle_pairs,
        load.triangle_pairs_limit,
        *map(int, ended),
    )


def measure_apart(directory: Path, surface: Surface, robot: str, envs: int, *, steps: int, seed: int = 0) -> Cost:
    """:func:`measure` in a process of its own, whose peak of memory is its own.

    Raises:
        RuntimeError: that process failed; the text is what it said.
    """
    tool = Path(__file__).resolve().parents[1] / "train_robots.py"
    words = ["rollout", str(directory), "--surface", surface.value, "--robot", robot, "--json"]
    numbers = ["--envs", str(envs), "--steps", str(steps), "--seed", str(seed)]
    done = subprocess.run([sys.executable, str(tool), *words, *numbers], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"rollout of {directory.name} failed:\n{done.stderr.strip()[-2000:]}")
    return Cost(**json.loads(done.stdout.strip().splitlines()[-1]))


def turns(
    directory: Path, surfaces: Sequence[Surface], robot: str, counts: Sequence[int], *, steps: int, repeats: int
) -> Iterator[Cost]:
    """Measure every surface at every number of environments, taking turns, and yield the medians."""
    runs: dict[tuple[Surface, int], list[Cost]] = {(s, n): [] for n in counts for s in surfaces}
    for _ in range(repeats):
        for (surface, count), costs in runs.items():
            costs.append(measure_apart(directory, surface, robot, count, steps=steps))
    for costs in runs.values():
        yield _median(costs)


def _median(costs: Sequence[Cost]) -> Cost:
    """Return the first with the medians of times and memory, which alone differ between runs of the same."""
    names = ("cpu_ms", "wall_ms", "peak_mb")
    return replace(costs[0], **{n: statistics.median(asdict(one)[n] for one in costs) for n in names})


def least_ratio(costs: Sequence[Cost]) -> float:
    """Return steps per CPU second on the collider over those on the exact surface, the least of all counts."""
    by = {(one.surface, one.envs): one.steps_per_cpu_s for one in costs}
    counts = {one.envs for one in costs}
    return min(by[Surface.COLLIDER.value, n] / by[Surface.TRUTH.value, n] for n in counts)


def memory_per_environment_mb(costs: Sequence[Cost], surface: Surface) -> float:
    """Return how much more memory one more environment takes, between the fewest and the most that were run."""
    mine = sorted((one for one in costs if one.surface == surface.value), key=lambda one: one.envs)
    if len(mine) < 2 or mine[0].envs == mine[-1].envs:
        return float("nan")
    return (mine[-1].peak_mb - mine[0].peak_mb) / (mine[-1].envs - mine[0].envs)
