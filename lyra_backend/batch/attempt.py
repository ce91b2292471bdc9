"""One attempt at one scene of a batch, from a free worker to a scene in its place and the record of it.

Does: run the request with the attempt's seed, write down what came out as plain data, the same for the same request,
and put the scene where it belongs. Does not: choose what is attempted.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import Cancelled, LyraError, WriteFailed
from ..io.run_dir import RunDirectory
from ..types import RunReport, SceneRequest, SceneResult, Severity
from .manifest import Item
from .records import ACCEPTED, FAILED, REJECTED, REJECTS, SCENES, Record, folder_name, record_of, write_record
from .storage import Storage

__all__ = ["Attempt", "Generate", "make", "put_away"]

#: What is kept of a scene that was not accepted: enough to see why.
_KEPT_OF_REJECTS = ("report.json", "report.html", "request.json", "preview.png", "thumbnail.webp")

Generate = Callable[[SceneRequest, Path], SceneResult]


@dataclass(frozen=True)
class Attempt:
    """An attempt at an item.

    Attributes:
        item: what is wanted.
        earlier: what came out of the attempts before.
        limit: how many attempts there may be.
        keep: keep a scene that is not accepted whole.
    """

    item: Item
    earlier: tuple[Record, ...] = ()
    limit: int = 1
    keep: bool = False

    @property
    def request(self) -> SceneRequest:
        """What to make: the item's request with the seed of this attempt."""
        return replace(self.item.request, seed=_seed(self.item.request.seed, len(self.earlier)))

    @property
    def folder(self) -> str:
        """Name of its folder while it works, and among the rejected."""
        return folder_name(self.item.name, len(self.earlier))


def make(attempt: Attempt, work: Path, storage: Storage, generate: Generate) -> Record:
    """Make a scene and put it into `storage`; return the item's record.

    Args:
        attempt: what to make.
        work: folder in which scenes are made; one that was stopped there goes on.
        storage: where they go.
        generate: makes a request in a run directory.

    Raises:
        Cancelled: what was finished is kept in `work`.
        WriteFailed: nothing can be written, nor could other scenes.
    """
    directory = work / attempt.folder
    try:
        made = _made(attempt.request, generate(attempt.request, directory))
    except (Cancelled, WriteFailed):
        raise
    except LyraError as error:
        made = {"state": FAILED, "seed": attempt.request.seed, "error": f"{type(error).__name__}: {error}"}
    record = record_of(attempt.item, (*attempt.earlier, made), attempt.limit)
    write_record(record, storage)
    put_away(attempt, str(made["state"]), directory, storage)
    return record


def put_away(attempt: Attempt, state: str, directory: Path, storage: Storage) -> None:
    """Put what an attempt left in `directory` where it belongs; what failed stays, to be gone on with."""
    if state == ACCEPTED:
        storage.adopt(directory, f"{SCENES}/{attempt.item.name}")
    elif state == REJECTED and attempt.keep:
        storage.adopt(directory, f"{REJECTS}/{attempt.folder}")
    elif state == REJECTED:
        storage.take(directory, f"{REJECTS}/{attempt.folder}", _KEPT_OF_REJECTS)


def _seed(seed: int, number: int) -> int:
    """Return the seed of an attempt: the item's own first, then others that depend on it alone."""
    return seed if number == 0 else int.from_bytes(hashlib.sha256(f"{seed}/{number}".encode()).digest()[:6])


def _made(request: SceneRequest, result: SceneResult) -> dict[str, Any]:
    """Return what a scene is, as JSON data."""
    report, run = result.report, RunDirectory.read(result.directory)
    provenance = json.loads((run.root / "provenance.json").read_text(encoding="utf-8"))
    counts = {f"{stage.stage}.{name}": value for stage in report.stages for name, value in stage.counts.items()}
    return {
        "state": ACCEPTED if report.accepted else REJECTED,
        "seed": request.seed,
        "reasons": _codes(report, Severity.ERROR),
        "warnings": _codes(report, Severity.WARNING),
        "geometry": report.geometry,
        "grade": report.grade,
        "family": provenance.get("family"),
        "error_m": dict(report.error_m),
        "gaussians": counts.get("author.gaussians", 0),
        "triangles": counts.get("validate.collider_triangles", 0),
        "bytes": sum(path.stat().st_size for path in run.results().values()),
        "licences": _licences(provenance),
        "code": run.code,
    }


def _codes(report: RunReport, severity: Severity) -> list[str]:
    return sorted({finding.code for finding in report.findings if finding.severity is severity})


def _licences(provenance: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return name and licence of everything a scene was made from."""
    sources: Iterable[Mapping[str, Any]] = provenance.get("sources", ())
    return [{"name": str(source["name"]), "licence": str(source["licence"])} for source in sources]
