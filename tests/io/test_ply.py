"""Reading and writing Gaussian PLY files."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lyra_backend.errors import Cancelled, InvalidRequest, WriteFailed
from lyra_backend.io import ply
from lyra_backend.io.ply import read_ply, write_ply
from lyra_backend.progress import CancelToken, Progress
from lyra_backend.types import Severity

from .plys import assert_same, expected, make_cloud, ply_bytes, stored_columns, write
from .refusals import read_or_refused

DATA = Path(__file__).parents[1] / "data"
FORMATS = ("binary_little_endian", "binary_big_endian", "ascii")


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_every_format_and_degree(tmp_path: Path, format: str, degree: int) -> None:
    columns = stored_columns(57, degree)
    outcome = read_ply(write(tmp_path / "a.ply", ply_bytes(columns, format=format)))
    assert_same(outcome.value, expected(columns))
    assert outcome.value.sh_degree == degree
    assert outcome.counts["rows"] == outcome.counts["gaussians"] == 57
    assert not outcome.findings


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_column_order_types_and_extras(tmp_path: Path, data: st.DataObject) -> None:
    columns = stored_columns(9, data.draw(st.sampled_from([0, 1, 2, 3])), data.draw(st.integers(0, 1000)))
    for extra in data.draw(st.sets(st.sampled_from(["nx", "ny", "nz", "segment", "red"]))):
        columns[extra] = np.full(9, np.nan) if extra == "nx" else np.arange(9.0)
    names = data.draw(st.permutations(sorted(columns)))
    types = {name: data.draw(st.sampled_from(["float", "double"])) for name in names}
    types |= {name: "uchar" for name in ("segment", "red") if name in columns}
    shuffled = {name: columns[name] for name in names}
    raw = ply_bytes(shuffled, format=data.draw(st.sampled_from(FORMATS)), types=types)
    outcome = read_ply(write(tmp_path / "a.ply", raw))
    assert_same(outcome.value, expected(columns))
    assert outcome.counts["dropped_non_finite"] == 0


def test_whole_number_columns(tmp_path: Path) -> None:
    columns = stored_columns(5, 0)
    columns["x"], columns["opacity"] = np.arange(5.0), np.array([-3.0, -1, 0, 1, 3])
    raw = ply_bytes(columns, types={"x": "int", "opacity": "short"})
    assert_same(read_ply(write(tmp_path / "a.ply", raw)).value, expected(columns))


def test_blocks_join_without_a_seam(tmp_path: Path) -> None:
    columns = stored_columns(2 * ply._ROWS_AT_ONCE + 17, 1)
    columns["x"][::1000] = np.nan
    kept = np.isfinite(columns["x"])
    outcome = read_ply(write(tmp_path / "a.ply", ply_bytes(columns)))
    assert outcome.counts["dropped_non_finite"] == int((~kept).sum())
    assert_same(outcome.value, expected({name: values[kept] for name, values in columns.items()}))


def test_sh_is_channel_major_in_the_file(tmp_path: Path) -> None:
    columns = stored_columns(1, 3) | {f"f_rest_{i}": np.array([float(i)]) for i in range(45)}
    cloud = read_ply(write(tmp_path / "a.ply", ply_bytes(columns))).value
    assert cloud.sh[0, 1].tolist() == [0, 15, 30]
    assert cloud.sh[0, 15].tolist() == [14, 29, 44]


def test_a_foreign_file() -> None:
    cloud = read_ply(DATA / "ref_1k_d3.ply").value
    assert (cloud.count, cloud.sh_degree) == (1000, 3)
    np.testing.assert_allclose(np.linalg.norm(cloud.quats_wxyz, axis=1), 1, atol=1e-6)


def test_an_element_before_the_gaussians_is_skipped(tmp_path: Path) -> None:
    columns = stored_columns(3, 0)
    before = "element camera 2\nproperty float fx\nproperty uchar id"
    for format, data in (("binary_little_endian", bytes(10)), ("ascii", b"1 2\n3 4\n")):
        raw = ply_bytes(columns, format=format, before=before, before_data=data)
        assert_same(read_ply(write(tmp_path / "a.ply", raw)).value, expected(columns))


def test_windows_line_ends(tmp_path: Path) -> None:
    columns = stored_columns(3, 0)
    assert_same(read_ply(write(tmp_path / "a.ply", ply_bytes(columns, newline="\r\n"))).value, expected(columns))


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30])
def test_unusable_rows_are_dropped_and_counted(tmp_path: Path, format: str, bad: float) -> None:
    columns = stored_columns(12, 1)
    for row, name in enumerate(("x", "f_dc_1", "f_rest_8")):
        columns[name][row] = bad
    outcome = read_ply(write(tmp_path / "a.ply", ply_bytes(columns, format=format)))
    assert outcome.counts["dropped_non_finite"] == 3
    assert outcome.value.count == 9
    assert_same(outcome.value, expected({name: values[3:] for name, values in columns.items()}))
    (finding,) = outcome.findings
    assert (finding.code, finding.severity, finding.measured) == ("splat.non_finite", Severity.WARNING, 3.0)


def test_a_double_too_large_for_float_is_dropped_quietly(tmp_path: Path) -> None:
    columns = stored_columns(3, 0)
    columns["y"][1] = 1e300
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        outcome = read_ply(write(tmp_path / "a.ply", ply_bytes(columns, types={"y": "double"})))
    assert outcome.counts["dropped_non_finite"] == 1


def test_extreme_values_are_bent_without_warnings(tmp_path: Path) -> None:
    columns = stored_columns(6, 0)
    columns["opacity"][:2] = (1000.0, -1000.0)
    columns["scale_1"][2:4] = (500.0, -500.0)
    for name in ("rot_0", "rot_1", "rot_2", "rot_3"):
        columns[name][4] = 0.0
        columns[name][5] *= 1e-30
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        outcome = read_ply(write(tmp_path / "a.ply", ply_bytes(columns)))
    cloud = outcome.value
    assert cloud.count == 6
    assert cloud.opacities[0] == 1.0
    assert 0 <= cloud.opacities[1] < 1e-37
    # Squares, as in covariances, stay finite and above zero.
    assert np.isfinite(cloud.scales**2).all()
    assert (cloud.scales**2 > 0).all()
    assert cloud.quats_wxyz[4].tolist() == [1, 0, 0, 0]
    assert outcome.counts["clamped_scales"] == 2
    assert outcome.counts["zero_quaternions"] == 1
    assert {f.code for f in outcome.findings} == {"splat.clamped_scales", "splat.zero_quaternions"}


def test_2d_gaussians_get_a_thin_third_axis(tmp_path: Path) -> None:
    columns = stored_columns(4, 0)
    del columns["scale_2"]
    outcome = read_ply(write(tmp_path / "a.ply", ply_bytes(columns)))
    scales = outcome.value.scales
    np.testing.assert_allclose(scales[:, 2], 0.01 * scales[:, :2].min(axis=1), rtol=1e-6)
    assert outcome.counts["flat_gaussians"] == 4
    assert [f.code for f in outcome.findings] == ["splat.flat"]


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(count=st.integers(1, 40), degree=st.integers(0, 3), seed=st.integers(0, 1000))
def test_round_trip(tmp_path: Path, count: int, degree: int, seed: int) -> None:
    cloud = make_cloud(count, degree, seed)
    write_ply(tmp_path / "a.ply", cloud)
    back = read_ply(tmp_path / "a.ply").value
    assert np.array_equal(back.positions, cloud.positions)
    assert np.array_equal(back.sh, cloud.sh)
    np.testing.assert_allclose(back.scales, cloud.scales, rtol=1e-6)
    np.testing.assert_allclose(back.opacities, cloud.opacities, rtol=1e-6)
    np.testing.assert_allclose(back.quats_wxyz, cloud.quats_wxyz, atol=1e-6)


def test_opacities_of_zero_and_one_survive(tmp_path: Path) -> None:
    cloud = make_cloud(2, 0)
    edges = type(cloud)(
        cloud.positions, cloud.scales, cloud.quats_wxyz, np.array([0.0, 1.0], np.float32), cloud.sh, cloud.frame
    )
    write_ply(tmp_path / "a.ply", edges)
    np.testing.assert_allclose(read_ply(tmp_path / "a.ply").value.opacities, [0, 1], atol=1e-30)


def test_written_layout_is_the_usual_one(tmp_path: Path) -> None:
    write_ply(tmp_path / "a.ply", make_cloud(3, 1))
    header = (tmp_path / "a.ply").read_bytes().split(b"end_header\n")[0].decode()
    names = [line.split()[-1] for line in header.splitlines() if line.startswith("property float")]
    rest = [f"f_rest_{i}" for i in range(9)]
    assert names == [
        *("x", "y", "z", "nx", "ny", "nz", "f_dc_0", "f_dc_1", "f_dc_2"),
        *rest,
        *("opacity", "scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3"),
    ]


def test_gsply_reads_what_was_written(tmp_path: Path) -> None:
    gsply = pytest.importorskip("gsply")
    cloud = make_cloud(20, 3)
    write_ply(tmp_path / "a.ply", cloud)
    data = gsply.plyread(tmp_path / "a.ply")
    assert np.array_equal(data.means, cloud.positions)
    assert np.array_equal(data.shN, cloud.sh[:, 1:])
    np.testing.assert_allclose(data.scales, np.log(cloud.scales), rtol=1e-6)
    assert np.array_equal(data.quats, cloud.quats_wxyz)


def test_nothing_half_written_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = write(tmp_path / "a.ply", b"old")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ply, "log_scales", fail)
    with pytest.raises(WriteFailed, match="No space left"):
        write_ply(old, make_cloud(3, 0))
    assert old.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.ply"]
    with pytest.raises(InvalidRequest, match="must be a folder"):
        write_ply(tmp_path / "no" / "a.ply", make_cloud(3, 0))
    with pytest.raises(InvalidRequest, match="this is a folder"):
        write_ply(tmp_path, make_cloud(3, 0))


def test_reading_can_be_cancelled(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ply", ply_bytes(stored_columns(10, 0)))
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        read_ply(path, Progress(token=token))


def _bad_files() -> dict[str, tuple[bytes, str]]:
    columns = stored_columns(8, 1)
    good = ply_bytes(columns)
    without = {name: values for name, values in columns.items() if name not in ("rot_3", "opacity")}
    points = {name: columns[name] for name in ("x", "y", "z")}
    odd = {name: values for name, values in columns.items() if name != "f_rest_8"}
    gap = dict(odd) | {"f_rest_9": columns["x"]}
    text = ply_bytes(columns, format="ascii")
    return {
        "empty": (b"", "the file is empty"),
        "text": (b"hello, I am a text file\n", "not a PLY file"),
        "gzip": (b"\x1f\x8b\x08\x00", r"looks like a gzip file such as \.spz"),
        "lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "git lfs pull"),
        "no end": (good[:200], "no end_header"),
        "binary header": (b"ply\nformat ascii 1.0\n\xff\xfe\n", "not text before end_header"),
        "nonsense": (b"ply\nformat ascii 1.0\nhumbug\nend_header\n", "means nothing: 'humbug'"),
        "format": (b"ply\nformat quantum 1.0\nend_header\n", "'quantum 1.0' is unknown; known: ascii"),
        "no format": (b"ply\nelement vertex 0\nend_header\n", "names no format"),
        "count": (b"ply\nformat ascii 1.0\nelement vertex many\nend_header\n", "needs a name and a count"),
        "type": (b"ply\nformat ascii 1.0\nelement vertex 1\nproperty quad x\nend_header\n", "unknown type"),
        "twice": (good.replace(b"property float y\n", b"property float x\n"), "'x' of 'vertex' twice"),
        "no vertex": (b"ply\nformat ascii 1.0\nelement face 0\nend_header\n", "no element 'vertex'"),
        "zero": (ply_bytes({name: v[:0] for name, v in columns.items()}), "holds no Gaussians"),
        "cut": (good[:-50], r"promises 8 Gaussians \(736 bytes\), but 686 bytes are there"),
        "cut text": (text[: text.index(b"end_header") + 60], "promises 8 Gaussians .at least"),
        "huge": (good.replace(b"vertex 8", b"vertex 8000000000000"), "promises 8,000,000,000,000"),
        "columns": (ply_bytes(without), "lacks the columns opacity, rot_3"),
        "points": (ply_bytes(points), "looks like a point cloud or mesh"),
        "rest": (ply_bytes(odd), "0, 9, 24 or 45 of them .SH degree 0 to 3., got 8"),
        "gap": (ply_bytes(gap), "f_rest_0 and so on"),
        "many rows": (good.replace(b"vertex 8", b"vertex 9999999999999999999"), "a count of up to 15 digits"),
        "negative": (good.replace(b"vertex 8", b"vertex -8"), "needs a name and a count"),
        "list of what": (good.replace(b"property float x\n", b"property list x\n"), "'list x' has an unknown type"),
        "list by float": (good.replace(b"float x\n", b"list float int x\n"), "'list float int x' has an unknown"),
        "no name": (good.replace(b"property float x\n", b"property float\n"), "'float' has an unknown type"),
        "two vertex": (good.replace(b"end_header", b"element vertex 8\nend_header"), "'vertex' twice"),
        "two formats": (good.replace(b"comment made", b"format ascii 1.0\ncomment made"), "means nothing: 'format"),
        "list": (good.replace(b"property float x\n", b"property list uchar int x\n"), "has x"),
        "words": (text[: text.rindex(b" ")] + b" abc  \n" + bytes(9), "must be numbers: .*abc"),
        "more words": (text[:-1] + b" 7\n", "must be 23 numbers a line, got 185 in 8 lines"),
        "all nan": (ply_bytes({name: v * np.nan for name, v in columns.items()}), "all 8 Gaussians hold NaN"),
        "chunked": (_chunked(), "read_splats"),
    }


def _chunked() -> bytes:
    return (
        b"ply\nformat binary_little_endian 1.0\nelement vertex 1\nproperty uint packed_position\nend_header\n"
        + bytes(4)
    )


@pytest.mark.parametrize("case", sorted(_bad_files()))
def test_files_that_cannot_be_used_say_why(tmp_path: Path, case: str) -> None:
    data, message = _bad_files()[case]
    path = write(tmp_path / "scene.ply", data)
    with pytest.raises(InvalidRequest, match=message) as caught:
        read_ply(path)
    assert "scene.ply" in str(caught.value)


def test_missing_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="no such file"):
        read_ply(tmp_path / "absent.ply")
    with pytest.raises(InvalidRequest, match="this is a folder"):
        read_ply(tmp_path)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("count", [99_999_999_999_999, 999_999_999_999_999])
def test_more_rows_before_the_gaussians_than_the_file_has(tmp_path: Path, format: str, count: int) -> None:
    before = f"element camera {count}\nproperty double fx\nproperty uchar id"
    path = write(tmp_path / "a.ply", ply_bytes(stored_columns(3, 0), format=format, before=before))
    with pytest.raises(InvalidRequest, match=rf"promises {count:,} rows of element 'camera'"):
        read_ply(path)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_change_of_the_header_is_read_or_refused(tmp_path: Path, data: st.DataObject) -> None:
    raw = ply_bytes(stored_columns(4, 0), format=data.draw(st.sampled_from(FORMATS)), before="element extra 0")
    head, _, body = raw.partition(b"end_header\n")
    lines = head.split(b"\n")
    numbers = (b"-1", b"0", b"5", b"1e9", b"4294967296", b"99999999999999", b"9" * 30)
    words = (*numbers, b"list", b"uchar", b"double", b"vertex", b"x", b"rot_0", b"element", b"property", b"format", b"")
    for _ in range(data.draw(st.integers(1, 3))):
        i = data.draw(st.integers(0, len(lines) - 1))
        parts = lines[i].split() or [b""]
        how = data.draw(st.sampled_from(["word", "longer", "drop", "double", "move"]))
        if how == "word":
            parts[data.draw(st.integers(0, len(parts) - 1))] = data.draw(st.sampled_from(words))
        if how == "longer":
            parts.append(data.draw(st.sampled_from(words)))
        change = {"drop": [], "double": [lines[i]] * 2, "move": []}.get(how, [b" ".join(parts)])
        moved = [lines[i]] if how == "move" else []
        lines[i : i + 1] = change
        at = data.draw(st.integers(0, len(lines)))
        lines[at:at] = moved
        lines = lines or [b"ply"]
    path = write(tmp_path / "a.ply", b"\n".join(lines) + b"end_header\n" + body)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        outcome = read_or_refused(read_ply, path)
    assert outcome is None or outcome.value.count >= 1


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(0, 900), noise=st.lists(st.tuples(st.integers(0, 900), st.integers(0, 255)), max_size=6))
def test_damaged_files_never_crash(tmp_path: Path, cut: int, noise: list[tuple[int, int]]) -> None:
    data = bytearray(ply_bytes(stored_columns(6, 0)))
    for place, value in noise:
        data[place % len(data)] = value
    path = write(tmp_path / "a.ply", bytes(data[: len(data) - cut % len(data)]))
    outcome = read_or_refused(read_ply, path)
    assert outcome is None or (np.isfinite(outcome.value.positions).all() and outcome.value.count >= 1)
