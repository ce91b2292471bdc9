"""Cameras of OpenCV and of USD put points at the same places of the picture: USD's own frustum is the judge."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from isaac.usd_cameras import CLIPPING_M, define_camera, described, is_plain, of_width
from pxr import Gf, Usd, UsdGeom

from lyra_backend.errors import InvalidRequest
from lyra_backend.io.cameras import read_cameras, write_cameras
from lyra_backend.types import Camera, Intrinsics
from lyra_backend.types.rotations import matrix_from_quat

from .conftest import camera_on


def some_camera(rng: np.random.Generator, lens: Intrinsics) -> Camera:
    quat = rng.normal(size=4)
    pose = np.eye(4)
    pose[:3, :3] = matrix_from_quat(quat / np.linalg.norm(quat))
    pose[:3, 3] = rng.uniform(-5, 5, 3)
    return Camera(lens, pose.astype(np.float32), "some")


def pixels_by_usd(stage: Usd.Stage, path: str, lens: Intrinsics, points: np.ndarray) -> np.ndarray:
    """Project points by the frustum: from its window at distance 1, y upwards, to pixels."""
    frustum = UsdGeom.Camera(stage.GetPrimAtPath(path)).GetCamera().frustum
    matrix = Gf.Matrix4d(frustum.ComputeViewMatrix()) * frustum.ComputeProjectionMatrix()
    shown = np.array([matrix.Transform(Gf.Vec3d(*p.tolist())) for p in points])
    return np.column_stack([(shown[:, 0] + 1) / 2 * lens.width, (1 - shown[:, 1]) / 2 * lens.height])


def pixels_by_opencv(camera: Camera, points: np.ndarray) -> np.ndarray:
    lens = camera.intrinsics
    local = np.column_stack([points, np.ones(len(points))]) @ np.linalg.inv(camera.cam_to_world.astype(np.float64)).T
    x, y = local[:, 0] / local[:, 2], local[:, 1] / local[:, 2]
    return np.column_stack([lens.fx * x + lens.cx, lens.fy * y + lens.cy])


@pytest.mark.parametrize(
    "lens",
    [Intrinsics(960, 540, 685.5, 685.5, 480.0, 270.0), Intrinsics(640, 480, 500.0, 430.0, 300.0, 260.5)],
    ids=["plain", "off the middle, oblong pixels"],
)
def test_points_fall_on_the_same_pixels(lens: Intrinsics) -> None:
    rng = np.random.default_rng(5)
    for _ in range(10):
        camera, stage = some_camera(rng, lens), Usd.Stage.CreateInMemory()
        define_camera(stage, "/Camera", camera)
        rays = np.column_stack([rng.uniform(-0.6, 0.6, (20, 2)), np.ones(20)]) * rng.uniform(0.5, 50, (20, 1))
        points = rays @ camera.cam_to_world[:3, :3].T.astype(np.float64) + camera.cam_to_world[:3, 3]
        expected = pixels_by_opencv(camera, points)
        np.testing.assert_allclose(pixels_by_usd(stage, "/Camera", lens, points), expected, atol=2e-3)


def test_a_camera_of_the_run_is_read_back_from_the_stage(run: Path) -> None:
    stage = Usd.Stage.CreateInMemory()
    for camera in read_cameras(run / "previews.json"):
        lens = camera.intrinsics
        define_camera(stage, "/Camera", camera)
        seen = camera_on(stage, "/Camera", (lens.width, lens.height))
        np.testing.assert_allclose(seen.cam_to_world, camera.cam_to_world, atol=1e-6)
        expected = (lens.fx, lens.fy, lens.cx, lens.cy)
        got = seen.intrinsics
        np.testing.assert_allclose((got.fx, got.fy, got.cx, got.cy), expected, rtol=1e-5)
        near, far = UsdGeom.Camera(stage.GetPrimAtPath("/Camera")).GetClippingRangeAttr().Get()
        assert (near, far) == pytest.approx(CLIPPING_M)


def test_lenses_that_rtx_may_not_draw_are_told_apart() -> None:
    assert is_plain(some_camera(np.random.default_rng(0), Intrinsics(960, 540, 600.0, 600.0, 480.0, 270.0)))
    for lens in (Intrinsics(960, 540, 600.0, 590.0, 480.0, 270.0), Intrinsics(960, 540, 600.0, 600.0, 482.0, 270.0)):
        assert not is_plain(some_camera(np.random.default_rng(0), lens))


def test_another_width_shows_the_same() -> None:
    camera = some_camera(np.random.default_rng(2), Intrinsics(960, 540, 685.5, 685.5, 480.0, 270.0))
    half = of_width(camera, 480).intrinsics
    assert (half.width, half.height) == (480, 270)
    assert (half.fx, half.cx, half.cy) == pytest.approx((342.75, 240.0, 135.0))


def test_description_is_json_with_both_poses() -> None:
    camera = some_camera(np.random.default_rng(3), Intrinsics(960, 540, 685.5, 685.5, 480.0, 270.0))
    data = json.loads(json.dumps(described(camera)))
    opencv, usd = np.array(data["cam_to_world"]), np.array(data["usd"]["transform"]).T
    np.testing.assert_allclose(usd[:3, 3], opencv[:3, 3], atol=1e-6)
    np.testing.assert_allclose(usd[:3, 2], -opencv[:3, 2], atol=1e-6)
    assert data["plain"] is True


def test_cameras_come_back_from_their_file(tmp_path: Path) -> None:
    cameras = [some_camera(np.random.default_rng(s), Intrinsics(64, 48, 50.0, 51.0, 30.0, 25.0)) for s in (1, 2)]
    write_cameras(tmp_path / "cameras.json", cameras)
    for one, other in zip(cameras, read_cameras(tmp_path / "cameras.json"), strict=True):
        assert one.intrinsics == other.intrinsics
        np.testing.assert_allclose(one.cam_to_world, other.cam_to_world, atol=1e-6)


@pytest.mark.parametrize("text", ["{", "[]", '{"cameras": 3}', '{"cameras": [{"name": "a"}]}', '{"cameras": [[]]}'])
def test_other_files_are_refused_by_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "cameras.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidRequest, match=r"cameras\.json: must be a file of cameras"):
        read_cameras(path)
