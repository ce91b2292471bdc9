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


class Clock:
    """Stands in for the monotonic clock."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("time.monotonic", clock)
    return clock


def test_time_left_is_only_said_when_it_means_something(clock: Clock) -> None:
    events: list[Event] = []
    progress = Progress(events.append)
    clock.now += 10.0
    progress(0.01)
    progress(0.25)
    assert [event.elapsed_s for event in events] == [10.0, 10.0]
    assert [event.eta_s for event in events] == [None, pytest.approx(30.0)]


def test_what_was_kept_says_nothing_about_the_time_left(clock: Clock) -> None:
    events: list[Event] = []
    whole = Progress(events.append)
    whole.child(0.0, 0.8, "generate")(0.0, "kept")
    clock.now += 5.0  # loading it
    whole.child(0.0, 0.8, "generate").skip("generate")
    check = whole.child(0.8, 1.0, "validate")
    check(0.0)
    clock.now += 10.0
    check(0.5)
    assert [event.eta_s for event in events] == [None, None, None, pytest.approx(10.0)]
    assert [round(event.fraction, 6) for event in events] == [0.0, 0.8, 0.8, 0.9]
    assert events[-1].elapsed_s == 15.0


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
