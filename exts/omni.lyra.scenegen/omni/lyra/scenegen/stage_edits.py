# SPDX-FileCopyrightText: Copyright (c) 2026 Lyra SceneGen contributors
# SPDX-License-Identifier: Apache-2.0

"""Edits of a stage that can be taken back: a prim that refers to a file, one that is removed, one that looks otherwise.

Each edit holds layers and never a stage: a stage that is closed goes, and taking an edit back then does nothing. Does
not: know of Kit, choose places, or change what the edit is not about.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pxr import Gf, Sdf, Usd

from .host_stage import StageNotEditable, check_free, editable_layer, local_transform, path_for_layer

__all__ = ["AddedPrim", "ChosenVariant", "RemovedPrim"]


@dataclass
class AddedPrim:
    """An Xform that refers to a file.

    Attributes:
        path: where it is; must be free.
        file: what it refers to.
        world: its transform to the stage's world.
        payload: the reference can be unloaded.
        variants: variant to choose, by variant set.
    """

    path: Sdf.Path
    file: str
    world: Gf.Matrix4d
    payload: bool = True
    variants: Mapping[str, str] = field(default_factory=dict)
    _layer: Sdf.Layer | None = field(default=None, init=False)
    _topmost: Sdf.Path | None = field(default=None, init=False)

    def do(self, stage: Usd.Stage) -> None:
        """Author it where edits go to.

        Raises:
            StageNotEditable: they may not be made there.
            ValueError: something is at the path already.
        """
        self._layer = self._topmost = None  # Kit takes back what failed as well, and that must not be an earlier time's
        layer = editable_layer(stage)
        check_free(stage, self.path)
        place = stage.GetEditTarget().MapToSpecPath(self.path)
        if place.isEmpty:
            raise StageNotEditable(f"stage: {self.path} is outside of what the edit target reaches; choose another.")
        if layer.GetPrimAtPath(place):
            raise ValueError(f"{self.path}: must be free for a new prim, a hidden one is there. Give another path.")
        local = local_transform(stage, self.path.GetParentPath(), self.world)
        self._layer, self._topmost = layer, _first_missing(layer, place)
        with Sdf.ChangeBlock():
            _define_ancestors(stage, layer, self.path, place)
            self._author(layer, place, local)
        if not stage.GetPrimAtPath(self.path):
            self.undo()
            raise ValueError(f"{self.path}: no prim can be there; what is above it is inactive or an instance.")

    def undo(self) -> None:
        """Take it out again, with what had to be made above it."""
        if self._layer and self._topmost and self._layer.GetPrimAtPath(self._topmost):
            _remove(self._layer, self._topmost)

    def _author(self, layer: Sdf.Layer, place: Sdf.Path, local: Gf.Matrix4d) -> None:
        spec = Sdf.CreatePrimInLayer(layer, place)
        spec.specifier, spec.typeName, spec.instanceable = Sdf.SpecifierDef, "Xform", False
        target = path_for_layer(layer, self.file)
        if self.payload:
            spec.payloadList.Prepend(Sdf.Payload(target))
        else:
            spec.referenceList.Prepend(Sdf.Reference(target))
        for name, variant in self.variants.items():
            spec.variantSelections[name] = variant
        _author_transform(spec, local)


@dataclass
class RemovedPrim:
    """A prim that is taken out of all layers of a stage that have a word on it."""

    path: Sdf.Path
    _kept: list[tuple[Sdf.Layer, Sdf.Layer, int]] = field(default_factory=list, init=False)

    def do(self, stage: Usd.Stage) -> None:
        """Remove it.

        Raises:
            ValueError: it is not there, or comes from a file that the stage refers to.
            StageNotEditable: a layer that defines it may not be changed.
        """
        self._kept = []
        specs = [s for layer in stage.GetLayerStack() if (s := layer.GetPrimAtPath(self.path))]
        if not stage.GetPrimAtPath(self.path) or not specs:
            raise ValueError(f"{self.path}: must be a prim of this stage's own layers to be removed.")
        for spec in specs:
            if not spec.layer.permissionToEdit:
                raise StageNotEditable(f"{self.path}: layer {spec.layer.GetDisplayName()!r} holds it and is read-only.")
        self._kept = [_keep(spec) for spec in specs]
        with Sdf.ChangeBlock():
            for layer, _, _ in self._kept:
                _remove(layer, self.path)

    def undo(self) -> None:
        """Put it back, where it was among its siblings."""
        with Sdf.ChangeBlock():
            for layer, copy, index in self._kept:
                if not layer:
                    continue
                _put_back(copy, layer, self.path, index)


@dataclass
class ChosenVariant:
    """A variant that is chosen on a prim, in the layer that edits go to."""

    path: Sdf.Path
    variant_set: str
    variant: str
    _layer: Sdf.Layer | None = field(default=None, init=False)
    _place: Sdf.Path = field(default=Sdf.Path.emptyPath, init=False)
    _topmost: Sdf.Path | None = field(default=None, init=False)
    _before: str | None = field(default=None, init=False)

    def do(self, stage: Usd.Stage) -> None:
        """Choose it.

        Raises:
            ValueError: the prim has no such variant.
            StageNotEditable: edits may not be made.
        """
        self._layer = None
        prim = stage.GetPrimAtPath(self.path)
        names = prim.GetVariantSet(self.variant_set).GetVariantNames() if prim else []
        if self.variant not in names:
            known = ", ".join(sorted(names)) or "none"
            raise ValueError(f"{self.path}: {self.variant_set} must be one of: {known}; got {self.variant!r}.")
        layer = editable_layer(stage)
        place = stage.GetEditTarget().MapToSpecPath(self.path)
        self._layer, self._place, self._topmost = layer, place, _first_missing(layer, place)
        spec = Sdf.CreatePrimInLayer(layer, place)
        self._before = spec.variantSelections.get(self.variant_set)
        spec.variantSelections[self.variant_set] = self.variant

    def undo(self) -> None:
        """Choose what was chosen before, or nothing if nothing was."""
        if not self._layer or not (spec := self._layer.GetPrimAtPath(self._place)):
            return
        if self._topmost:
            _remove(self._layer, self._topmost)
        elif self._before is None:
            del spec.variantSelections[self.variant_set]
        else:
            spec.variantSelections[self.variant_set] = self._before


_KEPT = Sdf.Path("/Kept")


def _keep(spec: Sdf.PrimSpec) -> tuple[Sdf.Layer, Sdf.Layer, int]:
    """Return the layer of a prim, a layer that holds a copy of it, and its place among its siblings."""
    copy = Sdf.Layer.CreateAnonymous(".usda")
    Sdf.CopySpec(spec.layer, spec.path, copy, _KEPT)
    return spec.layer, copy, list(_siblings(spec.layer, spec.path).keys()).index(spec.name)


def _siblings(layer: Sdf.Layer, path: Sdf.Path) -> Any:
    """Return the view of a prim and its siblings in a layer."""
    above = path.GetParentPath()
    return (layer.pseudoRoot if above.IsAbsoluteRootPath() else layer.GetPrimAtPath(above)).nameChildren


def _put_back(copy: Sdf.Layer, layer: Sdf.Layer, path: Sdf.Path, index: int) -> None:
    """Copy a kept prim to its place among its siblings.

    Only a rename can choose that place, so it has another name first.
    """
    aside = path.ReplaceName(f"{path.name}_put_back")
    Sdf.CopySpec(copy, _KEPT, layer, aside)
    edit = Sdf.BatchNamespaceEdit()
    edit.Add(Sdf.NamespaceEdit.ReparentAndRename(aside, path.GetParentPath(), path.name, index))
    if not layer.Apply(edit):  # something is there by now
        _remove(layer, aside)


def _remove(layer: Sdf.Layer, path: Sdf.Path) -> None:
    edit = Sdf.BatchNamespaceEdit()
    edit.Add(Sdf.NamespaceEdit.Remove(path))
    layer.Apply(edit)


def _first_missing(layer: Sdf.Layer, path: Sdf.Path) -> Sdf.Path | None:
    """Return the first of a path's prefixes that a layer says nothing of, None if it has a word on all."""
    return next((p for p in path.GetPrefixes() if not layer.GetObjectAtPath(p)), None)


