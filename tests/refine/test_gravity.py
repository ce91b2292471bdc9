"""The vertical comes back from tilted scenes, as sure as it says it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lyra_backend.refine.cues import Direction, fuse_directions
from lyra_backend.refine.floor import FloorParams, find_floor
from lyra_backend.refine.gravity import Gravity, camera_direction, find_gravity, gravity_findings
from lyra_backend.refine.planes import tangents
from lyra_backend.types import Camera, Frame, GaussianCloud, Generation, Intrinsics, Severity, Similarity, look_at

from .scenes import flat, room, sheet, terrain, tilting

UP = np.array([0.0, 0.0, 1.0])


def angle_deg(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.degrees(np.arccos(np.clip(one @ other, -1.0, 1.0))))


def found(cloud: GaussianCloud, tilt_deg: float, scale: float = 1.0) -> tuple[Gravity, float]:
    """Return the vertical of a tilted, scaled copy, and its error [deg]."""
    similarity = Similarity(scale).then(tilting(tilt_deg, (0.6, 0.8)))
    copy = cloud.transformed(similarity, Frame.GENERATOR)
    floor = find_floor(copy, (), FloorParams(), None)
    gravity = find_gravity(copy, (), floor, 25.0)
    return gravity, angle_deg(gravity.up, np.asarray(similarity.rotation)[:, 2])


def posts(count: int = 12, lean_deg: float = 0.0) -> GaussianCloud:
    """Return upright cylinders of 2 m on the terrain."""
    rng, parts = np.random.default_rng(5), []
    for number in range(count):
        turns, heights = rng.uniform(0, 2 * np.pi, 300), rng.uniform(-1, 2, 300)
        out = np.stack([np.cos(turns), np.sin(turns), np.zeros(300)], axis=1)
        along = np.tile(UP, (300, 1))
        frames = np.stack([np.cross(along, out), along, out], axis=2)
        points = 0.2 * out + heights[:, None] * UP + (*rng.uniform(3, 27, 2), 0.0)
        lean = tilting(lean_deg if number % 2 else -lean_deg, (1, 0))
        parts.append(flat(points, frames, 0.1).transformed(replace(lean, translation=(0.0, 0.0, 0.0)), Frame.GENERATOR))
    return GaussianCloud.concatenate(parts)


@pytest.mark.parametrize(("tilt", "scale"), [(0, 1.0), (8, 0.2), (-14, 5.0), (20, 1.0)])
def test_a_room_of_any_scale_is_found_upright(tilt: float, scale: float) -> None:
    gravity, error = found(room(), tilt, scale)
    assert error < 0.05
    assert error <= gravity.uncertainty_deg < 0.5
    assert {name.removeprefix("normals of ") for name in gravity.used} == {"floor", "upright surfaces"}
    assert not gravity.left_out


@pytest.mark.parametrize("tilt", [3, -18])
def test_posts_tell_the_vertical_of_rough_ground(tilt: float) -> None:
    gravity, error = found(GaussianCloud.concatenate([terrain(), posts()]), tilt)
    assert error < 0.3
    assert error <= gravity.uncertainty_deg < 1.5
    assert any("upright surfaces" in name for name in gravity.used)


def test_a_hillside_without_anything_upright_keeps_its_axis_and_says_so() -> None:
    gravity, error = found(terrain(), 4)
    assert gravity.used in {("ground",), ("floor",)}
    assert error <= gravity.uncertainty_deg
    (finding,) = gravity_findings(gravity, 5.0)
    assert (finding.code, finding.severity, finding.unit) == ("gravity.uncertain", Severity.ERROR, "deg")
    assert "refine.align=false" in finding.message
    assert finding.measured > finding.limit == 5.0


def test_noise_makes_it_less_sure() -> None:
    clean, rng = room(), np.random.default_rng(1)
    noisy = replace(clean, positions=clean.positions + rng.normal(0, 0.03, clean.positions.shape).astype(np.float32))
    sure, unsure = found(clean, 5)[0], found(noisy, 5)[0]
    assert sure.uncertainty_deg < unsure.uncertainty_deg


def test_a_ramp_is_no_floor_where_walls_stand() -> None:
    """Walls that stand plumb on a floor of 4 degrees: floor and walls disagree, and it is said."""
    ramp = sheet((0, 0, 0), (6, 0, 6 * np.tan(np.radians(4))), (0, 5, 0), seed=1)
    walls = [
        sheet((0, 0, -0.2), (0, 0, 3.0), (6, 0, 0), seed=2),
        sheet((0, 5, -0.2), (6, 0, 0), (0, 0, 3.0), seed=3),
        sheet((0, 0, -0.2), (0, 5, 0), (0, 0, 3.0), seed=4),
        sheet((6, 0, -0.2), (0, 0, 3.0), (0, 5, 0), seed=5),
    ]
    gravity, _ = found(GaussianCloud.concatenate([ramp, *walls]), 0)
    assert [name for name, _ in gravity.left_out] == ["floor"]
    assert angle_deg(gravity.up, UP) < 0.1
    finding = gravity_findings(gravity, 5.0)[0]
    assert (finding.code, finding.severity) == ("gravity.disagreement", Severity.WARNING)
    assert finding.measured == pytest.approx(4.0, abs=0.2)


def path(roll_deg: float = 0.0, count: int = 12) -> tuple[Camera, ...]:
    """Return cameras on a round path that look down by 20 degrees, rolled by up to `roll_deg`."""
    lens, rng, cameras = Intrinsics.from_fov(64, 48, 60), np.random.default_rng(3), []
    for turn in np.linspace(0, 2 * np.pi, count, endpoint=False):
        eye = np.array([2 * np.cos(turn), 2 * np.sin(turn), 1.5])
        pose = np.array(look_at(eye, (0.0, 0.0, 0.8)), np.float64)
        roll = np.radians(rng.uniform(-roll_deg, roll_deg))
        turned = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
        pose[:3, :3] = pose[:3, :3] @ turned
        cameras.append(Camera(lens, pose.astype(np.float32)))
    return tuple(cameras)


@pytest.mark.parametrize(("roll", "most"), [(0.0, 0.01), (4.0, 2.5)])
def test_a_path_of_cameras_tells_the_vertical(roll: float, most: float) -> None:
    similarity = tilting(15, (0, 1))
    told = camera_direction([camera.transformed(similarity) for camera in path(roll)], 5.0)
    assert told is not None
    assert angle_deg(told.up, np.asarray(similarity.rotation)[:, 2]) < most < told.deg


def test_cameras_of_one_place_are_no_path() -> None:
    lens = Intrinsics.from_fov(64, 48, 60)
    ring = [Camera(lens, look_at((0, 0, 1), (np.cos(t), np.sin(t), 1))) for t in np.arange(0, 6, 0.5)]
    assert camera_direction(ring, 5.0) is None
    assert camera_direction(path()[:4], 5.0) is None


def direction(name: str, tilt_deg: float, sigma_deg: float) -> Direction:
    up = np.array([np.sin(np.radians(tilt_deg)), 0.0, np.cos(np.radians(tilt_deg))])
    across = tangents(up)
    return Direction(name, up, across.T @ across * np.radians(sigma_deg) ** 2)


def test_cues_count_by_their_inverse_variance() -> None:
    fused = fuse_directions([direction("a", 0.0, 0.5), direction("b", 1.5, 1.0)])
    assert angle_deg(fused.up, UP) == pytest.approx(1.5 / 5, abs=0.01)
    assert fused.used == ("a", "b")
    assert fused.deg == pytest.approx(1.96 * np.sqrt(2) / np.sqrt(5), rel=0.01)


def test_a_cue_that_contradicts_is_named() -> None:
    fused = fuse_directions([direction("a", 0.0, 0.2), direction("b", 5.0, 0.5), direction("c", 0.1, 0.3)])
    assert fused.used == ("a", "c")
    ((name, apart),) = fused.left_out
    assert name == "b"
    assert apart == pytest.approx(5.0, abs=0.2)


def test_a_cue_that_tells_one_angle_only_leaves_the_other() -> None:
    """One wall: its normal x says nothing of a lean along it."""
    covariance = np.diag([0.1, 10.0, 0.0]) ** 2 * np.radians(1.0) ** 2
    wall = Direction("wall", np.array([0.0, 0.0, 1.0]), covariance)
    other = direction("floor", 2.0, 1.0)
    aside = Direction("floor", other.up[[1, 0, 2]], other.covariance[np.ix_([1, 0, 2], [1, 0, 2])])
    assert angle_deg(fuse_directions([wall, aside]).up, aside.up) < 0.1


def test_equal_scenes_give_equal_verticals() -> None:
    one, two = (found(room(), 7)[0] for _ in range(2))
    assert np.array_equal(one.up, two.up)
    assert one.uncertainty_deg == two.uncertainty_deg


def test_next_to_nothing_is_not_enough() -> None:
    cloud = room().select(np.arange(5))
    gravity = find_gravity(cloud, (), find_floor(cloud, (), FloorParams(), None), 25.0)
    assert gravity.uncertainty_deg > 5.0
    assert Generation(cloud).scale.uncertainty_percent is None
