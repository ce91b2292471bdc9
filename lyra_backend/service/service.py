"""All parts of a running service, put together."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import filelock
from starlette.concurrency import run_in_threadpool

from ..errors import DirectoryBusy, WriteFailed
from ..pool import WorkerPool
from .database import Database
from .jobs import JobRow, Jobs, State
from .metrics import Metrics
from .refusal import Refused
from .runner import Runner
from .settings import Settings
from .uploads import Uploads

__all__ = ["Service"]

logger = logging.getLogger(__name__)

#: How long a cancelled job may go on before its worker is ended; a new one is ready within seconds [s].
_PATIENCE_S = 0.3
#: How often old uploads are looked for [s].
_SWEEP_S = 600.0


class Service:
    """What routes work with.

    Args:
        settings: see there.
        listing: plugins and parameters, as `WorkerPool.describe` gives them; None asks for them.

    Raises:
        DirectoryBusy: another process serves this directory.
        WriteFailed: the directory cannot be written to.
    """

    def __init__(self, settings: Settings, listing: Mapping[str, Any] | None = None) -> None:
        self.settings = settings
        self.is_stopping = False
        root = settings.directory.resolve()
        self._lock = _locked(settings)
        self._database = Database(root / "jobs.sqlite")
        self.jobs = Jobs(self._database, settings.limits)
        self.uploads = Uploads(root / "uploads", self._database, settings.limits)
        self.metrics = Metrics(self.jobs.counts)
        pool = WorkerPool(
            max(settings.workers, 1),
            command=settings.command,
            devices=settings.devices,
            threads=settings.threads,
            recycle_bytes=settings.recycle_bytes,
            patience_s=_PATIENCE_S,
        )
        self.listing: Mapping[str, Any] = listing or pool.describe()
        self.runner = Runner(self.jobs, root / "jobs", pool, settings.workers, settings.models, self._settled)
        self._watchers: Counter[str] = Counter()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Work on jobs while the block runs; what is not finished at its end goes on next time."""
        await run_in_threadpool(self.runner.start)
        sweeping = asyncio.create_task(self._sweep())
        try:
            yield
        finally:
            self.stop()
            sweeping.cancel()
            await run_in_threadpool(self.close)

    def stop(self) -> None:
        """Take no more requests; streams of events end. Quick enough for a signal handler."""
        self.is_stopping = True

    def close(self) -> None:
        self.runner.close()
        self._database.close()
        self._lock.release()

    def check_open(self) -> None:
        """Raises:
        Refused: the service is about to end.
        """
        if self.is_stopping:
            raise Refused(503, "service: it stops. Send the request again in a minute.", {"Retry-After": "60"})

    def check_watchers(self, owner: str) -> None:
        """Raises:
        Refused: this token has too many streams of events.
        """
        if self._watchers[owner] >= self.settings.limits.watchers:
            raise Refused(429, f"events: {self._watchers[owner]} streams of this token are open. Close some.")

    @contextmanager
    def watching(self, owner: str) -> Iterator[None]:
        """Count a stream of events while the block runs."""
        self._watchers[owner] += 1
        try:
            yield
        finally:
            self._watchers[owner] -= 1

    async def _sweep(self) -> None:
        """Remove old uploads, now and then."""
        while True:
            try:
                await run_in_threadpool(self.uploads.sweep)
            except (OSError, sqlite3.Error) as error:
                logger.error("uploads: cannot be tidied up (%s); tried again later", error)
            await asyncio.sleep(_SWEEP_S)

    def _settled(self, row: JobRow, state: State) -> None:
        self.metrics.settled(row, state, time.time() - (row.started or time.time()))


def _locked(settings: Settings) -> filelock.BaseFileLock:
    root = settings.directory
    lock = filelock.FileLock(root / ".lock", timeout=0, thread_local=False)
    try:
        # what strangers send and make is nobody else's on this machine
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock.acquire()
    except filelock.Timeout as error:
        raise DirectoryBusy(f"{root}: another process serves this directory. Stop it, or choose another.") from error
    except OSError as error:
        raise WriteFailed(root, error) from error
    return lock
