"""Kit, played by a double, with the extension enabled, and scenes to add."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lyra_backend import generate_scene
from lyra_backend.catalog import describe

from .kit import Kit

#: Scenes that are made in a second or two.
QUICK = {
    "preset": "draft",
    "params": {
        "generate": {"gaussian_count": 20000, "bake_light": False},
        "light": {"estimate": False},
        "collide": {"voxel_size": 0.1},
        "place": {"robots": "go2", "spawn_points": 16, "tasks": 2, "viewpoints": 0},
    },
}
#: Without colliders: made as quickly as scenes are, and never accepted.
QUICKEST = {
    "prompt": "a small bathroom",
    "preset": "draft",
    "collider": "none",
    "params": {"generate": {"gaussian_count": 20000, "bake_light": False}, "light": {"estimate": False}},
}


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[Kit]:
    """Isaac Sim 6 with an empty stage; the extension is enabled and its window shown by the tests."""
    with Kit().installed() as session:
        session.settings.set("/persistent/exts/omni.lyra.scenegen/runs_folder", str(tmp_path / "runs"))
        session.settings.set("/persistent/exts/omni.lyra.scenegen/python", sys.executable)
        session.new_stage()
        yield session
        if session.extension is not None:
            session.disable()


@pytest.fixture(scope="session")
def catalog() -> dict[str, Any]:
    """What there is, as workers tell it."""
    return describe()


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small finished run, with appearances for both versions of Isaac Sim."""
    out = tmp_path_factory.mktemp("kit") / "bathroom"
    generate_scene({"prompt": "a small bathroom", "primitives": ["particle_field", "nurec"], **QUICK}, out)
    return out
