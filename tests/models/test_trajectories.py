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


def test_the_centre_goes_along_an_arc_as_published():
    """The published quirk: where the camera really is at the end of "left" and "up"."""
    for kind, end in (("left", (-0.241, 0, 0.060)), ("up", (0, -0.147, 0.022))):
        assert camera_path(kind, middle(kind))[-1, :3, 3] == pytest.approx(end, abs=1e-3)


def test_the_published_order():
    assert DECODER_ORDER == ("clockwise", "left", "right", "up", "zoom_out", "zoom_in")
    assert tuple(draw_distances(np.random.default_rng(0))) == DECODER_ORDER


def test_a_path_that_begins_at_the_identity():
    for kind in PATHS:
        assert camera_path(kind, middle(kind), 5)[0] == pytest.approx(np.eye(4))


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
        ({"distance": -0.1}, "distance must be finite and not negative"),
        ({"distance": float("nan")}, "distance must be finite and not negative"),
        ({"distance": 1.1}, "shorter distance"),
        ({"frames": 1}, "2 frames or more"),
        ({"centre_depth": 0.0}, "depth above 0"),
    ],
)
def test_paths_that_make_no_sense_are_refused(change, words):
    with pytest.raises(InvalidRequest, match=words):
        camera_path(**({"kind": "zoom_in", "distance": 0.3} | change))


@pytest.mark.parametrize("seed", range(5))
def test_the_longest_paths_stay_before_the_point_they_look_at(seed):
    """The greatest factor that users can give (generate.movement); zoom_in alone would go through that point."""
    found = draw_distances(np.random.default_rng(seed), 4.0)
    usual = draw_distances(np.random.default_rng(seed))
    assert {kind for kind in found if found[kind] != pytest.approx(4 * usual[kind])} == {"zoom_in"}
    for kind, distance in found.items():
        centres = camera_path(kind, distance, 17)[:, :3, 3]
        assert centres[:, 2].max() < 1


def test_factors_of_the_published_program_are_not_cut():
    for seed in range(5):
        usual, wide = (draw_distances(np.random.default_rng(seed), factor) for factor in (1.0, 2.25))
        assert wide == pytest.approx({kind: 2.25 * distance for kind, distance in usual.items()})


def test_a_negative_factor_is_refused():
    for factor in (-1.0, float("inf")):
        with pytest.raises(InvalidRequest, match="factor"):
            draw_distances(np.random.default_rng(0), factor)
