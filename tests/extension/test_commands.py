"""The undoable commands on real stages, hostile ones too."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pxr import Usd, UsdGeom

from .kit import Kit

TONEMAP = "/rtx/post/tonemap/op"


@pytest.fixture
def scenegen(kit: Kit) -> Any:
    return kit.enable()


def hostile_stages(folder: Path) -> Iterator[tuple[str, Usd.Stage]]:
    """Yield stages that nobody prepared for a scene."""
    stage = Usd.Stage.CreateInMemory()
    UsdGeom.SetStageUpAxis(stage, "Y")
    UsdGeom.SetStageMetersPerUnit(stage, 0.01)
    yield "Y up, centimetres, no default prim", stage
    stage = Usd.Stage.CreateNew(str(folder / "host" / "saved.usda"))
    UsdGeom.SetStageUpAxis(stage, "Z")
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    stage.SetDefaultPrim(UsdGeom.Xform.Define(stage, "/World").GetPrim())
    yield "saved, Z up, metres", stage
    stage = Usd.Stage.CreateInMemory()
    root = UsdGeom.Xform.Define(stage, "/Site")
    UsdGeom.XformCommonAPI(root).SetTranslate((10, 20, 30))
    UsdGeom.XformCommonAPI(root).SetScale((2, 2, 2))
    stage.SetDefaultPrim(root.GetPrim())
    yield "a default prim that is moved and scaled", stage
    stage = Usd.Stage.CreateInMemory()
    stage.SetEditTarget(stage.GetSessionLayer())
    yield "edits go to the session layer", stage


def floor_in_metres(stage: Usd.Stage, path: str) -> tuple[float, float]:
    """Return lowest height and height of a scene's collider [m], along the stage's up axis."""
    purposes = [UsdGeom.Tokens.default_, UsdGeom.Tokens.guide]
    box = UsdGeom.BBoxCache(Usd.TimeCode.Default(), purposes).ComputeWorldBound(
        stage.GetPrimAtPath(f"{path}/Collision")
    )
    held = box.ComputeAlignedRange()
    up = 1 if UsdGeom.GetStageUpAxis(stage) == "Y" else 2
    unit = UsdGeom.GetStageMetersPerUnit(stage)
    return held.GetMin()[up] * unit, held.GetSize()[up] * unit


def layers(stage: Usd.Stage) -> list[str]:
    return [layer.ExportToString() for layer in stage.GetLayerStack()]


@pytest.mark.parametrize("number", range(4))
def test_add_undo_redo_on_hostile_stages(kit: Kit, scenegen: Any, scene: Path, tmp_path: Path, number: int) -> None:
    name, stage = next(itertools.islice(hostile_stages(tmp_path), number, None))
    kit.new_stage(stage)
    before = layers(stage)
    path = scenegen.add_scene(scene)
    low, height = floor_in_metres(stage, path)
    assert -0.5 < low < 0.1, name
    assert 2.0 < height < 5.0, name
    assert stage.GetPrimAtPath(path).HasAuthoredPayloads()
    assert not stage.GetPrimAtPath(path).IsInstance()
    assert kit.context.get_selection().get_selected_prim_paths() == [path]
    assert kit.viewport is not None
    assert kit.viewport._framed == [[path]]
    made = layers(stage)
    assert kit.undo.undo()
    assert layers(stage) == before
    assert kit.context.get_selection().get_selected_prim_paths() == []
    assert kit.undo.redo()
    assert layers(stage) == made
    assert not any(level == "error" for level, _ in kit.log._lines)
    assert not kit.commands._undone
    kit.undo.undo()
    assert not kit.commands._done, "one step of undo, the camera's move among it"


def test_two_scenes_and_a_path_that_is_taken(kit: Kit, scenegen: Any, scene: Path) -> None:
    stage = kit.new_stage()
    first, second = scenegen.add_scene(scene), scenegen.add_scene(scene, position=(1000, 0, 0))
    assert (first, second) == ("/LyraScene", "/LyraScene_01")
    assert kit.settings.get(TONEMAP) == 2
    kit.undo.undo()
    assert stage.GetPrimAtPath(first)
    assert not stage.GetPrimAtPath(second)
    assert kit.settings.get(TONEMAP) == 2
    before = layers(stage)
    with pytest.raises(ValueError, match="/LyraScene: must be free"):
        scenegen.add_scene(scene, first)
    ok, _ = kit.commands.execute("AddGeneratedScene", usd_path=str(scene), prim_path=first)
    assert not ok
    assert kit.settings.get(TONEMAP) == 2, "the scene that is there keeps its settings"
    assert layers(stage) == before
    kit.undo.undo()
    assert kit.settings.get(TONEMAP) is None


def test_a_read_only_stage_is_refused_in_words(kit: Kit, scenegen: Any, scene: Path) -> None:
    stage = kit.new_stage()
    stage.GetRootLayer().SetPermissionToEdit(False)
    before = layers(stage)
    with pytest.raises(RuntimeError, match=r"read-only.*save a copy"):
        scenegen.add_scene(scene)
    with pytest.raises(RuntimeError, match="read-only"):
        scenegen.spawn_robot("go2", position=(0, 0, 0))
    assert layers(stage) == before
    assert not kit.undo.undo()


def test_a_command_that_fails_changes_nothing(kit: Kit, scenegen: Any, scene: Path) -> None:
    """Scripts may run the command itself: its error is Kit's to log."""
    stage = kit.new_stage()
    stage.GetRootLayer().SetPermissionToEdit(False)
    ok, _ = kit.commands.execute("AddGeneratedScene", usd_path=str(scene))
    assert not ok
    assert kit.settings.get(TONEMAP) is None
    assert [level for level, _ in kit.log._lines if level == "error"] == ["error"]
    stage.GetRootLayer().SetPermissionToEdit(True)
    ok, _ = kit.commands.execute("AddGeneratedScene", usd_path=str(scene), appearance="gouache")
    assert not ok
    assert not stage.GetPrimAtPath("/LyraScene")


