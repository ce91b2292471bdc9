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
from lyra_backend.errors import Cancelled, InvalidRequest, StageFailed, WriteFailed
from lyra_backend.io import event_log
from lyra_backend.io.run_dir import RunDirectory
from lyra_backend.params import build, param
from lyra_backend.plan import Plan
from lyra_backend.progress import CancelToken, Event
from lyra_backend.types import CollisionProxy, Estimate, Generation, LightEstimate, Outcome, SceneRequest

from .conftest import make_random_cloud

REQUEST = SceneRequest(prompt="a room")


@dataclass(frozen=True)
class Params:
    """Of the generator."""

    steps: int = param(3, "how often")
    device: str = param("A", "where", decides=False)


@dataclass
class Quick:
    """A chain of stages whose work takes no time, and what can be done to it.

    Attributes:
        root: the run directory.
        estimate: the generator's function of this name, if it has one.
        done: the stages that worked in the last run.
        trouble: what a stage does before it works.
    """

    root: Path
    estimate: Callable[..., tuple[Estimate, ...]] | None = None
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

    def plan(self, request: SceneRequest) -> Plan:
        generator, collider = ModuleType("generator"), ModuleType("collider")
        generator.run = self.work("generate", Generation(make_random_cloud(10, 0)))  # type: ignore[attr-defined]
        if self.estimate:
            generator.estimate = self.estimate  # type: ignore[attr-defined]
        collider.run = self.work("collide", CollisionProxy((), "none", {}))  # type: ignore[attr-defined]
        others = dict.fromkeys(("refine", "light", "collide", "place", "validate", "report"), Params())
        params = {
            **others,
            "author": author.Params(),
            "generate": build(Params, "generate", request.params.get("generate", {})),
        }
        return Plan(generator, collider, {}, params, {"generate": "quick"})

    def run(self, listener: Callable[[Event], None] | None = None) -> list[str]:
        """Run the chain and return the stages that worked."""
        self.done.clear()
        with RunDirectory.open(self.root, REQUEST) as directory:
            pipeline.run(self.plan(REQUEST), directory, listener)
        return self.done

    def fail(self, stage: str, error: BaseException) -> None:
        def trouble() -> None:
            raise error

        self.trouble[stage] = trouble


@pytest.fixture
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Quick:
    quick = Quick(tmp_path / "run")
    monkeypatch.setattr(pipeline.refine, "run", quick.work("refine", Generation(make_random_cloud(10, 0))))
    monkeypatch.setattr(pipeline.light, "run", quick.work("light", LightEstimate()))
    monkeypatch.setattr(pipeline.place, "run", quick.work("place", None))
    monkeypatch.setattr(pipeline, "_take_pictures", quick.work("picture", None))
    monkeypatch.setattr(author, "run", quick.work("author", ("scene.usda",)))
    monkeypatch.setattr(validate, "run", quick.work("validate", None))
    monkeypatch.setattr(pipeline.report, "run", quick.work("report", ()))
    return quick


def oserror(number: int) -> OSError:
    return OSError(number, os.strerror(number))


def kept(root: Path) -> list[str]:
    return sorted(path.name.partition("-")[0] for path in (root / ".stages").iterdir())


