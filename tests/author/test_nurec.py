"""The NuRec package: where its volume lies, what it clips, and how scenes show it beside the particle field."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pxr import Gf, Sdf, Usd, UsdGeom

from lyra_backend import author
from lyra_backend.author import nurec, particle_field
from lyra_backend.author.nurec import Params, read, write
from lyra_backend.errors import InvalidRequest
from lyra_backend.progress import Progress
from lyra_backend.types import (
    UP_AXES,
    CollisionProxy,
    Frame,
    GaussianCloud,
    GaussianSequence,
    Role,
    SceneBundle,
    Severity,
    Similarity,
)
from lyra_backend.validate import Params as Limits
from lyra_backend.validate.usd import check_usd

from .fields import cloud_of, room_proxy, square

GAUSSIANS = "/World/Visual/Gaussians"
BOTH = {"particle_field": particle_field.Params(), "nurec": Params()}


def _moved(cloud: GaussianCloud, *offset: float) -> GaussianCloud:
    return replace(cloud, positions=cloud.positions + np.float32(offset))


def _opened(path: Path, **variants: str) -> Usd.Stage:
    stage = Usd.Stage.Open(str(path))
    for variant_set, variant in variants.items():
        stage.GetDefaultPrim().GetVariantSet(variant_set).SetVariantSelection(variant)
    return stage


def _scene(folder: Path, **changes: object) -> tuple[str, ...]:
    fields = {"cloud": cloud_of(60), "proxy": room_proxy(), "primitives": BOTH}
    bundle = SceneBundle(**(fields | changes))  # type: ignore[arg-type]
    return author.run(bundle, folder, author.Params(), Progress()).value


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_what_was_written_is_read_back_where_it_was(tmp_path: Path, degree: int) -> None:
    cloud = _moved(cloud_of(200, degree), 50, -20, 3)
    assert write(cloud, tmp_path / "a.usdz", Params()).findings == ()
    got = read(tmp_path / "a.usdz").value
    assert got.frame is Frame.WORLD
    assert np.abs(got.positions - cloud.positions).max() < 1e-3
    assert got.sh.shape == cloud.sh.shape
    assert np.abs(got.sh - cloud.sh).max() < 1e-3


def test_isaac_sim_takes_the_prim_for_a_volume(tmp_path: Path) -> None:
    """Isaac Sim looks for Volume prims that say they are NuRec's; the default prim is what references bring in."""
    write(cloud_of(5), tmp_path / "a.usdz", Params())
    stage = Usd.Stage.Open(str(tmp_path / "a.usdz"))
    prim = stage.GetDefaultPrim()
    assert prim.GetTypeName() == "Volume"
    assert prim.GetAttribute("omni:nurec:isNuRecVolume").Get() is True
    assert [p for p in stage.Traverse() if str(p.GetTypeName()).startswith("ParticleField")] == []


def test_the_offset_is_a_translation_in_usds_convention(tmp_path: Path) -> None:
    write(_moved(cloud_of(50), 100, 200, 300), tmp_path / "a.usdz", Params())
    stage = _opened(tmp_path / "a.usdz")
    matrix = stage.GetAttributeAtPath("/Gaussians.xformOp:transform").Get()
    assert np.abs(np.array(matrix.GetRow(3)) - (100, 200, 300, 1)).max() < 0.5
    assert tuple(matrix.GetColumn(3)) == (0, 0, 0, 1)


def test_extent_and_crop_hold_every_gaussian_to_its_end(tmp_path: Path) -> None:
    cloud = _moved(cloud_of(300), 40, 0, -7)
    write(cloud, tmp_path / "a.usdz", Params())
    stage = _opened(tmp_path / "a.usdz")
    prim = stage.GetDefaultPrim()
    offset = np.array(prim.GetAttribute("xformOp:transform").Get().ExtractTranslation())
    low, high = np.array(prim.GetAttribute("extent").Get(), np.float64) + offset
    reach = 3 * cloud.scales.max(axis=1, keepdims=True).astype(np.float64)
    wanted = (cloud.positions - reach).min(axis=0), (cloud.positions + reach).max(axis=0)
    assert (low <= wanted[0]).all()
    assert (high >= wanted[1]).all()
    assert np.abs([low - wanted[0], high - wanted[1]]).max() < 3e-3
    stored = read(tmp_path / "a.usdz").value  # scales are rounded too
    reach = 3 * stored.scales.max(axis=1, keepdims=True)
    assert (low <= (stored.positions - reach).min(axis=0)).all()
    assert (high >= (stored.positions + reach).max(axis=0)).all()
    for i, end in enumerate(("minBounds", "maxBounds")):
        assert prim.GetAttribute(f"omni:nurec:crop:{end}").Get() == prim.GetAttribute("extent").Get()[i]


