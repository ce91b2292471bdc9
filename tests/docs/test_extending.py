"""The page about extending, followed to the letter: its files are written, its commands are run."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "extending.md"
_FILE = re.compile(r"^`([\w.]+)`:\n\n```\w+\n(.*?)^```", re.MULTILINE | re.DOTALL)
_COMMANDS = re.compile(r"^```bash\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the page was followed; what it installs goes beside it and not into the test's own Python."""
    folder = tmp_path_factory.mktemp("extending")
    text = PAGE.read_text(encoding="utf-8")
    for name, content in _FILE.findall(text):
        (folder / name).write_text(content, encoding="utf-8")
    for line in _COMMANDS.search(text).group(1).splitlines():  # type: ignore[union-attr]
        follow(line, folder)
    return folder


def follow(line: str, folder: Path) -> None:
    program, *words = shlex.split(line)
    installed = folder / "site"
    module = {"pip": ["pip"], "lyra-scenegen": ["lyra_backend"]}[program]
    extra = ["--target", str(installed), "--quiet"] if program == "pip" else []
    done = subprocess.run(
        [sys.executable, "-m", *module, *words, *extra],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
    )
    (folder / f"{words[0]}.txt").write_text(done.stdout, encoding="utf-8")
    assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"


def test_it_is_listed_with_its_parameters(folder: Path) -> None:
    listed = (folder / "generators.txt").read_text(encoding="utf-8")
    assert "checkered_floor" in listed
    assert "A checkered floor, to stand on." in listed
    assert "side_m" in listed


def test_its_scene_is_accepted(folder: Path) -> None:
    report = json.loads((folder / "outputs" / "floor" / "report.json").read_text(encoding="utf-8"))
    assert report["accepted"]
    assert next(stage for stage in report["stages"] if stage["stage"] == "generate")["counts"] == {"gaussians": 40_000}
    assert "CC0-1.0" in (folder / "outputs" / "floor" / "provenance.json").read_text(encoding="utf-8")
