"""Runs as files: what a version of Isaac Sim opens, what it shows, and what is asked for."""

from __future__ import annotations

from pathlib import Path

import pytest
from isaac.scene_files import (
    checked_run,
    preview_camera,
    request_for,
    robots_loaded,
    root_layer,
    scene_paths,
    show_appearance,
)
from pxr import Usd, UsdGeom

from lyra_backend.errors import InvalidRequest
from lyra_backend.types import SceneRequest


def test_each_version_opens_its_own_root(run: Path) -> None:
    assert checked_run(run) == run
    assert root_layer(run, "particleField").name == "stage_isaac6.usda"
    assert root_layer(run, "nurec").name == "stage_isaac5.usda"
    for appearance in ("particleField", "nurec"):
        stage = Usd.Stage.Open(str(root_layer(run, appearance)))
        assert stage.GetPrimAtPath("/World").GetVariantSet("appearance").GetVariantSelection() == appearance


def test_what_is_no_run_is_refused(run: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"must be the directory of a finished run.*--for both"):
        checked_run(tmp_path)
    (tmp_path / "stage.usda").touch()
    with pytest.raises(InvalidRequest, match=r"draws nurec, and the run has none.*--for isaac5"):
        root_layer(tmp_path, "nurec")
    with pytest.raises(InvalidRequest, match=r"previews\.json: must be a file of cameras"):
        preview_camera(tmp_path)
    assert preview_camera(run).intrinsics.width == 960


def test_another_appearance_is_shown_and_never_saved(run: Path) -> None:
    stage = Usd.Stage.Open(str(run / "stage_isaac6.usda"))
    before = stage.GetRootLayer().ExportToString()
    paths = scene_paths(stage)
    assert paths == ("/World",)
    show_appearance(stage, paths, "proxy")
    shown = stage.GetPrimAtPath("/World/Visual/Proxy")
    assert any(prim.IsA(UsdGeom.Mesh) for prim in Usd.PrimRange(shown))
    assert not stage.GetPrimAtPath("/World/Visual/Gaussians")
    show_appearance(stage, paths, "")
    assert stage.GetPrimAtPath("/World/Visual/Gaussians")
    assert stage.GetRootLayer().ExportToString() == before
    with pytest.raises(InvalidRequest, match=r"/World: has no appearance 'glossy'; known: .*proxy"):
        show_appearance(stage, paths, "glossy")
    with pytest.raises(InvalidRequest, match="holds no generated scene"):
        show_appearance(stage, (), "proxy")


def test_a_request_gets_what_this_kit_draws_and_keeps_what_it_says() -> None:
    asked = SceneRequest.from_json({"prompt": "a hall"}).to_json()
    made = request_for(asked, "nurec")
    assert "nurec" in made["primitives"]
    assert request_for({"prompt": "a hall", "primitives": ["nurec"]}, "particleField")["primitives"] == [
        "nurec",
        "particle_field",
    ]
    assert "params" not in request_for({"prompt": "a hall"}, "nurec")
    own = {"prompt": "a hall", "params": {"place": {"robots": "g1"}, "collide": {"voxel_size": 0.1}}}
    robots = request_for(own, "particleField", "go2,carter", 3, "https://assets")
    assert robots["params"]["place"] == {"robots": "g1"}
    assert robots["params"]["author"] == {"robots": "go2,carter", "robot_count": 3, "assets_root": "https://assets"}
    assert robots["params"]["collide"] == {"voxel_size": 0.1}
    assert own["params"] == {"place": {"robots": "g1"}, "collide": {"voxel_size": 0.1}}
    SceneRequest.from_json(request_for(asked, "nurec", "go2", 2, "/assets"))


def test_robots_whose_assets_are_missing_count_as_not_loaded(run: Path, tmp_path: Path) -> None:
    assert robots_loaded(Usd.Stage.Open(str(run / "stage_isaac6.usda"))) == (0, 0)
    asset = Usd.Stage.CreateNew(str(tmp_path / "robot.usda"))
    asset.SetDefaultPrim(asset.DefinePrim("/Robot", "Xform"))
    asset.DefinePrim("/Robot/base", "Xform")
    asset.GetRootLayer().Save()
    stage = Usd.Stage.CreateInMemory()
    for number, name in enumerate(("robot.usda", "gone.usda")):
        prim = stage.DefinePrim(f"/World/Robots/go2_{number}", "Xform")
        prim.GetReferences().AddReference(str(tmp_path / name))
    assert robots_loaded(stage) == (1, 2)
