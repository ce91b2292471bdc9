# SPDX-FileCopyrightText: Copyright (c) 2026 Lyra SceneGen contributors
# SPDX-License-Identifier: Apache-2.0

"""Robots that can be put into a scene: which there are, where their assets are, and where in a scene they can stand."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import carb.settings

__all__ = ["CatalogRobot", "SpawnPose", "asset_url", "robot_catalog", "spawn_pose"]

#: Where Isaac Sim keeps the root of its assets.
ASSETS_ROOT = "/persistent/isaac/asset_root/default"
_CATALOG = "place/robots.toml"
_SPAWN_FILE = "spawn_points.json"
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


@dataclass(frozen=True)
class CatalogRobot:
    """A robot of the catalog: its name for people, and its asset below the root of Isaac Sim's assets."""

    title: str
    asset: str


@dataclass(frozen=True)
class SpawnPose:
    """Where the root of a robot goes.

    Attributes:
        position: in the scene (Z up) [m].
        yaw_rad: turn about the scene's z [rad].
    """

    position: tuple[float, float, float]
    yaw_rad: float


@cache
def robot_catalog() -> Mapping[str, CatalogRobot]:
    """Return the robots that the backend knows, by name."""
    entries = tomllib.loads((files("lyra_backend") / _CATALOG).read_text(encoding="utf-8"))
    return {name: CatalogRobot(entry.get("title", name), entry["asset"]) for name, entry in entries.items()}


def asset_url(robot: str) -> str:
    """Return where a robot's asset is.

    Args:
        robot: a name of the catalog, a file, a URL, or a path below the root of Isaac Sim's assets.

    Raises:
        ValueError: there is no such robot, or it is below that root and none is set.
    """
    if _URL.match(robot):
        return robot
    if Path(robot).is_absolute():
        if not Path(robot).is_file():
            raise ValueError(f"{robot}: there is no such file. Give a robot's USD file, or a name of the catalog.")
        return robot
    catalog = robot_catalog()
    if robot not in catalog and "/" not in robot:
        raise ValueError(f"robot {robot!r} is unknown; known: {', '.join(sorted(catalog))}. Or give its file.")
    asset = catalog[robot].asset if robot in catalog else robot
    root = carb.settings.get_settings().get(ASSETS_ROOT)
    if not root:
        raise ValueError(
            f"{robot}: lies below the root of Isaac Sim's assets, and the setting {ASSETS_ROOT} is empty. "
            "Set it in Isaac Sim's preferences, or give the robot's own file."
        )
    return f"{str(root).rstrip('/')}/{asset}"


def spawn_pose(run: Path, robot: str, number: int = 0) -> SpawnPose:
    """Return the place where the `number`-th robot of a kind can start in a scene.

    A robot that the scene was not made for gets a place of the largest one that it was made for, on the ground.

    Raises:
        ValueError: the scene has no place to start, or too few.
    """
    known = _spawn_points(run)
    if not known:
        raise ValueError(f"{run.name}: the scene has no places to start; it was made without place.robots.")
    entry = known.get(robot) or max(known.values(), key=lambda other: other["robot"]["radius_m"])
    points, body = entry["points"], entry["robot"]
    if number >= len(points):
        raise ValueError(f"{run.name}: has {len(points)} places for {robot} to start, number {number} was asked for.")
    x, y, z, yaw = points[number][:4]
    above = body["root_height_m"] + body["clearance_m"] if robot in known else 0.0
    return SpawnPose((x, y, z + above), yaw)


def _spawn_points(run: Path) -> Mapping[str, Any]:
    """Return what a run says of places to start, by robot; empty if it says nothing."""
    try:
        told = json.loads((run / _SPAWN_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    robots: Mapping[str, Any] = told.get("robots", {})
    return robots
