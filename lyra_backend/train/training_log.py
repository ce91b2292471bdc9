"""What each step of a training said, a line of JSON each, and for TensorBoard if that is wanted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from ..atomic import atomic_write
from ..errors import MissingDependency, WriteFailed

__all__ = ["TrainingLog"]

_FILE = "log.jsonl"


class TrainingLog:
    """``log.jsonl`` of a training, which goes on after a checkpoint as if nothing had been in between."""

    def __init__(self, folder: Path, first: int, *, tensorboard: bool = False) -> None:
        """Open the log for steps from `first` on; lines of later ones, after the checkpoint, are dropped.

        Raises:
            MissingDependency: TensorBoard is wanted and not installed.
            WriteFailed: it cannot be written.
        """
        self._path = folder / _FILE
        _cut(self._path, first)
        self._board = _board(folder, first) if tensorboard else None
        self._file: TextIO | None = None

    def __enter__(self) -> TrainingLog:
        try:
            self._file = self._path.open("a", encoding="utf-8")
        except OSError as error:
            raise WriteFailed(self._path, error) from error
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._file is not None:
            self._file.close()
        if self._board is not None:
            self._board.close()

    def add(self, step: int, parts: Mapping[str, float]) -> None:
        """Write what a step said.

        Raises:
            WriteFailed: the disk is full or the like.
        """
        if self._file is None:
            raise ValueError("TrainingLog: is not open.")
        try:
            line = {"step": step, **{name: round(value, 6) for name, value in parts.items()}}
            self._file.write(json.dumps(line) + "\n")
            self._file.flush()
        except OSError as error:
            raise WriteFailed(self._path, error) from error
        if self._board is not None:
            for name, value in parts.items():
                self._board.add_scalar(name, value, step)


def _cut(path: Path, first: int) -> None:
    """Drop lines of steps from `first` on, and one that is not whole."""
    if not path.is_file():
        return
    lines = path.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if (step := _step_of(line)) is not None and step < first]
    if kept != lines:
        atomic_write(path, "".join(f"{line}\n" for line in kept))


def _step_of(line: str) -> int | None:
    try:
        return int(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return None


def _board(folder: Path, first: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise MissingDependency("tensorboard", "a log for TensorBoard", "train") from error
    # steps that are taken again replace what is there
    return SummaryWriter(str(folder), purge_step=first)
