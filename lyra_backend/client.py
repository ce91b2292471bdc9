"""Driving workers: scenes made in another process, for Kit, the command line and the service alike.

Does: keep a worker for jobs, start it anew after it died or leaked, and follow runs that others drive. Does not: load
anything that makes scenes, so that Kit's own process can import it. ::

    from lyra_backend.client import Worker

    with Worker() as worker:
        result = worker.generate({"prompt": "a workshop with two benches"}, "outputs/workshop")
        print(result.report.accepted)
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any

from .errors import Cancelled, InvalidRequest, revived
from .io.event_log import EVENT_FILE, Ending, follow
from .paths import given_path
from .progress import CancelToken, Event
from .types import Estimate, Finding, RunReport, ScenePlan, SceneRequest, SceneResult
from .worker_environment import FOREIGN_VARIABLES
from .worker_process import PATIENCE_S, WorkerProcess

__all__ = ["Ending", "Worker", "watch"]

Listener = Callable[[Event], None]
Request = SceneRequest | Mapping[str, Any]

#: What libraries read at their start to know how many threads they may use.
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


class Worker:
    """A worker process and the right to give it jobs, one at a time; jobs from several threads wait for each other.

    The process is started for the first job, and anew after it died or held more than `recycle_bytes` after a job.
    Networks of a scene stay loaded in it for the next one (:mod:`lyra_backend.models.warm`).

    Args:
        command: how Python is started in the worker's environment; this process's own by default.
        environment: variables to set for it, such as CUDA_VISIBLE_DEVICES.
        threads: how many threads its libraries may use; None leaves that to them.
        recycle_bytes: resident memory, beside networks that it keeps loaded, above which it is replaced between jobs
            [bytes]; None keeps it.
        patience_s: how long a cancelled job may go on until its process is ended; finished stages are kept [s].
    """

    def __init__(
        self,
        command: Sequence[str] = (),
        *,
        environment: Mapping[str, str] | None = None,
        threads: int | None = None,
        recycle_bytes: int | None = None,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._command = [*(command or (sys.executable,)), "-m", "lyra_backend.worker"]
        limits = {} if threads is None else dict.fromkeys(_THREAD_VARIABLES, str(threads))
        inherited = {k: v for k, v in os.environ.items() if not command or k not in FOREIGN_VARIABLES}
        self._environment = {**inherited, **limits, **(environment or {})}
        self._recycle_bytes = recycle_bytes
        self._patience_s = patience_s
        self._process: WorkerProcess | None = None
        self._turn = threading.Lock()
        self._jobs = 0

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """Process number of the worker; None while there is none."""
        process = self._process
        return process.pid if process else None

    def generate(
        self,
        request: Request,
        out: str | os.PathLike[str],
        *,
        overwrite: bool = False,
        listener: Listener | None = None,
        token: CancelToken | None = None,
    ) -> SceneResult:
        """Make a scene as `lyra_backend.generate_scene` does, in the worker.

        Raises:
            WorkerDied: the worker's process ended; the same call goes on from what it had finished.
            LyraError: whatever `generate_scene` raises.
        """
        out = given_path("out", out)
        asked = {"request": _plain(request), "out": str(out), "overwrite": overwrite}
        told = self._do("generate", asked, listener, token)
        return SceneResult(out, RunReport.from_json(told["report"]), told["reused"], told["outdated"])

    def plan(self, request: Request) -> ScenePlan:
        """Check a request and say what it would take, as `api.plan_scene` does, with its errors."""
        told = self._do("plan", {"request": _plain(request)})
        return ScenePlan(told["plugins"], tuple(_estimate(part) for part in told["parts"]))

    def describe(self) -> dict[str, Any]:
        """Return generators, colliders, primitives and presets, with JSON schemas of their parameters."""
        listing: dict[str, Any] = self._do("describe", {})
        return listing

    def close(self) -> None:
        """End the worker's process, and a job that it works on with it. A later job starts another one."""
        process, self._process = self._process, None
        if process is not None:
            process.end()

    def _do(
        self, task: str, asked: Mapping[str, Any], listener: Listener | None = None, token: CancelToken | None = None
    ) -> Any:
        with self._turn:
            process = self._running()
            self._jobs += 1
            message = {"do": task, "job": str(self._jobs), **asked}
            try:
                told = process.work(message, listener, token or CancelToken(), self._patience_s)
            finally:
                if not process.is_idle:
                    self.close()
            if self._recycle_bytes is not None and told["memory_bytes"] - told["warm_bytes"] > self._recycle_bytes:
                self.close()
        if told["say"] == "failed":
            raise revived(told["error"], told["message"])
        return told["result"]

    def _running(self) -> WorkerProcess:
        if self._process is None or not self._process.is_alive:
            self.close()
            self._process = WorkerProcess(self._command, self._environment)
        return self._process


def watch(
    directory: str | os.PathLike[str], listener: Listener, token: CancelToken | None = None
) -> tuple[Ending, str]:
    """Follow the run in a directory, whoever drives it, until it ends; any number may watch.

    Args:
        directory: a run directory.
        listener: called with every progress event, those that are past first.
        token: set it to stop watching; the run goes on.

    Returns:
        How the run ended, and why if it did not go well.

    Raises:
        InvalidRequest: there is no run at `directory`.
        Cancelled: `token` was set.
    """
    root, token = given_path("directory", directory), token or CancelToken()
    if not (root / EVENT_FILE).is_file():
        raise InvalidRequest(f"{root}: must be a run directory to be watched, it has no {EVENT_FILE}.")
    ended = follow(root, lambda event: listener(Event(**event)), lambda: not token.cancelled)
    if ended is None:
        raise Cancelled("watching was stopped; the run goes on")
    return ended


def _plain(request: Request) -> dict[str, Any]:
    return request.to_json() if isinstance(request, SceneRequest) else dict(request)


def _estimate(data: Mapping[str, Any]) -> Estimate:
    return Estimate(**{**data, "findings": tuple(Finding.from_json(f) for f in data["findings"])})
