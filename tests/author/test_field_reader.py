"""Particle fields come back as they were written, by us and by others, and broken ones are refused in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pxr import Gf, Sdf, Usd, UsdGeom, Vt

from lyra_backend.author import particle_field, splat_reader
from lyra_backend.author.particle_field import Params, read, write
from lyra_backend.errors import InvalidRequest
from lyra_backend.io.ply import read_ply
from lyra_backend.types import Frame, GaussianCloud, Similarity

from ..conftest import make_random_cloud

DATA = Path(__file__).parents[1] / "data"
#: What 3DGRUT's --apply-coordinate-transform did, read off the file's xformOp: rows of the map of column vectors.
COORDINATE_TRANSFORM = ((-1.0, 0.0, 0.0), (0.0, 0.0, -1.0), (0.0, -1.0, 0.0))


def assert_same(cloud: GaussianCloud, truth: GaussianCloud, tolerance: float = 2e-6) -> None:
    np.testing.assert_allclose(cloud.positions, truth.positions, atol=tolerance * 10, rtol=tolerance)
    np.testing.assert_allclose(cloud.scales, truth.scales, rtol=max(tolerance, 1e-5))
    np.testing.assert_allclose(cloud.opacities, truth.opacities, atol=max(tolerance, 1e-6))
    np.testing.assert_allclose(cloud.sh, truth.sh, atol=tolerance * 10)
    alike = np.abs((cloud.quats_wxyz * truth.quats_wxyz).sum(axis=1))
    np.testing.assert_allclose(alike, 1, atol=max(tolerance, 1e-5))


@pytest.mark.parametrize("frame", Frame)
@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_our_own_files_there_and_back(tmp_path: Path, degree: int, frame: Frame) -> None:
    truth = make_random_cloud(60, degree).transformed(Similarity(), frame)
    write(truth, tmp_path / "a.usdc", Params())
    outcome = read(tmp_path / "a.usdc")
    assert_same(outcome.value, truth)
    assert outcome.value.frame is frame
    assert outcome.counts["gaussians"] == 60
    assert {f.code for f in outcome.findings} == (set() if frame is Frame.WORLD else {"splat.usd_axes"})


def test_packages_and_halves(tmp_path: Path) -> None:
    truth = make_random_cloud(60, 3)
    write(truth, tmp_path / "a.usdz", Params(half=True))
    assert_same(read(tmp_path / "a.usdz").value, truth, 2e-3)


def test_base_colours_alone(tmp_path: Path) -> None:
    truth = make_random_cloud(20, 2)
    write(truth, tmp_path / "a.usda", Params())
    cloud = read(tmp_path / "a.usda", base_colors_only=True).value
    np.testing.assert_allclose(cloud.sh, truth.sh[:, :1], atol=1e-6)


def test_what_3dgrut_exports() -> None:
    """One with a transform on the prim, one in halves; both of the same PLY."""
    source = read_ply(DATA / "ref_1k_d3.ply").value
    moved = source.transformed(Similarity.build(rotation=COORDINATE_TRANSFORM), Frame.GENERATOR)
    turned = read(DATA / "3dgrut_lightfield_coordtf_d3.usdz")
    assert_same(turned.value, moved, 5e-6)
    assert "says Y up" in turned.findings[-1].message
    assert_same(read(DATA / "3dgrut_lightfield_half_d3.usdz").value, source, 3e-3)


def add_field(stage: Usd.Stage, path: str, cloud: GaussianCloud, **changed: Any) -> Usd.Prim:
    """Define a particle field by hand; `changed` replaces arrays, None leaves them out."""
    prim = stage.DefinePrim(path, "ParticleField3DGaussianSplat")
    types, quats = Sdf.ValueTypeNames, np.ascontiguousarray(np.roll(cloud.quats_wxyz, -1, axis=1))
    values = {
        "positions": (types.Point3fArray, Vt.Vec3fArray.FromNumpy(np.array(cloud.positions))),
        "scales": (types.Float3Array, Vt.Vec3fArray.FromNumpy(np.array(cloud.scales))),
        "orientations": (types.QuatfArray, Vt.QuatfArray.FromNumpy(quats)),
        "opacities": (types.FloatArray, Vt.FloatArray.FromNumpy(np.array(cloud.opacities))),
        "radiance:sphericalHarmonicsCoefficients": (
            types.Float3Array,
            Vt.Vec3fArray.FromNumpy(np.ascontiguousarray(cloud.sh.reshape(-1, 3))),
        ),
        "radiance:sphericalHarmonicsDegree": (types.Int, cloud.sh_degree),
    }
    for name, (kind, value) in values.items():
        value = changed.get(name.partition(":")[2] or name, value)
        if value is not None:
            prim.CreateAttribute(name, kind, False).Set(value)
    return prim


def test_fields_are_joined_where_the_stage_has_them(tmp_path: Path) -> None:
    stage = Usd.Stage.CreateNew(str(tmp_path / "two.usda"))
    first, second = make_random_cloud(10, 0, seed=1), make_random_cloud(20, 2, seed=2)
    add_field(stage, "/A", first)
    parent = UsdGeom.Xform.Define(stage, "/B")
    parent.AddTranslateOp().Set((1.0, 2.0, 3.0))
    parent.AddRotateZOp().Set(90.0)
    parent.AddScaleOp().Set((2.0, 2.0, 2.0))
    add_field(stage, "/B/Field", second)
    stage.Save()
    outcome = read(tmp_path / "two.usda")
    cloud = outcome.value
    assert (cloud.count, cloud.sh_degree, outcome.counts["gaussians"]) == (30, 2, 30)
    assert_same(cloud.select(np.arange(10)), GaussianCloud.concatenate([_raised(first)]))
    turn = ((0.0, -1.0, 0.0), (1.0, 0.0, 0.0), (0.0, 0.0, 1.0))
    placed = second.transformed(Similarity.build(2.0, turn, (1.0, 2.0, 3.0)), Frame.GENERATOR)
    assert_same(cloud.select(np.arange(10, 30)), placed, 1e-5)


def _raised(cloud: GaussianCloud) -> GaussianCloud:
    sh = np.zeros((cloud.count, 9, 3), np.float32)
    sh[:, :1] = cloud.sh
    return GaussianCloud(cloud.positions, cloud.scales, cloud.quats_wxyz, cloud.opacities, sh)


def test_a_field_that_moves_is_read_at_its_first_time(tmp_path: Path) -> None:
    stage = Usd.Stage.CreateNew(str(tmp_path / "moving.usda"))
    truth = make_random_cloud(5, 0)
    prim = add_field(stage, "/A", truth, positions=None)
    positions = prim.CreateAttribute("positions", Sdf.ValueTypeNames.Point3fArray, False)
    for time in (3.0, 7.0):
        positions.Set(Vt.Vec3fArray.FromNumpy(np.array(truth.positions + np.float32(time - 3.0))), time)
    stage.Save()
    outcome = read(tmp_path / "moving.usda")
    np.testing.assert_allclose(outcome.value.positions, truth.positions, atol=1e-6)
    assert "splat.first_time" in {f.code for f in outcome.findings}


def test_unusable_gaussians_are_dropped_and_counted(tmp_path: Path) -> None:
    stage = Usd.Stage.CreateNew(str(tmp_path / "odd.usda"))
    truth = make_random_cloud(6, 0)
    positions, scales = np.array(truth.positions), np.array(truth.scales)
    opacities = np.array(truth.opacities)
    positions[0, 1], scales[1, 0], opacities[2], scales[3, 2] = np.nan, -0.1, 1.5, 0.0
    arrays = {"positions": Vt.Vec3fArray.FromNumpy(positions), "scales": Vt.Vec3fArray.FromNumpy(scales)}
    add_field(stage, "/A", truth, **arrays, opacities=Vt.FloatArray.FromNumpy(opacities))
    stage.Save()
    outcome = read(tmp_path / "odd.usda")
    assert outcome.value.count == 3
    assert (outcome.counts["dropped_non_finite"], outcome.counts["clamped_scales"]) == (3, 1)


BROKEN = [
    ({"scales": Vt.Vec3fArray(2)}, r"/A: scales must hold 4 values, got 2"),
    ({"opacities": None}, r"/A \(ParticleField3DGaussianSplat\) has no opacities"),
    ({"positions": Vt.Vec3fArray(0)}, "/A holds no Gaussians"),
    ({"sphericalHarmonicsDegree": 4}, "SH degree must be 0 to 3, got 4"),
    ({"sphericalHarmonicsDegree": 2}, "sphericalHarmonicsCoefficients must hold 36 values, got 4"),
    ({"positions": Vt.Vec3fArray(4, Gf.Vec3f(np.nan))}, "all 4 Gaussians hold NaN"),
]


@pytest.mark.parametrize(("changed", "message"), BROKEN, ids=[b[1] for b in BROKEN])
def test_broken_fields_are_refused(tmp_path: Path, changed: dict[str, Any], message: str) -> None:
    stage = Usd.Stage.CreateNew(str(tmp_path / "broken.usda"))
    add_field(stage, "/A", make_random_cloud(4, 0), **changed)
    stage.Save()
    with pytest.raises(InvalidRequest, match=message):
        read(tmp_path / "broken.usda")


@pytest.mark.parametrize("scale", [(-1.0, 1.0, 1.0), (1.0, 2.0, 1.0), (0.0, 0.0, 0.0)])
def test_mirrored_and_sheared_fields_are_refused(tmp_path: Path, scale: tuple[float, float, float]) -> None:
    stage = Usd.Stage.CreateNew(str(tmp_path / "mirror.usda"))
    prim = add_field(stage, "/A", make_random_cloud(4, 0))
    UsdGeom.Xformable(prim).AddScaleOp().Set(scale)
    stage.Save()
    with pytest.raises(InvalidRequest, match="must turn, move and scale evenly"):
        read(tmp_path / "mirror.usda")


def test_kinds_are_told_apart_by_content(tmp_path: Path) -> None:
    """NVIDIA's rule: a type that begins with ParticleField, or a Volume that says it is NuRec's."""
    stage = Usd.Stage.CreateNew(str(tmp_path / "nurec.usda"))
    volume = stage.DefinePrim("/World/Gaussians", "Volume")
    assert not particle_field.holds(volume)
    assert particle_field.holds(stage.DefinePrim("/World/Field", "ParticleFieldOfTomorrow"))
    stage.RemovePrim("/World/Field")
    volume.CreateAttribute("omni:nurec:isNuRecVolume", Sdf.ValueTypeNames.Bool).Set(False)
    stage.Save()
    with pytest.raises(InvalidRequest, match="a USD file with Volume, without Gaussians"):
        splat_reader.read(tmp_path / "nurec.usda")


def test_a_primitive_that_can_be_read_back_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever primitive says that a prim is its own reads the file."""
    stage = Usd.Stage.CreateNew(str(tmp_path / "other.usda"))
    stage.DefinePrim("/Cloud", "Volume")
    stage.Save()
    monkeypatch.setattr(particle_field, "holds", lambda prim: prim.GetTypeName() == "Volume")
    monkeypatch.setattr(particle_field, "read", lambda path, *, base_colors_only: (path.name, base_colors_only))
    assert splat_reader.read(tmp_path / "other.usda", base_colors_only=True) == ("other.usda", True)


def test_missing_parts_are_named(tmp_path: Path) -> None:
    stage = Usd.Stage.CreateNew(str(tmp_path / "scene.usda"))
    stage.DefinePrim("/World").GetReferences().AddReference("gaussians.usdc")
    stage.Save()
    with pytest.raises(InvalidRequest, match=r"parts of it were not found .*gaussians\.usdc"):
        splat_reader.read(tmp_path / "scene.usda")
