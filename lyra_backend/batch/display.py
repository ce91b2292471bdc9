"""What people see of a batch that works: a line of figures and the scenes being made, or lines in a log. On stderr."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Mapping

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ..progress import Event
from ..progress_log import duration, percent
from . import Summary
from .records import ACCEPTED, FAILED, OPEN, REJECTED, Record

__all__ = ["BatchDisplay", "Tally"]

#: Without a terminal a line says how far it is at least this often [s].
_LOG_S = 60.0
#: Before this much of a scene is done, the time left is a guess.
_NOISE_SCENES = 0.3


class Tally:
    """Counts of a running batch, its pace and its time left.

    Attributes:
        total: items there are.
        states: how many are settled or failed, by state; those from before included.
        running: share that is done of each scene that is being made, by item.
    """

    def __init__(self) -> None:
        self.total = 0
        self.states: Counter[str] = Counter()
        self.running: dict[str, Event] = {}
        self._before: Counter[str] = Counter()
        self._begun = time.monotonic()

    def begin(self, total: int, settled: Mapping[str, Record]) -> None:
        """Start the clock."""
        self.total = total
        self._before = Counter(record["state"] for record in settled.values())
        self.states, self._begun = Counter(self._before), time.monotonic()

    def tried(self, record: Record) -> None:
        """Count an attempt that ended."""
        self.running.pop(record["name"], None)
        if record["state"] != OPEN:
            self.states[record["state"]] += 1

    @property
    def scenes_per_hour(self) -> float | None:
        """Accepted scenes an hour since the start; None before the first."""
        accepted = self.states[ACCEPTED] - self._before[ACCEPTED]
        return accepted * 3600.0 / self.elapsed_s if accepted else None

    @property
    def elapsed_s(self) -> float:
        return max(time.monotonic() - self._begun, 1e-3)

    @property
    def left_s(self) -> float | None:
        """Time left [s] at the pace so far; None while that is a guess."""
        settled = sum(self.states.values())
        begun = sum(event.fraction for event in list(self.running.values()))
        done = settled - sum(self._before.values()) + begun
        return self.elapsed_s / done * (self.total - settled - begun) if done > _NOISE_SCENES else None

    def line(self) -> str:
        """Return it in words."""
        counts = ", ".join(f"{self.states[state]} {state}" for state in (ACCEPTED, REJECTED, FAILED))
        parts = [f"{sum(self.states.values())} of {self.total}: {counts}"]
        if (pace := self.scenes_per_hour) is not None:
            parts.append(f"{pace:.0f} accepted an hour")
        if (left := self.left_s) is not None and sum(self.states.values()) < self.total:
            parts.append(f"{duration(left)} left")
        return "; ".join(parts)


class BatchDisplay:
    """Shows a batch while the ``with`` block lasts; `quiet` shows nothing."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.tally = Tally()
        self._console = Console(stderr=True, highlight=False, markup=False, emoji=False)
        self._live = Live(console=self._console, get_renderable=self._picture, refresh_per_second=4, transient=True)
        self._is_live = self._console.is_terminal and not quiet
        self._is_log = not self._is_live and not quiet
        self._lock = threading.Lock()
        self._said = time.monotonic()

    def __enter__(self) -> BatchDisplay:
        if self._is_live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_live:
            self._live.stop()

    def begin(self, total: int, settled: Mapping[str, Record]) -> None:
        """Say what there is to do."""
        self.tally.begin(total, settled)
        if self._is_log:
            self._say(f"{total} scenes, {len(settled)} of them there already")

    def progress(self, name: str, event: Event) -> None:
        """Note how far a scene is."""
        with self._lock:
            self.tally.running[name] = event
            if self._is_log and time.monotonic() - self._said > _LOG_S:
                self._say(self.tally.line())

    def tried(self, record: Record) -> None:
        """Say how an attempt ended."""
        with self._lock:
            self.tally.tried(record)
            if self._is_log or (self._is_live and record["state"] != ACCEPTED):
                self._say(f"{record['name']}: {_ending(record)}")
            if self._is_log:
                self._say(self.tally.line())

    def stopping(self) -> None:
        """Say that it will end soon, and how to go on."""
        self._console.print("Stopping; the same command goes on later. Press Ctrl-C again to stop at once.")

    def sum_up(self, summary: Summary) -> None:
        """Say what became of all, on stdout."""
        console = Console(highlight=False, markup=False, emoji=False)
        kept = f", {summary.before} of them before" if summary.before else ""
        pace = self.tally.scenes_per_hour
        console.print(
            f"{summary.accepted} accepted, {summary.rejected} rejected, {summary.failed} failed{kept}"
            + (f"; {pace:.0f} accepted an hour." if pace else ".")
        )
        for code, count in summary.reasons.items():
            console.print(f"  rejected for {code}: {count}", soft_wrap=True)
        for name, error in summary.errors.items():
            console.print(f"  {name} failed: {error}", soft_wrap=True)

    def _say(self, text: str) -> None:
        self._said = time.monotonic()
        self._console.print(text, soft_wrap=True)

    def _picture(self) -> Group:
        table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
        for name, event in sorted(self.tally.running.items()):
            table.add_row(Text(f"  {percent(event.fraction):>3}%"), Text(name), Text(event.message, style="dim"))
        return Group(Text(self.tally.line()), table)


def _ending(record: Record) -> str:
    """Return how an item's last attempt ended, in words."""
    last = record["attempts"][-1]
    if last["state"] == FAILED:
        return f"failed: {last['error']}"
    if last["state"] == ACCEPTED:
        return f"accepted, {record['grade']}"
    again = "; another seed is tried" if record["state"] == OPEN else ""
    return f"rejected: {', '.join(last['reasons'])}{again}"
