"""Texts of other programs without the folders and addresses of the machine they ran on.

Findings go into reports, which are the same for the same request wherever it runs.
"""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["bare"]

_TOKEN = r"[^\s/\\:'\"@<>|,;()\[\]]+"
_POSIX = re.compile(rf"(?<![\w./\\])(?:/{_TOKEN})+/?")
_WINDOWS = re.compile(rf"(?<!\w)(?:[A-Za-z]:[\\/]|\\\\)(?:{_TOKEN}[\\/])*({_TOKEN})?[\\/]?")
_ADDRESS = re.compile(r"\s*<?\b0x[0-9a-fA-F]{6,}\b>?")
#: Files that engines and USD name; an absolute path that ends otherwise may be a prim's.
_SUFFIXES = frozenset(
    (".py .pyd .so .dll .dylib .c .cc .cpp .cu .h .usd .usda .usdc .usdz .json .log .txt .npz .ply .toml .zip").split()
)


def bare(text: str, *folders: Path) -> str:
    """Return `text` with base names for absolute paths and without memory addresses.

    Prim paths look like POSIX paths and stay: what counts as a path has a file's suffix or is there on this machine.

    Args:
        text: what some program said.
        folders: known folders, whose names may hold blanks.
    """
    # The longest first: one may lie in another.
    for folder in sorted((f.resolve() for f in folders), key=lambda f: -len(str(f))):
        if folder != Path(folder.anchor):
            for form in {str(folder), folder.as_posix()}:
                begin = rf"(?<![\w./\\-]){re.escape(form)}"
                text = re.sub(rf"{begin}[/\\]", "", text)
                text = re.sub(rf"{begin}(?![\w-])", folder.name.replace("\\", r"\\"), text)
    text = _WINDOWS.sub(lambda match: match[1] or "", text)
    text = _POSIX.sub(lambda match: _name(match[0]), text)
    return _ADDRESS.sub("", text).strip()


def _name(path: str) -> str:
    """Return the base name of what is the path of a file, and a prim path as it is."""
    parts = Path(path).parts
    # A prim may be called as a folder of the root directory is, /root for example.
    is_there = len(parts) > 2 and (Path(path).exists() or (len(parts) > 3 and Path(path).parent.is_dir()))
    return parts[-1] if is_there or Path(path).suffix.lower() in _SUFFIXES else path
