"""The particle field holds exactly the cloud, in the types and order that the schema asks for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pxr import Gf, Usd, UsdGeom, UsdVol

from lyra_backend.author import particle_field
from lyra_backend.author.particle_field import Params, write
from lyra_backend.errors import InvalidRequest
from lyra_backend.io.splats import read_splats
from lyra_backend.progress import Progress
from lyra_backend.types import Frame, GaussianCloud, Severity

from .fields import cloud_of, raw_columns, read_arrays, write_raw_ply

COEFFICIENTS = "radiance:sphericalHarmonicsCoefficients"
DEGREE = "radiance:sphericalHarmonicsDegree"
HALF_STEP = 2.0**-10


def _converted(folder: Path, columns: dict[str, np.ndarray], params: Params | None = None) -> dict[str, np.ndarray]:
    write_raw_ply(folder / "in.ply", columns)
    write(read_splats(folder / "in.ply").value, folder / "out.usdc", params or Params())
    return read_arrays(folder / "out.usdc")


def _stacked(columns: dict[str, np.ndarray], *names: str) -> np.ndarray:
    return np.stack([columns[name].astype(np.float64) for name in names], axis=1)


def _expected_quats_xyzw(columns: dict[str, np.ndarray]) -> np.ndarray:
    quats = _stacked(columns, "rot_1", "rot_2", "rot_3", "rot_0")
    return quats / np.linalg.norm(quats, axis=1, keepdims=True)


def test_ply_survives_the_way_to_usd_and_back(tmp_path: Path) -> None:
    columns = raw_columns(500, degree=3)
    got = _converted(tmp_path, columns)
    assert np.array_equal(got["positions"], _stacked(columns, "x", "y", "z").astype(np.float32))
    rest = _stacked(columns, *(f"f_rest_{i}" for i in range(45))).reshape(500, 3, 15).transpose(0, 2, 1)
    sh = np.concatenate([_stacked(columns, "f_dc_0", "f_dc_1", "f_dc_2")[:, None], rest], axis=1)
    assert np.array_equal(got[COEFFICIENTS].reshape(500, 16, 3), sh.astype(np.float32))
    scales = np.exp(_stacked(columns, "scale_0", "scale_1", "scale_2"))
    assert np.abs(got["scales"] / scales - 1).max() < 1e-6
    opacities = 1 / (1 + np.exp(-columns["opacity"].astype(np.float64)))
    assert np.abs(got["opacities"] - opacities).max() < 1e-6
    wanted = _expected_quats_xyzw(columns)
    signs = np.sign((got["orientations"] * wanted).sum(axis=1, keepdims=True))
    assert np.abs(got["orientations"] * signs - wanted).max() < 1e-6


def test_half_precision_stays_within_half_a_step(tmp_path: Path) -> None:
    columns = raw_columns(500, degree=2)
    got = _converted(tmp_path, columns, Params(half=True))
    exact = _converted(tmp_path, columns)
    for name in ("positions", "scales", "opacities", COEFFICIENTS, "orientations"):
        assert name not in got
        assert got[name + "h"].dtype == np.float16
        error = np.abs(got[name + "h"].astype(np.float64) - exact[name])
        assert (error <= HALF_STEP * np.abs(exact[name]) + 1e-7).all(), name


def test_quaternions_keep_their_order(tmp_path: Path) -> None:
    cloud = GaussianCloud([[0, 0, 0]], [[1, 2, 3]], [[0.8, 0.6, 0, 0]], [0.5], np.zeros((1, 1, 3)), Frame.WORLD)
    write(cloud, tmp_path / "one.usda", Params())
    assert "(0.8, 0.6, 0, 0)" in (tmp_path / "one.usda").read_text()
    stage = Usd.Stage.Open(str(tmp_path / "one.usda"))
    field = UsdVol.ParticleField3DGaussianSplat(stage.GetPrimAtPath("/Gaussians"))
    quat = field.GetOrientationsAttr().Get()[0]
    assert quat.GetReal() == pytest.approx(0.8)
    assert tuple(quat.GetImaginary()) == pytest.approx((0.6, 0, 0))


def test_orientations_become_units_and_zero_becomes_identity(tmp_path: Path) -> None:
    columns = raw_columns(50, degree=0)
    for i in range(4):
        columns[f"rot_{i}"][7] = 0.0
    got = _converted(tmp_path, columns)
    norms = np.linalg.norm(got["orientations"].astype(np.float64), axis=1)
    assert np.abs(norms - 1).max() < 1e-6
    assert got["orientations"][7].tolist() == [0, 0, 0, 1]


def test_slightly_long_orientations_are_normalised(tmp_path: Path) -> None:
    cloud = cloud_of(20)
    long = GaussianCloud(
        cloud.positions, cloud.scales, cloud.quats_wxyz * np.float32(1.0004), cloud.opacities, cloud.sh, Frame.WORLD
    )
    write(long, tmp_path / "a.usdc", Params())
    norms = np.linalg.norm(read_arrays(tmp_path / "a.usdc")["orientations"].astype(np.float64), axis=1)
    assert np.abs(norms - 1).max() < 1e-6


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_coefficients_are_laid_out_by_gaussian(tmp_path: Path, degree: int) -> None:
    columns = raw_columns(4, degree)
    bands = (degree + 1) ** 2 - 1
    for i in range(3 * bands):
        columns[f"f_rest_{i}"][:] = i
    got = _converted(tmp_path, columns)
    assert got[DEGREE] == degree
    assert len(got[COEFFICIENTS]) == 4 * (degree + 1) ** 2
    if degree:
        assert got[COEFFICIENTS][1].tolist() == [0, bands, 2 * bands]
        assert got[COEFFICIENTS][(degree + 1) ** 2 + 1].tolist() == [0, bands, 2 * bands]


@pytest.mark.parametrize("half", [False, True])
def test_extent_holds_every_gaussian(tmp_path: Path, half: bool) -> None:
    cloud = cloud_of(300)
    write(cloud, tmp_path / "a.usdc", Params(half=half))
    got = read_arrays(tmp_path / "a.usdc")
    end = "h" if half else ""
    centres, scales = got["positions" + end].astype(np.float64), got["scales" + end].astype(np.float64)
    reach = 3 * scales.max(axis=1, keepdims=True)
    low, high = got["extent"].astype(np.float64)
    assert (low <= (centres - reach).min(axis=0)).all()
    assert (high >= (centres + reach).max(axis=0)).all()
    assert np.abs(low - (centres - reach).min(axis=0)).max() < 1e-5


def test_extent_moves_with_a_transform(tmp_path: Path) -> None:
    write(cloud_of(100), tmp_path / "gaussians.usdc", Params())
    low, high = read_arrays(tmp_path / "gaussians.usdc")["extent"].astype(np.float64)
    stage = Usd.Stage.CreateInMemory()
    holder = UsdGeom.Xform.Define(stage, "/Holder")
    holder.AddTranslateOp().Set(Gf.Vec3d(10, 20, 30))
    holder.AddScaleOp().Set(Gf.Vec3f(2, 2, 2))
    prim = stage.DefinePrim("/Holder/Gaussians")
    prim.GetReferences().AddReference(str(tmp_path / "gaussians.usdc"))
    box = UsdGeom.BBoxCache(Usd.TimeCode.Default(), ["default"]).ComputeWorldBound(prim).ComputeAlignedRange()
    assert np.allclose(box.GetMin(), 2 * low + (10, 20, 30), atol=1e-5)
    assert np.allclose(box.GetMax(), 2 * high + (10, 20, 30), atol=1e-5)


def test_broken_values_never_reach_the_file(tmp_path: Path) -> None:
    columns = raw_columns(40, degree=1)
    columns["x"][0], columns["scale_1"][1], columns["f_rest_4"][2] = np.nan, np.inf, -np.inf
    columns["opacity"][3], columns["opacity"][4] = -1000, 1000
    columns["scale_0"][5], columns["f_dc_0"][6] = -200, 1e-41
    write_raw_ply(tmp_path / "in.ply", columns)
    read = read_splats(tmp_path / "in.ply")
    assert read.value.count < 40
    assert 40 - read.value.count in read.counts.values()
    write(read.value, tmp_path / "out.usdc", Params())
    got = read_arrays(tmp_path / "out.usdc")
    for name in ("positions", "scales", "orientations", "opacities", COEFFICIENTS, "extent"):
        assert np.isfinite(got[name]).all(), name
    assert got["opacities"].min() >= 0
    assert got["opacities"].max() <= 1
    assert got["scales"].min() > 0


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("count", [0, 1, 5])
def test_attributes_are_the_schemas_own(tmp_path: Path, count: int, half: bool) -> None:
    write(cloud_of(count, degree=1), tmp_path / "a.usdc", Params(half=half))
    stage = Usd.Stage.Open(str(tmp_path / "a.usdc"))
    prim = stage.GetDefaultPrim()
    assert prim.GetTypeName() == "ParticleField3DGaussianSplat"
    schema = Usd.SchemaRegistry().FindConcretePrimDefinition("ParticleField3DGaussianSplat")
    authored = prim.GetAuthoredAttributes()
    for attribute in authored:
        wanted = schema.GetAttributeDefinition(attribute.GetName())
        assert not attribute.IsCustom()
        assert attribute.GetTypeName() == wanted.GetTypeName(), attribute.GetName()
        assert attribute.GetVariability() == wanted.GetVariability(), attribute.GetName()
    names = {a.GetName() for a in authored}
    arrays = {"positions", "scales", "orientations", "opacities", COEFFICIENTS}
    assert {name + ("h" if half else "") for name in arrays} <= names
    assert not {name + ("" if half else "h") for name in arrays} & names
    lengths = {name: len(prim.GetAttribute(name + ("h" if half else "")).Get()) for name in arrays}
    assert lengths.pop(COEFFICIENTS) == 4 * count
    assert set(lengths.values()) == {count}
    assert not prim.HasAuthoredMetadata("apiSchemas")


def test_isaac_sim_takes_the_prim_for_gaussians(tmp_path: Path) -> None:
    """Isaac Sim looks at the type name's beginning, because some of its builds lack the schema."""
    write(cloud_of(3), tmp_path / "a.usdc", Params())
    stage = Usd.Stage.Open(str(tmp_path / "a.usdc"))
    prim = stage.GetDefaultPrim()
    assert str(prim.GetTypeName()).startswith("ParticleField")


