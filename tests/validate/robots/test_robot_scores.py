"""Traces in which it is known what happened."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from lyra_backend.robot_models.gaits import CONTROL_S, GO2_WALK
from lyra_backend.robot_models.model import RobotModel, read_mjcf
from lyra_backend.robot_models.store import find
from lyra_backend.types.rotations import wxyz_to_xyzw
from lyra_backend.validate.robots.robot_process import RobotTrace
from lyra_backend.validate.robots.robot_scores import WalkScore, feet, score_stance, score_walk
from lyra_backend.validate.triangle_index import TriangleIndex

WAY = np.array([[0, 0, 0], [3, 0, 0]], float)
FEET = ("FL_calf", "FR_calf", "RL_calf", "RR_calf")


@cache
def go2() -> RobotModel:
    return read_mjcf(find("go2").model)


def gliding(
    end: float = 3.0, height: float = 0.335, lean: float = 0.0, seconds: float = 4.0, drop: float = 0.0
) -> RobotTrace:
    """A Go2 in its stance that glides along the way to x = `end`, leaning and sinking more and more."""
    count = round(seconds / CONTROL_S)
    share = np.linspace(0, 1, count)
    poses = []
    for s in share:
        turn = np.array([np.cos(lean * s / 2), np.sin(lean * s / 2), 0, 0])
        root = np.array([end * s, 0, height - drop * s])
        links = go2().poses_at(root, turn, GO2_WALK.angles_of(go2()))
        poses.append([np.concatenate([position, wxyz_to_xyzw(quat)]) for position, quat in links])
    links = len(go2().links)
    return RobotTrace(
        np.array(poses), np.zeros((count, links)), end * share, np.zeros((count, 3)), np.zeros((count, links))
    )


def scored(trace: RobotTrace, index: TriangleIndex | None = None) -> WalkScore:
    return score_walk(trace, WAY, go2(), GO2_WALK, index)


def quad(*corners: tuple[float, float, float]) -> np.ndarray:
    a, b, c, d = np.array(corners, float)
    return np.array([[a, b, c], [a, c, d]])


GROUND = quad((-5, -5, 0), (5, -5, 0), (5, 5, 0), (-5, 5, 0))
FENCE = quad((1.5, -1, 0.0), (1.5, 1, 0.0), (1.5, 1, 0.6), (1.5, -1, 0.6))


def test_feet_are_the_links_with_the_soles() -> None:
    assert tuple(go2().links[link].name for link in feet(go2(), GO2_WALK)) == FEET


def test_a_walk_to_the_goal_is_good() -> None:
    score = scored(gliding(), TriangleIndex(GROUND))
    assert (score.reached, score.conduct.fell, len(score.conduct.stumbles), score.conduct.depth_m) == (True, None, 0, 0)
    assert (score.length_m, score.done_m, score.seconds) == (3.0, 3.0, pytest.approx(3.5))
    assert len(score.conduct.crossings) == 0


def test_who_stops_early_has_not_arrived() -> None:
    score = scored(gliding(end=2.0))
    assert (score.reached, score.conduct.fell) == (False, None)
    assert score.end.tolist() == pytest.approx([2.0, 0.0, 0.335])


def test_who_tips_over_or_sinks_has_fallen_even_at_the_goal() -> None:
    tipped = scored(gliding(lean=1.5))
    assert not tipped.reached
    # At 60 degrees of 86, after two thirds of the way.
    assert tipped.conduct.fell[0] == pytest.approx(3.0 * np.radians(60) / 1.5, abs=0.05)
    sunk = scored(gliding(drop=0.3))
    assert sunk.conduct.fell[2] == pytest.approx(0.4 * 0.335, abs=0.01)


def test_bumps_of_the_body_are_stumbles_and_feet_are_not() -> None:
    trace = gliding()
    names = [link.name for link in go2().links]
    trace.forces[:, names.index("FL_calf")] = 200.0
    assert len(scored(trace).conduct.stumbles) == 0
    trace.forces[50:53, names.index("base")] = 20.0
    trace.forces[60, names.index("RL_thigh")] = 20.0  # 0.2 s later: the same one
    trace.forces[150, names.index("FR_hip")] = 20.0
    stumbles = scored(trace).conduct.stumbles
    assert np.round(stumbles[:, 0], 1).tolist() == pytest.approx([0.8, 2.3])


def test_a_surface_that_goes_through_the_robot_is_found_with_either_winding() -> None:
    for fence in (FENCE, FENCE[:, ::-1]):
        crossings = scored(gliding(), TriangleIndex(np.concatenate([GROUND, fence]))).conduct.crossings
        assert len(crossings) > 5
        assert np.allclose(crossings[:, 0], 1.5)
    sunk = scored(gliding(height=0.1), TriangleIndex(GROUND)).conduct.crossings
    assert len(sunk) > 0
    assert np.allclose(sunk[:, 2], 0.0)


def test_a_stance_tells_how_far_it_moved_sank_and_leant() -> None:
    still = score_stance(gliding(end=0.0), 0.0, go2(), GO2_WALK, None)
    assert (still.drift_m, still.sunk_m, still.tilt_rad) == pytest.approx((0.0, 0.0, 0.0), abs=1e-6)
    moved = score_stance(gliding(end=0.1, lean=0.2, drop=0.04), 0.0, go2(), GO2_WALK, None)
    assert (moved.drift_m, moved.sunk_m, moved.tilt_rad) == pytest.approx((0.1, 0.04, 0.2), abs=1e-6)
