"""The two layers people open: scene.usda, to be referenced, and stage.usda, to press Play in.

Does: compose the Gaussian and collision layers by relative references under variant sets, and add what only a root
stage may have: a physics scene and lights. Does not: hold any geometry itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pxr import Gf, Sdf, Vt

from ..types import Environment, SceneLight
from .collision import FILE_NAME as COLLISION_FILE
from .layers import RenderSettings, attribute, define, write_layer
from .light import StageLight, hang_lights, varied, write_environment
from .particle_field import PRIM_NAME
from .time_codes import TimeCodes

__all__ = [
    "NO_VARIANT",
    "PROXY_VARIANT",
    "SCENE_FILE",
    "STAGE_FILE",
    "Lights",
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

#: What the colliders look like when they are shown: a light grey that no lighting turns white.
_PROXY_COLOR = (0.55, 0.57, 0.6)
_GRAVITY_M_S2 = 9.81
#: No automatic exposure: it would change with what the robot sees, and lights are in units of a fixed one.
_EXPOSURE_SETTINGS = {"rtx:post:histogram:enabled": False}

_Types = Sdf.ValueTypeNames


@dataclass(frozen=True)
class Visual:
    """One way to show the Gaussians: a file, and the relationship by which its prim names meshes, if it does."""

    file: str
    proxy_relationship: str = ""


def variant_name(primitive: str) -> str:
    """Return the variant a primitive is shown by: its registry name in camel case."""
    head, *rest = primitive.split("_")
    return head + "".join(word.capitalize() for word in rest)


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
        gaussians = define(_over(_add_variant(variants, variant), VISUAL_NAME), PRIM_NAME, "")
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
    lights: Lights = _DAYLIGHT,
    times: TimeCodes | None = None,
) -> tuple[str, ...]:
    """Write ``stage.usda`` into `directory`: the scene with gravity and light; return the names of the files.

    The lights are those that are baked into the Gaussians, so that robots and what else is added look as if they stood
    among them; Gaussians themselves need none.

    Args:
        directory: where the scene is.
        render_settings: settings that the Gaussians need in a root layer.
        lights: what lights it.
        times: of a scene that moves.
    """
    own = StageLight.of(lights.light, lights.environment)
    files = [STAGE_FILE]
    if own.has_environment and lights.environment is not None:
        files.append(write_environment(directory, lights.environment))
    write_layer(
        directory / STAGE_FILE,
        WORLD_NAME,
        lambda layer: _fill_stage(layer, own, varied(own, lights.variant_count, lights.seed)),
        render_settings={**render_settings, **_EXPOSURE_SETTINGS} if render_settings else render_settings,
        times=times,
    )
    return tuple(files)


def _fill_stage(layer: Sdf.Layer, light: StageLight, variants: dict[str, StageLight]) -> None:
    world = define(layer, WORLD_NAME, "Xform")
    _refer(world, SCENE_FILE)
    physics = define(layer, "PhysicsScene", "PhysicsScene")
    attribute(physics, "physics:gravityDirection", _Types.Vector3f, Gf.Vec3f(0, 0, -1))
    attribute(physics, "physics:gravityMagnitude", _Types.Float, _GRAVITY_M_S2)
    hang_lights(world, light, variants)


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
