"""The Python that workers run in: found, made and known to be current."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lyra_backend import worker_environment as workers
from lyra_backend.client import Worker
from lyra_backend.errors import Cancelled, InvalidRequest


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "data"))
    monkeypatch.delenv(workers.VARIABLE, raising=False)


def test_a_python_that_has_everything_will_do() -> None:
    assert workers.find_python() == Path(sys.executable)


def test_a_named_python_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(workers.VARIABLE, str(tmp_path / "python"))
    with pytest.raises(InvalidRequest, match=r"must name a Python, but there is no file .*python\. Mend it or unset"):
        workers.find_python()
    (tmp_path / "python").touch()
    assert workers.find_python() == tmp_path / "python"


def test_in_a_program_without_what_scenes_need_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_MODULES", ("no_such_module",))
    with pytest.raises(InvalidRequest, match=r"there is none in .*Run: lyra-scenegen doctor --fix"):
        workers.find_python()


def test_an_environment_is_made_and_a_worker_starts_in_it(tmp_path: Path) -> None:
    folder, said = tmp_path / "env", list[str]()
    # packages are those of this environment, so that nothing is downloaded; the package itself is installed
    options = ["--no-deps", "--quiet"]
    site = next(path for path in sys.path if path.endswith("site-packages"))
    made = _made_with(folder, site, said, options)
    assert workers.is_current(folder)
    assert json.loads((folder / "lyra-scenegen.json").read_text())["extras"] == []
    assert said[0] == f"making {folder}"
    with Worker([str(made)]) as worker:
        assert "procedural" in worker.describe()["generate"]["generators"]


def _made_with(folder: Path, site: str, said: list[str], options: list[str]) -> Path:
    """Make the environment, and let it see the packages in `site`."""
    plain = workers._run

    def run(command: list[str], say: object, started: Callable[[subprocess.Popen[str]], None]) -> None:
        plain(command, said.append, started)
        if command[2] == "venv":
            found = subprocess.run(
                [str(workers.python_in(folder)), "-c", "import site; print(site.getsitepackages()[0])"],
                capture_output=True,
                text=True,
                check=True,
            )
            (Path(found.stdout.strip()) / "outer.pth").write_text(site + "\n")

    workers._run = run  # type: ignore[assignment]
    try:
        return workers.make_environment(folder, said.append, extras=(), pip_options=options)
    finally:
        workers._run = plain


def test_an_environment_of_other_code_is_outdated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = workers.python_in(tmp_path)
    python.parent.mkdir()
    python.touch()
    (tmp_path / "lyra-scenegen.json").write_text(json.dumps({"contents": workers._contents()}))
    assert workers.is_current(tmp_path)
    monkeypatch.setattr(workers, "_contents", lambda: "other")
    assert not workers.is_current(tmp_path)


def test_what_is_in_the_way_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("all I have")
    with pytest.raises(InvalidRequest, match="is in the way, it is no virtual environment"):
        workers.make_environment(tmp_path, print)
    assert (tmp_path / "thesis.txt").read_text() == "all I have"


def test_a_step_that_fails_says_its_last_lines(tmp_path: Path) -> None:
    with pytest.raises(workers.EnvironmentFailed, match=r"pip install failed with exit code 2: .*no such option"):
        workers.make_environment(tmp_path / "env", lambda _: None, extras=(), pip_options=["--no-such-option"])


def test_a_step_ends_when_nobody_listens_any_more() -> None:
    def say(line: str) -> None:
        raise Cancelled(line)

    script = "import time; print('begun', flush=True); time.sleep(60)"
    begin = time.monotonic()
    with pytest.raises(Cancelled, match="begun"):
        workers._run([sys.executable, "-c", script], say, lambda process: None)
    assert time.monotonic() - begin < 30.0
