"""Learning on some scenes, and what it is worth on others that were never seen.

Does: run PPO from several seeds, evaluate before, between and after, sum up, draw the curve. Does not: print.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .costs import LENGTH_M, RULES, SPACES
from .environment import Environment
from .grounds import Ground, load_scene, side_by_side
from .learning import Episodes, evaluate, interval, learn, new_learner
from .robots import ROBOTS

__all__ = ["Plan", "draw", "run_seed", "save", "scenes", "summary"]

#: Seeds of the episodes that are evaluated: the same for all learners and at all times.
HELD_OUT_SEED = 1_000


@dataclass(frozen=True)
class Plan:
    """How much is learnt.

    Attributes:
        robot: key of :data:`.robots.ROBOTS`.
        envs: environments to learn in, and episodes of an evaluation.
        steps: of environments, all together.
        every: steps between evaluations.
    """

    robot: str
    envs: int
    steps: int
    every: int


def scenes(directories: Sequence[Path], robot: str) -> Ground:
    """Return the colliders of some scenes side by side.

    Raises:
        InvalidRequest: one cannot be used, or there is none.
    """
    return side_by_side([load_scene(one, space=SPACES[robot], length_m=LENGTH_M) for one in directories])


def run_seed(
    plan: Plan, train: Ground, held_out: Ground, seed: int, folder: Path, say: Callable[[str], None]
) -> list[dict[str, Any]]:
    """Learn from one seed; return an entry for each evaluation on scenes never seen, and keep it with what was learnt.

    Raises:
        ContactOverflow: contacts were dropped.
    """
    robot, rules = ROBOTS[plan.robot](), RULES[plan.robot]
    environment = Environment(train, robot, plan.envs, seed=seed, rules=rules)
    learner = new_learner(environment, seed)
    judge = Environment(held_out, robot, plan.envs, seed=HELD_OUT_SEED, rules=rules)
    began, entries = time.process_time(), []

    def report(steps: int) -> None:
        judge.begin_again(HELD_OUT_SEED)
        entry = _entry(seed, steps, evaluate(judge, learner), held_out) | {"cpu_s": time.process_time() - began}
        entries.append(entry)
        (folder / f"seed-{seed}.json").write_text(json.dumps(entries, indent=1) + "\n", encoding="utf-8")
        learner.save(folder / f"policy-{seed}.zip")
        came = f"{entry['reached']} of {entry['episodes']} reached"
        say(f"seed {seed}: {steps} steps, return {entry['return']:.2f}, {came}")

    learn(learner, plan.steps, plan.every, report)
    return entries


def _entry(seed: int, steps: int, episodes: Episodes, ground: Ground) -> dict[str, Any]:
    tiles = {tile.name: episodes.tiles == k for k, tile in enumerate(ground.tiles)}
    return {
        "seed": seed,
        "steps": steps,
        "episodes": len(episodes.returns),
        "return": float(episodes.returns.mean()),
        "reached": int(episodes.reached.sum()),
        "lost": int(episodes.lost.sum()),
        "scenes": {name: [int(episodes.reached[mine].sum()), int(mine.sum())] for name, mine in tiles.items()},
    }


def summary(entries: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return start against end: shares of all seeds together with their 95 % intervals, and returns seed by seed.

    Episodes of different seeds are the same starts and goals, so the interval of the shares speaks of these episodes
    and the spread of seeds stands beside it.
    """
    seeds = sorted({entry["seed"] for entry in entries})
    found: dict[str, Any] = {"seeds": seeds}
    for name, pick in (("start", 0), ("end", -1)):
        chosen = [[e for e in entries if e["seed"] == seed][pick] for seed in seeds]
        reached, episodes = (sum(e[key] for e in chosen) for key in ("reached", "episodes"))
        found[name] = {
            "reached": reached,
            "episodes": episodes,
            "share": reached / episodes,
            "interval": interval(reached, episodes),
            "returns": [e["return"] for e in chosen],
            "shares": [e["reached"] / e["episodes"] for e in chosen],
            "lost": sum(e["lost"] for e in chosen),
        }
    start, end = found["start"], found["end"]
    returns = np.array(end["returns"]) > np.array(start["returns"])
    found["better"] = bool(returns.all() and end["interval"][0] > start["interval"][1])
    return found


def draw(entries: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw return and share of arrivals on scenes never seen over steps, a line a seed."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9.0, 3.4), layout="constrained")
    for seed in sorted({entry["seed"] for entry in entries}):
        mine = [entry for entry in entries if entry["seed"] == seed]
        steps = [entry["steps"] / 1000 for entry in mine]
        left.plot(steps, [entry["return"] for entry in mine], marker="o", ms=3, label=f"seed {seed}")
        right.plot(steps, [100 * entry["reached"] / entry["episodes"] for entry in mine], marker="o", ms=3)
    left.set(xlabel="steps of environments, thousands", ylabel="return of an episode, mean")
    right.set(xlabel="steps of environments, thousands", ylabel="goals reached, %", ylim=(0, 100))
    left.legend(frameon=False)
    for axes in (left, right):
        axes.grid(alpha=0.3)
    figure.suptitle("Scenes never seen in training")
    figure.savefig(path, dpi=110, metadata={"Software": None})
    pyplot.close(figure)


def save(folder: Path) -> dict[str, Any]:
    """Write summary and curve of all seeds whose entries lie in a folder; return the summary."""
    entries = [
        one for path in sorted(folder.glob("seed-*.json")) for one in json.loads(path.read_text(encoding="utf-8"))
    ]
    found = summary(entries)
    (folder / "summary.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    draw(entries, folder / "curve.png")
    return found
