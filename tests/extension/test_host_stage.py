"""Places on stages of any axes and units."""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from pxr import Gf, Sdf, Usd, UsdGeom

from .kit import Kit

STAGES = [("Z", 1.0), ("Y", 0.01), ("Y", 1.0), ("Z", 0.001)]


@pytest.fixture
def places(kit: Kit) -> Iterator[ModuleType]:
    return importlib.import_module("omni.lyra.scenegen.host_stage")


def stage_of(up: str, unit: float) -> Usd.Stage:
    stage = Usd.Stage.CreateInMemory()
    UsdGeom.SetStageUpAxis(stage, up)
    UsdGeom.SetStageMetersPerUnit(stage, unit)
    return stage


@pytest.mark.parametrize(("up", "unit"), STAGES)
@pytest.mark.parametrize("yaw", [0.0, 0.7])
def test_a_scene_stands_upright_and_in_its_size(places: ModuleType, up: str, unit: float, yaw: float) -> None:
    matrix = places.world_transform(stage_of(up, unit), places.Asset("Z", 1.0), (3.0, 4.0, 5.0), yaw)
    assert np.allclose(matrix.Transform(Gf.Vec3d(0, 0, 0)), (3.0, 4.0, 5.0))
    above = np.subtract(matrix.Transform(Gf.Vec3d(0, 0, 2)), (3.0, 4.0, 5.0))
    assert np.allclose(above, [0, 2 / unit, 0] if up == "Y" else [0, 0, 2 / unit])
    ahead = np.subtract(matrix.Transform(Gf.Vec3d(1, 0, 0)), (3.0, 4.0, 5.0)) * unit
    turned = (math.cos(yaw), 0, -math.sin(yaw)) if up == "Y" else (math.cos(yaw), math.sin(yaw), 0)
    assert np.allclose(ahead, turned)


@pytest.mark.parametrize(("up", "unit"), STAGES)
def test_a_robot_of_other_units_has_its_size(places: ModuleType, up: str, unit: float) -> None:
    matrix = places.world_transform(stage_of(up, unit), places.Asset("Y", 0.01), (0.0, 0.0, 0.0))
    assert math.isclose(matrix.TransformDir(Gf.Vec3d(0, 100, 0)).GetLength() * unit, 1.0)
    assert np.argmax(np.abs(matrix.TransformDir(Gf.Vec3d(0, 1, 0)))) == (1 if up == "Y" else 2)


def test_free_paths_count_up(places: ModuleType) -> None:
    stage = stage_of("Z", 1.0)
    assert places.free_path(stage, "LyraScene") == Sdf.Path("/LyraScene")
    stage.DefinePrim("/LyraScene")
    stage.OverridePrim("/LyraScene_01")
    assert places.free_path(stage, "LyraScene") == Sdf.Path("/LyraScene_02")
    stage.SetDefaultPrim(UsdGeom.Xform.Define(stage, "/World").GetPrim())
    assert places.free_path(stage, "LyraScene") == Sdf.Path("/World/LyraScene")
    assert places.free_path(stage, "1 odd name!").pathString.startswith("/World/_")


def test_a_default_prim_that_holds_nothing_is_passed_over(places: ModuleType) -> None:
    stage = stage_of("Z", 1.0)
    material = stage.DefinePrim("/Look", "Material")
    stage.SetDefaultPrim(material)
    assert places.free_path(stage, "LyraScene") == Sdf.Path("/LyraScene")
    world = UsdGeom.Xform.Define(stage, "/World").GetPrim()
    world.SetActive(False)
    stage.SetDefaultPrim(world)
    assert places.free_path(stage, "LyraScene") == Sdf.Path("/LyraScene")