def test_all_stages_in_their_order(quick: Quick) -> None:
    assert quick.run() == ["generate", "refine", "picture", "light", "collide", "place", "author", "validate", "report"]
    assert sorted(path.name for path in quick.root.iterdir()) == [
        ".complete",
        "events.jsonl",
        "report.html",
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
    assert kept(quick.root) == ["collide", "generate", "light", "picture", "place", "refine"]
    quick.trouble.clear()
    assert quick.run() == ["author", "validate", "report"]


@pytest.mark.parametrize(
    ("owner", "method"),
    [(event_log, "append"), (RunDirectory, "publish"), (RunDirectory, "write"), (RunDirectory, "finish")],
)
def test_a_disk_too_full_for_events_and_reports_is_said_too(
    quick: Quick, monkeypatch: pytest.MonkeyPatch, owner: object, method: str
) -> None:
    def full(*_: object) -> None:
        raise oserror(errno.ENOSPC)

    RunDirectory.open(quick.root, REQUEST).close()
    with monkeypatch.context() as patch:
        patch.setattr(owner, method, full)
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
    assert kept(quick.root) == ["generate", "light", "picture", "refine"]
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
    assert quick.run() == ["refine", "author", "validate", "report"]


def test_other_code_uses_no_kept_stage(quick: Quick, monkeypatch: pytest.MonkeyPatch) -> None:
    quick.fail("author", RuntimeError())
    with pytest.raises(StageFailed):
        quick.run()
    quick.trouble.clear()
    monkeypatch.setattr(pipeline, "code_version", lambda: "other")
    assert quick.run() == ["generate", "refine", "picture", "light", "collide", "place", "author", "validate", "report"]
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
            given[3](fraction, "checking")
        return Outcome(None)

    monkeypatch.setattr(validate, "run", check)
    quick.run(events.append)
    checking = [event for event in events if event.message == "checking"]
    assert [event.eta_s is None for event in checking] == [True, True, False]
    assert all(event.eta_s is None for event in events if event.stage not in ("validate", "report"))


# -- shares of the progress -------------------------------------------------------------------------------------------


def begins(events: list[Event]) -> dict[str, float]:
    """Return where each stage begins, in percent."""
    return {event.stage: round(100 * event.fraction, 2) for event in reversed(events)}


def test_the_first_event_comes_before_the_generator_is_asked_anything(quick: Quick) -> None:
    events: list[Event] = []
    told: list[int] = []

    def estimate(*_: object) -> tuple[Estimate, ...]:
        told.append(len(events))
        return ()

    quick.estimate = estimate
    quick.run(events.append)
    assert told == [1]
    assert (events[0].stage, events[0].message, events[0].fraction) == ("", "starting", 0.0)


@pytest.mark.parametrize(
    ("seconds", "percents", "left_s"),
    [
        ((), (0, 32.79, 36.07, 45.08, 53.28, 63.11, 66.39, 71.31, 85.25), None),
        ((None, None), (0, 32.79, 36.07, 45.08, 53.28, 63.11, 66.39, 71.31, 85.25), None),
        ((0.1,), (0, 32.79, 36.07, 45.08, 53.28, 63.11, 66.39, 71.31, 85.25), 61),
        ((None, 4000.0, 800.0), (0, 99.15, 99.19, 99.31, 99.41, 99.54, 99.58, 99.64, 99.81), 4841),
    ],
)
def test_stages_have_shares_by_what_the_generator_expects(
    quick: Quick, seconds: tuple[float | None, ...], percents: tuple[float, ...], left_s: float | None
) -> None:
    events: list[Event] = []
    quick.estimate = lambda *_: tuple(Estimate("part", each) for each in seconds)
    quick.run(events.append)
    stages = ("generate", "refine", "picture", "light", "collide", "place", "author", "validate", "report")
    assert begins(events) == {"": 0.0, **dict(zip(stages, percents, strict=True))}
    assert events[-1].fraction == 1.0
    assert events[1].eta_s == (None if left_s is None else pytest.approx(left_s, rel=0.5))


def test_what_was_kept_needs_no_estimate(quick: Quick) -> None:
    asked: list[object] = []

    def estimate(request: SceneRequest, params: Params) -> tuple[Estimate, ...]:
        asked.append(params)
        return (Estimate("videos", 4800.0),)

    quick.estimate = estimate
    quick.fail("refine", RuntimeError())
    with pytest.raises(StageFailed):
        quick.run()
    quick.trouble.clear()
    assert asked == [Params()]
    events: list[Event] = []
    assert quick.run(events.append)[0] == "refine"
    assert len(asked) == 1, "what is kept needs no estimate"
    assert begins(events)["refine"] == 32.79


def test_a_request_that_the_estimate_refuses_is_refused_once(quick: Quick) -> None:
    def estimate(*_: object) -> tuple[Estimate, ...]:
        raise InvalidRequest("no such weights")

    quick.estimate = estimate
    with pytest.raises(InvalidRequest, match="no such weights"):
        quick.run()
    assert quick.done == []
    assert not quick.root.exists()


def test_a_fault_in_an_estimate_is_the_generator_s(quick: Quick) -> None:
    def estimate(*_: object) -> tuple[Estimate, ...]:
        raise ZeroDivisionError

    quick.estimate = estimate
    with pytest.raises(StageFailed, match="generate: failed with ZeroDivisionError"):
        quick.run()


# -- by other means ---------------------------------------------------------------------------------------------------


def asked(**generate: object) -> SceneRequest:
    return SceneRequest(prompt="a room", params={"generate": generate})


def test_a_stopped_run_goes_on_on_another_device(quick: Quick, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "make_plan", quick.plan)
    token = CancelToken()
    quick.trouble["collide"] = token.cancel
    with pytest.raises(Cancelled):
        api.generate_scene(asked(device="A"), quick.root, token=token)
    quick.trouble.clear()
    with pytest.raises(InvalidRequest, match="already holds another run"):
        api.generate_scene(asked(device="B", steps=4), quick.root)
    quick.done.clear()
    result = api.generate_scene(asked(device="B"), quick.root)
    assert not result.reused
    assert quick.done == ["place", "author", "validate", "report"]
    assert RunDirectory.read_request(quick.root) == asked(device="B")


@pytest.mark.parametrize("other", [asked(device="B"), SceneRequest(prompt="a room")])
def test_a_complete_run_is_done_whatever_the_device(
    quick: Quick, monkeypatch: pytest.MonkeyPatch, other: SceneRequest
) -> None:
    monkeypatch.setattr(api, "make_plan", quick.plan)
    api.generate_scene(asked(device="A"), quick.root)
    quick.done.clear()
    assert api.generate_scene(other, quick.root).reused
    assert quick.done == []
