"""Progress in files and pipes: a line when something happens, and one when nothing does for long."""

from __future__ import annotations

import sys
import time

import pytest

from lyra_backend.progress import Event
from lyra_backend.progress_log import ProgressLog, duration, percent


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().err.splitlines()


def test_stages_and_milestones_are_lines(capsys: pytest.CaptureFixture[str]) -> None:
    log = ProgressLog()
    log.start()
    # not at once: a mistake that is found first is one line
    assert lines(capsys) == []
    assert wait_for(1, capsys) == ["[0:00:00]   0% starting"]
    log.show(Event("", 0.0, "starting", 0.1, None))
    log.show(Event("generate", 0.0, "generate lyra", 3.9, 4800.0))
    log.show(Event("generate", 0.1, "video 1 of 6: step 3 of 35", 500.0, 4300.0))
    log.show(Event("generate", 0.165, "video 1 of 6: finished", 830.0, 4100.0, milestone=True))
    log.show(Event("generate", 0.2, "video 2 of 6: step 8 of 35", 990.0, 3800.0))
    log.show(Event("refine", 0.99, "", 4830.0, 29.6))
    log.show(Event("refine", 1.0, "refine", 4860.0, 0.0, milestone=True))
    log.stop()
    assert lines(capsys) == [
        "[0:00:03]   0% generate lyra (80 min left)",
        "[0:13:50]  16% generate: video 1 of 6: finished (68 min left)",
        "[1:20:30]  99% refine (30 s left)",
        "[1:21:00] 100% refine",
    ]


def wait_for(count: int, capsys: pytest.CaptureFixture[str], within_s: float = 10.0) -> list[str]:
    found, end = lines(capsys), time.monotonic() + within_s
    while len(found) < count and time.monotonic() < end:
        time.sleep(0.01)
        found += lines(capsys)
    return found


def test_a_silence_is_broken_by_where_the_job_is_now(capsys: pytest.CaptureFixture[str]) -> None:
    log = ProgressLog(pause_s=0.3)
    log.start()
    log.show(Event("generate", 0.1, "generate lyra", 10.0, 9000.0))
    log.show(Event("generate", 0.5, "step 5 of 10", 50.0, 5000.0))
    found = wait_for(3, capsys)
    log.stop()
    assert [line.partition("]")[2] for line in found[:3]] == [
        "  10% generate lyra (2 h 30 min left)",
        *2 * ["  50% generate: step 5 of 10 (83 min left)"],
    ]
    time.sleep(0.4)
    assert not lines(capsys)


def test_what_should_long_be_over_has_no_time_left(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    log = ProgressLog()
    log.show(Event("generate", 0.5, "loading", 10.0, 40.0))
    now = time.monotonic()
    for silent_s in (30.0, 60.0):
        monkeypatch.setattr("time.monotonic", lambda silent_s=silent_s: now + silent_s)
        log._write()
    assert lines(capsys)[1:] == ["[0:00:40]  50% generate: loading (10 s left)", "[0:01:10]  50% generate: loading"]


def test_a_reader_that_left_is_told_of_by_the_job_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone:
        def write(self, text: str) -> None:
            raise BrokenPipeError

    log = ProgressLog(pause_s=0.01)
    log.start()
    monkeypatch.setattr(sys, "stderr", Gone())
    time.sleep(0.1)
    assert log._beat.is_alive()
    with pytest.raises(BrokenPipeError):
        log.show(Event("generate", 0.5, "loading", 10.0, 40.0))
    log.stop()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0, "less than 1 s"),
        (1.0, "1 s"),
        (89.4, "89 s"),
        (90.0, "2 min"),
        (4800.0, "80 min"),
        (149 * 60, "149 min"),
        (149.6 * 60, "2 h 30 min"),
        (10800.0, "3 h"),
        (50 * 3600 + 61, "50 h 1 min"),
    ],
)
def test_times_in_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_a_hundred_percent_is_all() -> None:
    assert [percent(share) for share in (0.0, 0.29, 0.999, 1.0)] == [0, 29, 99, 100]