@pytest.mark.parametrize(("up", "unit"), STAGES)
def test_in_front_of_a_camera(places: ModuleType, up: str, unit: float) -> None:
    stage = stage_of(up, unit)
    height = 2.0 / unit
    eye = Gf.Vec3d(0, height, 0) if up == "Y" else Gf.Vec3d(0, 0, height)
    ahead = Gf.Vec3d(1, -0.5, 0) if up == "Y" else Gf.Vec3d(1, 0, -0.5)
    upwards = Gf.Vec3d(0, 1, 0) if up == "Y" else Gf.Vec3d(0, 0, 1)
    down_to = Gf.Matrix4d().SetLookAt(eye, eye + ahead, upwards).GetInverse()
    assert np.allclose(places.in_front_of(stage, down_to), (4.0 / unit, 0, 0), atol=1e-6 / unit)
    up_to = Gf.Matrix4d().SetLookAt(eye, eye + Gf.Vec3d(1, 0, 0), upwards).GetInverse()
    assert np.allclose(places.in_front_of(stage, up_to), (5.0 / unit, 0, 0), atol=1e-6 / unit)
    straight = Gf.Vec3d(0, 0, 1) if up == "Y" else Gf.Vec3d(0, 1, 0)
    skyward = Gf.Matrix4d().SetLookAt(eye, eye + upwards, straight).GetInverse()
    assert all(map(math.isfinite, places.in_front_of(stage, skyward)))


def test_a_selection_is_built_upon(places: ModuleType) -> None:
    stage = stage_of("Z", 1.0)
    box = UsdGeom.Cube.Define(stage, "/Box")
    box.CreateSizeAttr(2.0)
    UsdGeom.XformCommonAPI(box).SetTranslate((5, 6, 7))
    assert np.allclose(places.centre_of(stage, "/Box"), (5, 6, 6))
    empty = UsdGeom.Xform.Define(stage, "/Empty")
    UsdGeom.XformCommonAPI(empty).SetTranslate((1, 2, 3))
    assert np.allclose(places.centre_of(stage, "/Empty"), (1, 2, 3))


@pytest.mark.parametrize(("up", "unit"), STAGES)
def test_poses_follow_a_scene_that_was_moved(places: ModuleType, up: str, unit: float) -> None:
    stage = stage_of(up, unit)
    scene = UsdGeom.Xform.Define(stage, "/Scene")
    matrix = places.world_transform(stage, places.Asset(), (10.0, 20.0, 30.0), 0.4)
    scene.AddTransformOp().Set(matrix)
    place, turn = places.pose_in(stage, "/Scene", (1.0, 0.0, 0.0), 0.3)
    assert np.allclose(place, matrix.Transform(Gf.Vec3d(1, 0, 0)))
    assert math.isclose(turn, 0.7, abs_tol=1e-9)


def test_assets_say_what_references_do_not_carry_over(places: ModuleType, tmp_path: Path) -> None:
    stage = Usd.Stage.CreateNew(str(tmp_path / "asset.usda"))
    stage.SetDefaultPrim(stage.DefinePrim("/A"))
    stage.Save()
    # what USD itself takes for granted where nothing is said
    assert places.Asset.read(str(tmp_path / "asset.usda")) == places.Asset("Y", 0.01, {})
    Usd.Stage.CreateNew(str(tmp_path / "none.usda")).Save()
    with pytest.raises(ValueError, match="default prim"):
        places.Asset.read(str(tmp_path / "none.usda"))
    assert places.Asset.read("omniverse://nowhere/robot.usd") == places.Asset()


def test_layers_refer_to_files_beside_them(places: ModuleType, tmp_path: Path) -> None:
    saved = Sdf.Layer.CreateNew(str(tmp_path / "stages" / "host.usda"))
    file = str(tmp_path / "runs" / "scene.usda")
    assert places.path_for_layer(saved, file) == "../runs/scene.usda"
    assert places.path_for_layer(saved, str(tmp_path / "stages" / "a" / "scene.usda")) == "./a/scene.usda"
    assert places.path_for_layer(Sdf.Layer.CreateAnonymous(), file) == file
    assert places.path_for_layer(saved, "https://host/robot.usd") == "https://host/robot.usd"
