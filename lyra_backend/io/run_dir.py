"""The run directory: the contract between a run, its faces and everything that reads results later.

``request.json`` says what was asked for, ``events.jsonl`` what happened, ``.stages/<key>/`` keeps finished stages of
a run that did not finish, and ``.complete`` is written last. Whatever else lies there is a result.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import InvalidRequest
from ..types.report import RunReport
from ..types.request import INPUT_FIELDS, SceneRequest

__all__ = ["EXEMPT_FILES", "RunDirectory", "file_digest"]

#: Files that tell of one attempt and so differ between equal runs.
EXEMPT_FILES = ("events.jsonl", "timings.json", "report.html")
_COMPLETE = ".complete"
_STAGES = ".stages"


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file's content in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class RunDirectory:
    """One run's folder; use :meth:`open`."""

    def __init__(self, root: Path, request: SceneRequest, *, created: bool) -> None:
        self.root = root
        self.request = request
        self._created = created
        self._sources: dict[str, str] = {}

    @staticmethod
    def open(root: Path, request: SceneRequest, *, overwrite: bool = False) -> RunDirectory:
        """Make `root` the directory of `request`, or come back to it.

        Input files are copied into ``inputs/``, named by content; the directory's request names the copies.

        Raises:
            InvalidRequest: an input file is missing, `root` holds something else, or nothing can be written there.
        """
        inputs = _input_files(request)
        adopted = _with_inputs(request, {field: name for field, (_, name) in inputs.items()})
        if root.is_file():
            raise InvalidRequest(f"{root}: the output must be a directory, but this is a file. Choose another --out.")
        created = not root.exists() or not any(root.iterdir())
        if not created:
            created = _make_room(root, adopted, overwrite)
        try:
            root.mkdir(parents=True, exist_ok=True)
            run = RunDirectory(root, adopted, created=created)
            for source, name in inputs.values():
                run._adopt(source, name)
                run._sources[str((root / name).resolve())] = str(source)
            run.write("request.json", json.dumps(adopted.to_json(), indent=2, ensure_ascii=False) + "\n")
        except OSError as error:
            raise InvalidRequest(f"{root}: cannot write there ({error.strerror}). Choose another --out.") from error
        for leftover in (root / _STAGES).glob("*.part"):
            shutil.rmtree(leftover)
        return run

    @staticmethod
    def read_request(root: Path) -> SceneRequest:
        """Return the request a run directory holds.

        Raises:
            InvalidRequest: `root` is not a run directory.
        """
        path = root / "request.json"
        if not path.is_file():
            raise InvalidRequest(f"{root}: not a run directory, it has no request.json.")
        try:
            return SceneRequest.from_json(json.loads(path.read_text(encoding="utf-8")))
        except json.JSONDecodeError as error:
            raise InvalidRequest(f"{path}: not valid JSON ({error}).") from error

    @property
    def complete(self) -> bool:
        return (self.root / _COMPLETE).is_file()

    def read_report(self) -> RunReport:
        """Return the report of a complete run."""
        return RunReport.from_json(json.loads((self.root / "report.json").read_text(encoding="utf-8")))

    def resolved_request(self) -> SceneRequest:
        """Return the request with its input files as absolute paths."""
        given = {name: getattr(self.request, name) for name in INPUT_FIELDS}
        return _with_inputs(self.request, {n: str((self.root / v).resolve()) for n, v in given.items() if v})

    def in_users_words(self, message: str) -> str:
        """Return `message` with the copies of input files called what the user called them."""
        for copy, source in self._sources.items():
            message = message.replace(copy, source)
        return message

    def write(self, name: str, data: str | bytes) -> None:
        """Write a file under its final name in one step."""
        _write(self.root / name, data)

    def append_event(self, event: dict[str, Any]) -> None:
        """Add one line to ``events.jsonl``."""
        with (self.root / "events.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(event, ensure_ascii=False) + "\n")

    def stage_path(self, key: str) -> Path | None:
        """Return the folder of a finished stage, None if it is not there."""
        path = self.root / _STAGES / key
        return path if path.is_dir() else None

    @contextmanager
    def new_stage(self, key: str) -> Iterator[Path]:
        """Give a folder to fill; it becomes the finished stage `key` when the block ends without an error."""
        part = self.root / _STAGES / f"{key}.part"
        part.mkdir(parents=True)
        try:
            yield part
            part.replace(self.root / _STAGES / key)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise

    def publish(self, folders: list[tuple[Path, tuple[str, ...]]]) -> None:
        """Move the named files of finished stages to the top of the directory."""
        for folder, names in folders:
            for name in names:
                # A run that was killed while publishing has moved some of them already.
                if (folder / name).exists() or not (self.root / name).exists():
                    (folder / name).replace(self.root / name)

    def finish(self) -> None:
        """Mark the run as complete and drop what was kept for resuming."""
        _write(self.root / _COMPLETE, "")
        shutil.rmtree(self.root / _STAGES, ignore_errors=True)

    def abandon(self, *, keep_finished: bool = True) -> None:
        """Remove the directory if this run made it, unless there are finished stages to keep for resuming."""
        stages = self.root / _STAGES
        resumable = keep_finished and stages.is_dir() and any(stages.iterdir())
        if self._created and not resumable and not self.complete:
            _clear(self.root)
            self.root.rmdir()

    def _adopt(self, source: Path, name: str) -> None:
        target = self.root / name
        if not target.is_file():
            target.parent.mkdir(exist_ok=True)
            part = target.with_name(target.name + ".part")
            shutil.copyfile(source, part)
            part.replace(target)


def _write(path: Path, data: str | bytes) -> None:
    part = path.with_name(path.name + ".part")
    part.write_bytes(data.encode("utf-8") if isinstance(data, str) else data)
    part.replace(path)


def _with_inputs(request: SceneRequest, files: dict[str, str]) -> SceneRequest:
    return SceneRequest.from_json({**request.to_json(), **files})


def _input_files(request: SceneRequest) -> dict[str, tuple[Path, str]]:
    """Return {field: (source, name in the run directory)} of the request's input files."""
    found = {}
    for field in INPUT_FIELDS:
        value = getattr(request, field)
        if value is None:
            continue
        path = Path(value)
        if path.is_dir():
            raise InvalidRequest(f"{field}: {path} is a directory, a file is needed.")
        if not path.is_file():
            raise InvalidRequest(f"{field}: {path} does not exist. Check the path.")
        suffix = "".join(path.suffixes[-2:]) if path.name.endswith(".compressed.ply") else path.suffix
        found[field] = (path, f"inputs/{file_digest(path)[:16]}{suffix.lower()}")
    return found


def _make_room(root: Path, adopted: SceneRequest, overwrite: bool) -> bool:
    """Check that a directory with content may be used; return whether it is as good as new."""
    if not (root / "request.json").is_file():
        raise InvalidRequest(f"{root}: holds files that are not a run. Choose an empty or new directory for --out.")
    if RunDirectory.read_request(root).canonical() == adopted.canonical():
        if overwrite and (root / _COMPLETE).is_file():
            _clear(root)
            return True
        return False
    if not overwrite:
        raise InvalidRequest(f"{root}: already holds another run. Choose another --out, or add --overwrite.")
    _clear(root)
    return True


def _clear(root: Path) -> None:
    for entry in root.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
