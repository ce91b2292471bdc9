"""Where robots can be in a scene, as the files that a run leaves.

============================== =================================================================
file                           what is in it
============================== =================================================================
bounds.json                    polygons that the floor holds, its lowest height, the ceiling
map.png, map.yaml              what stands on the ground
map_<robot>.png, .yaml         where the root of a robot may be
spawn_points.json              robots, and for each the places where it can start
tasks.json                     ways from one place to another, robot by robot
viewpoints.json                cameras in free space
============================== =================================================================

Frame WORLD, metres, radians. Lists of points are rows; ``columns`` names what is in a row. Numbers are rounded to
0.1 mm, so what is read differs from what was written by so much.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InvalidRequest
from ..types import (
    Locomotion,
    MapFormat,
    Navigation,
    Robot,
    RobotSpace,
    SpawnPoints,
    Task,
    TriangleMesh,
)
from .cameras import camera_from_json, cameras_to_json
from .occupancy_map import read_occupancy_map, write_occupancy_map

__all__ = [
    "BOUNDS_FILE",
    "MAP_FILE",
    "SPAWN_FILE",
    "TASKS_FILE",
    "VIEWPOINTS_FILE",
    "load_navigation",
    "save_navigation",
]

BOUNDS_FILE = "bounds.json"
MAP_FILE = "map.yaml"
SPAWN_FILE = "spawn_points.json"
TASKS_FILE = "tasks.json"
VIEWPOINTS_FILE = "viewpoints.json"
_DIGITS = 4
_SPAWN_COLUMNS = ("x", "y", "z", "yaw", "clearance", "region")


def save_navigation(navigation: Navigation, folder: Path) -> tuple[str, ...]:
    """Write the files of a scene into `folder`; return their names."""
    names = [*write_occupancy_map(navigation.map, folder / MAP_FILE, navigation.map_format)]
    for space in navigation.spaces:
        names += write_occupancy_map(space.map, folder / _robot_map(space.robot.name), navigation.map_format)
    data = {
        BOUNDS_FILE: _bounds_to_json(navigation),
        SPAWN_FILE: {"columns": _SPAWN_COLUMNS, "robots": {s.robot.name: _space_to_json(s) for s in navigation.spaces}},
        TASKS_FILE: {"robots": {s.robot.name: [_task_to_json(t) for t in s.tasks] for s in navigation.spaces}},
        VIEWPOINTS_FILE: cameras_to_json(navigation.viewpoints),
    }
    for name, content in data.items():
        (folder / name).write_text(_text(content), encoding="utf-8")
    return (*names, *data)


def load_navigation(directory: str | os.PathLike[str]) -> Navigation:
    """Read what :func:`save_navigation` wrote into a run's directory.

    Raises:
        InvalidRequest: a file is missing or damaged.
    """
    folder = Path(directory)
    bounds = _read(folder / BOUNDS_FILE)
    spawn, tasks = _read(folder / SPAWN_FILE), _read(folder / TASKS_FILE)
    try:
        map_format = MapFormat(bounds["map_format"])
        spaces = [
            RobotSpace(
                _robot_from_json(data["robot"]),
                read_occupancy_map(folder / _robot_map(name), map_format),
                _points_from_json(data["points"]),
                tuple(_task_from_json(t) for t in tasks["robots"][name]),
                data["free_m2"],
            )
            for name, data in spawn["robots"].items()
        ]
        cameras = tuple(camera_from_json(c) for c in _read(folder / VIEWPOINTS_FILE)["cameras"])
        return Navigation(
            read_occupancy_map(folder / MAP_FILE, map_format),
            tuple(_array(p, 2) for p in bounds["polygons"]),
            bounds["floor_m"],
            bounds["ceiling_m"],
            tuple(spaces),
            cameras,
            _wall_from_json(bounds["wall"]),
            map_format,
        )
    except InvalidRequest:
        raise
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidRequest(
            f"{folder}: its files of free space are damaged ({error}). Make the scene anew."
        ) from error


def _robot_map(name: str) -> str:
    return f"map_{name}.yaml"


def _bounds_to_json(navigation: Navigation) -> dict[str, Any]:
    wall = navigation.wall
    return {
        "floor_m": round(navigation.floor_m, _DIGITS),
        "ceiling_m": round(navigation.ceiling_m, _DIGITS),
        "map_format": navigation.map_format,
        "polygons": [_rounded(p) for p in navigation.bounds],
        "wall": wall and {"vertices": _rounded(wall.vertices), "triangles": wall.triangles.tolist()},
    }


def _wall_from_json(data: Mapping[str, Any] | None) -> TriangleMesh | None:
    if data is None:
        return None
    return TriangleMesh(_array(data["vertices"], 3), np.array(data["triangles"], np.int32), "wall of the bounds")


def _space_to_json(space: RobotSpace) -> dict[str, Any]:
    points = space.spawn_points
    rows = np.column_stack([points.positions, points.yaws_rad, points.clearances_m])
    regions = points.regions.tolist()
    listed = [[*row, region] for row, region in zip(_rounded(rows), regions, strict=True)]
    return {"robot": asdict(space.robot), "free_m2": round(space.free_m2, _DIGITS), "points": listed}


def _points_from_json(rows: Sequence[Sequence[float]]) -> SpawnPoints:
    table = np.array(rows, np.float64).reshape(-1, len(_SPAWN_COLUMNS))
    return SpawnPoints(
        table[:, :3].astype(np.float32),
        table[:, 3].astype(np.float32),
        table[:, 4].astype(np.float32),
        table[:, 5].astype(np.int32),
    )


def _task_to_json(task: Task) -> dict[str, Any]:
    yaw, length = round(task.start_yaw_rad, _DIGITS), round(task.length_m, _DIGITS)
    return {"start_yaw": yaw, "length_m": length, "path": _rounded(task.path)}


def _task_from_json(data: Mapping[str, Any]) -> Task:
    return Task(_array(data["path"], 3), data["start_yaw"], data["length_m"])


def _robot_from_json(data: Mapping[str, Any]) -> Robot:
    return Robot(**{**data, "locomotion": Locomotion(data["locomotion"])})


def _array(rows: Sequence[Sequence[float]], columns: int) -> npt.NDArray[np.float32]:
    return np.array(rows, np.float32).reshape(-1, columns)


def _rounded(values: npt.NDArray[Any]) -> list[Any]:
    rounded: list[Any] = (np.round(values.astype(np.float64), _DIGITS) + 0.0).tolist()
    return rounded


def _text(data: Any) -> str:
    """Return JSON that is short and can still be read: one line for each row of numbers."""
    return json.dumps(data, separators=(",", ":")).replace("],[", "],\n[").replace("},{", "},\n{") + "\n"


def _read(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidRequest(f"{path}: must be a file of a scene's free space, cannot be read ({error}).") from error
    if not isinstance(data, dict):
        raise InvalidRequest(f"{path}: must hold a JSON object, got {type(data).__name__}.")
    return data
