"""Errors of Lyra SceneGen.

A message names the subject, the rule it broke, what came instead and what to do about it. Poor *quality* of a
scene is never an exception: it is a :class:`~lyra_backend.types.Finding`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path

__all__ = [
    "BrokenPlugin",
    "Cancelled",
    "DirectoryBusy",
    "FetchFailed",
    "InvalidRequest",
    "LyraError",
    "MissingDependency",
    "StageFailed",
    "WorkerDied",
    "WriteFailed",
    "nearest",
    "revived",
    "shown",
]

_SHOWN_CHARACTERS = 60


class LyraError(Exception):
    """Base of every error that this package raises on purpose."""


class InvalidRequest(LyraError, ValueError):
    """Something the user asked for or handed in cannot be used."""


class DirectoryBusy(InvalidRequest):
    """Another process works in the run directory."""


class MissingDependency(LyraError, ImportError):
    """An optional package is needed for this request and is not installed."""

    def __init__(self, package: str, purpose: str, extra: str | None = None) -> None:
        install = f"lyra-backend[{extra}]" if extra else package
        super().__init__(f"{package}: needed for {purpose}, but not installed. Run: pip install '{install}'")


class BrokenPlugin(LyraError, ImportError):
    """A plugin is there but cannot be used; if importing it failed, the cause is chained."""


class StageFailed(LyraError):
    """A pipeline stage broke; the cause is chained."""

    def __init__(self, stage: str, cause: BaseException) -> None:
        super().__init__(f"{stage}: failed with {type(cause).__name__}: {cause}")
        self.stage = stage


class WriteFailed(LyraError):
    """A result cannot be written: the disk is full or read-only, or there is no permission; the cause is chained."""

    def __init__(self, path: Path, cause: OSError) -> None:
        reason = cause.strerror or str(cause)
        super().__init__(f"{path}: cannot write there ({reason}). Make room or choose another output, and run again.")


class FetchFailed(LyraError):
    """Something cannot be had from the network now; the same request may succeed later, and continues where it was."""


class WorkerDied(LyraError):
    """The process that worked on a job is gone; what it had finished is kept, and the same job continues there."""


class Cancelled(LyraError):
    """The user asked to stop; finished stages stay usable."""


def revived(name: str, message: str) -> LyraError:
    """Return an error that another process told of by its class and text; an unknown class is a `LyraError`."""
    kinds = {kind.__name__: kind for kind in _all_kinds(LyraError)}
    kind = kinds.get(name, LyraError)
    error = kind.__new__(kind)  # their own constructors make up the text, which is here already
    Exception.__init__(error, message)
    return error


def _all_kinds(kind: type[LyraError]) -> list[type[LyraError]]:
    return [kind, *(lower for below in kind.__subclasses__() for lower in _all_kinds(below))]


def nearest(word: str, known: Iterable[str]) -> str:
    """Return a sentence that lists the known words and suggests the closest one."""
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.5)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    return f"known: {', '.join(names) or 'none'}.{hint}"


def shown(value: object) -> str:
    """Return a value as an error message quotes it: as Python writes it, and never a page of it."""
    try:
        text = repr(value)
    except ValueError:  # whole numbers of thousands of digits have no text
        return "a value too large to show"
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."
