"""How long PhysX takes for a step of a scene: ``python tools/physics_trials/timing.py JOB.json``, in its own process.

The job is {"stages": [files], "steps": N, "repetitions": N, "dt": s}; the file JOB.json.out gets
{"ms": [[per repetition] per stage]}: the median step in milliseconds. Stages take turns, so that whatever
else the computer does meets them alike.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lyra_backend.validate.physics_engine import Engine as _Loader

__all__ = ["step_ms"]


class Engine(_Loader):
    """A PhysX that can be stepped without looking at what moves."""

    def step(self, dt: float) -> None:
        self.physx.step_sync(dt)


def step_ms(
    stages: list[Path], *, steps: int = 240, repetitions: int = 5, dt: float = 1 / 120
) -> npt.NDArray[np.float64]:
    """Return the median time of a step [ms] of each stage in each repetition, shape (stages, repetitions).

    Raises:
        RuntimeError: the engine's process failed.
    """
    with tempfile.TemporaryDirectory(prefix="lyra-timing-", ignore_cleanup_errors=True) as folder:
        job = Path(folder) / "job.json"
        asked = {"stages": [str(s) for s in stages], "steps": steps, "repetitions": repetitions, "dt": dt}
        job.write_text(json.dumps(asked), encoding="utf-8")
        command = [sys.executable, str(Path(__file__).resolve()), str(job)]
        root = str(Path(__file__).resolve().parents[2])
        paths = os.pathsep.join(p for p in (root, os.environ.get("PYTHONPATH")) if p)
        done = subprocess.run(command, capture_output=True, check=False, env={**os.environ, "PYTHONPATH": paths})
        out = job.with_suffix(".out")
        if done.returncode or not out.is_file():
            raise RuntimeError(f"PhysX ended with {done.returncode}: {done.stderr.decode(errors='replace')[-500:]}")
        return np.array(json.loads(out.read_text(encoding="utf-8"))["ms"])


def _measure(job: dict[str, Any]) -> list[list[float]]:
    stages, steps, dt = job["stages"], job["steps"], job["dt"]
    engine = Engine(0)
    times: list[list[float]] = [[] for _ in stages]
    for _ in range(job["repetitions"]):
        for own, stage in zip(times, stages, strict=True):
            engine.load(stage)
            own.append(_median_step_ms(engine, steps, dt))
    engine.unload()
    return times


def _median_step_ms(engine: Engine, steps: int, dt: float) -> float:
    """Let things fall for a quarter of the steps, then time the others."""
    cost = []
    for step in range(steps):
        start = time.perf_counter()
        engine.step(dt)
        if step >= steps // 4:
            cost.append(time.perf_counter() - start)
    return 1e3 * float(np.median(cost))


if __name__ == "__main__":
    path = Path(sys.argv[1])
    found = _measure(json.loads(path.read_text(encoding="utf-8")))
    path.with_suffix(".out").write_text(json.dumps({"ms": found}), encoding="utf-8")
    gc.collect()
    # the engine's own clean-up at exit can crash after a good run
    os._exit(0)
