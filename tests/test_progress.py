"""Progress reports, their shares of the whole, and cancelling."""

from __future__ import annotations

import pytest

from lyra_backend.errors import Cancelled
from lyra_backend.progress import CancelToken, Event, Progress


def test_children_report_shares_of_the_whole() -> None:
    events: list[Event] = []
    whole = Progress(events.append, stage="run")
    inner = whole.child(0.2, 0.6, "generate")
    inner(0.5, "half")
    inner.child(0.5, 1.0)(1.0, "done")
    assert [(e.stage, round(e.fraction, 6), e.message) for e in events] == [
        ("generate", 0.4, "half"),
        ("generate", 0.6, "done"),
    ]


def test_reports_never_run_backwards_or_out() -> None:
    events: list[Event] = []
    progress = Progress(events.append)
    for fraction in (0.5, 0.2, -3.0, 7.0):
        progress(fraction)
    assert [e.fraction for e in events] == [0.5, 0.5, 0.5, 1.0]


def test_time_left_is_only_said_when_it_means_something() -> None:
    events: list[Event] = []
    progress = Progress(events.append, started=0.0)  # far in the past, as the monotonic clock goes
    progress(0.01)
    progress(0.5)
    assert events[0].eta_s is None
    assert events[1].eta_s == pytest.approx(events[1].elapsed_s)


def test_the_next_report_after_cancelling_raises() -> None:
    token = CancelToken()
    progress = Progress(token=token, stage="collide")
    child = progress.child(0, 1, "part")
    progress(0.1)
    token.cancel()
    assert token.cancelled
    with pytest.raises(Cancelled, match="collide: cancelled"):
        progress(0.2)
    with pytest.raises(Cancelled, match="part"):
        child(0.3)
