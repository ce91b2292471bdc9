"""Warped pictures against those of the published program, and what they say of unknown places."""

from __future__ import annotations

import numpy as np
import pytest

from lyra_backend.errors import Cancelled, InvalidRequest
from lyra_backend.models.depth_cache import DepthCache, reliable_depth, render_video
from lyra_backend.models.trajectories import PATHS, camera_path, draw_distances

from .fixtures import tensors

#: Both blend in float32 or better, and weights are exp(50 x): colours differ by a few units in the sixth digit.
PARITY = 1e-5
LENS = np.array([[20.0, 0.0, 12.0], [0.0, 20.0, 8.0], [0.0, 0.0, 1.0]])


@pytest.fixture(scope="module")
def published():
    return {name: tensor.numpy() for name, tensor in tensors("cache3d_fixtures").items()}


@pytest.fixture(scope="module")
def cache(published):
    image = np.moveaxis(published["image"][0], 0, -1)
    return DepthCache(image, published["depth"][0, 0], published["K"][0], published["w2c"][0])


@pytest.fixture(scope="module")
def targets(published):
    return published["target_w2cs"][0], published["target_K"][0]


def shifted(*ways):
    """World to camera of cameras that stand to the right by so much."""
    poses = np.tile(np.eye(4), (len(ways), 1, 1))
    poses[:, 0, 3] = np.negative(ways)
    return poses


def flat(colour=0.5, depth=2.0, size=(16, 24)):
    return np.full((*size, 3), colour, np.float32), np.full(size, depth, np.float32)


@pytest.mark.parametrize(("name", "foreground_masking"), [("nofg", False), ("fg", True)])
def test_pictures_are_the_published_ones(name, foreground_masking, published, cache, targets):
    found = cache.render(*targets, foreground_masking)
    assert np.array_equal(found.masks, published[f"{name}.masks"][0, :, 0] > 0)
    assert np.abs(found.frames - published[f"{name}.pixels"][0, :, 0]).max() < PARITY


def test_how_many_targets_go_together_shows_in_the_colours(cache, targets, published):
    """As the published program does it with two at a time, which is why that number is a setting."""
    differences = [
        np.abs(cache.render(*targets, False, chunk=chunk).frames - published["nofg.pixels"][0, :, 0]).max()
        for chunk in (1, 2, 5)
    ]
    assert min(differences[0], differences[2]) > 1e-3 > PARITY > differences[1]


def test_reliable_pixels_are_the_published_ones(published, cache):
    assert np.array_equal(cache.reliable, published["reliable_mask"].squeeze() > 0)
    assert np.array_equal(~cache.reliable, published["boundary_mask"].squeeze() > 0)


@pytest.mark.parametrize(("told", "window", "share"), [((), 5, 0.05), ((3, 0.03), 3, 0.03), ((1, 0.5), 1, 0.5)])
def test_reliable_is_what_varies_little_and_outside_counts_as_nothing(told, window, share):
    depth = np.random.default_rng(0).uniform(1.0, 1.04, (9, 11))
    depth[4, 5] = 0.0
    pad = window // 2
    around = np.pad(depth, pad)
    expected = np.zeros(depth.shape, bool)
    for i, j in np.ndindex(depth.shape):
        inside = depth[max(i - pad, 0) : i + pad + 1, max(j - pad, 0) : j + pad + 1]
        mean = around[i : i + window, j : j + window].sum() / window**2
        expected[i, j] = (inside.max() - inside.min()) / (mean + 1e-6) < share and depth[i, j] > 0
    found = reliable_depth(depth, *told)
    assert np.array_equal(found, expected)
    assert 0.1 < found.mean() < 1


@pytest.mark.parametrize(("window", "share"), [(4, 0.05), (-3, 0.05), (5, 0.0), (5, np.nan)])
def test_reliable_in_no_way(window, share):
    with pytest.raises(ValueError, match="an odd window and a range above 0"):
        reliable_depth(np.ones((8, 8)), window, share)


