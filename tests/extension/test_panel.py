"""The panel from click to stage: a double of Kit, a real stage, the real worker."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from pxr import Usd

from .conftest import QUICKEST
from .kit import Kit


@pytest.fixture
def panel(kit: Kit) -> Any:
    """The panel, shown and told what there is."""
    kit.enable()
    kit.show_window()
    kit.until(lambda: kit.extension.panel.catalog is not None and not kit.extension.panel._waiting)
    kit.frames(2)
    return kit.extension.panel


@pytest.fixture
def form(kit: Kit, catalog: dict[str, Any]) -> Any:
    """The panel, shown, with nobody to work."""
    kit.enable()
    kit.extension.panel.catalog = catalog
    kit.show_window()
    return kit.extension.panel


def fill_in(kit: Kit) -> None:
    """Ask for a small scene, as a user would."""
    kit.type("prompt", "a small bathroom")
    kit.choose("preset", "draft")
    kit.choose("generator", "procedural")
    kit.type("parameter_gaussian_count", "20000")
    kit.find("parameter_bake_light").model.set_value(False)


def long_job(panel: Any, out: Path) -> Any:
    """Begin a job that takes a while, and report of it."""
    return panel.begin({"prompt": "a large warehouse with forty pallets", "preset": "standard"}, out)


def test_from_a_click_to_the_stage_and_back(kit: Kit, panel: Any) -> None:
    fill_in(kit)
    kit.click("generate")
    assert not kit.find("generate").enabled
    assert kit.find("cancel").enabled
    seen = set()
    kit.until(lambda: seen.update(kit.texts()) or panel.run is not None)
    kit.until(lambda: not panel._waiting)
    kit.frames(2)
    assert any("Generating Gaussians" in text for text in seen)
    assert {"Accepted", "a small bathroom"} <= set(kit.texts())
    assert any("20,000 Gaussians" in text for text in kit.texts())
    assert any("95 % of the surface within" in text for text in kit.texts())
    assert Path(kit.find("preview")._url).is_file()
    assert [run.title for run in panel.runs] == ["a small bathroom"]
    request = panel.run.request
    assert request["params"]["generate"] == {"gaussian_count": 20000, "bake_light": False}
    kit.click("add_to_stage")
    stage = kit.context.get_stage()
    assert stage is not None
    assert stage.GetPrimAtPath("/LyraScene/Visual/Gaussians")
    kit.undo.undo()
    assert not stage.GetPrimAtPath("/LyraScene")
    kit.undo.redo()
    assert stage.GetPrimAtPath("/LyraScene/Collision/Environment")
    kit.click("open_stage")
    kit.until(lambda: kit.context.get_stage() is not stage)
    opened = kit.context.get_stage()
    assert opened is not None
    assert opened.GetPrimAtPath("/World/Lights")
    kit.click("open_folder")
    assert any(str(panel.run.directory) in text for text in kit.notifications._posted)


def test_a_model_that_comes_with_the_backend_can_be_chosen(kit: Kit, form: Any) -> None:
    form.catalog = {**form.catalog, "models": ["tiny"]}
    form.choose_tab("text")
    form.prompt = "a kitchen"
    kit.frames(2)
    # nobody who makes a scene of a prompt by himself takes a model but lyra, which is one of them
    assert form.models() == ["tiny"]
    kit.choose("model", "tiny")
    assert form.request()["model"] == "tiny"
    form.generator = "procedural"
    assert form.models() == []
    assert "model" not in form.request()


def test_cancel_and_go_on(kit: Kit, panel: Any) -> None:
    fill_in(kit)
    kit.click("generate")
    kit.until(lambda: panel.job.latest is not None and panel.job.latest.stage == "collide")
    kit.click("cancel")
    kit.until(lambda: panel.job.ended and not panel._waiting)
    kit.frames(2)
    stopped = panel.job.out
    assert panel.job.state == "cancelled"
    assert not panel.job.error
    assert "Cancelled; generate again to go on." in kit.texts()
    assert [run.state for run in panel.runs] == ["unfinished"]
    kit.click("show_a-small-bathroom")
    assert "It was not finished." in kit.texts()
    kit.click("resume")
    kit.until(lambda: panel.job.latest is not None and panel.job.latest.stage == "collide")
    kit.click("cancel")
    kit.until(lambda: panel.job.ended)
    kit.click("generate")
    assert panel.job.out == stopped
    kit.until(lambda: panel.job.ended)
    assert panel.job.state == "accepted"
    assert {"generate", "refine"} <= {stage["stage"] for stage in _timings(stopped) if stage["reused"]}


def test_a_worker_that_is_killed_is_an_error_and_the_next_job_works(kit: Kit, panel: Any, tmp_path: Path) -> None:
    long_job(panel, tmp_path / "killed")
    kit.until(lambda: panel.job.latest is not None and panel.job.latest.stage == "generate")
    os.kill(panel.jobs._driver.pid, signal.SIGKILL)
    kit.until(lambda: panel.job.ended)
    kit.frames(2)
    assert panel.job.state == "failed"
    assert "worker" in panel.problem
    assert any(panel.problem == text for text in kit.texts())
    panel.begin(QUICKEST, tmp_path / "next")
    kit.until(lambda: panel.job.ended)
    assert panel.job.state in ("accepted", "rejected")
    assert not panel.problem


def test_a_stage_that_is_closed_meanwhile_does_not_matter(kit: Kit, panel: Any, tmp_path: Path) -> None:
    panel.begin(QUICKEST, tmp_path / "run")
    kit.until(lambda: panel.job.latest is not None)
    kit.context._attach(None)
    kit.until(lambda: panel.run is not None)
    kit.frames(2)
    kit.click("add_to_stage")
    assert any("none is open" in text for text in kit.notifications._posted)
    stage = kit.new_stage()
    kit.click("add_to_stage")
    assert stage.GetPrimAtPath("/LyraScene")


def test_shutdown_in_the_midst_leaves_nothing(kit: Kit, panel: Any, tmp_path: Path) -> None:
    long_job(panel, tmp_path / "run")
    kit.until(lambda: panel.job.latest is not None and panel.job.latest.fraction > 0.0)
    children = psutil.Process().children(recursive=True)
    assert children
    begin = time.monotonic()
    kit.disable()
    assert time.monotonic() - begin < 20.0
    assert not [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]


def test_the_window_can_be_closed_and_opened_meanwhile(kit: Kit, panel: Any, tmp_path: Path) -> None:
    """Kit destroys a window that is hidden; what was typed and what is made stay."""
    kit.type("prompt", "a yard")
    assert kit.show_window() is None
    panel.begin(QUICKEST, tmp_path / "run")
    kit.until(lambda: panel.run is not None)
    assert kit.show_window() is not None
    kit.frames(3)
    assert "a small bathroom" in kit.texts()
    assert kit.find("prompt").model.get_value_as_string() == "a yard"


def test_what_a_version_draws_is_asked_for(kit: Kit, form: Any) -> None:
    kit.type("prompt", "a kitchen")
    assert form.request()["primitives"] == ["particle_field"]
    kit.app._version = "107.3.3+isaac"
    assert form.request()["primitives"] == ["nurec"]


def test_what_is_missing_is_said_and_nothing_begins(kit: Kit, form: Any) -> None:
    kit.click("generate")
    assert "Say what the scene shows." in kit.texts()
    assert form.job is None
    kit.click("tab_image")
    kit.click("generate")
    assert "Choose a image first." not in kit.texts()
    assert "Choose an image first." in kit.texts()
    kit.click("tab_text")
    fill_in(kit)
    kit.type("parameter_gaussian_count", "many")
    assert "gaussian count: must be a whole number, got 'many'." in kit.texts()
    kit.click("generate")
    assert form.job is None
    assert "whole number" in form.problem


def test_files_by_picker_by_drop_and_by_typing(kit: Kit, form: Any, tmp_path: Path) -> None:
    from .kit import windows

    picture = tmp_path / "kitchen.png"
    picture.write_bytes(b"")
    assert kit.drop(f"file://{picture}\n{tmp_path / 'other.png'}")
    assert form.tab == "image"
    assert kit.find("file").model.get_value_as_string() == str(picture)
    assert kit.find("thumbnail")._url == str(picture)
    assert not kit.drop(str(tmp_path / "letter.txt"))
    assert not kit.drop("")
    (tmp_path / "my photo.jpg").write_bytes(b"")
    (drops,) = windows._drops
    drops._react(drops, [(tmp_path / "my photo.jpg").as_uri()])
    kit.frames(2)
    assert kit.find("file").model.get_value_as_string() == str(tmp_path / "my photo.jpg")
    kit.type("file", "")
    assert "image" not in form.files
    assert not form.problem
    kit.click("tab_splat")
    kit.click("browse")
    (dialog,) = windows._dialogs
    assert dialog._is_shown
    item = type("Item", (), {"is_folder": False, "path": "/data/Room.PLY"})()
    assert dialog._keeps is not None
    assert dialog._keeps(item)
    assert dialog._apply is not None
    dialog._apply("", "")
    assert dialog._is_shown
    dialog._apply("room.ply", "/data")
    kit.frames(2)
    assert not windows._dialogs
    assert form.request()["splat"] == "/data/room.ply"
    kit.type("file", "/data/letter.txt")
    assert "letter.txt: is no picture, video or splat that can be read." in kit.texts()
    kit.click("tab_video")
    kit.type("file", "/data/walk.mp4")
    kit.type("prompt", "a corridor")
    assert form.request()["video"] == "/data/walk.mp4"
    assert form.request()["prompt"] == "a corridor"


def test_seed_dice_and_robot(kit: Kit, form: Any) -> None:
    kit.type("prompt", "a kitchen")
    kit.type("seed", "17")
    assert form.request()["seed"] == 17
    kit.type("seed", "-3")
    assert form.request()["seed"] == 17
    assert kit.find("seed").model.get_value_as_string() == "17"
    kit.click("dice")
    assert kit.find("seed").model.get_value_as_string() == str(form.seed)
    assert "params" not in form.request()
    kit.choose("robot", "ANYbotics ANYmal C")
    usual = form.catalog["place"]["parameters"]["robots"]["default"]
    assert form.request()["params"]["place"] == {"robots": f"{usual},anymal"}
    kit.choose("robot", "another file")
    kit.type("robot_file", "/robots/own.usd")
    assert form.robot == "/robots/own.usd"
    assert "params" not in form.request()
    kit.choose("place", "In front of the camera")
    assert form.preferences.get("placing") == "camera"


def test_a_robot_comes_with_the_scene(kit: Kit, form: Any, scene: Path, tmp_path: Path) -> None:
    robot = Usd.Stage.CreateNew(str(tmp_path / "own.usda"))
    robot.SetDefaultPrim(robot.DefinePrim("/Own", "Xform"))
    robot.Save()
    form.robot = str(tmp_path / "own.usda")
    form.preferences.set("runs_folder", str(scene.parent))
    form.load_history()
    kit.until(lambda: bool(form.runs))
    kit.frames(2)
    kit.click("add_bathroom")
    stage = kit.context.get_stage()
    assert stage is not None
    assert stage.GetPrimAtPath("/LyraScene")
    assert stage.GetPrimAtPath("/own")


def test_the_setup_is_checked_and_named(kit: Kit, panel: Any) -> None:
    kit.click("check")
    kit.until(lambda: panel.check is not None)
    kit.frames(2)
    assert panel.check.ready
    assert "Scenes can be made." in kit.texts()
    worker = panel.jobs._driver.pid
    kit.type("python", panel.preferences.get("python"))
    assert panel.jobs._driver.pid == worker, "what is left as it was throws no worker away"
    kit.type("python", "/nowhere/python")
    kit.click("check")
    kit.until(lambda: panel.check is not None)
    kit.frames(2)
    assert not panel.check.ready
    assert panel.check.repairable
    assert kit.find("repair").enabled
    assert any("/nowhere/python" in text for text in kit.texts())
    kit.choose("backend_kind", "A service")
    kit.type("service_url", "http://127.0.0.1:9")
    kit.click("check")
    kit.until(lambda: panel.check is not None)
    kit.frames(2)
    assert not panel.check.ready
    assert not kit.find("repair").enabled
    kit.until(lambda: "cannot be reached" in panel.problem)


def _timings(out: Path) -> list[dict[str, Any]]:
    import json

    stages: list[dict[str, Any]] = json.loads((out / "timings.json").read_text())["stages"]
    return stages


def test_a_repair_says_how_it_goes_on(kit: Kit, form: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the repair itself does is tested with the environment that it makes."""
    from omni.lyra.scenegen import panel as module
    from omni.lyra.scenegen.drivers import Check

    from lyra_backend.worker_environment import EnvironmentFailed

    steps, goes_on = ["making an environment", "installing lyra-backend"], threading.Event()

    def repair(say: Callable[[str], None]) -> None:
        for step in steps:
            say(step)
        goes_on.wait(60.0)
        raise EnvironmentFailed("workers: pip failed with exit code 1: no network")

    monkeypatch.setattr(module, "repair_setup", lambda say, children: repair(say))
    form.check = Check(False, ("there is no Python for workers",), repairable=True)
    form._tell(module.Topic.SETUP)
    kit.frames(2)
    kit.click("repair")
    kit.until(lambda: f"Repairing: {steps[-1]}" in kit.texts())
    assert not kit.find("repair").enabled
    goes_on.set()
    kit.until(lambda: "workers: pip failed with exit code 1: no network" in kit.texts())
    assert kit.find("repair").enabled


