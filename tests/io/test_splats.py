"""Splat files of every format, held against the PLY they were made from."""

from __future__ import annotations

import gzip
import importlib.util
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from lyra_backend.errors import InvalidRequest, MissingDependency
from lyra_backend.io import child_process, gaussforge_process
from lyra_backend.io.ply import write_ply
from lyra_backend.io.splats import READABLE, WRITABLE, format_of, read_splats, write_splats
from lyra_backend.types import GaussianCloud, Severity

from .plys import make_cloud, write
from .refusals import read_or_refused

#: What each format keeps: centres [m], log-scales, colours and |cos| of half the angle between orientations.
PRECISION = {
    "ply": (0.0, 1e-6, 1e-6, 1 - 1e-6),
    "compressed.ply": (6 / 2**10, 0.01, 0.006, 1 - 1e-4),
    "spz": (1 / 2**12, 0.04, 0.006, 1 - 1e-4),
    "splat": (0.0, 1e-6, 0.006, 1 - 5e-4),
    "ksplat": (0.0, 1e-6, 0.006, 1 - 1e-5),
    "sog": (2e-3, 0.04, 0.03, 1 - 1e-4),
}
KEPT_DEGREE = {"splat": 0, "ksplat": 1}


def needs(ending: str) -> None:
    package = {"ply": None, "compressed.ply": "gsply", "spz": "gsply"}.get(ending, "gaussforge")
    if package and importlib.util.find_spec(package) is None:
        pytest.fail(f"{package} is not installed; the tests come with it: python3 tools/dev.py test")


def matched(cloud: GaussianCloud, truth: GaussianCloud) -> GaussianCloud:
    """Return `cloud` in the order of `truth`: some formats sort."""
    _, index = cKDTree(cloud.positions).query(truth.positions)
    assert len(set(index.tolist())) == truth.count
    return cloud.select(index)


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
@pytest.mark.parametrize("ending", WRITABLE)
def test_every_format_there_and_back(tmp_path: Path, ending: str, degree: int) -> None:
    needs(ending)
    truth = make_cloud(300, degree)
    path = tmp_path / f"scene.{ending}"
    written = write_splats(path, truth)
    outcome = read_splats(path)
    cloud = matched(outcome.value, truth)
    centre, size, colour, angle = PRECISION[ending]
    assert np.abs(cloud.positions - truth.positions).max() <= centre
    assert np.abs(np.log(cloud.scales / truth.scales)).max() <= size
    assert np.abs(cloud.opacities - truth.opacities).max() <= 0.005
    assert np.abs(cloud.base_colors - truth.base_colors).max() <= colour
    assert np.abs(np.einsum("nk,nk->n", cloud.quats_wxyz, truth.quats_wxyz)).min() >= angle
    kept = min(degree, KEPT_DEGREE.get(ending, 3))
    assert cloud.sh_degree == kept
    # SOG keeps higher bands through a palette, so single values may be off; all others are within a quantum.
    error = np.abs(cloud.sh[:, 1:] - truth.sh[:, 1 : (kept + 1) ** 2])
    assert (error.mean() if ending == "sog" else error.max()) <= 0.05 if kept else True
    assert [f.code for f in written.findings] == (["splat.reduced"] if kept < degree else [])
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("ending", WRITABLE)
def test_equal_clouds_give_equal_files(tmp_path: Path, ending: str) -> None:
    needs(ending)
    cloud = make_cloud(50, 1)
    write_splats(tmp_path / f"a.{ending}", cloud)
    time.sleep(1.1 if ending in ("spz", "sog") else 0)  # dates in gzip and zip headers tick in seconds
    write_splats(tmp_path / f"b.{ending}", cloud)
    assert (tmp_path / f"a.{ending}").read_bytes() == (tmp_path / f"b.{ending}").read_bytes()


