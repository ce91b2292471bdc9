"""Running robots in a child process: jobs and what comes back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ...progress import Progress
from ..bare_text import bare
from ..engine_process import run_child

__all__ = ["Mission", "RobotJob", "RobotTrace", "run_robots"]

Floats = npt.NDArray[np.float64]

#: Half a second is simulated between two signs of life; PhysX of ovphysx 0.7 was seen to hang within a step, a hull of
#: a robot amid triangles that are wound the wrong way [s].
STALL_S = 120.0


@dataclass(frozen=True)
class Mission:
    """What one robot has to do.

    Attributes:
        path: its prim path.
        model: its MJCF file.
        policy: the network that moves it; None: it holds its stance.
        way: points (K, 3) from start to goal [m]; none for a robot that stands.
        seconds: time that it has [s].
    """

    path: str
    model: str
    policy: str | None
    way: list[list[float]]
    seconds: float


@dataclass(frozen=True)
class RobotJob:
    """What the process is asked to do; written as JSON: a stage with robots, and their missions."""

    usd: str
    robots: tuple[Mission, ...]


@dataclass(frozen=True)
class RobotTrace:
    """What one robot did, a row every :data:`~lyra_backend.robot_models.gaits.CONTROL_S`.

    Attributes:
        poses: position [m] and orientation xyzw, as the engine orders it, of each link, world frame, shape (T, L, 7).
        forces: how hard each link is pushed by what it touches [N], shape (T, L).
        done_m: how far along its way it has come [m], shape (T,).
        command: speed forwards, to the left [m/s] and turn [rad/s] that it was told, shape (T, 3).
        depths: how deep each link is in what it touches [m], shape (T, L).
    """

    poses: Floats
    forces: Floats
    done_m: Floats
    command: Floats
    depths: Floats


def run_robots(
    job: RobotJob, folder: Path, timeout_s: float, progress: Progress
) -> tuple[Sequence[RobotTrace], tuple[str, ...]]:
    """Run `job` in a child process that works in the existing, private `folder`.

    Returns:
        One trace a mission, and what the engine reported as errors, without paths.

    Raises:
        EngineFailed: no result came out of it within `timeout_s`.
        Cancelled: the child has been killed.
    """
    path = folder / "job.json"
    path.write_text(json.dumps(asdict(job)), encoding="utf-8")
    result = folder / "robots.npz"
    run_child("lyra_backend.validate.robots.robot_engine", path, result, timeout_s, progress, STALL_S)
    names = ("poses", "forces", "done_m", "command", "depths")
    with np.load(result) as arrays:
        traces = [RobotTrace(*(arrays[f"{i}/{name}"] for name in names)) for i in range(len(job.robots))]
        return traces, tuple(bare(" ".join(text.split()), folder) for text in arrays["errors"].tolist())
