"""Pictures are held against each other: the same view is the same; another, a mirrored and a black one are not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from isaac.pictures import brightness, correlation, read_picture, summarise_depth, write_channel
from isaac.selftest import CORRELATION, judge_depth, judge_splats
from PIL import Image

from lyra_backend.errors import InvalidRequest
from lyra_backend.io.cameras import read_cameras
from lyra_backend.render.splats import render
from lyra_backend.types import GaussianCloud


def test_the_camera_of_the_preview_takes_the_preview_again(run: Path, splats: GaussianCloud) -> None:
    """Each camera of previews.json gives its own picture, and no other: what is in the file belongs together."""
    cameras = read_cameras(run / "previews.json")
    pictures = {camera.name: read_picture(run / camera.name) for camera in cameras}
    assert set(pictures) == {p.name for p in run.glob("preview*.png")}
    for camera in cameras:
        again = render(splats, camera, background=(0.5, 0.5, 0.5)).rgb
        found = {name: correlation(again, picture) for name, picture in pictures.items()}
        assert found[camera.name] > 0.97
        assert max(v for name, v in found.items() if name != camera.name) < CORRELATION


def test_noise_and_exposure_do_not_hide_a_scene(run: Path) -> None:
    preview = read_picture(run / "preview.png")
    grainy = np.clip(0.6 * preview + 20 + np.random.default_rng(0).normal(0, 30, preview.shape), 0, 255)
    assert correlation(grainy.astype(np.uint8), preview) > 0.95
    assert judge_splats(grainy.astype(np.uint8), preview, None).state == "passed"


def test_what_is_no_scene_fails(run: Path) -> None:
    preview = read_picture(run / "preview.png")
    rng = np.random.default_rng(1)
    for wrong in (preview[:, ::-1], preview[::-1], rng.integers(0, 255, preview.shape, np.uint8)):
        assert judge_splats(wrong, preview, None).state == "failed"
    black = judge_splats(np.zeros_like(preview), preview, None)
    assert black.state == "failed"
    assert "black" in black.message
    assert correlation(np.full_like(preview, 90), preview) == 0.0


def test_the_background_is_left_out_where_depth_says_so(run: Path) -> None:
    preview = read_picture(run / "preview.png")
    depth = np.full(preview.shape[:2], 2.0, np.float32)
    depth[:, : preview.shape[1] // 2] = np.inf
    other_sky = preview.copy()
    other_sky[:, : preview.shape[1] // 2] = np.random.default_rng(0).integers(0, 255, 3)
    assert judge_splats(other_sky, preview, None).value < judge_splats(other_sky, preview, depth).value
    assert judge_splats(other_sky, preview, depth[..., None]).value == pytest.approx(1.0, abs=1e-3)


def test_pictures_of_another_size_are_compared_and_of_another_shape_refused(run: Path) -> None:
    preview = read_picture(run / "preview.png")
    small = np.asarray(Image.fromarray(preview).resize((480, 270)))
    assert correlation(small, preview) > 0.99
    with pytest.raises(InvalidRequest, match="frames of one shape"):
        correlation(preview[:, :600], preview)
    with pytest.raises(InvalidRequest, match="nothing of the scene"):
        correlation(preview, preview, np.zeros(preview.shape[:2], bool))


def test_depth_is_summed_up() -> None:
    depth = np.array([[1.0, 2.0, 4.0, np.inf], [np.nan, 0.0, 3.0, -1.0]], np.float32)
    held = summarise_depth(depth)
    assert (held.share, held.nearest_m, held.median_m, held.farthest_m) == (0.5, 1.0, 2.5, 4.0)
    assert summarise_depth(np.full((2, 2), np.inf)).share == 0.0
    assert judge_depth(np.full((2, 2), np.inf)).state == "failed"
    assert judge_depth(depth).state == "passed"


def test_channels_are_written_in_their_own_types(tmp_path: Path) -> None:
    rgba = np.random.default_rng(0).integers(0, 255, (4, 5, 4), np.uint8)
    depth = np.array([[1.5, np.inf]], np.float32)
    assert write_channel(tmp_path, "a_rgb", rgba) == "a_rgb.png"
    assert write_channel(tmp_path, "a_depth", depth) == "a_depth.npy"
    np.testing.assert_array_equal(read_picture(tmp_path / "a_rgb.png"), rgba[..., :3])
    read = np.load(tmp_path / "a_depth.npy")
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, depth)
    assert brightness(np.full((2, 2, 3), 255, np.uint8)) == pytest.approx(1.0)
    with pytest.raises(InvalidRequest, match=r"a_depth\.npy: must be a picture"):
        read_picture(tmp_path / "a_depth.npy")
