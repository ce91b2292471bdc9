"""Format conversion by gaussforge, in a process of its own.

gaussforge is native code that can hang on damaged files and prints to standard output, so it runs where a time limit
ends it and its output is caught. ``python -m lyra_backend.io.gaussforge_process IN FORMAT OUT FORMAT`` is the child.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tempfile
from pathlib import Path

from ..errors import InvalidRequest, MissingDependency

__all__ = ["convert_file", "temporary_folder"]

#: Seconds a conversion may take, plus this many for each megabyte: over ten times what was ever measured.
_BASE_LIMIT_S = 60.0
_LIMIT_S_PER_MB = 2.0


def convert_file(source: Path, source_format: str, target: Path, target_format: str, subject: str) -> None:
    """Convert one splat file into another format.

    Args:
        source, target: input and output file.
        source_format, target_format: gaussforge's names of the formats.
        subject: how messages name the user's file.

    Raises:
        MissingDependency: gaussforge is not installed.
        InvalidRequest: gaussforge does not accept the file, crashes on it or does not come to an end.
    """
    if importlib.util.find_spec("gaussforge") is None:
        raise MissingDependency("gaussforge", f"{subject}: .{source_format} to .{target_format}", "formats")
    limit = _BASE_LIMIT_S + _LIMIT_S_PER_MB * source.stat().st_size / 1e6
    command = [sys.executable, "-m", __name__, str(source.resolve()), source_format]
    command += [str(target.resolve()), target_format]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=limit, cwd=_root())
    except subprocess.TimeoutExpired:
        raise InvalidRequest(f"{subject}: conversion did not end within {limit:.0f} s; the file is damaged.") from None
    if done.returncode:
        raise InvalidRequest(f"{subject}: cannot be converted: {_reason(done)}. Export it again or use .ply.")


def _reason(done: subprocess.CompletedProcess[str]) -> str:
    """Return why the child failed: its own last words, unless it was ended by a signal or, on Windows, a fault."""
    lines = done.stderr.strip().splitlines()
    if done.returncode == 1 and lines:
        return lines[-1].rstrip(".")
    return f"the converter crashed on it (code {done.returncode})"


def _root() -> Path:
    """Return the folder that `lyra_backend` lies in, so that the child finds it however the parent did."""
    return Path(__file__).resolve().parents[2]


def temporary_folder() -> tempfile.TemporaryDirectory[str]:
    """Return a folder that is removed at the end of its block."""
    return tempfile.TemporaryDirectory(prefix="lyra-splats-", ignore_cleanup_errors=True)


def _main(source: str, source_format: str, target: str, target_format: str) -> int:
    import gaussforge

    result = gaussforge.GaussForge().convert(Path(source).read_bytes(), source_format, target_format)
    if "data" not in result:
        sys.stderr.write(f"{result.get('error', 'gaussforge gave no result')}\n")
        return 1
    Path(target).write_bytes(result["data"])
    return 0


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
