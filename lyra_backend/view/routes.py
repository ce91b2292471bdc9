"""All that a browser can ask for, by the path after the token; nothing else exists to it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import numpy as np
import numpy.typing as npt

from ..types import UP_AXES, Camera, Navigation, RobotSpace
from ..types.rotations import quat_from_matrix
from .scene import Collider, Splats, ViewScene

__all__ = ["Content", "routes_of", "scene_json"]

_KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
}
_BINARY = "application/octet-stream"
_DIGITS = 4


@dataclass(frozen=True)
class Content:
    """What one path gives: its media type and a function that returns its bytes."""

    kind: str
    load: Callable[[], bytes]


def routes_of(scene: ViewScene) -> Mapping[str, Content]:
    """Return the table of all paths: the files of the page, and what is in the scene."""
    routes = dict(_page_files(files(__package__) / "page", ""))
    routes[""] = routes.pop("index.html")
    described = json.dumps(scene_json(scene), separators=(",", ":")).encode("utf-8")
    routes["scene.json"] = Content("application/json", lambda: described)
    if scene.splats is not None:
        routes |= _splat_routes(scene.splats)
    if scene.collider is not None:
        routes["collider/positions"] = _array(scene.collider.positions, "<f4")
        routes["collider/triangles"] = _array(scene.collider.triangles, "<u4")
    return routes


def _page_files(folder: Traversable, above: str) -> dict[str, Content]:
    """Return the files that the page is made of; licences and the like are not for the browser."""
    found: dict[str, Content] = {}
    for entry in folder.iterdir():
        if entry.is_dir():
            found |= _page_files(entry, f"{above}{entry.name}/")
        elif kind := _KINDS.get(f".{entry.name.rpartition('.')[2]}"):
            found[f"{above}{entry.name}"] = Content(kind, entry.read_bytes)
    return found


def _splat_routes(splats: Splats) -> dict[str, Content]:
    routes = {f"splats/{i}.ply": _frame(splats, i) for i in range(max(1, len(splats.times_s)))}
    if (preview := splats.preview) is not None:
        routes["splats/preview.ply"] = Content(_BINARY, lambda: preview)
    if splats.class_ids is not None:
        routes["splats/classes"] = _array(splats.class_ids, "<u2")
    return routes


def _frame(splats: Splats, index: int) -> Content:
    return Content(_BINARY, lambda: splats.load(index))


def _array(values: npt.NDArray[Any], kind: str) -> Content:
    return Content(_BINARY, lambda: np.ascontiguousarray(values, kind).tobytes())


def scene_json(scene: ViewScene) -> dict[str, Any]:
    """Return what the page must know before it asks for bytes, as JSON data; metres, radians, Z up."""
    return {
        "title": scene.title,
        "up": scene.up,
        "up_known": scene.up_known,
        # xyzw, as three.js has them
        "up_turns": {name: _turn(np.array(move.rotation)) for name, move in UP_AXES.items()},
        "splats": scene.splats and _splats_json(scene.splats),
        "collider": scene.collider and _collider_json(scene.collider),
        "navigation": scene.navigation and _navigation_json(scene.navigation),
        "notes": list(scene.notes),
    }


def _turn(matrix: npt.NDArray[np.float64]) -> list[float]:
    w, x, y, z = quat_from_matrix(matrix).tolist()
    return [x, y, z, w]


def _splats_json(splats: Splats) -> dict[str, Any]:
    ids = splats.class_ids
    return {
        "count": splats.count,
        "has_preview": splats.preview is not None,
        "low": _rounded(splats.low),
        "high": _rounded(splats.high),
        "times_s": list(splats.times_s),
        "class_names": list(splats.class_names),
        "class_counts": [] if ids is None else np.bincount(ids, minlength=len(splats.class_names)).tolist(),
    }


def _collider_json(collider: Collider) -> dict[str, Any]:
    low, high = collider.positions.min(axis=0), collider.positions.max(axis=0)
    return {"triangles": len(collider.triangles), "low": _rounded(low), "high": _rounded(high)}


def _navigation_json(navigation: Navigation) -> dict[str, Any]:
    return {
        "floor_m": round(navigation.floor_m, _DIGITS),
        "ceiling_m": round(navigation.ceiling_m, _DIGITS),
        "polygons": [_rounded(polygon) for polygon in navigation.bounds],
        "viewpoints": [_viewpoint_json(camera) for camera in navigation.viewpoints],
        "robots": [_robot_json(space) for space in navigation.spaces],
    }


def _viewpoint_json(camera: Camera) -> dict[str, Any]:
    return {"position": _rounded(camera.position), "forward": _rounded(camera.cam_to_world[:3, 2])}


def _robot_json(space: RobotSpace) -> dict[str, Any]:
    robot, points = space.robot, space.spawn_points
    rows = np.column_stack([points.positions, points.yaws_rad, points.clearances_m])
    return {
        "name": robot.name,
        "title": robot.title,
        "radius_m": robot.radius_m,
        "height_m": robot.height_m,
        "eye_height_m": robot.eye_height_m,
        "step_m": robot.step_m,
        "spawn_points": _rounded(rows),
        "paths": [_rounded(task.path) for task in space.tasks],
    }


def _rounded(values: npt.ArrayLike) -> list[Any]:
    rounded: list[Any] = np.round(np.asarray(values, np.float64), _DIGITS).tolist()
    return rounded
