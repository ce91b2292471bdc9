"""Cameras with OpenCV axes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lyra_backend.errors import InvalidRequest
from lyra_backend.types import Camera, Intrinsics, Similarity, look_at


def test_field_of_view() -> None:
    lens = Intrinsics.from_fov(640, 480, 90)
    assert (lens.fx, lens.fy, lens.cx, lens.cy) == pytest.approx((320, 320, 320, 240))


@pytest.mark.parametrize(
    "values",
    [
        (0, 480, 1, 1, 0, 0),
        (640, 0, 1, 1, 0, 0),
        (640, 480, 0, 1, 0, 0),
        (640, 480, 1, -1, 0, 0),
        (640, 480, float("nan"), 1, 0, 0),
        (640, 480, 1, 1, float("inf"), 0),
    ],
)
def test_lenses_that_cannot_be(values: tuple[int, int, float, float, float, float]) -> None:
    with pytest.raises(InvalidRequest, match="Intrinsics must have"):
        Intrinsics(*values)


@given(seed=st.integers(0, 10_000))
def test_looking_at_something(seed: int) -> None:
    rng = np.random.default_rng(seed)
    eye, target = rng.normal(size=3), rng.normal(size=3) * 3
    pose = look_at(eye, target).astype(np.float64)
    np.testing.assert_allclose(pose[:3, :3] @ pose[:3, :3].T, np.eye(3), atol=1e-5)
    assert np.linalg.det(pose[:3, :3]) == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(pose[:3, 3], eye, atol=1e-6)
    seen = pose[:3, :3].T @ (target - pose[:3, 3])
    np.testing.assert_allclose(seen[:2], 0, atol=1e-5)
    assert seen[2] > 0  # in front
    assert pose[2, 1] <= 1e-6  # image-down does not point up
    assert abs(pose[2, 0]) < 1e-6  # the horizon is level


def test_looking_straight_down() -> None:
    pose = look_at((1, 2, 3), (1, 2, 0))
    np.testing.assert_allclose(pose[:3, 2], [0, 0, -1], atol=1e-6)
    assert np.linalg.det(pose[:3, :3]) == pytest.approx(1, abs=1e-6)
    with pytest.raises(InvalidRequest, match="not at the eye"):
        look_at((1, 2, 3), (1, 2, 3))


@pytest.mark.parametrize("up", [(0, 0, 1), (0, 1, 0), (1, 0, 0), (0, -2e-3, 0)])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_looking_straight_along_up(up: tuple[float, float, float], sign: float) -> None:
    pose = look_at((1, 2, 3), np.array((1.0, 2, 3)) + sign * np.array(up)).astype(np.float64)
    along = look_at((1, 2, 3), np.array((1.0, 2, 3)) + sign * np.array(up), up).astype(np.float64)
    for turn in (pose[:3, :3], along[:3, :3]):
        np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-6)
        assert np.linalg.det(turn) == pytest.approx(1, abs=1e-6)
        np.testing.assert_allclose(turn[:, 2], sign * np.array(up) / np.linalg.norm(up), atol=1e-6)


def test_looking_from_or_to_nowhere() -> None:
    nan, far = float("nan"), float("inf")
    for eye, target, up in (
        ((nan, 0, 0), (1, 0, 0), (0, 0, 1)),
        ((0, 0, 0), (far, 0, 0), (0, 0, 1)),
        ((0, 0, 0), (1, 0, 0), (0, nan, 1)),
        ((0, 0), (1, 0, 0), (0, 0, 1)),
    ):
        with pytest.raises(InvalidRequest, match="look_at needs three finite coordinates"):
            look_at(eye, target, up)
    with pytest.raises(InvalidRequest, match="up direction with a length"):
        look_at((0, 0, 0), (1, 0, 0), (0, 0, 0))


@pytest.mark.parametrize("fov_deg", [0, -10, 180, 300, float("nan")])
def test_fields_of_view_that_no_plane_shows(fov_deg: float) -> None:
    with pytest.raises(InvalidRequest, match="between 0 and 180 deg"):
        Intrinsics.from_fov(640, 480, fov_deg)


def test_moving_with_the_scene() -> None:
    lens = Intrinsics.from_fov(64, 48, 60)
    camera = Camera(lens, look_at((1, 2, 1.5), (4, 2, 1)), "entrance")
    point = np.array([[3.0, 2.2, 0.4]])
    move = Similarity.build(2.0, (np.cos(0.3), 0, np.sin(0.3), 0), (5, 6, 7))
    moved = camera.transformed(move)

    def pixel(c: Camera, p: np.ndarray) -> np.ndarray:
        seen = c.cam_to_world[:3, :3].T @ (p - c.position)
        return np.array([lens.fx * seen[0] / seen[2] + lens.cx, lens.fy * seen[1] / seen[2] + lens.cy])

    np.testing.assert_allclose(pixel(moved, move.apply(point)[0]), pixel(camera, point[0]), atol=1e-3)
    assert moved.name == "entrance"
    np.testing.assert_allclose(moved.position, move.apply(camera.position[None].astype(float))[0], atol=1e-5)


def test_poses_are_checked() -> None:
    lens = Intrinsics.from_fov(64, 48, 60)
    with pytest.raises(InvalidRequest, match=r"cam_to_world must have shape \(4, 4\)"):
        Camera(lens, np.eye(3))
    with pytest.raises(InvalidRequest, match="must be finite"):
        Camera(lens, np.full((4, 4), np.nan))
    for bad in (2 * np.eye(4), np.diag([1, 1, -1, 1]), np.eye(4) + np.eye(4)[[3, 0, 1, 2]]):
        with pytest.raises(InvalidRequest, match="must turn and move only"):
            Camera(lens, bad)
