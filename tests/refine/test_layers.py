"""Built ground is told from natural ground by its flattest layer, and natural ground slopes as much as it undulates."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from lyra_backend.refine.floor import FloorParams, find_floor
from lyra_backend.refine.gravity import find_gravity
from lyra_backend.refine.layers import Layer, flattest_layer, undulation
from lyra_backend.types import Frame, GaussianCloud

from .scenes import sheet, terrain, tilting

Floats = npt.NDArray[np.float64]

UP = np.array([0.0, 0.0, 1.0])
WIDTH, CELLS = 16.0, 32


def angle_deg(one: Floats, other: Floats) -> float:
    return float(np.degrees(np.arccos(np.clip(one @ other, -1.0, 1.0))))


def layer_of(points: Floats, tilt_deg: float = 0.0, tolerance: float = 0.16) -> Layer | None:
    """Return the layer of points over a square of 16 m, from a first plane that is tilted about x."""
    steps = np.clip(points[:, :2] / WIDTH * CELLS, 0, CELLS - 1).astype(np.intp)
    first = np.array([0.0, np.sin(np.radians(tilt_deg)), np.cos(np.radians(tilt_deg))])
    offset = float(first @ (WIDTH / 2, WIDTH / 2, 0.0))
    cells, squares = steps @ np.array([CELLS, 1]), steps // 8 @ np.array([4, 1])
    return flattest_layer(points, np.ones(len(points)), cells, squares, (first, offset), tolerance)


def ground(heights: npt.NDArray[np.float64] | None = None, noise: float = 0.0, count: int = 20_000) -> Floats:
    """Return points over 16 x 16 m: a road with a pavement 0.15 m higher on one side and clutter on the other."""
    rng = np.random.default_rng(1)
    x, y = rng.uniform(0, WIDTH, (2, count))
    z = np.where(y > 11, 0.15, 0.0) + np.where(y < 4, rng.uniform(0, 0.4, count), 0.0) if heights is None else heights
    return np.stack([x, y, z + rng.normal(0, noise, count) if noise else z], axis=1)


@pytest.mark.parametrize("tilt", [0.0, 0.4, -0.4])
def test_the_layer_of_a_road_is_level_whatever_lies_beside_it(tilt: float) -> None:
    found = layer_of(ground(), tilt)
    assert found is not None
    assert angle_deg(found.normal, UP) < 0.02
    assert found.peak > 0.85
    assert found.cells == pytest.approx(7 / 16 * CELLS**2, rel=0.1)


def test_noise_of_gaussians_goes_out_by_cells() -> None:
    found = layer_of(ground(noise=0.02), 0.2)
    assert found is not None
    assert angle_deg(found.normal, UP) < 0.1
    assert found.peak > 0.75


def test_natural_ground_has_no_flat_layer() -> None:
    x, y = ground()[:, :2].T
    found = layer_of(ground(0.3 * np.sin(x) + 0.2 * np.cos(1.3 * y)))
    assert found is not None
    assert found.peak < 0.6


def test_too_few_cells_say_nothing() -> None:
    assert layer_of(ground()[:5]) is None


@pytest.mark.parametrize("unit", [1.0, 0.2])
def test_ground_slopes_as_much_as_it_undulates(unit: float) -> None:
    """A slope of one degree over its width scatters by tan(1 deg) width / sqrt(12), which is how it is counted."""
    rng = np.random.default_rng(2)
    heights = rng.normal(0, np.radians(1.0) * WIDTH / 12**0.5, 64)
    squares = np.repeat(np.arange(64), 50)
    points = np.repeat(heights, 50) + rng.normal(0, 0.01, len(squares))
    assert np.degrees(undulation(unit * points, squares, unit * WIDTH)) == pytest.approx(1.0, rel=0.25)
    assert np.degrees(undulation(rng.normal(0, 0.01, len(squares)), squares, WIDTH)) < 0.03


def street() -> GaussianCloud:
    """Return a road and a pavement beside low clutter, tilted by 5 degrees about x."""
    rng = np.random.default_rng(3)
    flat = [
        sheet((0, 4, 0), (16, 0, 0), (0, 7, 0), 0.1, seed=1),
        sheet((0, 11, 0.15), (16, 0, 0), (0, 3, 0), 0.1, seed=2),
    ]
    clutter = [
        sheet((x, y, z), (1.2, 0, 0), (0, 1.2, 0), 0.1, seed=10 + k)
        for k, (x, y, z) in enumerate(rng.uniform((0, 0, 0.05), (14.8, 2.8, 0.6), (60, 3)))
    ]
    return GaussianCloud.concatenate([*flat, *clutter]).transformed(tilting(5, (1, 0)), Frame.GENERATOR)


def test_a_flat_road_counts_fully_among_clutter() -> None:
    """All of the floor looks half like rough ground; the road in it does not."""
    cloud, up = street(), np.asarray(tilting(5, (1, 0)).rotation)[:, 2]
    floor = find_floor(cloud, (), FloorParams(), None)
    assert floor.peak < 0.85
    assert floor.layer is not None
    assert angle_deg(floor.layer.normal, up) < 0.02
    gravity = find_gravity(cloud, (), floor, 25.0)
    assert gravity.used == ("floor",)
    assert angle_deg(gravity.up, up) <= 0.1
    assert gravity.uncertainty_deg < 0.5


def test_a_flat_part_that_is_smaller_than_a_floor_says_nothing() -> None:
    slab = sheet((6, 6, -0.9), (2, 0, 0), (0, 2, 0), 0.1)
    floor = find_floor(GaussianCloud.concatenate([terrain(), slab]), (), FloorParams(), None)
    assert floor.layer is None


def test_gentle_ground_that_is_level_to_the_tolerance_is_not_taken_for_a_built_floor() -> None:
    rolling = terrain()
    flatter = rolling.positions * np.float32([1, 1, 0.25])
    cloud = GaussianCloud(flatter, rolling.scales, rolling.quats_wxyz, rolling.opacities, rolling.sh, rolling.frame)
    floor = find_floor(cloud, (), FloorParams(), None)
    assert floor.is_plane
    gravity = find_gravity(cloud, (), floor, 25.0)
    assert gravity.uncertainty_deg > 0.8
