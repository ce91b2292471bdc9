"""Rigid bodies of a scene: where they are, what they carry, and whether they lie still."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pxr import Gf, Usd, UsdGeom, UsdPhysics

from lyra_backend.progress import Progress
from lyra_backend.types import Finding, Severity
from lyra_backend.validate.colliders import read_colliders
from lyra_backend.validate.limits import Params
from lyra_backend.validate.moving_bodies import MovingBodies, Poses, solid_of
from lyra_backend.validate.physics import check_physics

from . import physics_rooms as rooms

UNIT = np.array([1.0, 0.0, 0.0, 0.0])
#: A block from (0, 0, 0) to (2, 1, 1).
BLOCK = rooms.box((0, 0, 0), (2, 1, 1))
CORNERS = BLOCK[0][BLOCK[1]].astype(float)


@pytest.fixture
def block() -> MovingBodies:
    solid = solid_of(CORNERS.reshape(-1, 3), 0)
    assert solid is not None
    return MovingBodies(("/Block",), (True,), (solid,), CORNERS, np.zeros(len(CORNERS), np.int64))


def poses(move: tuple[float, float, float], quat: np.ndarray = UNIT, speed: float = 0.0) -> Poses:
    return Poses(np.array([[[0.0, 0, 0]], [move]]), np.stack([[UNIT], [quat]]), np.array([speed]))


def test_distances_are_never_too_large(block: MovingBodies) -> None:
    points = np.array([[1.0, 0.5, 0.5], [3.0, 0.5, 0.5], [1.0, 0.5, 1.2], [3.0, 2.0, 0.5]])
    assert block.clearance(points)[:3] == pytest.approx([-0.5, 1.0, 0.2])
    assert 0.9 < block.clearance(points)[3] <= np.sqrt(2)
    assert np.isinf(MovingBodies().clearance(points)).all()


def test_distances_follow_the_body(block: MovingBodies) -> None:
    points = np.array([[3.0, 0.5, 0.5], [-0.5, 1.0, 0.5]])
    assert block.clearance_at(points, poses((2.0, 0.0, 0.0)))[0] == pytest.approx(-0.5)
    quarter = np.array([np.sqrt(0.5), 0.0, 0.0, np.sqrt(0.5)])  # about z: now from (-1, 0) to (0, 2)
    assert block.clearance_at(points, poses((0.0, 0.0, 0.0), quarter))[1] == pytest.approx(-0.5)
    assert np.isinf(block.clearance_at(points, poses((np.nan, 0.0, 0.0)))).all()


def test_rays_down_end_on_top_and_grazing_ones_are_named(block: MovingBodies) -> None:
    points = np.array([[1.0, 0.5, 3.0], [5.0, 0.5, 3.0], [2.004, 0.5, 3.0], [1.996, 0.5, 3.0], [1.0, 0.5, 3.0]])
    height, grazing = block.heights_below(points, 10.0)
    assert height[[0, 1, 3]].tolist() == [pytest.approx(1.0), -np.inf, pytest.approx(1.0)]
    assert grazing.tolist() == [False, False, True, True, False]
    assert block.heights_below(points[:1], 1.5)[0][0] == -np.inf


def test_ways_are_clear_beside_a_body_only(block: MovingBodies) -> None:
    starts, ends = np.array([[-1.0, 0.5, 0.5], [-1.0, 1.2, 0.5]]), np.array([[4.0, 0.5, 0.5], [4.0, 1.2, 0.5]])
    assert block.clear_way(starts, ends, 0.05).tolist() == [False, True]
    assert block.clear_way(starts, ends, 0.3).tolist() == [False, False]
    assert block.clear_above(np.array([[1.0, 0.5, 0.0], [2.5, 0.5, 0.0]]), 0.1).tolist() == [False, True]


def test_drift_is_that_of_the_farthest_corner(block: MovingBodies) -> None:
    assert block.drift(poses((0.0, 0.0, -0.02)))[0] == pytest.approx(0.02)
    half = np.radians(1.0) / 2
    tilted = np.array([np.cos(half), 0.0, np.sin(half), 0.0])
    assert block.drift(poses((0.0, 0.0, 0.0), tilted))[0] == pytest.approx(np.radians(1.0) * np.hypot(2, 1), rel=0.01)
    assert np.isinf(block.drift(poses((np.nan, 0.0, 0.0)))[0])


def test_what_is_flat_has_no_inside() -> None:
    assert solid_of(np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]]), 0) is None


def add_body(stage: Usd.Stage, name: str, at: tuple[float, float, float], size: float = 0.4) -> UsdPhysics.RigidBodyAPI:
    """A cube that moves, its middle at a place."""
    body = UsdGeom.Xform.Define(stage, f"/World/{name}")
    body.AddTranslateOp().Set(Gf.Vec3d(*at))
    cube = UsdGeom.Cube.Define(stage, f"/World/{name}/Cube")
    cube.CreateSizeAttr(size)
    rooms.collide(cube.GetPrim())
    return UsdPhysics.RigidBodyAPI.Apply(body.GetPrim())


def furnished(path: Path) -> Usd.Stage:
    stage = Usd.Stage.Open(str(rooms.room(path)))
    for i, (x, y) in enumerate(((0.5, 0.4), (0.6, 2.2), (1.5, 3.0), (2.6, 1.0), (2.7, 2.0), (2.2, 2.6), (3.6, 2.0))):
        add_body(stage, f"Crate{i}", (x, y, 0.2))
    return stage


def check(path: Path) -> tuple[dict[str, Finding], dict[str, int | float]]:
    outcome = check_physics(path, None, Params(), Progress())
    return {f.code.removeprefix("physics."): f for f in outcome.findings}, dict(outcome.counts)


def test_a_room_of_crates_that_can_be_pushed_is_accepted(tmp_path: Path) -> None:
    stage = furnished(tmp_path / "stage.usda")
    lifted = add_body(stage, "Lift", (4.2, 3.5, 1.6))
    lifted.CreateKinematicEnabledAttr(True)
    stage.Save()
    found, counts = check(tmp_path / "stage.usda")
    assert {code for code, f in found.items() if f.severity is Severity.ERROR} == set()
    assert counts["movable_bodies"] == 8
    assert found["surface_moved"].measured == 0.0
    assert found["floating"].measured == 0.0
    assert found["body_drift"].measured < 0.001
    assert "7 of 7 movable bodies" in found["body_drift"].message  # what is driven is not asked to rest


def test_a_body_in_the_air_is_named(tmp_path: Path) -> None:
    stage = furnished(tmp_path / "stage.usda")
    add_body(stage, "Dropped", (1.6, 2.0, 0.45))
    stage.Save()
    found, _ = check(tmp_path / "stage.usda")
    finding = found["body_drift"]
    assert finding.severity is Severity.ERROR
    assert finding.measured == pytest.approx(0.25, abs=0.01)
    assert "/World/Dropped: 25" in finding.where
    assert found["body_speed"].severity is Severity.INFO


def test_joints_and_disabled_bodies_are_told_apart(tmp_path: Path) -> None:
    stage = furnished(tmp_path / "stage.usda")
    joint = UsdPhysics.RevoluteJoint.Define(stage, "/World/Joint")
    joint.CreateBody0Rel().SetTargets(["/World/Crate0"])
    joint.CreateBody1Rel().SetTargets(["/World/Crate1"])
    add_body(stage, "Still", (4.2, 3.5, 0.2)).CreateRigidBodyEnabledAttr(False)
    colliders = read_colliders(stage)
    assert colliders.paths == ("/World/Room", "/World/Still/Cube")
    assert [p for p, free in zip(colliders.moving.paths, colliders.moving.free, strict=True) if not free] == [
        "/World/Crate0",
        "/World/Crate1",
    ]
