"""A Ray cluster, for a batch: as many hosts as there is room for, each with a worker.

Does: place hosts by GPU and memory, hand them attempts, and leave lost nodes to Ray, which starts hosts anew elsewhere
and gives them what they had. Does not: schedule, copy artefacts through Ray's object store, or know what a scene is.
The folder in which scenes are made, and the one that they go to unless that is a URL, must be seen by all nodes alike.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import Any

from ..client import Worker
from ..errors import Cancelled, InvalidRequest, LyraError, MissingDependency, WorkerDied, revived
from ..pool import Job, persist
from ..progress import CancelToken, Event
from ..types import SceneRequest, SceneResult
from .attempt import Attempt, make
from .records import Record
from .storage import open_storage

__all__ = ["RayPool"]

#: How often the driver looks at a scene that is being made [s].
_LOOK_S = 1.0
#: How long a cancelled scene may take to end [s].
_PATIENCE_S = 20.0
#: How long an address may take to answer at all [s].
_REACH_S = 5.0
#: Calls that a host answers at a time: the scene, how far it is, and that it shall stop.
_CALLS = 4


class RayPool:
    """Hosts on a Ray cluster.

    Args:
        address: of the cluster, such as "auto" or "ray://head:10001"; "local" starts one on this machine.
        size: how many hosts; None for as many as the cluster has room for now.
        work: folder in which scenes are made, the same on all nodes.
        out: path or URL that scenes go to.
        gpus: GPUs of a host, which may be shared: 0.5.
        cpus: CPU cores of a host.
        memory_bytes: memory to reserve for a host [bytes]; None reserves none.
        recycle_bytes: resident memory above which a host's worker is replaced between scenes [bytes].

    Raises:
        MissingDependency: Ray is not installed.
        InvalidRequest: there is no such cluster, or it has no room for a host.
    """

    def __init__(
        self,
        address: str,
        size: int | None,
        work: Path,
        out: str,
        *,
        gpus: float = 0.0,
        cpus: float = 1.0,
        memory_bytes: int | None = None,
        recycle_bytes: int | None = None,
    ) -> None:
        self._ray = _connected(address)
        needs = {"GPU": gpus, "CPU": cpus, "memory": float(memory_bytes or 0)}
        self.size = size or _room(self._ray.available_resources(), needs)
        options = {"num_gpus": gpus, "num_cpus": cpus, "max_restarts": -1, "max_task_retries": -1}
        reserved = {} if memory_bytes is None else {"memory": memory_bytes}
        host = self._ray.remote(max_concurrency=_CALLS, **options, **reserved)(_Host)
        arguments = (str(work.resolve()), out if "://" in out else str(Path(out).resolve()), int(cpus), recycle_bytes)
        self._hosts = [host.remote(*arguments) for _ in range(self.size)]
        self._free: SimpleQueue[Any] = SimpleQueue()
        for one in self._hosts:
            self._free.put(one)
        self._executor = ThreadPoolExecutor(self.size, thread_name_prefix="lyra-ray")

    def __enter__(self) -> RayPool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._executor.shutdown(wait=True, cancel_futures=True)
        self._ray.shutdown()

    @property
    def pids(self) -> tuple[int, ...]:
        """Process numbers of the hosts, on their nodes."""
        return tuple(self._ray.get([host.pid.remote() for host in self._hosts]))

    def attempt(self, attempt: Attempt, token: CancelToken, listener: Callable[[Event], None]) -> Future[Record]:
        """Queue an attempt; the future holds what :func:`~.attempt.make` returns or raises."""
        return self._executor.submit(self._run, attempt, token, listener)

    def _run(self, attempt: Attempt, token: CancelToken, listener: Callable[[Event], None]) -> Record:
        if token.cancelled:
            raise Cancelled("job: cancelled before it began")
        host = self._free.get()
        try:
            return self._wait(host, host.make.remote(attempt), token, listener)
        finally:
            self._free.put(host)

    def _wait(self, host: Any, call: Any, token: CancelToken, listener: Callable[[Event], None]) -> Record:
        """Return what a host's call comes to; pass on its progress, and the wish to stop."""
        deadline: float | None = None
        while not self._ray.wait([call], timeout=_LOOK_S)[0]:
            if token.cancelled:
                deadline = deadline or time.monotonic() + _PATIENCE_S
                host.cancel.remote()
                if time.monotonic() > deadline:
                    raise Cancelled("job: its host did not stop in time; finished stages are kept")
            elif (event := self._progress(host)) is not None:
                listener(Event(**event))
        try:
            told: Mapping[str, Any] = self._ray.get(call)
        except self._ray.exceptions.RayError as error:
            raise WorkerDied(f"host: lost, and not to be had again ({type(error).__name__})") from error
        if "error" in told:
            raise revived(told["error"], told["message"])
        record: Record = told["record"]
        return record

    def _progress(self, host: Any) -> dict[str, Any] | None:
        """Return the last that a host tells of its scene; None if it does not answer now, as while it starts anew."""
        ready, _ = self._ray.wait([answer := host.progress.remote()], timeout=_LOOK_S)
        try:
            event: dict[str, Any] | None = self._ray.get(answer) if ready else None
        except self._ray.exceptions.RayError:
            return None
        return event


