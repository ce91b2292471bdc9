"""Variations of a scene that is there: thin layers over it, in a folder of their own that is opened like a run's.

Does: write scene.usda, which refers to the scene and adds opinions (friction, tint, things that lie about), and stages
that are those of the run with another light and another look of the picture. Does not: copy Gaussians or colliders, or
choose what differs.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pxr import Gf, Sdf, Usd, UsdUtils, Vt

from ..errors import InvalidRequest
from ..types import Primitive
from .appearance import MESH_VARIANT
from .bodies import author_primitive
from .collision import FILE_NAME as COLLISION_FILE
from .collision import MATERIALS_NAME
from .labels import author_labels
from .layers import add_variant, apply_schemas, attribute, define, write_layer
from .light import LIGHT_SET, LIGHTS_NAME, StageLight, hang_lights
from .materials import PhysicsMaterial, author_material, bind
from .stage import APPEARANCE_SET, SCENE_FILE, STAGE_FILE, VISUAL_NAME, WORLD_NAME
from .surface_mesh import FILE_NAME as SURFACE_FILE
from .surface_mesh import PRIM_NAME as SURFACE_NAME
from .version_stage import version_file

__all__ = ["CLUTTER_NAME", "Clutter", "Look", "Variation", "clutter_path", "read_frictions", "write_variation"]

CLUTTER_NAME = "Clutter"
_VERSIONS = (5, 6)
_Types = Sdf.ValueTypeNames
Triple = tuple[float, float, float]


@dataclass(frozen=True)
class Clutter:
    """A thing that lies about: a rigid body that can be pushed.

    Attributes:
        name: of its prim.
        semantic_class: what it is.
        mass_kg, friction: of the whole, and its coefficient.
        position: middle of its base [m], frame WORLD.
        quat_wxyz: how it is turned there.
        color: linear RGB of it.
        radius_m: of the upright cylinder around the middle of its base that holds it.
        primitive: its one shape, the origin in the middle of its base; None for a body of the scene's own.
        body: path in the collision layer of the body whose shapes it has, "" if it has a `primitive`.
    """

    name: str
    semantic_class: str
    mass_kg: float
    friction: float
    position: Triple
    quat_wxyz: tuple[float, float, float, float]
    color: Triple
    radius_m: float
    primitive: Primitive | None = None
    body: str = ""


@dataclass(frozen=True)
class Look:
    """How things look.

    Attributes:
        gain: linear RGB of the whole picture is multiplied by this.
        saturation: its distance from grey is multiplied by this.
        tint: linear RGB of the exact surface, where that is shown, is multiplied by this.
    """

    gain: Triple = (1.0, 1.0, 1.0)
    saturation: float = 1.0
    tint: Triple = (1.0, 1.0, 1.0)

    def settings(self) -> dict[str, Any]:
        """Return Kit's settings for the picture, of the root layer: colour correction after tone mapping."""
        return {
            "rtx:post:colorcorr:enabled": True,
            "rtx:post:colorcorr:mode": 1,
            "rtx:post:colorcorr:gain": Gf.Vec3f(*self.gain),
            "rtx:post:colorcorr:saturation": Gf.Vec3f(self.saturation),
        }


@dataclass(frozen=True)
class Variation:
    """What differs from the scene.

    Attributes:
        light: of the stage; None leaves it as it is.
        frictions: static and dynamic friction by name of physics material.
        clutter: what lies about.
        look: of the picture and of the exact surface.
    """

    light: StageLight | None = None
    frictions: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    clutter: Sequence[Clutter] = ()
    look: Look = Look()


def clutter_path(one: Clutter) -> str:
    """Return the path of a thing's prim."""
    return f"/{WORLD_NAME}/{CLUTTER_NAME}/{one.name}"


def read_frictions(run: Path) -> dict[str, tuple[float, float]]:
    """Return static and dynamic friction of a run's physics materials by name; none if it has no colliders."""
    layer = Sdf.Layer.FindOrOpen(str(run / COLLISION_FILE)) if (run / COLLISION_FILE).is_file() else None
    scope = layer.GetPrimAtPath(f"/{WORLD_NAME}/{MATERIALS_NAME}") if layer else None
    names = ("physics:staticFriction", "physics:dynamicFriction")
    return {
        spec.name: (float(spec.attributes[names[0]].default), float(spec.attributes[names[1]].default))
        for spec in (scope.nameChildren if scope else ())
        if all(name in spec.attributes for name in names)
    }


