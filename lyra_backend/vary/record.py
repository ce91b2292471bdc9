"""What a variation differs by, as JSON data for people and for training code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..types import Navigation, Robot, RobotSpace

if TYPE_CHECKING:
    from ..author.light import StageLight
    from ..author.variation import Clutter, Variation

__all__ = ["VARIATIONS_FILE", "as_json"]

VARIATIONS_FILE = "variations.json"

#: A robot starts, and goes, at least this far from a thing that lies about [m].
_ROOM_M = 0.05


def as_json(variation: Variation, navigation: Navigation | None) -> dict[str, Any]:
    """Return the data: metres, kilograms, quaternions wxyz, linear RGB; null for a light that is as it was.

    Args:
        variation: what differs.
        navigation: where robots can start in the scene without it; None if nobody looked.
    """
    spaces = navigation.spaces if navigation else ()
    return {
        "blocked_starts": {space.robot.name: _blocked(space, variation.clutter) for space in spaces},
        "blocked_tasks": {space.robot.name: _blocked_ways(space, variation.clutter) for space in spaces},
        "light": None if variation.light is None else _light(variation.light),
        "frictions": {
            name: {"static": static, "dynamic": dynamic} for name, (static, dynamic) in variation.frictions.items()
        },
        "look": {
            "gain": list(variation.look.gain),
            "saturation": variation.look.saturation,
            "tint": list(variation.look.tint),
        },
        "clutter": [_thing(one) for one in variation.clutter],
    }


def _blocked(space: RobotSpace, clutter: Sequence[Clutter]) -> list[int]:
    """Return which of a robot's places to start things lie on or too near to, by number."""
    points = space.spawn_points.positions
    blocked = np.zeros(len(points), bool)
    for one in clutter:
        offset = points - np.array(one.position)
        near = np.hypot(offset[:, 0], offset[:, 1]) < space.robot.radius_m + one.radius_m + _ROOM_M
        blocked |= near & (np.abs(offset[:, 2]) < space.robot.height_m)
    return [int(i) for i in np.flatnonzero(blocked)]


def _blocked_ways(space: RobotSpace, clutter: Sequence[Clutter]) -> list[int]:
    """Return which of a robot's ways things lie on or too near to, by number."""
    return [i for i, task in enumerate(space.tasks) if any(_in_the_way(one, task.path, space.robot) for one in clutter)]


def _in_the_way(one: Clutter, path: npt.NDArray[np.float32], robot: Robot) -> bool:
    """Say whether a robot on a path (K, 3) [m] would touch a thing."""
    at, ways = np.array(one.position), np.diff(path.astype(np.float64), axis=0)
    along = np.einsum("nk,nk->n", at[:2] - path[:-1, :2], ways[:, :2])
    share = np.clip(along / np.maximum(np.einsum("nk,nk->n", ways[:, :2], ways[:, :2]), 1e-12), 0.0, 1.0)
    offset = at - (path[:-1] + share[:, None] * ways)
    near = np.hypot(offset[:, 0], offset[:, 1]) < robot.radius_m + one.radius_m + _ROOM_M
    return bool((near & (np.abs(offset[:, 2]) < robot.height_m)).any())


def _light(light: StageLight) -> dict[str, Any]:
    scene = light.light
    return {
        "temperature_k": light.temperature_k,
        "dome_strength": round(light.dome_strength, 6),
        "sun": list(scene.sun),
        "sun_direction": list(scene.sun_direction),
        "lamps": len(scene.bulbs),
    }


def _thing(one: Clutter) -> dict[str, Any]:
    return {
        "name": one.name,
        "class": one.semantic_class,
        "shape": str(one.primitive.shape) if one.primitive else "body",
        "size_m": [round(float(v), 6) for v in one.primitive.size] if one.primitive else None,
        "body": one.body or None,
        "mass_kg": one.mass_kg,
        "friction": one.friction,
        "radius_m": one.radius_m,
        "position_m": list(one.position),
        "quat_wxyz": list(one.quat_wxyz),
    }
