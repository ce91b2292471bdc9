"""Edits of a stage: what they make, and that taking them back leaves the very text of each layer."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from pxr import Gf, Sdf, Usd, UsdGeom

from .kit import Kit


@pytest.fixture
def edits(kit: Kit) -> Iterator[ModuleType]:
    return importlib.import_module("omni.lyra.scenegen.stage_edits")


@pytest.fixture
def asset(tmp_path: Path) -> str:
    stage = Usd.Stage.CreateNew(str(tmp_path / "asset.usda"))
    root = UsdGeom.Xform.Define(stage, "/Root").GetPrim()
    UsdGeom.Cube.Define(stage, "/Root/Box")
    for name in ("red", "blue"):
        root.GetVariantSets().AddVariantSet("look").AddVariant(name)
    stage.SetDefaultPrim(root)
    stage.Save()
    return str(tmp_path / "asset.usda")


def text(stage: Usd.Stage) -> str:
    return str(stage.GetRootLayer().ExportToString())


@pytest.mark.parametrize("path", ["/Scene", "/World/Scene", "/World/Deep/Down/Scene"])
@pytest.mark.parametrize("payload", [True, False])
def test_adding_and_taking_back(edits: ModuleType, asset: str, path: str, payload: bool) -> None:
    stage = Usd.Stage.CreateInMemory()
    before = text(stage)
    world = Gf.Matrix4d().SetTranslate((1, 2, 3))
    edit = edits.AddedPrim(Sdf.Path(path), asset, world, payload, {"look": "blue"})
    edit.do(stage)
    prim = stage.GetPrimAtPath(path)
    assert prim.IsDefined()
    assert not prim.IsInstance()
    assert prim.HasAuthoredPayloads() == payload
    assert prim.GetVariantSet("look").GetVariantSelection() == "blue"
    assert stage.GetPrimAtPath(f"{path}/Box").IsA(UsdGeom.Cube)
    made = text(stage)
    edit.undo()
    assert text(stage) == before
    edit.do(stage)
    assert text(stage) == made


@pytest.mark.parametrize("scale", [(1, 1, 1), (2, 2, 2), (1, 2, 3)])
def test_it_is_where_it_should_be_whatever_is_above(edits: ModuleType, asset: str, scale: tuple[int, ...]) -> None:
    stage = Usd.Stage.CreateInMemory()
    above = UsdGeom.Xform.Define(stage, "/World")
    api = UsdGeom.XformCommonAPI(above)
    api.SetTranslate((1, -2, 3))
    api.SetRotate((10, 20, 30))
    api.SetScale(scale)
    world = Gf.Matrix4d().SetRotate(Gf.Rotation(Gf.Vec3d(0, 0, 1), 40)) * Gf.Matrix4d().SetTranslate((7, 8, 9))
    edits.AddedPrim(Sdf.Path("/World/Scene"), asset, world).do(stage)
    found = UsdGeom.XformCache().GetLocalToWorldTransform(stage.GetPrimAtPath("/World/Scene"))
    assert Gf.IsClose(found, world, 1e-9)


def test_what_was_there_stays(edits: ModuleType, asset: str) -> None:
    """Ancestors that were there before, in whatever layer, are not removed with the prim."""
    stage = Usd.Stage.CreateInMemory()
    UsdGeom.Xform.Define(stage, "/World")
    stage.OverridePrim("/World/Group")
    before = text(stage)
    edit = edits.AddedPrim(Sdf.Path("/World/Group/Scene"), asset, Gf.Matrix4d(1.0))
    edit.do(stage)
    edit.undo()
    assert text(stage) == before


def test_sublayers_and_session_take_edits(edits: ModuleType, asset: str) -> None:
    stage = Usd.Stage.CreateInMemory()
    UsdGeom.Xform.Define(stage, "/World")
    below = Sdf.Layer.CreateAnonymous(".usda")
    stage.GetRootLayer().subLayerPaths.append(below.identifier)
    for layer in (below, stage.GetSessionLayer()):
        stage.SetEditTarget(layer)
        root, before = text(stage), layer.ExportToString()
        edit = edits.AddedPrim(Sdf.Path("/World/Scene"), asset, Gf.Matrix4d(1.0))
        edit.do(stage)
        assert stage.GetPrimAtPath("/World/Scene/Box")
        assert text(stage) == root
        edit.undo()
        assert layer.ExportToString() == before


def test_a_path_that_is_taken_and_a_layer_that_is_locked(edits: ModuleType, asset: str) -> None:
    stage = Usd.Stage.CreateInMemory()
    UsdGeom.Xform.Define(stage, "/Scene")
    with pytest.raises(ValueError, match="/Scene: must be free"):
        edits.AddedPrim(Sdf.Path("/Scene"), asset, Gf.Matrix4d(1.0)).do(stage)
    before = text(stage)
    stage.GetRootLayer().SetPermissionToEdit(False)
    with pytest.raises(RuntimeError, match="read-only"):
        edits.AddedPrim(Sdf.Path("/Other"), asset, Gf.Matrix4d(1.0)).do(stage)
    with pytest.raises(RuntimeError, match="read-only"):
        edits.RemovedPrim(Sdf.Path("/Scene")).do(stage)
    assert text(stage) == before


def test_removing_from_all_layers_and_putting_back(edits: ModuleType, asset: str) -> None:
    stage = Usd.Stage.CreateInMemory()
    for name in ("First", "Scene", "Last"):
        UsdGeom.Xform.Define(stage, f"/World/{name}")
    below = Sdf.Layer.CreateAnonymous(".usda")
    stage.GetRootLayer().subLayerPaths.append(below.identifier)
    stage.SetEditTarget(below)
    UsdGeom.XformCommonAPI(stage.GetPrimAtPath("/World/Scene")).SetTranslate((1, 2, 3))
    before = [text(stage), below.ExportToString()]
    edit = edits.RemovedPrim(Sdf.Path("/World/Scene"))
    edit.do(stage)
    assert not stage.GetPrimAtPath("/World/Scene")
    assert stage.GetPrimAtPath("/World/Last")
    edit.undo()
    assert [text(stage), below.ExportToString()] == before
    with pytest.raises(ValueError, match="must be a prim"):
        edits.RemovedPrim(Sdf.Path("/World/Nothing")).do(stage)


def test_choosing_a_variant_and_back(edits: ModuleType, asset: str) -> None:
    stage = Usd.Stage.CreateInMemory()
    edits.AddedPrim(Sdf.Path("/Scene"), asset, Gf.Matrix4d(1.0), variants={"look": "red"}).do(stage)
    before = text(stage)
    edit = edits.ChosenVariant(Sdf.Path("/Scene"), "look", "blue")
    edit.do(stage)
    assert stage.GetPrimAtPath("/Scene").GetVariantSet("look").GetVariantSelection() == "blue"
    edit.undo()
    assert text(stage) == before
    stage.SetEditTarget(stage.GetSessionLayer())
    edit = edits.ChosenVariant(Sdf.Path("/Scene"), "look", "blue")
    edit.do(stage)
    edit.undo()
    assert not stage.GetSessionLayer().GetPrimAtPath("/Scene")
    assert text(stage) == before
    with pytest.raises(ValueError, match="blue, red; got 'green'"):
        edits.ChosenVariant(Sdf.Path("/Scene"), "look", "green").do(stage)


def test_taking_back_on_a_stage_that_is_gone_does_nothing(edits: ModuleType, asset: str) -> None:
    stage = Usd.Stage.CreateInMemory()
    edit = edits.AddedPrim(Sdf.Path("/Scene"), asset, Gf.Matrix4d(1.0))
    edit.do(stage)
    removed = edits.RemovedPrim(Sdf.Path("/Scene"))
    removed.do(stage)
    del stage
    removed.undo()
    edit.undo()
