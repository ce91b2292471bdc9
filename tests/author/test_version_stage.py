"""Root layers for File > Open: each version of Isaac Sim finds what it draws, and its settings in the root layer."""

from __future__ import annotations

from pathlib import Path

import pytest
from pxr import Sdf, Usd, UsdGeom, UsdPhysics, UsdValidation

from lyra_backend import author, registry
from lyra_backend.author import Params
from lyra_backend.progress import Progress
from lyra_backend.types import GaussianSequence, SceneBundle
from lyra_backend.validate import Params as Limits
from lyra_backend.validate import usd
from lyra_backend.validate.usd import check_usd

from .fields import cloud_of, room_proxy

TYPES = {5: "Volume", 6: "ParticleField3DGaussianSplat"}
PRIMITIVE = {5: "nurec", 6: "particle_field"}


def _written(folder: Path, *primitives: str, **changes: object) -> tuple[str, ...]:
    params = {name: registry.get("author", name).Params() for name in primitives}
    bundle = SceneBundle(cloud_of(40), room_proxy(), params, **changes)  # type: ignore[arg-type]
    return author.run(bundle, folder, Params(), Progress()).value


@pytest.mark.parametrize("primitives", [("nurec",), ("particle_field",), ("nurec", "particle_field")])
def test_there_is_one_for_each_primitive_that_exists(tmp_path: Path, primitives: tuple[str, ...]) -> None:
    wanted = {f"stage_isaac{registry.get('author', name).ISAAC_SIM}.usda" for name in primitives}
    assert {name for name in _written(tmp_path, *primitives) if "stage_isaac" in name} == wanted
    assert (tmp_path / "stage.usda").is_file()


@pytest.mark.parametrize("version", [5, 6])
def test_a_root_shows_what_its_version_draws(tmp_path: Path, version: int) -> None:
    _written(tmp_path, "particle_field", "nurec")
    stage = Usd.Stage.Open(str(tmp_path / f"stage_isaac{version}.usda"))
    assert stage.GetPrimAtPath("/World/Visual/Gaussians").GetTypeName() == TYPES[version]
    assert [p.GetName() for p in stage.Traverse() if p.IsA(UsdPhysics.Scene)] == ["PhysicsScene"]
    assert stage.GetPrimAtPath("/World/Lights/Sky")
    assert stage.GetPrimAtPath("/World/Collision/Environment").HasAPI(UsdPhysics.CollisionAPI)
    settings = stage.GetRootLayer().customLayerData["renderSettings"]
    # lights of a stage are in units of a fixed exposure
    exposure = {"rtx:post:histogram:enabled": False}
    assert settings == registry.get("author", PRIMITIVE[version]).RENDER_SETTINGS | exposure
    assert UsdGeom.GetStageUpAxis(stage) == "Z"
    assert UsdGeom.GetStageMetersPerUnit(stage) == 1.0
    assert UsdPhysics.GetStageKilogramsPerUnit(stage) == 1.0


def test_a_root_can_be_referenced(tmp_path: Path) -> None:
    _written(tmp_path, "particle_field", "nurec")
    host = Usd.Stage.CreateInMemory()
    host.DefinePrim("/Scene").GetReferences().AddReference(str(tmp_path / "stage_isaac5.usda"))
    assert host.GetPrimAtPath("/Scene/Visual/Gaussians").GetTypeName() == "Volume"


def test_roots_of_a_scene_that_moves_know_its_times(tmp_path: Path) -> None:
    sequence = GaussianSequence((cloud_of(40), cloud_of(30, seed=1)), (0.0, 0.5))
    _written(tmp_path, "particle_field", sequence=sequence)
    layer = Sdf.Layer.FindOrOpen(str(tmp_path / "stage_isaac6.usda"))
    assert (layer.startTimeCode, layer.endTimeCode, layer.timeCodesPerSecond) == (0.0, 12.0, 24.0)
    stage = Usd.Stage.Open(layer)
    assert stage.GetPrimAtPath("/World/Visual/Gaussians/Moving").GetAttribute("positions").GetTimeSamples()[-1] == 12.0


def test_asset_rules_are_run_once_for_the_same_prims(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _written(tmp_path, "particle_field", "nurec")
    asked: list[str] = []
    monkeypatch.setattr(usd, "check_asset_rules", lambda stage, where: asked.append(where) or ())
    check_usd(tmp_path, Limits(), Progress())
    assert set(asked) == {"stage.usda"}
    asked.clear()
    check_usd(tmp_path / "stage_isaac6.usda", Limits(), Progress())
    assert set(asked) == {"stage_isaac6.usda"}


def test_validators_find_no_fault(tmp_path: Path) -> None:
    _written(tmp_path, "particle_field", "nurec")
    context = UsdValidation.ValidationContext(UsdValidation.ValidationRegistry().GetOrLoadAllValidators())
    for version in (5, 6):
        path = tmp_path / f"stage_isaac{version}.usda"
        found = [e.GetName() for e in context.Validate(Usd.Stage.Open(str(path)))]
        assert [name for name in found if name != "UnsupportedFileExtensionInPackage"] == []
        findings = check_usd(path, Limits(), Progress()).findings
        assert [f.message for f in findings if f.severity != "info"] == []