def _define_ancestors(stage: Usd.Stage, layer: Sdf.Layer, path: Sdf.Path, place: Sdf.Path) -> None:
    """Define what is missing above a path: what is only an over cannot be seen."""
    above = place.GetParentPath()
    for prefix in path.GetParentPath().GetPrefixes():
        if not stage.GetPrimAtPath(prefix):
            depth = path.GetParentPath().pathElementCount - prefix.pathElementCount
            own = above.GetPrefixes()[-1 - depth]
            spec = Sdf.CreatePrimInLayer(layer, own)
            spec.specifier, spec.typeName = Sdf.SpecifierDef, "Xform"


def _author_transform(spec: Sdf.PrimSpec, local: Gf.Matrix4d) -> None:
    """Author translate, rotateXYZ and scale, as Kit's property panel edits them; a matrix if these cannot say it."""
    types, factored = Sdf.ValueTypeNames, Gf.Transform(local)
    z, y, x = factored.GetRotation().Decompose(Gf.Vec3d.ZAxis(), Gf.Vec3d.YAxis(), Gf.Vec3d.XAxis())
    place, size = factored.GetTranslation(), factored.GetScale()
    # 1e-9 degrees are nothing in a scene, and -90 reads better than -89.99999999999999
    turn = Gf.Vec3d(*(round(angle, 9) + 0.0 for angle in (x, y, z)))
    values = {"translate": (types.Double3, place), "rotateXYZ": (types.Double3, turn), "scale": (types.Double3, size)}
    if not _is_made_of(local, place, turn, size):
        # a parent that is scaled differently along its axes shears what stands upright in it
        values = {"transform": (types.Matrix4d, local)}
    for name, (kind, value) in values.items():
        Sdf.AttributeSpec(spec, f"xformOp:{name}", kind).default = value
    order = Sdf.AttributeSpec(spec, "xformOpOrder", types.TokenArray, Sdf.VariabilityUniform)
    order.default = [f"xformOp:{name}" for name in values]


def _is_made_of(local: Gf.Matrix4d, place: Gf.Vec3d, turn: Gf.Vec3d, size: Gf.Vec3d) -> bool:
    """Return whether a transform is a scale, then turns about x, y and z, then a translation."""
    again = Gf.Matrix4d().SetScale(size)
    for axis, angle in zip((Gf.Vec3d.XAxis(), Gf.Vec3d.YAxis(), Gf.Vec3d.ZAxis()), turn, strict=True):
        again *= Gf.Matrix4d().SetRotate(Gf.Rotation(axis, angle))
    again *= Gf.Matrix4d().SetTranslate(place)
    largest = max(1.0, *(abs(local[i][j]) for i in range(4) for j in range(4)))
    return bool(Gf.IsClose(again, local, 1e-9 * largest))
