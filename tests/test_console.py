"""The terminal's output: users' words as they are, times in words."""

from __future__ import annotations

import io
import signal
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console as RichConsole

from lyra_backend import console
from lyra_backend.progress import Event
from lyra_backend.types import Estimate, Finding, RunReport, Severity, StageReport

WORDS = "[red]x[/red] [/] :smile:"


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """A terminal of 100 columns that remembers what was drawn."""
    drawn = io.StringIO()
    options: dict[str, Any] = {"file": drawn, "force_terminal": True, "width": 100, "color_system": None}
    monkeypatch.setattr(console, "RichConsole", lambda **given: RichConsole(**{**given, "stderr": False, **options}))
    return drawn


def test_progress_is_drawn_with_the_users_words(terminal: io.StringIO) -> None:
    with console.Console() as shown:
        shown.show(Event("generate", 0.25, WORDS, 3.0, 200.0))
        shown._bar.refresh()
    assert WORDS in terminal.getvalue()
    assert "25%" in terminal.getvalue()
    assert "3 min left" in terminal.getvalue()


def test_what_is_not_quite_done_is_not_drawn_as_done(terminal: io.StringIO) -> None:
    with console.Console() as shown:
        shown.show(Event("validate", 0.997, "validate", 4800.0, 9.0))
        shown._bar.refresh()
    assert " 99%" in terminal.getvalue()
    assert "100%" not in terminal.getvalue()


def test_without_a_terminal_there_are_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with console.Console() as shown:
        for fraction in (0.1, 0.2):
            shown.show(Event("generate", fraction, f"{WORDS} {fraction}", 1.0, 30.0))
        shown.show(Event("refine", 0.5, "refine", 2.0, None))
    assert capsys.readouterr().err.splitlines() == [
        f"[0:00:01]  10% generate: {WORDS} 0.1 (30 s left)",
        "[0:00:02]  50% refine",
    ]


def test_a_quiet_console_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with console.Console(quiet=True) as shown:
        shown.show(Event("generate", 0.1, "nothing of this", 1.0, None, milestone=True))
    assert capsys.readouterr().err == ""


def test_a_plan_says_what_its_times_are_of(capsys: pytest.CaptureFixture[str]) -> None:
    gpu = "a data-centre GPU"
    parts = [
        Estimate("depth", device_bytes=2e4, note="by a network"),
        Estimate("6 videos", 9000.0, 23e9, times_of=gpu),
        Estimate("decoding", 0.2, 16e9, times_of=gpu),
        Estimate("colliders", 5.0, times_of="two CPU cores"),
    ]
    console.print_plan({"generate": "lyra"}, parts)
    text = " ".join(capsys.readouterr().out.split())
    assert "depth: less than 0.01 GB of memory, by a network" in text
    assert "6 videos: about 2 h 30 min, 23 GB of memory" in text
    assert "decoding: less than 1 s, 16 GB of memory" in text
    assert "In all about 2 h 30 min and 23 GB at the peak" in text
    assert "not by measuring: times are those of a data-centre GPU and two CPU cores. What is finished is kept" in text
    console.print_plan({"generate": "lyra"}, [Estimate("6 videos", 0.0)])
    text = " ".join(capsys.readouterr().out.split())
    assert "In all less than 1 s and 0 GB at the peak, by counting and not by measuring. What" in text


def test_ctrl_c_asks_first_and_then_insists(capsys: pytest.CaptureFixture[str]) -> None:
    with console.Console() as shown:
        signal.raise_signal(signal.SIGINT)
        assert shown.token.cancelled
        assert "Press Ctrl-C again" in " ".join(capsys.readouterr().err.split())
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_summary_of_a_scene(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "[bold]"
    folder.mkdir()
    for name in ("stage.usda", "report.json"):
        (folder / name).touch()
    findings = (
        Finding("prompt.not_understood", Severity.WARNING, f"{WORDS} changed nothing.", 2.0, 0.0),
        Finding("scene.bad", Severity.ERROR, "It is bad.", where="/World"),
        Finding("scene.note", Severity.INFO, "Never mind."),
    )
    report = RunReport(False, False, "exact", "demo", (StageReport("generate", "procedural", {}, findings),))
    console.print_scene(folder, report, outdated=True)
    text = capsys.readouterr().out
    flat = " ".join(text.split())
    assert f"warning {WORDS} changed nothing. (prompt.not_understood, measured 2, limit 0)" in flat
    assert "error It is bad. At /World. (scene.bad)" in flat
    assert "Never mind" not in flat
    assert "Scene not accepted: geometry exact, grade demo." in flat
    assert "Another version of Lyra SceneGen made it; --overwrite" in flat
    assert f"  {folder / 'stage.usda'}  to look at in Isaac Sim 5 or 6, not to train in\n" in text
    assert "preview.png" not in text


@pytest.mark.parametrize("versions", [(5,), (6,), (5, 6)])
def test_each_version_is_told_its_file(tmp_path: Path, capsys: pytest.CaptureFixture[str], versions: Any) -> None:
    for name in ("stage.usda", *(f"stage_isaac{n}.usda" for n in versions)):
        (tmp_path / name).touch()
    console.print_scene(tmp_path, RunReport(True, False, "exact", "train", ()))
    text = capsys.readouterr().out
    told = [n for n in (5, 6) if f"stage_isaac{n}.usda  open in Isaac Sim {n} and press Play" in text]
    assert tuple(told) == versions
    assert f"{tmp_path / 'stage.usda'}  the same for other programs" in text


def test_results_are_lines_and_findings(capsys: pytest.CaptureFixture[str]) -> None:
    finding = vars(Finding("a.b", Severity.INFO, WORDS, 0.5))
    data = {
        "output": "[b].ply",
        "done": True,
        "counts": {"[i]n": 3, "dropped": 0},
        "all": ["x", "y"],
        "findings": [finding],
    }
    console.print_result(data)
    assert "findings" in data
    expected = f"output: [b].ply\ndone: yes\ncounts\n  [i]n: 3\nall: x, y\ninfo  {WORDS} (a.b, measured 0.5)"
    assert [line.rstrip() for line in capsys.readouterr().out.splitlines()] == expected.split("\n")


def test_a_plugin_that_cannot_be_used_is_listed_with_the_reason(capsys: pytest.CaptureFixture[str]) -> None:
    plugins = {"[x]": {"summary": "from elsewhere", "inputs": ["prompt"], "unavailable": "no module [y]"}}
    console.print_catalog({"presets": ["draft"], "generate": {"generators": plugins}})
    text = capsys.readouterr().out
    assert "generator [x] (takes prompt): from elsewhere" in text
    assert "cannot be used: no module [y]" in text
