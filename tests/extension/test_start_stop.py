"""Start-up finds the backend wherever it is; shutdown leaves nothing behind; hot reload works."""

from __future__ import annotations

import asyncio
import importlib
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

import lyra_backend

from .kit import Kit, windows
from .kit.session import FOLDER, ROOT


def hide_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the installed backend unknown to imports, as in Kit's own Python."""
    for name in [n for n in sys.modules if n.partition(".")[0] == "lyra_backend"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p and not (Path(p) / "lyra_backend").is_dir()])
    finders = [f for f in sys.meta_path if "editable" not in getattr(f, "__name__", type(f).__name__).lower()]
    monkeypatch.setattr(sys, "meta_path", finders)


def test_an_installed_backend_is_found_and_named_in_the_log(kit: Kit) -> None:
    scenegen = kit.enable()
    assert scenegen.get_instance() is kit.extension
    assert kit.extension.backend is lyra_backend
    assert kit.log._lines == [
        (
            "info",
            f"[omni.lyra.scenegen-0.1.0] lyra_backend {lyra_backend.__version__} found in {ROOT / 'lyra_backend'}",
        )
    ]


def test_the_backend_of_the_checkout_is_found_and_left_again(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    hide_backend(monkeypatch)
    kit.enable()
    assert kit.extension.backend is not None
    assert Path(kit.extension.backend.__file__ or "").parent == ROOT / "lyra_backend"
    assert str(ROOT) in sys.path
    kit.disable()
    assert str(ROOT) not in sys.path


def test_a_linked_backend_of_a_build_is_found(kit: Kit, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    hide_backend(monkeypatch)
    built = tmp_path / "extsBuild" / "omni.lyra.scenegen"
    shutil.copytree(FOLDER, built)
    (built / "backend").mkdir()
    (built / "backend" / "lyra_backend").symlink_to(ROOT / "lyra_backend")
    kit.app.get_extension_manager()._folder = built
    kit.enable()
    assert kit.extension.backend is not None
    assert str(built / "backend") in sys.path


def test_a_missing_backend_is_a_warning_that_says_what_to_do(
    kit: Kit, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hide_backend(monkeypatch)
    alone = tmp_path / "exts" / "omni.lyra.scenegen"
    shutil.copytree(FOLDER, alone)
    kit.app.get_extension_manager()._folder = alone
    scenegen = kit.enable()
    assert kit.extension.backend is None
    assert not windows._menus
    assert [level for level, _ in kit.log._lines] == ["warn"]
    assert str(tmp_path) in kit.log._lines[0][1]
    with pytest.raises(RuntimeError, match="is not enabled, or found no lyra_backend"):
        scenegen.list_runs()


def test_start_and_stop_leave_nothing_behind(kit: Kit) -> None:
    threads, children = set(threading.enumerate()), set(psutil.Process().children(recursive=True))
    commands, path = dict(kit.commands._classes), list(sys.path)
    for _ in range(2):
        kit.enable()
        kit.show_window()
        kit.until(lambda: kit.extension.panel.catalog is not None)
        kit.click("tab_image")
        kit.click("browse")
        assert windows._menus
        assert windows._windows
        assert windows._dialogs
        assert kit.dispatcher._observers
        assert set(kit.commands._classes) > set(commands)
        kit.disable()
        assert not windows._menus
        assert not windows._drops
        assert not windows._windows
        assert not windows._dialogs
        assert not kit.dispatcher._observers
        assert not asyncio.all_tasks(kit.loop)
        assert kit.commands._classes == commands
        assert sys.path == path
        assert set(threading.enumerate()) <= threads
        assert set(psutil.Process().children(recursive=True)) <= children
        for name in [n for n in sys.modules if n.startswith("omni.lyra")]:
            del sys.modules[name]  # as Kit does when a file of the extension has changed
    assert not [text for level, text in kit.log._lines if level == "error"]


def test_a_fault_in_one_part_is_logged_and_the_loop_goes_on(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    kit.enable()
    kit.show_window()
    panel, window = kit.extension.panel, kit.extension._shown_window
    monkeypatch.setattr(window, "refresh", lambda topics: 1 / 0)
    panel.choose_tab("image")
    kit.frames(3)
    assert [text for level, text in kit.log._lines if level == "error"] == [
        "[omni.lyra.scenegen] the panel cannot be drawn: ZeroDivisionError: division by zero"
    ]
    monkeypatch.undo()
    kit.until(lambda: panel.catalog is not None)


def test_the_extension_loads_nothing_heavy() -> None:
    """Kit's process stays light: all modules imported, started and shown."""
    script = (
        "import sys\n"
        f"sys.path.insert(0, {str(ROOT)!r})\n"
        "from tests.extension.kit import Kit\n"
        "with Kit().installed() as kit:\n"
        "    kit.settings.set('/persistent/exts/omni.lyra.scenegen/python', sys.executable)\n"
        "    kit.new_stage()\n"
        "    kit.enable()\n"
        "    kit.extension.panel.catalog = {'presets': [], 'generate': {'generators': {}}}\n"
        "    kit.show_window()\n"
        "    import lyra_backend.client, lyra_backend.remote, lyra_backend.worker_environment\n"
        "    kit.disable()\n"
        "print(sorted({'torch', 'warp', 'diffusers', 'gsplat', 'scipy', 'trimesh'} & set(sys.modules)))\n"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env={**os.environ})
    assert said.stdout.strip() == "[]", said.stderr


def test_modules_are_named_by_the_package() -> None:
    """What users may call is in the package, with a docstring that ``help`` shows."""
    with Kit().installed():
        scenegen = importlib.import_module("omni.lyra.scenegen")
        for name in scenegen.__all__:
            assert getattr(scenegen, name).__doc__, name
