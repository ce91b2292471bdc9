"""The light of a scene moves with it."""

from __future__ import annotations

import json

import numpy as np
import pytest

from lyra_backend.errors import InvalidRequest
from lyra_backend.types import Bulb, Environment, SceneLight, Similarity

LIGHT = SceneLight(
    (0.1, 0.2, 0.3), (0.2, 0.2, 0.2), (1.0, 0.9, 0.8), (0.0, 0.6, 0.8), (Bulb((1, 0, 2), (1, 1, 0.5)),), 2.0
)


def test_json_round_trip() -> None:
    assert SceneLight.from_json(json.loads(json.dumps(LIGHT.to_json()))) == LIGHT


def test_a_turned_scene_has_its_sun_elsewhere_and_a_larger_one_stronger_lamps() -> None:
    quarter = Similarity(2.0, ((0, -1, 0), (1, 0, 0), (0, 0, 1)), (0.0, 0.0, 1.0))
    moved = LIGHT.transformed(quarter)
    assert moved.sun_direction == pytest.approx((-0.6, 0.0, 0.8))
    assert moved.bulbs[0].position == pytest.approx((0.0, 2.0, 5.0))
    # Twice as far away everywhere: four times the strength lights its surroundings as before.
    assert moved.bulbs[0].color == pytest.approx((4.0, 4.0, 2.0))


@pytest.mark.parametrize("color", [(-0.1, 0, 0), (np.nan, 0, 0)])
def test_colours_that_no_light_has_are_refused(color: tuple[float, float, float]) -> None:
    with pytest.raises(InvalidRequest, match="SceneLight"):
        SceneLight(color, (0, 0, 0))


def test_surroundings_run_from_above_down_and_clockwise() -> None:
    ways = Environment.directions(90)
    assert np.linalg.norm(ways, axis=-1) == pytest.approx(np.ones((90, 180)))
    for pixel, way in (((0, 0), (0, 0, 1)), ((44, 90), (1, 0, 0)), ((44, 45), (0, 1, 0)), ((89, 0), (0, 0, -1))):
        assert ways[pixel] @ np.array(way) > 0.999


@pytest.mark.parametrize(
    "radiance", [np.ones((4, 4, 3)), np.ones((1, 2, 3)), np.full((4, 8, 3), -0.1), np.full((4, 8, 3), np.inf)]
)
def test_what_surrounds_nothing_is_refused(radiance: np.ndarray) -> None:
    with pytest.raises(InvalidRequest, match=r"Environment\.radiance"):
        Environment(radiance, np.ones(radiance.shape[:2]), np.zeros(3))
