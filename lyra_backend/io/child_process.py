"""Modules run as programs of their own: native code that can hang, crash or print on damaged files.

A time limit ends the child, its output is caught, and what it used of memory is gone with it.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from ..errors import InvalidRequest

__all__ = ["REFUSED", "run_module", "temporary_folder"]

#: Exit code of a child whose last line on standard error is a whole message for the user.
REFUSED = 3
#: Seconds a child may take, plus this many for each megabyte: over ten times what was ever measured.
_BASE_LIMIT_S = 60.0
_LIMIT_S_PER_MB = 2.0


def run_module(module: str, arguments: list[str], source: Path, subject: str, purpose: str) -> None:
    """Run ``python -m MODULE ARGUMENTS`` until it ends.

    Args:
        module: dotted name.
        arguments: the command line; paths must be absolute.
        source: the file it reads, whose size gives the time limit.
        subject: how messages name the user's file.
        purpose: what cannot be done with the file if the child fails, "converted".

    Raises:
        InvalidRequest: the child refuses the file, crashes on it or does not come to an end.
    """
    limit = _BASE_LIMIT_S + _LIMIT_S_PER_MB * source.stat().st_size / 1e6
    command = [sys.executable, "-m", module, *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=limit, cwd=_root())
    except subprocess.TimeoutExpired:
        raise InvalidRequest(f"{subject}: was not {purpose} within {limit:.0f} s; the file is damaged.") from None
    if done.returncode == REFUSED:
        raise InvalidRequest(done.stderr.strip().splitlines()[-1])
    if done.returncode:
        raise InvalidRequest(f"{subject}: cannot be {purpose}: {_reason(done)}. Export it again or use .ply.")


def temporary_folder() -> tempfile.TemporaryDirectory[str]:
    """Return a folder that is removed at the end of its block."""
    return tempfile.TemporaryDirectory(prefix="lyra-splats-", ignore_cleanup_errors=True)


def _reason(done: subprocess.CompletedProcess[str]) -> str:
    """Return why the child failed: its own last words, unless it was ended by a signal or, on Windows, a fault."""
    lines = done.stderr.strip().splitlines()
    if done.returncode == 1 and lines:
        return lines[-1].rstrip(".")
    return f"the program that reads it crashed (code {done.returncode})"


def _root() -> Path:
    """Return the folder that `lyra_backend` lies in, so that the child finds it however the parent did."""
    return Path(__file__).resolve().parents[2]
