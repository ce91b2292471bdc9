"""The thread that takes jobs from the table, gives them to workers, and notes what became of them.

It alone moves jobs on from running, so nothing has to be locked against it but the tokens that stop jobs.
"""

from __future__ import annotations

import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from pathlib import Path

from ..errors import LyraError
from ..pool import Job, WorkerPool
from ..progress import CancelToken, Event
from ..types import SceneResult
from .folders import JobFolder
from .jobs import JobRow, Jobs, State

__all__ = ["Runner"]

logger = logging.getLogger(__name__)

Settled = Callable[[JobRow, State], None]
#: How long to wait before the disk is tried again [s].
_RETRY_S = 2.0


class Runner:
    """Runs the jobs of a table.

    Args:
        jobs: the table.
        root: folder of all jobs' folders.
        pool: who makes the scenes.
        slots: how many jobs run at a time; 0 takes none, which leaves them in the queue.
        models: what the names of models stand for.
        settled: told of each job that has ended, and how.
    """

    def __init__(
        self,
        jobs: Jobs,
        root: Path,
        pool: WorkerPool,
        slots: int,
        models: Mapping[str, str],
        settled: Settled = lambda *_: None,
    ) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self._jobs, self._root, self._pool, self._slots, self._models = jobs, root, pool, slots, models
        self._settled = settled
        self._inbox: queue.SimpleQueue[tuple[JobRow, Future[SceneResult]] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._running: dict[str, CancelToken] = {}
        self._latest: dict[str, Event] = {}
        self._stopping = False
        self._thread = threading.Thread(target=self._work, name="lyra-runner", daemon=True)

    def start(self) -> None:
        """Queue again what ran when the last process ended, tidy up after it, and begin."""
        self._jobs.requeue()
        kept = self._jobs.ids(State.QUEUED, State.ACCEPTED, State.REJECTED)
        for path in self._root.iterdir():
            if path.name in kept:
                JobFolder(path).tidy()
            else:
                JobFolder(path).remove()
        for id in self._jobs.ids(State.DELETED):
            self._jobs.forget(id)
        self._thread.start()
        self.wake()

    def folder(self, id: str) -> JobFolder:
        return JobFolder(self._root / id)

    def wake(self) -> None:
        """Say that there is something to do."""
        self._inbox.put(None)

    def latest(self, id: str) -> Event | None:
        """Return the last progress event of a running job."""
        return self._latest.get(id)

    def stop_job(self, id: str) -> bool:
        """Stop a job that the table says is to be stopped; return whether it was running."""
        with self._lock:
            token = self._running.get(id)
        if token is not None:
            token.cancel()
        return token is not None

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def close(self) -> None:
        """Stop all jobs, which stay in the queue with what they finished, and end the workers."""
        with self._lock:
            self._stopping = True
            for token in self._running.values():
                token.cancel()
        self.wake()
        if self._thread.ident is not None:
            self._thread.join()
        self._pool.close()

    def _work(self) -> None:
        while not (self._stopping and not self._running):
            done = self._inbox.get()
            try:
                if done is not None:
                    self._settle(*done)
                    done = None
                self._fill()
            except (OSError, sqlite3.Error) as error:
                logger.error("jobs: cannot be written down (%s); tried again", error)
                time.sleep(_RETRY_S)
                self._inbox.put(done)

    def _fill(self) -> None:
        """Give workers that are free something to do."""
        while (row := self._claim()) is not None:
            self._begin(row)

    def _claim(self) -> JobRow | None:
        # together, so that whoever marks a running job as to be stopped finds its token
        with self._lock:
            if self._stopping or len(self._running) >= self._slots:
                return None
            row = self._jobs.claim()
            if row is not None:
                self._running[row.id] = CancelToken()
            return row

    def _begin(self, row: JobRow) -> None:
        token = self._running[row.id]
        if row.cancel:
            token.cancel()
        future: Future[SceneResult]
        try:
            request = self.folder(row.id).scene_request(row.request, self._models)
            job = Job(request, self.folder(row.id).run, token=token)
            future = self._pool.submit(job, lambda event: self._latest.__setitem__(row.id, event))
        except (LyraError, KeyError) as error:  # such as a model that is not listed any more
            future = Future()
            future.set_exception(error)
        future.add_done_callback(lambda done: self._inbox.put((row, done)))

    def _settle(self, row: JobRow, future: Future[SceneResult]) -> None:
        """Note how a job ended; a second call after an error of the first does the rest."""
        error = future.exception()
        was_stopped = error is not None and self._running[row.id].cancelled
        if was_stopped and self._stopping and not self._jobs.wants_cancel(row.id):
            self._jobs.requeue(row.id)
        elif error is None:
            self._end(row, State.ACCEPTED if future.result().report.accepted else State.REJECTED)
        else:
            self.folder(row.id).remove()
            self._end(row, State.CANCELLED if was_stopped else State.FAILED, self._told(row, error))
        with self._lock:
            self._running.pop(row.id)
        self._latest.pop(row.id, None)

    def _end(self, row: JobRow, state: State, message: str = "") -> None:
        folder = self.folder(row.id)
        folder.drop_inputs()
        if self._jobs.settle(row.id, state, message, folder.size()) is State.DELETED:
            folder.remove()
            self._jobs.forget(row.id)
        self._settled(row, state)

    def _told(self, row: JobRow, error: BaseException) -> str:
        """Return why a job failed, without the server's paths."""
        text = str(error) if isinstance(error, LyraError) else f"failed with {type(error).__name__}: {error}"
        folder = self.folder(row.id)
        for path, name in ((folder.root / "inputs", "inputs"), (folder.run, "run"), (self._root, "jobs")):
            for known in (str(path.resolve()), str(path)):
                text = text.replace(f"{known}/", "").replace(known, name)
        return text