@pytest.mark.parametrize(("size", "told"), [(7.9, False), (30.0, True)])
def test_positions_that_lose_more_than_a_millimetre_are_told(tmp_path: Path, size: float, told: bool) -> None:
    cloud = cloud_of(500)
    cloud = replace(cloud, positions=cloud.positions * np.float32(size / 6) + np.float32(70))
    findings = write(cloud, tmp_path / "a.usdz", Params()).findings
    assert [(f.code, f.severity) for f in findings] == [("author.nurec_precision", Severity.WARNING)] * told
    if told:
        error = float(np.abs(read(tmp_path / "a.usdz").value.positions - cloud.positions).max())
        assert findings[0].measured == pytest.approx(error, rel=0.01)
        assert findings[0].limit == 0.001
        assert write(cloud, tmp_path / "b.usdz", Params(position_error_max=0.01)).findings == ()


@pytest.mark.parametrize("count", [0, 1])
def test_no_gaussian_and_one_are_written(tmp_path: Path, count: int) -> None:
    write(cloud_of(count), tmp_path / "a.usdz", Params())
    stage = _opened(tmp_path / "a.usdz")
    assert len(stage.GetAttributeAtPath("/Gaussians.extent").Get()) == 2


def test_other_endings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"a\.usdc: NuRec is a package and must end in \.usdz, got '\.usdc'"):
        write(cloud_of(3), tmp_path / "a.usdc", Params())
    assert list(tmp_path.iterdir()) == []


def test_a_cloud_without_scale_is_converted_with_a_warning_and_not_staged(tmp_path: Path) -> None:
    cloud = cloud_of(3, frame=Frame.GENERATOR)
    assert [f.code for f in write(cloud, tmp_path / "a.usdz", Params()).findings] == ["author.frame"]
    assert read(tmp_path / "a.usdz").value.frame is Frame.GENERATOR
    with pytest.raises(InvalidRequest, match="WORLD"):
        nurec.run(cloud, tmp_path, Params(), Progress())


