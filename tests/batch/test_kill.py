"""The command itself, with real scenes: killed at several moments, it ends where one that was left alone does."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lyra_backend.io.run_dir import EXEMPT_FILES

from ..conftest import QUICK

MANIFEST = {
    "defaults": {"params": {**QUICK["params"], "author": {"keep": "train"}}},
    "matrix": {"prompt": [QUICK["prompt"]], "seeds": "0-1"},
}


def _command(folder: Path, out: str) -> list[str]:
    return [sys.executable, "-m", "lyra_backend", "batch", str(folder / "m.json"), "--out", str(folder / out)]


def _tree(root: Path) -> dict[str, bytes]:
    files = (path for path in sorted(root.rglob("*")) if path.is_file() and path.name not in EXEMPT_FILES)
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "m.json").write_text(json.dumps(MANIFEST))
    return tmp_path


def test_killed_with_all_its_processes_it_ends_where_it_would_have(folder: Path) -> None:
    subprocess.run(_command(folder, "whole"), check=True, capture_output=True)
    dice = random.Random(5)
    for _ in range(4):
        child = subprocess.Popen(_command(folder, "killed"), stderr=subprocess.DEVNULL, start_new_session=True)
        time.sleep(dice.uniform(1.0, 6.0))
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    last = subprocess.run(_command(folder, "killed"), capture_output=True, text=True)
    assert last.returncode == 0, last.stderr
    assert _tree(folder / "killed") == _tree(folder / "whole")
    assert not (folder / "killed" / ".work").exists()


def test_sigterm_is_a_clean_stop(folder: Path) -> None:
    child = subprocess.Popen(_command(folder, "out"), stderr=subprocess.PIPE, text=True)
    assert child.stderr is not None
    for line in child.stderr:
        if "scenes" in line:
            break
    time.sleep(2.0)
    child.terminate()
    said = child.stderr.read()
    assert child.wait() == 130
    assert "the same command goes on" in said
    assert not list((folder / "out").rglob(".writing-*"))
    assert not list((folder / "out").rglob(".lock"))
