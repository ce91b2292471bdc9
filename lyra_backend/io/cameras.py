"""Cameras as a JSON file: pinhole lenses in pixels and poses with OpenCV axes, row-major, in metres.

``viewpoints.json`` holds the cameras in free space, ``previews.json`` those that a run's pictures were taken with,
under the names of the pictures.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InvalidRequest
from ..types import Camera, Intrinsics

__all__ = ["PREVIEWS_FILE", "camera_from_json", "cameras_to_json", "read_cameras", "write_cameras"]

PREVIEWS_FILE = "previews.json"


def write_cameras(path: Path, cameras: Sequence[Camera]) -> None:
    """Write cameras, one in a line and each row of a pose in its own."""
    text = json.dumps(cameras_to_json(cameras), separators=(",", ":"))
    path.write_text(text.replace("],[", "],\n[").replace("},{", "},\n{") + "\n", encoding="utf-8")


def read_cameras(path: Path) -> tuple[Camera, ...]:
    """Read cameras from such a file.

    Raises:
        InvalidRequest: it cannot be read, or holds no cameras.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return tuple(camera_from_json(entry) for entry in data["cameras"])
    except InvalidRequest as error:
        raise InvalidRequest(f"{path}: {error}") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidRequest(
            f"{path}: must be a file of cameras such as viewpoints.json, cannot be read "
            f"({type(error).__name__}: {error})."
        ) from error


def cameras_to_json(cameras: Sequence[Camera]) -> dict[str, Any]:
    """Return cameras as JSON data; poses are rounded to 1e-7."""
    return {"cameras": [_to_json(camera) for camera in cameras]}


def camera_from_json(data: Mapping[str, Any]) -> Camera:
    """Return a camera of such data; raises KeyError or TypeError for what is none."""
    lens = Intrinsics(**{f.name: data[f.name] for f in fields(Intrinsics)})
    return Camera(lens, np.array(data["cam_to_world"], np.float32), data["name"])


def _to_json(camera: Camera) -> dict[str, Any]:
    pose = np.round(camera.cam_to_world.astype(np.float64), 7) + 0.0
    return {"name": camera.name, **asdict(camera.intrinsics), "cam_to_world": pose.tolist()}
