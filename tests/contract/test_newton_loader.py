"""The example of docs/isaac_lab.md loads a scene in Newton, and a ball comes to rest on its floor."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from lyra_backend import author
from lyra_backend.progress import Progress
from lyra_backend.types import CollisionPart, CollisionProxy, GaussianCloud, SceneBundle

from ..validate import physics_rooms as rooms

DOC = Path(__file__).resolve().parents[2] / "docs" / "isaac_lab.md"


def test_the_example_of_the_docs_runs(tmp_path: Path, random_cloud: GaussianCloud) -> None:
    (code,) = re.findall(r"```python\n(import sys\n\nimport newton.*?)```", DOC.read_text(encoding="utf-8"), re.DOTALL)
    room = CollisionPart("environment", *rooms.merge(rooms.floor(), *rooms.walls()))
    bundle = SceneBundle(random_cloud, CollisionProxy((room,), "surface", {}))
    author.run(bundle, tmp_path, author.Params(), Progress())
    place = ["2.0", "2.0", "0.3"]
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), *place], capture_output=True, text=True, check=True
    )
    height = float(done.stdout.split("height")[-1])
    assert height == pytest.approx(0.05, abs=2e-3)
