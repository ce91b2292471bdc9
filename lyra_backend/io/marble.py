"""What the service of World Labs Marble says about a world: ``semantics_metadata`` of its API's answer.

Marble's API description (its OpenAPI schema, docs.worldlabs.ai/api) defines, for coordinates of the downloaded splat::

    metric_xyz = raw_xyz * metric_scale_factor
    aligned_xyz = metric_xyz - (0, ground_plane_offset, 0)

so the scale comes first and the offset is in metres. Sizes of Gaussians are scaled as well and never moved. A factor of
exactly 1 means that the scale could not be inferred. Raw coordinates have OpenCV axes: y points down, z ahead; the turn
to y up comes after both. So the ground lies ``ground_plane_offset`` metres *below* the origin.

Not said there, and so not certain: how accurate either number is, and the axes and units of the collider GLB. Files
that people downloaded from the web page are reported in y-up axes, and in metres already, since about January 2026.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InvalidRequest, shown

__all__ = ["MarbleWorld", "read_world"]

#: No world is so large; NaN and infinity fail the comparison as well.
_MOST = 1e9
_WRAPPERS = ("response", "world")
_PATH = ("assets", "splats", "semantics_metadata")
_BY_HAND = (
    "Save the whole answer of GET /marble/v1/worlds/{id}; or leave the file out and give "
    "generate.metric_scale_factor and generate.ground_plane_offset."
)


@dataclass(frozen=True)
class MarbleWorld:
    """Where a world's splat lies.

    Attributes:
        metric_scale_factor: metres per unit of the splat; 1 = the service could not tell.
        ground_plane_offset: how far the ground lies below the splat's origin, once scaled [m]; None = not known.
        world_id: the service's name of the world, "" if it does not say.
    """

    metric_scale_factor: float
    ground_plane_offset: float | None
    world_id: str = ""

    @property
    def inferred_scale(self) -> float | None:
        """The factor, None where the service could not tell it."""
        return None if self.metric_scale_factor == 1.0 else self.metric_scale_factor


def read_world(path: Path) -> MarbleWorld:
    """Read the answer of Marble's API about a world, or about the operation that made it.

    Raises:
        InvalidRequest: no such file, no JSON, a key that is not there, or a value that is no such number.
    """
    world = _object(path)
    for name in _WRAPPERS:
        world = world[name] if isinstance(world.get(name), Mapping) else world
    found: Any = world
    for depth, name in enumerate(_PATH):
        found = found.get(name)
        if not isinstance(found, Mapping):
            where = ".".join(_PATH[: depth + 1])
            raise InvalidRequest(f"{path}: must say where the world lies in {where}, got {shown(found)}. {_BY_HAND}")
    factor = _number(path, found, "metric_scale_factor")
    if factor <= 0:
        raise InvalidRequest(f"{path}: metric_scale_factor must be a positive number, got {factor}. {_BY_HAND}")
    called = world.get("world_id") or world.get("id")
    return MarbleWorld(factor, _number(path, found, "ground_plane_offset"), called if isinstance(called, str) else "")


def _object(path: Path) -> Mapping[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidRequest(f"{path}: cannot be read ({error.strerror}). Check the path.") from error
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"{path}: must be the JSON answer of Marble's API ({error}). {_BY_HAND}") from error
    if not isinstance(data, Mapping):
        raise InvalidRequest(f"{path}: must hold a JSON object, got {type(data).__name__}. {_BY_HAND}")
    return data


def _number(path: Path, metadata: Mapping[str, Any], name: str) -> float:
    value = metadata.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _MOST:
        raise InvalidRequest(f"{path}: {'.'.join(_PATH)}.{name} must be a number, got {shown(value)}. {_BY_HAND}")
    return float(value)
