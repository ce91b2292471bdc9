"""Format conversion by gaussforge, in a process of its own.

gaussforge is native code that can hang on damaged files and prints to standard output, so it runs as a child.
``python -m lyra_backend.io.gaussforge_process IN FORMAT OUT FORMAT`` is that.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from ..errors import MissingDependency
from .child_process import run_module

__all__ = ["convert_file"]


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
    arguments = [str(source.resolve()), source_format, str(target.resolve()), target_format]
    run_module(__name__, arguments, source, subject, "converted")


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
