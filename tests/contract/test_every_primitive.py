"""What every way to write Gaussians owes to its readers: floats or halves, one field or one for each class, NuRec.

Values are read from the files as they are stored, not by the package's own readers, and held against the numbers of
the PLY they came from.
"""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from pxr import Gf, Usd, UsdGeom, UsdValidation

from lyra_backend.errors import InvalidRequest
from lyra_backend.io.splats import read_splats
from lyra_backend.types import GaussianCloud

from ..author.fields import cloud_of, raw_columns, write_raw_ply
from ..author.test_usdz import data_offsets
from ..author.ways import COEFFICIENTS, WAYS, gaussian_prims, in_order, state_of, stored, with_classes, write_way

HALF = 2.0**-11
#: How far stored values may be off: centres [m], logarithms of scales, opacities, quaternions, SH.
TOLERANCE = {
    "float": (0.0, 1e-6, 1e-6, 1e-6, 0.0),
    "half": (HALF * 4, HALF, HALF, HALF, HALF),
    # NuRec keeps logarithms and logits in halves: 4 to 8 have steps of 2^-8
    "nurec": (1e-3, 2.0**-9, 1e-3, HALF, HALF),
}
every_way = pytest.mark.parametrize("way", WAYS)


def tolerance(way: str) -> tuple[float, ...]:
    return TOLERANCE[way if way == "nurec" else "half" if way.endswith("half") else "float"]


def through(folder: Path, columns: dict[str, np.ndarray], way: str):
    """Write columns as a PLY, that as USD, and return what USD holds in the order of the columns."""
    write_raw_ply(folder / "in.ply", columns)
    cloud = with_classes(read_splats(folder / "in.ply").value)
    got = stored(write_way(folder, cloud, way), way)
    back = np.argsort(in_order(cloud.count, way))
    return type(got)(*(array[back] for array in vars(got).values()))


def stacked(columns: dict[str, np.ndarray], *names: str) -> np.ndarray:
    return np.stack([columns[name].astype(np.float64) for name in names], axis=1)


@every_way
@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_numbers_of_a_ply_arrive(tmp_path: Path, way: str, degree: int) -> None:
    columns, bands = raw_columns(90, degree), (degree + 1) ** 2 - 1
    got = through(tmp_path, columns, way)
    centre, size, opacity, turn, colour = tolerance(way)
    assert np.abs(got.positions - stacked(columns, "x", "y", "z")).max() <= centre
    assert np.abs(np.log(got.scales) - stacked(columns, "scale_0", "scale_1", "scale_2")).max() <= size
    assert np.abs(got.opacities - 1 / (1 + np.exp(-columns["opacity"].astype(np.float64)))).max() <= opacity
    quats = stacked(columns, *(f"rot_{i}" for i in range(4)))
    quats /= np.linalg.norm(quats, axis=1, keepdims=True)
    signs = np.sign((got.quats_wxyz * quats).sum(axis=1, keepdims=True))
    assert np.abs(got.quats_wxyz * signs - quats).max() <= turn
    assert np.abs(np.linalg.norm(got.quats_wxyz, axis=1) - 1).max() <= max(turn, 1e-6)
    dc = stacked(columns, "f_dc_0", "f_dc_1", "f_dc_2")[:, None]
    rest = stacked(columns, *(f"f_rest_{i}" for i in range(3 * bands))) if bands else np.zeros((90, 0))
    sh = np.concatenate([dc, rest.reshape(90, 3, bands).transpose(0, 2, 1)], axis=1)
    assert (np.abs(got.sh[:, : bands + 1] - sh) <= colour * np.maximum(np.abs(sh), 1)).all()
    assert not got.sh[:, bands + 1 :].any()


@every_way
def test_quaternions_keep_their_order_and_none_becomes_no_turn(tmp_path: Path, way: str) -> None:
    columns = raw_columns(6, 0)
    for name, value in zip(("rot_0", "rot_1", "rot_2", "rot_3"), (0.8, 0.6, 0, 0), strict=True):
        columns[name][:5], columns[name][5] = value, 0.0
    got = through(tmp_path, columns, way).quats_wxyz
    assert np.abs(got[:5] - (0.8, 0.6, 0, 0)).max() <= max(tolerance(way)[3], 1e-6)
    assert got[5].tolist() == [1, 0, 0, 0]


