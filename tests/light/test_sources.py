"""Sun and lamps of scenes whose light is known exactly."""

from __future__ import annotations

import numpy as np
import pytest

from lyra_backend import light
from lyra_backend.light.environment import irradiance
from lyra_backend.progress import Progress
from lyra_backend.types import Camera, GaussianCloud, Generation, Intrinsics, LightEstimate, look_at

from . import scenes

SUN, SKY = np.array([1.1, 1.0, 0.85]), np.array([0.45, 0.5, 0.6])
PLACE = (2.0, -2.0, 0.6)
CAMERA = Camera(Intrinsics.from_fov(64, 48, 70), look_at(PLACE, (0, 0, 0.5)))
BALL = scenes.dome((1, 1, 1), count=400).positions / 30.0
BALL = np.concatenate([BALL, BALL * (1, 1, -1)]).astype(np.float64)


def estimate(cloud: GaussianCloud, seed: int = 0) -> LightEstimate:
    return light.run(Generation(cloud, (CAMERA,)), seed, light.Params(), Progress()).value


def towards(azimuth_deg: float, height_deg: float) -> np.ndarray:
    a, h = np.radians(azimuth_deg), np.radians(height_deg)
    return np.array([np.cos(h) * np.cos(a), np.cos(h) * np.sin(a), np.sin(h)])


def angle_deg(a, b) -> float:
    return float(np.degrees(np.arccos(np.clip(np.dot(a, b), -1, 1))))


@pytest.mark.parametrize(("azimuth", "height"), [(30, 45), (200, 25), (120, 65)])
def test_the_sun_is_found_by_shadows_and_shading(azimuth: float, height: float) -> None:
    sun = towards(azimuth, height)
    found = estimate(scenes.outdoors(sun, tuple(SUN), tuple(SKY), with_sky=False)).light
    assert found is not None
    assert angle_deg(found.sun_direction, sun) < 5
    # Without a sky in sight the scale is a matter of exposure, but not how sun and sky compare.
    assert np.array(found.sun) / np.array(found.sky) == pytest.approx(SUN / SKY, rel=0.25)


def test_a_ball_among_boxes_under_a_sky_in_sight_has_the_colour_it_would_have() -> None:
    sun = towards(30, 45)
    known = estimate(scenes.outdoors(sun, tuple(SUN), tuple(SKY)))
    assert known.light is not None
    assert known.environment is not None
    assert angle_deg(known.light.sun_direction, sun) < 5
    shown = irradiance(known.environment, BALL)
    shown += np.maximum(BALL @ np.array(known.light.sun_direction), 0)[:, None] * np.array(known.light.sun)
    # The ground around is lit by sun and sky; the boxes are small and far.
    up, ground = 0.5 + 0.5 * BALL[:, 2:], scenes.GROUND * (SUN * sun[2] + SKY)
    truth = up * SKY + (1 - up) * ground + np.maximum(BALL @ sun, 0)[:, None] * SUN
    assert shown.mean(axis=0) == pytest.approx(truth.mean(axis=0), rel=0.1)


def test_the_lamp_of_a_closed_room_is_found_where_it_hangs() -> None:
    lamp, color = (0.6, 0.3, 2.1), (1.6, 1.5, 1.3)
    found = estimate(scenes.room(lamp, color)).light
    assert found is not None
    assert not any(found.sun)
    assert np.linalg.norm(np.subtract(found.bulbs[0].position, lamp)) < 0.3
    assert found.bulbs[0].color == pytest.approx(color, rel=0.1)


def test_it_is_said_how_much_of_the_light_is_of_assumed_brightness() -> None:
    sun = towards(30, 45)
    for with_sky in (False, True):
        cloud = scenes.outdoors(sun, tuple(SUN), tuple(SKY), with_sky=with_sky)
        outcome = light.run(Generation(cloud, (CAMERA,)), 0, light.Params(), Progress())
        said = [f for f in outcome.findings if f.code == "light.brightness_assumed"]
        assert len(said) == (not with_sky)
        assert all(0.8 < f.measured < 1.0 for f in said)


def test_ground_that_is_dark_and_walls_that_are_bright_do_not_make_the_sun_weaker(monkeypatch) -> None:
    monkeypatch.setattr(scenes, "GROUND", 0.07)
    monkeypatch.setattr(scenes, "BOXES", tuple((at, half, 0.3) for at, half, _ in scenes.BOXES))
    found = estimate(scenes.outdoors(towards(30, 45), tuple(SUN), tuple(SKY), with_sky=False)).light
    assert found is not None
    assert np.array(found.sun) / np.array(found.sky) == pytest.approx(SUN / SKY, rel=0.25)


def test_the_colour_of_a_low_sun_is_found() -> None:
    orange = np.array([1.6, 0.9, 0.45])
    found = estimate(scenes.outdoors(towards(30, 20), tuple(orange), tuple(SKY), with_sky=False)).light
    assert found is not None
    ratio = (np.array(found.sun) / np.array(found.sky)) / (orange / SKY)
    assert ratio / ratio.mean() == pytest.approx(1.0, abs=0.15)


def test_even_light_has_no_key_and_says_so() -> None:
    cloud = scenes.outdoors((0, 0, 1), sun=(0, 0, 0), with_sky=False)
    outcome = light.run(Generation(cloud, (CAMERA,)), 0, light.Params(), Progress())
    assert outcome.value.light is not None
    assert not any(outcome.value.light.sun)
    assert [f.code for f in outcome.findings] == ["light.no_key", "light.brightness_assumed"]


def test_the_same_seed_gives_the_same_light() -> None:
    cloud = scenes.outdoors(towards(200, 25), with_sky=False)
    first, second = estimate(cloud, 3), estimate(cloud, 3)
    assert first.light == second.light
    assert first.environment is not None
    assert second.environment is not None
    assert first.environment.radiance.tobytes() == second.environment.radiance.tobytes()
