"""Progress as lines for files and pipes: nothing is drawn twice, and no silence is long."""

from __future__ import annotations

import sys
import threading
import time
from contextlib import suppress
from datetime import timedelta

from .progress import Event

__all__ = ["ProgressLog", "duration", "percent"]

#: Longest time without a line [s].
_PAUSE_S = 60.0
#: What has not begun after this [s] is said to be starting; mistakes that are found before are one line alone.
_FIRST_S = 0.4


class ProgressLog:
    """Writes a line on stderr when the stage changes, at each milestone, and a minute after the last line."""

    def __init__(self, pause_s: float = _PAUSE_S) -> None:
        self._pause_s = pause_s
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._beat = threading.Thread(target=self._break_silences, name="progress-log", daemon=True)
        self._latest = Event("", 0.0, "starting", 0.0, None)
        self._heard = time.monotonic()
        self._due = self._heard + _FIRST_S

    def start(self) -> None:
        """From now on break silences, first the one before anything is heard of."""
        self._heard = time.monotonic()
        self._due = self._heard + _FIRST_S
        self._beat.start()

    def stop(self) -> None:
        """Write no more."""
        self._ended.set()
        self._beat.join()

    def show(self, event: Event) -> None:
        """Take notice of an event; any thread may call this."""
        with self._lock:
            tells = event.milestone or event.stage != self._latest.stage
            self._latest, self._heard = event, time.monotonic()
            if tells:
                self._write()

    def _break_silences(self) -> None:
        while not self._ended.wait(max(self._due - time.monotonic(), 0.0)):
            # who does not read on must not end the job from here; its own lines tell it
            with self._lock, suppress(OSError, ValueError):
                if time.monotonic() >= self._due:
                    self._write()

    def _write(self) -> None:
        now = time.monotonic()
        self._due = now + self._pause_s
        sys.stderr.write(_line(self._latest, now - self._heard) + "\n")
        sys.stderr.flush()


def duration(seconds: float) -> str:
    """Return a time in words, as coarse as one speaks of it: 45 s, 80 min, 2 h 30 min."""
    if seconds < 1:
        return "less than 1 s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 150:
        return f"{minutes} min"
    return f"{minutes // 60} h" + (f" {minutes % 60} min" if minutes % 60 else "")


def percent(fraction: float) -> int:
    """Return whole percents of a share in [0, 1], rounded down: 100 is said of what is done."""
    return int(100.0 * fraction + 1e-9)


def _line(event: Event, silent_s: float) -> str:
    """Return an event as a line that is written `silent_s` [s] after it."""
    message = event.message or event.stage
    about = "" if message.startswith(event.stage) else f"{event.stage}: "
    left_s = None if event.eta_s is None else event.eta_s - silent_s
    left = "" if left_s is None or left_s <= 0 else f" ({duration(left_s)} left)"
    elapsed = timedelta(seconds=int(event.elapsed_s + silent_s))
    return f"[{elapsed}] {percent(event.fraction):3d}% {about}{message}{left}"
