"""The index of a teacher's data: by what they were made, and which files of scenes there are."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from ..atomic import atomic_write
from ..errors import InvalidRequest, shown

__all__ = ["AGAIN", "INDEX_FILE", "Index", "Origin", "Shard", "sha256_of", "shard_file", "versions"]

INDEX_FILE = "data.json"
#: What to do about a file that is not as it was written.
AGAIN = "Remove it and run the command that made the data: it is made again."
_FORMAT, _VERSION = "lyra-teacher-data", 1
#: Packages whose version can show in the last digits.
_PACKAGES = ("lyra-backend", "torch", "diffusers", "warp-lang", "numpy")


@dataclass(frozen=True)
class Origin:
    """What decides what the data are; data of two origins never share a folder.

    Attributes:
        teacher: SHA-256 of each file of its weights, see :func:`~.teacher.weights_of`.
        recipe: settings, JSON data.
        seed: of the data.
    """

    teacher: Mapping[str, str]
    recipe: Mapping[str, Any]
    seed: int

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON data, such as it is read again: tuples are lists."""
        known = {"teacher": dict(self.teacher), "recipe": dict(self.recipe), "seed": self.seed}
        data: dict[str, Any] = json.loads(json.dumps(known, sort_keys=True))
        return data

    def refuse_other(self, folder: Path, other: Origin) -> None:
        """Raise InvalidRequest unless the data in `folder`, which are of `other`, are of this one."""
        mine, theirs = self.to_json(), other.to_json()
        differing = [name for name in mine if mine[name] != theirs[name]]
        if not differing:
            return
        name = differing[0]
        if isinstance(mine[name], dict):
            name, mine[name], theirs[name] = _first_difference(name, mine[name], theirs[name])
        raise InvalidRequest(
            f"{folder}: holds data of another origin: {name} is {shown(theirs[name])} there and {shown(mine[name])} "
            "now. Choose another folder, or remove this one."
        )


@dataclass(frozen=True)
class Shard:
    """A file of scenes.

    Attributes:
        bytes: its size.
        sha256: its sum.
        scenes: the names of its scenes.
        versions: of packages that it was made with.
    """

    bytes: int
    sha256: str
    scenes: tuple[str, ...]
    versions: Mapping[str, str] = field(default_factory=dict)

    def lies_in(self, folder: Path, number: int) -> bool:
        """Return whether there is such a file of its size."""
        path = folder / shard_file(number)
        return path.is_file() and path.stat().st_size == self.bytes


@dataclass
class Index:
    """File ``data.json``: the origin of the data, how many scenes a file has, and the files by number."""

    origin: Origin
    scenes_per_shard: int
    shards: dict[int, Shard]

    @staticmethod
    def read(folder: Path) -> Index:
        """Read ``data.json``.

        Raises:
            InvalidRequest: it is missing, damaged or of another version.
        """
        path = folder / INDEX_FILE
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise InvalidRequest(
                f"{folder}: must be a folder of teacher's data, but {INDEX_FILE} cannot be read ({error.strerror})."
            ) from error
        except ValueError as error:
            raise _damaged_index(path, error) from error
        if not isinstance(data, dict) or (data.get("format"), data.get("version")) != (_FORMAT, _VERSION):
            raise InvalidRequest(f"{path}: must say format {_FORMAT}, version {_VERSION}; make the data anew.")
        try:
            shards = {int(s["number"]): _shard_from(s) for s in data["shards"]}
            origin = Origin(dict(data["teacher"]), dict(data["recipe"]), int(data["seed"]))
            return Index(origin, int(data["scenes_per_shard"]), dict(sorted(shards.items())))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise _damaged_index(path, error) from error

    @staticmethod
    def resumed(folder: Path, origin: Origin, scenes_per_shard: int) -> Index:
        """Return the index of a folder that is to hold such data; one that has none yet gets it.

        Raises:
            InvalidRequest: it holds data of another origin or division, or something else.
            WriteFailed: nothing can be written there.
        """
        if not (folder / INDEX_FILE).exists():
            if any(folder.glob("shard_*.safetensors")):
                raise InvalidRequest(
                    f"{folder}: has shards but no {INDEX_FILE}. Remove them, or choose another folder."
                )
            Index(origin, scenes_per_shard, {}).write(folder)
        found = Index.read(folder)
        origin.refuse_other(folder, found.origin)
        if found.scenes_per_shard != scenes_per_shard:
            raise InvalidRequest(
                f"{folder}: its files have {found.scenes_per_shard} scenes each, and {scenes_per_shard} are asked for. "
                "Ask for as many, or choose another folder."
            )
        return found

    def write(self, folder: Path) -> None:
        """Write ``data.json``; raises WriteFailed."""
        shards = [
            {"number": number, "file": shard_file(number), "bytes": s.bytes, "sha256": s.sha256}
            | {"scenes": list(s.scenes), "versions": dict(s.versions)}
            for number, s in sorted(self.shards.items())
        ]
        data = {"format": _FORMAT, "version": _VERSION, **self.origin.to_json()}
        data |= {"scenes_per_shard": self.scenes_per_shard, "shards": shards}
        atomic_write(folder / INDEX_FILE, json.dumps(data, indent=1) + "\n")


def shard_file(number: int) -> str:
    """Return the name of a file of scenes."""
    return f"shard_{number:05d}.safetensors"


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file; raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def versions() -> dict[str, str]:
    """Return the versions of packages that are installed."""
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def _shard_from(data: Mapping[str, Any]) -> Shard:
    made_with = {str(name): str(version) for name, version in data["versions"].items()}
    return Shard(int(data["bytes"]), str(data["sha256"]), tuple(map(str, data["scenes"])), made_with)


def _damaged_index(path: Path, error: Exception) -> InvalidRequest:
    return InvalidRequest(
        f"{path}: is damaged ({type(error).__name__}: {error}). Remove the folder and make the data anew."
    )


def _first_difference(name: str, mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> tuple[str, Any, Any]:
    key = next(key for key in sorted({*mine, *theirs}) if mine.get(key) != theirs.get(key))
    return f"{name}.{key}", mine.get(key), theirs.get(key)
