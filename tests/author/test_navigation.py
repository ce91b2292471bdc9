"""Places to start and the wall, in the composed scene."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pxr import Gf, Usd, UsdGeom, UsdPhysics

from lyra_backend import author, place
from lyra_backend.author.particle_field import Params as FieldParams
from lyra_backend.io.navigation_files import load_navigation
from lyra_backend.progress import Progress
from lyra_backend.types import Navigation, SceneBundle

from .fields import cloud_of, room_proxy

SMALL = {"robots": "go2,g1", "cell": 0.1, "viewpoints": 2, "tasks": 4}


@pytest.fixture(scope="module")
def navigation() -> Navigation:
    found = place.run(room_proxy(), 0, place.Params(**SMALL, wall=True), Progress()).value
    assert found is not None
    return found


@pytest.fixture(scope="module")
def folder(navigation: Navigation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scene")
    bundle = SceneBundle(cloud_of(60), room_proxy(), {"particle_field": FieldParams()}, navigation=navigation)
    files = author.run(bundle, folder, author.Params(), Progress()).value
    assert {"map.png", "map.yaml", "map_go2.png", "bounds.json", "spawn_points.json", "tasks.json"} <= set(files)
    return folder


def test_spawn_prims_are_where_the_root_belongs(folder: Path, navigation: Navigation) -> None:
    stage = Usd.Stage.Open(str(folder / "stage.usda"))
    for space in navigation.spaces:
        points, robot = space.spawn_points, space.robot
        assert points.count >= 8
        for number in range(8):
            prim = stage.GetPrimAtPath(f"/World/SpawnPoints/{robot.name}/spawn_{number}")
            pose = UsdGeom.Xformable(prim).ComputeLocalToWorldTransform(Usd.TimeCode.Default())
            lift = robot.root_height_m + robot.clearance_m
            expected = points.positions[number] + np.array([0, 0, lift], np.float32)
            assert np.allclose(pose.ExtractTranslation(), expected, atol=1e-5)
            ahead, yaw = pose.TransformDir(Gf.Vec3d(1, 0, 0)), float(points.yaws_rad[number])
            assert np.allclose(ahead, [np.cos(yaw), np.sin(yaw), 0], atol=1e-5)


def test_the_wall_is_off_until_it_is_chosen_and_never_the_first_mesh(folder: Path) -> None:
    stage = Usd.Stage.Open(str(folder / "stage.usda"))
    world = stage.GetPrimAtPath("/World")
    assert world.GetVariantSet("bounds").GetVariantSelection() == "none"
    assert not stage.GetPrimAtPath("/World/Bounds")
    world.GetVariantSet("bounds").SetVariantSelection("wall")
    wall = stage.GetPrimAtPath("/World/Bounds/Wall")
    assert UsdPhysics.CollisionAPI(wall).GetCollisionEnabledAttr().Get() is True
    assert UsdGeom.Imageable(wall).ComputePurpose() == "guide"
    meshes = [prim for prim in stage.TraverseAll() if prim.IsA(UsdGeom.Mesh) and prim.HasAPI(UsdPhysics.CollisionAPI)]
    assert meshes[0].GetPath() == "/World/Collision/Environment"


def test_a_scene_nobody_looked_at_has_neither(tmp_path: Path) -> None:
    bundle = SceneBundle(cloud_of(60), room_proxy(), {"particle_field": FieldParams()})
    author.run(bundle, tmp_path, author.Params(), Progress())
    stage = Usd.Stage.Open(str(tmp_path / "scene.usda"))
    assert not stage.GetPrimAtPath("/World/SpawnPoints")
    assert "bounds" not in stage.GetPrimAtPath("/World").GetVariantSets().GetNames()


def test_the_files_of_a_run_say_the_same(folder: Path, navigation: Navigation) -> None:
    loaded = load_navigation(folder)
    assert [space.robot for space in loaded.spaces] == [space.robot for space in navigation.spaces]
    assert np.array_equal(loaded.map.cells, navigation.map.cells)
