"""Robots by name: a catalog that ships with the package, and users' own entries in the same form.

Does: read and check entries. Does not: look for files, or open a robot's USD.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

from ..errors import InvalidRequest, nearest, shown
from ..types.navigation import Locomotion, Robot

__all__ = ["as_toml", "known_robots", "read_robots", "robot"]

CATALOG = Path(__file__).with_name("robots.toml")
#: A name becomes part of a prim's name and stands in comma-separated lists.
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_TEXTS = ("title", "locomotion", "asset")
_NUMBERS = tuple(f.name for f in fields(Robot) if f.name not in ("name", *_TEXTS))
_REQUIRED = ("locomotion", "asset", "radius_m", "height_m")


def robot(name: str, own: str = "") -> Robot:
    """Return the robot called `name`.

    Args:
        name: key in the catalog, or in `own`.
        own: entries of the user's, as TOML text; they beat those of the catalog.

    Raises:
        InvalidRequest: there is no such robot, or `own` cannot be read.
    """
    robots = _robots(own)
    if name not in robots:
        raise InvalidRequest(
            f"robot {shown(name)} is unknown; {nearest(name, robots)} Robots of your own: --robot-file, docs/robots.md."
        )
    return robots[name]


def known_robots(own: str = "") -> tuple[str, ...]:
    """Return the names of all robots, those of the catalog first and in its order.

    Raises:
        InvalidRequest: `own`, TOML text, cannot be read.
    """
    return tuple(_robots(own))


def read_robots(text: str, where: str) -> dict[str, Robot]:
    """Return the robots of a TOML text by name; `where` names the text in messages.

    Raises:
        InvalidRequest: it is no TOML, or an entry lacks something, has something unknown or a value no robot has.
    """
    try:
        entries = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidRequest(f"{where}: must be TOML, but {error}.") from error
    return {name: _entry(f"{where}: [{name}]", name, entry) for name, entry in entries.items()}


def as_toml(entry: Robot) -> str:
    """Return the text of an entry that :func:`read_robots` reads as `entry`."""
    # What JSON writes for text and numbers is TOML as well.
    lines = [f"{name} = {json.dumps(getattr(entry, name))}" for name in (*_TEXTS, *_NUMBERS)]
    return "\n".join([f"[{entry.name}]", *lines]) + "\n"


def _robots(own: str) -> Mapping[str, Robot]:
    return {**_catalog(), **read_robots(own, "own robots")} if own else _catalog()


@cache
def _catalog() -> Mapping[str, Robot]:
    return read_robots(CATALOG.read_text(encoding="utf-8"), CATALOG.name)


def _entry(where: str, name: str, entry: Any) -> Robot:
    if not _NAME.fullmatch(name):
        raise InvalidRequest(f"{where}: a robot's name must be lower-case letters, digits and underscores; rename it.")
    if not isinstance(entry, dict):
        raise InvalidRequest(f"{where}: must be a table, such as [my_robot] with a line for each value below it.")
    known = (*_TEXTS, *_NUMBERS)
    for key in entry:
        if key not in known:
            raise InvalidRequest(f"{where}: {shown(key)} is unknown; {nearest(key, known)}")
    if missing := [key for key in _REQUIRED if key not in entry]:
        raise InvalidRequest(f"{where}: must say {', '.join(missing)}; docs/robots.md has an example.")
    texts = {key: _text(where, key, entry[key]) for key in _TEXTS if key in entry}
    numbers = {key: _number(where, key, entry[key]) for key in _NUMBERS if key in entry}
    values = {**_usual(name, numbers), **texts, **numbers, "locomotion": _gait(where, texts)}
    try:
        return Robot(name=name, **values)
    except InvalidRequest as error:
        raise InvalidRequest(f"{where}: {str(error).removeprefix(f'robot {name}: ')} Correct it.") from error


def _usual(name: str, numbers: Mapping[str, float]) -> dict[str, Any]:
    """Return what an entry need not say: a root on the ground, a level floor, eyes at the top."""
    return {
        "title": name,
        "root_height_m": 0.0,
        "clearance_m": 0.05,
        "step_m": 0.01,
        "slope_deg": 5.0,
        "eye_height_m": numbers["height_m"],
    }


def _gait(where: str, texts: Mapping[str, str]) -> Locomotion:
    given = texts["locomotion"]
    if given not in list(Locomotion):
        raise InvalidRequest(f"{where}: locomotion {shown(given)} is unknown; {nearest(given, list(Locomotion))}")
    return Locomotion(given)


def _text(where: str, key: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise InvalidRequest(f"{where}: {key} must be a line of text, got {shown(value)}.")
    return value


def _number(where: str, key: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidRequest(f"{where}: {key} must be a number, got {shown(value)}.")
    return float(value)
