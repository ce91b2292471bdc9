"""What a file is, by its contents, and what is said of files that are none of weights."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from lyra_backend.errors import InvalidRequest
from lyra_backend.weights.published import Kind, kind_of, read_statistics, read_tensors

from .conftest import make_torchscript

TENSORS = {"a.weight": torch.arange(6.0).reshape(2, 3), "b.0.bias": torch.ones(2)}


def same(read: dict[str, torch.Tensor]) -> bool:
    return read.keys() == TENSORS.keys() and all(torch.equal(read[name], TENSORS[name]) for name in read)


def test_every_kind_of_file_is_read_alike(tmp_path: Path) -> None:
    save_file(TENSORS, tmp_path / "s.bin")
    torch.save(TENSORS, tmp_path / "zip.bin")
    torch.save(TENSORS, tmp_path / "old.bin", _use_new_zipfile_serialization=False)
    make_torchscript(tmp_path / "script.bin", TENSORS)
    for name, kind in (
        ("s.bin", Kind.SAFETENSORS),
        ("zip.bin", Kind.TORCH),
        ("old.bin", Kind.TORCH),
        ("script.bin", Kind.TORCHSCRIPT),
    ):
        assert kind_of(tmp_path / name) is kind
        assert same(read_tensors(tmp_path / name))


@pytest.mark.parametrize("wrap", ["module", "model", "state_dict"])
def test_weights_are_found_where_training_code_puts_them(tmp_path: Path, wrap: str) -> None:
    torch.save({wrap: TENSORS, "epoch": 3, "optimizer": {"state": {0: torch.ones(3)}}}, tmp_path / "a.pt")
    assert same(read_tensors(tmp_path / "a.pt"))
    torch.save({"model": {wrap: TENSORS}}, tmp_path / "b.pt")
    assert same(read_tensors(tmp_path / "b.pt"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"<!DOCTYPE html><html><body>Log in</body></html>", "is a web page"),
        (b"\n  <html>Entry not found</html>", "is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "is a pointer of Git LFS"),
        (b'{"error": "Repository not found"}', "is JSON"),
        (b"Entry not found", "is neither a PyTorch file"),
        (bytes(600), "is neither a PyTorch file"),
    ],
)
def test_files_that_are_none_of_weights(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "lyra_static.pt").write_bytes(content)
    with pytest.raises(InvalidRequest, match=rf"lyra_static\.pt: {said}"):
        read_tensors(tmp_path / "lyra_static.pt")


def test_nothing_and_folders(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="does not exist"):
        read_tensors(tmp_path / "none.pt")
    with pytest.raises(InvalidRequest, match="is a folder"):
        read_tensors(tmp_path)


def test_other_archives_and_other_pickles(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        archive.writestr("photos/a.png", b"1")
    with pytest.raises(InvalidRequest, match="not one that PyTorch wrote"):
        read_tensors(tmp_path / "photos.zip")
    torch.save([torch.ones(2)], tmp_path / "list.pt")
    with pytest.raises(InvalidRequest, match="holds no named tensors"):
        read_tensors(tmp_path / "list.pt")


@pytest.mark.parametrize("share", [0.001, 0.5, 0.999])
@pytest.mark.parametrize("kind", ["safetensors", "jit"])
def test_files_that_are_cut_short(tmp_path: Path, kind: str, share: float) -> None:
    path = tmp_path / f"cut.{kind}"
    big = {"w": torch.arange(20_000.0)}
    if kind == "jit":
        make_torchscript(path, big)
    else:
        save_file(big, path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(InvalidRequest, match=r"cut\..*Fetch it again"):
        read_tensors(path)


def test_a_torchscript_archive_without_its_data(tmp_path: Path) -> None:
    make_torchscript(tmp_path / "whole.jit", TENSORS)
    with zipfile.ZipFile(tmp_path / "whole.jit") as whole, zipfile.ZipFile(tmp_path / "odd.jit", "w") as odd:
        for name in whole.namelist():
            if "/data/" not in name:
                odd.writestr(name, whole.read(name))
    with pytest.raises(InvalidRequest, match=r"odd\.jit: is a damaged TorchScript archive"):
        read_tensors(tmp_path / "odd.jit")


def test_code_that_runs_when_an_archive_is_opened_is_refused(tmp_path: Path) -> None:
    make_torchscript(tmp_path / "plain.jit", TENSORS)
    with zipfile.ZipFile(tmp_path / "plain.jit") as plain, zipfile.ZipFile(tmp_path / "odd.jit", "w") as odd:
        for name in plain.namelist():
            odd.writestr(name, plain.read(name))
        odd.writestr("plain/code/__torch__/more.py", b"class More(Module):\n  def __setstate__(self, state: int):\n")
    with pytest.raises(InvalidRequest, match="code that runs when it is opened"):
        read_tensors(tmp_path / "odd.jit")


def test_statistics(tmp_path: Path, published: Path) -> None:
    mean, deviation = read_statistics(published / "mean_std.pt")
    assert mean.shape == deviation.shape == (256,)
    cases = {
        "one.pt": torch.ones(3),
        "sizes.pt": (torch.ones(3), torch.ones(4)),
        "negative.pt": (torch.ones(3), -torch.ones(3)),
        "infinite.pt": (torch.full((3,), torch.inf), torch.ones(3)),
    }
    for name, content in cases.items():
        torch.save(content, tmp_path / name)
        with pytest.raises(InvalidRequest, match=name):
            read_statistics(tmp_path / name)
    shutil.copyfile(published / "autoencoder.jit", tmp_path / "other.pt")
    with pytest.raises(InvalidRequest, match="must hold two tensors"):
        read_statistics(tmp_path / "other.pt")
