"""Camera paths against those of the published program."""

from __future__ import annotations

import numpy as np
import pytest

from lyra_backend.errors import InvalidRequest
from lyra_backend.models.trajectories import (
    DECODER_ORDER,
    PATHS,
    camera_path,
    draw_distances,
    published_distances,
)

from .fixtures import tensors

PARITY = 3e-7


@pytest.fixture(scope="module")
def published():
    return {name: tensor.numpy() for name, tensor in tensors("camera_fixtures").items()}


def middle(kind):
    return float(np.mean(PATHS[kind].distance_range))


def inverse(poses):
    return np.linalg.inv(poses.astype(np.float64))


@pytest.mark.parametrize("kind", PATHS)
def test_paths_are_the_published_ones(kind, published):
    name = f"{PATHS[kind].folder}_{kind}"
    path = camera_path(kind, middle(kind))
    assert path.dtype == np.float32
    assert np.abs(path - published[f"{name}.c2w"]).max() <= PARITY
    assert np.abs(inverse(path) - published[f"{name}.w2c"]).max() <= PARITY


@pytest.mark.parametrize("rotation", ["no_rotation", "trajectory_aligned"])
def test_other_rotations_from_a_moved_start_are_the_published_ones(rotation, published):
    start = np.eye(4)
    start[:3, 3] = -0.1, 0.2, -0.3
    path = camera_path("left", 0.25, 13, 2.0, start, rotation)
    assert np.abs(inverse(path) - published[f"extra_left_{rotation}_cd2.w2c"]).max() <= PARITY


def test_a_start_for_each_frame_is_the_published_one(published):
    path = camera_path("clockwise", 0.5, 13, initial_cam_to_world=np.tile(np.eye(4), (13, 1, 1)))
    assert np.abs(inverse(path) - published["extra_clockwise_per_frame_init.w2c"]).max() <= PARITY


def test_a_moving_start_carries_the_path_with_it():
    starts = camera_path("up", 0.2, 5, 3.0)
    still, moving = camera_path("right", 0.3, 5), camera_path("right", 0.3, 5, initial_cam_to_world=starts)
    assert moving == pytest.approx(starts @ still, abs=1e-6)


def test_the_centre_goes_along_an_arc_as_published():
    """The published quirk: where the camera really is at the end of "left" and "up"."""
    for kind, end in (("left", (-0.241, 0, 0.060)), ("up", (0, -0.147, 0.022))):
        assert camera_path(kind, middle(kind))[-1, :3, 3] == pytest.approx(end, abs=1e-3)


def test_distances_are_the_published_ones():
    expected = {"right": 0.21344, "up": 0.11344, "zoom_out": 0.31344, "zoom_in": 0.31344, "clockwise": 0.42687}
    found = published_distances()
    assert tuple(found) == DECODER_ORDER == ("clockwise", "left", "right", "up", "zoom_out", "zoom_in")
    assert found == pytest.approx(expected | {"left": 0.25}, abs=1e-5)
    assert published_distances(2.0) == pytest.approx({kind: 2 * value for kind, value in found.items()})


def test_drawn_distances_come_from_the_ranges_and_the_seed():
    draws = [draw_distances(np.random.default_rng(seed)) for seed in range(50)]
    for kind, path in PATHS.items():
        low, high = path.distance_range
        values = [draw[kind] for draw in draws]
        assert low <= min(values) < low + 0.2 * (high - low)
        assert high - 0.2 * (high - low) < max(values) <= high
    assert draws[3] == draw_distances(np.random.default_rng(3))
    doubled = draw_distances(np.random.default_rng(3), 2.0)
    assert doubled == pytest.approx({kind: 2 * value for kind, value in draws[3].items()})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": "zoom"}, "Did you mean 'zoom_"),
        ({"rotation": "centre_facing"}, "center_facing"),
        ({"distance": -0.1}, "distance must be finite and not negative"),
        ({"distance": float("nan")}, "distance must be finite and not negative"),
        ({"distance": 1.1}, "shorter distance"),
        ({"frames": 1}, "2 frames or more"),
        ({"centre_depth": 0.0}, "depth above 0"),
        ({"initial_cam_to_world": np.eye(3)}, r"shape \(4, 4\) or \(121, 4, 4\)"),
        ({"initial_cam_to_world": np.full((4, 4), np.nan)}, "finite"),
    ],
)
def test_paths_that_make_no_sense_are_refused(change, words):
    with pytest.raises(InvalidRequest, match=words):
        camera_path(**({"kind": "zoom_in", "distance": 0.3} | change))


def test_a_negative_factor_is_refused():
    with pytest.raises(InvalidRequest, match="factor"):
        published_distances(-1.0)
    with pytest.raises(InvalidRequest, match="factor"):
        draw_distances(np.random.default_rng(0), float("inf"))
