"""The four tools from command line to exit code. Kit is a double; stages, splats and the worker are real."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from isaac import capture, generate_stages, selftest, verify_stage
from isaac.drop_test import SIDE_M
from isaac.outcome import Check, run_tool
from isaac.pictures import read_picture
from isaac.selftest import SelfTest
from isaac.two_passes import photograph
from pxr import Usd, UsdGeom

from lyra_backend.io.cameras import read_cameras
from lyra_backend.progress import Event

from ...extension.kit import Kit
from .conftest import Darkroom, DoubleSession


class Left(BaseException):
    """The process would have ended here."""


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> DoubleSession:
    """The session that the tools start, and leave in the end."""
    made = DoubleSession()
    made.app = None  # type: ignore[attr-defined]

    def leave(app: object, code: int) -> None:
        raise Left(int(code))

    for tool in (capture, generate_stages, selftest, verify_stage):
        monkeypatch.setattr(tool, "Session", lambda **given: made)
        monkeypatch.setattr(tool, "leave", leave)
    return made


def code_of(main: Callable[[list[str]], object], *words: object) -> int:
    with pytest.raises(Left) as left:
        main([str(word) for word in words])
    return int(left.value.args[0])


def contents(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}


def test_two_passes_with_the_same_cameras(
    run: Path, darkroom: Darkroom, session: DoubleSession, tmp_path: Path
) -> None:
    before = contents(run)
    assert code_of(capture.main, run, "--out", tmp_path / "frames", "--count", 2, "--width", 320) == 0
    geometry = ("distance_to_image_plane", "normals", "semantic_segmentation")
    assert darkroom.taken == [("particleField", ("rgb",))] * 2 + [("proxy", geometry)] * 2
    told = json.loads((tmp_path / "frames" / "cameras.json").read_text(encoding="utf-8"))
    assert [c["name"] for c in told["cameras"]] == ["view_00", "view_01"]
    for entry in told["cameras"]:
        picture = read_picture(tmp_path / "frames" / entry["files"]["rgb"])
        depth = np.load(tmp_path / "frames" / entry["files"]["distance_to_image_plane"])
        assert picture.shape == (180, 320, 3)
        assert depth.shape == (180, 320)
        assert entry["labels"] == {"semantic_segmentation": {"1": {"class": "floor"}}}
        assert entry["depth"]["share"] > 0.9
    assert contents(run) == before
    looks = session.stage.GetPrimAtPath("/World").GetVariantSet("appearance")
    assert looks.GetVariantSelection() == "particleField"


def test_splats_and_proxy_lie_upon_each_other(
    run: Path, darkroom: Darkroom, session: DoubleSession, tmp_path: Path
) -> None:
    """The depth of the second pass is that of the splats of the first: one camera, one scene."""
    from lyra_backend.render.splats import render

    session.open(run / "stage_isaac6.usda")
    cameras = read_cameras(run / "viewpoints.json")[:1]
    told = photograph(session, cameras, tmp_path, 1, lambda text: None)  # type: ignore[arg-type]
    depth = np.load(tmp_path / told["cameras"][0]["files"]["distance_to_image_plane"])
    splats = render(darkroom.splats, cameras[0]).depth_m
    both = np.isfinite(depth) & np.isfinite(splats)
    assert both.mean() > 0.8
    assert np.median(np.abs(depth - splats)[both]) < 0.05


def test_black_pictures_are_an_exit_code(
    run: Path, darkroom: Darkroom, session: DoubleSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    darkroom.black = True
    assert code_of(capture.main, run, "--out", tmp_path, "--count", 1, "--width", 160) == 1
    assert "the picture is black" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--subframes", "0"), "--subframes must be at least 1"),
        (("--width", "-5"), "--width must be at least 0"),
        (("--cameras", "gone.json"), "gone.json: must be a file of cameras"),
    ],
)
def test_bad_words_are_refused_before_kit_is_started(
    run: Path, tmp_path: Path, words: tuple[str, str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_tool(lambda: capture.main([str(run), "--out", str(tmp_path), *words])) == 2
    assert says in capsys.readouterr().err
    assert run_tool(lambda: verify_stage.main([str(run), "--boxes", "0"])) == 2
    assert run_tool(lambda: verify_stage.main([str(run), "--low", "2"])) == 2


@pytest.fixture
def resting(monkeypatch: pytest.MonkeyPatch, run: Path) -> dict[str, float]:
    """Isaac Sim's physics as it should be, sunk by some metres: boxes on their ground, its map as ours."""
    wrong = {"sunk": 0.0}

    def play(session: DoubleSession, seconds: float, paths: list[str]) -> dict[str, np.ndarray]:
        cache = UsdGeom.XformCache()
        found = {path: np.array(cache.GetLocalToWorldTransform(session.stage.GetPrimAtPath(path))) for path in paths}
        for pose in found.values():
            pose[3, 2] = SIDE_M / 2 - wrong["sunk"]
        return found

    monkeypatch.setattr(verify_stage, "play", play)
    monkeypatch.setattr(verify_stage, "occupancy_seen", lambda session, ours, start, band: ours)
    return wrong