def write_variation(run: Path, folder: Path, variation: Variation) -> tuple[str, ...]:
    """Write a variation of the finished run in `run` into the new `folder` below it; return the names of the files.

    Raises:
        InvalidRequest: the run has no stage, or its layers cannot be read.
    """
    written = [_write_scene(run, folder, variation)]
    roots = [STAGE_FILE, *(version_file(version) for version in _VERSIONS)]
    for name in roots:
        if (run / name).is_file():
            written.append(_write_root(run, folder, name, variation))
    return tuple(written)


def _write_scene(run: Path, folder: Path, variation: Variation) -> str:
    base = _opened(run / SCENE_FILE)

    def fill(layer: Sdf.Layer) -> None:
        _take_over(layer, base, {})
        world = define(layer, WORLD_NAME, "Xform")
        world.referenceList.prependedItems.append(Sdf.Reference(_up(run, folder, SCENE_FILE)))
        _author_frictions(world, variation.frictions)
        if (run / SURFACE_FILE).is_file():
            _tint_surface(world, run / SURFACE_FILE, variation.look.tint)
        if variation.clutter:
            _author_clutter(world, _opened(run / COLLISION_FILE), _up(run, folder, COLLISION_FILE), variation.clutter)

    write_layer(folder / SCENE_FILE, WORLD_NAME, fill)
    return SCENE_FILE


def _write_root(run: Path, folder: Path, name: str, variation: Variation) -> str:
    """Write a root layer of the run's again: it refers to what lies beside it, which is the variation."""
    base = _opened(run / name)

    def fill(layer: Sdf.Layer) -> None:
        layer.TransferContent(base)
        _take_over(layer, base, variation.look.settings())
        world = layer.GetPrimAtPath(f"/{WORLD_NAME}")
        if name == STAGE_FILE and variation.light is not None:
            _hang_other_lights(world, variation.light)
        _point_up(layer, run, folder)

    write_layer(folder / name, WORLD_NAME, fill)
    return name


def _opened(file: Path) -> Sdf.Layer:
    layer = Sdf.Layer.FindOrOpen(str(file)) if file.is_file() else None
    if layer is None:
        raise InvalidRequest(f"{file}: must be a USD layer of a finished run, but cannot be read. Generate it again.")
    return layer


def _up(run: Path, folder: Path, name: str) -> str:
    """Return the way from the variation's folder to a file of the run."""
    return f"{Path(os.path.relpath(run, folder)).as_posix()}/{name}"


def _take_over(layer: Sdf.Layer, base: Sdf.Layer, settings: Mapping[str, Any]) -> None:
    """Give a root layer what is not composed: settings for Kit, and times."""
    merged = {**base.customLayerData.get("renderSettings", {}), **settings}
    if merged:
        layer.customLayerData = {**base.customLayerData, "renderSettings": merged}
    if base.HasTimeCodesPerSecond():
        layer.timeCodesPerSecond = base.timeCodesPerSecond
        layer.startTimeCode, layer.endTimeCode = base.startTimeCode, base.endTimeCode


def _hang_other_lights(world: Sdf.PrimSpec, light: StageLight) -> None:
    """Replace the lights of a stage, and variants of them, by one light."""
    if LIGHT_SET in world.variantSets:
        world.variantSetNameList.RemoveItemEdits(LIGHT_SET)
        del world.variantSelections[LIGHT_SET]
        del world.variantSets[LIGHT_SET]
    if LIGHTS_NAME in world.nameChildren:
        del world.nameChildren[LIGHTS_NAME]
    hang_lights(world, light, {})


def _point_up(layer: Sdf.Layer, run: Path, folder: Path) -> None:
    """Let what a root layer names from its place on be that of the run, but for what the variation has itself."""

    def moved(asset: str) -> str:
        name = asset.removeprefix("./")
        is_elsewhere = not name or ":" in name or name.startswith(("/", "\\")) or name in (SCENE_FILE, STAGE_FILE)
        return asset if is_elsewhere else _up(run, folder, name)

    UsdUtils.ModifyAssetPaths(layer, moved)


