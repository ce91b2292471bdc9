"""The two layers people open: scene.usda, to be referenced, and stage.usda, to press Play in.

Does: compose the Gaussian and collision layers by relative references under variant sets, and add what only a root
stage may have: a physics scene, lights and robots. Does not: hold any geometry itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pxr import Gf, Sdf

from ..detail.levels import DETAIL_SET
from ..types import Environment, Navigation, SceneLight
from .collision import FILE_NAME as COLLISION_FILE
from .collision import welded_paths
from .layers import RenderSettings, add_variant, add_variant_set, attribute, define, write_layer
from .light import StageLight, hang_lights, varied, write_environment
from .navigation import add_wall_variants, author_spawn_points
from .particle_field import PRIM_NAME
from .proxy_mesh import PRIM_NAME as PROXY_NAME
from .proxy_mesh import author_colors
from .robots import PlacedRobot, author_robots
from .time_codes import TimeCodes

__all__ = [
    "EXPOSURE_SETTINGS",
    "NO_VARIANT",
    "PROXY_VARIANT",
    "SCENE_FILE",
    "STAGE_FILE",
    "Lights",
    "ProxyLook",
    "Visual",
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
#: No automatic exposure: it would change with what the robot sees, and lights are in units of a fixed one.
EXPOSURE_SETTINGS: dict[str, bool | int | str] = {"rtx:post:histogram:enabled": False}

_Types = Sdf.ValueTypeNames


@dataclass(frozen=True)
class Visual:
    """One way to show the scene: a file, the relationship by which its prim names meshes, if it does, and its prim.

    With `catches_shadows` these meshes are shown as matte objects. `levels` are the variants of the prim's set
    "detail", what it shows by itself first; empty if it has none.
    """

    file: str
    proxy_relationship: str = ""
    catches_shadows: bool = False
    prim_name: str = PRIM_NAME
    levels: tuple[str, ...] = ()


@dataclass(frozen=True)
class ProxyLook:
    """What the variant "proxy" shows instead of Gaussians.

    Attributes:
        file: what does not move, "" if everything does.
        moving: colliders that move, below the default prim, and their linear colours (V, 3) or (1, 3).
    """

    file: str
    moving: Mapping[str, npt.NDArray[np.float32]] = field(default_factory=dict)


@dataclass(frozen=True)
class Lights:
    """What lights a stage.

    Attributes:
        light: what lights the scene; None gives ordinary daylight.
        environment: what is seen all around, for the dome.
        variant_count: lights to make up beside the scene's own, in the variant set "light".
        seed: what they are made up from.
    """

    light: SceneLight | None = None
    environment: Environment | None = None
    variant_count: int = 0
    seed: int = 0


#: What lights a scene of which nothing is known.
_DAYLIGHT = Lights()


def write_scene(
    directory: Path,
    visuals: Mapping[str, Visual],
    collider_paths: Sequence[str],
    collider_variants: Mapping[str, Mapping[str, bool]],
    appearance: str,
    render_settings: RenderSettings,
    times: TimeCodes | None = None,
    proxy: ProxyLook | None = None,
    navigation: Navigation | None = None,
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
        proxy: what is shown instead of the Gaussians where sensors need surfaces, if there are colliders.
        navigation: where robots can start, and the wall along the bounds.
    """

    def fill(layer: Sdf.Layer) -> None:
        world = define(layer, WORLD_NAME, "Xform")
        world.kind = "assembly"  # robots and furniture that people add below are components
        define(world, VISUAL_NAME, "Scope")
        _add_levels(world, visuals)
        _add_variants(world, visuals, collider_paths, appearance, proxy)
        if collider_variants:
            _add_collision_variants(world, collider_variants)
        if navigation is not None:
            author_spawn_points(world, navigation)
            add_wall_variants(world, navigation)

    write_layer(directory / SCENE_FILE, WORLD_NAME, fill, render_settings=render_settings, times=times)
    return SCENE_FILE


def _add_levels(world: Sdf.PrimSpec, visuals: Mapping[str, Visual]) -> None:
    """Let the scene select levels of detail; what has none shows the same in every variant.

    This set is listed before that of appearances because a prim's own selection comes with the appearance.
    """
    with_levels = [visual for visual in visuals.values() if visual.levels]
    levels = list(dict.fromkeys(level for visual in with_levels for level in visual.levels))
    if not levels:
        return
    variants = add_variant_set(world, DETAIL_SET, levels[0])
    for level in levels:
        variant = add_variant(variants, level)
        for visual in with_levels:
            _over(variant, f"{VISUAL_NAME}/{visual.prim_name}").variantSelections[DETAIL_SET] = level


