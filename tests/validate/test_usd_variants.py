"""Stages in all their variants: each once, and reduced to what it is about."""

from __future__ import annotations

from pathlib import Path

from pxr import Sdf, Usd, UsdGeom, UsdShade

from lyra_backend import params
from lyra_backend.progress import Progress
from lyra_backend.validate.limits import Params as Limits
from lyra_backend.validate.usd import check_usd
from lyra_backend.validate.usd_variants import variations


def _stage(path: Path | None = None) -> Usd.Stage:
    stage = Usd.Stage.CreateNew(str(path)) if path else Usd.Stage.CreateInMemory()
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.z)
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    stage.SetDefaultPrim(UsdGeom.Xform.Define(stage, "/World").GetPrim())
    return stage


def _variants(stage: Usd.Stage, path: str, name: str, **meshes: str) -> None:
    """Add a variant set whose variants define a mesh each, or nothing where that is ""; the first one is selected."""
    variants = stage.GetPrimAtPath(path).GetVariantSets().AddVariantSet(name)
    for variant, mesh in meshes.items():
        variants.AddVariant(variant)
        variants.SetVariantSelection(variant)
        with variants.GetVariantEditContext():
            if mesh:
                _triangle(stage, f"{path}/{mesh}")
    variants.SetVariantSelection(next(iter(meshes)))


def _triangle(stage: Usd.Stage, path: str, corners: int = 3) -> UsdGeom.Mesh:
    mesh = UsdGeom.Mesh.Define(stage, path)
    mesh.CreatePointsAttr([(0, 0, 0), (1, 0, 0), (0, 1, 0)])
    mesh.CreateFaceVertexCountsAttr([3])
    mesh.CreateFaceVertexIndicesAttr([0, 1, corners - 1])
    mesh.CreateExtentAttr([(0, 0, 0), (1, 1, 0)])
    return mesh


def _paths(stage: Usd.Stage) -> list[str]:
    return sorted(str(prim.GetPath()) for prim in stage.Traverse())


def test_each_variant_once_and_not_each_combination() -> None:
    stage = _stage()
    UsdGeom.Xform.Define(stage, "/World/Always")
    _variants(stage, "/World", "a", one="A1", two="A2", none="")
    _variants(stage, "/World", "b", b1="B1", b2="B2", b3="B3")
    found = [_paths(one) for one in variations(stage)]
    assert found == [
        ["/World", "/World/A1", "/World/Always", "/World/B1"],
        ["/World", "/World/A2"],
        ["/World", "/World/B2"],
        ["/World", "/World/B3"],
    ]


def test_sets_within_variants_are_followed_there() -> None:
    stage = _stage()
    _variants(stage, "/World", "outer", one="A1", two="A2")
    outer = stage.GetPrimAtPath("/World").GetVariantSet("outer")
    outer.SetVariantSelection("two")
    with outer.GetVariantEditContext():
        _variants(stage, "/World/A2", "inner", fine="Fine", coarse="Coarse")
    outer.SetVariantSelection("one")
    assert [_paths(one)[-1] for one in variations(stage)] == ["/World/A1", "/World/A2/Fine", "/World/A2/Coarse"]


def test_what_a_variant_refers_to_comes_along() -> None:
    stage = _stage()
    UsdShade.Material.Define(stage, "/World/Looks/Red")
    _variants(stage, "/World", "a", one="A1", two="A2")
    variants = stage.GetPrimAtPath("/World").GetVariantSet("a")
    variants.SetVariantSelection("two")
    with variants.GetVariantEditContext():
        binding = UsdShade.MaterialBindingAPI.Apply(stage.GetPrimAtPath("/World/A2"))
        binding.Bind(UsdShade.Material.Get(stage, "/World/Looks/Red"))
    variants.SetVariantSelection("one")
    assert _paths(list(variations(stage))[1]) == ["/World", "/World/A2", "/World/Looks", "/World/Looks/Red"]


def test_a_variant_that_only_takes_away_has_nothing_to_check() -> None:
    stage = _stage()
    _triangle(stage, "/World/Wall")
    variants = stage.GetPrimAtPath("/World").GetVariantSets().AddVariantSet("walls")
    for name in ("shown", "off"):
        variants.AddVariant(name)
    variants.SetVariantSelection("off")
    with variants.GetVariantEditContext():
        stage.OverridePrim("/World/Wall").SetActive(False)
    variants.SetVariantSelection("shown")
    assert len(list(variations(stage))) == 1
    variants.SetVariantSelection("off")
    assert len(list(variations(stage))) == 1


def test_opening_variants_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "scene.usda"
    stage = _stage(path)
    _variants(stage, "/World", "a", one="A1", two="A2")
    stage.Save()
    before = path.read_bytes()
    list(variations(stage))
    assert not any(layer.dirty for layer in Sdf.Layer.GetLoadedLayers() if layer.realPath == str(path))
    assert path.read_bytes() == before


def test_a_fault_in_a_variant_that_is_not_selected_is_found(tmp_path: Path) -> None:
    path = tmp_path / "scene.usda"
    stage = _stage(path)
    _variants(stage, "/World", "a", good="A1", bad="A2")
    variants = stage.GetPrimAtPath("/World").GetVariantSet("a")
    variants.SetVariantSelection("bad")
    with variants.GetVariantEditContext():
        _triangle(stage, "/World/A2", corners=9)
    variants.SetVariantSelection("good")
    stage.Save()
    found = check_usd(path, params.build(Limits, "validate", {}), Progress()).findings
    assert [f.where for f in found if f.code == "usd.ValidateTopologyChecker"] == ["scene.usda:/World/A2"]
