"""Files and folders that appear whole or not at all.

What is being written lies under its own name in a new folder beside its place, because only there is a rename
atomic, and is renamed at the end. A process that is killed leaves that folder behind; :func:`remove_leftovers` is for
whoever owns the folder around it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import InvalidRequest, WriteFailed

__all__ = ["atomic_write", "remove_leftovers", "replacing"]

_PREFIX = ".writing-"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a path of the same name to write to; when the block ends well, it replaces the file `path`.

    A folder may be made there as well, if there is none at `path` yet.

    Raises:
        InvalidRequest: the folder of `path` does not exist, or `path` is a folder.
        WriteFailed: nothing can be written there.
    """
    if not path.parent.is_dir():
        raise InvalidRequest(f"{path.parent}: must be a folder, but there is none. Make it or choose another output.")
    if path.is_dir():
        raise InvalidRequest(f"{path}: the output must be a file, but this is a folder. Add a file name.")
    # Not of the tempfile module: on Windows its folders hand their narrow permissions on to what is moved out.
    folder = path.with_name(f"{_PREFIX}{os.urandom(6).hex()}")
    try:
        folder.mkdir()
        yield folder / path.name
        (folder / path.name).replace(path)
    except OSError as error:
        raise WriteFailed(path, error) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def atomic_write(path: Path, data: str | bytes) -> None:
    """Write bytes, or text as UTF-8 with its line ends as they are; errors are those of :func:`replacing`."""
    with replacing(path) as part:
        part.write_bytes(data.encode("utf-8") if isinstance(data, str) else data)


def remove_leftovers(folder: Path) -> None:
    """Remove what killed processes left half-written in `folder`; nobody else may be writing there.

    Raises:
        OSError: something cannot be removed.
    """
    for leftover in folder.glob(f"{_PREFIX}*"):
        shutil.rmtree(leftover)
