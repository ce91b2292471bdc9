"""The directory of one job: links to the uploads it needs, and its run directory.

A job's request names files in here and nowhere else.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..io.run_dir import RunDirectory
from ..types import SceneRequest

__all__ = ["JobFolder"]


class JobFolder:
    """What lies at `root`; made when there is something to keep.

    Attributes:
        run: the run directory.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.run = root / "run"
        self._inputs = root / "inputs"

    def adopt(self, files: Mapping[str, Sequence[Path]]) -> None:
        """Take uploads, by request field; several files are a folder of splats in this order.

        Raises:
            FileNotFoundError: an upload is gone.
        """
        for field, paths in files.items():
            for number, path in enumerate(paths):
                name = f"{field}/frame_{number:05d}{path.suffix}" if len(paths) > 1 else f"{field}{path.suffix}"
                (self._inputs / name).parent.mkdir(parents=True, exist_ok=True)
                _link(path, self._inputs / name)

    def scene_request(self, request: Mapping[str, Any], models: Mapping[str, str]) -> SceneRequest:
        """Return a client's request with these files and the operator's `models`."""
        files = {path.name.partition(".")[0]: str(path) for path in self._inputs.glob("*")}
        model = request.get("model")
        return SceneRequest.from_json({**request, **files, "model": models[model] if model else None})

    def results(self) -> dict[str, Path]:
        """Return the files that a finished run left, by name; links are not among them."""
        return {name: path for name, path in RunDirectory(self.run, _NOTHING).results().items() if _is_own(path, self)}

    def size(self) -> int:
        """Return what its run takes [bytes], which may be in the middle of its work; files of uploads count there."""
        found = 0
        for folder, _, names in os.walk(self.run):
            for name in names:
                with suppress(FileNotFoundError):  # it was there a moment ago
                    found += os.lstat(Path(folder, name)).st_size
        return found

    def drop_inputs(self) -> None:
        """Remove the links: a finished run has copies."""
        _remove(self._inputs)

    def remove(self) -> None:
        """Remove all of it."""
        _remove(self.root)

    def tidy(self) -> None:
        """Finish what a killed process was removing."""
        for leftover in self.root.glob(f"{_DOOMED}*"):
            shutil.rmtree(leftover, ignore_errors=True)


_DOOMED = ".removed-"
#: Results are told by what lies there, whatever was asked for.
_NOTHING = SceneRequest(prompt="nothing")


def _is_own(path: Path, folder: JobFolder) -> bool:
    return not path.is_symlink() and path.resolve().is_relative_to(folder.run.resolve())


def _link(source: Path, target: Path) -> None:
    """Give a file a second name, which costs nothing; copy it where the disk cannot do that."""
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:
        shutil.copyfile(source, target)


def _remove(folder: Path) -> None:
    """Remove a folder; a process that a killed service left may still write there, and finds nothing any more."""
    doomed = folder.with_name(f"{_DOOMED}{folder.name}-{os.urandom(4).hex()}")
    try:
        folder.rename(doomed)
    except FileNotFoundError:
        return
    shutil.rmtree(doomed, ignore_errors=True)
