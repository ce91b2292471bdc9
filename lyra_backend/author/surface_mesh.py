"""The exact surface of a scene as textured meshes: mesh.usdz, which lights of a stage light.

Does: write a package of one layer with the default prim /Surface, a Mesh for each material and class, and the textures;
materials are UsdPreviewSurface, which every renderer of USD knows. Does not: collide, or bake light in; colours are
those of the surface alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from pxr import Sdf, Tf, Vt

from ..atomic import replacing
from ..io.textured_mesh import png_bytes
from ..types import TexturedMesh, TexturedPart
from .layers import apply_schemas, attribute, define, write_layer
from .meshes import author_mesh, used_points
from .usdz import write_package

__all__ = ["FILE_NAME", "PRIM_NAME", "write_surface"]

FILE_NAME = "mesh.usdz"
PRIM_NAME = "Surface"
MATERIALS_NAME = "Materials"
_LAYER_NAME = "surface.usdc"
_UNKNOWN_CLASS = 0
#: As in truth.glb: neither mirrors nor chalk.
_ROUGHNESS = 0.8

_Types = Sdf.ValueTypeNames


def write_surface(mesh: TexturedMesh, directory: Path) -> str:
    """Write ``mesh.usdz`` into `directory`; return its name. Same mesh, same bytes.

    Raises:
        InvalidRequest: the package would pass 4 GiB.
        WriteFailed: nothing can be written there.
    """
    parts = [part for part in mesh.parts if len(part.triangles)]
    with replacing(directory / FILE_NAME) as scratch:
        members = [scratch.with_name(_LAYER_NAME), *(scratch.with_name(_texture_name(part)) for part in parts)]
        for part, file in zip(parts, members[1:], strict=True):
            file.write_bytes(png_bytes(part.texture))
        write_layer(members[0], PRIM_NAME, lambda layer: _fill(layer, parts, mesh.class_names))
        write_package(members, scratch)
    return FILE_NAME


def _fill(layer: Sdf.Layer, parts: list[TexturedPart], class_names: tuple[str, ...]) -> None:
    surface = define(layer, PRIM_NAME, "Xform")
    materials = define(surface, MATERIALS_NAME, "Scope")
    for part in parts:
        material = _author_material(materials, part)
        for class_id in np.unique(part.class_ids):
            label = "" if class_id == _UNKNOWN_CLASS else class_names[class_id]
            name = Tf.MakeValidIdentifier(f"{part.name}_{label or class_names[_UNKNOWN_CLASS]}")
            _author_part(surface, name, part, part.class_ids == class_id, label, material)


def _author_part(
    surface: Sdf.PrimSpec, name: str, part: TexturedPart, chosen: Any, label: str, material: Sdf.PrimSpec
) -> None:
    """Author the `chosen` triangles (F,) of a part, labelled with their class unless that is empty."""
    used, corners = used_points(part.triangles[chosen], len(part.vertices))
    mesh = author_mesh(surface, name, part.vertices[used], corners)
    uvs, places = np.unique(part.uvs[used], axis=0, return_inverse=True)
    coordinates = attribute(mesh, "primvars:st", _Types.TexCoord2fArray, Vt.Vec2fArray.FromNumpy(uvs))
    coordinates.SetInfo("interpolation", "vertex")
    indices = Vt.IntArray.FromNumpy(places.reshape(-1).astype(np.int32))
    attribute(mesh, "primvars:st:indices", _Types.IntArray, indices)
    binding = Sdf.RelationshipSpec(mesh, "material:binding", custom=False)
    binding.targetPathList.explicitItems = [material.path]
    if label:
        attribute(mesh, "semantics:labels:class", _Types.TokenArray, Vt.TokenArray([label]))
    apply_schemas(mesh, "MaterialBindingAPI", *(["SemanticsLabelsAPI:class"] if label else []))


def _author_material(materials: Sdf.PrimSpec, part: TexturedPart) -> Sdf.PrimSpec:
    material = define(materials, Tf.MakeValidIdentifier(part.name), "Material")
    reader = _shader(material, "Coordinates", "UsdPrimvarReader_float2")
    attribute(reader, "inputs:varname", _Types.String, "st")
    place = _output(reader, "result", _Types.Float2)
    texture = _shader(material, "Texture", "UsdUVTexture")
    attribute(texture, "inputs:file", _Types.Asset, Sdf.AssetPath(f"./{_texture_name(part)}"))
    attribute(texture, "inputs:sourceColorSpace", _Types.Token, "sRGB")
    for axis in "ST":
        attribute(texture, f"inputs:wrap{axis}", _Types.Token, "repeat")
    _connect(texture, "inputs:st", _Types.Float2, place)
    color = _output(texture, "rgb", _Types.Float3)
    preview = _shader(material, "Preview", "UsdPreviewSurface")
    attribute(preview, "inputs:roughness", _Types.Float, _ROUGHNESS)
    attribute(preview, "inputs:metallic", _Types.Float, 0.0)
    _connect(preview, "inputs:diffuseColor", _Types.Color3f, color)
    _connect(material, "outputs:surface", _Types.Token, _output(preview, "surface", _Types.Token))
    return material


def _shader(material: Sdf.PrimSpec, name: str, kind: str) -> Sdf.PrimSpec:
    shader = define(material, name, "Shader")
    attribute(shader, "info:id", _Types.Token, kind, uniform=True)
    return shader


def _output(shader: Sdf.PrimSpec, name: str, type_name: Sdf.ValueTypeName) -> Sdf.Path:
    output = Sdf.AttributeSpec(shader, f"outputs:{name}", type_name, declaresCustom=False)
    return output.path


def _connect(prim: Sdf.PrimSpec, name: str, type_name: Sdf.ValueTypeName, source: Sdf.Path) -> None:
    target = Sdf.AttributeSpec(prim, name, type_name, declaresCustom=False)
    target.connectionPathList.explicitItems = [source]


def _texture_name(part: TexturedPart) -> str:
    return f"mesh_{Tf.MakeValidIdentifier(part.name)}.png"
