"""Running the physics engine in a child process: jobs, results, cancelling, and what is left of a crash."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..progress import Progress
from ..types.rotations import xyzw_to_wxyz
from .bare_text import bare
from .moving_bodies import Poses

__all__ = ["EngineFailed", "EngineResult", "Job", "Run", "Trace", "missing_packages", "run_child", "run_engine"]

Floats = npt.NDArray[np.float64]

POLL_S = 0.1
PACKAGES = {
    "ovphysx": "ovphysx",
    "ovstage": "ovstage",
    "physx_usd_schemas": "physx-usd-schemas",
    "newton_usd_schemas": "newton-usd-schemas",
}


class EngineFailed(Exception):
    """The engine's process crashed, hung or could not read the stage; the text holds its last words."""


@dataclass(frozen=True)
class Run:
    """One stage to simulate.

    Attributes:
        name: "drop", "shots", "rest" or "carried".
        usd: file to load; its test bodies are `prefix` + "0", "1" ...
        bodies: how many there are.
        steps, dt: simulated steps of dt [s].
        rays: points (R, 3) [m] from which the engine casts its own rays before the first step.
        ray_length: length of these rays [m].
        ray_ways: unit vectors (R, 3) along which; none for downwards.
        contacts: count the contact points of the test bodies; they must carry PhysxContactReportAPI.
        others: prim paths of the scene's own bodies whose poses are wanted, at the start and at the end.
        driven: prim paths of kinematic bodies.
        targets: position [m] and orientation xyzw that each of them has after every step, shape (steps, D, 7).
    """

    name: str
    usd: str
    prefix: str
    bodies: int
    steps: int
    dt: float
    rays: list[list[float]] = field(default_factory=list)
    ray_length: float = 0.0
    ray_ways: list[list[float]] = field(default_factory=list)
    contacts: bool = False
    others: list[str] = field(default_factory=list)
    driven: list[str] = field(default_factory=list)
    targets: list[list[list[float]]] = field(default_factory=list)


@dataclass(frozen=True)
class Job:
    """What the engine's process is asked to do; written as JSON.

    Attributes:
        runs: simulated one after the other.
        threads: workers of the engine; none is the quickest for some dozens of bodies, as idle workers spin.
    """

    runs: tuple[Run, ...]
    threads: int = 0


@dataclass(frozen=True)
class Trace:
    """What happened in one run.

    Attributes:
        positions: centres of the bodies at every step, world frame [m], shape (T, N, 3).
        orientations_xyzw: orientation of each body at the end, as the engine orders it, shape (N, 4).
        velocities: linear velocity at the end [m/s], shape (N, 3).
        ray_distances: how far from their points the rays met something [m], nan if nowhere, shape (R,).
        contacts: most contact points that each body had at one time, shape (N,); zeros where they were not counted.
        static_actors: static colliders that the engine took over.
        others: poses of the scene's own bodies that were asked for.
    """

    positions: Floats
    orientations_xyzw: Floats
    velocities: Floats
    ray_distances: Floats
    contacts: Floats
    static_actors: int
    others: Poses


@dataclass(frozen=True)
class EngineResult:
    """All runs by name, and the engine's error and warning lines without paths."""

    traces: Mapping[str, Trace]
    errors: tuple[str, ...]
    warnings: tuple[str, ...]


def missing_packages() -> tuple[str, ...]:
    """Return the names of the engine's packages that are not installed."""
    return tuple(name for module, name in PACKAGES.items() if find_spec(module) is None)


def run_engine(job: Job, folder: Path, timeout_s: float, progress: Progress) -> EngineResult:
    """Run `job` in a child process that works in the existing, private `folder`.

    Raises:
        EngineFailed: no result came out of it within `timeout_s`.
        Cancelled: the child has been killed.
    """
    path = folder / "job.json"
    path.write_text(json.dumps(asdict(job)), encoding="utf-8")
    run_child("lyra_backend.validate.physics_engine", path, folder / "result.json", timeout_s, progress)
    return _read_result(folder, job)


