"""Train robots in generated scenes, without a window: Newton with MuJoCo-Warp on the CPU, PPO of Stable-Baselines3.

    python tools/train_robots.py rollout RUN --envs 64                     random actions; steps a second and memory
    python tools/train_robots.py compare RUN ... --envs 16 64              collider, exact surface and plane, in turns
    python tools/train_robots.py learn --train RUN ... --held-out RUN ... --out DIR    PPO, judged on other scenes

RUN is the run directory of a scene with the tasks that the stage `place` found. `compare` exits with 1 if the collider
gives less than 0.8 times the steps of the exact surface for each CPU second, `learn` if a seed does not beat its own
start on the scenes it never saw; contacts that do not fit a buffer are an error in all three. 2: bad usage or input.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from lyra_backend.errors import InvalidRequest, LyraError

#: Steps for each CPU second on the collider, over those on the exact surface, that are enough.
LEAST_RATIO = 0.8


def rollout(given: argparse.Namespace) -> int:
    from training.costs import measure
    from training.grounds import Surface

    cost = measure(given.run, Surface(given.surface), given.robot, given.envs, steps=given.steps, seed=given.seed)
    if given.json:
        print(json.dumps(asdict(cost)))
        return 0
    print(f"{cost.envs} environments of {cost.robot} on the {cost.surface} of {cost.scene}, {cost.triangles} triangles")
    print(f"{1e3 / cost.wall_ms:.0f} steps of environments a second, {cost.steps_per_cpu_s:.0f} for each CPU second")
    print(f"{cost.peak_mb:.0f} MB at most; contacts {cost.contacts} of {cost.contacts_limit}, pairs with triangles "
          f"{cost.pairs} of {cost.pairs_limit}; none dropped")  # fmt: skip
    print(f"{cost.episodes} episodes ended: {cost.reached} at the goal, {cost.lost} lost, the others late")
    return 0


def compare(given: argparse.Namespace) -> int:
    from training.costs import least_ratio, memory_per_environment_mb, turns
    from training.grounds import Surface

    print(
        "| scene | surface | triangles | environments | steps per CPU s | CPU ms a step | contacts, of | MB | MB each |"
    )
    print("|---" * 9 + "|")
    ratios = []
    for run in given.runs:
        costs = list(turns(run, list(Surface), given.robot, given.envs, steps=given.steps, repeats=given.repeats))
        for one in costs:
            each = memory_per_environment_mb(costs, Surface(one.surface))
            cells = [one.scene, one.surface, one.triangles, one.envs, f"{one.steps_per_cpu_s:.0f}", f"{one.cpu_ms:.3f}"]
            cells += [f"{one.contacts}, {one.contacts_limit}", f"{one.peak_mb:.0f}", f"{each:.2f}"]
            print(f"| {' | '.join(map(str, cells))} |", flush=True)
        ratios.append(least_ratio(costs))
    print(f"\ncollider over exact surface, steps for each CPU second: {min(ratios):.2f} at least, {LEAST_RATIO} wanted")
    return 0 if min(ratios) >= LEAST_RATIO else 1


def learn(given: argparse.Namespace) -> int:
    import torch
    from training import trials

    torch.set_num_threads(1)
    given.out.mkdir(parents=True, exist_ok=True)
    plan = trials.Plan(given.robot, given.envs, given.steps, given.every)
    train, held_out = trials.scenes(given.train, given.robot), trials.scenes(given.held_out, given.robot)
    for seed in given.seeds:
        trials.run_seed(plan, train, held_out, seed, given.out, lambda line: print(line, flush=True))
    found = trials.save(given.out)
    for name in ("start", "end"):
        one = found[name]
        low, high = (100 * share for share in one["interval"])
        print(f"{name}: {one['reached']} of {one['episodes']} goals reached ({low:.0f} to {high:.0f} %), returns "
              f"{', '.join(f'{value:.2f}' for value in one['returns'])}, {one['lost']} lost")  # fmt: skip
    return 0 if found["better"] else 1


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {text}")
    return number


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    one = commands.add_parser("rollout", help="random actions in one scene")
    one.add_argument("run", type=Path)
    one.add_argument("--surface", choices=("collider", "truth", "plane"), default="collider")
    one.add_argument("--envs", type=_positive, default=64)
    one.add_argument("--seed", type=int, default=0)
    one.add_argument("--json", action="store_true", help="one line for scripts")
    many = commands.add_parser("compare", help="surfaces against each other")
    many.add_argument("runs", type=Path, nargs="+")
    many.add_argument("--envs", type=_positive, nargs="+", default=[16, 64])
    many.add_argument("--repeats", type=_positive, default=3)
    for each in (one, many):
        each.add_argument("--steps", type=_positive, default=100, help="of each environment; more than 20")
        each.add_argument("--robot", choices=("base", "quadruped"), default="quadruped")
    ppo = commands.add_parser("learn", help="PPO")
    ppo.add_argument("--train", type=Path, nargs="+", required=True, metavar="RUN")
    ppo.add_argument("--held-out", type=Path, nargs="+", required=True, metavar="RUN")
    ppo.add_argument("--out", type=Path, required=True)
    ppo.add_argument("--robot", choices=("base", "quadruped"), default="base")
    ppo.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="those in OUT already count as well")
    ppo.add_argument("--envs", type=_positive, default=64)
    ppo.add_argument("--steps", type=_positive, default=120_000)
    ppo.add_argument("--every", type=_positive, default=30_000, help="steps between evaluations")
    for command, action in ((one, rollout), (many, compare), (ppo, learn)):
        command.set_defaults(action=action)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    try:
        return int(given.action(given))
    except LyraError as error:
        print(error, file=sys.stderr)
        return 2 if isinstance(error, InvalidRequest) else 1


if __name__ == "__main__":
    sys.exit(main())
