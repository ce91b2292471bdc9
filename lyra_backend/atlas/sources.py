"""Which scenes go into an atlas: run directories, and the accepted scenes of batches.

Does: find them, in the order given, and refuse what is not finished, not accepted or not there. Does not: read a scene.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InvalidRequest
from ..io.run_dir import RunDirectory
from ..types import RunReport, SceneRequest, Severity

__all__ = ["Source", "find_sources"]

_NAMED = 3


@dataclass(frozen=True)
class Source:
    """A finished scene; `name` is that of its folder, with a number where several share one."""

    name: str
    directory: Path
    request: SceneRequest
    report: RunReport


def find_sources(paths: Sequence[Path], *, force: bool) -> tuple[Source, ...]:
    """Return the scenes at `paths`, in their order; of a batch the accepted ones, in the order of its index.

    The same scene may be given twice; it gets two tiles.

    Args:
        paths: run directories and folders of batches.
        force: take scenes that were not accepted as well.

    Raises:
        InvalidRequest: one is neither, did not finish, or was not accepted and not `force`.
    """
    folders = [folder for path in paths for folder in _scenes_of(path)]
    if not folders:
        raise InvalidRequest("atlas: needs at least one scene; name run directories or the folder of a batch.")
    runs = [_finished(folder) for folder in folders]
    reports = [run.read_report() for run in runs]
    if not force:
        _check_accepted(folders, reports)
    names = _unique([folder.resolve().name for folder in folders])
    return tuple(
        Source(name, run.root, run.request, report) for name, run, report in zip(names, runs, reports, strict=True)
    )


def _scenes_of(path: Path) -> Iterator[Path]:
    from ..batch.dataset import INDEX_FILE
    from ..batch.records import ACCEPTED, SCENES

    index = path / INDEX_FILE
    if not index.is_file():
        if (path / SCENES).is_dir():
            raise InvalidRequest(
                f"{path}: looks like a batch, but has no {INDEX_FILE}, which a batch writes when it ends. Let the "
                f"batch go on to its end with the same command, or name scenes: {path / SCENES}/*"
            )
        yield path
        return
    rows = list(_rows(index))
    accepted = [row for row in rows if row.get("state") == ACCEPTED and isinstance(row.get("directory"), str)]
    if not accepted:
        raise InvalidRequest(f"{path}: none of the {len(rows)} scenes of this batch is accepted; see its README.md.")
    for row in accepted:
        yield path / row["directory"]


def _rows(index: Path) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(index.read_text(encoding="utf-8").splitlines(), 1):
        try:
            row = json.loads(line)
        except ValueError as error:
            raise InvalidRequest(f"{index}: line {number} is not JSON ({error}); run the batch again.") from error
        if not isinstance(row, dict):
            raise InvalidRequest(f"{index}: line {number} must be a JSON object; run the batch again.")
        yield row


def _finished(folder: Path) -> RunDirectory:
    if not folder.is_dir():
        raise InvalidRequest(f"{folder}: does not exist; name a run directory or the folder of a batch.")
    run = RunDirectory.read(folder)
    if not run.complete:
        raise InvalidRequest(
            f"{folder}: this run did not finish; run generate again with the same --out to continue it."
        )
    return run


def _check_accepted(folders: Sequence[Path], reports: Sequence[RunReport]) -> None:
    refused = [(folder, report) for folder, report in zip(folders, reports, strict=True) if not report.accepted]
    if refused:
        shown = "; ".join(f"{folder.name} ({_reasons(report)})" for folder, report in refused[:_NAMED])
        more = f" and {len(refused) - _NAMED} more" if len(refused) > _NAMED else ""
        raise InvalidRequest(
            f"atlas: scenes must be accepted to train in, but {len(refused)} of {len(folders)} are not: {shown}{more}. "
            "Leave them out, or add --force to take them as they are."
        )


def _reasons(report: RunReport) -> str:
    errors = dict.fromkeys(f.code for f in report.findings if f.severity is Severity.ERROR)
    return ", ".join(errors) or "no reason given"


def _unique(names: Sequence[str]) -> list[str]:
    """Number names that come again: room, room_2, room_3."""
    given: list[str] = []
    for name in names:
        number, candidate = 1, name
        while candidate in given:
            number += 1
            candidate = f"{name}_{number}"
        given.append(candidate)
    return given
