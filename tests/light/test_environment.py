"""What surrounds a place."""

from __future__ import annotations

import numpy as np
import pytest

from lyra_backend.light.environment import irradiance, look_around
from lyra_backend.light.surfels import linear
from lyra_backend.types import Environment

from . import scenes

RED, GREEN, BLUE, GREY = (0.5, 0.02, 0.02), (0.02, 0.5, 0.02), (0.02, 0.02, 0.5), (0.2, 0.2, 0.2)
AXES = np.concatenate([np.eye(3), -np.eye(3)])


def walls(colors: dict[tuple[int, int, int], tuple[float, float, float]]):
    """Walls of one colour each, 2 m from the origin, at the given sides."""
    patches = [p for p in scenes.sides((0, 0, 0), (2, 2, 2), 1.0, inwards=True)]
    shown = [(p, colors[tuple(int(-v) for v in p.normal)]) for p in patches if tuple(-p.normal.astype(int)) in colors]
    points, normals, _ = scenes.joined([p for p, _ in shown])
    return scenes.cloud_of(points, normals, np.concatenate([np.tile(c, (len(p.points), 1)) for p, c in shown]))


def constant(value) -> Environment:
    return Environment(np.broadcast_to(np.float32(value), (16, 32, 3)), np.ones((16, 32)), np.zeros(3))


def test_each_wall_is_where_its_direction_says() -> None:
    colors = {(1, 0, 0): RED, (0, 1, 0): GREEN, (0, 0, 1): BLUE}
    colors |= {(-1, 0, 0): GREY, (0, -1, 0): GREY, (0, 0, -1): GREY}
    around = look_around(walls(colors), np.zeros(3), 32)
    assert around.seen.min() > 0.9
    ways = Environment.directions(32)
    for side, color in colors.items():
        there = ways @ np.array(side) > 0.95
        assert around.radiance[there].mean(axis=0) == pytest.approx(color, rel=0.1, abs=0.01)
    # Someone inside who faces +X has +Y to the left.
    assert around.radiance[16, 32] == pytest.approx(RED, rel=0.1, abs=0.01)
    assert around.radiance[16, 16] == pytest.approx(GREEN, rel=0.1, abs=0.01)


def test_what_is_not_seen_is_filled_in_from_what_is_next_to_it() -> None:
    around = look_around(walls({(1, 0, 0): RED, (-1, 0, 0): BLUE}), np.zeros(3), 32)
    assert 0.2 < around.seen.mean() < 0.5
    assert around.radiance.min() > 0
    red, blue = (around.radiance[Environment.directions(32) @ np.array(w) > 0.8].mean(axis=0) for w in AXES[[0, 3]])
    assert red[0] > 5 * red[2]
    assert blue[2] > 5 * blue[0]
    between = around.radiance[:4].mean(axis=(0, 1))
    assert between[0] == pytest.approx(between[2], rel=0.2)


def test_a_known_sky_shines_from_above_only() -> None:
    around = look_around(walls({(0, 0, -1): GREEN}), np.zeros(3), 32, np.array([1.5, 1.6, 2.0]))
    assert around.radiance[0].mean(axis=0) == pytest.approx((1.5, 1.6, 2.0), rel=1e-3)
    assert around.radiance[-1].mean(axis=0) == pytest.approx(GREEN, rel=0.1, abs=0.01)
    # Below the horizon, beyond the end of the floor, the floor goes on.
    assert around.radiance[19].mean(axis=0)[1] < 0.6


def test_even_light_lights_evenly() -> None:
    assert irradiance(constant((0.5, 1.0, 2.0)), AXES) == pytest.approx(np.tile((0.5, 1.0, 2.0), (6, 1)), rel=0.01)


def test_nine_terms_are_within_a_few_percent_of_the_integral() -> None:
    ways = Environment.directions(32)
    sky = np.where(ways[..., 2:] > 0, (1.0, 1.0, 1.0), (0.2, 0.2, 0.2))
    around = Environment(sky, np.ones((32, 64)), np.zeros(3))
    area = np.sin(np.pi * (np.arange(32) + 0.5) / 32)[:, None, None]
    for normal, light in zip(AXES, irradiance(around, AXES), strict=True):
        facing = np.maximum(ways @ normal, 0)[..., None] * area
        assert light == pytest.approx((sky * facing).sum(axis=(0, 1)) / facing.sum(), rel=0.04)


def test_srgb_becomes_linear() -> None:
    assert linear(np.array([0.0, 0.04, 0.5, 1.0])) == pytest.approx([0, 0.04 / 12.92, 0.21404, 1.0], rel=1e-4)
