"""Where robots can be in a variation: as in the scene that it varies, but for what lies about."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..errors import InvalidRequest
from ..io.navigation_files import TASKS_FILE, load_navigation
from ..io.run_dir import VARIATIONS
from ..types import Finding, Navigation, Outcome, RobotSpace, Severity
from .record import VARIATIONS_FILE

__all__ = ["navigation_of"]


def navigation_of(path: Path) -> Outcome[Navigation | None]:
    """Return where robots can be in a run or in one of its variations; None if nothing says it.

    A variation's places and ways are those of its run without those that things block.

    Args:
        path: directory of a run or a variation, or a file in it.

    Returns:
        Free space, frame WORLD, and a finding about what is blocked for each robot.

    Raises:
        InvalidRequest: a file is damaged, or the variation was made by a version that did not note what it blocks.
    """
    folder = (path if path.is_dir() else path.parent).resolve()
    if (folder / TASKS_FILE).is_file():
        return Outcome(load_navigation(folder))
    run, record = folder.parent.parent, folder.parent / VARIATIONS_FILE
    if folder.parent.name != VARIATIONS or not record.is_file() or not (run / TASKS_FILE).is_file():
        return Outcome(None)
    navigation = load_navigation(run)
    starts, tasks = _blocked(record, folder.name)
    spaces = [_left(space, starts.get(space.robot.name, []), tasks) for space in navigation.spaces]
    said = [_told(space, len(tasks.get(space.robot.name, []))) for space in navigation.spaces if space.tasks]
    return Outcome(replace(navigation, spaces=tuple(spaces)), {}, tuple(said))


def _blocked(record: Path, name: str) -> tuple[dict[str, list[int]], dict[str, list[int]]]:
    """Return the numbers of the places to start and of the ways that things block in a variation, by robot."""
    try:
        entry = json.loads(record.read_text(encoding="utf-8"))["variations"][name]
        return entry["blocked_starts"], entry["blocked_tasks"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidRequest(
            f"{record}: must say what blocks the way in variation {name}, but does not "
            f"({type(error).__name__}: {error}). Make the variations again: lyra-scenegen vary RUN --overwrite."
        ) from error


def _left(space: RobotSpace, starts: list[int], tasks: dict[str, list[int]]) -> RobotSpace:
    """Return a robot's space without blocked places and ways."""
    points, blocked = space.spawn_points, set(tasks.get(space.robot.name, []))
    free = np.ones(points.count, bool)
    free[starts] = False
    ways = tuple(task for number, task in enumerate(space.tasks) if number not in blocked)
    return replace(space, spawn_points=points.select(free), tasks=ways)


def _told(space: RobotSpace, blocked: int) -> Finding:
    message = (
        f"{space.robot.title}: things that lie about in this variation block {blocked} of the {len(space.tasks)} ways "
        "that were planned in its scene; those are not walked."
    )
    return Finding("vary.ways_blocked", Severity.INFO, message, blocked)
