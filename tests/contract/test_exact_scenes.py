"""Where a generator knows what its scene is made of, the exact variants are there and hold bodies in PhysX."""

from __future__ import annotations

from pathlib import Path

import pytest
from pxr import Sdf, Usd, UsdGeom, UsdPhysics

from lyra_backend import api


@pytest.fixture
def exact_root(scene_dir: Path, tmp_path: Path) -> Path:
    """A root layer over a run's stage with both exact variants selected."""
    layer = Sdf.Layer.CreateNew(str(tmp_path / "exact.usda"))
    layer.subLayerPaths.append(str(scene_dir / "stage.usda"))
    layer.pseudoRoot.SetInfo("upAxis", "Z")
    layer.pseudoRoot.SetInfo("metersPerUnit", 1.0)
    layer.defaultPrim = "World"
    world = Sdf.PrimSpec(layer, "World", Sdf.SpecifierOver)
    world.variantSelections["collision"] = "exact"
    world.variantSelections["appearance"] = "mesh"
    layer.Save()
    return tmp_path / "exact.usda"


def test_a_run_offers_them_and_selects_others(scene_dir: Path, exact_root: Path) -> None:
    opened = Usd.Stage.Open(str(scene_dir / "stage.usda"))
    usual = opened.GetDefaultPrim().GetVariantSets()
    assert usual.GetVariantSet("collision").GetVariantSelection() == "single"
    assert usual.GetVariantSet("appearance").GetVariantSelection() == "particleField"
    assert "exact" in usual.GetVariantSet("collision").GetVariantNames()
    assert "mesh" in usual.GetVariantSet("appearance").GetVariantNames()
    stage = Usd.Stage.Open(str(exact_root))
    shapes = [p for p in stage.Traverse() if p.HasAPI(UsdPhysics.CollisionAPI)]
    assert {str(p.GetPath().GetParentPath()) for p in shapes} == {"/World/Collision/Exact"}
    assert {p.GetTypeName() for p in shapes} == {"Cube", "Mesh"}
    assert [p for p in stage.Traverse() if p.IsA(UsdGeom.Mesh) and p.GetName().endswith("_desk")]


def test_bodies_stand_on_them_in_the_engine(exact_root: Path) -> None:
    findings = api.validate_scene(exact_root)
    assert [f.message for f in findings if f.severity == "error" and not f.code.startswith("usd.absolute")] == []
    held = next(f for f in findings if f.code == "physics.held")
    assert held.measured is not None
    assert held.measured > 0.99
