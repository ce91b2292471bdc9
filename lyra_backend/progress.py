"""Progress that is also the place where a running job can be cancelled."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import accumulate, pairwise

from .errors import Cancelled

__all__ = ["CancelToken", "Event", "Progress"]

#: Share of the work below which the pace so far is noise: better to say nothing than "3 hours left".
_NOISE = 0.03


@dataclass(frozen=True)
class Event:
    """One line of ``events.jsonl``.

    Attributes:
        stage: what is worked on; "" before the first stage.
        fraction: share of the whole job that is done, in [0, 1].
        message: what is done now.
        elapsed_s: time since the job began [s].
        eta_s: time left [s], None while unknown.
        milestone: something worth a line in any log was finished.
    """

    stage: str
    fraction: float
    message: str
    elapsed_s: float
    eta_s: float | None
    milestone: bool = False


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
        kept_s: time that fetching it took, or finding out what there is to do [s].
        expected_s: what the whole job should take [s]; None if nothing is known.
    """

    started: float
    last: float
    kept: float = 0.0
    kept_s: float = 0.0
    expected_s: float | None = None

    def left_s(self, overall: float) -> float | None:
        """Return the time left [s] when `overall` of the job is done, None while that is a guess.

        The pace is the one so far. Where the job's time was estimated, the share that would be noise counts as done
        at the expected pace, so that the estimate gives way to the measurement as this grows.
        """
        done, noise = overall - self.kept, _NOISE * (1.0 - self.kept)
        spent = self.last - self.started - self.kept_s
        if self.expected_s is not None:
            done, spent = done + noise, spent + noise * self.expected_s
        elif done <= noise:
            return None
        return spent * (1.0 - overall) / done if done > 0.0 else None


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
        self._report(fraction, message)

    def milestone(self, fraction: float, message: str) -> None:
        """Report that `fraction` is done and that something is finished that people wait for, such as a video.

        Raises:
            Cancelled: the job's token was set.
        """
        self._report(fraction, message, milestone=True)

    def skip(self, message: str = "", *, fraction: float = 1.0) -> None:
        """Report that what lies between the last report and `fraction` was done before and has just been fetched.

        Neither that share of the job nor the time since the last report says how quickly the rest will go.

        Raises:
            Cancelled: the job's token was set.
        """
        self._work.kept += self._overall(fraction) - self._highest
        self._work.kept_s += time.monotonic() - self._work.last
        self._report(fraction, message)

    def expect(self, seconds: float) -> None:
        """Say how long the whole job should take from now on [s]; time left is then told from the start."""
        work = self._work
        work.expected_s, work.kept_s = seconds, time.monotonic() - work.started

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

    def children(self, weights: Mapping[str, float]) -> dict[str, Progress]:
        """Return a progress for each part of this one, in their order; spans are in proportion to `weights`.

        Weights are best what the parts take in seconds. A part that loads networks for a minute weighs a minute: what
        weighs nothing and takes long makes the time left too long, and the other way round. ::

            parts = progress.children({"depth": 10.0, "videos": 4800.0, "decoding": 30.0})
            parts["depth"](0.5, "estimating depth")

        Args:
            weights: of each part, not negative and not all 0.
        """
        ends = [0.0, *accumulate(weights.values())]
        spans = pairwise(end / ends[-1] for end in ends)
        return {name: self.child(begin, end) for name, (begin, end) in zip(weights, spans, strict=True)}

    def _overall(self, fraction: float) -> float:
        """Return the share of the whole job that is done when `fraction` of this part is; it never shrinks."""
        low, high = self._span
        return max(self._highest, low + (high - low) * min(max(fraction, 0.0), 1.0))

    def _report(self, fraction: float, message: str, *, milestone: bool = False) -> None:
        if self._token.cancelled:
            raise Cancelled(f"{self._stage or 'job'}: cancelled on request")
        self._highest = overall = self._overall(fraction)
        work = self._work
        work.last = time.monotonic()
        if self._listener is not None:
            elapsed, left = work.last - work.started, work.left_s(overall)
            self._listener(Event(self._stage, overall, message, elapsed, left, milestone))