def test_a_cache_warps_what_it_is_told_is_reliable():
    image, depth = flat()
    depth[:] += np.arange(depth.shape[1]) * 0.05  # 5 % of 2 from end to end of the published window are exceeded
    usual, wide = DepthCache(image, depth, LENS), DepthCache(image, depth, LENS, window=3, relative_range=0.25)
    assert not usual.reliable.any()
    assert wide.reliable[1:-1, 1:-1].all()
    poses = np.eye(4)[None]
    assert not usual.render(poses, LENS).masks.any()
    assert wide.render(poses, LENS).masks[0, 0, 1:-1, 1:-1].all()


def test_unknown_depth_becomes_far_or_nothing():
    image, depth = flat()
    depth[0, :4] = np.nan, np.inf, -1.0, 3e4
    sky = np.zeros(depth.shape, bool)
    sky[8:] = True
    cache = DepthCache(image, depth, LENS, sky=sky)
    assert cache.depth[0, :5].tolist() == [100.0, 100.0, 0.0, 100.0, 2.0]
    assert (cache.depth[8:] == 100).all()
    assert cache.reliable[12, 12]
    assert not cache.reliable[0, 2]


def test_the_picture_is_seen_from_its_own_pose_wherever_that_is():
    image, depth = flat()
    image[:] = np.random.default_rng(0).uniform(-1, 1, image.shape)
    pose = np.eye(4)
    pose[[0, 0, 2, 2], [0, 2, 0, 2]] = 0.8, -0.6, 0.6, 0.8
    pose[:3, 3] = 3.0, -2.0, 1.0
    found = DepthCache(image, depth, LENS, pose).render(pose[None], LENS)
    assert found.masks.all()
    assert np.abs(found.frames[0] - np.moveaxis(image, -1, 0)).max() < 1e-4


def test_what_lies_behind_the_sheet_beside_a_near_surface_is_left_out():
    """Edges in the middle of a block of 4 pixels: the sheet's vertex there is half way between near and far."""
    image, depth = flat(-0.5, 4.0, (48, 64))
    depth[:, 26:42], image[:, 26:42] = 2.0, 0.5
    lens = np.array([[40.0, 0.0, 32.0], [0.0, 40.0, 24.0], [0.0, 0.0, 1.0]])
    cache = DepthCache(image, depth, lens)
    open_, closed = (cache.render(shifted(0.0), lens, masking) for masking in (False, True))
    hidden = (open_.masks & ~closed.masks)[0, 0]
    assert np.flatnonzero(hidden[24]).tolist() == [22, 23, 44, 45]
    assert open_.frames[0, 0][hidden] == pytest.approx(-0.5)
    assert (closed.frames[0, 0][hidden] == -1).all()
    assert not (closed.masks & ~open_.masks).any()


def test_a_hole_in_the_depth_hides_nothing_else():
    """Points without depth lie at the camera: a sheet that reached there would stand before all other cameras."""
    image, depth = flat(depth=2.0, size=(64, 96))
    depth[28:36, 44:52] = 0.0
    lens = np.array([[80.0, 0.0, 48.0], [0.0, 80.0, 32.0], [0.0, 0.0, 1.0]])
    ahead = np.tile(np.eye(4), (2, 1, 1))
    ahead[:, 2, 3] = -0.3
    with_masking, without = (DepthCache(image, depth, lens).render(ahead, lens, masked) for masked in (True, False))
    assert without.masks.mean() > 0.8
    assert with_masking.masks.mean() > without.masks.mean() - 0.02


def test_a_camera_that_sees_nothing_gets_black_pictures():
    image, depth = flat()
    away = np.diag([-1.0, 1.0, -1.0, 1.0])[None]
    found = DepthCache(image, depth, LENS).render(away, LENS)
    assert not found.masks.any()
    assert (found.frames == -1).all()


