"""`render`: cameras, backgrounds, bytes."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lyra_backend.errors import InvalidRequest
from lyra_backend.render import Picture, depth_of, render
from lyra_backend.types import Camera, Frame, GaussianCloud, Intrinsics, Similarity, look_at

from .scenes import box, rectangle

CAMERA = Camera(Intrinsics.from_fov(96, 54, 70), look_at((-2.0, 0.3, 0.9), (0.5, 0.5, 0.5)))
SKY = (0.2, 0.4, 0.8)


def test_a_box_before_a_background(tmp_path: Path) -> None:
    picture = render(box((0, 0, 0), (1, 1, 1), 0.03, shade=0.9), CAMERA, SKY)
    assert picture.rgb.shape == (54, 96, 3)
    np.testing.assert_array_equal(picture.rgb[0, 0], [51, 102, 204])
    assert picture.rgb[27, 48].min() > 220
    np.testing.assert_allclose(picture.depth_m[27, 48], 2.0, atol=0.05)
    assert np.isnan(picture.depth_m[0, 0])
    assert 0.1 < picture.coverage < 0.5
    picture.save_png(tmp_path / "box.png")
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "box.png")), picture.rgb)


def test_png_bytes_repeat_and_carry_no_metadata(tmp_path: Path) -> None:
    cloud = box((0, 0, 0), (1, 1, 1))
    for name in ("a.png", "b.png"):
        render(cloud, CAMERA).save_png(tmp_path / name)
    data = (tmp_path / "a.png").read_bytes()
    assert data == (tmp_path / "b.png").read_bytes()
    for chunk in (b"tEXt", b"zTXt", b"iTXt", b"tIME", b"eXIf", b"pHYs"):
        assert chunk not in data


def test_depth_is_along_the_axis_and_not_the_ray() -> None:
    wall = rectangle((2.0, -4.0, -3.0), (0, 8.0, 0), (0, 0, 6.0))
    picture = render(wall, Camera(Intrinsics.from_fov(64, 36, 90), look_at((0, 0, 0), (1, 0, 0))))
    np.testing.assert_allclose(picture.depth_m, 2.0, atol=2e-3)
    np.testing.assert_allclose(picture.expected_depth_m, 2.0, atol=2e-3)


def test_outlines_of_fine_things_stay_in_place_where_rays_meet_them() -> None:
    """A post of 0.2 m before a wall, 8 px wide; many small Gaussians, each narrower than a pixel."""
    post = rectangle((2.0, -0.1, -1.0), (0, 0.2, 0), (0, 0, 2.0), 0.01)
    wall = rectangle((4.0, -4.0, -3.0), (0, 8.0, 0), (0, 0, 6.0))
    camera = Camera(Intrinsics.from_fov(160, 90, 90), look_at((0, 0, 0), (1, 0, 0)))
    cloud = GaussianCloud.concatenate([post, wall])
    rays, picture = depth_of(cloud, camera), render(cloud, camera).depth_m
    assert set(np.unique((rays < 3.0).sum(axis=1)[10:80])) <= {8, 9, 10}
    assert (picture < 3.0).sum(axis=1)[10:80].min() >= 10
    np.testing.assert_allclose(rays[:, :60], 4.0, atol=4e-3)
    np.testing.assert_allclose(rays[10:80, 80], 2.0, atol=2e-3)


def test_moving_scene_and_camera_together_changes_nothing() -> None:
    rng = np.random.default_rng(0)
    cloud = box((0, 0, 0), (1, 1, 1))
    sh = (rng.normal(size=(cloud.count, 16, 3)) * 0.2).astype(np.float32)
    # Shaken, so that no two Gaussians of about equal depth change places by rounding.
    positions = cloud.positions + rng.normal(size=(cloud.count, 3)) * 0.01
    cloud = replace(cloud, positions=positions, sh=sh)
    move = Similarity.build(1.0, rng.normal(size=4), (3.0, -2.0, 5.0))
    here = render(cloud, CAMERA)
    there = render(cloud.transformed(move, Frame.WORLD), CAMERA.transformed(move))
    difference = np.abs(here.rgb.astype(int) - there.rgb.astype(int))
    assert difference.max() <= 1
    np.testing.assert_allclose(here.alpha, there.alpha, atol=1e-4)


def test_off_centre_lens_shifts_the_picture() -> None:
    lens = CAMERA.intrinsics
    shifted = Intrinsics(lens.width, lens.height, lens.fx, lens.fy, lens.cx + 7, lens.cy - 3)
    cloud = box((0.2, 0.2, 0.2), (0.8, 0.8, 0.8))
    plain, moved = (render(cloud, Camera(each, CAMERA.cam_to_world)).rgb for each in (lens, shifted))
    np.testing.assert_allclose(moved[:-3, 7:].astype(int), plain[3:, :-7].astype(int), atol=2)


@pytest.mark.parametrize("background", [(0.5, 0.5), (0.1, 0.2, 1.5), (float("nan"), 0, 0)])
def test_impossible_backgrounds_are_refused(background) -> None:
    with pytest.raises(InvalidRequest, match="background"):
        render(box((0, 0, 0), (1, 1, 1)), CAMERA, background)


def test_picture_arrays_are_checked_and_read_only() -> None:
    rgb, plane = np.zeros((2, 3, 3), np.uint8), np.zeros((2, 3), np.float32)
    picture = Picture(rgb, plane, plane, plane)
    with pytest.raises(ValueError, match="read-only"):
        picture.rgb[0, 0] = 1
    with pytest.raises(InvalidRequest, match="depth_m"):
        Picture(rgb, plane, plane[:1], plane)
    with pytest.raises(InvalidRequest, match="uint8"):
        Picture(rgb.astype(np.float32), plane, plane, plane)


def test_import_is_light() -> None:
    code = "import sys, lyra_backend.render; print(sorted({'warp', 'torch', 'pxr', 'PIL', 'scipy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
