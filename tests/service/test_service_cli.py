"""The commands themselves: what they load, and what they say where something is missing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lyra_backend import service_cli

from ..commands import call


def test_nothing_of_a_service_is_loaded_for_help() -> None:
    code = (
        "import sys\nfrom lyra_backend.cli import main\n"
        "try:\n    main(['serve', '--help'])\nexcept SystemExit:\n    pass\n"
        "loaded = {'fastapi', 'starlette', 'uvicorn', 'prometheus_client', 'sqlite3'} & set(sys.modules)\n"
        "sys.exit(str(loaded) if loaded else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "curl -X POST localhost:8484/v1/jobs" in " ".join(done.stdout.split())


def test_a_missing_package_is_told_with_the_line_that_brings_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(service_cli, "find_spec", lambda name: None)
    done = call("serve", tmp_path / "service")
    assert done.code == 1
    assert "pip install 'lyra-backend[service]'" in done.err


def test_watching_a_run_that_is_over(scene_dir: Path, tmp_path: Path) -> None:
    done = call("watch", scene_dir)
    assert done.out.strip() in ("accepted", "rejected")
    assert done.code == (0 if done.out.strip() == "accepted" else 1)
    assert call("watch", tmp_path).code == 2