def _author_frictions(world: Sdf.PrimSpec, frictions: Mapping[str, tuple[float, float]]) -> None:
    scope = Sdf.PrimSpec(world, MATERIALS_NAME, Sdf.SpecifierOver) if frictions else None
    for name, (static, dynamic) in frictions.items():
        material = Sdf.PrimSpec(scope, name, Sdf.SpecifierOver)
        attribute(material, "physics:staticFriction", _Types.Float, static)
        attribute(material, "physics:dynamicFriction", _Types.Float, dynamic)


def _tint_surface(world: Sdf.PrimSpec, package: Path, tint: Triple) -> None:
    """Multiply the textures of the exact surface; every renderer of UsdPreviewSurface knows that."""
    stage = Usd.Stage.Open(str(package))
    root = stage.GetDefaultPrim()
    # selected where the scene is; only what is shown can be tinted
    world.variantSetNameList.prependedItems.append(APPEARANCE_SET)
    shown = add_variant(Sdf.VariantSetSpec(world, APPEARANCE_SET), MESH_VARIANT)
    textures = [p for p in stage.Traverse() if p.GetName() == "Texture" and p.GetTypeName() == "Shader"]
    for prim in textures:
        below = prim.GetPath().MakeRelativePath(root.GetPath())
        spec = shown
        for name in (VISUAL_NAME, SURFACE_NAME, *str(below).split("/")):
            spec = spec.nameChildren.get(name) or Sdf.PrimSpec(spec, name, Sdf.SpecifierOver)
        attribute(spec, "inputs:scale", _Types.Float4, Gf.Vec4f(*tint, 1.0))


def _author_clutter(world: Sdf.PrimSpec, source: Sdf.Layer, way: str, clutter: Sequence[Clutter]) -> None:
    """Author bodies; `way` leads to the collision layer `source`, of which some have their shapes."""
    scope = define(world, CLUTTER_NAME, "Scope")
    for one in clutter:
        prim = _shapes_of(scope, source, way, one)
        attribute(prim, "xformOp:translate", _Types.Double3, Gf.Vec3d(*one.position))
        attribute(prim, "xformOp:orient", _Types.Quatd, Gf.Quatd(*one.quat_wxyz))
        order = Vt.TokenArray(["xformOp:translate", "xformOp:orient"])
        attribute(prim, "xformOpOrder", _Types.TokenArray, order, uniform=True)
        attribute(prim, "physics:mass", _Types.Float, one.mass_kg)
        schemas = ["PhysicsRigidBodyAPI", "PhysicsMassAPI"]
        apply_schemas(prim, *schemas, *author_labels(prim, [one.semantic_class]))
        material = author_material(prim, "Material", PhysicsMaterial(one.friction, one.friction))
        for shape in prim.nameChildren:
            if shape.typeName != "Material":
                _make_visible_collider(shape, one, material)


def _shapes_of(scope: Sdf.PrimSpec, source: Sdf.Layer, way: str, one: Clutter) -> Sdf.PrimSpec:
    """Author the prim of a thing and its shapes: its own one, or references to those of a body of the scene."""
    prim = define(scope, one.name, "Xform")
    if one.primitive is not None:
        author_primitive(prim, "shape", one.primitive, one.primitive.center * 0.0)
        return prim
    for shape in source.GetPrimAtPath(one.body).nameChildren:
        define(prim, shape.name, shape.typeName).referenceList.prependedItems.append(Sdf.Reference(way, shape.path))
    return prim


def _make_visible_collider(shape: Sdf.PrimSpec, one: Clutter, material: Sdf.PrimSpec) -> None:
    """Make a shape what engines collide with and what cameras see; one of the scene's own is a collider already."""
    attribute(shape, "purpose", _Types.Token, "default", uniform=True)
    attribute(shape, "physics:collisionEnabled", _Types.Bool, True)
    color = attribute(shape, "primvars:displayColor", _Types.Color3fArray, Vt.Vec3fArray([Gf.Vec3f(*one.color)]))
    color.SetInfo("interpolation", "constant")
    bind(shape, material)
    apply_schemas(shape, "PhysicsCollisionAPI", "MaterialBindingAPI")