@every_way
@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_coefficients_are_laid_out_gaussian_by_gaussian(tmp_path: Path, way: str, degree: int) -> None:
    columns, bands = raw_columns(6, degree), (degree + 1) ** 2 - 1
    for i in range(3 * bands):
        columns[f"f_rest_{i}"][:] = i
    write_raw_ply(tmp_path / "in.ply", columns)
    path = write_way(tmp_path, with_classes(read_splats(tmp_path / "in.ply").value), way)
    if way == "nurec":
        state = state_of(path)
        row = np.frombuffer(state["features_specular"], "<f2").reshape(6, 45)[4]
        flat = row[: 3 * bands].reshape(bands, 3)
        assert int.from_bytes(state["n_active_features"], "little") == 3
    else:
        stage = Usd.Stage.Open(str(path))
        for prim in gaussian_prims(stage):
            degrees = prim.GetAttribute("radiance:sphericalHarmonicsDegree")
            assert (degrees.HasAuthoredValue(), degrees.Get()) == (True, degree)
            name = COEFFICIENTS + ("h" if way.endswith("half") else "")
            values = np.array(prim.GetAttribute(name).Get())
            assert len(values) == (2 if way.startswith("classes") else 6) * (degree + 1) ** 2
            flat = values[(degree + 1) ** 2 + 1 : 2 * (degree + 1) ** 2]
    assert flat.tolist() == [[k, bands + k, 2 * bands + k] for k in range(bands)]


@every_way
def test_bounds_hold_every_gaussian_wherever_it_is_referenced(tmp_path: Path, way: str) -> None:
    """Turned, moved and scaled: the world bound holds every kernel to its end, and is not far beyond the box of all."""
    path = write_way(tmp_path, with_classes(cloud_of(90)), way)
    got = stored(path, way)
    stage = Usd.Stage.CreateInMemory()
    holder = UsdGeom.Xform.Define(stage, "/Holder")
    holder.AddTranslateOp().Set(Gf.Vec3d(10, 20, 30))
    holder.AddRotateXOp().Set(-90.0)
    holder.AddScaleOp().Set(Gf.Vec3f(100, 100, 100))
    stage.DefinePrim("/Holder/Gaussians").GetReferences().AddReference(str(path))
    for prim in gaussian_prims(stage):
        extent = prim.GetAttribute("extent")
        assert extent.HasAuthoredValue()
        assert np.isfinite(np.array(extent.Get())).all()
    box = UsdGeom.BBoxCache(Usd.TimeCode.Default(), ["default"]).ComputeWorldBound(holder.GetPrim())
    low, high = (np.array(end) for end in (box.ComputeAlignedRange().GetMin(), box.ComputeAlignedRange().GetMax()))
    centres = 100 * got.positions[:, [0, 2, 1]] * (1, 1, -1) + (10, 20, 30)
    reach = 300 * got.scales.max(axis=1, keepdims=True)
    wanted = (centres - reach).min(axis=0), (centres + reach).max(axis=0)
    assert (low <= wanted[0]).all()
    assert (high >= wanted[1]).all()
    assert np.abs([low - wanted[0], high - wanted[1]]).max() < (0.3 if way == "nurec" else 1e-3)


@every_way
def test_broken_values_never_reach_the_file(tmp_path: Path, way: str) -> None:
    columns = raw_columns(42, degree=1)
    columns["x"][0], columns["scale_1"][1], columns["f_rest_4"][2] = np.nan, np.inf, -np.inf
    columns["opacity"][3], columns["opacity"][4] = -1000, 1000
    columns["scale_0"][5], columns["f_dc_0"][6], columns["rot_2"][7] = -200, 1e-41, np.nan
    write_raw_ply(tmp_path / "in.ply", columns)
    read = read_splats(tmp_path / "in.ply")
    assert read.value.count < 42
    assert 42 - read.value.count in read.counts.values()
    path = write_way(tmp_path, with_classes(read.value), way)
    got = stored(path, way)
    assert len(got.positions) == read.value.count
    assert all(np.isfinite(array).all() for array in vars(got).values())
    assert got.opacities.min() >= 0
    assert got.opacities.max() <= 1
    assert got.scales.min() > 0
    stage = Usd.Stage.Open(str(path))
    assert all(np.isfinite(np.array(prim.GetAttribute("extent").Get())).all() for prim in gaussian_prims(stage))


@every_way
@pytest.mark.parametrize(("field", "value"), [("positions", 2e5), ("sh", 7e4)])
def test_what_does_not_fit_is_refused_and_leaves_nothing(tmp_path: Path, way: str, field: str, value: float) -> None:
    cloud = cloud_of(6)
    arrays = {**vars(cloud), field: np.array(getattr(cloud, field))}
    arrays[field].flat[0] = value
    far = with_classes(GaussianCloud(**arrays))
    if way in ("float", "classes"):
        write_way(tmp_path, far, way)
        return
    with pytest.raises(InvalidRequest, match="65504"):
        write_way(tmp_path, far, way)
    assert list(tmp_path.iterdir()) == []


