"""Boxes of the drop test fall in the real PhysX, on the run's own stage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from isaac.drop_test import SIDE_M, Drop, define_boxes, drops_of, judge_drops
from isaac.robot_stand import judge_stand, robot_to_stand
from pxr import Sdf, Usd

from lyra_backend.errors import InvalidRequest
from lyra_backend.io.navigation_files import load_navigation
from lyra_backend.progress import Progress
from lyra_backend.types import Navigation
from lyra_backend.validate.engine_process import Job, Run, run_engine


@pytest.fixture(scope="module")
def navigation(run: Path) -> Navigation:
    return load_navigation(run)


def ends_in_physx(stage_file: Path, drops: tuple[Drop, ...], folder: Path) -> dict[str, list[float]]:
    """Let the boxes of a stage fall for 3 s; return where they end."""
    steps = Run("drop", str(stage_file), "/LyraDropTest/Box_", len(drops), 180, 1 / 60)
    trace = run_engine(Job((steps,)), folder, 120.0, Progress()).traces["drop"]
    return {drop.path: trace.positions[-1, i].tolist() for i, drop in enumerate(drops)}


def stage_with_boxes(root: Path, drops: tuple[Drop, ...], folder: Path) -> Path:
    layer = Sdf.Layer.CreateNew(str(folder / "boxes.usda"))
    layer.subLayerPaths.append(str(root))
    define_boxes(stage := Usd.Stage.Open(layer), drops)
    stage.GetRootLayer().Save()
    return folder / "boxes.usda"


def test_boxes_rest_on_the_ground_of_the_run(run: Path, navigation: Navigation, tmp_path: Path) -> None:
    drops = drops_of(navigation, 6)
    assert len(drops) == 6
    path = stage_with_boxes(run / "stage_isaac6.usda", drops, tmp_path)
    fell, rest = judge_drops(drops, ends_in_physx(path, drops, tmp_path))
    assert (fell.state, fell.value) == ("passed", 0)
    assert (rest.state, rest.value) == ("passed", 1.0)


def test_without_colliders_they_fall_through(run: Path, navigation: Navigation, tmp_path: Path) -> None:
    drops = drops_of(navigation, 3)
    path = stage_with_boxes(run / "stage_isaac6.usda", drops, tmp_path)
    stage = Usd.Stage.Open(str(path))
    stage.GetPrimAtPath("/World").GetVariantSet("collision").SetVariantSelection("none")
    stage.GetRootLayer().Save()
    fell, rest = judge_drops(drops, ends_in_physx(path, drops, tmp_path))
    assert (fell.state, fell.value) == ("failed", 3)
    assert rest.state == "failed"


def test_places_are_apart_and_as_many_as_there_are(navigation: Navigation) -> None:
    drops = drops_of(navigation, 1000)
    grounds = np.array([drop.ground for drop in drops])
    gaps = np.linalg.norm(grounds[:, None] - grounds[None], axis=2) + 10 * np.eye(len(drops))
    assert gaps.min() > 2 * SIDE_M
    assert drops_of(navigation, 1000) == drops
    with pytest.raises(InvalidRequest, match="places to start: the scene has none"):
        drops_of(Navigation(navigation.map, (), 0.0, None, (), ()), 4)


def test_a_box_that_slid_or_is_gone_is_told() -> None:
    drops = tuple(Drop(f"/Box_{i}", (float(i), 0.0, 1.0)) for i in range(2))
    still = {d.path: [d.ground[0], 0.0, 1.0 + SIDE_M / 2] for d in drops}
    assert [c.state for c in judge_drops(drops, still)] == ["passed", "passed"]
    slid = {**still, "/Box_1": [1.2, 0.0, 1.0 + SIDE_M / 2]}
    assert [(c.state, c.value) for c in judge_drops(drops, slid)] == [("passed", 0), ("failed", 0.5)]
    lost = {**still, "/Box_1": [float("nan")] * 3}
    assert judge_drops(drops, lost)[0].state == "failed"
    with pytest.raises(InvalidRequest, match="Box_1: the box is gone"):
        judge_drops(drops, {"/Box_0": still["/Box_0"]})


def turned(degrees: float, place: tuple[float, float, float]) -> np.ndarray:
    """Return a pose for row vectors, turned about x."""
    a = np.radians(degrees)
    pose = np.eye(4)
    pose[1:3, 1:3] = [[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]]
    pose[3, :3] = place
    return pose


@pytest.mark.parametrize(
    ("after", "state"),
    [
        (turned(2.0, (0.02, 0.0, 0.95)), "passed"),
        (turned(25.0, (0.0, 0.0, 0.95)), "failed"),
        (turned(0.0, (0.3, 0.0, 0.95)), "failed"),
        (turned(0.0, (0.0, 0.0, 0.7)), "failed"),
        (np.full((4, 4), np.nan), "failed"),
    ],
    ids=["settled", "tilted", "moved", "sunk", "blown up"],
)
def test_a_robot_stands_or_not(after: np.ndarray, state: str) -> None:
    assert judge_stand("carter", 5.0, turned(0.0, (0.0, 0.0, 1.0)), after, 0.05).state == state


def test_turns_about_the_vertical_are_no_tilt() -> None:
    yawed = np.diag([-1.0, -1.0, 1.0, 1.0])
    assert judge_stand("carter", 5.0, np.eye(4), yawed, 0.0).value == pytest.approx(0.0, abs=1e-6)


def test_legged_robots_are_not_asked_to_stand_alone(navigation: Navigation) -> None:
    assert [space.robot.name for space in navigation.spaces] == ["go2"]
    assert robot_to_stand(navigation) == ""
