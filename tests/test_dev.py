"""Setting up a checkout: what is reused, what is refused, and which exit codes come out."""

from __future__ import annotations

import importlib.util
import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def dev(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The tool, working on an empty checkout; pip and what fetches files is recorded instead of run."""
    spec = importlib.util.spec_from_file_location("dev", ROOT / "tools" / "dev.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    module.ROOT, module.VENV = tmp_path, tmp_path / ".venv"
    module.STAMP = module.VENV / module.STAMP.name
    module.commands = []
    really = module.call

    def call(command: Sequence[str | Path]) -> int:
        words = [str(part) for part in command]
        module.commands.append(words)
        return 0 if "pip" in words or "weights" in words else really(command)

    monkeypatch.setattr(module, "call", call)
    return module


def pip_runs(dev: ModuleType) -> int:
    return sum("pip" in words for words in dev.commands)


def test_set_up_makes_the_environment_once_and_installs_again_only_for_a_reason(
    dev: ModuleType, capfd: pytest.CaptureFixture[str]
) -> None:
    dev.set_up(("physics",))
    assert dev.venv_version() == ".".join(map(str, sys.version_info[:3]))
    dev.set_up(("physics",))
    assert pip_runs(dev) == 1
    assert "everything is installed" in capfd.readouterr().out
    dev.set_up(("physics", "test"))
    dev.set_up(("physics",))
    assert pip_runs(dev) == 2
    assert sum(words[-2:] == ["weights", "robots"] for words in dev.commands) == 1
    (dev.ROOT / "pyproject.toml").write_text("[project]\nname = 'other'\n")
    dev.set_up(("physics",))
    assert pip_runs(dev) == 3


def test_an_installation_that_failed_or_was_stopped_is_done_again(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    dev.set_up(())
    (dev.ROOT / "pyproject.toml").write_text("[project]\nname = 'other'\n")
    with monkeypatch.context() as patch:
        patch.setattr(dev, "call", lambda command: 7)
        with pytest.raises(dev.StepFailed) as failure:
            dev.set_up(())
    assert failure.value.code == 7
    (dev.ROOT / "pyproject.toml").write_text("[project]\n")
    dev.set_up(())
    assert pip_runs(dev) == 2


def test_a_half_made_environment_is_made_anew_and_other_folders_are_left(
    dev: ModuleType, capfd: pytest.CaptureFixture[str]
) -> None:
    dev.VENV.mkdir()
    (dev.VENV / "pyvenv.cfg").write_text("home = nowhere\n")
    assert dev.ensure_venv().startswith("3.")
    assert "half-made" in capfd.readouterr().out
    dev.VENV = dev.ROOT / "mine"
    dev.VENV.mkdir()
    (dev.VENV / "letter.txt").write_text("dear")
    with pytest.raises(dev.CannotWork, match="no virtual environment"):
        dev.ensure_venv()
    assert (dev.VENV / "letter.txt").read_text() == "dear"


PROJECT = "[project]\n[project.optional-dependencies]\nphysics = []\nformats = []\nvideo = []\nlyra = ['torch']\n"


@pytest.fixture
def unreachable(dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """No GPU, and no index of torch."""

    def silent(*_: object, **__: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(dev.urllib.request, "urlopen", silent)
    monkeypatch.setattr(dev.shutil, "which", lambda name: None)


@pytest.mark.usefixtures("unreachable")
def test_extras_are_asked_for_by_name(dev: ModuleType, capfd: pytest.CaptureFixture[str]) -> None:
    (dev.ROOT / "pyproject.toml").write_text(PROJECT)
    assert dev.main(["setup", "--extra", "lyra"]) == 0
    assert dev.commands[-1][-2:] == ["--editable", ".[formats,physics,video,lyra]"]
    assert dev.main(["setup"]) == 0
    assert pip_runs(dev) == 1
    for words in (["--extra"], ["lyra"], ["--extra", "lyra", "--extra"]):
        assert dev.main(["setup", *words]) == 2
    assert "setup takes --extra NAME" in capfd.readouterr().out
    assert dev.main(["setup", "--extra", "lira"]) == 2
    assert "there is no extra lira; there are: physics, formats, video, lyra" in capfd.readouterr().out
    assert pip_runs(dev) == 1


@pytest.mark.usefixtures("unreachable")
def test_an_index_that_is_silent_is_left_out(dev: ModuleType, capfd: pytest.CaptureFixture[str]) -> None:
    assert dev.torch_options(("lyra",)) == ()
    if sys.platform == "linux":
        assert "no route to host" in capfd.readouterr().out


def test_torch_without_cuda_only_where_it_is_of_use(dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def answers(address: str, timeout: float) -> io.BytesIO:
        asked.append(address)
        return io.BytesIO()

    monkeypatch.setattr(dev.urllib.request, "urlopen", answers)
    monkeypatch.setattr(dev.sys, "platform", "linux")
    monkeypatch.setattr(dev.shutil, "which", lambda name: "/usr/bin/nvidia-smi")
    assert dev.torch_options(("lyra",)) == ()
    monkeypatch.setattr(dev.shutil, "which", lambda name: None)
    assert dev.torch_options(("formats", "physics")) == ()
    assert not asked
    assert dev.torch_options(("formats", "lyra")) == ("--extra-index-url", dev.CPU_BUILDS)
    monkeypatch.setattr(dev.sys, "platform", "darwin")
    assert dev.torch_options(("lyra",)) == ()


def test_other_pythons_are_refused_in_words(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(dev.sys, "version_info", (3, 13, 0, "final", 0))
    assert dev.main(["setup"]) == 2
    said = capfd.readouterr().out
    assert "3.11 and 3.12, this is Python 3.13" in said
    assert not dev.VENV.exists()


def test_exit_codes_are_those_of_the_steps(dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dev, "set_up", lambda extras: None)
    monkeypatch.setattr(dev, "venv_python", lambda: Path(sys.executable))
    assert dev.main(["test", "--version"]) == 0
    assert dev.main(["test", str(dev.ROOT / "nothing_here")]) == 4
    assert dev.main([]) == 2
    assert dev.main(["demo", "more"]) == 2
    assert dev.main(["--help"]) == 0
    assert dev.StepFailed("x", -9).code == 137


@pytest.mark.parametrize(("cores", "processes"), [(1, "1"), (2, "2"), (64, "4")])
def test_all_tests_share_the_cores_and_chosen_ones_are_run_as_asked(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch, cores: int, processes: str
) -> None:
    asked: list[list[str]] = []
    monkeypatch.setattr(dev, "set_up", lambda extras: None)
    monkeypatch.setattr(dev, "must", lambda step, command: asked.append([str(word) for word in command]))
    monkeypatch.setattr(dev.os, "sched_getaffinity", lambda pid: set(range(cores)), raising=False)
    assert dev.main(["test"]) == 0
    assert dev.main(["test", "tests/io", "-k", "splat"]) == 0
    everything, chosen = (words[words.index("pytest") + 1 :] for words in asked)
    assert everything[:4] == ["-n", processes, "--dist", "loadfile"]
    assert chosen == ["tests/io", "-k", "splat"]


@pytest.mark.skipif(sys.platform == "win32", reason="sends a POSIX signal")
def test_ctrl_c_waits_for_the_child_and_ends_with_130(tmp_path: Path) -> None:
    script = (
        "import importlib.util, sys\n"
        f"spec = importlib.util.spec_from_file_location('dev', {str(ROOT / 'tools' / 'dev.py')!r})\n"
        "dev = importlib.util.module_from_spec(spec); spec.loader.exec_module(dev)\n"
        'child = \'import time\\ntry:\\n print("up", flush=True); time.sleep(60)\\n'
        'except KeyboardInterrupt:\\n time.sleep(0.3); print("tidied up", flush=True)\'\n'
        "dev.lint = lambda: dev.call([sys.executable, '-c', child])\n"
        "sys.exit(dev.main(['lint']))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout
    assert process.stdout.readline() == "up\n"
    time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)
    rest = process.communicate(timeout=20)[0]
    assert "tidied up" in rest
    assert "stopped" in rest
    assert process.returncode == 130
