"""Bodies that a stage carries along paths are followed, and hit what hangs in their way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pxr import Gf, Usd, UsdGeom

from lyra_backend.types import Severity
from lyra_backend.validate import physics_findings as findings
from lyra_backend.validate.carried_bodies import Carried, read_carried
from lyra_backend.validate.colliders import read_colliders
from lyra_backend.validate.triangle_index import TriangleIndex

from . import physics_rooms as rooms
from .test_moving_bodies import add_body, check

DT = 0.01


def lifted(path: Path, *, rate: float = 50.0, end: float = 100.0) -> Usd.Stage:
    """A room in which a crate is carried 1 m along x and turned by 90 degrees, in 2 s at 50 codes a second."""
    stage = Usd.Stage.Open(str(rooms.room(path)))
    stage.SetTimeCodesPerSecond(rate)
    stage.SetStartTimeCode(0.0)
    stage.SetEndTimeCode(end)
    add_body(stage, "Lift", (1.0, 2.0, 1.0)).CreateKinematicEnabledAttr(True)
    xform = UsdGeom.Xformable(stage.GetPrimAtPath("/World/Lift"))
    move, turn = xform.GetOrderedXformOps()[0], xform.AddRotateZOp()
    for code, share in ((0.0, 0.0), (end, 1.0)):
        move.Set(Gf.Vec3d(1.0 + share, 2.0, 1.0), code)
        turn.Set(90.0 * share, code)
    return stage


def read(stage: Usd.Stage, seconds: float = 9.0) -> Carried | None:
    colliders = read_colliders(stage)
    return read_carried(stage, TriangleIndex(colliders.corners), colliders.moving, DT, seconds)


def test_a_path_is_read_step_by_step(tmp_path: Path) -> None:
    carried = read(lifted(tmp_path / "stage.usda"))
    assert carried is not None
    assert carried.paths == ("/World/Lift",)
    assert carried.poses.shape == (200, 1, 7)
    share = (np.arange(200) + 1) / 200
    np.testing.assert_allclose(carried.poses[:, 0, 0], 1 + share, atol=1e-6)
    half = np.radians(90 * share) / 2
    np.testing.assert_allclose(carried.poses[:, 0, 5], np.sin(half), atol=1e-6)
    np.testing.assert_allclose(carried.poses[:, 0, 6], np.cos(half), atol=1e-6)


def test_it_is_followed_for_a_while_only(tmp_path: Path) -> None:
    carried = read(lifted(tmp_path / "stage.usda"), seconds=0.5)
    assert carried is not None
    assert len(carried.poses) == 50


def test_what_stands_or_is_not_kinematic_is_not_carried(tmp_path: Path) -> None:
    stage = lifted(tmp_path / "stage.usda")
    add_body(stage, "Free", (3.0, 2.0, 1.0))
    add_body(stage, "Stand", (4.0, 2.0, 1.0)).CreateKinematicEnabledAttr(True)
    assert read(stage).paths == ("/World/Lift",)
    stage.RemovePrim("/World/Lift")
    assert read(stage) is None


def test_what_is_above_a_body_carries_it_too(tmp_path: Path) -> None:
    stage = Usd.Stage.Open(str(rooms.room(tmp_path / "stage.usda")))
    stage.SetEndTimeCode(24.0)
    add_body(stage, "Belt", (1.0, 2.0, 1.0))
    UsdGeom.Xform.Define(stage, "/World/Crane").AddTranslateOp().Set(Gf.Vec3d(0, 0, 0), 0.0)
    crate = add_body(stage, "Crane/Crate", (2.0, 2.0, 1.0))
    crate.CreateKinematicEnabledAttr(True)
    assert read(stage) is None
    UsdGeom.Xformable(stage.GetPrimAtPath("/World/Crane")).GetOrderedXformOps()[0].Set(Gf.Vec3d(1, 0, 0), 24.0)
    carried = read(stage)
    assert carried is not None
    assert carried.paths == ("/World/Crane/Crate",)
    assert carried.poses[-1, 0, 0] == pytest.approx(3.0)


def hanging(stage: Usd.Stage) -> np.ndarray:
    carried = read(stage)
    assert carried is not None
    assert len(carried.aimed_at) == len(carried.balls.positions)
    return carried.balls.positions


def test_a_ball_hangs_as_late_on_the_way_as_there_is_room(tmp_path: Path) -> None:
    assert hanging(lifted(tmp_path / "a.usda")) == pytest.approx(np.array([[2.0, 2.0, 1.0]]))
    blocked = lifted(tmp_path / "b.usda")
    rooms.add_mesh(blocked, "/World/Post", rooms.box((1.95, 1.5, 0.0), (2.05, 2.5, 2.0)))
    (place,) = hanging(blocked)
    assert 1.8 < place[0] < 1.95


def test_a_body_that_stays_where_it_is_has_no_ball(tmp_path: Path) -> None:
    stage = lifted(tmp_path / "stage.usda")
    UsdGeom.Xformable(stage.GetPrimAtPath("/World/Lift")).GetOrderedXformOps()[0].Set(Gf.Vec3d(1.1, 2, 1), 100.0)
    assert hanging(stage).shape == (0, 3)


def test_a_miss_is_an_error_that_names_the_body() -> None:
    finding = findings.carried(np.array([True, False]), ("/World/A", "/World/B"))
    assert (finding.code, finding.severity, finding.measured) == ("physics.carried_missed", Severity.ERROR, 1)
    assert finding.where == "/World/B"
    assert findings.carried(np.array([True]), ("/World/A",)).severity is Severity.INFO


def test_the_engine_sees_it_hit(tmp_path: Path) -> None:
    stage = lifted(tmp_path / "stage.usda")
    stage.Save()
    found, _ = check(tmp_path / "stage.usda")
    assert found["carried_missed"].measured == 0
    assert "1 of 1 colliders" in found["carried_missed"].message
