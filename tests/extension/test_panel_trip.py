"""From a click on Generate to a scene on the stage, undo and redo: a double of Kit, the real worker, a real stage."""

from __future__ import annotations

from pathlib import Path

from pxr import Usd, UsdGeom

from .kit import Kit


def test_text_to_scene_on_the_stage_and_back(kit: Kit, tmp_path: Path) -> None:
    kit.enable()
    kit.show_window()
    kit.until(lambda: kit.extension.panel.catalog is not None)
    kit.type("prompt", "a small bathroom")
    kit.choose("preset", "draft")
    kit.choose("generator", "procedural")
    kit.type("parameter_gaussian_count", "20000")
    kit.click("generate")
    kit.until(lambda: not kit.extension.panel.busy)
    kit.frames(3)
    print(kit.texts())
    print(kit.log._lines)
    kit.click("add_to_stage")
    print(kit.context.get_stage().GetRootLayer().ExportToString()[:1500])
    print(max(kit.app._frame_s), kit.settings._values)
    assert kit.undo.undo()
