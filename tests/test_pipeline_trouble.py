"""What a run does when the world around it fails: disks, kept stages, changing code. Its stages do next to nothing."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from lyra_backend import api, author, pipeline, validate
from lyra_backend.errors import InvalidRequest, StageFailed, WriteFailed
from lyra_backend.io.run_dir import RunDirectory
from lyra_backend.plan import Plan
from lyra_backend.progress import Event
from lyra_backend.types import CollisionProxy, Generation, Outcome, SceneRequest

from .conftest import make_random_cloud

REQUEST = SceneRequest(prompt="a room")


@dataclass
class Quick:
    """A chain of stages whose work takes no time, and what can be done to it."""

    root: Path
    done: list[str] = field(default_factory=list)
    trouble: dict[str, Callable[[], None]] = field(default_factory=dict)

    def work(self, stage: str, value: Any) -> Callable[..., Outcome[Any]]:
        def run(*given: Any) -> Outcome[Any]:
            self.trouble.get(stage, lambda: None)()
            self.done.append(stage)
            if stage == "author":
                (given[1] / "scene.usda").write_text("#usda 1.0\n")
            return Outcome(value, {"made": 1})

        return run

    def run(self, listener: Callable[[Event], None] | None = None) -> list[str]:
        """Run the chain and return the stages that worked."""
        self.done.clear()
        generator, collider = ModuleType("generator"), ModuleType("collider")
        generator.run = self.work("generate", Generation(make_random_cloud(10, 0)))  # type: ignore[attr-defined]
        collider.run = self.work("collide", CollisionProxy((), "none", {}))  # type: ignore[attr-defined]
        params = dict.fromkeys(("generate", "refine", "collide", "author", "validate"))
        plan = Plan(generator, collider, {}, params, {"generate": "quick"})
        with RunDirectory.open(self.root, REQUEST) as directory:
            pipeline.run(plan, directory, listener)
        return self.done

    def fail(self, stage: str, error: BaseException) -> None:
        def trouble() -> None:
            raise error

        self.trouble[stage] = trouble


@pytest.fixture
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Quick:
    quick = Quick(tmp_path / "run")
    monkeypatch.setattr(pipeline.refine, "run", quick.work("refine", Generation(make_random_cloud(10, 0))))
    monkeypatch.setattr(pipeline, "_take_pictures", quick.work("picture", None))
    monkeypatch.setattr(author, "run", quick.work("author", ("scene.usda",)))
    monkeypatch.setattr(validate, "run", quick.work("validate", None))
    return quick


def oserror(number: int) -> OSError:
    return OSError(number, os.strerror(number))


def kept(root: Path) -> list[str]:
    return sorted(path.name.partition("-")[0] for path in (root / ".stages").iterdir())


def test_all_stages_in_their_order(quick: Quick) -> None:
    assert quick.run() == ["generate", "refine", "picture", "collide", "author", "validate"]
    assert sorted(path.name for path in quick.root.iterdir()) == [
        ".complete",
        "events.jsonl",
        "report.json",
        "request.json",
        "scene.usda",
        "timings.json",
    ]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EIO])
def test_a_full_disk_is_one_line_and_finished_stages_are_kept(quick: Quick, number: int) -> None:
    quick.fail("author", oserror(number))
    with pytest.raises(WriteFailed, match=r"run: cannot write there \(.*\)\. Make room") as caught:
        quick.run()
    assert not isinstance(caught.value, InvalidRequest), "nothing is wrong with the request"
    assert kept(quick.root) == ["collide", "generate", "picture", "refine"]
    quick.trouble.clear()
    assert quick.run() == ["author", "validate"]


@pytest.mark.parametrize("method", ["append_event", "publish", "write", "finish"])
def test_a_disk_too_full_for_events_and_reports_is_said_too(
    quick: Quick, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    def full(*_: object) -> None:
        raise oserror(errno.ENOSPC)

    RunDirectory.open(quick.root, REQUEST).close()
    with monkeypatch.context() as patch:
        patch.setattr(RunDirectory, method, full)
        patch.setattr(RunDirectory, "_prepare", lambda *_: None)
        with pytest.raises(WriteFailed, match="No space left"):
            quick.run()
    quick.run()
    assert RunDirectory.read(quick.root).complete


def test_a_directory_that_vanishes_is_said(quick: Quick) -> None:
    quick.trouble["collide"] = lambda: shutil.rmtree(quick.root)
    with pytest.raises(WriteFailed, match="run: cannot write there"):
        quick.run()
    quick.trouble["collide"] = lambda: (shutil.rmtree(quick.root), (quick.root / "a").read_text())[0]
    with pytest.raises(WriteFailed, match="removed meanwhile"):
        quick.run()


def test_a_fault_of_ours_is_told_from_one_of_the_disk(quick: Quick) -> None:
    quick.fail("collide", FileNotFoundError(errno.ENOENT, "No such file", "table.toml"))
    with pytest.raises(StageFailed, match="collide: failed with FileNotFoundError"):
        quick.run()
    assert "Traceback" in (quick.root / "events.jsonl").read_text(encoding="utf-8")


def test_only_a_request_refused_by_the_generator_leaves_nothing(quick: Quick) -> None:
    quick.fail("collide", InvalidRequest("nothing solid"))
    with pytest.raises(InvalidRequest, match="nothing solid"):
        quick.run()
    assert kept(quick.root) == ["generate", "picture", "refine"]
    shutil.rmtree(quick.root)
    quick.fail("generate", InvalidRequest("no such thing"))
    with pytest.raises(InvalidRequest, match="no such thing"):
        quick.run()
    assert not quick.root.exists()


def test_a_damaged_kept_stage_is_made_anew(quick: Quick) -> None:
    quick.fail("author", RuntimeError())
    with pytest.raises(StageFailed):
        quick.run()
    damaged = next((quick.root / ".stages").glob("refine-*"))
    (damaged / "cloud.npz").write_bytes(b"PK\x03\x04 cut off")
    quick.trouble.clear()
    assert quick.run() == ["refine", "author", "validate"]


def test_other_code_uses_no_kept_stage(quick: Quick, monkeypatch: pytest.MonkeyPatch) -> None:
    quick.fail("author", RuntimeError())
    with pytest.raises(StageFailed):
        quick.run()
    quick.trouble.clear()
    monkeypatch.setattr(pipeline, "code_version", lambda: "other")
    assert quick.run() == ["generate", "refine", "picture", "collide", "author", "validate"]
    assert json.loads((quick.root / ".complete").read_text())["code"] == "other"


def test_results_of_other_code_are_kept_and_told_of(quick: Quick, monkeypatch: pytest.MonkeyPatch) -> None:
    quick.run()
    assert not api.generate_scene(REQUEST, quick.root).outdated
    monkeypatch.setattr(pipeline, "code_version", lambda: "other")
    result = api.generate_scene(REQUEST, quick.root)
    assert result.reused
    assert result.outdated
    assert result.report.stages


def test_time_left_is_that_of_work_not_of_what_was_kept(quick: Quick, monkeypatch: pytest.MonkeyPatch) -> None:
    quick.fail("validate", RuntimeError())
    with pytest.raises(StageFailed):
        quick.run()
    events: list[Event] = []

    def check(*given: Any) -> Outcome[None]:
        for fraction in (0.0, 0.01, 0.5):
            given[-1](fraction, "checking")
        return Outcome(None)

    monkeypatch.setattr(validate, "run", check)
    quick.run(events.append)
    checking = [event for event in events if event.message == "checking"]
    assert [event.eta_s is None for event in checking] == [True, True, False]
    assert all(event.eta_s is None for event in events if event.stage != "validate")
