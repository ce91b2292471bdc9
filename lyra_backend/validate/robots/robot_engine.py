"""Robots in the real PhysX on the CPU, in a process of its own: ``python -m ...validate.robots.robot_engine JOB``.

Does: load a stage with robots in it, let policies move them and write down where they went. Does not: judge.

The job is a JSON file (see :class:`~.robot_process.RobotJob`); the result goes into the job's folder as ``robots.npz``,
and ``status.txt`` says how far the work is.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...robot_models.gaits import CONTROL_S, WalkingPolicy
from ...robot_models.model import RobotModel, read_mjcf
from ..physics_engine import Engine, run_and_leave
from .contact_reader import ContactReader
from .mover import Holder, Mover, Walker
from .robot_body import RobotBody

__all__ = ["main"]

Floats = npt.NDArray[np.float64]

#: Simulated steps between two commands: 5 ms each, Isaac Lab's step for legged robots.
STEPS = 4
STATUS_EVERY = 25


def simulate(engine: Engine, job: dict[str, Any], report: Any) -> dict[str, Floats]:
    """Let the robots of a loaded stage go; return their traces, see :class:`~.robot_process.RobotTrace`."""
    models = {path: read_mjcf(Path(path)) for path in {entry["model"] for entry in job["robots"]}}
    movers = [_mover(engine, entry, models[entry["model"]]) for entry in job["robots"]]
    contacts = ContactReader(engine, [path for mover in movers for path in mover.body.link_paths])
    ends = np.cumsum([len(mover.body.link_paths) for mover in movers])[:-1]
    longest = max(mover.seconds_max for mover in movers)
    for tick in range(round(longest / CONTROL_S)):
        for mover in movers:
            mover.act(tick * CONTROL_S)
        for _ in range(STEPS):
            engine.physx.step_sync(CONTROL_S / STEPS)
        forces, depths = np.split(contacts.forces(), ends), np.split(contacts.depths(), ends)
        for mover, force, depth in zip(movers, forces, depths, strict=True):
            mover.record((tick + 1) * CONTROL_S, force, depth)
        if all(mover.finished for mover in movers):
            break
        if tick % STATUS_EVERY == 0:
            report(tick * CONTROL_S / longest)
    return {f"{i}/{name}": values for i, mover in enumerate(movers) for name, values in mover.trace().items()}


def _mover(engine: Engine, entry: dict[str, Any], model: RobotModel) -> Mover:
    body = RobotBody(engine, entry["path"], model)
    if entry["policy"] is None:
        return Holder(body, entry["seconds"])
    return Walker(body, WalkingPolicy(Path(entry["policy"]), model), np.array(entry["way"]), entry["seconds"])


def main(arguments: list[str]) -> int:
    """Run the job in the JSON file named by the one argument; return the exit code."""
    path = Path(arguments[0])
    job = json.loads(path.read_text(encoding="utf-8"))
    warnings.filterwarnings("ignore", category=DeprecationWarning)

    def report(fraction: float) -> None:
        (path.parent / "status.txt").write_text(f"{fraction:.3f} robots", encoding="utf-8")

    engine = Engine(0)
    report(0.0)
    engine.load(job["usd"])
    traces = simulate(engine, job, report)
    errors = np.array(engine.log.texts(True), dtype=np.str_)
    np.savez(path.parent / "robots.npz", allow_pickle=False, errors=errors, **traces)
    return 0


if __name__ == "__main__":
    run_and_leave(main)
