"""A job as server-sent events: its states from the table, its progress from the log of its run."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from starlette.concurrency import run_in_threadpool

from ..io.event_log import EVENT_FILE, new_lines
from .folders import JobFolder
from .jobs import FINAL, JobRow, State
from .refusal import Refused

__all__ = ["job_events"]

_POLL_S = 0.25
#: Proxies close what is silent for a minute [s].
_PING_S = 15.0


async def job_events(
    look: Callable[[], JobRow], folder: JobFolder, is_stopping: Callable[[], bool]
) -> AsyncIterator[bytes]:
    """Yield the events of a job until it ends, is deleted, or the service stops.

    ``state`` comes first and whenever it changes, ``progress`` for each event of the latest attempt, old ones first,
    ``end`` last. Reading takes no lock, so any number of clients may do it.

    Args:
        look: returns the job as it is now.
        folder: its files.
        is_stopping: says whether the service is about to end.
    """
    watch = _Watch(look, folder)
    spoken = time.monotonic()
    while True:
        is_last = is_stopping()
        for text in await run_in_threadpool(watch.news):
            spoken = time.monotonic()
            yield text
        if watch.has_ended:
            return
        if is_last:
            yield _event("stopping", {"message": "the service stops; the job goes on when it starts again"})
            return
        if time.monotonic() - spoken > _PING_S:
            spoken = time.monotonic()
            yield b": still there\n\n"
        await asyncio.sleep(_POLL_S)


class _Watch:
    """What one client was told already."""

    def __init__(self, look: Callable[[], JobRow], folder: JobFolder) -> None:
        self._look, self._log = look, folder.run / EVENT_FILE
        self._at = 0
        self._told: tuple[State, int] | None = None
        self.has_ended = False

    def news(self) -> list[bytes]:
        """Return what is new."""
        try:
            job = self._look()
        except Refused:
            self.has_ended = True
            return [_event("end", {"state": State.DELETED})]
        # the log is read after the table: what a job told before it ended is in there
        if job.state not in FINAL:
            return [*self._states(job), *self._progress()]
        self.has_ended = True
        end = _event("end", {"state": job.state, "message": job.message})
        return [*self._progress(), *self._states(job), end]

    def _states(self, job: JobRow) -> Iterator[bytes]:
        if self._told != (job.state, job.attempts):
            self._told = job.state, job.attempts
            yield _event("state", {"state": job.state, "attempts": job.attempts})

    def _progress(self) -> Iterator[bytes]:
        try:
            lines, self._at = new_lines(self._log, self._at)
        except FileNotFoundError:
            self._at = 0
            return
        for line in lines:
            if "fraction" in line:
                yield _event("progress", line)


def _event(name: str, data: dict[str, Any]) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()
