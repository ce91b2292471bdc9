"""The process in which scenes are made, one after the other: ``python -m lyra_backend.worker``.

Does: read jobs from standard input, run them, and tell how they go on standard output, as lines of JSON. Does not:
queue jobs, start itself or judge results; :mod:`lyra_backend.client` is the other end.

Whoever drives it loads none of what making scenes takes (torch, Warp, USD), and lives on when it crashes or leaks.
Requests are objects with "do" and, but for "exit", "job", a name that every answer bears:

    {"do": "generate", "job": "7", "request": {...}, "out": "scenes/7", "overwrite": false}
    {"do": "plan", "job": "8", "request": {...}}            what it would take; nothing is made
    {"do": "describe", "job": "9"}                          generators, colliders, primitives and presets with schemas
    {"do": "cancel", "job": "7"}                            at its next report of progress
    {"do": "exit"}                                          as does the end of the input

Answers have "say": "ready" once, then "event" (`Event`), and for each job one "done" (result) or "failed" (error class
and message). Both tell the memory that the process holds, so that one that leaks can be replaced between jobs, and how
much of it networks take that stay loaded for the next job (`models.warm`): those are no leak. They are given back when
something else needs the memory, when no job came for a while, and at the end.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, TextIO

from . import __version__
from .errors import InvalidRequest, LyraError, StageFailed, nearest
from .memory import resident_memory_bytes
from .models.warm import WARM, free_unused
from .progress import CancelToken, Event
from .worker_process import PROTOCOL

__all__ = ["main"]

#: How long a job may take to come to a report of progress when nobody is left to work for [s].
_PATIENCE_S = 10.0
#: Networks that nobody asked for so long are given back [s].
_IDLE_S = 600.0

Message = dict[str, Any]


class _Channel:
    """Lines of JSON to whoever drives this process; everything else that is printed goes to standard error."""

    def __init__(self) -> None:
        # libraries print to 1 from C as well, so the number itself is given away
        self._out: TextIO = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
        sys.stdout.flush()
        os.dup2(2, 1)
        self._lock = threading.Lock()

    def say(self, kind: str, **what: Any) -> None:
        line = json.dumps({"say": kind, **what}, ensure_ascii=False)
        with self._lock:
            self._out.write(line + "\n")
            self._out.flush()


class _Inbox:
    """Requests as they come in; those to cancel act at once, whatever is being done."""

    def __init__(self, lines: TextIO) -> None:
        self.jobs: queue.Queue[Message | None] = queue.Queue()
        self._tokens: dict[str, CancelToken] = {}
        self._ended = False
        self._lock = threading.Lock()
        threading.Thread(target=self._read, args=(lines,), daemon=True).start()

    def token(self, job: str) -> CancelToken:
        """Return the flag that stops a job: it may have been set before the job began."""
        with self._lock:
            token = self._tokens.setdefault(job, CancelToken())
            if self._ended:
                token.cancel()
            return token

    def forget(self, job: str) -> None:
        with self._lock:
            self._tokens.pop(job, None)

    def _read(self, lines: TextIO) -> None:
        for line in lines:
            message = json.loads(line)
            if message["do"] == "cancel":
                self.token(message["job"]).cancel()
            elif message["do"] == "exit":
                break
            else:
                self.jobs.put(message)
        self._stop()

    def _stop(self) -> None:
        """Nobody is left to work for: end with the job, and by force if that does not end."""
        with self._lock:
            self._ended = True
            for token in self._tokens.values():
                token.cancel()
        self.jobs.put(None)
        last_resort = threading.Timer(_PATIENCE_S, lambda: os._exit(1))
        last_resort.daemon = True
        last_resort.start()


def main() -> int:
    """Work until the input ends; return the exit code."""
    # Ctrl-C in a terminal goes to every process there; what it means is for the one that people see.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # no matrix here is large enough for threads to pay off, and idle ones spin
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    channel = _Channel()
    inbox = _Inbox(sys.stdin)
    WARM.keep()
    channel.say("ready", protocol=PROTOCOL, version=__version__)
    while (message := _next(inbox.jobs)) is not None:
        _work(message, inbox, channel)
    WARM.keep(False)
    return 0


def _next(jobs: queue.Queue[Message | None], idle_s: float = _IDLE_S) -> Message | None:
    """Return the next job, None at the end; what is kept for jobs that do not come is given back meanwhile."""
    try:
        return jobs.get(timeout=idle_s)
    except queue.Empty:
        WARM.drop()
        return jobs.get()


def _work(message: Message, inbox: _Inbox, channel: _Channel) -> None:
    """Do one job and answer it; no error of a job ends the process."""
    job = message["job"]

    def show(event: Event) -> None:
        channel.say("event", job=job, event=asdict(event))

    try:
        said, answer = "done", {"result": _task(message["do"])(message, show, inbox.token(job))}
    except Exception as error:
        said, answer = "failed", _told(error)
    finally:
        inbox.forget(job)
    if said == "failed":
        free_unused()  # what the job held was held by its error until now
    channel.say(said, job=job, **answer, memory_bytes=resident_memory_bytes(), warm_bytes=WARM.held_bytes("cpu"))


def _told(error: Exception) -> Message:
    """Return an error by class and message; one that is nobody's on purpose counts as a stage's that broke."""
    known = error if isinstance(error, LyraError) else StageFailed("worker", error)
    return {"error": type(known).__name__, "message": str(known)}


def _task(name: str) -> Callable[[Message, Callable[[Event], None], CancelToken], Any]:
    if name not in _TASKS:
        raise InvalidRequest(f"worker: task {name!r} is unknown; {nearest(name, _TASKS)}")
    return _TASKS[name]


def _generate(message: Message, show: Callable[[Event], None], token: CancelToken) -> Message:
    from . import api

    result = api.generate_scene(
        message["request"], message["out"], overwrite=bool(message.get("overwrite")), listener=show, token=token
    )
    return {"reused": result.reused, "outdated": result.outdated, "report": result.report.to_json()}


def _plan(message: Message, show: Callable[[Event], None], token: CancelToken) -> Message:
    from . import api

    plan = api.plan_scene(message["request"])
    return {"plugins": dict(plan.plugins), "parts": [asdict(part) for part in plan.parts]}


def _describe(message: Message, show: Callable[[Event], None], token: CancelToken) -> Message:
    from .catalog import describe

    return describe()


_TASKS: Mapping[str, Callable[[Message, Callable[[Event], None], CancelToken], Any]] = {
    "generate": _generate,
    "plan": _plan,
    "describe": _describe,
}

if __name__ == "__main__":
    sys.exit(main())
