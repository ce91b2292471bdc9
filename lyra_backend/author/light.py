"""Lights of a stage: those the Gaussians were seen under, and variants of them for randomisation.

Gaussians carry their light and need none; lights are for robots and whatever else is put among them. A light's
intensity is in units in which a white surface under a dome of radiance `WHITE` is shown as white, with the renderer's
exposure as it is by default and the linear tone mapper that the stage asks for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from pxr import Gf, Sdf, Vt

from ..io.hdr import write_hdr
from ..types import Bulb, Environment, SceneLight
from .layers import attribute, define

__all__ = ["ENVIRONMENT_FILE", "LIGHT_SET", "StageLight", "hang_lights", "varied", "write_environment"]

ENVIRONMENT_FILE = "environment.hdr"
LIGHT_SET = "light"
SCENE_VARIANT = "scene"
LIGHTS_NAME = "Lights"

#: Intensity of lights that show a white surface as white.
WHITE = 350.0
#: The light of scenes that do not say what lights them: a sky, and a sun that falls in from the side.
_USUAL = SceneLight((0.74, 0.82, 0.9), (1.7, 1.7, 1.7), (4.3, 4.3, 4.3), (0.321394, -0.556670, 0.766044))
#: More lamps than this, the weakest, are left out: each costs time in every picture.
_MOST_LAMPS = 32
_LAMP_RADIUS_M = 0.02
#: Turns the pole of a dome's picture, +Y, upwards, and its middle, +Z, to +X.
_DOME_ROTATION_DEG = (90.0, 0.0, 90.0)

#: What variants may differ by: colour temperature [1e6/K, mired] around that of white, strength of sun and lamps and
#: of the dome [stops], turn and height of the sun [deg], place of a lamp [m].
_MIRED, _WHITE_MIRED = 60.0, 1e6 / 6500
_KEY_STOPS, _DOME_STOPS = 1.0, 0.5
_TURN_DEG, _RISE_DEG, _SUN_LOWEST_DEG = 40.0, 15.0, 8.0
_SHIFT_M = 0.25
_STREAM = 8_201

_Types = Sdf.ValueTypeNames


@dataclass(frozen=True)
class StageLight:
    """What is authored: sky, sun and lamps, the dome's picture if there is one, and how a variant changes them.

    Attributes:
        light: sun and lamps; its sky is the dome's colour where there is no picture.
        has_environment: the dome shows `ENVIRONMENT_FILE`, which lies beside the stage.
        dome_strength: factor on the dome.
        temperature_k: colour temperature that all lights are tinted by [K]; None leaves them as they are.
    """

    light: SceneLight
    has_environment: bool = False
    dome_strength: float = 1.0
    temperature_k: float | None = None

    @staticmethod
    def of(light: SceneLight | None, environment: Environment | None) -> StageLight:
        """Return the light of a scene; ordinary daylight where nothing is known of it."""
        return StageLight(light or _USUAL, light is not None and environment is not None)


def write_environment(directory: Path, environment: Environment) -> str:
    """Write the surroundings as a latitude-longitude picture in the orientation of UsdLux; return the file's name."""
    write_hdr(directory / ENVIRONMENT_FILE, environment.radiance)
    return ENVIRONMENT_FILE


def varied(light: StageLight, count: int, seed: int) -> dict[str, StageLight]:
    """Return `count` plausible variants by name; the same for the same seed, and the first ones for any count."""
    return {f"random_{k + 1}": _variant(light, np.random.default_rng([seed, _STREAM, k])) for k in range(count)}


def _variant(light: StageLight, rng: np.random.Generator) -> StageLight:
    mired = _WHITE_MIRED + rng.uniform(-_MIRED, _MIRED)
    key, dome = 2 ** rng.uniform(-_KEY_STOPS, _KEY_STOPS), 2 ** rng.uniform(-_DOME_STOPS, _DOME_STOPS)
    sun = light.light
    bulbs = tuple(
        Bulb(
            _triple(np.asarray(b.position) + rng.uniform(-_SHIFT_M, _SHIFT_M, 3)),
            _triple(np.asarray(b.color) * 2 ** rng.uniform(-_KEY_STOPS, _KEY_STOPS)),
        )
        for b in sun.bulbs
    )
    moved = _moved(sun.sun_direction, rng.uniform(-_TURN_DEG, _TURN_DEG), rng.uniform(-_RISE_DEG, _RISE_DEG))
    lit = replace(sun, sun=_triple(key * np.asarray(sun.sun)), sun_direction=moved, bulbs=bulbs)
    return replace(light, light=lit, dome_strength=float(dome), temperature_k=round(1e6 / mired, 1))


