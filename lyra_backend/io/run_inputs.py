"""The input files of a run: copied into its directory and named there by their content.

A folder of splats is one input. In its copy the files keep their names, which may say in which order they come.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..atomic import atomic_write, replacing
from ..errors import InvalidRequest
from ..types.request import FOLDER_FIELDS, INPUT_FIELDS, SceneRequest
from .splat_sequence import sequence_files

__all__ = ["INPUTS", "NAMES_FILE", "RunInputs", "content_digest", "file_digest", "with_inputs"]

#: Folder in a run directory.
INPUTS = "inputs"
#: File in it: what the user's files were called.
NAMES_FILE = "names.json"


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file's content in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def content_digest(path: Path) -> str:
    """Return the SHA-256 of an input, in hexadecimal: of a file, or of the names and contents of a folder's splats.

    Raises:
        InvalidRequest: a folder holds no sequence of splats.
    """
    if not path.is_dir():
        return file_digest(path)
    digest = hashlib.sha256()
    for file in sorted(sequence_files(path)):
        digest.update(file.name.encode("utf-8", "surrogateescape") + b"\0" + file_digest(file).encode() + b"\n")
    return digest.hexdigest()


def with_inputs(request: SceneRequest, files: Mapping[str, str]) -> SceneRequest:
    """Return `request` with other input files, given by field."""
    return SceneRequest.from_json({**request.to_json(), **files})


@dataclass(frozen=True)
class RunInputs:
    """Input files by request field: where the user has them, and their names relative to the run directory."""

    sources: Mapping[str, Path]
    names: Mapping[str, str]

    @staticmethod
    def of(request: SceneRequest) -> RunInputs:
        """Find the input files of a request.

        Raises:
            InvalidRequest: a file does not exist or cannot be read, or a folder holds no sequence.
        """
        sources = _found(request)
        return RunInputs(sources, {field: _name(field, path) for field, path in sources.items()})

    def adopt(self, root: Path) -> None:
        """Copy those files into the run directory `root` that are not there yet, and note what they were called.

        The names, without their folders, go into a file of their own: what a file is called changes nothing in any
        other result.
        """
        for field, source in self.sources.items():
            target = root / self.names[field]
            if not target.exists():
                target.parent.mkdir(exist_ok=True)
                with replacing(target) as part:
                    _copy(source, part)
        if self.sources and not (root / INPUTS / NAMES_FILE).is_file():
            called = {Path(self.names[field]).name: source.name for field, source in self.sources.items()}
            atomic_write(root / INPUTS / NAMES_FILE, json.dumps(called, indent=2) + "\n")

    def in_users_words(self, message: str, root: Path) -> str:
        """Return `message` with the copies in `root` called what the user called the files."""
        for field, source in self.sources.items():
            message = message.replace(str((root / self.names[field]).resolve()), str(source))
        return message


def _copy(source: Path, target: Path) -> None:
    """Copy a file, or those files of a folder that are the input."""
    if not source.is_dir():
        shutil.copyfile(source, target)
        return
    target.mkdir()
    for file in sequence_files(source):
        shutil.copyfile(file, target / file.name)


def _found(request: SceneRequest) -> dict[str, Path]:
    """Return the input files of a request by field, if all are there: none is read before that is known."""
    sources = {field: Path(value) for field in INPUT_FIELDS if (value := getattr(request, field)) is not None}
    for field, path in sources.items():
        if path.is_dir() and field not in FOLDER_FIELDS:
            raise InvalidRequest(f"{field}: {path} is a directory, a file is needed.")
        if not path.is_dir() and not path.is_file():
            raise InvalidRequest(f"{field}: {path} does not exist. Check the path.")
    return sources


def _name(field: str, path: Path) -> str:
    suffix = "".join(path.suffixes[-2:]) if path.name.endswith(".compressed.ply") else path.suffix
    try:
        return f"{INPUTS}/{content_digest(path)[:16]}{'' if path.is_dir() else suffix.lower()}"
    except OSError as error:
        raise InvalidRequest(f"{field}: {path} cannot be read ({error.strerror}). Check its permissions.") from error
