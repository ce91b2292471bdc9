"""USD layers: the metadata every root layer needs, prims by type name, and saving without traces.

Does: author Sdf specs, so that types a USD build does not know (ParticleField3DGaussianSplat before 26.03, PhysX's
schemas) come out the same as ones it knows, and write .usda, .usdc and .usdz atomically and byte for byte the same
each time. Does not: know what a scene is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pxr import Sdf, Usd, UsdGeom, UsdPhysics

from ..atomic import replacing
from ..errors import InvalidRequest
from .time_codes import TimeCodes
from .usdz import write_package

__all__ = [
    "SUFFIXES",
    "RenderSettings",
    "add_variant",
    "add_variant_set",
    "apply_schemas",
    "attribute",
    "define",
    "flush",
    "write_layer",
]

#: Kit's settings by name.
RenderSettings = Mapping[str, bool | int | str]

#: Endings that :func:`write_layer` writes.
SUFFIXES = (".usda", ".usdc", ".usdz")

#: Name of the layer inside a package, which must not depend on the package's name.
_PACKAGED_LAYER = "root.usdc"


def write_layer(
    path: Path,
    default_prim: str,
    fill: Callable[[Sdf.Layer], None],
    *,
    render_settings: RenderSettings | None = None,
    times: TimeCodes | None = None,
) -> None:
    """Write a layer to `path`; nothing appears there before it is whole.

    The layer gets the metadata of a root layer: Z up, metres, kilograms, `default_prim`. Stage metadata is not
    composed, so each file that can be opened on its own says it for itself. A .usdz holds the layer in binary form.
    Same contents, same bytes.

    Args:
        path: the file, ending in one of `SUFFIXES`.
        default_prim: name of the root prim that references mean.
        fill: authors the layer; it must not keep it, because Windows replaces no file that is mapped.
        render_settings: settings for Kit, which reads them from root layers only.
        times: of a scene that moves, which players too read from root layers only.

    Raises:
        InvalidRequest: another ending, a folder that is not there, or a layer too large for a .usdz.
        WriteFailed: nothing can be written there.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise InvalidRequest(f"{path.name}: USD files must end in {', '.join(SUFFIXES)}, got {suffix!r}; rename it.")
    with replacing(path) as scratch:
        if suffix != ".usdz":
            _fill_layer(scratch, default_prim, fill, render_settings, times)
            return
        member = scratch.with_name(_PACKAGED_LAYER)
        _fill_layer(member, default_prim, fill, render_settings, times)
        write_package([member], scratch)


def _fill_layer(
    path: Path,
    default_prim: str,
    fill: Callable[[Sdf.Layer], None],
    render_settings: RenderSettings | None,
    times: TimeCodes | None,
) -> None:
    layer = Sdf.Layer.CreateNew(str(path))
    root = layer.pseudoRoot
    root.SetInfo(UsdGeom.Tokens.upAxis, UsdGeom.Tokens.z)
    root.SetInfo(UsdGeom.Tokens.metersPerUnit, 1.0)
    root.SetInfo(UsdPhysics.Tokens.kilogramsPerUnit, 1.0)
    layer.defaultPrim = default_prim
    if render_settings:
        layer.customLayerData = {"renderSettings": dict(render_settings)}
    if times is not None:
        layer.timeCodesPerSecond = times.per_second
        layer.startTimeCode, layer.endTimeCode = times.codes[0], times.codes[-1]
    fill(layer)
    layer.Save()


def flush(layer: Sdf.Layer) -> None:
    """Move what was authored so far from memory to the file, if its format can be appended to."""
    if layer.GetFileFormat().formatId == "usdc":
        layer.Save()


def define(parent: Sdf.Layer | Sdf.PrimSpec, name: str, type_name: str) -> Sdf.PrimSpec:
    """Define the prim `name` of schema `type_name` below a layer's root or another prim."""
    return Sdf.PrimSpec(parent, name, Sdf.SpecifierDef, type_name)


def attribute(
    prim: Sdf.PrimSpec, name: str, type_name: Sdf.ValueTypeName, value: Any, *, uniform: bool = False
) -> Sdf.AttributeSpec:
    """Author a schema attribute (``custom = false``) with its default value."""
    variability = Sdf.VariabilityUniform if uniform else Sdf.VariabilityVarying
    spec = Sdf.AttributeSpec(prim, name, type_name, variability, declaresCustom=False)
    spec.default = value
    return spec


def apply_schemas(prim: Sdf.PrimSpec, *names: str) -> None:
    """Apply API schemas by name; a multiple-apply schema is named ``Schema:instance``."""
    prim.SetInfo(Usd.Tokens.apiSchemas, Sdf.TokenListOp.Create(prependedItems=list(names)))


def add_variant_set(prim: Sdf.PrimSpec, name: str, selection: str) -> Sdf.VariantSetSpec:
    """Add a variant set, weaker than those that the prim has, in which the variant `selection` is selected."""
    prim.variantSetNameList.prependedItems.append(name)
    prim.variantSelections[name] = selection
    return Sdf.VariantSetSpec(prim, name)


def add_variant(variants: Sdf.VariantSetSpec, name: str) -> Sdf.PrimSpec:
    """Add a variant and return what it says of its prim."""
    return Sdf.VariantSpec(variants, name).primSpec
