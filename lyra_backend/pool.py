"""Several workers for many jobs: each job goes to whichever is free, and outlives a worker that dies.

Does: run as many jobs at a time as there are workers, on a GPU each where there are some. Does not: decide which jobs
there are, in what order, or what becomes of their results.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from .client import Worker
from .errors import Cancelled, DirectoryBusy, WorkerDied
from .progress import CancelToken, Event
from .types import SceneRequest, SceneResult
from .worker_process import PATIENCE_S

__all__ = ["Job", "WorkerPool", "persist"]

T = TypeVar("T")

#: A job that takes its worker down with it this often, and comes no further meanwhile, is at fault itself.
_LIVES = 3
#: Share of a job that counts as coming further.
_FURTHER = 0.05
#: How long what a killed parent left behind may hold on to a run directory [s].
_BUSY_S = 30.0
_POLL_S = 0.2


@dataclass(frozen=True)
class Job:
    """A scene to make: `request` in the run directory `out`; set `token` to stop it, begun or not."""

    request: SceneRequest
    out: Path
    overwrite: bool = False
    token: CancelToken = field(default_factory=CancelToken)


class WorkerPool:
    """Workers, and a queue of jobs for them, first come first served.

    Args:
        count: how many jobs run at a time.
        command: how Python is started in the workers' environment; this process's own by default.
        devices: CUDA devices to hand out, one a worker in turn, as CUDA_VISIBLE_DEVICES has them; none leaves it as
            it is.
        threads: how many threads each worker's libraries may use; None leaves that to them.
        recycle_bytes: resident memory above which a worker is replaced between jobs [bytes].
        patience_s: how long a cancelled job may go on until its worker is ended [s].
    """

    def __init__(
        self,
        count: int,
        *,
        command: Sequence[str] = (),
        devices: Sequence[str] = (),
        threads: int | None = None,
        recycle_bytes: int | None = None,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._free: queue.SimpleQueue[Worker] = queue.SimpleQueue()
        self._workers = [
            Worker(
                command,
                environment=_device(devices, i),
                threads=threads,
                recycle_bytes=recycle_bytes,
                patience_s=patience_s,
            )
            for i in range(count)
        ]
        for worker in self._workers:
            self._free.put(worker)
        self._executor = ThreadPoolExecutor(count, thread_name_prefix="lyra-worker")

    def __enter__(self) -> WorkerPool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pids(self) -> tuple[int, ...]:
        """Process numbers of the workers that run."""
        return tuple(pid for worker in self._workers if (pid := worker.pid) is not None)

    def describe(self) -> dict[str, Any]:
        """Return what :meth:`Worker.describe` does; the worker that is asked is warm for its first job."""
        worker = self._free.get()
        try:
            return worker.describe()
        finally:
            self._free.put(worker)

    def submit(self, job: Job, listener: Callable[[Event], None] | None = None) -> Future[SceneResult]:
        """Queue a job; the future holds its result or what :meth:`Worker.generate` raises.

        `listener` and the future's callbacks run in threads of the pool.
        """
        return self.apply(lambda worker: persist(worker, job, listener), job.token)

    def apply(self, task: Callable[[Worker], T], token: CancelToken) -> Future[T]:
        """Queue anything that needs a worker for a while; it is not begun any more once `token` is set."""
        return self._executor.submit(self._run, task, token)

    def close(self) -> None:
        """End the workers once their jobs are done; stop them first if they are not wanted any more."""
        self._executor.shutdown(wait=True, cancel_futures=True)
        for worker in self._workers:
            worker.close()

    def _run(self, task: Callable[[Worker], T], token: CancelToken) -> T:
        if token.cancelled:
            raise Cancelled("job: cancelled before it began")
        worker = self._free.get()
        try:
            return task(worker)
        finally:
            self._free.put(worker)


def persist(worker: Worker, job: Job, listener: Callable[[Event], None] | None = None) -> SceneResult:
    """Have a job done in spite of a worker's death, and of the last breath of one that worked there before.

    Raises:
        WorkerDied: it took several workers down with it.
        LyraError: whatever :meth:`Worker.generate` raises.
    """
    lives, until = _LIVES, time.monotonic() + _BUSY_S
    reached = furthest = 0.0

    def show(event: Event) -> None:
        nonlocal furthest
        furthest = max(furthest, event.fraction)
        if listener is not None:
            listener(event)

    while True:
        try:
            return worker.generate(job.request, job.out, overwrite=job.overwrite, listener=show, token=job.token)
        except WorkerDied as error:
            if furthest > reached + _FURTHER:
                lives, reached = _LIVES, furthest
            lives -= 1
            if lives == 0:
                raise _given_up(error, furthest) from error
        except DirectoryBusy:
            if time.monotonic() > until or job.token.cancelled:
                raise
            time.sleep(_POLL_S)


def _given_up(last: WorkerDied, furthest: float) -> WorkerDied:
    return WorkerDied(
        f"job: took {_LIVES} workers down and came no further than {furthest:.0%}, so it is not tried again. If memory "
        f"ran out, run fewer workers at a time or ask for less; finished stages are kept. The last one: {last}"
    )


def _device(devices: Sequence[str], number: int) -> Mapping[str, str]:
    return {"CUDA_VISIBLE_DEVICES": devices[number % len(devices)]} if devices else {}
