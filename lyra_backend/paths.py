"""Paths that callers give."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from .errors import InvalidRequest, shown

__all__ = ["cache_folder", "check_new", "data_folder", "given_path"]

_PROGRAM = "lyra-scenegen"


def cache_folder() -> Path:
    """Return where this program keeps what can be fetched or made again: the platform's place for it, by user."""
    return _user_folder("XDG_CACHE_HOME", ".cache")


def data_folder() -> Path:
    """Return where this program keeps its data: the platform's place for it, by user."""
    return _user_folder("XDG_DATA_HOME", ".local/share")


def _user_folder(variable: str, usual: str) -> Path:
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    else:
        base = os.environ.get(variable) or Path.home() / usual
    return Path(base) / _PROGRAM


def given_path(subject: str, value: object) -> Path:
    """Return `value` as a path.

    Raises:
        InvalidRequest: it is none, or one that no system has.
    """
    if not isinstance(value, str | os.PathLike):
        raise InvalidRequest(f"{subject} must be a path, got {shown(value)}.")
    text = os.fspath(value)
    if not isinstance(text, str) or not text or "\0" in text:
        raise InvalidRequest(f"{subject} must be a path, some text without NUL characters, got {shown(text)}.")
    return Path(text)


def check_new(path: Path, overwrite: bool) -> None:
    """Refuse to replace a file unless that is wanted.

    Raises:
        InvalidRequest: there is a file, and not `overwrite`.
    """
    if path.exists() and not overwrite:
        raise InvalidRequest(f"{path}: there is such a file. Choose another name, or add --overwrite to replace it.")
