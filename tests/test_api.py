"""Runs from Python: what repeating them says."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from lyra_backend import api
from lyra_backend.errors import InvalidRequest
from lyra_backend.types import Severity


def test_repeating_a_run_of_other_code_is_said(
    scene_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def same_again(request: object, out: Path, **_: object) -> api.SceneResult:
        shutil.copytree(scene_dir, out)
        return api.SceneResult(Path(out), None)  # type: ignore[arg-type]

    monkeypatch.setattr(api, "generate_scene", same_again)
    assert not api.repeat(scene_dir).findings
    old = tmp_path / "old"
    shutil.copytree(scene_dir, old)
    (old / ".complete").write_text('{"code": "0123"}')
    outcome = api.repeat(old)
    assert set(outcome.value.values()) == {"same"}
    assert [(f.code, f.severity) for f in outcome.findings] == [("repeat.other_code", Severity.INFO)]
    (old / "stage.usda").write_text("changed")
    (old / "scene.usda").unlink()
    (old / "more.txt").write_text("more")
    outcome = api.repeat(old)
    assert {n: v for n, v in outcome.value.items() if v != "same"} == {
        "stage.usda": "differs",
        "scene.usda": "new",
        "more.txt": "missing",
    }
    assert [(f.code, f.severity) for f in outcome.findings] == [("repeat.other_code", Severity.WARNING)]
    assert "differences are to be expected" in outcome.findings[0].message


def test_only_finished_runs_can_be_repeated(scene_dir: Path, tmp_path: Path) -> None:
    shutil.copy(scene_dir / "request.json", tmp_path / "request.json")
    with pytest.raises(InvalidRequest, match="did not finish"):
        api.repeat(tmp_path)


@pytest.mark.parametrize("odd", [None, 7, "", "a\0b", b"out"])
def test_what_is_no_path_is_a_clear_error(odd: object) -> None:
    for call in (
        lambda: api.generate_scene({"prompt": "a room"}, odd),  # type: ignore[arg-type]
        lambda: api.validate_scene(odd),  # type: ignore[arg-type]
        lambda: api.repeat(odd),  # type: ignore[arg-type]
        lambda: api.convert(odd, "x.ply"),  # type: ignore[arg-type]
        lambda: api.convert("x.ply", odd),  # type: ignore[arg-type]
        lambda: api.make_collider("x.ply", odd),  # type: ignore[arg-type]
    ):
        with pytest.raises(InvalidRequest, match="must be a path"):
            call()
