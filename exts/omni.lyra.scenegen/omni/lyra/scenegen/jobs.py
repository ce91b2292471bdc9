# SPDX-FileCopyrightText: Copyright (c) 2026 Lyra SceneGen contributors
# SPDX-License-Identifier: Apache-2.0

"""Jobs: scenes that are being made in a thread, while Kit goes on drawing.

What happens there is put into a queue, which Kit's own thread empties once a frame. Does: run one job after the other,
cancel, survive workers that die. Does not: touch widgets or stages.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lyra_backend.progress import CancelToken, Event
    from lyra_backend.types import SceneResult

    from .drivers import Driver

__all__ = ["Job", "JobState", "JobThread"]


class JobState(StrEnum):
    """How a job is."""

    WAITING = "waiting"
    RUNNING = "running"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass
class Job:
    """One scene on its way.

    Attributes:
        request: what is made, as JSON data.
        out: the run's directory.
        state: how it is, as of the last :meth:`drain`.
        latest: the last event, None before the first.
        result: what was made, None until then.
        error: why it failed, "" if it did not.
    """

    request: dict[str, Any]
    out: Path
    token: CancelToken
    state: JobState = JobState.WAITING
    latest: Event | None = None
    result: SceneResult | None = None
    error: str = ""
    _told: queue.SimpleQueue[Any] = field(default_factory=queue.SimpleQueue, repr=False)

    @property
    def ended(self) -> bool:
        return self.state not in (JobState.WAITING, JobState.RUNNING)

    def cancel(self) -> None:
        """Stop at the next report of progress; finished stages are kept for another go."""
        self.token.cancel()

    def drain(self) -> list[Event]:
        """Take in what has happened since the last call, from the thread that shows it; return the events."""
        events: list[Event] = []
        while True:
            try:
                told = self._told.get_nowait()
            except queue.Empty:
                return events
            if isinstance(told, _End):
                if self.ended:
                    continue
                self.state, self.result, self.error = told.state, told.result, told.error
            elif not self.ended:
                self.state = JobState.RUNNING
                self.latest = told
                events.append(told)


@dataclass(frozen=True)
class _End:
    state: JobState
    result: SceneResult | None = None
    error: str = ""


class JobThread:
    """One thread and the driver that it works with; jobs wait for each other.

    Args:
        make_driver: makes who makes the scenes; asked again after the choice of it has changed.
    """

    def __init__(self, make_driver: Callable[[], Driver]) -> None:
        self._make_driver = make_driver
        self._driver: Driver | None = None
        self._lock = threading.Lock()
        self._closed = False
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._jobs: list[Job] = []
        # it may wait for a service or a worker that starts, which must not keep Kit from ending
        self._thread = threading.Thread(target=self._run, name="lyra-scenegen", daemon=True)
        self._thread.start()

    @property
    def folders(self) -> set[Path]:
        """Directories of jobs that go on or wait; they may not be there yet."""
        return {job.out for job in self._jobs if not job.ended}

    def start(self, request: dict[str, Any], out: Path, *, overwrite: bool = False) -> Job:
        """Begin a job, after those that were begun before."""
        from lyra_backend.progress import CancelToken

        job = Job(request, out, CancelToken())
        self._jobs = [j for j in self._jobs if not j.ended] + [job]
        self._work.put(lambda: job._told.put(self._ended(job, overwrite)))
        return job

    def ask(self, question: Callable[[Driver], Any]) -> Future[Any]:
        """Let the thread ask its driver something, such as what there is."""
        answer: Future[Any] = Future()

        def work() -> None:
            try:
                answer.set_result(question(self._running_driver()))
            except Exception as error:
                answer.set_exception(error)

        self._work.put(work)
        return answer

    def renew(self) -> None:
        """Make the driver anew for the next job; the running one is not disturbed."""
        self._work.put(self._drop_driver)

    def close(self, patience_s: float = 2.0) -> None:
        """Stop all jobs and end the driver and the thread.

        Args:
            patience_s: how long to wait for that [s]; what takes longer ends by itself, and Kit goes on meanwhile.
        """
        for job in self._jobs:
            job.cancel()
        with self._lock:
            self._closed, driver = True, self._driver
        self._work.put(None)
        ending = threading.Thread(target=driver.close if driver else lambda: None, daemon=True)
        ending.start()
        for thread in (ending, self._thread):
            thread.join(patience_s)
        for job in self._jobs:
            job._told.put(_End(JobState.CANCELLED))  # those that were never begun; of the others it comes too late

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            work()
        self._drop_driver()

    def _ended(self, job: Job, overwrite: bool) -> _End:
        from lyra_backend.errors import Cancelled, LyraError

        try:
            if job.token.cancelled:
                return _End(JobState.CANCELLED)
            made = self._running_driver().generate(
                job.request, job.out, overwrite=overwrite, listener=job._told.put, token=job.token
            )
        except Cancelled:
            return _End(JobState.CANCELLED)
        except LyraError as error:
            return _End(JobState.CANCELLED if job.token.cancelled else JobState.FAILED, error=str(error))
        except Exception as error:  # a thread that breaks in silence would leave the panel waiting for ever
            return _End(JobState.FAILED, error=f"{type(error).__name__}: {error}")
        return _End(JobState.ACCEPTED if made.report.accepted else JobState.REJECTED, made)

    def _running_driver(self) -> Driver:
        from lyra_backend.errors import Cancelled

        with self._lock:
            if self._closed:
                raise Cancelled("job: Kit is closing")
            if self._driver is None:
                self._driver = self._make_driver()
            return self._driver

    def _drop_driver(self) -> None:
        with self._lock:
            driver, self._driver = self._driver, None
        if driver is not None:
            driver.close()