def test_a_stage_is_verified(run: Path, session: DoubleSession, resting: dict[str, float], tmp_path: Path) -> None:
    assert code_of(verify_stage.main, run, "--boxes", 4, "--out", tmp_path / "good.json") == 0
    told = json.loads((tmp_path / "good.json").read_text(encoding="utf-8"))
    assert told["passed"] is True
    assert [check["name"] for check in told["checks"]] == [
        "map.agrees",
        "map.obstacles",
        "drop.fell_through",
        "drop.rest",
    ]
    assert str(tmp_path) not in (tmp_path / "good.json").read_text(encoding="utf-8")
    resting["sunk"] = 1.0
    assert code_of(verify_stage.main, run, "--boxes", 4, "--out", tmp_path / "bad.json") == 1
    assert not session.stage.GetRootLayer().GetPrimAtPath("/LyraDropTest")


def test_the_self_test_knows_a_good_picture_from_a_black_one(
    run: Path, darkroom: Darkroom, session: DoubleSession, resting: dict[str, float], tmp_path: Path
) -> None:
    words = ("--run", run, "--skip", "robot,extension,gpu", "--pictures", tmp_path / "seen")
    assert code_of(selftest.main, *words, "--out", tmp_path / "good.json") == 0
    text = (tmp_path / "good.json").read_text(encoding="utf-8")
    told = {check["name"]: check for check in json.loads(text)["checks"]}
    assert told["splats.visible"]["value"] > 0.97
    assert told["depth.has_data"]["state"] == told["boxes.rest"]["state"] == "passed"
    assert told["robot.stands"]["state"] == told["extension.undo"]["state"] == "skipped"
    assert {p.name for p in (tmp_path / "seen").iterdir()} == {"selftest_rgb.png", "selftest_depth.npy"}
    assert str(run.parent) not in text
    darkroom.black = True
    assert code_of(selftest.main, *words, "--out", tmp_path / "bad.json") == 1


def test_without_a_scene_the_self_test_still_says_why(session: DoubleSession, tmp_path: Path) -> None:
    """The worker cannot be asked here: the session awaits nothing."""
    assert code_of(selftest.main, "--out", tmp_path / "out.json") == 1
    told = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert [(check["name"], check["state"]) for check in told["checks"]] == [("extension.generate", "failed")]


def test_what_breaks_within_kit_is_a_failed_check_and_the_next_is_tried(session: DoubleSession) -> None:
    def broken() -> tuple[Check, ...]:
        raise RuntimeError("the device was lost")

    test = SelfTest(session, (), None)  # type: ignore[arg-type]
    test.attempt("splats.visible", broken)
    test.attempt("frames.rate", test.rate)
    assert [check.state for check in test.checks] == ["failed", "passed"]
    assert "the device was lost" in test.checks[0].message