@pytest.mark.parametrize("ending", ["compressed.ply", "spz"])
def test_both_libraries_agree(tmp_path: Path, ending: str) -> None:
    """What one library writes, the other one reads the same way, where both know the format."""
    gaussforge = pytest.importorskip("gaussforge")
    needs(ending)
    truth = make_cloud(300, 0)
    write_ply(tmp_path / "truth.ply", truth)
    result = gaussforge.GaussForge().convert((tmp_path / "truth.ply").read_bytes(), "ply", ending)
    cloud = matched(read_splats(write(tmp_path / f"a.{ending}", result["data"])).value, truth)
    centre, _, colour, angle = PRECISION[ending]
    assert np.abs(cloud.positions - truth.positions).max() <= centre
    assert np.abs(cloud.base_colors - truth.base_colors).max() <= colour
    assert np.abs(np.einsum("nk,nk->n", cloud.quats_wxyz, truth.quats_wxyz)).min() >= angle


def test_content_decides_between_plain_and_chunked_ply(tmp_path: Path) -> None:
    needs("compressed.ply")
    truth = make_cloud(30, 0)
    write_splats(tmp_path / "a.compressed.ply", truth)
    (tmp_path / "a.compressed.ply").rename(tmp_path / "named_plain.ply")
    assert read_splats(tmp_path / "named_plain.ply").value.count == 30
    write_ply(tmp_path / "b.compressed.ply", truth)
    assert np.array_equal(read_splats(tmp_path / "b.compressed.ply").value.positions, truth.positions)


def test_spz_says_that_its_axes_are_uncertain(tmp_path: Path) -> None:
    needs("spz")
    write_splats(tmp_path / "a.spz", make_cloud(10, 0))
    (finding,) = read_splats(tmp_path / "a.spz").findings
    assert (finding.code, finding.severity) == ("splat.spz_axes", Severity.INFO)


def test_spz_of_a_large_scene_keeps_its_corners(tmp_path: Path) -> None:
    needs("spz")
    cloud = make_cloud(20, 0)
    large = replace(cloud, positions=cloud.positions * np.float32(5000))
    write_splats(tmp_path / "a.spz", large)
    error = np.abs(read_splats(tmp_path / "a.spz").value.positions - large.positions)
    assert error.max() < 0.01
    with pytest.raises(InvalidRequest, match="must lie within"):
        write_splats(tmp_path / "b.spz", replace(cloud, positions=cloud.positions * np.float32(1e8)))
    assert not (tmp_path / "b.spz").exists()


def test_ksplat_of_degree_2_keeps_the_colour_that_is_certain(tmp_path: Path) -> None:
    gaussforge = pytest.importorskip("gaussforge")
    truth = make_cloud(30, 2)
    write_ply(tmp_path / "truth.ply", truth)
    data = gaussforge.GaussForge().convert((tmp_path / "truth.ply").read_bytes(), "ply", "ksplat")["data"]
    outcome = read_splats(write(tmp_path / "a.ksplat", data))
    assert outcome.value.sh_degree == 0
    assert np.abs(outcome.value.base_colors - truth.base_colors).max() < 0.006
    assert [f.code for f in outcome.findings] == ["splat.reduced"]


def test_names_of_formats() -> None:
    assert format_of("a.compressed.ply") == "compressed.ply"
    assert format_of("A.PLY") == "ply"
    assert set(WRITABLE) <= set(READABLE)
    for name in ("scene.obj", "scene", "scene.plyx"):
        with pytest.raises(InvalidRequest, match=r"known: .*compressed\.ply.*sog"):
            format_of(name)
    with pytest.raises(InvalidRequest, match="Did you mean 'splat'"):
        format_of("a.splatt")


