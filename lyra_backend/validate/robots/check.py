"""Do robots get about in the scene as it is shipped? Tried with policies in the real NVIDIA PhysX, on the CPU.

Does: choose ways that were planned, put a Go2 at the start of each and G1s where they can stand, let them go in one
simulation in which they do not touch each other, and hold what happens against limits.
Does not: plan ways, or touch the stage's files.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import InvalidRequest, MissingDependency
from ...progress import Progress
from ...robot_models.gaits import G1_STANCE, GO2_WALK, Stance, hold
from ...robot_models.model import RobotModel, read_mjcf
from ...robot_models.store import RobotFiles, default_folder, find, missing
from ...types import Finding, Navigation, Outcome, SpawnPoints, Task
from ..colliders import StaticColliders, read_colliders
from ..engine_process import EngineFailed, missing_packages
from ..placed_robots import open_scene
from ..triangle_index import TriangleIndex
from . import robot_findings as findings
from .put_down import rise_below
from .robot_process import Mission, RobotJob, RobotTrace, run_robots
from .robot_scores import StanceScore, WalkScore, score_stance, score_walk
from .robot_stage import Placed, robot_path, write_robot_stage
from .task_choice import choose_places, choose_tasks

__all__ = ["ROBOTS", "Trial", "check_robots", "judge", "places_to_stand", "require_robots", "simulate", "try_robots"]

Floats = npt.NDArray[np.float64]

#: Names of the catalogue, and those that are tried.
WALKER, STANDER = ROBOTS = ("go2", "g1")
#: Standing robots are tried in so many places, for so long [s].
STANCES, STANCE_S = 2, 2.0
#: Put down this much above their stance, so that nothing touches at the start [m].
CLEARANCE_M = 0.01
#: Time that a way takes at most: so slow [m/s], and for turning, settling and standing [s].
SLOWEST_M_S, TURNING_S = 0.35, 8.0


@dataclass(frozen=True)
class Trial:
    """What became of robots in a scene: a score for each task walked and place stood at, and the engine's errors."""

    walks: tuple[WalkScore, ...]
    stances: tuple[StanceScore, ...]
    errors: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Kind:
    """A kind of robot: its files, its body and how it stands."""

    files: RobotFiles
    model: RobotModel
    stance: Stance

    def placed(self, ground: Floats, yaw: float, index: TriangleIndex | None) -> Placed:
        """Return a robot in its stance on a point of the ground (3,) [m] with a heading [rad].

        On a slope it is put down higher, upright as ever, for its soles must not begin within the ground.
        """
        root = np.asarray(ground, np.float64) + [0.0, 0.0, self.stance.upright + CLEARANCE_M]
        quat, angles = np.array([np.cos(yaw / 2), 0.0, 0.0, np.sin(yaw / 2)]), self.stance.angles_of(self.model)
        if index is not None:
            root[2] += rise_below(self.model, self.model.poses_at(root, quat, angles), float(ground[2]), index)
        return Placed(self.model, hold(self.model, self.stance), root, quat, angles)


def require_robots() -> None:
    """Refuse to begin what needs robots that are not there.

    Raises:
        MissingDependency: packages are missing.
        InvalidRequest: the robots' files were not fetched.
    """
    from importlib.util import find_spec

    absent = [*missing_packages(), *(name for name in ("mujoco", "onnxruntime") if find_spec(name) is None)]
    if absent:
        raise MissingDependency(", ".join(absent), "validate.accept=robots", "physics")
    if names := missing(ROBOTS):
        raise InvalidRequest(
            f"validate.accept=robots: the models of {', '.join(names)} are not in {default_folder()}. "
            f"Run: lyra-scenegen weights robots {' '.join(names)}"
        )


def check_robots(file: Path, navigation: Navigation | None, limits: Any, progress: Progress) -> Outcome[None]:
    """Let robots walk and stand in a stage, where `navigation` says that they can.

    Deterministic: the same stage and navigation give the same findings to the digit.

    Args:
        file: a USD stage, Z up and in metres.
        navigation: ways for a Go2 and places for a G1; None if nobody looked for them.
        limits: what is still good enough, the validate stage's `Params`.
        progress: reported to often; a cancelled job kills the engine.

    Raises:
        MissingDependency, InvalidRequest: see :func:`require_robots`.
    """
    require_robots()
    space = None if navigation is None else navigation.space_of(WALKER)
    if navigation is None or space is None or not space.tasks:
        return Outcome(None, {"robot_walks": 0}, (findings.no_tasks(navigation is not None),))
    tasks = choose_tasks(space.tasks, limits.robots_walks, limits.robots_walk_max_m)
    try:
        trial = try_robots(file, tasks, places_to_stand(navigation), limits.robots_timeout_s, progress)
    except EngineFailed as failure:
        return Outcome(None, {"robot_walks": len(tasks)}, (findings.engine_failed(str(failure)),))
    return judge(trial, limits)


