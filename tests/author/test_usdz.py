"""Packages are the zip files that USD asks for."""

from __future__ import annotations

import contextlib
import tempfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pxr import Usd, UsdValidation

from lyra_backend.author import particle_field, usdz
from lyra_backend.author.particle_field import Params, write
from lyra_backend.errors import InvalidRequest

from .fields import cloud_of


def data_offsets(package: Path) -> list[int]:
    """Return where the data of each member begins, by the local headers."""
    raw = package.read_bytes()
    offsets = []
    for entry in zipfile.ZipFile(package).infolist():
        head = raw[entry.header_offset : entry.header_offset + 30]
        offsets.append(
            entry.header_offset + 30 + int.from_bytes(head[26:28], "little") + int.from_bytes(head[28:], "little")
        )
    return offsets


def test_members_are_stored_and_aligned(tmp_path: Path) -> None:
    files = []
    for name, size in (("root.usdc", 1001), ("texture.png", 1), ("empty.png", 0), ("a_longer_name.usdc", 4096)):
        files.append(tmp_path / name)
        files[-1].write_bytes(bytes(i % 251 for i in range(size)))
    usdz.write_package(files, tmp_path / "out.usdz")
    with zipfile.ZipFile(tmp_path / "out.usdz") as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [f.name for f in files]
        for entry, file in zip(archive.infolist(), files, strict=True):
            assert archive.read(entry) == file.read_bytes()
            assert entry.compress_type == zipfile.ZIP_STORED
            assert entry.date_time == (1980, 1, 1, 0, 0, 0)
            assert entry.extract_version < 45  # 45 would be zip64
    assert [offset % 64 for offset in data_offsets(tmp_path / "out.usdz")] == [0, 0, 0, 0]


def test_package_opens_and_breaks_no_rule_of_usd(tmp_path: Path) -> None:
    write(cloud_of(50), tmp_path / "scene.usdz", Params())
    stage = Usd.Stage.Open(str(tmp_path / "scene.usdz"))
    assert len(stage.GetDefaultPrim().GetAttribute("positions").Get()) == 50
    context = UsdValidation.ValidationContext(UsdValidation.ValidationRegistry().GetOrLoadAllValidators())
    assert context.Validate(stage) == []
    assert zipfile.ZipFile(tmp_path / "scene.usdz").namelist() == ["root.usdc"]


def test_four_gibibytes_are_refused(tmp_path: Path) -> None:
    big = tmp_path / "big.usdc"
    with big.open("wb") as file:
        file.truncate(2**32)  # sparse: takes no room on disk
    with pytest.raises(InvalidRequest, match=r"below 4 GiB.*32-bit.*big.usdc alone 4.00 GiB.*\.usdc files"):
        usdz.write_package([big], tmp_path / "out.usdz")
    assert not (tmp_path / "out.usdz").exists()


def test_too_many_members_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usdz, "LIMIT_MEMBERS", 1)
    for name in ("root.usdc", "a.png"):
        (tmp_path / name).touch()
    with pytest.raises(InvalidRequest, match="at most 1 files, this one would have 2; use the folder"):
        usdz.write_package([tmp_path / "root.usdc", tmp_path / "a.png"], tmp_path / "out.usdz")


@pytest.mark.parametrize("kept", [0.5, 0.99, -1])
def test_a_package_that_is_cut_off_is_refused(tmp_path: Path, kept: float) -> None:
    """USD itself opens one whose end alone is missing."""
    write(cloud_of(50), tmp_path / "a.usdz", Params())
    usdz.check_whole(tmp_path / "a.usdz")
    whole = (tmp_path / "a.usdz").read_bytes()
    (tmp_path / "a.usdz").write_bytes(whole[: int(kept * len(whole))] if kept > 0 else whole[:-30])
    with pytest.raises(InvalidRequest, match=r"a\.usdz: damaged: it is cut off or no package"):
        usdz.check_whole(tmp_path / "a.usdz")


def test_numbers_that_a_bad_copy_changed_are_refused(tmp_path: Path) -> None:
    """USD itself reads them as if they were right."""
    write(cloud_of(50), tmp_path / "a.usdz", Params())
    data = bytearray((tmp_path / "a.usdz").read_bytes())
    data[2000] ^= 1
    (tmp_path / "a.usdz").write_bytes(data)
    with pytest.raises(InvalidRequest, match=r"a\.usdz: damaged: root\.usdc is not what its checksum says"):
        particle_field.read(tmp_path / "a.usdz")


@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=4), st.integers(0, 10_000))
def test_any_damage_is_let_pass_or_refused(changes: list[tuple[int, int]], length: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "root.usda").write_text("#usda 1.0\n")
        usdz.write_package([Path(folder) / "root.usda"], Path(folder) / "a.usdz")
        data = bytearray((Path(folder) / "a.usdz").read_bytes())
        for place, value in changes:
            data[place % len(data)] = value
        (Path(folder) / "a.usdz").write_bytes(data[: length % (len(data) + 1) or None])
        with contextlib.suppress(InvalidRequest):
            usdz.check_whole(Path(folder) / "a.usdz")


def test_what_was_packed_comes_out_again(tmp_path: Path) -> None:
    for name in ("root.usda", "a.png"):
        (tmp_path / name).write_text(name)
    usdz.write_package([tmp_path / "root.usda", tmp_path / "a.png"], tmp_path / "out.usdz")
    (tmp_path / "new").mkdir()
    files = usdz.unpack(tmp_path / "out.usdz", tmp_path / "new")
    assert [(f.name, f.read_text()) for f in files] == [("out.usda", "root.usda"), ("a.png", "a.png")]