@every_way
@pytest.mark.parametrize("count", [0, 1, 7])
def test_arrays_are_of_one_length_and_one_precision(tmp_path: Path, way: str, count: int) -> None:
    path = write_way(tmp_path, with_classes(cloud_of(count, degree=1)), way)
    if way == "nurec":
        shapes = [shape for key, shape in state_of(path).items() if key.endswith(".shape") and shape]
        assert {shape[0] for shape in shapes} == {count}
        return
    stage = Usd.Stage.Open(str(path))
    total = 0
    for prim in gaussian_prims(stage):
        names = {a.GetName() for a in prim.GetAuthoredAttributes()}
        assert not [a.GetName() for a in prim.GetAuthoredAttributes() if a.IsCustom()]
        lengths = {}
        for name in ("positions", "scales", "orientations", "opacities", COEFFICIENTS):
            one, other = (name + "h", name) if way.endswith("half") else (name, name + "h")
            assert one in names
            assert other not in names
            lengths[name] = len(prim.GetAttribute(one).Get())
        assert lengths.pop(COEFFICIENTS) == 4 * lengths["positions"]
        assert len(set(lengths.values())) == 1
        total += lengths["positions"]
    assert total == count


@every_way
def test_packages_keep_the_rules_and_neighbours(tmp_path: Path, way: str) -> None:
    for name in ("a.usda", "a.usdc", "default.usda", "gaussians.nurec", "root.usdc", ".a.usdz"):
        (tmp_path / name).write_text("mine")
    path = write_way(tmp_path, with_classes(cloud_of(60)), way, ".usdz")
    mine = sorted(p.name for p in tmp_path.iterdir() if p != path)
    assert mine == sorted(("a.usda", "a.usdc", "default.usda", "gaussians.nurec", "root.usdc", ".a.usdz"))
    assert {(tmp_path / name).read_text() for name in mine} == {"mine"}
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        assert archive.testzip() is None
        assert entries[0].filename.endswith((".usda", ".usdc"))
        assert {(e.compress_type, e.date_time) for e in entries} == {(zipfile.ZIP_STORED, (1980, 1, 1, 0, 0, 0))}
        assert max(e.extract_version for e in entries) < 45  # 45 would be zip64
    assert {offset % 64 for offset in data_offsets(path)} == {0}
    context = UsdValidation.ValidationContext(UsdValidation.ValidationRegistry().GetOrLoadAllValidators())
    found = {error.GetName() for error in context.Validate(Usd.Stage.Open(str(path)))}
    assert found == ({"UnsupportedFileExtensionInPackage"} if way == "nurec" else set())


_WRITE = """
import sys
from pathlib import Path
from tests.author.fields import cloud_of
from tests.author.ways import WAYS, with_classes, write_way
for way in WAYS:
    for suffix in (".usda", ".usdc", ".usdz"):
        folder = Path(sys.argv[1], way + suffix)
        folder.mkdir()
        write_way(folder, with_classes(cloud_of(200)), way, suffix)
"""


def test_same_cloud_same_bytes_in_any_process(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    for run, threads in (("one", "1"), ("other", "4")):
        (tmp_path / run).mkdir()
        variables = {"PYTHONPATH": str(root), "PXR_WORK_THREAD_LIMIT": threads, "PYTHONHASHSEED": threads}
        command = [sys.executable, "-c", _WRITE, str(tmp_path / run)]
        subprocess.run(command, check=True, cwd=tmp_path / run, env={**os.environ, **variables})
    files = sorted((tmp_path / "one").rglob("a.*"))
    assert len(files) == 3 * len(WAYS)
    for file in files:
        assert file.read_bytes() == (tmp_path / "other" / file.relative_to(tmp_path / "one")).read_bytes(), file
        assert str(tmp_path).encode() not in file.read_bytes()


@every_way
def test_isaac_sims_detector_finds_them(tmp_path: Path, way: str) -> None:
    """It goes by the beginning of the type's name and by the mark of a Volume, because builds lack the schemas."""
    stage = Usd.Stage.Open(str(write_way(tmp_path, with_classes(cloud_of(9)), way)))
    kind = "Volume" if way == "nurec" else "ParticleField3DGaussianSplat"
    assert [p.GetTypeName() for p in gaussian_prims(stage)] == [kind] * (3 if way.startswith("classes") else 1)
