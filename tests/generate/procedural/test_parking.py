"""Vehicles stand along the road and never across it."""

from __future__ import annotations

import numpy as np
import pytest

from lyra_backend.generate.procedural.compose import draft_scene


@pytest.mark.parametrize(
    "prompt",
    ["a street with four cars", "a busy street with ten cars and a truck", "a street with two cars in the middle"],
)
@pytest.mark.parametrize("seed", [0, 2, 3])
def test_vehicles_head_along_the_road_and_keep_apart(prompt: str, seed: int) -> None:
    made, _ = draft_scene(prompt, seed, 0.3)
    vehicles = [p for p in made.placed if p.kind.name in ("car", "truck")]
    assert not made.missing
    fronts = np.array([[-np.sin(p.yaw), np.cos(p.yaw)] for p in vehicles])
    turned = made.size[1] > made.size[0]
    along = np.abs(fronts[:, 1 if turned else 0])
    assert along.min() > np.cos(np.radians(5.0))
    for i, a in enumerate(vehicles):
        for b in vehicles[:i]:
            across, ahead = (abs(a.x - b.x), abs(a.y - b.y)) if turned else (abs(a.y - b.y), abs(a.x - b.x))
            widths, lengths = zip(a.thing.footprint, b.thing.footprint, strict=True)
            assert across > sum(widths) / 2 or ahead > sum(lengths) / 2


def test_a_row_of_cars_is_parked_behind_each_other() -> None:
    made, _ = draft_scene("a street with a row of two cars", 1, 0.3)
    cars = [p for p in made.placed if p.kind.name == "car"]
    x, y = np.ptp([p.x for p in cars]), np.ptp([p.y for p in cars])
    assert len(cars) == 2
    assert min(x, y) < 0.3 < max(x, y)
