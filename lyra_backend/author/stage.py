"""The two layers people open: scene.usda, to be referenced, and stage.usda, to press Play in.

Does: compose the Gaussian and collision layers by relative references under variant sets, and add what only a root
stage may have: a physics scene and lights. Does not: hold any geometry itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pxr import Gf, Sdf, Vt

from ..types import Bulb, SceneLight
from .collision import FILE_NAME as COLLISION_FILE
from .layers import RenderSettings, attribute, define, write_layer
from .particle_field import PRIM_NAME
from .time_codes import TimeCodes

__all__ = [
    "MESH_VARIANT",
    "NO_VARIANT",
    "PROXY_VARIANT",
    "SCENE_FILE",
    "STAGE_FILE",
    "Visual",
    "variant_name",
    "write_scene",
    "write_stage",
]

SCENE_FILE = "scene.usda"
STAGE_FILE = "stage.usda"
WORLD_NAME = "World"
VISUAL_NAME = "Visual"

APPEARANCE_SET = "appearance"
COLLISION_SET = "collision"
PROXY_VARIANT = "proxy"
MESH_VARIANT = "mesh"
NO_VARIANT = "none"

#: What the colliders look like when they are shown: a light grey that no lighting turns white.
_PROXY_COLOR = (0.55, 0.57, 0.6)
_GRAVITY_M_S2 = 9.81
_SUN_ANGLE_DEG = 0.53
#: Intensity of lights that show a white surface as white.
_WHITE = 350.0
#: The light of scenes that do not say what lights them: a sky, and a sun that falls in from the side.
_USUAL = SceneLight((0.74, 0.82, 0.9), (1.7, 1.7, 1.7), (4.3, 4.3, 4.3), (0.321394, -0.556670, 0.766044))
#: More lamps than this, the weakest, are left out: each costs time in every picture.
_MOST_LAMPS = 32
_LAMP_RADIUS_M = 0.02

_Types = Sdf.ValueTypeNames


@dataclass(frozen=True)
class Visual:
    """One way to show the scene: a file, the relationship by which its prim names meshes, if it does, and its prim."""

    file: str
    proxy_relationship: str = ""
    prim_name: str = PRIM_NAME


def variant_name(primitive: str) -> str:
    """Return the variant a primitive is shown by: its registry name in camel case."""
    head, *rest = primitive.split("_")
    return head + "".join(word.capitalize() for word in rest)


def write_scene(
    directory: Path,
    visuals: Mapping[str, Visual],
    collider_paths: Sequence[str],
    collider_variants: Mapping[str, Mapping[str, bool]],
    appearance: str,
    render_settings: RenderSettings,
    times: TimeCodes | None = None,
) -> str:
    """Write ``scene.usda`` into `directory`; return its name.

    Args:
        directory: where the layers it refers to are.
        visuals: Gaussians and other surfaces by variant of the set "appearance".
        collider_paths: shapes of the collision layer, below its default prim; empty if there is no such layer.
        collider_variants: by variant of the set "collision", the default first, what it switches on and off of the
            collision layer, below its default prim.
        appearance: the variant that is selected.
        render_settings: settings that the Gaussians need in a root layer.
        times: when the scene moves, if it does.
    """

    def fill(layer: Sdf.Layer) -> None:
        world = define(layer, WORLD_NAME, "Xform")
        world.kind = "assembly"  # robots and furniture that people add below are components
        define(world, VISUAL_NAME, "Scope")
        _add_variants(world, visuals, collider_paths, appearance)
        if collider_variants:
            _add_collision_variants(world, collider_variants)

    write_layer(directory / SCENE_FILE, WORLD_NAME, fill, render_settings=render_settings, times=times)
    return SCENE_FILE


def _add_variants(
    world: Sdf.PrimSpec, visuals: Mapping[str, Visual], collider_paths: Sequence[str], appearance: str
) -> None:
    # Listed first because the stronger set has to win: the proxy variant restyles what the collision variant brings.
    variants = _add_variant_set(world, APPEARANCE_SET, appearance)
    for variant, visual in visuals.items():
        gaussians = define(_over(_add_variant(variants, variant), VISUAL_NAME), visual.prim_name, "")
        _refer(gaussians, visual.file)
        if visual.proxy_relationship:
            _name_proxies(gaussians, visual.proxy_relationship, world, collider_paths)
    if collider_paths:
        shown = _add_variant(variants, PROXY_VARIANT)
        for path in collider_paths:
            _show(_over(shown, path))
    _add_variant(variants, NO_VARIANT)


def _name_proxies(gaussians: Sdf.PrimSpec, name: str, world: Sdf.PrimSpec, collider_paths: Sequence[str]) -> None:
    """Name the welded meshes, those right below the colliders' scope: at most one of them is active at a time."""
    meshes = [world.path.AppendPath(path) for path in collider_paths if path.count("/") == 1]
    if meshes:
        proxies = Sdf.RelationshipSpec(gaussians, name, custom=True)
        proxies.targetPathList.explicitItems = meshes


