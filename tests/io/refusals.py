"""What readers may do with a damaged file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from lyra_backend.errors import InvalidRequest

Read = TypeVar("Read")


def read_or_refused(read: Callable[[Path], Read], path: Path) -> Read | None:
    """Return what `read` makes of a file, None if it refuses it by its name; every other error gets through."""
    try:
        return read(path)
    except InvalidRequest as error:
        if path.name not in str(error):
            raise AssertionError(f"the message must name {path.name}") from error
        return None
