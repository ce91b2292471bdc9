"""One life of a worker's process: its pipes, its jobs, and what is left when it is gone.

Does: start it, send it messages, hand on its answers, end it. Does not: know what a job is about, or start another.
"""

from __future__ import annotations

import json
import queue
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import IO, Any

from .errors import Cancelled, WorkerDied
from .progress import CancelToken, Event

__all__ = ["PATIENCE_S", "PROTOCOL", "WorkerProcess"]

#: What both ends must agree on, see :mod:`lyra_backend.worker`.
PROTOCOL = 1
#: How long a cancelled job may take to come to a report of progress, and a closed worker to end [s].
PATIENCE_S = 10.0
#: How often a waiting client looks whether its job was cancelled [s].
_POLL_S = 0.05
#: A worker that says nothing for so long after its start never will [s].
_START_S = 120.0
_LAST_LINES = 8

Message = Mapping[str, Any]


class WorkerProcess:
    """A running worker.

    Args:
        command: the program and its arguments.
        environment: all its environment variables.

    Attributes:
        is_idle: it has no job.

    Raises:
        WorkerDied: it cannot be started, or is another version's.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self.is_idle = True
        self._answers: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._last_lines: deque[str] = deque(maxlen=_LAST_LINES)
        pipe = subprocess.PIPE
        try:
            self._child = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env=dict(environment))
        except OSError as error:
            raise WorkerDied(
                f"worker: {command[0]} cannot be started ({error.strerror}). Run: lyra-scenegen doctor --fix"
            ) from error
        self._readers = [_thread(self._hear, self._child.stdout), _thread(self._note, self._child.stderr)]
        try:
            self._greet()
        except BaseException:
            self.end()
            raise

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def is_alive(self) -> bool:
        return self._child.poll() is None

    def work(
        self,
        message: Message,
        listener: Callable[[Event], None] | None,
        token: CancelToken,
        patience_s: float = PATIENCE_S,
    ) -> dict[str, Any]:
        """Give it the job `message`; return its last answer, "done" or "failed".

        Once `token` is set, the job has `patience_s` [s] to come to a report of progress.

        Raises:
            Cancelled: `token` was set, and the job did not end of its own accord in time; the process is to be ended.
            WorkerDied: the process ended before the job.
        """
        self.is_idle = False
        self._send(message)
        deadline: float | None = None
        while (answer := self._answer(_POLL_S)) is None or answer["say"] == "event":
            if answer is not None and listener is not None:
                listener(Event(**answer["event"]))
            if token.cancelled and deadline is None:
                self._send({"do": "cancel", "job": message["job"]})
                deadline = time.monotonic() + patience_s
            if deadline is not None and time.monotonic() > deadline:
                raise Cancelled(f"job: stopped by force after {patience_s:g} s; finished stages are kept")
        self.is_idle = True
        return answer

    def end(self) -> None:
        """Let it end if it has no job, else make it; either way it is gone afterwards."""
        with suppress(OSError, ValueError):
            if self._child.stdin is not None:
                self._child.stdin.close()
        if not self.is_idle:
            self._child.terminate()
        try:
            self._child.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        for reader in self._readers:
            reader.join(timeout=1.0)  # a process of a library's may hold a pipe open

    def _greet(self) -> None:
        """Wait until it is ready."""
        answer = self._answer(_START_S)
        if answer is None:
            raise WorkerDied(f"worker: said nothing for {_START_S:.0f} s after its start.{self._words()}")
        if answer.get("protocol") != PROTOCOL:
            raise WorkerDied(
                f"worker: it is of version {answer.get('version')} and talks differently; both sides must be of one "
                "version of lyra-backend. Run: lyra-scenegen doctor --fix"
            )

    def _send(self, message: Message) -> None:
        line = json.dumps(message, ensure_ascii=True) + "\n"
        try:
            if self._child.stdin is not None:
                self._child.stdin.write(line.encode())
                self._child.stdin.flush()
        except OSError as error:
            raise self._death() from error

    def _answer(self, timeout_s: float) -> dict[str, Any] | None:
        """Return its next answer; None if there is none in time."""
        try:
            answer = self._answers.get(timeout=timeout_s)
        except queue.Empty:
            return None
        if answer is None:
            raise self._death()
        return answer

    def _death(self) -> WorkerDied:
        """Return the error that says how it ended."""
        with suppress(subprocess.TimeoutExpired):
            self._child.wait(PATIENCE_S)
        self._readers[1].join(timeout=1.0)
        return WorkerDied(f"worker: its process ended with {_ending(self._child.returncode)}.{self._words()}")

    def _words(self) -> str:
        return f" Its last lines: {' | '.join(self._last_lines)}" if self._last_lines else " It printed nothing."

    def _hear(self, pipe: IO[bytes]) -> None:
        for line in pipe:
            with suppress(ValueError):  # the line that it was killed in
                self._answers.put(json.loads(line))
        self._answers.put(None)

    def _note(self, pipe: IO[bytes]) -> None:
        for line in pipe:
            if text := line.decode("utf-8", errors="replace").strip():
                self._last_lines.append(text)


def _thread(read: Callable[[IO[bytes]], None], pipe: IO[bytes] | None) -> threading.Thread:
    thread = threading.Thread(target=read, args=(pipe,), daemon=True)
    thread.start()
    return thread


def _ending(code: int | None) -> str:
    """Return how a process ended, in words."""
    if code is None:
        return "closed pipes"
    if code >= 0:
        return f"exit code {code}"
    name = signal.Signals(-code).name if -code in list(signal.Signals) else str(-code)
    return f"signal {name}{' (out of memory?)' if name == 'SIGKILL' else ''}"
