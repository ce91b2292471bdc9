"""The run directory keeps what is finished, nothing else, and refuses to mix runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from lyra_backend.errors import InvalidRequest
from lyra_backend.io.run_dir import RunDirectory
from lyra_backend.types import SceneRequest

REQUEST = SceneRequest(prompt="a room")


def test_request_comes_back(tmp_path: Path) -> None:
    RunDirectory.open(tmp_path / "run", REQUEST)
    assert RunDirectory.read_request(tmp_path / "run") == REQUEST


def test_inputs_are_copied_by_content(tmp_path: Path) -> None:
    source = tmp_path / "My Scan.PLY"
    source.write_bytes(b"content")
    run = RunDirectory.open(tmp_path / "run", SceneRequest(splat=str(source)))
    assert run.request.splat is not None
    assert run.request.splat.startswith("inputs/ed7002b439e9ac84")
    assert run.request.splat.endswith(".ply")
    source.unlink()
    assert Path(run.resolved_request().splat or "").read_bytes() == b"content"


def test_renamed_input_is_the_same_request(tmp_path: Path) -> None:
    for name in ("a.ply", "b.ply"):
        (tmp_path / name).write_bytes(b"content")
    first, second = (
        RunDirectory.open(tmp_path / "run", SceneRequest(splat=str(tmp_path / n))) for n in ("a.ply", "b.ply")
    )
    assert first.request == second.request


def test_stage_appears_only_when_whole(tmp_path: Path) -> None:
    run = RunDirectory.open(tmp_path / "run", REQUEST)

    def fail_half_way() -> None:
        with run.new_stage("a") as folder:
            (folder / "half").write_text("x")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert run.stage_path("a") is None
    with run.new_stage("a") as folder:
        (folder / "whole").write_text("x")
    assert (run.stage_path("a") or Path()).joinpath("whole").is_file()


def test_half_written_stage_of_a_killed_run_is_removed(tmp_path: Path) -> None:
    RunDirectory.open(tmp_path / "run", REQUEST)
    leftover = tmp_path / "run" / ".stages" / "generate-x.part"
    leftover.mkdir(parents=True)
    RunDirectory.open(tmp_path / "run", REQUEST)
    assert not leftover.exists()


def test_finish_drops_kept_stages(tmp_path: Path) -> None:
    run = RunDirectory.open(tmp_path / "run", REQUEST)
    with run.new_stage("a"):
        pass
    run.finish()
    assert run.complete
    assert not (tmp_path / "run" / ".stages").exists()


def test_abandon_keeps_finished_stages_and_foreign_directories(tmp_path: Path) -> None:
    run = RunDirectory.open(tmp_path / "kept", REQUEST)
    with run.new_stage("a"):
        pass
    run.abandon()
    assert run.stage_path("a")
    RunDirectory.open(tmp_path / "gone", REQUEST).abandon()
    assert not (tmp_path / "gone").exists()


def test_foreign_content_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(InvalidRequest, match="not a run"):
        RunDirectory.open(tmp_path, REQUEST, overwrite=True)
    assert (tmp_path / "thesis.txt").read_text() == "precious"


def test_overwrite_replaces_another_run(tmp_path: Path) -> None:
    RunDirectory.open(tmp_path / "run", REQUEST).finish()
    with pytest.raises(InvalidRequest, match="--overwrite"):
        RunDirectory.open(tmp_path / "run", SceneRequest(prompt="a street"))
    run = RunDirectory.open(tmp_path / "run", SceneRequest(prompt="a street"), overwrite=True)
    assert not run.complete


def test_damaged_request_is_said(tmp_path: Path) -> None:
    (tmp_path / "request.json").write_text("{")
    with pytest.raises(InvalidRequest, match="not valid JSON"):
        RunDirectory.read_request(tmp_path)


def test_overwrite_runs_a_complete_request_again(tmp_path: Path) -> None:
    RunDirectory.open(tmp_path / "run", REQUEST).finish()
    assert RunDirectory.open(tmp_path / "run", REQUEST).complete
    assert not RunDirectory.open(tmp_path / "run", REQUEST, overwrite=True).complete


def test_publishing_goes_on_after_a_kill(tmp_path: Path) -> None:
    run = RunDirectory.open(tmp_path / "run", REQUEST)
    with run.new_stage("a") as folder:
        for name in ("one", "two"):
            (folder / name).write_text(name)
    stage = run.stage_path("a") or Path()
    (stage / "one").replace(run.root / "one")
    run.publish([(stage, ("one", "two"))])
    assert [(run.root / n).read_text() for n in ("one", "two")] == ["one", "two"]
