"""The catalog of robots: what a scene must know of each, from ``robots.toml``."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from ..errors import InvalidRequest, nearest
from ..types import Locomotion, Robot

__all__ = ["known_robots", "robot"]


def known_robots() -> tuple[str, ...]:
    """Return the names of the robots of the catalog."""
    return tuple(_catalog())


def robot(name: str) -> Robot:
    """Return a robot of the catalog.

    Raises:
        InvalidRequest: no robot has that name.
    """
    catalog = _catalog()
    if name not in catalog:
        raise InvalidRequest(f"robot {name!r} is unknown; {nearest(name, catalog)}")
    fields = dict(catalog[name])
    return Robot(name=name, locomotion=Locomotion(fields.pop("locomotion")), **fields)


@cache
def _catalog() -> dict[str, Any]:
    path = Path(__file__).parent / "robots.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))
