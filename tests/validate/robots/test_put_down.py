"""Robots are put down above the ground below their soles."""

from __future__ import annotations

import numpy as np
import pytest

from lyra_backend.robot_models.gaits import GO2_WALK
from lyra_backend.robot_models.model import read_mjcf
from lyra_backend.robot_models.store import find
from lyra_backend.validate.robots.put_down import RISE_M, rise_below
from lyra_backend.validate.triangle_index import TriangleIndex

UPRIGHT = np.array([1.0, 0.0, 0.0, 0.0])


def rise_on(slope: float, over_m: float = 0.0) -> float:
    """Return the rise below a Go2 whose x axis points up a slope through its middle, a ground of two triangles."""
    square = np.array([[-2.0, -2.0], [2.0, -2.0], [2.0, 2.0], [-2.0, 2.0]])
    corners = np.column_stack([square, slope * square[:, 0] + over_m])[[[0, 1, 2], [0, 2, 3]]]
    model = read_mjcf(find("go2").model)
    poses = model.poses_at(np.array([0.0, 0.0, GO2_WALK.upright]), UPRIGHT, GO2_WALK.angles_of(model))
    return rise_below(model, poses, 0.0, TriangleIndex(corners))


def test_level_ground_and_ground_that_is_lower_lift_nobody() -> None:
    assert rise_on(0.0) == pytest.approx(0.0, abs=1e-6)
    assert rise_on(0.0, over_m=-0.2) == 0.0


def test_a_slope_lifts_by_what_it_rises_to_the_foremost_sole() -> None:
    # A Go2 has its soles about 0.2 m before and behind its root.
    assert rise_on(0.2) == pytest.approx(0.2 * 0.2, abs=0.01)
    assert rise_on(-0.2) == pytest.approx(rise_on(0.2), abs=0.01)
    assert rise_on(0.0, over_m=0.05) == pytest.approx(0.05, abs=1e-6)


def test_what_is_higher_is_in_the_way_and_nothing_to_stand_on() -> None:
    assert rise_on(0.0, over_m=RISE_M + 0.01) == 0.0
