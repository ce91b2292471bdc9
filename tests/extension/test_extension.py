"""The Kit extension: its description is consistent and its start finds the backend. Kit is played by fakes."""

from __future__ import annotations

import importlib
import re
import shutil
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "exts" / "omni.lyra.scenegen"


class Kit:
    """As much of Kit as the extension asks for."""

    def __init__(self) -> None:
        self.folder = FOLDER
        self.log: list[tuple[str, str]] = []

    def get_extension_path(self, ext_id: str) -> str:
        assert ext_id == "omni.lyra.scenegen-0.1.0"
        return str(self.folder)


@pytest.fixture
def kit(monkeypatch: pytest.MonkeyPatch) -> Iterator[Kit]:
    fake = Kit()
    carb = ModuleType("carb")
    for level in ("info", "warn", "error"):
        setattr(carb, f"log_{level}", lambda text, level=level: fake.log.append((level, text)))
    ext = ModuleType("omni.ext")
    ext.IExt = object
    app = ModuleType("omni.kit.app")
    app.get_app = lambda: SimpleNamespace(get_extension_manager=lambda: fake)
    omni, omni_kit = ModuleType("omni"), ModuleType("omni.kit")
    omni.__path__ = [str(FOLDER / "omni")]
    omni.ext, omni.kit, omni_kit.app = ext, omni_kit, app
    for module in (carb, omni, ext, omni_kit, app):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    yield fake
    for name in [n for n in sys.modules if n.startswith("omni.lyra")]:
        del sys.modules[name]


def hide_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the installed backend unknown to imports, as in Kit's own Python."""
    for name in [n for n in sys.modules if n.partition(".")[0] == "lyra_backend"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p and not (Path(p) / "lyra_backend").is_dir()])
    finders = [f for f in sys.meta_path if "editable" not in getattr(f, "__name__", type(f).__name__).lower()]
    monkeypatch.setattr(sys, "meta_path", finders)


def test_installed_backend_is_found_and_named_in_the_log(kit: Kit) -> None:
    import lyra_backend

    extension = importlib.import_module("omni.lyra.scenegen")
    running = extension.Extension()
    running.on_startup("omni.lyra.scenegen-0.1.0")
    assert extension.get_instance() is running
    assert running.backend is lyra_backend
    assert [level for level, _ in kit.log] == ["info"]
    assert lyra_backend.__version__ in kit.log[0][1]
    running.on_shutdown()
    assert extension.get_instance() is None
    assert running.backend is None


def test_backend_of_the_checkout_is_found_and_left_again(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    hide_backend(monkeypatch)
    running = importlib.import_module("omni.lyra.scenegen").Extension()
    running.on_startup("omni.lyra.scenegen-0.1.0")
    assert running.backend is not None
    assert Path(running.backend.__file__ or "").parent == ROOT / "lyra_backend"
    assert str(ROOT) in sys.path
    running.on_shutdown()
    assert str(ROOT) not in sys.path


def test_a_missing_backend_is_a_warning_that_says_what_to_do(
    kit: Kit, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hide_backend(monkeypatch)
    kit.folder = tmp_path / "exts" / "omni.lyra.scenegen"
    shutil.copytree(FOLDER, kit.folder)
    running = importlib.import_module("omni.lyra.scenegen").Extension()
    running.on_startup("omni.lyra.scenegen-0.1.0")
    assert running.backend is None
    assert [level for level, _ in kit.log] == ["warn"]
    assert str(tmp_path) in kit.log[0][1]
    running.on_shutdown()


def test_description_names_what_exists() -> None:
    described = tomllib.loads((FOLDER / "config" / "extension.toml").read_text(encoding="utf-8"))
    package = described["package"]
    changes = (FOLDER / package["changelog"]).read_text(encoding="utf-8")
    assert re.findall(r"^## \[([\d.]+)\]", changes, re.MULTILINE)[0] == package["version"]
    assert (
        tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"] == package["version"]
    )
    for name in (package["readme"], package["icon"], *described["documentation"]["pages"]):
        assert (FOLDER / name).is_file()
    for module in described["python"]["module"]:
        assert (FOLDER / Path(*module["name"].split(".")) / "__init__.py").is_file()
    assert not (FOLDER / "omni" / "__init__.py").exists()
    assert not (FOLDER / "omni" / "lyra" / "__init__.py").exists()
