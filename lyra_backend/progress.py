"""Progress that is also the place where a running job can be cancelled."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from .errors import Cancelled

__all__ = ["CancelToken", "Event", "Progress"]


@dataclass(frozen=True)
class Event:
    """One line of ``events.jsonl``: `fraction` in [0, 1] of the whole job, times [s]; `eta_s` None while unknown."""

    stage: str
    fraction: float
    message: str
    elapsed_s: float
    eta_s: float | None


class CancelToken:
    """A thread-safe flag that a face sets and every progress report checks."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def cancel(self) -> None:
        self._event.set()

    @property
    def cancelled(self) -> bool:
        return self._event.is_set()


@dataclass
class _Work:
    """What the time left is estimated from: the part of the job that is really done now.

    Attributes:
        started, last: when the job began and when it last reported, on the monotonic clock [s].
        kept: share of the job that was done before, in [0, 1].
        kept_s: time that fetching it took [s].
    """

    started: float
    last: float
    kept: float = 0.0
    kept_s: float = 0.0

    def left_s(self, overall: float) -> float | None:
        """Return the time left [s] when `overall` of the job is done, None while that is a guess."""
        done = overall - self.kept
        # Below a few percent the extrapolation is noise; better to say nothing than "3 hours left".
        return (self.last - self.started - self.kept_s) * (1.0 - overall) / done if done > 0.03 else None


class Progress:
    """Callable ``progress(fraction, message)`` handed to every stage.

    Reports never run backwards, and each report raises :class:`Cancelled` once the token is set, so a stage that
    reports often can be stopped often.
    """

    def __init__(
        self,
        listener: Callable[[Event], None] | None = None,
        token: CancelToken | None = None,
        *,
        stage: str = "",
        span: tuple[float, float] = (0.0, 1.0),
        work: _Work | None = None,
    ) -> None:
        self._listener = listener
        self._token = token or CancelToken()
        self._stage = stage
        self._span = span
        now = time.monotonic()
        self._work = work or _Work(now, now)
        self._highest = span[0]

    def __call__(self, fraction: float, message: str = "") -> None:
        """Report that `fraction` in [0, 1] of this stage is done.

        Raises:
            Cancelled: the job's token was set.
        """
        if self._token.cancelled:
            raise Cancelled(f"{self._stage or 'job'}: cancelled on request")
        low, high = self._span
        overall = max(self._highest, low + (high - low) * min(max(fraction, 0.0), 1.0))
        self._highest = overall
        work = self._work
        work.last = time.monotonic()
        if self._listener is None:
            return
        self._listener(Event(self._stage, overall, message, work.last - work.started, work.left_s(overall)))

    def skip(self, message: str = "") -> None:
        """Report that the rest of this stage was done in an earlier attempt and has just been fetched.

        Neither that share of the job nor the time since the last report says how quickly the rest will go.

        Raises:
            Cancelled: the job's token was set.
        """
        self._work.kept += self._span[1] - self._highest
        self._work.kept_s += time.monotonic() - self._work.last
        self(1.0, message)

    def child(self, start: float, end: float, stage: str | None = None) -> Progress:
        """Return a progress for the part [start, end] of this one."""
        low, high = self._span
        width = high - low
        return Progress(
            self._listener,
            self._token,
            stage=self._stage if stage is None else stage,
            span=(low + width * start, low + width * end),
            work=self._work,
        )