@pytest.mark.parametrize("kind", PATHS)
def test_cameras_that_go_far_see_what_is_left(kind):
    """As far as users can ask (generate.movement = 4): beside and before what was seen, and near things behind them."""
    rows, columns = np.indices((48, 64))
    depth = (1.2 - rows / 240).astype(np.float32)
    depth[:, 40:48] = 0.3
    image = np.stack([rows / 24 - 1, columns / 32 - 1, np.zeros((48, 64))], axis=-1).astype(np.float32)
    lens = np.array([[50.0, 0.0, 32.0], [0.0, 50.0, 24.0], [0.0, 0.0, 1.0]])
    path = camera_path(kind, draw_distances(np.random.default_rng(0), 4.0)[kind], 9)
    found = DepthCache(image, depth, lens).render(np.linalg.inv(path), lens)
    assert np.isfinite(found.frames).all()
    assert found.masks[0].mean() > 0.5
    # no path is blind before its end
    assert (found.masks[1:].mean(axis=(1, 2, 3)) > 0.1).all()


def test_each_frame_of_a_video_goes_to_its_own_target():
    colours = (-0.8, 0.0, 0.7)
    made = []

    def frames():
        for colour in colours:
            made.append(colour)
            yield DepthCache(*flat(colour), LENS)

    seen = []
    found = render_video(
        frames(), shifted(0.0, 0.1, 0.2), LENS, progress=lambda share, _: seen.append((round(share, 3), len(made)))
    )
    for picture, mask, colour in zip(found.frames, found.masks, colours, strict=True):
        assert mask.mean() > 0.5
        assert picture[0][mask[0]] == pytest.approx(colour, abs=1e-6)
    assert seen == [(0.333, 2), (0.667, 2), (1.0, 3)]  # never more than a chunk ahead


def test_work_stops_when_progress_says_so(cache, targets):
    reports = []

    def stop(share, _):
        reports.append(share)
        raise Cancelled("enough")

    with pytest.raises(Cancelled):
        cache.render(*targets, progress=stop)
    assert reports == [0.2]


def test_two_runs_give_the_same_bits(cache, targets):
    first, second = (cache.render(*targets) for _ in range(2))
    assert np.array_equal(first.frames, second.frames)
    assert np.array_equal(first.masks, second.masks)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"depth": np.ones((4, 5))}, "image"),
        ({"sky": np.zeros((4, 5), bool)}, "sky"),
        ({"image": np.zeros((16, 24, 3), np.uint8)}, "bytes"),
        ({"image": np.full((16, 24, 3), 1.5)}, r"\[-1, 1\]"),
        ({"image": np.full((16, 24, 3), np.nan)}, r"\[-1, 1\]"),
        ({"intrinsics": np.eye(4)}, "intrinsics"),
        ({"intrinsics": np.diag([-1.0, 1.0, 1.0])}, "positive"),
        ({"world_to_cam": np.diag([2.0, 2.0, 2.0, 1.0])}, "world_to_cam must turn"),
        ({"world_to_cam": np.eye(3)}, "world_to_cam must have shape"),
    ],
)
def test_pictures_that_make_no_sense_are_refused(change, words):
    image, depth = flat()
    with pytest.raises(InvalidRequest, match=words):
        DepthCache(**({"image": image, "depth": depth, "intrinsics": LENS} | change))


def test_targets_that_make_no_sense_are_refused():
    cache, small = DepthCache(*flat(), LENS), DepthCache(*flat(size=(8, 8)), LENS)
    with pytest.raises(InvalidRequest, match="target_world_to_cam"):
        cache.render(np.eye(4), LENS)
    with pytest.raises(InvalidRequest, match="target_intrinsics"):
        cache.render(shifted(0.0, 0.1), np.tile(LENS, (3, 1, 1)))
    with pytest.raises(InvalidRequest, match="3 targets, got 1"):
        render_video([cache], shifted(0.0, 0.1, 0.2), LENS)
    with pytest.raises(InvalidRequest, match="one size"):
        render_video([cache, small], shifted(0.0, 0.1), LENS)
    with pytest.raises(ValueError, match="chunk"):
        cache.render(shifted(0.0), LENS, chunk=0)
