"""``weights.json``: what lies in a folder of weights, where it came from, and under which licence."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..errors import InvalidRequest
from ..progress import Progress

__all__ = ["FILE_NAME", "Digest", "Record", "digest_of", "digests_in", "read_record", "write_record"]

FILE_NAME = "weights.json"
_BLOCK = 1 << 22


@dataclass(frozen=True)
class Digest:
    """Size [bytes] and SHA-256 of a file."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Record:
    """What ``weights.json`` says.

    Attributes:
        name: catalogue name.
        layout: what the folder is loaded as.
        repo: where the files are published.
        revision: the commit they were fetched at; None for files that were handed in.
        published: the published files by path.
        checked: by what each published file was checked, see :data:`lyra_backend.weights.intake.CHECKS`.
        licence: name and url of the terms, and whether they were accepted here.
        files: the files of this folder by path, but for ``weights.json``.
    """

    name: str
    layout: str
    repo: str
    revision: str | None
    published: Mapping[str, Digest]
    checked: Mapping[str, str]
    licence: Mapping[str, Any]
    files: Mapping[str, Digest]


def write_record(folder: Path, record: Record) -> None:
    """Write ``weights.json``; a folder that has it is whole."""
    (folder / FILE_NAME).write_text(json.dumps(asdict(record), indent=2) + "\n", encoding="utf-8")


def read_record(folder: Path) -> Record:
    """Return what ``weights.json`` says.

    Raises:
        InvalidRequest: there is none, or it cannot be read.
    """
    path = folder / FILE_NAME
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        for key in ("published", "files"):
            data[key] = {name: Digest(**digest) for name, digest in data[key].items()}
        return Record(**data)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise InvalidRequest(
            f"{path}: cannot be read as a record of weights. Remove {folder} and fetch again."
        ) from error


def digest_of(path: Path, progress: Progress | None = None, *, also: str = "") -> tuple[Digest, str]:
    """Return size and SHA-256 of a file and, in the same pass, its sum by the algorithm `also` (such as "md5").

    Raises:
        OSError: it cannot be read.
        Cancelled: the job was stopped.
    """
    report = progress or Progress()
    size = path.stat().st_size
    main = hashlib.sha256()
    # Not against attackers: it is what the publisher gives.
    second = hashlib.new(also, usedforsecurity=False) if also else None
    done = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            main.update(block)
            if second is not None:
                second.update(block)
            done += len(block)
            report(done / max(size, 1), f"checking {path.name}")
    return Digest(done, main.hexdigest()), "" if second is None else second.hexdigest()


def digests_in(folder: Path, progress: Progress | None = None) -> dict[str, Digest]:
    """Return the digests of all files of a folder by path with forward slashes, but for ``weights.json``."""
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file() and path != folder / FILE_NAME]
    report = progress or Progress()
    shares = _shares([path.stat().st_size for path in paths])
    return {
        path.relative_to(folder).as_posix(): digest_of(path, report.child(*share))[0]
        for path, share in zip(paths, shares, strict=True)
    }


def _shares(sizes: list[int]) -> list[tuple[float, float]]:
    """Return the part [start, end] of the whole that each size is."""
    total, start, shares = max(sum(sizes), 1), 0, []
    for size in sizes:
        shares.append((start / total, (start + size) / total))
        start += size
    return shares
