"""Rays against shining discs."""

from __future__ import annotations

import numpy as np
import pytest

from lyra_backend.kernels.incoming_light import Occluders

UP = np.array([[0.0, 0.0, 1.0]], np.float32)
POINT = np.zeros((1, 3), np.float32)


def plate(half: float, z: float) -> np.ndarray:
    signs = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)], np.float32)
    return np.column_stack([half * signs, np.full(4, z, np.float32)])[None]


def test_a_plate_overhead_sends_its_light_and_hides_the_sky() -> None:
    # Of the light from above, a square of half side a at height h brings its form factor: 0.239 for a = h / 2.
    scene = Occluders(plate(0.5, 1.0), np.array([[2.0, 1.0, 0.5]], np.float32))
    light = scene.gather(POINT, UP, ray_count=4096)
    assert light.seen[0] == pytest.approx(0.2395 * np.array([2.0, 1.0, 0.5]), rel=0.02)
    assert light.open_above[0] == pytest.approx(1 - 0.2395, rel=0.01)
    assert light.open_below[0] == 0.0
    assert scene.gather(POINT, -UP, ray_count=256).open_below[0] == 1.0


def test_a_disc_shines_to_both_sides() -> None:
    both = [Occluders(corners, np.ones((1, 3), np.float32)) for corners in (plate(1, 1), plate(1, 1)[:, ::-1])]
    first, second = (scene.gather(POINT, UP, ray_count=64).seen for scene in both)
    assert first.tolist() == second.tolist()
    assert first.min() > 0.5


def test_what_stands_in_the_way_hides_and_what_is_next_to_the_target_does_not() -> None:
    scene = Occluders(plate(0.5, 1.0), np.ones((1, 3), np.float32))
    ways = np.array([(0, 0, 1), (1, 0, 0.2)], np.float32)
    assert scene.open_towards(POINT, ways).tolist() == [[False, True]]
    targets = np.array([(0, 0, 0.9), (0, 0, 1.2), (3, 0, 1)], np.float32)
    assert scene.in_sight(POINT, targets).tolist() == [[True, False, True]]
    assert scene.in_sight(POINT, targets, margin=0.3).tolist() == [[True, True, True]]


def test_discs_need_four_corners_and_a_colour() -> None:
    with pytest.raises(ValueError, match="discs"):
        Occluders(np.zeros((0, 4, 3)), np.zeros((0, 3)))
    with pytest.raises(ValueError, match="discs"):
        Occluders(plate(1, 1), np.ones((2, 3)))
