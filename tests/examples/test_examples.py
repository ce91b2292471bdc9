"""Every example runs as it stands, in a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

EXAMPLES = Path(__file__).parents[2] / "examples"
#: What each script is expected to say, among other things.
SAID = {
    "five_scenes.py": "5 accepted, 0 rejected, 0 failed",
    "places_to_start.py": "the longest way:",
    "prompt_to_stage.py": "accepted (train, geometry exact)",
    "splat_to_collider.py": "  p95 ",
    "stop_and_go_on.py": "finished: accepted",
}


def test_no_example_is_forgotten() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == set(SAID)


@pytest.mark.parametrize("name", SAID)
def test_a_script_does_what_it_says(name: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name)], cwd=tmp_path, capture_output=True, text=True, env=os.environ.copy()
    )
    assert done.returncode == 0, done.stderr
    assert SAID[name] in done.stdout
    assert not list(EXAMPLES.rglob("outputs")), "examples write where they are started"


def test_the_notebook_runs_from_its_first_cell_to_its_last(tmp_path: Path) -> None:
    notebook = nbformat.read(EXAMPLES / "first_scene.ipynb", as_version=4)
    NotebookClient(
        notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    shown = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert shown[0]["data"]["text/plain"] == "(True, 'train')"
    assert sum("image/png" in output.get("data", {}) for output in shown) == 3
    assert sum("image/gif" in output.get("data", {}) for output in shown) == 1
