"""The forward warp against a plain one in NumPy and against the published program's."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from lyra_backend.kernels.forward_warp import PicturePoints

PUBLISHED = Path(__file__).parents[1] / "data" / "lyra1" / "camera_fixtures.safetensors"
SIZE = (32, 24)
LENS = np.array([[30.0, 0.0, 15.3], [0.0, 32.0, 11.8], [0.0, 0.0, 1.0]])


def oracle(points, colors, world_to_cam, lens, size, farthest):
    """One point after another; coordinates in float32, whose rounding decides what falls on whole pixels."""
    width, height = size
    pose, lens = world_to_cam.astype(np.float32), lens.astype(np.float32)
    sums = np.zeros((height + 2, width + 2, 5))
    for point, color in zip(points.astype(np.float32), colors, strict=True):
        x, y, z = (row[0] * point[0] + row[1] * point[1] + row[2] * point[2] + row[3] for row in pose[:3])
        if z <= 0:
            continue
        u, v = ((row[0] * x + row[1] * y + row[2] * z) / (z + np.float32(1e-7)) + np.float32(1) for row in lens[:2])
        if not (0 <= u <= width + 1 and 0 <= v <= height + 1):
            continue
        weight = np.exp(-50 * np.log1p(float(z)) / np.log1p(farthest))
        for row, down in ((np.floor(v), 1 - (v - np.floor(v))), (np.ceil(v), 1 - (np.ceil(v) - v))):
            for column, right in ((np.floor(u), 1 - (u - np.floor(u))), (np.ceil(u), 1 - (np.ceil(u) - u))):
                sums[int(row), int(column)] += weight * down * right * np.array([1.0, z, *color])
    sums = sums[1:-1, 1:-1]
    mask = sums[..., 0] > 0
    with np.errstate(invalid="ignore"):
        mean = sums / sums[..., :1]
    return np.where(mask[..., None], mean[..., 2:], -1), mask, np.where(mask, mean[..., 1], np.nan)


@pytest.fixture
def scattered():
    """Points before, behind and beside the camera, some at its very plane."""
    rng = np.random.default_rng(0)
    points = rng.normal(size=(600, 3)) * (1.5, 1.0, 2.0) + (0.0, 0.0, 1.0)
    points[:5, 2] = 0.0, 1e-6, -1e-6, 1e-20, 100.0
    return points, rng.uniform(-1, 1, (600, 3))


@pytest.fixture
def pose():
    turn = np.eye(4)
    turn[[0, 0, 2, 2], [0, 2, 0, 2]] = 0.96, -0.28, 0.28, 0.96
    turn[:3, 3] = 0.1, -0.2, 0.05
    return turn


@pytest.mark.parametrize("farthest", [None, 300.0])
def test_a_view_is_that_of_every_point_by_itself(scattered, pose, farthest):
    found = PicturePoints(*scattered).splat(pose, LENS, SIZE, farthest)
    limit = farthest or float((scattered[0] @ pose[2, :3] + pose[2, 3]).max())
    rgb, mask, depth = oracle(*scattered, pose, LENS, SIZE, limit)
    assert np.array_equal(found.mask, mask)
    assert 0.1 < mask.mean() < 0.9
    assert np.abs(found.rgb - rgb).max() < 2e-5
    assert found.depth == pytest.approx(depth, rel=2e-5, nan_ok=True)


def test_a_view_is_the_published_one():
    given = {key[5:]: value[0] for key, value in load_file(PUBLISHED).items() if key.startswith("warp.")}
    keep = given["reliable_mask"].ravel() > 0
    colors = np.moveaxis(given["image"], 0, -1).reshape(-1, 3)
    found = PicturePoints(given["world_points"].reshape(-1, 3), colors, keep).splat(
        given["w2c_target"], given["K"], SIZE
    )
    assert np.array_equal(found.mask, given["out_mask"][0] > 0)
    assert np.abs(np.moveaxis(found.rgb, -1, 0) - given["out_image"]).max() < 1e-5
    assert np.nan_to_num(found.depth) == pytest.approx(given["out_depth"], abs=1e-6)


def test_two_runs_give_the_same_bits():
    rng = np.random.default_rng(1)
    points = rng.uniform((-0.3, -0.3, 1.0), (0.3, 0.3, 3.0), (200_000, 3))
    cloud = PicturePoints(points, rng.uniform(-1, 1, points.shape))
    first, second = (cloud.splat(np.eye(4), LENS, SIZE) for _ in range(2))
    assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(first, second, strict=True))


def test_near_points_cover_far_ones():
    points = np.array([[0.0, 0.0, 1.0], [0.0, 0.0, 4.0]])
    found = PicturePoints(points, np.array([[1.0, 0.0, -1.0], [-1.0, 1.0, 1.0]])).splat(np.eye(4), LENS, SIZE)
    assert found.mask.sum() == 4
    assert found.rgb[found.mask] == pytest.approx(np.tile([1.0, 0.0, -1.0], (4, 1)), abs=1e-6)
    assert found.depth[found.mask] == pytest.approx(1.0)
    assert (found.rgb[~found.mask] == -1).all()


def test_a_point_on_a_whole_column_counts_twice():
    """The published quirk: of two points at one depth that share a pixel evenly, one is on the column, one beside."""
    lens = np.array([[10.0, 0.0, 8.0], [0.0, 10.0, 8.25], [0.0, 0.0, 1.0]])
    points = np.array([[0.0, 0.0, 2.0], [0.1, 0.0, 2.0]])  # columns 8 and 8.5, rows 8.25
    found = PicturePoints(points, np.array([[1.0] * 3, [0.0] * 3])).splat(np.eye(4), lens, (16, 16))
    assert found.rgb[8, 8] == pytest.approx([2 / 2.5] * 3, abs=1e-6)
    assert found.rgb[8, 9] == pytest.approx([0.0] * 3, abs=1e-6)


def test_points_that_are_not_kept_still_count_as_far():
    points = np.array([[0.0, 0.0, 1.0], [0.0, 0.0, 9.0]])
    cloud = PicturePoints(points, np.zeros((2, 3)), np.array([True, False]))
    assert cloud.farthest(np.eye(4)) == 9.0
    assert cloud.splat(np.eye(4), LENS, SIZE).depth[12, 15] == pytest.approx(1.0)


def test_a_view_of_nothing_is_empty(scattered):
    points, colors = scattered
    behind = PicturePoints(points - (0.0, 0.0, 200.0), colors)
    for cloud in (behind, PicturePoints(points[:0], colors[:0]), PicturePoints(points, colors, np.zeros(600, bool))):
        found = cloud.splat(np.eye(4), LENS, SIZE)
        assert not found.mask.any()
        assert (found.rgb == -1).all()
        assert np.isnan(found.depth).all()


def test_bad_points_and_views_are_refused(scattered):
    points, colors = scattered
    for wrong in ((points, colors[1:]), (points, 2 * colors), (points, colors, [True]), (points * np.nan, colors)):
        with pytest.raises(ValueError, match="PicturePoints"):
            PicturePoints(*wrong)
    for view in ((np.eye(3), LENS, SIZE), (np.eye(4), LENS, (0, 24))):
        with pytest.raises(ValueError, match="splat"):
            PicturePoints(points, colors).splat(*view)