def test_damaged_files_of_every_format(tmp_path: Path) -> None:
    for ending in WRITABLE:
        needs(ending)
        path = tmp_path / f"a.{ending}"
        write_splats(path, make_cloud(300, 1))
        data = path.read_bytes()
        for broken in (b"", b"x", b"hello, I am no splat at all", data[: len(data) // 2 + 1]):
            with pytest.raises(InvalidRequest, match=rf"a\.{ending}"):
                read_splats(write(path, broken))


def test_a_chunked_ply_with_wrong_counts_never_reaches_native_code(tmp_path: Path) -> None:
    needs("compressed.ply")
    path = tmp_path / "a.compressed.ply"
    write_splats(path, make_cloud(300, 1))
    data = path.read_bytes()
    for old, new, message in (
        (b"element chunk 2", b"element chunk 1", "a chunk per 256 rows"),
        (b"element vertex 300", b"element vertex 500", "SH of a compressed PLY"),
        (b"property float max_b\n", b"", "18 bounds, got 17"),
        (b"packed_scale", b"packed_sxxxx", "packed_position, packed_rotation"),
        (b"binary_little_endian", b"binary_big_endian", "little-endian"),
    ):
        assert old in data
        with pytest.raises(InvalidRequest, match=message):
            read_splats(write(path, data.replace(old, new)))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
@pytest.mark.parametrize("ending", ["compressed.ply", "spz"])
def test_any_damage_to_what_gsply_reads_is_read_or_refused(tmp_path: Path, ending: str, data: st.DataObject) -> None:
    needs(ending)
    path = tmp_path / f"a.{ending}"
    write_splats(path, make_cloud(300, 1))
    good = gzip.decompress(path.read_bytes()) if ending == "spz" else path.read_bytes()
    broken = bytearray(good[: data.draw(st.integers(0, len(good)) | st.just(len(good)))])
    # Mostly in the header: what follows are numbers, any of which may be.
    for place, value in data.draw(st.lists(st.tuples(st.integers(0, 1200), st.integers(0, 255)), max_size=5)):
        if broken:
            broken[place % (16 if ending == "spz" else 1200) % len(broken)] = value
    packed = ending == "spz" and data.draw(st.integers(0, 4)) > 0
    write(path, gzip.compress(bytes(broken), 1) if packed else bytes(broken))
    outcome = read_or_refused(read_splats, path)
    assert outcome is None or outcome.value.count >= 1


@pytest.mark.parametrize("ending", ["splat", "ksplat", "sog"])
def test_damage_to_what_gaussforge_reads_is_read_or_refused(tmp_path: Path, ending: str) -> None:
    needs(ending)
    path = tmp_path / f"a.{ending}"
    write_splats(path, make_cloud(300, 1))
    good, random = path.read_bytes(), np.random.default_rng(7)
    noise = bytes(random.integers(0, 256, 800, np.uint8))
    for broken in (good[:-1], good[: len(good) // 3], good[:4] + noise, noise, good[:40] + noise + good[840:]):
        outcome = read_or_refused(read_splats, write(path, broken))
        assert outcome is None or outcome.value.count >= 1


def test_a_crash_of_the_converter_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Native code that dies takes its own process with it, not ours."""
    fake = tmp_path / "fake" / "gaussforge.py"
    fake.parent.mkdir()
    fake.write_text("import os\nclass GaussForge:\n    def convert(self, *_):\n        os._exit(139)\n")
    monkeypatch.setenv("PYTHONPATH", str(fake.parent))
    with pytest.raises(
        InvalidRequest, match=r"a\.splat: cannot be converted: the program that reads it crashed \(code"
    ):
        read_splats(write(tmp_path / "a.splat", bytes(320)))


def test_a_conversion_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needs("ksplat")
    path = tmp_path / "a.ksplat"
    write_splats(path, make_cloud(30, 0))
    data = bytearray(path.read_bytes())
    data[4096:4160] = b"\xff" * 64  # a section header with counts that take gaussforge hours
    monkeypatch.setattr(child_process, "_BASE_LIMIT_S", 2.0)
    with pytest.raises(InvalidRequest, match="was not converted within 2 s"):
        read_splats(write(path, bytes(data)))


def test_missing_packages_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needs("spz")
    write_splats(tmp_path / "a.spz", make_cloud(3, 0))
    monkeypatch.setitem(__import__("sys").modules, "gsply", None)
    with pytest.raises(MissingDependency, match=r"gsply: .*pip install 'lyra-backend\[formats\]'"):
        read_splats(tmp_path / "a.spz")
    monkeypatch.setattr(gaussforge_process.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingDependency, match="gaussforge: needed for"):
        write_splats(tmp_path / "a.splat", make_cloud(3, 0))


def test_an_empty_cloud_is_not_written(tmp_path: Path) -> None:
    empty = make_cloud(3, 0).select(np.zeros(3, bool))
    for ending in WRITABLE:
        with pytest.raises(InvalidRequest, match="no Gaussians to write"):
            write_splats(tmp_path / f"a.{ending}", empty)


def test_relative_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needs("splat")
    monkeypatch.chdir(tmp_path)
    write_splats("a.splat", make_cloud(5, 0))
    assert read_splats("a.splat").value.count == 5
