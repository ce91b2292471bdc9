"""Ground that rolls is a grid of heights."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lyra_backend.collide import convex
from lyra_backend.collide._mesh.ground import STEP_M, Floor
from lyra_backend.collide._mesh.heights import grid_mesh, heights_on, on_heights, rolls
from lyra_backend.collide._scan.lattice import Grid
from lyra_backend.kernels.mesh_distance import mesh_rays
from lyra_backend.progress import Progress
from lyra_backend.types import Approximation, GaussianCloud, Role

from .clouds import box, join, sheet

SIZE = 0.05
GRID = Grid(np.array([1.0, -2.0, 0.5]), SIZE, (120, 104, 40))


def floor(height):
    """A floor of these heights (NX, NY) [m] with nothing on it; all of it is its plan."""
    whole = np.ones(height.shape, bool)
    return Floor(height, height, height, whole, whole, whole, ~whole)


def places():
    x, y = np.meshgrid(np.arange(120) * SIZE, np.arange(104) * SIZE, indexing="ij")
    return x, y


def test_waves_roll_but_ramps_steps_and_noise_do_not() -> None:
    x, y = places()
    noise = np.random.default_rng(0).normal(0.0, 0.005, x.shape)
    assert rolls(floor(0.1 * np.sin(2.0 * x) * np.cos(1.5 * y) + noise), GRID)
    assert not rolls(floor(0.3 * x + noise), GRID)
    assert not rolls(floor(np.where(x > 3.0, 0.12, 0.0) + noise), GRID)
    assert not rolls(floor(np.full(x.shape, np.nan)), GRID)


def test_heights_lie_on_the_surface_and_pass_below_what_stands_on_it() -> None:
    x, _ = places()
    true = 0.1 * np.sin(2.0 * x) + 1.0
    ground = grid_mesh(true, GRID)
    corner = np.array([[3.0, 0.0, 2.4], [4.0, 0.0, 2.4], [4.0, 1.0, 2.4], [3.0, 1.0, 2.4]], np.float32)
    table = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    surface = np.concatenate([ground[0], corner]), np.concatenate([ground[1], table + len(ground[0])])
    found = heights_on(surface, floor(true + 0.03), GRID)  # as coarse as lattice lines tell
    assert np.abs(found - true).max() < 1e-4
    mine = on_heights(surface, found, GRID)
    assert mine.tolist() == [True] * len(ground[1]) + [False] * 2


def test_where_there_is_no_surface_the_floor_goes_on() -> None:
    x, _ = places()
    corner = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], np.float32)
    found = heights_on((corner, np.array([[0, 1, 2]], np.int32)), floor(np.full(x.shape, 2.0)), GRID)
    assert np.abs(found - 2.0).max() < STEP_M / 100


def hill() -> GaussianCloud:
    """Rolling ground of 5 x 4 m and a crate on it."""
    flat = join(sheet((0, 0, 0), (5, 0, 0), (0, 4, 0)), box((2.0, 1.5, 0.0), (2.6, 2.1, 0.6)))
    positions = flat.positions.copy()
    positions[:, 2] += wave(positions[:, 0], positions[:, 1])
    return replace(flat, positions=positions)


def wave(x, y):
    return 0.12 * np.sin(2.2 * x) * np.cos(1.7 * y)


@pytest.fixture(scope="module")
def outcome():
    return convex.run(hill(), (), convex.Params(), Progress())


def test_rolling_ground_is_one_grid_beside_pieces(outcome) -> None:
    parts = {p.name: p for p in outcome.value.parts}
    ground = parts.pop("ground")
    assert ground.role is Role.PIECE
    assert ground.approximation is Approximation.MESH
    assert {p.approximation for p in parts.values()} == {Approximation.CONVEX_HULL}
    assert len(parts) == outcome.counts["pieces"] < 30
    (finding,) = (f for f in outcome.findings if f.code == "collide.rolling_ground")
    assert finding.measured == pytest.approx(20.0, rel=0.1)
    rng = np.random.default_rng(1)
    x, y = rng.uniform(0.4, 4.6, 400), rng.uniform(0.4, 3.6, 400)
    beside = (np.abs(x - 2.3) > 0.5) | (np.abs(y - 1.8) > 0.5)
    starts = np.column_stack([x, y, np.full(400, 2.0)])[beside]
    hits = mesh_rays(ground.vertices, ground.triangles, starts, np.tile([0.0, 0.0, -1.0], (len(starts), 1)))
    assert np.quantile(np.abs(2.0 - hits.distance - wave(starts[:, 0], starts[:, 1])), 0.95) < 0.01


def test_what_stands_on_it_is_pieces(outcome) -> None:
    top = max(p.vertices[:, 2].max() for p in outcome.value.parts if p.name != "ground")
    ground = next(p for p in outcome.value.parts if p.name == "ground")
    assert top == pytest.approx(0.6 + 0.12, abs=0.15)
    assert ground.vertices[:, 2].max() < 0.25