class _Host:
    """Runs on a node: a worker, and what can be asked of it while it works."""

    def __init__(self, work: str, out: str, threads: int, recycle_bytes: int | None) -> None:
        self._work, self._storage = Path(work), open_storage(out)
        self._worker = Worker(threads=max(1, threads), recycle_bytes=recycle_bytes)
        self._token = CancelToken()
        self._event: dict[str, Any] | None = None
        self._turn = threading.Lock()

    def make(self, attempt: Attempt) -> dict[str, Any]:
        """Make an attempt; errors are told by class and text, for they come out of another process."""
        with self._turn:
            self._token, self._event = CancelToken(), None
            try:
                return {"record": make(attempt, self._work, self._storage, self._generate)}
            except LyraError as error:
                return {"error": type(error).__name__, "message": str(error)}

    def progress(self) -> dict[str, Any] | None:
        return self._event

    def cancel(self) -> None:
        self._token.cancel()

    def pid(self) -> int:
        import os

        return os.getpid()

    def _generate(self, request: SceneRequest, out: Path) -> SceneResult:
        return persist(self._worker, Job(request, out, token=self._token), self._note)

    def _note(self, event: Event) -> None:
        self._event = dict(vars(event))


def _connected(address: str) -> Any:
    """Return the module ``ray``, connected to a cluster."""
    try:
        import ray
    except ImportError as error:
        raise MissingDependency("ray", f"--ray {address}", extra="cluster") from error
    _check_reachable(address)
    try:
        ray.init(address=None if address == "local" else address, include_dashboard=False, log_to_driver=False)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise _no_cluster(address, str(error).strip().partition("\n")[0]) from error
    return ray


def _check_reachable(address: str) -> None:
    """Refuse an address where nobody listens; Ray itself would wait for minutes."""
    name, colon, port = address.removeprefix("ray://").rpartition(":")
    if not colon or not port.isdigit():
        return  # "local" and "auto"
    try:
        socket.create_connection((name.strip("[]"), int(port)), _REACH_S).close()
    except (OSError, OverflowError) as error:
        raise _no_cluster(address, str(error)) from error


def _no_cluster(address: str, reason: str) -> InvalidRequest:
    return InvalidRequest(
        f"--ray {address}: no such cluster ({reason}). Start one with ray start --head, or give local."
    )


def _room(free: Mapping[str, float], needs: Mapping[str, float]) -> int:
    """Return how many hosts fit into the resources that are free."""
    fit = min(int(free.get(kind, 0.0) / need) for kind, need in needs.items() if need > 0)
    if fit < 1:
        asked = ", ".join(f"{need:g} {kind}" for kind, need in needs.items() if need > 0)
        raise InvalidRequest(f"--ray: a host needs {asked}, but the cluster has {dict(free)} free. Ask for less.")
    return fit
