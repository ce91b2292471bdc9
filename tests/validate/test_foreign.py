"""Stages of other people: good ones pass whatever their habits, bad ones get a clear answer and no traceback."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from pxr import Gf, Usd, UsdGeom, UsdLux, UsdPhysics

from lyra_backend import validate
from lyra_backend.progress import Progress
from lyra_backend.types import Finding, Severity

from ..author.fields import author_scene, cloud_of, room_proxy
from . import physics_rooms as rooms

HOUSE_RULE = "A house rule of Lyra SceneGen"


def run(path: Path) -> tuple[Finding, ...]:
    return validate.run(path, None, validate.Params(), Progress()).findings


def errors(path: Path) -> list[str]:
    return [f.code for f in run(path) if f.severity is Severity.ERROR]


def with_other_habits(path: Path) -> None:
    """Own prim paths, no default prim, prims without a type, no material, no extent, no physics scene."""
    stage = Usd.Stage.CreateNew(str(path))
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.z)
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    rooms.add_mesh(stage, "/Haus/Zimmer", rooms.merge(rooms.floor(), *rooms.walls(), rooms.table()))
    stage.Save()


def with_a_ground_plane(path: Path) -> None:
    """What Isaac Sim makes of Create > Physics > Ground Plane, with a crate on it."""
    stage = Usd.Stage.CreateNew(str(path))
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.z)
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    UsdPhysics.Scene.Define(stage, "/physicsScene")
    rooms.collide(UsdGeom.Plane.Define(stage, "/GroundPlane/CollisionPlane").GetPrim())
    crate = UsdGeom.Cube.Define(stage, "/env/crate")
    crate.CreateSizeAttr(0.5)
    crate.AddTranslateOp().Set(Gf.Vec3d(1, 1, 0.25))
    rooms.collide(crate.GetPrim())
    UsdLux.DistantLight.Define(stage, "/Light")
    stage.Save()


@pytest.mark.parametrize("author", [with_other_habits, with_a_ground_plane])
def test_a_good_stage_passes_whatever_its_habits(tmp_path: Path, author: Callable[[Path], None]) -> None:
    author(tmp_path / "theirs.usda")
    found = {f.code: f for f in run(tmp_path / "theirs.usda")}
    assert [f for f in found.values() if f.severity is Severity.ERROR] == []
    assert found["usd.default_prim"].severity is Severity.WARNING
    assert HOUSE_RULE in found["usd.default_prim"].message
    assert HOUSE_RULE in found["usd.TypeChecker"].message
    assert ("usd.plane" in found) == (author is with_a_ground_plane)


@pytest.mark.usefixtures("without_engine")
def test_our_own_scenes_keep_the_house_rules(tmp_path: Path) -> None:
    author_scene(tmp_path / "ours", cloud_of(40), room_proxy())
    stage = Usd.Stage.Open(str(tmp_path / "ours" / "stage.usda"))
    stage.DefinePrim("/World/Untyped")
    UsdGeom.Plane.Define(stage, "/World/Ground")
    stage.GetRootLayer().ClearDefaultPrim()
    stage.Save()
    broken = {"usd.default_prim", "usd.plane", "usd.TypeChecker"}
    assert broken <= set(errors(tmp_path / "ours"))
    assert broken <= set(errors(tmp_path / "ours" / "stage.usda"))
    shutil.move(tmp_path / "ours" / "provenance.json", tmp_path)
    assert not broken & set(errors(tmp_path / "ours" / "stage.usda"))


def _refer(path: Path, arc: str) -> None:
    stage = Usd.Stage.Open(str(rooms.room(path)))
    chair = stage.DefinePrim("/World/Chair", "Xform")
    if arc == "reference":
        chair.GetReferences().AddReference("./gone.usd")
    elif arc == "payload":
        chair.GetPayloads().AddPayload("./gone.usd")
    elif arc == "prim":
        chair.GetReferences().AddInternalReference("/Nowhere")
    else:
        stage.GetRootLayer().subLayerPaths.append("./gone.usd")
    stage.Save()


@pytest.mark.parametrize("arc", ["reference", "payload", "sublayer", "prim"])
def test_what_is_missing_is_named_without_folders_and_addresses(
    tmp_path: Path, arc: str, capfd: pytest.CaptureFixture[str]
) -> None:
    _refer(tmp_path / "theirs.usda", arc)
    capfd.readouterr()
    found = run(tmp_path / "theirs.usda")
    named = [f.code for f in found if f.severity is Severity.ERROR]
    assert named == ([] if arc == "prim" else ["usd.missing_file"]) + ["usd.CompositionError"]
    assert [f for f in found if str(tmp_path) in f.message or "0x" in f.message] == []
    assert found[-1].code == "physics.not_simulated"
    assert str(tmp_path) not in capfd.readouterr().err


def test_a_file_missing_in_a_referenced_layer_is_named(tmp_path: Path) -> None:
    _refer(tmp_path / "inner.usda", "payload")
    stage = rooms.new_stage(tmp_path / "outer.usda")
    stage.DefinePrim("/World/Room").GetReferences().AddReference("./inner.usda")
    stage.Save()
    found = {f.code: f for f in run(tmp_path / "outer.usda")}
    assert found["usd.missing_file"].where == "inner.usda"


def test_another_axis_and_unit_are_told_once_each(tmp_path: Path) -> None:
    stage = Usd.Stage.CreateNew(str(tmp_path / "theirs.usda"))
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.y)
    UsdGeom.SetStageMetersPerUnit(stage, 0.01)
    points, triangles = rooms.merge(rooms.floor(), *rooms.walls())
    rooms.add_mesh(stage, "/Root", (100 * points[:, [1, 2, 0]], triangles))
    stage.Save()
    found = {f.code: f for f in run(tmp_path / "theirs.usda") if f.severity is Severity.ERROR}
    assert set(found) == {"usd.up_axis", "usd.meters_per_unit"}
    assert "turn it so that Z points up" in found["usd.up_axis"].message
    assert "export it in metres" in found["usd.meters_per_unit"].message


@pytest.mark.parametrize(
    ("name", "contents"), [("a.usda", b"hello"), ("b.usda", b""), ("c.usdc", b"PXR-USDC\0\0"), ("d.usdz", b"PK")]
)
def test_what_is_no_usd_is_told_in_a_sentence(tmp_path: Path, name: str, contents: bytes) -> None:
    (tmp_path / name).write_bytes(contents)
    found = run(tmp_path / name)
    assert [f.code for f in found] == ["usd.unreadable", "physics.not_simulated"]
    assert found[0].message.startswith(f"{name}: USD cannot open it: ")
    assert "/" not in found[0].message


def test_a_stage_without_colliders_is_no_place_for_robots(tmp_path: Path) -> None:
    stage = rooms.new_stage(tmp_path / "theirs.usda")
    UsdGeom.Cube.Define(stage, "/World/Cube")
    stage.Save()
    assert errors(tmp_path / "theirs.usda") == ["physics.no_collider"]


@pytest.mark.usefixtures("without_engine")
def test_the_same_stage_gives_the_same_findings_in_the_same_order(tmp_path: Path) -> None:
    """Validators run their rules side by side and finish in any order."""
    with_other_habits(tmp_path / "theirs.usda")
    assert run(tmp_path / "theirs.usda") == run(tmp_path / "theirs.usda")
