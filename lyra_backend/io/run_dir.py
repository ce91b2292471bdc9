"""The run directory: the contract between a run, its faces and everything that reads results later.

``request.json`` says what was asked for, ``events.jsonl`` what happened, ``.stages/<key>/`` keeps finished stages of
a run that did not finish, and ``.complete``, written last, says which code made the results. ``.lock`` is there while
a process works in the directory. Whatever else lies there is a result.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ..atomic import atomic_write, remove_leftovers, replacing
from ..errors import InvalidRequest, WriteFailed
from ..types.report import RunReport
from ..types.request import INPUT_FIELDS, SceneRequest
from .event_log import EVENT_FILE
from .run_inputs import INPUTS, NAMES_FILE, RunInputs, with_inputs
from .run_lock import LOCK_FILE, RunLock

__all__ = ["COMPLETE_FILE", "EXEMPT_FILES", "VARIATIONS", "RunDirectory"]

#: Files that tell of one attempt and so differ between equal runs.
EXEMPT_FILES = (EVENT_FILE, "timings.json", "report.html", NAMES_FILE)
_REQUEST = "request.json"
_REPORT = "report.json"
#: Written last: what is here is whole.
COMPLETE_FILE = ".complete"
_STAGES = ".stages"
#: Folder of variations, which are made from a finished run and not by it.
VARIATIONS = "variations"


class RunDirectory:
    """One run's folder: :meth:`open` it to work in it, :meth:`read` it to look at it."""

    def __init__(
        self, root: Path, request: SceneRequest, *, inputs: RunInputs | None = None, lock: RunLock | None = None
    ) -> None:
        self.root = root
        self.request = request
        self._inputs = inputs or RunInputs({}, {})
        self._lock = lock
        self._created = False

    @staticmethod
    def open(
        root: Path,
        request: SceneRequest,
        *,
        overwrite: bool = False,
        undecisive: Mapping[str, Collection[str]] = MappingProxyType({}),
    ) -> RunDirectory:
        """Make `root` the directory of `request`, or come back to it; nobody else can until it is closed.

        Input files are copied into ``inputs/``, named by content; the directory's request names the copies. What a
        killed run left half-written is removed. Use it in a ``with`` statement, or :meth:`close` it.

        Args:
            root: the directory; made if needed.
            request: the run it is for.
            overwrite: remove another run, or a complete run of this request.
            undecisive: fields of ``request.params`` by stage that may differ in a run of the same request; what is
                continued takes the new values, what is complete keeps those it was made with.

        Raises:
            InvalidRequest: an input file cannot be read, `root` holds something else, another process works there, or
                it is no place to write to.
            WriteFailed: the disk is full or broken.
        """
        if root.is_file():
            raise InvalidRequest(f"{root}: the output must be a directory, but this is a file. Choose another --out.")
        inputs = RunInputs.of(request)
        adopted = with_inputs(request, inputs.names)
        try:
            root.mkdir(parents=True, exist_ok=True)
            run = RunDirectory(root, adopted, inputs=inputs, lock=RunLock(root))
            try:
                run._prepare(overwrite, undecisive)
            except BaseException:
                run.abandon()
                run.close()
                raise
        except (FileExistsError, NotADirectoryError, PermissionError) as error:
            raise InvalidRequest(f"{root}: cannot write there ({error.strerror}). Choose another --out.") from error
        except OSError as error:
            raise WriteFailed(root, error) from error
        return run

    @staticmethod
    def read(root: Path) -> RunDirectory:
        """Return the run in `root`, to look at; a process may be working there.

        Raises:
            InvalidRequest: `root` is not a run directory.
        """
        return RunDirectory(root, RunDirectory.read_request(root))

    @staticmethod
    def read_request(root: Path) -> SceneRequest:
        """Return the request a run directory holds.

        Raises:
            InvalidRequest: `root` is not a run directory.
        """
        if not (root / _REQUEST).is_file():
            raise InvalidRequest(f"{root}: not a run directory, it has no {_REQUEST}.")
        return SceneRequest.from_json(_read_object(root / _REQUEST))

    def __enter__(self) -> RunDirectory:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let other processes work here; a second call does nothing."""
        if self._lock is not None:
            self._lock.release()

    @property
    def complete(self) -> bool:
        return (self.root / COMPLETE_FILE).is_file()

    @property
    def code(self) -> str | None:
        """What :meth:`finish` was told of the code that made the results; None if it was not told."""
        try:
            code = _read_object(self.root / COMPLETE_FILE).get("code")
        except InvalidRequest:
            return None
        return code if isinstance(code, str) else None

    def read_report(self) -> RunReport:
        """Return the report of a complete run.

        Raises:
            InvalidRequest: it is not there, or is no report.
        """
        path = self.root / _REPORT
        try:
            return RunReport.from_json(_read_object(path))
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidRequest(
                f"{path}: must be the report of a finished run, but is missing or damaged. Add --overwrite to "
                "generate to make it anew."
            ) from error

    def results(self) -> dict[str, Path]:
        """Return the files that are the same whenever this request is run, by name relative to the directory."""
        files = {path.relative_to(self.root): path for path in sorted(self.root.rglob("*")) if path.is_file()}
        return {
            name.as_posix(): path
            for name, path in files.items()
            if not name.parts[0].startswith(".") and name.parts[0] != VARIATIONS and name.name not in EXEMPT_FILES
        }

    def resolved_request(self) -> SceneRequest:
        """Return the request with its input files as absolute paths."""
        given = {name: getattr(self.request, name) for name in INPUT_FIELDS}
        return with_inputs(self.request, {n: str((self.root / v).resolve()) for n, v in given.items() if v})

    def in_users_words(self, message: str) -> str:
        """Return `message` with the copies of input files called what the user called them."""
        return self._inputs.in_users_words(message, self.root)

    def write(self, name: str, data: str | bytes) -> None:
        """Write a file under its final name in one step."""
        atomic_write(self.root / name, data)

    def stage_folder(self, key: str) -> Path:
        """Return where the finished stage `key` lies; there is such a folder only if it is finished."""
        return self.root / _STAGES / key

    def kept_folder(self, key: str) -> Path:
        """Return where a stage may keep what it finished before its end, for the next attempt if this one is killed.

        It goes with all that is kept for resuming when the run is complete.
        """
        return self.root / _STAGES / f"{key}.kept"

    @contextmanager
    def new_stage(self, key: str) -> Iterator[Path]:
        """Give a folder to fill; it becomes the finished stage `key` when the block ends without an error."""
        self.stage_folder(key).parent.mkdir(exist_ok=True)
        with replacing(self.stage_folder(key)) as part:
            part.mkdir()
            yield part

    def drop_stage(self, key: str) -> None:
        """Remove a finished stage."""
        shutil.rmtree(self.stage_folder(key))

    def publish(self, folders: list[tuple[Path, tuple[str, ...]]]) -> None:
        """Move the named files of finished stages to the top of the directory."""
        for folder, names in folders:
            for name in names:
                # A run that was killed while publishing has moved some of them already.
                if (folder / name).exists() or not (self.root / name).exists():
                    (folder / name).replace(self.root / name)

    def finish(self, code: str) -> None:
        """Mark the run as complete, made by `code`, and drop what was kept for resuming."""
        self.write(COMPLETE_FILE, json.dumps({"code": code}) + "\n")
        shutil.rmtree(self.root / _STAGES, ignore_errors=True)

    def abandon(self) -> None:
        """Remove the directory if this run made it, unless there are finished stages to come back to."""
        stages = self.root / _STAGES
        resumable = stages.is_dir() and any(stages.iterdir())
        if self._created and not resumable and not self.complete:
            with suppress(OSError):
                _clear(self.root)
                self.close()
                self.root.rmdir()

    def _prepare(self, overwrite: bool, undecisive: Mapping[str, Collection[str]]) -> None:
        kept = sorted((self.root / _STAGES).glob("*.kept"))
        for folder in (self.root, self.root / _STAGES, self.root / INPUTS, *kept):
            remove_leftovers(folder)
        if self.complete:
            shutil.rmtree(self.root / _STAGES, ignore_errors=True)
        if any(path.name != LOCK_FILE for path in self.root.iterdir()):
            self._make_room(overwrite, undecisive)
        else:
            self._created = True
        if not self.complete:
            # First, so that a directory that holds anything says what it is.
            self.write(_REQUEST, json.dumps(self.request.to_json(), indent=2, ensure_ascii=False) + "\n")
        self._inputs.adopt(self.root)

    def _make_room(self, overwrite: bool, undecisive: Mapping[str, Collection[str]]) -> None:
        """Check that a directory with content may be used, and clear it if that is what the user wants."""
        if not (self.root / _REQUEST).is_file():
            raise InvalidRequest(
                f"{self.root}: holds files that are not a run. Choose an empty or new directory for --out."
            )
        same = _essence(RunDirectory.read_request(self.root), undecisive) == _essence(self.request, undecisive)
        if not same and not overwrite:
            raise InvalidRequest(f"{self.root}: already holds another run. Choose another --out, or add --overwrite.")
        # An unfinished run of the same request is continued even so: it may be the overwriting one, stopped.
        if overwrite and (self.complete or not same):
            _clear(self.root)
            self._created = True


def _essence(request: SceneRequest, undecisive: Mapping[str, Collection[str]]) -> str:
    """Return a text that requests for the same results share."""
    params = {
        stage: {name: value for name, value in values.items() if name not in undecisive.get(stage, ())}
        for stage, values in request.params.items()
    }
    return replace(request, params={stage: values for stage, values in params.items() if values}).canonical()


def _read_object(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file.

    Raises:
        InvalidRequest: there is none.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidRequest(
            f"{path}: cannot be read ({error.strerror}). Check the path and its permissions."
        ) from error
    except ValueError as error:
        raise InvalidRequest(f"{path}: not valid JSON ({error}).") from error
    if not isinstance(data, dict):
        raise InvalidRequest(f"{path}: must hold a JSON object, got {type(data).__name__}.")
    return data


def _clear(root: Path) -> None:
    """Empty a run directory but for its lock, in an order that a kill can interrupt.

    The first to go is the claim that the run is complete, the last what says that this is a run.
    """
    names = [path.name for path in root.iterdir() if path.name not in (COMPLETE_FILE, _REQUEST, LOCK_FILE)]
    for path in (root / name for name in (COMPLETE_FILE, *names, _REQUEST)):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
