# SPDX-FileCopyrightText: Copyright (c) 2026 Lyra SceneGen contributors
# SPDX-License-Identifier: Apache-2.0

"""A scene of one box, as small as a run's can be: default prim, appearances, a collider."""

from __future__ import annotations

from pathlib import Path

from pxr import Usd, UsdGeom, UsdPhysics

__all__ = ["APPEARANCES", "write_small_scene"]

APPEARANCES = ("particleField", "nurec", "proxy", "none")


def write_small_scene(folder: Path) -> Path:
    """Write scene.usda into a folder; return the folder, which can be added like a run's directory."""
    stage = Usd.Stage.CreateNew(str(folder / "scene.usda"))
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.z)
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    world = UsdGeom.Xform.Define(stage, "/World").GetPrim()
    stage.SetDefaultPrim(world)
    box = UsdGeom.Cube.Define(stage, "/World/Collision/Box")
    box.CreateSizeAttr(1.0)
    UsdPhysics.CollisionAPI.Apply(box.GetPrim())
    looks = world.GetVariantSets().AddVariantSet("appearance")
    for name in APPEARANCES:
        looks.AddVariant(name)
    looks.SetVariantSelection("none")
    stage.GetRootLayer().Save()
    return folder
