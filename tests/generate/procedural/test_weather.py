"""Rain wets the ground, fog veils what is far, and the sky of pictures and stages is that of the prompt."""

from __future__ import annotations

import numpy as np
import pytest

from lyra_backend.generate import procedural
from lyra_backend.generate.procedural.compose import compose
from lyra_backend.generate.procedural.weather import veiled
from lyra_backend.progress import Progress
from lyra_backend.types import Generation, SceneRequest


def made(prompt: str, count: int = 20_000) -> Generation:
    params = procedural.Params(gaussian_count=count)
    return procedural.run(SceneRequest(prompt=prompt), params, Progress()).value


def roads(prompt: str) -> dict[str, tuple[float, float, float]]:
    return {e.name: e.material.color for e in compose(prompt, 0).elements if e.class_name in ("road", "pavement")}


def test_rain_darkens_the_ground_and_leaves_puddles_on_it() -> None:
    dry, wet = roads("a street"), roads("a rainy street")
    assert sum(wet["road.surface"]) < 0.7 * sum(dry["road.surface"])
    assert not any("puddle" in name for name in dry)
    puddles = [e for e in compose("a rainy street", 0).elements if e.name.startswith("puddle")]
    assert len(puddles) >= 4
    for puddle in puddles:
        a, b, c = (puddle.vertices[puddle.triangles[:, i]] for i in range(3))
        assert (np.cross(b - a, c - a)[:, 2] > 0).all()
        assert 0 < puddle.vertices[:, 2].min() <= puddle.vertices[:, 2].max() < 0.004


def test_fog_hides_what_is_far_more_than_what_is_near() -> None:
    lighting = compose("a foggy street", 0).lighting
    shown = veiled(np.zeros((3, 3)), np.array([[0.0, 0, 1.5], [-8, 0, 1.5], [8.0, 0, 1.5]]), lighting)
    near, far = shown[0, 0], shown[1, 0]
    assert 0.05 < near < 0.5 * far < far < lighting.background[0]
    clear = compose("a street", 0).lighting
    assert veiled(shown, shown, clear) is shown


def test_fog_takes_contrast_from_a_scene() -> None:
    clear, foggy = (made(p).cloud.sh.std() for p in ("a forest path", "a foggy forest path"))
    assert foggy < 0.8 * clear


@pytest.mark.parametrize("prompt", ["a rainy street", "a foggy forest", "a rainy living room with a large window"])
def test_weather_that_shows_is_understood(prompt: str) -> None:
    assert compose(prompt, 0).unknown_words == ()


def test_weather_that_cannot_show_is_reported() -> None:
    assert "rainy" in compose("a rainy office without windows", 0).unknown_words


def test_the_sky_is_that_of_the_hour() -> None:
    day, night, room = (made(p).light for p in ("a street", "a street at night with a street lamp", "a kitchen"))
    assert day is not None
    assert night is not None
    assert room is not None
    assert max(night.background) < 0.15 < 0.7 < min(day.background)
    assert max(night.sky) < 0.3 * max(day.sky)
    assert max(night.sun) < 0.1 * min(day.sun)
    assert night.bulbs
    assert room.sun == (0.0, 0.0, 0.0)
    assert len(room.bulbs) >= 1
    strengths = [sum(b.color) for b in room.bulbs]
    assert strengths == sorted(strengths, reverse=True)


def test_plain_colours_have_no_light() -> None:
    params = procedural.Params(gaussian_count=20_000, bake_light=False)
    assert procedural.run(SceneRequest(prompt="a street"), params, Progress()).value.light is None


def test_only_a_guessed_scene_is_not_as_asked() -> None:
    assert made("a street").as_asked
    assert not made("xyzzy").as_asked
