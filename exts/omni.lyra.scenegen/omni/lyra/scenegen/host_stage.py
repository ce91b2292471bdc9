# SPDX-FileCopyrightText: Copyright (c) 2026 Lyra SceneGen contributors
# SPDX-License-Identifier: Apache-2.0

"""Where things go on somebody's stage: its axes and units, free paths, and places in the world.

Does: reckon with plain USD, on any stage. Does not: change it, or know of Kit.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pxr import Gf, Sdf, Tf, Usd, UsdGeom

__all__ = [
    "Asset",
    "StageNotEditable",
    "centre_of",
    "check_free",
    "editable_layer",
    "free_path",
    "in_front_of",
    "local_transform",
    "path_for_layer",
    "pose_in",
    "world_transform",
]

#: How far in front of a camera a scene is put down if the camera does not look at the ground, and at most [m].
_AHEAD_M, _FAR_M = 5.0, 50.0


class StageNotEditable(RuntimeError):
    """The layer that edits go to cannot take them; the text says why and what to do."""


@dataclass(frozen=True)
class Asset:
    """What a USD file says about itself, as far as a reference to it does not carry it over.

    Attributes:
        up_axis: "Y" or "Z".
        metres_per_unit: length of its unit [m].
        variants: names in each variant set of its default prim.
    """

    up_axis: str = "Z"
    metres_per_unit: float = 1.0
    variants: dict[str, tuple[str, ...]] | None = None

    @staticmethod
    def read(path: str) -> Asset:
        """Read the root layer of a file; one that cannot be read here (a URL of Kit's) counts as Z up and metres.

        Raises:
            ValueError: the file has no default prim, so that a reference to it would be empty.
        """
        try:
            layer = Sdf.Layer.FindOrOpen(path)
        except Exception:  # USD raises its own errors for files that it cannot parse
            layer = None
        if layer is None:
            return Asset()
        root = layer.GetPrimAtPath(f"/{layer.defaultPrim}") if layer.defaultPrim else None
        if root is None:
            raise ValueError(f"{Path(path).name}: must have a default prim to be added to a stage, it has none.")
        variants = {name: tuple(sorted(spec.variants.keys())) for name, spec in root.variantSets.items()}
        info = layer.pseudoRoot
        up = info.GetInfo(UsdGeom.Tokens.upAxis) if info.HasInfo(UsdGeom.Tokens.upAxis) else "Y"
        unit = info.GetInfo(UsdGeom.Tokens.metersPerUnit) if info.HasInfo(UsdGeom.Tokens.metersPerUnit) else 0.01
        return Asset(str(up), float(unit), variants)


def world_transform(stage: Usd.Stage, asset: Asset, position: Sequence[float], yaw_rad: float = 0.0) -> Gf.Matrix4d:
    """Return what makes an asset stand upright, in its true size, at a place of the stage's world.

    Args:
        position: of the asset's origin, in the stage's axes and units.
        yaw_rad: turn about the stage's up axis [rad].

    Returns:
        Matrix for row vectors, as USD has them.
    """
    up = str(UsdGeom.GetStageUpAxis(stage))
    size = asset.metres_per_unit / (UsdGeom.GetStageMetersPerUnit(stage) or 1.0)
    turn = Gf.Rotation(_axis(asset.up_axis), _axis(up)) if asset.up_axis != up else Gf.Rotation().SetIdentity()
    yaw = Gf.Rotation(_axis(up), math.degrees(yaw_rad))
    return (
        Gf.Matrix4d().SetScale(size)
        * Gf.Matrix4d().SetRotate(turn)
        * Gf.Matrix4d().SetRotate(yaw)
        * Gf.Matrix4d().SetTranslate(Gf.Vec3d(*position))
    )


def local_transform(stage: Usd.Stage, parent: Sdf.Path, world: Gf.Matrix4d) -> Gf.Matrix4d:
    """Return the transform of a child of `parent` that is at `world`, wherever the parent is."""
    prim = stage.GetPrimAtPath(parent)
    above = UsdGeom.XformCache(Usd.TimeCode.Default()).GetLocalToWorldTransform(prim) if prim else Gf.Matrix4d(1.0)
    return world * above.GetInverse()


def free_path(stage: Usd.Stage, name: str) -> Sdf.Path:
    """Return where a new prim can be: below the default prim if that can have children, else at the top.

    A name that is taken gets a number: Scene, Scene_01, Scene_02.
    """
    parent = stage.GetDefaultPrim()
    if not parent or not parent.IsActive() or parent.IsInstance() or not parent.IsA(UsdGeom.Imageable):
        parent = stage.GetPseudoRoot()
    name = Tf.MakeValidIdentifier(name)
    path = parent.GetPath().AppendChild(name)
    number = 0
    while stage.GetPrimAtPath(path):
        number += 1
        path = parent.GetPath().AppendChild(f"{name}_{number:02}")
    return path


def check_free(stage: Usd.Stage, path: Sdf.Path) -> None:
    """Refuse a path at which no prim can be made.

    Raises:
        ValueError: it is no absolute path of a prim, or there is a prim.
    """
    if not path.IsAbsolutePath() or not path.IsPrimPath():
        raise ValueError(f"{path or 'path'}: must be the path of a prim, such as /World/Scene, of letters and digits.")
    if stage.GetPrimAtPath(path):
        raise ValueError(f"{path}: must be free for a new prim, there is one already. Give another path.")


def editable_layer(stage: Usd.Stage) -> Sdf.Layer:
    """Return the layer that edits go to.

    Raises:
        StageNotEditable: it may not be changed.
    """
    layer = stage.GetEditTarget().GetLayer()
    if layer is None or not layer.permissionToEdit:
        name = layer.GetDisplayName() if layer else "none"
        raise StageNotEditable(
            f"stage: its edit target, layer {name!r}, must be editable, it is read-only. "
            "Unlock it, choose another layer in the Layer window, or save a copy of the stage."
        )
    return layer


def path_for_layer(layer: Sdf.Layer, file: str) -> str:
    """Return how a layer refers to a file: relative to itself where both are on one drive, so that both can move."""
    own = layer.realPath
    if "://" in file:
        return file
    if layer.anonymous or not own or "://" in own:
        return Path(file).as_posix()
    try:
        relative = os.path.relpath(file, Path(own).parent)
    except ValueError:  # another drive of Windows
        return Path(file).as_posix()
    relative = Path(relative).as_posix()
    return relative if relative.startswith("../") else f"./{relative}"


def centre_of(stage: Usd.Stage, path: str) -> Gf.Vec3d:
    """Return the middle of what is below a prim, at its lowest; the prim's own origin if nothing has a size there."""
    prim = stage.GetPrimAtPath(path)
    box = UsdGeom.BBoxCache(Usd.TimeCode.Default(), [UsdGeom.Tokens.default_]).ComputeWorldBound(prim)
    held = box.ComputeAlignedRange()
    if held.IsEmpty():
        matrix = UsdGeom.XformCache(Usd.TimeCode.Default()).GetLocalToWorldTransform(prim)
        return matrix.ExtractTranslation()
    middle, up = held.GetMidpoint(), _up_index(stage)
    middle[up] = held.GetMin()[up]
    return middle


def in_front_of(stage: Usd.Stage, camera: Gf.Matrix4d) -> Gf.Vec3d:
    """Return the place on the ground that a camera looks at, or the ground before it if it looks elsewhere.

    Args:
        camera: its transform to the world; it looks along its -z.
    """
    up, unit = _up_index(stage), UsdGeom.GetStageMetersPerUnit(stage) or 1.0
    eye, ahead = camera.ExtractTranslation(), camera.TransformDir(Gf.Vec3d(0.0, 0.0, -1.0)).GetNormalized()
    if ahead[up] < -1e-6 and 0.0 < (distance := -eye[up] / ahead[up]) <= _FAR_M / unit:
        return eye + ahead * distance
    level = Gf.Vec3d(ahead)
    level[up] = 0.0
    if level.GetLength() < 1e-6:
        level = camera.TransformDir(Gf.Vec3d(0.0, 1.0, 0.0))
        level[up] = 0.0
    place = eye + level.GetNormalized() * (_AHEAD_M / unit)
    place[up] = 0.0
    return place


def pose_in(
    stage: Usd.Stage, scene: str, position: Sequence[float], yaw_rad: float
) -> tuple[tuple[float, float, float], float]:
    """Return a pose of a scene (Z up) in the stage's world: position in its axes and units, turn about its up axis.

    Args:
        scene: path of the scene's prim, wherever it was moved to.
        position: in the scene [m].
        yaw_rad: turn about the scene's z [rad].
    """
    matrix = UsdGeom.XformCache(Usd.TimeCode.Default()).GetLocalToWorldTransform(stage.GetPrimAtPath(scene))
    place = matrix.Transform(Gf.Vec3d(*position))
    ahead = matrix.TransformDir(Gf.Vec3d(math.cos(yaw_rad), math.sin(yaw_rad), 0.0))
    turn = math.atan2(-ahead[2], ahead[0]) if _up_index(stage) == 1 else math.atan2(ahead[1], ahead[0])
    return (place[0], place[1], place[2]), turn


def _axis(name: str) -> Gf.Vec3d:
    return Gf.Vec3d(0.0, 1.0, 0.0) if name == "Y" else Gf.Vec3d(0.0, 0.0, 1.0)


def _up_index(stage: Usd.Stage) -> int:
    return 1 if UsdGeom.GetStageUpAxis(stage) == UsdGeom.Tokens.y else 2
