"""The workers of this machine, for a batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType

from ..client import Worker
from ..pool import Job, WorkerPool, persist
from ..progress import CancelToken, Event
from ..types import SceneRequest, SceneResult
from .attempt import Attempt, make
from .records import Record
from .storage import Storage

__all__ = ["LocalPool"]


class LocalPool:
    """Workers that make attempts in `work` and put them into `storage`; arguments are those of `WorkerPool`."""

    def __init__(
        self,
        size: int,
        work: Path,
        storage: Storage,
        *,
        devices: Sequence[str] = (),
        threads: int | None = None,
        recycle_bytes: int | None = None,
    ) -> None:
        self.size = size
        self._work, self._storage = work, storage
        self._pool = WorkerPool(size, devices=devices, threads=threads, recycle_bytes=recycle_bytes)

    def __enter__(self) -> LocalPool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.close()

    @property
    def pids(self) -> tuple[int, ...]:
        """Process numbers of the workers that run."""
        return self._pool.pids

    def attempt(self, attempt: Attempt, token: CancelToken, listener: Callable[[Event], None]) -> Future[Record]:
        """Queue an attempt; the future holds what :func:`~.attempt.make` returns or raises."""

        def task(worker: Worker) -> Record:
            def generate(request: SceneRequest, out: Path) -> SceneResult:
                return persist(worker, Job(request, out, token=token), listener)

            return make(attempt, self._work, self._storage, generate)

        return self._pool.apply(task, token)