def test_sh_array_names_its_stride(tmp_path: Path) -> None:
    write(cloud_of(3, degree=2), tmp_path / "a.usdc", Params())
    stage = Usd.Stage.Open(str(tmp_path / "a.usdc"))
    attribute = stage.GetAttributeAtPath(f"/Gaussians.{COEFFICIENTS}")
    assert attribute.GetMetadata("elementSize") == 9
    assert attribute.GetMetadata("interpolation") == "vertex"


def test_color_space_is_named_only_on_request(tmp_path: Path) -> None:
    write(cloud_of(3), tmp_path / "plain.usda", Params())
    assert "colorSpace" not in (tmp_path / "plain.usda").read_text()
    write(cloud_of(3), tmp_path / "named.usdc", Params(color_space="srgb_rec709_scene"))
    stage = Usd.Stage.Open(str(tmp_path / "named.usdc"))
    prim = stage.GetDefaultPrim()
    assert prim.HasAPI(Usd.ColorSpaceAPI)
    assert Gf.ColorSpace.IsValid(prim.GetAttribute("colorSpace:name").Get())


def test_run_refuses_a_scene_that_is_not_in_the_world(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="WORLD"):
        particle_field.run(cloud_of(3, frame=Frame.GENERATOR), tmp_path, Params(), Progress())
    assert list(tmp_path.iterdir()) == []
    outcome = particle_field.run(cloud_of(3), tmp_path, Params(), Progress())
    assert outcome.value == "gaussians.usdc"
    assert outcome.findings == ()


