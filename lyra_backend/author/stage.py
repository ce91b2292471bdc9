"""The two layers people open: scene.usda, to be referenced, and stage.usda, to press Play in.

Does: compose the Gaussian and collision layers by relative references under variant sets, and add what only a root
stage may have: a physics scene and lights. Does not: hold any geometry itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pxr import Gf, Sdf, Vt

from ..types import Bulb, SceneLight
from .collision import FILE_NAME as COLLISION_FILE
from .collision import welded_paths
from .layers import RenderSettings, attribute, define, write_layer
from .particle_field import PRIM_NAME
from .proxy_mesh import PRIM_NAME as PROXY_NAME
from .proxy_mesh import author_colors
from .time_codes import TimeCodes

__all__ = [
    "NO_VARIANT",
    "PROXY_VARIANT",
    "SCENE_FILE",
    "STAGE_FILE",
    "ProxyLook",
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
NO_VARIANT = "none"

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
    """One way to show the Gaussians: a file, and the relationship by which its prim names meshes, if it does.

    With `catches_shadows` these meshes are shown as matte objects.
    """

    file: str
    proxy_relationship: str = ""
    catches_shadows: bool = False


@dataclass(frozen=True)
class ProxyLook:
    """What the variant "proxy" shows instead of Gaussians.

    Attributes:
        file: what does not move, "" if everything does.
        moving: colliders that move, below the default prim, and their linear colours (V, 3) or (1, 3).
    """

    file: str
    moving: Mapping[str, npt.NDArray[np.float32]] = field(default_factory=dict)


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
    proxy: ProxyLook | None = None,
) -> str:
    """Write ``scene.usda`` into `directory`; return its name.

    Args:
        directory: where the layers it refers to are.
        visuals: Gaussians by variant of the set "appearance".
        collider_paths: shapes of the collision layer, below its default prim; empty if there is no such layer.
        collider_variants: by variant of the set "collision", the default first, what it switches on and off of the
            collision layer, below its default prim.
        appearance: the variant that is selected.
        render_settings: settings that the Gaussians need in a root layer.
        times: when the scene moves, if it does.
        proxy: what is shown instead of the Gaussians where sensors need surfaces, if there are colliders.
    """

    def fill(layer: Sdf.Layer) -> None:
        world = define(layer, WORLD_NAME, "Xform")
        world.kind = "assembly"  # robots and furniture that people add below are components
        define(world, VISUAL_NAME, "Scope")
        _add_variants(world, visuals, collider_paths, appearance, proxy)
        if collider_variants:
            _add_collision_variants(world, collider_variants)

    write_layer(directory / SCENE_FILE, WORLD_NAME, fill, render_settings=render_settings, times=times)
    return SCENE_FILE


def _add_variants(
    world: Sdf.PrimSpec,
    visuals: Mapping[str, Visual],
    collider_paths: Sequence[str],
    appearance: str,
    proxy: ProxyLook | None,
) -> None:
    # Listed first because the stronger set has to win: variants restyle what the collision variant brings.
    variants = _add_variant_set(world, APPEARANCE_SET, appearance)
    for variant, visual in visuals.items():
        shown = _add_variant(variants, variant)
        gaussians = define(_over(shown, VISUAL_NAME), PRIM_NAME, "")
        _refer(gaussians, visual.file)
        meshes = welded_paths(collider_paths) if visual.proxy_relationship else ()
        if meshes:
            proxies = Sdf.RelationshipSpec(gaussians, visual.proxy_relationship, custom=True)
            proxies.targetPathList.explicitItems = [world.path.AppendPath(path) for path in meshes]
        for path in meshes if visual.catches_shadows else ():
            _catch_shadows(_over(shown, path))
    if proxy is not None:
        _show_proxy(_add_variant(variants, PROXY_VARIANT), proxy)
    _add_variant(variants, NO_VARIANT)


def _show_proxy(world: Sdf.PrimSpec, proxy: ProxyLook) -> None:
    """Show the meshes of what does not move, and what moves itself."""
    if proxy.file:
        _refer(define(_over(world, VISUAL_NAME), PROXY_NAME, ""), proxy.file)
    for path, colors in proxy.moving.items():
        shape = _over(world, path)
        _show(shape)
        author_colors(shape, colors)


def _show(shape: Sdf.PrimSpec) -> None:
    attribute(shape, "purpose", _Types.Token, "render", uniform=True)


def _catch_shadows(mesh: Sdf.PrimSpec) -> None:
    """Show nothing of a mesh but the shadows that fall on it; it must throw none, or ceilings would darken all."""
    _show(mesh)
    for name in ("isMatteObject", "doNotCastShadows"):
        attribute(mesh, f"primvars:{name}", _Types.Bool, True).SetInfo("interpolation", "constant")


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
