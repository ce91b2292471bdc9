"""The light of a stage that was written by :mod:`light`, read back so that it can be varied."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from pxr import Sdf

from ..types import Bulb, SceneLight
from .light import LIGHT_SET, LIGHTS_NAME, SCENE_VARIANT, WHITE, StageLight

__all__ = ["read_light"]

Triple = tuple[float, float, float]

_LAMP_NAMES = "Lamp_"


def read_light(file: Path) -> StageLight | None:
    """Return the scene's own light of a ``stage.usda``; None if nobody wrote one there that can be read."""
    layer = Sdf.Layer.FindOrOpen(str(file)) if file.is_file() else None
    if layer is None:
        return None
    world = f"/{layer.defaultPrim}"
    found = (layer.GetPrimAtPath(f"{world}{at}{LIGHTS_NAME}") for at in ("/", f"{{{LIGHT_SET}={SCENE_VARIANT}}}"))
    lights = next((spec for spec in found if spec), None)
    sky = lights.nameChildren.get("Sky") if lights else None
    if lights is None or sky is None:
        return None
    sun = lights.nameChildren.get("Sun")
    bulbs = tuple(_bulb(spec) for spec in lights.nameChildren if spec.name.startswith(_LAMP_NAMES))
    shines = _color(sky, WHITE)
    scene = SceneLight((0.0, 0.0, 0.0), shines, bulbs=bulbs)
    if sun:
        angle = float(_value(sun, "inputs:angle", 0.53))
        scene = SceneLight((0.0, 0.0, 0.0), shines, _color(sun, WHITE), _direction(sun), bulbs, angle)
    has_environment = _value(sky, "inputs:texture:file", None) is not None
    return StageLight(scene, has_environment, max(shines) if has_environment else 1.0)


def _bulb(spec: Sdf.PrimSpec) -> Bulb:
    radius = float(_value(spec, "inputs:radius", 0.0))
    place = _value(spec, "xformOp:translate", (0.0, 0.0, 0.0))
    return Bulb(_triple(place), _color(spec, WHITE / radius**2))


def _color(spec: Sdf.PrimSpec, white: float) -> Triple:
    """Return the linear colour of a light whose intensity `white` is that of white."""
    strength = _value(spec, "inputs:intensity", 0.0) / white
    return _triple(strength * np.array(_value(spec, "inputs:color", (1.0, 1.0, 1.0))))


def _direction(sun: Sdf.PrimSpec) -> Triple:
    """Return the unit vector to the sun: the inverse of how it is turned."""
    tilt, _, turn = (math.radians(v) for v in _value(sun, "xformOp:rotateXYZ", (0.0, 0.0, 0.0)))
    return _triple((math.sin(turn) * math.sin(tilt), -math.cos(turn) * math.sin(tilt), math.cos(tilt)))


def _value(spec: Sdf.PrimSpec, name: str, usual: Any) -> Any:
    attribute = spec.attributes.get(name)
    return usual if attribute is None else attribute.default


def _triple(values: Any) -> Triple:
    x, y, z = (round(float(v), 6) for v in values)
    return x, y, z