def _add_collision_variants(world: Sdf.PrimSpec, switches: Mapping[str, Mapping[str, bool]]) -> None:
    """Bring in the collision layer; each variant switches what differs from how that layer is on its own."""
    variants = _add_variant_set(world, COLLISION_SET, next(iter(switches)))
    for name, changes in switches.items():
        variant = _add_variant(variants, name)
        _refer(variant, COLLISION_FILE)
        for path, active in changes.items():
            _over(variant, path).active = active
    _add_variant(variants, NO_VARIANT)


def write_stage(
    directory: Path,
    render_settings: RenderSettings,
    light: SceneLight | None = None,
    times: TimeCodes | None = None,
) -> str:
    """Write ``stage.usda`` into `directory`: the scene with gravity and light; return its name.

    The lights are those that are baked into the Gaussians, so that robots and what else is added look as if they stood
    among them; Gaussians themselves need none.
    """
    write_layer(
        directory / STAGE_FILE,
        WORLD_NAME,
        lambda layer: _fill_stage(layer, light or _USUAL),
        render_settings=render_settings,
        times=times,
    )
    return STAGE_FILE


def _fill_stage(layer: Sdf.Layer, light: SceneLight) -> None:
    world = define(layer, WORLD_NAME, "Xform")
    _refer(world, SCENE_FILE)
    physics = define(layer, "PhysicsScene", "PhysicsScene")
    attribute(physics, "physics:gravityDirection", _Types.Vector3f, Gf.Vec3f(0, 0, -1))
    attribute(physics, "physics:gravityMagnitude", _Types.Float, _GRAVITY_M_S2)
    lights = define(world, "Lights", "Scope")
    _shine(define(lights, "Sky", "DomeLight"), light.sky, _WHITE)
    if any(light.sun):
        sun = define(lights, "Sun", "DistantLight")
        _shine(sun, light.sun, _WHITE)
        attribute(sun, "inputs:angle", _Types.Float, _SUN_ANGLE_DEG)
        _place(sun, "rotateXYZ", _sun_rotation_deg(light.sun_direction))
    for k, bulb in enumerate(light.bulbs[:_MOST_LAMPS]):
        _hang(define(lights, f"Lamp_{k + 1}", "SphereLight"), bulb)


def _shine(lamp: Sdf.PrimSpec, color: Sequence[float], white: float) -> None:
    """Give a light its colour, with 1 in the strongest channel, and the intensity that goes with it."""
    top = max(color)
    shown = tuple(v / top for v in color) if top > 0 else (1.0, 1.0, 1.0)
    attribute(lamp, "inputs:color", _Types.Color3f, Gf.Vec3f(*shown))
    attribute(lamp, "inputs:intensity", _Types.Float, top * white)


def _hang(lamp: Sdf.PrimSpec, bulb: Bulb) -> None:
    # A ball of radiance L and radius r lights a surface at 1 m like L r^2 of what makes it white.
    _shine(lamp, bulb.color, _WHITE / _LAMP_RADIUS_M**2)
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


def _add_variant_set(prim: Sdf.PrimSpec, name: str, selection: str) -> Sdf.VariantSetSpec:
    prim.variantSetNameList.prependedItems.append(name)
    prim.variantSelections[name] = selection
    return Sdf.VariantSetSpec(prim, name)


def _add_variant(variants: Sdf.VariantSetSpec, name: str) -> Sdf.PrimSpec:
    return Sdf.VariantSpec(variants, name).primSpec


def _over(prim: Sdf.PrimSpec, path: str) -> Sdf.PrimSpec:
    """Return the spec at relative `path` below `prim`, with an `over` for each step that is missing."""
    for name in path.split("/"):
        prim = prim.nameChildren.get(name) or Sdf.PrimSpec(prim, name, Sdf.SpecifierOver)
    return prim


def _refer(prim: Sdf.PrimSpec, file: str) -> None:
    prim.referenceList.prependedItems.append(Sdf.Reference(f"./{file}"))


def _show(mesh: Sdf.PrimSpec) -> None:
    attribute(mesh, "purpose", _Types.Token, "render", uniform=True)
    color = attribute(mesh, "primvars:displayColor", _Types.Color3fArray, Vt.Vec3fArray([_PROXY_COLOR]))
    color.SetInfo("interpolation", "constant")
