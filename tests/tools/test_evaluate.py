"""What `tools/evaluate.py` refuses, and how it tells of rooms that are accepted."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from lyra_backend.types import Finding, Severity

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

import evaluate
from make_tiny_lyra import make_tiny_lyra
from room_acceptance import Verdict, acceptance_table


def finding(code: str, severity: Severity) -> Finding:
    return Finding(code, severity, "text")


def test_rooms_are_counted_once_for_each_finding():
    bad, note = finding("floor.missing", Severity.ERROR), finding("scale.unknown", Severity.WARNING)
    verdicts = [Verdict("room 1", False, "demo", (bad, bad, note)), Verdict("room 2", True, "demo", (note,))]
    lines = acceptance_table(verdicts).splitlines()
    assert lines[0] == "1 of 2 rooms are accepted (no finding is an error)."
    assert lines[4:] == ["| floor.missing | error | 1 |", "| scale.unknown | warning | 2 |"]


@pytest.mark.parametrize("extra", [(), ("--accept", "2")])
def test_a_model_that_is_not_there_is_told(extra, tmp_path, capsys):
    assert evaluate.main(["--model", str(tmp_path / "none"), *extra]) == 2
    assert "must be a folder with decoder, transformer and vae" in capsys.readouterr().err


def test_a_model_of_moving_scenes_is_refused(tmp_path, capsys):
    make_tiny_lyra(tmp_path / "moving", moves=True)
    assert evaluate.main(["--model", str(tmp_path / "moving"), "--device", "cpu"]) == 2
    assert "is a decoder of moving scenes" in capsys.readouterr().err


def test_names_of_models_are_needed_and_differ(tmp_path, capsys):
    assert evaluate.main(["--compare", f"one={tmp_path}", f"one={tmp_path}"]) == 2
    assert "needs a name of its own" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        evaluate.main(["--compare", str(tmp_path)])