def test_write_notes_a_frame_that_is_not_the_world(tmp_path: Path) -> None:
    outcome = write(cloud_of(3, frame=Frame.GENERATOR), tmp_path / "a.usdc", Params())
    assert [(f.code, f.severity) for f in outcome.findings] == [("author.frame", Severity.WARNING)]
    stage = Usd.Stage.Open(str(tmp_path / "a.usdc"))
    prim = stage.GetDefaultPrim()
    assert prim.GetCustomDataByKey("lyra:frame") == "generator"


def test_half_refuses_what_does_not_fit(tmp_path: Path) -> None:
    far = GaussianCloud([[70000, 0, 0]], [[1, 1, 1]], [[1, 0, 0, 0]], [0.5], np.zeros((1, 1, 3)), Frame.WORLD)
    with pytest.raises(InvalidRequest, match="65504"):
        write(far, tmp_path / "a.usdc", Params(half=True))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("name", "words"), [("a.obj", "must end in"), ("missing/a.usdc", "must be a folder")])
def test_bad_targets_are_explained(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        write(cloud_of(3), tmp_path / name, Params())


def test_neighbours_are_left_alone(tmp_path: Path) -> None:
    for name in ("a.usda", "a.usdc", "a.usdz.usda", ".a.usdz"):
        (tmp_path / name).write_text("mine")
    write(cloud_of(3), tmp_path / "a.usdz", Params())
    assert sorted(p.name for p in tmp_path.iterdir()) == [".a.usdz", "a.usda", "a.usdc", "a.usdz", "a.usdz.usda"]
    assert {(tmp_path / name).read_text() for name in ("a.usda", "a.usdc", "a.usdz.usda", ".a.usdz")} == {"mine"}


_WRITE = """
import sys
from pathlib import Path
from lyra_backend.author.particle_field import Params, write
from tests.author.fields import cloud_of
for suffix in ("usda", "usdc", "usdz"):
    write(cloud_of(200), Path(sys.argv[1]) / f"a.{suffix}", Params())
"""


def test_same_cloud_same_bytes_in_any_process(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    for i, threads in enumerate(("1", "4")):
        folder = tmp_path / f"run{i}"
        folder.mkdir()
        environment = {
            **os.environ,
            "PYTHONPATH": str(root),
            "PXR_WORK_THREAD_LIMIT": threads,
            "PYTHONHASHSEED": threads,
        }
        subprocess.run([sys.executable, "-c", _WRITE, str(folder)], check=True, cwd=folder, env=environment)
    for suffix in ("usda", "usdc", "usdz"):
        first, second = ((tmp_path / f"run{i}" / f"a.{suffix}").read_bytes() for i in (0, 1))
        assert first == second
        assert str(tmp_path).encode() not in first
