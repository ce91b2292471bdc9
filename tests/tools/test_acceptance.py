"""The acceptance table: which runs are kept, and what judges are."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pytest

from lyra_backend.io.run_dir import RunDirectory
from lyra_backend.pipeline import code_version
from lyra_backend.types import SceneRequest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

import acceptance

REQUEST = SceneRequest.from_json({"prompt": "a room", "seed": 1})


def finished_run(root: Path, code: str) -> Path:
    with RunDirectory.open(root, REQUEST) as run:
        run.finish(code)
    return root


def test_a_run_is_kept_only_if_the_same_code_finished_the_same_request(tmp_path: Path) -> None:
    run = finished_run(tmp_path / "run", code_version())
    assert acceptance.is_kept(run, REQUEST)
    assert not acceptance.is_kept(run, SceneRequest.from_json({"prompt": "a room", "seed": 2}))
    assert not acceptance.is_kept(finished_run(tmp_path / "old", "another code"), REQUEST)
    assert not acceptance.is_kept(tmp_path / "nothing", REQUEST)


def test_a_run_that_was_stopped_is_not_kept(tmp_path: Path) -> None:
    with RunDirectory.open(tmp_path / "run", REQUEST):
        pass
    assert not acceptance.is_kept(tmp_path / "run", REQUEST)


def test_judges_have_names_and_commands() -> None:
    assert acceptance.Judge.parse("python judge.py physx") == acceptance.Judge("judge", ("python", "judge.py", "physx"))
    named = acceptance.Judge.parse('newton=python "my judge.py" newton --limit=3')
    assert named == acceptance.Judge("newton", ("python", "my judge.py", "newton", "--limit=3"))


@pytest.mark.parametrize("text", ["", "newton=", "python 'judge.py"])
def test_a_judge_without_a_command_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        acceptance.Judge.parse(text)


def test_a_judge_is_asked_and_its_answer_kept(tmp_path: Path) -> None:
    script = "import sys; print('looked at', sys.argv[1]); sys.exit('bad' in sys.argv[1])"
    judge = acceptance.Judge("third", (sys.executable, "-c", script))
    assert judge.approves(Path("good.usda"), tmp_path / "good.txt")
    assert not judge.approves(Path("bad.usda"), tmp_path / "bad.txt")
    assert (tmp_path / "bad.txt").read_text(encoding="utf-8").split() == ["looked", "at", "bad.usda"]
