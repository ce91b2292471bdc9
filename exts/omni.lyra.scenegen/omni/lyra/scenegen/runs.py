# SPDX-FileCopyrightText: Copyright (c) 2026 Lyra SceneGen contributors
# SPDX-License-Identifier: Apache-2.0

"""The history: runs that lie in a folder, the newest first, whoever made them."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Run", "list_runs", "new_run_folder", "preview_of"]

_PREVIEW = "preview.png"
_INPUTS = ("prompt", "image", "video", "splat")


@dataclass(frozen=True)
class Run:
    """A run directory.

    Attributes:
        directory: where it is.
        title: what it was made from, for people.
        state: "accepted", "rejected" or "unfinished": one that broke off and can go on.
        request: what was asked for, as JSON data.
        report: what was found, as JSON data; empty if it is unfinished.
        preview: its picture, None if there is none yet.
        made: when it was begun [s since 1970].
    """

    directory: Path
    title: str
    state: str
    request: Mapping[str, Any]
    report: Mapping[str, Any]
    preview: Path | None
    made: float = 0.0

    @property
    def scene(self) -> Path:
        """The asset to refer to."""
        return self.directory / "scene.usda"

    def request_again(self) -> dict[str, Any]:
        """Return the request with its input files where they are now: the copies that the run keeps."""
        from lyra_backend.types.request import INPUT_FIELDS

        files = {name: str(self.directory / self.request[name]) for name in INPUT_FIELDS if self.request.get(name)}
        return {**self.request, **files}

    @staticmethod
    def read(directory: Path) -> Run | None:
        """Read a run; None if the directory holds none."""
        asked = directory / "request.json"
        request = _json(asked)
        if request is None:
            return None
        made = asked.stat().st_mtime if asked.exists() else 0.0
        report = _json(directory / "report.json") or {}
        state = "unfinished" if not report else "accepted" if report.get("accepted") else "rejected"
        return Run(directory, _title(request, directory), state, request, report, preview_of(directory), made)


def list_runs(folder: str | Path) -> list[Run]:
    """Return the runs that lie in a folder, the newest first; other things there are passed over."""
    folder = Path(folder)
    if not folder.is_dir():
        return []
    found = [run for child in folder.iterdir() if child.is_dir() and (run := Run.read(child))]
    return sorted(found, key=lambda run: run.made, reverse=True)


def preview_of(directory: Path) -> Path | None:
    """Return the picture of a run, while it is being made too."""
    found = [directory / _PREVIEW, *sorted(directory.glob(f".stages/*/{_PREVIEW}"))]
    return next((path for path in found if path.is_file()), None)


def new_run_folder(folder: Path, request: Mapping[str, Any], taken: Collection[Path] = ()) -> Path:
    """Return a directory for a new run, named after what is made: none that exists, and none that is `taken`."""
    words = re.sub(r"[^a-z0-9]+", "-", _title(request, Path("scene")).lower()).strip("-")[:40].strip("-") or "scene"
    number = 1
    while (path := folder / (words if number == 1 else f"{words}-{number}")).exists() or path in taken:
        number += 1
    return path


def _title(request: Mapping[str, Any], directory: Path) -> str:
    given = next((str(request[name]) for name in _INPUTS if request.get(name)), "")
    return given if request.get("prompt") else Path(given).name or directory.name


def _json(path: Path) -> dict[str, Any] | None:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return data if isinstance(data, dict) else None
