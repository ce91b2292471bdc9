"""The light of a written stage, read back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lyra_backend.author.light import StageLight
from lyra_backend.author.light_reader import read_light
from lyra_backend.types import Environment, SceneLight

from .test_stage_light import NIGHT, write

NOON = SceneLight((0.5, 0.5, 0.5), (0.5, 0.6, 0.7), (3.0, 2.9, 2.5), (0.48, -0.6, 0.64), sun_angle_deg=2.0)


def _assert_same(found: StageLight | None, wanted: StageLight) -> None:
    assert found is not None
    assert found.has_environment == wanted.has_environment
    assert found.dome_strength == pytest.approx(wanted.dome_strength)
    light, own = found.light, wanted.light
    assert light.sun == pytest.approx(own.sun, rel=1e-4)
    assert light.sun_direction == pytest.approx(own.sun_direction, abs=1e-5)
    assert light.sun_angle_deg == pytest.approx(own.sun_angle_deg, rel=1e-5)
    assert len(light.bulbs) == len(own.bulbs)
    for bulb, given in zip(light.bulbs, own.bulbs, strict=True):
        assert bulb.position == pytest.approx(given.position, abs=1e-5)
        assert bulb.color == pytest.approx(given.color, rel=1e-4)
    if not found.has_environment:
        assert light.sky == pytest.approx(own.sky, rel=1e-4)


@pytest.mark.parametrize("light", [NIGHT, NOON, None])
@pytest.mark.parametrize("variants", [0, 3])
def test_light_is_read_as_it_was_written(tmp_path: Path, light: SceneLight | None, variants: int) -> None:
    write(tmp_path, light, variants=variants)
    _assert_same(read_light(tmp_path / "stage.usda"), StageLight.of(light, None))


def test_surroundings_are_known_by_their_picture(tmp_path: Path) -> None:
    around = Environment(np.full((8, 16, 3), 0.5, np.float32), np.ones((8, 16)), np.zeros(3))
    write(tmp_path, NOON, around)
    _assert_same(read_light(tmp_path / "stage.usda"), StageLight.of(NOON, around))


def test_stage_without_lights_of_ours_has_none(tmp_path: Path) -> None:
    write(tmp_path, NOON)
    assert read_light(tmp_path / "scene.usda") is None
    assert read_light(tmp_path / "nowhere.usda") is None