def judge(trial: Trial, limits: Any) -> Outcome[None]:
    """Hold a trial with at least one walk against limits."""
    counts = {"robot_walks": len(trial.walks), "robot_stances": len(trial.stances)}
    found: list[Finding] = [*findings.walks(trial.walks, limits), *findings.short_ways(trial.walks)]
    found += findings.conduct(trial, limits)
    found += findings.stances(trial.stances, limits) if trial.stances else [findings.nowhere_to_stand()]
    return Outcome(None, counts, (*found, *findings.engine_errors(trial.errors)))


def try_robots(
    file: Path,
    tasks: Sequence[Task],
    points: SpawnPoints | None,
    timeout_s: float,
    progress: Progress,
) -> Trial:
    """Let a Go2 walk each of `tasks` and G1s stand at some of `points`.

    Raises:
        EngineFailed: the engine gave no result.
        InvalidRequest: a robot's files are missing or broken.
    """
    colliders = read_colliders(open_scene(file))
    places = _places(points, colliders)
    traces, errors = simulate(file, colliders, tasks, places, timeout_s, progress.child(0.05, 0.9))
    progress(0.9, "judging robots")
    return replace(_scored(traces, tasks, places, _index(colliders)), errors=errors)


def simulate(
    file: Path,
    colliders: StaticColliders,
    tasks: Sequence[Task],
    places: Sequence[tuple[Floats, float]],
    timeout_s: float,
    progress: Progress,
) -> tuple[Sequence[RobotTrace], tuple[str, ...]]:
    """Let robots go; return their traces, walkers first, and the engine's own errors.

    Args:
        colliders: those of the stage.
        tasks: a Go2 walks each.
        places: a G1 stands at each, points on the ground (3,) [m] with a heading [rad].
    """
    progress(0.0, "placing robots")
    walker, stander = _kind(WALKER, GO2_WALK), _kind(STANDER, G1_STANCE)
    index = _index(colliders)
    robots = [walker.placed(np.asarray(task.start, np.float64), task.start_yaw_rad, index) for task in tasks]
    robots += [stander.placed(ground, yaw, index) for ground, yaw in places]
    missions = [_walk(number, walker.files, task) for number, task in enumerate(tasks)]
    missions += [
        Mission(robot_path(len(tasks) + number), str(stander.files.model), None, [], STANCE_S)
        for number in range(len(places))
    ]
    with tempfile.TemporaryDirectory(prefix="lyra-robots-") as scratch:
        stage = Path(scratch) / "robots.usda"
        write_robot_stage(file, colliders.scenes, robots, stage)
        return run_robots(RobotJob(str(stage), tuple(missions)), Path(scratch), timeout_s, progress)


def _index(colliders: StaticColliders) -> TriangleIndex | None:
    return TriangleIndex(colliders.corners) if len(colliders.corners) else None


def _kind(name: str, stance: Stance) -> _Kind:
    files = find(name)
    return _Kind(files, read_mjcf(files.model), stance)


def _walk(number: int, files: RobotFiles, task: Task) -> Mission:
    seconds = TURNING_S + task.length_m / SLOWEST_M_S
    return Mission(robot_path(number), str(files.model), str(files.policy), task.path.tolist(), seconds)


def places_to_stand(navigation: Navigation | None) -> SpawnPoints | None:
    """Return the places of the standing robot, if somebody looked for them."""
    space = None if navigation is None else navigation.space_of(STANDER)
    return None if space is None else space.spawn_points


def _places(points: SpawnPoints | None, colliders: StaticColliders) -> list[tuple[Floats, float]]:
    """Return where robots stand, points on the ground (3,) [m] with a heading [rad]."""
    if points is None or not points.count:
        return []
    chosen = choose_places(points, STANCES, colliders.corners)
    return [(np.array(points.positions[number], np.float64), float(points.yaws_rad[number])) for number in chosen]


def _scored(
    traces: Sequence[RobotTrace],
    tasks: Sequence[Task],
    places: Sequence[tuple[Floats, float]],
    index: TriangleIndex | None,
) -> Trial:
    walker, stander = _kind(WALKER, GO2_WALK), _kind(STANDER, G1_STANCE)
    walks = [
        score_walk(trace, np.asarray(task.path, np.float64), walker.model, walker.stance, index)
        for trace, task in zip(traces, tasks, strict=False)
    ]
    stances = [
        score_stance(trace, float(ground[2]), stander.model, stander.stance, index)
        for trace, (ground, _) in zip(traces[len(tasks) :], places, strict=True)
    ]
    return Trial(tuple(walks), tuple(stances))