def run_child(
    module: str, job: Path, result: Path, timeout_s: float, progress: Progress, stall_s: float = math.inf
) -> None:
    """Run ``python -m module job`` in the private folder of the file `job`, until it has written the file `result`.

    Args:
        module: must write how far it is into ``status.txt``.
        job: its one argument.
        result: what it must have left.
        timeout_s: the longest that it may take.
        progress: told what ``status.txt`` says.
        stall_s: the longest that ``status.txt`` may stay the same: engines can hang within a step.

    Raises:
        EngineFailed: it did not within `timeout_s`, or stalled; the text holds its last words.
        Cancelled: the child has been killed.
    """
    folder = job.parent
    with (folder / "engine.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", module, str(job)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=_environment(folder),
            cwd=folder,
        )
        try:
            _wait(process, folder, timeout_s, stall_s, progress)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
    if process.returncode != 0 or not result.is_file():
        raise EngineFailed(f"its process ended with {_ending(process.returncode)}.{_last_lines(folder)}")


def _environment(folder: Path) -> dict[str, str]:
    """Return the environment in which the child finds this very package and leaves its temporary files in `folder`."""
    root = str(Path(__file__).resolve().parents[2])
    inherited = os.environ.get("PYTHONPATH")
    paths = [root, inherited] if inherited else [root]
    # The engine leaves a folder behind for each process; in here it goes when the check is over.
    temporary = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder))
    return {**os.environ, **temporary, "PYTHONPATH": os.pathsep.join(paths), "PYTHONIOENCODING": "utf-8"}


def _wait(process: subprocess.Popen[bytes], folder: Path, timeout_s: float, stall_s: float, progress: Progress) -> None:
    deadline = time.monotonic() + timeout_s
    seen, since = (0.0, ""), time.monotonic()
    while True:
        try:
            process.wait(timeout=POLL_S)
            return
        except subprocess.TimeoutExpired:
            pass
        if time.monotonic() > deadline:
            raise EngineFailed(f"it was stopped after {timeout_s:g} s.{_last_lines(folder)}")
        if (status := _status(folder)) != seen:
            seen, since = status, time.monotonic()
        if time.monotonic() > since + stall_s:
            raise EngineFailed(f"it hung: nothing happened for {stall_s:g} s.{_last_lines(folder)}")
        progress(*status)


def _status(folder: Path) -> tuple[float, str]:
    try:
        fraction, _, name = (folder / "status.txt").read_text(encoding="utf-8").partition(" ")
        return float(fraction), f"simulating: {name}"
    except (OSError, ValueError):
        # Not written yet, or being written right now.
        return 0.0, "starting the physics engine"


def _ending(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def _last_lines(folder: Path, count: int = 6) -> str:
    text = (folder / "engine.log").read_bytes().decode("utf-8", errors="replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return f" Its last lines: {bare(' | '.join(lines[-count:]), folder)}" if lines else " It printed nothing."


def _read_result(folder: Path, job: Job) -> EngineResult:
    summary: dict[str, Any] = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    traces = {}
    with np.load(folder / "result.npz") as arrays:
        for run in job.runs:
            keys = ("positions", "orientations_xyzw", "velocities", "ray_distances", "contacts")
            parts = {key: arrays[f"{run.name}/{key}"] for key in keys}
            actors = int(summary["runs"][run.name]["static_actors"])
            own = [arrays[f"{run.name}/others_{key}"] for key in ("position", "orientation", "speed")]
            poses = Poses(own[0], np.asarray(xyzw_to_wxyz(own[1]), np.float64), own[2])
            traces[run.name] = Trace(**parts, static_actors=actors, others=poses)
    errors, warnings = (tuple(bare(text, folder) for text in summary[kind]) for kind in ("errors", "warnings"))
    return EngineResult(traces, errors, warnings)