def test_a_check_that_hangs_ends_with_the_panel(kit: Kit, form: Any, tmp_path: Path) -> None:
    slow = tmp_path / "python"
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    form.preferences.set("python", str(slow))
    form.check_setup()
    kit.until(lambda: any("sleep" in child.name() for child in psutil.Process().children(recursive=True)))
    begin = time.monotonic()
    kit.disable()
    assert time.monotonic() - begin < 10.0
    assert not [child for child in psutil.Process().children(recursive=True) if "sleep" in child.name()]


def test_jobs_that_were_never_begun_end_with_the_panel(kit: Kit, panel: Any, tmp_path: Path) -> None:
    first = panel.jobs.start({"prompt": "a large warehouse with forty pallets"}, tmp_path / "first")
    second = panel.jobs.start(QUICKEST, tmp_path / "second")
    kit.until(lambda: bool(first.drain()))
    kit.disable()
    for job in (first, second):
        job.drain()
        assert job.state == "cancelled"


def test_scenes_asked_for_in_a_row_have_folders_of_their_own(kit: Kit, form: Any) -> None:
    from omni.lyra import scenegen

    jobs = [scenegen.generate_scene("a kitchen", seed=seed) for seed in range(3)]
    assert [job.out.name for job in jobs] == ["a-kitchen", "a-kitchen-2", "a-kitchen-3"]


def test_a_service_begins_anew_where_a_worker_was_stopped(kit: Kit, form: Any, tmp_path: Path) -> None:
    kit.type("prompt", "a kitchen")
    job = form.begin(form.request(), tmp_path / "runs" / "a-kitchen")
    job.cancel()
    kit.until(lambda: job.ended)
    (tmp_path / "runs" / "a-kitchen").mkdir(parents=True, exist_ok=True)
    assert form._goes_on(job, form.request())
    form.preferences.set("backend", "service")
    assert not form._goes_on(job, form.request())
