"""``events.jsonl``: what a run tells while it works, for whoever wants to look, in any process.

Each attempt begins with a line that says which process works and ends with one that says how it ended; in between
there is a line for each progress event, and one with the traceback of what broke. Following it needs no lock and
disturbs nobody.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Any

__all__ = ["EVENT_FILE", "Ending", "append", "begin", "end", "follow", "new_lines"]

EVENT_FILE = "events.jsonl"
_POLL_S = 0.1


class Ending(StrEnum):
    """How an attempt at a run ended; `INTERRUPTED` is one whose process is gone without a word."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


def begin(root: Path) -> None:
    """Note that this process begins to work in `root`."""
    import psutil

    own = psutil.Process()
    _end_line(root / EVENT_FILE)
    append(root, {"begun": {"pid": own.pid, "since": own.create_time()}})


def end(root: Path, how: Ending, message: str = "") -> None:
    """Note how the attempt ended; where that cannot be written, its end shows by the process being gone."""
    with suppress(OSError):
        append(root, {"ended": how.value, "message": message})


def append(root: Path, line: Mapping[str, Any]) -> None:
    """Add a line."""
    with (root / EVENT_FILE).open("a", encoding="utf-8") as file:
        file.write(json.dumps(line, ensure_ascii=False) + "\n")


def follow(root: Path, show: Callable[[dict[str, Any]], None], go_on: Callable[[], bool]) -> tuple[Ending, str] | None:
    """Hand the progress events of the latest attempt to `show`, old ones first, until it ends; return how it did.

    Args:
        root: a run directory; there need not be an attempt yet.
        show: called with each progress event as it stands in the file.
        go_on: asked while there is nothing new; once it says no, None is returned.
    """
    process, at = None, 0
    while True:
        # asked first: what a process wrote before it ended is still to be read
        is_gone, is_last = process is not None and not _is_alive(process), not go_on()
        try:
            lines, at = new_lines(root / EVENT_FILE, at)
        except FileNotFoundError:
            return Ending.INTERRUPTED, "its directory was removed, as happens where there is nothing to keep"
        for line in lines:
            if "begun" in line:
                process = line["begun"]
            elif "ended" in line:
                return Ending(line["ended"]), str(line["message"])
            elif "fraction" in line:
                show(line)
        if is_gone:
            return Ending.INTERRUPTED, "its process is gone"
        if is_last:
            return None
        time.sleep(_POLL_S)


def new_lines(path: Path, at: int) -> tuple[list[dict[str, Any]], int]:
    """Return the whole lines of a log from byte `at` on, and the byte to go on from.

    Args:
        path: the log.
        at: where to begin; with 0, and in a file that was begun anew, at the latest attempt.

    Raises:
        FileNotFoundError: there is no log, or no longer.
    """
    if at == 0 or at > path.stat().st_size:
        at = _start(path)
    with path.open("rb") as file:
        file.seek(at)
        whole = [raw for raw in file if raw.endswith(b"\n")]  # the last may be half-written
    return [_parsed(raw) for raw in whole], at + sum(map(len, whole))


def _end_line(path: Path) -> None:
    """End the line that the last process was killed in, so that the next one is whole."""
    with suppress(FileNotFoundError), path.open("rb+") as file:
        if file.seek(0, os.SEEK_END) == 0:
            return
        file.seek(-1, os.SEEK_END)
        if file.read(1) != b"\n":
            file.write(b"\n")


def _parsed(raw: bytes) -> dict[str, Any]:
    """Return a line; one that its writer was killed in says nothing."""
    try:
        line: dict[str, Any] = json.loads(raw)
    except ValueError:
        return {}
    return line


def _start(path: Path) -> int:
    """Return where the latest attempt begins in the file [bytes]."""
    at = found = 0
    with path.open("rb") as file:
        for raw in file:
            found = at if raw.startswith(b'{"begun"') else found
            at += len(raw)
    return found


def _is_alive(process: Mapping[str, Any]) -> bool:
    """Return whether this very process still runs; its number may be another's by now."""
    import psutil

    with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
        found = psutil.Process(int(process["pid"]))
        return abs(found.create_time() - process["since"]) < 1.0 and found.status() != psutil.STATUS_ZOMBIE
    return False
