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
from concurrent.futures import Future, ThreadPoolExecutor
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
                self.state, self.result, self.error = told.state, told.result, told.error
            else:
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
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="lyra-scenegen")
        self._jobs: list[Job] = []

    def start(self, request: dict[str, Any], out: Path, *, overwrite: bool = False) -> Job:
        """Begin a job, after those that were begun before."""
        from lyra_backend.progress import CancelToken

        job = Job(request, out, CancelToken())
        self._jobs = [j for j in self._jobs if not j.ended] + [job]
        self._pool.submit(self._work, job, overwrite)
        return job

    def ask(self, question: Callable[[Driver], Any]) -> Future[Any]:
        """Let the thread ask its driver something, such as what there is."""
        return self._pool.submit(lambda: question(self._running_driver()))

    def renew(self) -> None:
        """Make the driver anew for the next job; the running one is not disturbed."""
        self._pool.submit(self._drop_driver)

    def close(self) -> None:
        """Stop all jobs and end the driver and the thread; returns once they are gone."""
        for job in self._jobs:
            job.cancel()
        with self._lock:
            driver = self._driver
        if driver is not None:
            driver.close()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._drop_driver()

    def _work(self, job: Job, overwrite: bool) -> None:
        job._told.put(self._ended(job, overwrite))

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
        with self._lock:
            if self._driver is None:
                self._driver = self._make_driver()
            return self._driver

    def _drop_driver(self) -> None:
        with self._lock:
            driver, self._driver = self._driver, None
        if driver is not None:
            driver.close()