def test_what_cannot_be_added_is_said(kit: Kit, scenegen: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there is no such scene"):
        scenegen.add_scene(tmp_path / "nothing")
    Usd.Stage.CreateNew(str(tmp_path / "empty.usda")).Save()
    with pytest.raises(ValueError, match="default prim"):
        scenegen.add_scene(tmp_path / "empty.usda")
    kit.context._attach(None)
    with pytest.raises(RuntimeError, match="none is open"):
        scenegen.add_scene(tmp_path / "empty.usda")


@pytest.mark.parametrize(("version", "look"), [("107.3.3+isaac", "nurec"), ("110.1.2+production", "particleField")])
def test_each_version_shows_what_it_can_draw(kit: Kit, scene: Path, version: str, look: str) -> None:
    kit.app._version = version
    scenegen = kit.enable()
    kit.settings.set("/rtx/post/histogram/enabled", True)
    stage = kit.new_stage()
    path = scenegen.add_scene(scene)
    assert stage.GetPrimAtPath(path).GetVariantSet("appearance").GetVariantSelection() == look
    assert kit.settings.get(TONEMAP) == 2
    assert kit.settings.get("/rtx/post/histogram/enabled") is False
    nurec = "/rtx/post/registeredCompositing/invertToneMap"
    assert kit.settings.get(nurec) is (True if look == "nurec" else None)
    scenegen.remove_scene(path)
    assert kit.settings.get(TONEMAP) is None
    assert kit.settings.get("/rtx/post/histogram/enabled") is True
    assert kit.settings.get(nurec) is None
    kit.undo.undo()
    assert kit.settings.get(TONEMAP) == 2
    assert stage.GetPrimAtPath(path)


def test_an_appearance_is_a_step_of_undo_with_its_settings(kit: Kit, scenegen: Any, scene: Path) -> None:
    stage = kit.new_stage()
    path = scenegen.add_scene(scene)
    before = layers(stage)
    kit.commands.execute("SetSceneAppearance", prim_path=path, appearance="proxy")
    assert stage.GetPrimAtPath(f"{path}/Visual/Proxy")
    assert not stage.GetPrimAtPath(f"{path}/Visual/Gaussians")
    assert kit.settings.get(TONEMAP) is None
    kit.undo.undo()
    assert layers(stage) == before
    assert kit.settings.get(TONEMAP) == 2
    ok, _ = kit.commands.execute("SetSceneAppearance", prim_path=path, appearance="gouache")
    assert not ok
    assert kit.settings.get(TONEMAP) == 2
    assert layers(stage) == before


def test_a_redo_that_is_refused_leaves_what_is_there(kit: Kit, scenegen: Any, scene: Path) -> None:
    stage = kit.new_stage()
    path = scenegen.add_scene(scene)
    kit.undo.undo()
    UsdGeom.Xform.Define(stage, path)
    before = layers(stage)
    command = kit.commands._undone[-1][0]
    with pytest.raises(ValueError, match="must be free"):
        command.do()
    command.undo()
    assert layers(stage) == before
    assert kit.settings.get(TONEMAP) is None


def test_a_removal_that_is_refused_keeps_scene_and_settings(kit: Kit, scenegen: Any, scene: Path) -> None:
    stage = kit.new_stage()
    path = scenegen.add_scene(scene)
    before = layers(stage)
    stage.GetRootLayer().SetPermissionToEdit(False)
    with pytest.raises(RuntimeError, match="RemoveGeneratedScene"):
        scenegen.remove_scene(path)
    assert layers(stage) == before
    assert kit.settings.get(TONEMAP) == 2


@pytest.mark.parametrize("path", ["Scene", "/My Scene", "/Off/Scene", "/Off/Other", "/World.x"])
def test_paths_where_nothing_can_be(kit: Kit, scenegen: Any, scene: Path, path: str) -> None:
    stage = kit.new_stage()
    UsdGeom.Cube.Define(stage, "/Off/Scene")
    stage.GetPrimAtPath("/Off").SetActive(False)
    before = layers(stage)
    with pytest.raises((ValueError, RuntimeError)):
        scenegen.add_scene(scene, path)
    assert layers(stage) == before
    assert kit.settings.get(TONEMAP) is None


def test_a_reload_with_a_scene_on_the_stage_keeps_its_settings(kit: Kit, scenegen: Any, scene: Path) -> None:
    kit.new_stage()
    scenegen.add_scene(scene)
    kit.disable()
    assert kit.settings.get(TONEMAP) is None
    kit.enable()
    assert kit.settings.get(TONEMAP) == 2


def test_a_damaged_root_layer_beside_a_scene_is_passed_over(
    kit: Kit, scenegen: Any, scene: Path, tmp_path: Path
) -> None:
    shutil.copytree(scene, tmp_path / "copy")
    (tmp_path / "copy" / "stage_isaac6.usda").write_text("#usda 1.0\n(")
    stage = kit.new_stage()
    path = scenegen.add_scene(tmp_path / "copy")
    assert stage.GetPrimAtPath(path)
    assert kit.settings.get(TONEMAP) is None
    kit.disable()
    kit.enable()
    kit.commands.execute("SetSceneAppearance", prim_path=path, appearance="none")
    assert kit.undo.undo()


def test_settings_follow_scenes_that_go_by_other_ways(kit: Kit, scenegen: Any, scene: Path) -> None:
    stage = kit.new_stage()
    path = scenegen.add_scene(scene)
    layer = stage.GetRootLayer()
    kept = layer.ExportToString()
    layer.Clear()
    kit.frames(2)
    assert kit.settings.get(TONEMAP) is None
    layer.ImportFromString(kept)
    kit.frames(2)
    assert stage.GetPrimAtPath(path)
    assert kit.settings.get(TONEMAP) == 2
    kit.settings.set(TONEMAP, 5)
    kit.undo.undo()
    assert kit.settings.get(TONEMAP) == 5, "what the user has changed stays"


def test_a_stage_that_is_opened_brings_its_scenes_settings(kit: Kit, scenegen: Any, scene: Path) -> None:
    stage = kit.new_stage()
    scenegen.add_scene(scene)
    text = stage.GetRootLayer().ExportToString()
    kit.new_stage()
    assert kit.settings.get(TONEMAP) is None
    again = Usd.Stage.CreateInMemory()
    again.GetRootLayer().ImportFromString(text)
    again.GetRootLayer().customLayerData = {"renderSettings": {"rtx:post:histogram:enabled": True}}
    kit.new_stage(again)
    assert kit.settings.get(TONEMAP) == 2
    assert kit.settings.get("/rtx/post/histogram/enabled") is None, "what the stage itself states is Kit's to set"


def test_undo_after_the_stage_was_closed_leaves_the_new_one_alone(kit: Kit, scenegen: Any, scene: Path) -> None:
    kit.new_stage()
    scenegen.add_scene(scene)
    stage = kit.new_stage()
    UsdGeom.Xform.Define(stage, "/LyraScene")
    before = layers(stage)
    kit.undo.undo()
    assert layers(stage) == before


def test_a_robot_stands_where_the_scene_says(kit: Kit, scenegen: Any, scene: Path, tmp_path: Path) -> None:
    robot = Usd.Stage.CreateNew(str(tmp_path / "assets" / "Isaac" / "Robots" / "Unitree" / "Go2" / "go2.usd"))
    UsdGeom.SetStageUpAxis(robot, "Z")
    UsdGeom.SetStageMetersPerUnit(robot, 1.0)
    robot.SetDefaultPrim(UsdGeom.Xform.Define(robot, "/go2").GetPrim())
    robot.Save()
    for _, stage in itertools.islice(hostile_stages(tmp_path), 3):
        kit.new_stage(stage)
        path = scenegen.add_scene(scene, position=(100, 0, 0))
        kit.settings.set("/persistent/isaac/asset_root/default", None)
        with pytest.raises(ValueError, match="asset_root"):
            scenegen.spawn_robot("go2", path, scene)
        kit.settings.set("/persistent/isaac/asset_root/default", str(tmp_path / "assets"))
        stands = scenegen.spawn_robot("go2", path, scene)
        cache = UsdGeom.XformCache()
        inside = (
            cache.GetLocalToWorldTransform(stage.GetPrimAtPath(stands))
            * cache.GetLocalToWorldTransform(stage.GetPrimAtPath(path)).GetInverse()
        )
        place = inside.ExtractTranslation()
        assert 0.3 < place[2] < 0.6
        assert inside.TransformDir((0, 0, 1))[2] == pytest.approx(1.0)
        assert stage.GetPrimAtPath(stands).HasAuthoredReferences()
        assert not stands.startswith(f"{path}/")
        kit.undo.undo()
        assert not stage.GetPrimAtPath(stands)
        assert stage.GetPrimAtPath(path)
    with pytest.raises(ValueError, match="'god' is unknown; known: anymal"):
        scenegen.spawn_robot("god", path, scene)
    with pytest.raises(ValueError, match="places for go2"):
        scenegen.spawn_robot("go2", path, scene, number=10000)
    with pytest.raises(ValueError, match="there is no such file"):
        scenegen.spawn_robot("/nowhere/robot.usd", position=(0, 0, 0))
    with pytest.raises(ValueError, match="needs a place"):
        scenegen.spawn_robot("go2")


@pytest.mark.parametrize("placing", ["origin", "selection", "camera"])
def test_where_scenes_are_put(kit: Kit, scenegen: Any, placing: str) -> None:
    import importlib

    on_stage = importlib.import_module("omni.lyra.scenegen.on_stage")
    stage = kit.new_stage()
    if placing == "origin":
        assert on_stage.position_for(placing) == (0, 0, 0)
    if placing == "selection":
        with pytest.raises(ValueError, match="nothing is selected"):
            on_stage.position_for(placing)
        UsdGeom.XformCommonAPI(UsdGeom.Xform.Define(stage, "/Here")).SetTranslate((1, 2, 3))
        kit.context.get_selection().set_selected_prim_paths(["/Here"])
        assert on_stage.position_for(placing) == (1, 2, 3)
    if placing == "camera":
        with pytest.raises(ValueError, match="no viewport"):
            on_stage.position_for(placing)
        camera = UsdGeom.Camera.Define(stage, "/OmniverseKit_Persp")
        UsdGeom.XformCommonAPI(camera).SetTranslate((0, 100, 0))
        assert on_stage.position_for(placing) == pytest.approx((0, 0, -500))
        kit.viewport = None
        with pytest.raises(ValueError, match="no viewport"):
            on_stage.position_for(placing)