def test_same_cloud_same_bytes_and_no_other_file(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write(cloud_of(40, 1), tmp_path / name / f"{name}.usdz", Params())
    assert (tmp_path / "a/a.usdz").read_bytes() == (tmp_path / "b/b.usdz").read_bytes()
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["a.usdz"]
    assert zipfile.ZipFile(tmp_path / "a/a.usdz").namelist() == ["default.usda", "gaussians.nurec"]


def test_a_scene_shows_both_at_the_same_place(tmp_path: Path) -> None:
    cloud = _moved(cloud_of(200), 30, -12, 2)
    assert {"gaussians.usdc", "gaussians_nurec.usdz"} <= set(_scene(tmp_path, cloud=cloud))
    boxes = {}
    for variant, kind in (("particleField", "ParticleField3DGaussianSplat"), ("nurec", "Volume")):
        stage = _opened(tmp_path / "stage.usda", appearance=variant)
        prim = stage.GetPrimAtPath(GAUSSIANS)
        assert prim.GetTypeName() == kind
        cache = UsdGeom.BBoxCache(Usd.TimeCode.Default(), ["default"])
        boxes[variant] = np.array(list(cache.ComputeWorldBound(prim).ComputeAlignedRange().GetMin()))
    assert np.abs(boxes["nurec"] - boxes["particleField"]).max() < 3e-3
    stage = _opened(tmp_path / "scene.usda", appearance="nurec")
    stage.GetRootLayer().Export(str(tmp_path / "shown.usda"))
    assert np.abs(read(tmp_path / "shown.usda").value.positions - cloud.positions).max() < 1e-3


def test_the_volume_names_the_welded_collider_that_is_active(tmp_path: Path) -> None:
    _scene(tmp_path)
    for way, name in (("single", "Environment"), ("parts", "Structure")):
        stage = _opened(tmp_path / "stage.usda", appearance="nurec", collision=way)
        targets = stage.GetPrimAtPath(GAUSSIANS).GetRelationship("proxy").GetTargets()
        meshes = [stage.GetPrimAtPath(target) for target in targets]
        assert [str(m.GetPath()) for m in meshes if m and m.IsActive()] == [f"/World/Collision/{name}"]
        assert all(m.IsA(UsdGeom.Mesh) for m in meshes if m.IsActive())
    stage = _opened(tmp_path / "stage.usda", appearance="particleField")
    assert not stage.GetPrimAtPath(GAUSSIANS).GetRelationship("proxy")


@pytest.mark.parametrize("parts", [(), (square("piece", role=Role.PIECE),)])
def test_without_a_welded_collider_no_mesh_is_named(tmp_path: Path, parts: tuple[object, ...]) -> None:
    _scene(tmp_path, proxy=CollisionProxy(parts, "convex", {}))  # type: ignore[arg-type]
    stage = _opened(tmp_path / "stage.usda", appearance="nurec")
    assert stage.GetPrimAtPath(GAUSSIANS).GetRelationship("proxy").GetTargets() == []


def test_proxies_catch_shadows_on_request(tmp_path: Path) -> None:
    for name, params in (
        ("plain", author.Params()),
        ("caught", author.Params(appearance="nurec", shadow_catcher=True)),
    ):
        (tmp_path / name).mkdir()
        author.run(SceneBundle(cloud_of(20), room_proxy(), BOTH), tmp_path / name, params, Progress())
        seen = {}
        for variant in ("nurec", "particleField", "proxy", "none"):
            stage = _opened(tmp_path / name / "stage.usda", appearance=variant)
            mesh = stage.GetPrimAtPath("/World/Collision/Environment")
            primvars = [mesh.GetAttribute(f"primvars:{n}").Get() for n in ("isMatteObject", "doNotCastShadows")]
            seen[variant] = (UsdGeom.Mesh(mesh).ComputePurpose(), *primvars)
        caught = ("render", True, True) if name == "caught" else ("guide", None, None)
        hidden = ("guide", None, None)
        assert seen == {"nurec": caught, "particleField": hidden, "proxy": hidden, "none": hidden}
        settings = Sdf.Layer.FindOrOpen(str(tmp_path / name / "stage.usda")).customLayerData["renderSettings"]
        assert settings.get("rtx:matteObject:enabled") == (True if name == "caught" else None)
    codes = [f.code for f in check_usd(tmp_path / "caught", Limits(), Progress()).findings]
    assert codes == ["usd.UnsupportedFileExtensionInPackage"]


@pytest.mark.parametrize(
    ("primitives", "proxy"),
    [({"particle_field": particle_field.Params()}, room_proxy()), (BOTH, CollisionProxy((), "none", {}))],
)
def test_shadows_are_caught_only_where_that_can_be(tmp_path: Path, primitives: Any, proxy: CollisionProxy) -> None:
    bundle = SceneBundle(cloud_of(20), proxy, primitives)
    with pytest.raises(InvalidRequest, match=r"author\.shadow_catcher.*nurec"):
        author.run(bundle, tmp_path, author.Params(shadow_catcher=True), Progress())
    assert list(tmp_path.iterdir()) == []


def test_root_layers_have_the_settings_of_what_is_shown_first(tmp_path: Path) -> None:
    for first, wanted in ((BOTH, particle_field.RENDER_SETTINGS), ({"nurec": Params()}, nurec.RENDER_SETTINGS)):
        folder = tmp_path / str(len(first))
        folder.mkdir()
        _scene(folder, primitives=first)
        # lights of a stage are in units of a fixed exposure
        for name, more in (("scene.usda", {}), ("stage.usda", {"rtx:post:histogram:enabled": False})):
            settings = Sdf.Layer.FindOrOpen(str(folder / name)).customLayerData["renderSettings"]
            assert settings == wanted | more
            assert {k: type(v) for k, v in settings.items()} == {k: type(v) for k, v in (wanted | more).items()}


def test_a_moving_scene_has_one_time_in_nurec_and_says_so(tmp_path: Path) -> None:
    cloud = cloud_of(20)
    bundle = SceneBundle(cloud, room_proxy(), BOTH, sequence=GaussianSequence((cloud, cloud), (0.0, 1.0)))
    outcome = author.run(bundle, tmp_path, author.Params(), Progress())
    (finding,) = (f for f in outcome.findings if f.code == "sequence.static_primitive")
    assert finding.severity is Severity.WARNING
    assert "'nurec'" in finding.message


@pytest.mark.parametrize(
    "placement",
    [UP_AXES["-y"], Similarity.build(2.5, [0.9, 0.1, -0.3, 0.3], (1, 2, 3))],
)
def test_a_referenced_volume_is_read_where_the_stage_has_it(tmp_path: Path, placement: Similarity) -> None:
    cloud = _moved(cloud_of(100), 10, 0, 0)
    write(cloud, tmp_path / "a.usdz", Params())
    stage = Usd.Stage.CreateNew(str(tmp_path / "b.usda"))
    UsdGeom.Xform.Define(stage, "/Room").AddTransformOp().Set(Gf.Matrix4d(placement.matrix.T.tolist()))
    stage.DefinePrim("/Room/Splat").GetReferences().AddReference("./a.usdz")
    stage.Save()
    got, wanted = read(tmp_path / "b.usda").value, cloud.transformed(placement, Frame.WORLD)
    assert np.abs(got.positions - wanted.positions).max() < 3e-3
    assert np.abs(got.scales / wanted.scales - 1).max() < 4e-3
    assert np.abs(np.einsum("nk,nk->n", got.quats_wxyz, wanted.quats_wxyz)).min() > 1 - 1e-6
    assert np.abs(got.sh - wanted.sh).max() < 3e-3


@pytest.mark.parametrize(
    "matrix",
    [np.diag([-1.0, 1, 1, 1]), np.diag([1.0, 2, 1, 1]), np.diag([0.0, 0, 0, 1]), [[1, 0, 0, 5], *np.eye(4)[1:]]],
)
def test_transforms_that_gaussians_cannot_follow_are_refused(tmp_path: Path, matrix: object) -> None:
    write(cloud_of(3), tmp_path / "a.usdz", Params())
    stage = Usd.Stage.CreateNew(str(tmp_path / "b.usda"))
    stage.DefinePrim("/Splat").GetReferences().AddReference("./a.usdz")
    stage.GetAttributeAtPath("/Splat.xformOp:transform").Set(Gf.Matrix4d(np.array(matrix).tolist()))
    stage.Save()
    with pytest.raises(InvalidRequest, match=r"b\.usda: the transform of /Splat must turn, scale evenly and move"):
        read(tmp_path / "b.usda")


def test_what_is_not_followed_is_told(tmp_path: Path) -> None:
    write(cloud_of(3), tmp_path / "a.usdz", Params())
    assert read(tmp_path / "a.usdz").findings == ()
    stage = Usd.Stage.CreateNew(str(tmp_path / "b.usda"))
    stage.DefinePrim("/Splat").GetReferences().AddReference("./a.usdz")
    stage.GetAttributeAtPath("/Splat.omni:nurec:offset").Set(Gf.Vec3f(1, 0, 0))
    stage.GetAttributeAtPath("/Splat/emissive_color_field.omni:nurec:ccmG").Set(Gf.Vec4f(0, 2, 0, 0))
    stage.Save()
    (finding,) = read(tmp_path / "b.usda").findings
    assert finding.code == "splat.nurec_not_followed"
    assert "omni:nurec:ccmG, omni:nurec:offset" in finding.message


def test_files_without_a_volume_that_can_be_read_are_explained(tmp_path: Path) -> None:
    write(cloud_of(3), tmp_path / "a.usdz", Params())
    particle_field.write(cloud_of(3), tmp_path / "field.usdz", particle_field.Params())
    (tmp_path / "cut.usdz").write_bytes((tmp_path / "a.usdz").read_bytes()[:500])
    two = Usd.Stage.CreateNew(str(tmp_path / "two.usda"))
    for name in ("/A", "/B"):
        two.DefinePrim(name).GetReferences().AddReference("./a.usdz")
    two.Save()
    lost = Usd.Stage.CreateNew(str(tmp_path / "lost.usda"))
    lost.DefinePrim("/A").GetReferences().AddReference("./a.usdz")
    lost.GetAttributeAtPath("/A/density_field.filePath").Set(Sdf.AssetPath("./gone.nurec"))
    lost.Save()
    for name, words in (
        ("field.usdz", "must hold one NuRec volume .* it holds none"),
        ("two.usda", "it holds /A, /B"),
        ("lost.usda", r"the payload \./gone\.nurec of /A is not there"),
        ("cut.usdz", "damaged: it is cut off"),
    ):
        with pytest.raises(InvalidRequest, match=rf"{name}: .*{words}"):
            read(tmp_path / name)
