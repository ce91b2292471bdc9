"""Paths that callers give."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from .errors import InvalidRequest, shown

__all__ = ["check_new", "given_path", "user_cache"]


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


def user_cache() -> Path:
    """Return this program's folder in the platform's place for what can be fetched again."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "lyra-scenegen"
