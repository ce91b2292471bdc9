"""Weights and arrays that are written whole or not at all, and say so when the disk is full."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import save_file

from ..errors import WriteFailed

__all__ = ["save_arrays", "save_folder"]


def save_arrays(arrays: Mapping[str, npt.NDArray[Any]], path: Path, metadata: Mapping[str, str]) -> None:
    """Write arrays to a file of safetensors; raises OSError, also for what safetensors says of a full disk."""
    with _told_by_system():
        save_file(dict(arrays), path, metadata=dict(metadata))


def save_folder(folder: Path, save: Callable[[Path], object]) -> None:
    """Let `save` write a network into a folder, which then takes the place of `folder`.

    Raises:
        WriteFailed: the disk is full or the like; what was there is left as it was.
    """
    part = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        with _told_by_system():
            save(part)
        shutil.rmtree(folder, ignore_errors=True)
        part.rename(folder)
    except OSError as error:
        raise WriteFailed(folder, error) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


@contextmanager
def _told_by_system() -> Iterator[None]:
    """Raise what safetensors says of a full disk as the system's own error."""
    try:
        yield
    except SafetensorError as error:
        raise OSError(str(error)) from error
