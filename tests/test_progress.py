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


def test_parts_have_spans_by_their_weight_in_their_order() -> None:
    events: list[Event] = []
    parts = Progress(events.append, stage="generate").child(0.5, 1.0).children({"depth": 1, "videos": 8, "decoding": 1})
    assert list(parts) == ["depth", "videos", "decoding"]
    for part, progress in parts.items():
        progress(0.0, part)
        progress(1.0, part)
    assert [round(event.fraction, 6) for event in events] == [0.5, 0.55, 0.55, 0.95, 0.95, 1.0]
    assert events[-1].fraction == 1.0
    assert {event.stage for event in events} == {"generate"}


def test_milestones_are_marked() -> None:
    events: list[Event] = []
    progress = Progress(events.append)
    progress(0.1, "step")
    progress.milestone(0.2, "video finished")
    assert [(e.fraction, e.message, e.milestone) for e in events] == [
        (0.1, "step", False),
        (0.2, "video finished", True),
    ]


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


def long_run(clock: Clock, pace: float = 1.0) -> dict[float, tuple[float, float]]:
    """Return {minutes since the start: (time left as told, as it was) [s]} of a generator of 80 min and 30 s of others.

    It is expected to take this long, and takes `pace` times that.
    """
    told: dict[float, float] = {}
    started = clock.now
    whole = Progress(lambda event: told.update({(clock.now - started) / 60: event.eta_s or 0.0}))
    whole.expect(4830.0)
    stages = whole.children({"generate": 4800.0, "others": 30.0})
    parts = stages["generate"].children({"loading": 60.0, "videos": 4740.0})
    for progress, steps, seconds in ((parts["loading"], 1, 60.0), (parts["videos"], 210, 4740.0)):
        for step in range(steps):
            progress(step / steps)
            clock.now += pace * seconds / steps
    stages["others"](0.0)
    clock.now += 30.0
    stages["others"](1.0)
    return {minutes: (left, clock.now - started - 60 * minutes) for minutes, left in told.items()}


def test_time_left_of_a_run_of_hours_is_right_from_its_first_minutes(clock: Clock) -> None:
    for left, true in long_run(clock).values():
        assert left == pytest.approx(true, rel=0.02, abs=1e-6)


def test_finding_out_what_there_is_to_do_says_nothing_about_the_time_left(clock: Clock) -> None:
    events: list[Event] = []
    progress = Progress(events.append)
    clock.now += 5.0  # importing libraries
    progress.expect(60.0)
    progress(0.0, "starts")
    assert (events[0].elapsed_s, events[0].eta_s) == (5.0, pytest.approx(60.0))


def test_time_left_follows_the_machine_where_the_estimate_was_wrong(clock: Clock) -> None:
    lefts = long_run(clock, pace=3.0)
    assert all(left == pytest.approx(true, rel=0.4) for minutes, (left, true) in lefts.items() if 10 < minutes < 230)
    assert all(left == pytest.approx(true, rel=0.1) for minutes, (left, true) in lefts.items() if 60 < minutes < 230)


def test_time_left_where_hours_were_kept_from_before(clock: Clock) -> None:
    events: list[Event] = []
    whole = Progress(events.append)
    whole.expect(4830.0)
    stages = whole.children({"generate": 4800.0, "others": 30.0})
    stages["generate"](0.0)
    clock.now += 3.0
    stages["generate"].skip("kept")
    stages["others"](0.0)
    clock.now += 10.0
    stages["others"](1 / 3)
    assert [event.eta_s for event in events[1:]] == [pytest.approx(30.0), pytest.approx(30.0), pytest.approx(20.0)]


def test_what_a_generator_kept_says_nothing_about_the_time_left(clock: Clock) -> None:
    events: list[Event] = []
    videos = Progress(events.append)
    videos.expect(600.0)
    videos(0.0, "reading what was kept")
    clock.now += 2.0
    videos.skip("five of six", fraction=5 / 6)
    clock.now += 50.0
    videos(11 / 12, "half of the last")
    assert [event.eta_s for event in events] == [pytest.approx(t) for t in (600.0, 100.0, 50.0)]
    videos.skip("nothing more to do")
    assert events[-1].fraction == 1.0
    assert not events[-1].eta_s


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
