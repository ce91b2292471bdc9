"""Runs stopped or killed at any moment: nothing half-written shows, and the same command goes on to the end."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lyra_backend.io.run_dir import RunDirectory

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")

ROOT = Path(__file__).resolve().parents[1]
WORDS = ["--prompt", "a small bathroom"]
WORDS += ["--set", "generate.gaussian_count=20000", "--set", "collide.voxel_size=0.08"]
#: Stages during which runs are stopped, in the order they come.
STAGES = ("generate", "picture", "validate")


def start(out: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "lyra_backend", "generate", *WORDS, "--out", str(out)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def stop(process: subprocess.Popen[str], stage: str, number: signal.Signals, delay_s: float) -> str:
    """Send a signal some time after a stage has begun; return what the process said on stderr."""
    assert process.stderr
    said = ""
    while f"% {stage}" not in said:
        line = process.stderr.readline()
        assert line, f"the run ended before {stage}: {said}"
        said += line
    time.sleep(delay_s)
    process.send_signal(number)
    return said + process.communicate(timeout=60)[1]


def contents(out: Path) -> dict[str, bytes]:
    return {name: path.read_bytes() for name, path in RunDirectory.read(out).results().items()}


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Results of a run that nobody stopped, by name."""
    out = tmp_path_factory.mktemp("whole") / "run"
    said = start(out).communicate(timeout=300)[1]
    assert (out / ".complete").is_file(), said
    return contents(out)


@pytest.mark.parametrize("name", ["SIGINT", "SIGKILL"])
def test_a_stopped_run_goes_on_and_ends_as_if_nothing_had_been(
    tmp_path: Path, uninterrupted: dict[str, bytes], name: str
) -> None:
    out, delays, number = tmp_path / "run", random.Random(), signal.Signals[name]
    for stage in STAGES:
        delay_s = delays.uniform(0.0, 0.6)
        process = start(out)
        said = stop(process, stage, number, delay_s)
        moment = f"{delay_s:.3f} s into {stage}: {said}"
        assert process.returncode == (130 if number == signal.SIGINT else -number), moment
        assert "Traceback" not in said, moment
        assert not (out / ".complete").exists(), moment
        if out.exists():
            shown = contents(out)
            assert shown.items() <= uninterrupted.items(), moment
        if number == signal.SIGINT:
            assert not list(out.rglob(".lock")), moment
            assert not list(out.rglob(".writing-*")), moment
    process = start(out)
    said = process.communicate(timeout=300)[1]
    assert process.returncode == 0, said
    assert "picture: kept from before" in said, said
    assert contents(out) == uninterrupted
    assert not [path.name for path in out.iterdir() if path.name in (".lock", ".stages") or ".writing" in path.name]


LOADING = """
import os, signal, sys
class CtrlC:
    def find_spec(self, name, path, target=None):
        if name == "lyra_backend.cli":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, CtrlC())
from lyra_backend.__main__ import main
main()
"""
LEAVING = """
import os, signal, sys
from lyra_backend.__main__ import main
sys.argv[1:] = ["--help"]
try:
    main()
finally:
    os.kill(os.getpid(), signal.SIGINT)
"""


@pytest.mark.parametrize(("script", "code", "said"), [(LOADING, 130, "lyra-scenegen: cancelled\n"), (LEAVING, 0, "")])
def test_ctrl_c_while_loading_ends_it_and_while_leaving_changes_nothing(script: str, code: int, said: str) -> None:
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (code, said)