def _add_variants(
    world: Sdf.PrimSpec,
    visuals: Mapping[str, Visual],
    collider_paths: Sequence[str],
    appearance: str,
    proxy: ProxyLook | None,
) -> None:
    # Listed before collisions because the stronger set has to win: variants restyle what the collision variant brings.
    variants = add_variant_set(world, APPEARANCE_SET, appearance)
    for variant, visual in visuals.items():
        shown = add_variant(variants, variant)
        gaussians = define(_over(shown, VISUAL_NAME), visual.prim_name, "")
        _refer(gaussians, visual.file)
        meshes = welded_paths(collider_paths) if visual.proxy_relationship else ()
        if meshes:
            proxies = Sdf.RelationshipSpec(gaussians, visual.proxy_relationship, custom=True)
            proxies.targetPathList.explicitItems = [world.path.AppendPath(path) for path in meshes]
        for path in meshes if visual.catches_shadows else ():
            _catch_shadows(_over(shown, path))
    if proxy is not None:
        _show_proxy(add_variant(variants, PROXY_VARIANT), proxy)
    add_variant(variants, NO_VARIANT)


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
    variants = add_variant_set(world, COLLISION_SET, next(iter(switches)))
    for name, changes in switches.items():
        variant = add_variant(variants, name)
        _refer(variant, COLLISION_FILE)
        for path, active in changes.items():
            _over(variant, path).active = active
    add_variant(variants, NO_VARIANT)


def write_stage(
    directory: Path,
    render_settings: RenderSettings,
    lights: Lights = _DAYLIGHT,
    times: TimeCodes | None = None,
    scene: str = SCENE_FILE,
    robots: Sequence[PlacedRobot] = (),
    assets_root: str = "",
) -> tuple[str, ...]:
    """Write ``stage.usda`` into `directory`: the scene with gravity and light; return the names of the files.

    The lights are those that are baked into the Gaussians, so that robots and what else is added look as if they stood
    among them; Gaussians themselves need none.

    Args:
        directory: where the scene is.
        render_settings: settings that the Gaussians need in a root layer.
        lights: what lights it.
        times: of a scene that moves.
        scene: the file of it, in `directory`.
        robots: what stands in it.
        assets_root: what the robots' assets are relative to.
    """
    own = StageLight.of(lights.light, lights.environment)
    files = [STAGE_FILE]

    def fill(layer: Sdf.Layer) -> None:
        world = _fill_stage(layer, scene, own, varied(own, lights.variant_count, lights.seed))
        author_robots(world, robots, assets_root)

    if own.has_environment and lights.environment is not None:
        files.append(write_environment(directory, lights.environment))
    write_layer(
        directory / STAGE_FILE,
        WORLD_NAME,
        fill,
        render_settings={**render_settings, **EXPOSURE_SETTINGS} if render_settings else render_settings,
        times=times,
    )
    return tuple(files)


def _fill_stage(layer: Sdf.Layer, scene: str, light: StageLight, variants: dict[str, StageLight]) -> Sdf.PrimSpec:
    world = define(layer, WORLD_NAME, "Xform")
    _refer(world, scene)
    physics = define(layer, "PhysicsScene", "PhysicsScene")
    attribute(physics, "physics:gravityDirection", _Types.Vector3f, Gf.Vec3f(0, 0, -1))
    attribute(physics, "physics:gravityMagnitude", _Types.Float, _GRAVITY_M_S2)
    hang_lights(world, light, variants)
    return world


def _over(prim: Sdf.PrimSpec, path: str) -> Sdf.PrimSpec:
    """Return the spec at relative `path` below `prim`, with an `over` for each step that is missing."""
    for name in path.split("/"):
        prim = prim.nameChildren.get(name) or Sdf.PrimSpec(prim, name, Sdf.SpecifierOver)
    return prim


def _refer(prim: Sdf.PrimSpec, file: str) -> None:
    prim.referenceList.prependedItems.append(Sdf.Reference(f"./{file}"))
