"""The architecture holds, and the checker would notice if it did not."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def checker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("check_layering", ROOT / "tools" / "check_layering.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_repository_follows_the_layering(checker: ModuleType) -> None:
    assert checker.find_violations(ROOT) == []


PLANTED = [
    ("types/gaussians.py", "import warp", "types must not import warp"),
    ("author/stage.py", "import torch", "author must not import torch"),
    ("kernels/voxels.py", "from ..types import Camera", "kernels must not import types"),
    ("collide/surface.py", "from ..refine import clean", "collide must not import refine"),
    ("collide/surface.py", "from .. import author", "collide must not import author"),
    ("validate/physics.py", "def f():\n    import warp", "validate must not import warp"),
    ("generate/rgbd.py", "import torch", "at the top of a file"),
    ("pipeline.py", "from .cli import main", "pipeline must not import cli"),
    ("api.py", "import omni.usd", "api must not import omni"),
    ("cli.py", "from lyra_backend.pipeline import run", "cli must not import pipeline"),
    ("newpart/thing.py", "x = 1", "newpart is not in the table"),
]


@pytest.mark.parametrize(("name", "text", "expected"), PLANTED, ids=[p[2] for p in PLANTED])
def test_planted_violation_is_found(checker: ModuleType, tmp_path: Path, name: str, text: str, expected: str) -> None:
    path = tmp_path / "lyra_backend" / name
    path.parent.mkdir(parents=True)
    path.write_text(text)
    assert expected in "\n".join(checker.find_violations(tmp_path))


def test_torch_inside_a_function_of_generate_is_fine(checker: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "lyra_backend" / "generate" / "lyra.py"
    path.parent.mkdir(parents=True)
    path.write_text("from ..types import Camera\ndef run():\n    import torch\n")
    assert checker.find_violations(tmp_path) == []


def test_cycle_in_the_table_is_found(checker: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checker, "MAY", {**checker.MAY, "errors": {"types"}})
    assert any("cycle" in line for line in checker.find_violations(tmp_path))


def test_importing_the_package_loads_nothing_heavy() -> None:
    script = (
        "import sys, time; begin = time.process_time(); import lyra_backend; used = time.process_time() - begin\n"
        "heavy = [m for m in ('torch', 'warp', 'pxr', 'diffusers', 'numpy', 'scipy', 'typer') if m in sys.modules]\n"
        "print(heavy, used < 0.3)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] True"


def test_driving_workers_loads_nothing_that_makes_scenes() -> None:
    script = (
        "import sys, lyra_backend.client, lyra_backend.pool\n"
        "print([m for m in ('torch', 'warp', 'pxr', 'scipy', 'trimesh', 'typer', 'rich', 'PIL') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_planning_and_listing_load_neither_warp_nor_usd() -> None:
    script = (
        "import sys\nfrom lyra_backend import registry\n"
        "[registry.summary(s, n) for s in registry.PLUGIN_STAGES for n in registry.names(s)]\n"
        "print([m for m in ('torch', 'warp', 'pxr') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
