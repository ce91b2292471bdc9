"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import InvalidRequest

__all__ = ["replacing"]


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary name beside `path`; what was written there becomes `path` when the block ends well.

    Raises:
        InvalidRequest: the folder is missing, `path` is a folder, or nothing can be written there.
    """
    if path.is_dir():
        raise InvalidRequest(f"{path}: the output must be a file, but this is a folder. Add a file name.")
    if not path.parent.is_dir():
        raise InvalidRequest(f"{path}: its folder does not exist. Create it first or choose another output.")
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield part
        part.replace(path)
    except OSError as error:
        raise InvalidRequest(f"{path}: cannot write there ({error.strerror}). Choose another output.") from error
    finally:
        part.unlink(missing_ok=True)
