"""Where finished scenes of a batch go: a folder, or any place that fsspec knows.

Does: take finished run directories and small files in, whole or not at all, and say what is there. Does not: know what
they mean. A scene in a folder arrives by a rename; in an object store its mark of completion is the last to arrive, and
what has none is not there.
"""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from ..atomic import atomic_write, remove_leftovers, replacing
from ..errors import InvalidRequest, MissingDependency, WriteFailed
from ..io.run_dir import COMPLETE_FILE
from ..paths import given_path

__all__ = ["FolderStorage", "RemoteStorage", "Storage", "open_storage"]


class Storage(Protocol):
    """A place with folders of scenes and small files; names are relative and have ``/`` in them."""

    def adopt(self, directory: Path, name: str) -> None:
        """Move a complete run directory to `name`; one that is there is kept, and `directory` removed."""

    def take(self, directory: Path, name: str, files: Iterable[str]) -> None:
        """Keep those of `files` that `directory` has, below `name`, and remove `directory`."""

    def write(self, name: str, data: bytes) -> None:
        """Write a small file in one step."""

    def read_all(self, folder: str) -> dict[str, bytes]:
        """Return the files of a folder by name; none if there is no such folder."""

    def scenes(self, folder: str) -> frozenset[str]:
        """Return the names of the complete scenes in a folder."""


def open_storage(out: str) -> Storage:
    """Return the storage at a path or URL.

    Raises:
        InvalidRequest: nobody knows its protocol, or the path is that of a file.
        MissingDependency: it is a URL and fsspec, or what the protocol needs, is not installed.
    """
    if "://" not in out or out.startswith("file://"):
        root = given_path("out", out.removeprefix("file://"))
        if root.is_file():
            raise InvalidRequest(f"{root}: the output must be a directory, but this is a file. Choose another --out.")
        return FolderStorage(root)
    return RemoteStorage(out)


class FolderStorage:
    """A folder of this machine, or of one that it shares."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def adopt(self, directory: Path, name: str) -> None:
        target = self._place(name)
        if target.is_dir():
            shutil.rmtree(directory)
            return
        try:
            directory.rename(target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise WriteFailed(target, error) from error
            with replacing(target) as part:  # from another disk
                shutil.copytree(directory, part)
            shutil.rmtree(directory)

    def take(self, directory: Path, name: str, files: Iterable[str]) -> None:
        for file in files:
            if (directory / file).is_file():
                self.write(f"{name}/{file}", (directory / file).read_bytes())
        shutil.rmtree(directory)

    def write(self, name: str, data: bytes) -> None:
        atomic_write(self._place(name), data)

    def read_all(self, folder: str) -> dict[str, bytes]:
        place = self.root / folder
        if not place.is_dir():
            return {}
        remove_leftovers(place)
        return {path.name: path.read_bytes() for path in place.iterdir() if path.is_file()}

    def scenes(self, folder: str) -> frozenset[str]:
        place = self.root / folder
        if not place.is_dir():
            return frozenset()
        remove_leftovers(place)
        return frozenset(path.name for path in place.iterdir() if (path / COMPLETE_FILE).is_file())

    def _place(self, name: str) -> Path:
        place = self.root / name
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise WriteFailed(place.parent, error) from error
        return place


class RemoteStorage:
    """An object store, a server or whatever else fsspec has a driver for."""

    def __init__(self, url: str) -> None:
        try:
            import fsspec
        except ImportError as error:
            raise MissingDependency("fsspec", f"output to {url}", extra="batch") from error
        try:
            self._files, self._root = fsspec.url_to_fs(url)
        except ImportError as error:  # fsspec names the package that the protocol needs
            raise MissingDependency(str(error), f"output to {url}") from error
        except ValueError as error:
            raise InvalidRequest(f"{url}: {error}. Give a path, or a URL of a protocol that fsspec knows.") from error
        if "file" in self._files.protocol and not url.startswith("local://"):  # what it takes others for
            raise InvalidRequest(
                f"{url}: no such protocol, {url.partition('://')[0]!r}. Give a path, or a URL of a protocol that "
                "fsspec knows."
            )
        self._url = url

    def adopt(self, directory: Path, name: str) -> None:
        names = sorted(p.relative_to(directory).as_posix() for p in directory.rglob("*") if p.is_file())
        names.sort(key=lambda one: one == COMPLETE_FILE)  # stable: it comes last
        for one in names:
            self._put(directory / one, f"{name}/{one}")
        shutil.rmtree(directory)

    def take(self, directory: Path, name: str, files: Iterable[str]) -> None:
        for file in files:
            if (directory / file).is_file():
                self._put(directory / file, f"{name}/{file}")
        shutil.rmtree(directory)

    def write(self, name: str, data: bytes) -> None:
        place = self._place(name)
        with self._named_errors():
            self._files.makedirs(place.rpartition("/")[0], exist_ok=True)
            self._files.pipe_file(place, data)

    def read_all(self, folder: str) -> dict[str, bytes]:
        with self._named_errors():
            self._files.invalidate_cache()
            if not self._files.isdir(self._place(folder)):
                return {}
            paths = [path for path in self._files.ls(self._place(folder), detail=False) if self._files.isfile(path)]
            found: dict[str, bytes] = self._files.cat(paths) if paths else {}
        return {path.rpartition("/")[2]: data for path, data in found.items()}

    def scenes(self, folder: str) -> frozenset[str]:
        with self._named_errors():
            self._files.invalidate_cache()
            marks = self._files.glob(f"{self._place(folder)}/*/{COMPLETE_FILE}")
        return frozenset(mark.split("/")[-2] for mark in marks)

    def _put(self, path: Path, name: str) -> None:
        place = self._place(name)
        with self._named_errors():
            self._files.makedirs(place.rpartition("/")[0], exist_ok=True)
            self._files.put_file(str(path), place)

    def _place(self, name: str) -> str:
        return f"{self._root.rstrip('/')}/{name}"

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        """Turn what drivers raise, in classes of their own, into one error for the user."""
        try:
            yield
        except Exception as error:
            cause = error if isinstance(error, OSError) else OSError(f"{type(error).__name__}: {error}")
            raise WriteFailed(Path(self._url), cause) from error
