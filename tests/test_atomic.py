"""What is written appears whole or not at all, and nothing lies about afterwards."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lyra_backend.atomic import atomic_write, remove_leftovers, replacing
from lyra_backend.errors import InvalidRequest, WriteFailed


def test_text_and_bytes_are_written_as_they_are(tmp_path: Path) -> None:
    atomic_write(tmp_path / "text", "Zürich\n")
    atomic_write(tmp_path / "bytes", b"\r\n\0")
    assert (tmp_path / "text").read_bytes() == b"Z\xc3\xbcrich\n"
    assert (tmp_path / "bytes").read_bytes() == b"\r\n\0"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bytes", "text"]


def test_the_old_file_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "scene.usda"
    path.write_text("old")
    with replacing(path) as part:
        part.write_text("new")
        assert path.read_text() == "old"
        assert part.name == path.name, "writers look at the ending"
    assert path.read_text() == "new"


def fail_while_writing(path: Path, error: BaseException) -> None:
    with replacing(path) as part:
        part.write_text("half")
        raise error


@pytest.mark.parametrize("error", [RuntimeError(), KeyboardInterrupt()])
def test_nothing_is_left_of_a_failure(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "a"
    path.write_text("old")
    with pytest.raises(type(error)):
        fail_while_writing(path, error)
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("a", "old")]


def test_a_full_disk_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(WriteFailed, match=r"a: cannot write there \(No space left on device\)\. Make room") as caught:
        fail_while_writing(tmp_path / "a", OSError(28, "No space left on device"))
    assert isinstance(caught.value.__cause__, OSError)
    assert not list(tmp_path.iterdir())


def test_places_that_cannot_be_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="must be a folder"):
        atomic_write(tmp_path / "missing" / "a", "")
    with pytest.raises(InvalidRequest, match="this is a folder"):
        atomic_write(tmp_path, "")


def test_a_folder_appears_whole(tmp_path: Path) -> None:
    with replacing(tmp_path / "stage") as folder:
        folder.mkdir()
        (folder / "a").write_text("a")
        assert not (tmp_path / "stage").exists()
    assert (tmp_path / "stage" / "a").read_text() == "a"


def test_what_a_killed_process_left_can_be_removed(tmp_path: Path) -> None:
    script = (
        "import os, sys\nfrom pathlib import Path\nfrom lyra_backend.atomic import replacing\n"
        "with replacing(Path(sys.argv[1])) as part:\n part.write_text('half')\n os._exit(9)\n"
    )
    assert subprocess.run([sys.executable, "-c", script, str(tmp_path / "a")]).returncode == 9
    assert list(tmp_path.iterdir()), "the test must leave something to remove"
    assert not (tmp_path / "a").exists()
    remove_leftovers(tmp_path)
    assert not list(tmp_path.iterdir())
