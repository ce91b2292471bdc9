"""The whole chain on real scenes: what a run leaves, how it resumes, and that it repeats to the byte."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

import lyra_backend
from lyra_backend import api, pipeline
from lyra_backend.errors import Cancelled, InvalidRequest, StageFailed
from lyra_backend.progress import CancelToken, Event, Progress
from lyra_backend.types import Finding, Generation, RunReport, Scale, SceneLight, SceneRequest, Severity, StageReport

from .conftest import PROMPT, QUICK, SMALL, make_random_cloud

REQUEST = {"prompt": PROMPT, "seed": 1, "params": SMALL}


def test_run_leaves_the_promised_files(scene_dir: Path) -> None:
    names = {p.name for p in scene_dir.iterdir()}
    promised = {"scene.usda", "stage.usda", "gaussians.usdc", "collision.usdc", "preview.png", "truth.glb"}
    promised |= {"report.json", "timings.json", "events.jsonl", "request.json", "provenance.json", "LICENSES.md"}
    assert promised | {".complete"} <= names
    assert ".stages" not in names
    assert {f"preview_robot_{h}m.png" for h in ("0.3", "0.6", "1.5")} <= names


def test_scene_is_accepted_with_measured_findings(scene_dir: Path) -> None:
    report = json.loads((scene_dir / "report.json").read_text())
    findings = [f for s in report["stages"] for f in s["findings"]]
    errors = [f for f in findings if f["severity"] == "error"]
    assert report["accepted"], errors
    assert report["geometry"] == "exact"
    assert report["grade"] == "train"
    held = next(f for f in findings if f["code"] == "physics.held")
    assert held["measured"] >= held["limit"] > 0.5


def test_outputs_tell_neither_paths_nor_times(scene_dir: Path) -> None:
    for path in scene_dir.rglob("*"):
        if path.suffix in (".json", ".usda", ".md") and path.name != "timings.json":
            text = path.read_text(encoding="utf-8")
            assert str(scene_dir) not in text, path.name
            assert str(Path.home()) not in text, path.name


def test_same_request_is_returned_not_run(scene_dir: Path) -> None:
    before = (scene_dir / "events.jsonl").stat().st_size
    result = lyra_backend.generate_scene(REQUEST, scene_dir)
    assert result.reused
    assert result.report.accepted
    assert (scene_dir / "events.jsonl").stat().st_size == before


def test_other_request_needs_overwrite(scene_dir: Path) -> None:
    with pytest.raises(InvalidRequest, match="already holds another run"):
        lyra_backend.generate_scene({**REQUEST, "seed": 2}, scene_dir)


def test_repeat_is_byte_identical_and_sees_a_changed_file(scene_dir: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(scene_dir, copy)
    (copy / "LICENSES.md").write_text("changed")
    verdicts = api.repeat(copy).value
    assert {"scene.usda", "gaussians.usdc", "collision.usdc", "report.json", "preview.png"} <= set(verdicts)
    assert {name: verdict for name, verdict in verdicts.items() if verdict != "same"} == {"LICENSES.md": "differs"}


def stopped(out: Path, stage: str) -> None:
    """Run until a stage begins."""
    token = CancelToken()

    def stop(event: Event) -> None:
        if event.stage == stage:
            token.cancel()

    with pytest.raises(Cancelled):
        lyra_backend.generate_scene(REQUEST, out, listener=stop, token=token)
    assert not (out / "stage.usda").exists()
    assert not list((out / ".stages").glob(".writing-*"))


def test_a_run_cancelled_twice_goes_on_from_finished_stages_and_equals_one_that_was_not(
    tmp_path: Path, scene_dir: Path
) -> None:
    out = tmp_path / "run"
    stopped(out, "collide")
    stopped(out, "author")
    result = lyra_backend.generate_scene(REQUEST, out)
    timings = json.loads((out / "timings.json").read_text())["stages"]
    reused = ["generate", "refine", "picture", "light", "collide", "place"]
    assert [t["stage"] for t in timings if t["reused"]] == reused
    assert result.report.accepted
    for name in ("gaussians.usdc", "collision.usdc", "report.json"):
        assert (out / name).read_bytes() == (scene_dir / name).read_bytes(), name


def test_cancel_before_anything_is_done_leaves_nothing(tmp_path: Path) -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        lyra_backend.generate_scene(REQUEST, tmp_path / "run", token=token)
    assert not (tmp_path / "run").exists()


def test_broken_stage_stops_the_run_and_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lyra_backend.collide import surface

    def broken(*_: object) -> None:
        raise RuntimeError("no such luck")

    monkeypatch.setattr(surface, "run", broken)
    with pytest.raises(StageFailed, match="collide: failed with RuntimeError: no such luck"):
        lyra_backend.generate_scene(QUICK, tmp_path / "run")
    assert "no such luck" in (tmp_path / "run" / "events.jsonl").read_text()
    assert not (tmp_path / "run" / "stage.usda").exists()


def test_events_count_up_with_time_left(scene_dir: Path) -> None:
    begun, *events, ended = [json.loads(line) for line in (scene_dir / "events.jsonl").read_text().splitlines()]
    assert begun["begun"]["pid"] > 0
    assert ended == {"ended": "accepted", "message": ""}
    fractions = [e["fraction"] for e in events]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert any(e["eta_s"] is not None for e in events)


def test_scene_without_colliders_is_not_accepted(tmp_path: Path) -> None:
    request = {**QUICK, "collider": "none", "params": {"generate": QUICK["params"]["generate"]}}
    report = lyra_backend.generate_scene(request, tmp_path / "run").report
    assert not report.accepted
    assert "physics.no_collider" in {f.code for f in report.findings if f.severity is Severity.ERROR}


def test_collider_only_scene_has_no_gaussians(tmp_path: Path) -> None:
    params = {**QUICK["params"], "author": {"appearance": "none"}}
    result = lyra_backend.generate_scene({**QUICK, "params": params}, tmp_path / "run")
    assert result.report.accepted
    assert not (tmp_path / "run" / "gaussians.usdc").exists()


@pytest.mark.parametrize(
    ("scale", "as_asked", "at_best", "severity", "grade"),
    [
        (0.0, True, "train", Severity.WARNING, "train"),
        (0.0, False, "train", Severity.WARNING, "demo"),
        (None, True, "train", Severity.WARNING, "demo"),
        (0.0, True, "train", Severity.ERROR, "demo"),
        (0.0, True, "demo", Severity.WARNING, "demo"),
    ],
)
def test_what_a_scene_is_good_for(
    scale: float | None, as_asked: bool, at_best: str, severity: Severity, grade: str
) -> None:
    finding = Finding("prompt.family_assumed", severity, "guessed")
    state = SimpleNamespace(
        reports=[StageReport("generate", "procedural", {}, (finding,))],
        directory=SimpleNamespace(request=SceneRequest(prompt="xyzzy")),
        error_m={"p95": 0.0123456789},
    )
    generation = Generation(make_random_cloud(3, 0), scale=Scale(scale), as_asked=as_asked, grade=at_best)
    report = pipeline._report(state, generation)  # type: ignore[arg-type]
    assert (report.grade, report.accepted) == (grade, severity is not Severity.ERROR)
    assert report.error_m == {"p95": 0.012346}
    assert RunReport.from_json(report.to_json()) == report


def test_pictures_have_the_scene_s_own_background(tmp_path: Path) -> None:
    from PIL import Image

    night = SceneLight((0.0, 0.0, 0.2), (0.1, 0.1, 0.1))
    corners = {}
    for name, light in (("known", night), ("unknown", None)):
        (tmp_path / name).mkdir()
        generation = Generation(make_random_cloud(50, 0), light=light)
        pipeline._take_pictures(generation, False, tmp_path / name, Progress())
        corners[name] = Image.open(tmp_path / name / "preview.png").convert("RGB").getpixel((0, 0))
    assert corners["known"] == (0, 0, 51)
    assert min(corners["unknown"]) > 180
