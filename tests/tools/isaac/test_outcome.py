"""How the tools end: exit codes, JSON, errors in one line, and what the driver says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from isaac import kit_session
from isaac.graphics_card import GraphicsCard, parse_cards
from isaac.outcome import Check, State, exit_code, run_tool, to_json, write_json
from isaac.selftest import memory_check, without_places

from lyra_backend.errors import InvalidRequest
from lyra_backend.exits import ExitCode

ROOT = Path(__file__).resolve().parents[3]
GOOD = Check.of("a.b", True, "well", 1.0, 0.5, "share")
BAD = Check.of("a.c", False, "not well", 0.1, 0.5, "share")
LEFT = Check("robot.stands", State.SKIPPED, "no asset")


def test_exit_codes() -> None:
    assert exit_code([GOOD]) == 0
    assert exit_code([GOOD, BAD]) == 1
    assert exit_code([GOOD, LEFT]) == 1
    assert exit_code([GOOD, LEFT], allowed=("robot",)) == 0
    assert exit_code([BAD], allowed=("a",)) == 1
    assert exit_code([]) == 1


def test_json_has_every_value_beside_its_limit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = to_json("selftest", [GOOD, LEFT], kit="110.1.2")
    write_json(tmp_path / "new" / "out.json", data)
    assert json.loads((tmp_path / "new" / "out.json").read_text(encoding="utf-8")) == data
    write_json(None, data)
    assert json.loads(capsys.readouterr().out) == data
    assert data["passed"] is False
    assert to_json("selftest", [GOOD, LEFT], ("robot",))["passed"] is True
    assert data["checks"][0] == {
        "name": "a.b", "state": "passed", "message": "well", "value": 1.0, "limit": 0.5, "unit": "share",
    }  # fmt: skip


def test_errors_are_one_line_and_a_code(capsys: pytest.CaptureFixture[str]) -> None:
    def fail(error: BaseException) -> ExitCode:
        raise error

    assert run_tool(lambda: fail(InvalidRequest("boxes: must be 1"))) == 2
    assert run_tool(lambda: fail(KeyboardInterrupt())) == 130
    assert run_tool(lambda: fail(ZeroDivisionError("zero"))) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "lyra-scenegen: boxes: must be 1"
    assert len(lines) == 3


def test_kit_is_left_with_the_code_even_where_it_cannot_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []

    class Newer:
        def close(self, wait_for_replicator: bool = True, skip_cleanup: bool = False, exit_code: int = 0) -> None:
            told.append(("close", exit_code))

    class Older:
        def close(self, wait_for_replicator: bool = True, skip_cleanup: bool = False) -> None:
            told.append(("close", None))

    monkeypatch.setattr(os, "_exit", lambda code: told.append(("exit", code)))
    for app in (Newer(), Older()):
        kit_session.leave(app, ExitCode.NOT_ACCEPTED)
    assert told == [("close", 1), ("exit", 1), ("exit", 1)]


def test_folders_of_the_user_are_left_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home" / "ann"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home" / "ann"))
    said = without_places(f"broke with OSError: {Path.home()}/run and {kit_session.ROOT}/tools/isaac")
    assert said == "broke with OSError: ~/run and <checkout>/tools/isaac"


def test_lines_of_the_driver() -> None:
    text = "NVIDIA RTX 6000 Ada, 570.86, 1234, 49140\nNVIDIA L4, 570.86, [N/A], 23034\n\n"
    assert parse_cards(text) == (GraphicsCard("NVIDIA RTX 6000 Ada", "570.86", 1234.0, 49140.0),)
    before, after = (parse_cards(f"A, 1, {a}, 100\nB, 1, {b}, 100") for a, b in ((5, 5), (6, 80)))
    assert memory_check(before, after).message.startswith("B: 80 of 100 MiB in use, 75 more")
    assert memory_check((), ()).state == "skipped"


@pytest.mark.parametrize("tool", ["capture", "generate_stages", "selftest", "verify_stage"])
def test_tools_teach_without_kit_and_say_whose_python_they_need(tool: str, run: Path, tmp_path: Path) -> None:
    manifest = tmp_path / "scenes.json"
    manifest.write_text('[{"prompt": "a hall"}]', encoding="utf-8")
    words = {
        "capture": [str(run), "--out", "frames"],
        "generate_stages": [str(manifest), "--out", "rooms"],
        "selftest": ["--run", str(run)],
        "verify_stage": [str(run)],
    }
    command = [sys.executable, str(ROOT / "tools" / "isaac" / f"{tool}.py")]
    helped = subprocess.run([*command, "--help"], capture_output=True, text=True, cwd=tmp_path)
    assert helped.returncode == 0
    assert "python.sh" in helped.stdout
    assert "Exit code 0" in helped.stdout
    tried = subprocess.run([*command, *words[tool]], capture_output=True, text=True, cwd=tmp_path)
    assert tried.returncode == 2
    assert "must be run by its Python" in tried.stderr
    assert not (tmp_path / "frames").exists()


def test_nothing_but_numpy_and_pillow_is_imported() -> None:
    """Kit's Python has these two; whatever else is asked for there would be missing."""
    tools = sorted(p.stem for p in (ROOT / "tools" / "isaac").glob("*.py") if p.stem != "__init__")
    code = f"""
import sys
sys.path[:0] = [{str(ROOT / "tools")!r}, {str(ROOT)!r}]
before = set(sys.modules)
for name in {tools!r}:
    __import__(f"isaac.{{name}}")
print(*sorted({{n.partition(".")[0] for n in set(sys.modules) - before}} - set(sys.stdlib_module_names)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name for name in done.stdout.split() if not name.startswith("_")}
    assert loaded == {"PIL", "isaac", "lyra_backend", "numpy"}