class KitSession(DoubleSession):
    """A session whose Kit is the double of the extension's tests."""

    def __init__(self, kit: Kit) -> None:
        super().__init__()
        self.kit = kit
        self.app = None

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.kit.run(work)

    def open(self, file: Path) -> Usd.Stage:
        self.stage = self.kit.new_stage(Usd.Stage.Open(str(file)))
        return self.stage

    def new_stage(self) -> Usd.Stage:
        return self.kit.new_stage()


def test_undo_and_redo_through_the_extension(run: Path, kit: Kit) -> None:
    kit.enable()
    (check,) = SelfTest(KitSession(kit), (), None).undo(run)  # type: ignore[arg-type]
    assert check.state == "passed", check.message
    assert check.message.endswith("yes, no, yes")


def test_a_robot_needs_a_run_that_has_one_and_its_asset(run: Path, kit: Kit) -> None:
    kit.enable()
    (check,) = SelfTest(KitSession(kit), (), None).robot(run)  # type: ignore[arg-type]
    assert (check.state, check.name) == ("skipped", "robot.stands")
    assert "place.robots=carter" in check.message


def test_a_manifest_becomes_stages(kit: Kit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The extension's own worker makes them, with robots from where this Isaac Sim has its assets."""
    kit.enable()
    quick = {"preset": "draft", "generate.gaussian_count": 20000, "collide.voxel_size": 0.1, "place.spawn_points": 8}
    manifest = tmp_path / "scenes.json"
    manifest.write_text(json.dumps([{"name": "bath", "prompt": "a small bathroom", **quick}]), encoding="utf-8")
    made = KitSession(kit)
    monkeypatch.setattr(generate_stages, "Session", lambda **given: made)
    monkeypatch.setattr(generate_stages, "leave", lambda app, code: (_ for _ in ()).throw(Left(int(code))))
    robots = tmp_path / "assets"
    words = ("--out", tmp_path / "out", "--robot", "go2")
    kit.settings.set("/persistent/isaac/asset_root/default", str(robots))
    assert code_of(generate_stages.main, manifest, *words) == 1  # the robot's asset is not there
    index = json.loads((tmp_path / "out" / "index.json").read_text(encoding="utf-8"))
    (entry,) = index["items"]
    assert (entry["state"], entry["robots"], entry["robots_loaded"]) == ("accepted", 1, 0)
    assert entry["stage"] == "runs/bath/stage_isaac6.usda"
    asset = Usd.Stage.CreateNew(str(_folder(robots / "Isaac/Robots/Unitree/Go2") / "go2.usd"))
    asset.SetDefaultPrim(asset.DefinePrim("/Go2", "Xform"))
    asset.DefinePrim("/Go2/base", "Xform")
    asset.GetRootLayer().Save()
    assert code_of(generate_stages.main, manifest, *words) == 0  # made before, opened anew
    kit.disable()  # now nothing can be made, which is told of each item
    assert code_of(generate_stages.main, manifest, *words) == 1
    (entry,) = json.loads((tmp_path / "out" / "index.json").read_text(encoding="utf-8"))["items"]
    assert (entry["state"], "is not enabled" in entry["error"]) == ("failed", True)


def test_a_wrong_manifest_is_told_before_kit_is_started(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "scenes.json").write_text('[{"promt": "a hall"}]', encoding="utf-8")
    words = [str(tmp_path / "scenes.json"), "--out", str(tmp_path / "out")]
    assert run_tool(lambda: generate_stages.main(words)) == 2
    assert "'promt' is no field of an item" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_progress_is_a_line_for_each_step() -> None:
    lines: list[str] = []
    tell = generate_stages.Teller("hall", lines.append)
    for fraction in (0.0, 0.01, 0.02, 0.5, 0.51):
        tell(Event("collide", fraction, "voxels", 1.0, None))
    assert lines == ["[hall] collide   0%  voxels\n", "[hall] collide  50%  voxels\n"]


def _folder(path: Path) -> Path:
    path.mkdir(parents=True)
    return path