def _moved(direction: Sequence[float], turn_deg: float, rise_deg: float) -> tuple[float, float, float]:
    """Return the direction turned around the vertical and raised, neither below `_SUN_LOWEST_DEG` nor past overhead."""
    x, y, z = direction
    height = math.degrees(math.asin(max(-1.0, min(1.0, z)))) + rise_deg
    up = math.radians(max(_SUN_LOWEST_DEG, min(height, 90.0)))
    turn = math.atan2(y, x) + math.radians(turn_deg)
    return _triple(np.array([math.cos(up) * math.cos(turn), math.cos(up) * math.sin(turn), math.sin(up)]))


def hang_lights(world: Sdf.PrimSpec, light: StageLight, variants: dict[str, StageLight]) -> None:
    """Author the lights below the world prim; with `variants`, each and the scene's own in the variant set "light"."""
    if not variants:
        _author(define(world, LIGHTS_NAME, "Scope"), light)
        return
    world.variantSetNameList.prependedItems.append(LIGHT_SET)
    world.variantSelections[LIGHT_SET] = SCENE_VARIANT
    choices = Sdf.VariantSetSpec(world, LIGHT_SET)
    for name, choice in {SCENE_VARIANT: light, **variants}.items():
        inside = Sdf.VariantSpec(choices, name).primSpec
        _author(define(inside, LIGHTS_NAME, "Scope"), choice)


def _author(lights: Sdf.PrimSpec, light: StageLight) -> None:
    _author_dome(define(lights, "Sky", "DomeLight"), light)
    scene = light.light
    if any(scene.sun):
        sun = define(lights, "Sun", "DistantLight")
        _shine(sun, scene.sun, WHITE, light.temperature_k)
        attribute(sun, "inputs:angle", _Types.Float, scene.sun_angle_deg)
        _place(sun, "rotateXYZ", _sun_rotation_deg(scene.sun_direction))
    for k, bulb in enumerate(scene.bulbs[:_MOST_LAMPS]):
        _hang(define(lights, f"Lamp_{k + 1}", "SphereLight"), bulb, light.temperature_k)


def _author_dome(dome: Sdf.PrimSpec, light: StageLight) -> None:
    if not light.has_environment:
        _shine(dome, light.light.sky, light.dome_strength * WHITE, light.temperature_k)
        return
    _shine(dome, (1.0, 1.0, 1.0), light.dome_strength * WHITE, light.temperature_k)
    attribute(dome, "inputs:texture:file", _Types.Asset, Sdf.AssetPath(f"./{ENVIRONMENT_FILE}"))
    attribute(dome, "inputs:texture:format", _Types.Token, "latlong")
    _place(dome, "rotateXYZ", _DOME_ROTATION_DEG)


def _shine(lamp: Sdf.PrimSpec, color: Sequence[float], white: float, temperature_k: float | None) -> None:
    """Give a light its colour, with 1 in the strongest channel, and the intensity that goes with it."""
    top = max(color)
    shown = tuple(v / top for v in color) if top > 0 else (1.0, 1.0, 1.0)
    attribute(lamp, "inputs:color", _Types.Color3f, Gf.Vec3f(*shown))
    attribute(lamp, "inputs:intensity", _Types.Float, top * white)
    if temperature_k is not None:
        attribute(lamp, "inputs:enableColorTemperature", _Types.Bool, True)
        attribute(lamp, "inputs:colorTemperature", _Types.Float, temperature_k)


def _hang(lamp: Sdf.PrimSpec, bulb: Bulb, temperature_k: float | None) -> None:
    # A ball of radiance L and radius r lights a surface at 1 m like L r^2 of what makes it white.
    _shine(lamp, bulb.color, WHITE / _LAMP_RADIUS_M**2, temperature_k)
    attribute(lamp, "inputs:radius", _Types.Float, _LAMP_RADIUS_M)
    attribute(lamp, "treatAsPoint", _Types.Bool, True)
    _place(lamp, "translate", bulb.position)


def _place(prim: Sdf.PrimSpec, operation: str, values: Sequence[float]) -> None:
    name = f"xformOp:{operation}"
    attribute(prim, name, _Types.Float3, Gf.Vec3f(*values))
    attribute(prim, "xformOpOrder", _Types.TokenArray, Vt.TokenArray([name]), uniform=True)


def _sun_rotation_deg(direction: Sequence[float]) -> tuple[float, float, float]:
    """Return the angles that turn a light shining along -Z to shine from `direction`."""
    x, y, z = direction
    return math.degrees(math.atan2(math.hypot(x, y), z)), 0.0, math.degrees(math.atan2(x, -y))


def _triple(values: np.ndarray) -> tuple[float, float, float]:
    x, y, z = (round(float(v), 6) for v in values)
    return x, y, z
