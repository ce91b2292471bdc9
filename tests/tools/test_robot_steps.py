"""The ground on which steps and slopes are tried is what it says."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import trimesh
from pxr import Usd

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

from robot_steps import PLATFORM_M, RISE_M, Ground, hill, platform, ways_over, write_ground

from lyra_backend.validate.colliders import read_colliders
from lyra_backend.validate.floor_columns import look_down

GROUNDS = {"block": platform(0.1), "boards": platform(0.1, hollow=True), "hill": hill(20.0)}


def solid(ground: Ground) -> trimesh.Trimesh:
    """Return what stands on the level ground, the first of the quads."""
    triangles = [face for i, j, k, m in ground.quads[1:] for face in ((i, j, k), (i, k, m))]
    return trimesh.Trimesh(ground.corners, triangles, process=False)


@pytest.mark.parametrize("name", GROUNDS)
def test_the_surface_is_as_high_as_is_said_and_looks_up(tmp_path: Path, name: str) -> None:
    ground = GROUNDS[name]
    corners = read_colliders(Usd.Stage.Open(str(write_ground(tmp_path / "ground.usda", ground)))).corners
    points = np.random.default_rng(3).uniform(-1.5, 1.5, (2000, 2))
    seen = look_down(corners, points)
    assert np.allclose(seen.height, ground.height(points), atol=1e-4)
    assert not seen.back.any()
    assert np.ptp(seen.height) > 0.09


def test_boards_are_hollow_and_a_hill_is_as_steep_as_it_says() -> None:
    whole = PLATFORM_M[0] * PLATFORM_M[1] * 0.1
    assert solid(GROUNDS["block"]).volume == pytest.approx(whole)
    assert solid(GROUNDS["block"]).is_watertight
    assert 0.3 * whole < solid(GROUNDS["boards"]).volume < 0.6 * whole
    sides = solid(GROUNDS["hill"]).face_normals[:8]
    assert np.degrees(np.arccos(sides[:, 2])) == pytest.approx(20.0)


def test_ways_begin_and_end_on_level_ground_and_lie_on_the_surface() -> None:
    for ground in GROUNDS.values():
        ways = ways_over(ground, np.array([[0.1, 0.0], [0.0, -0.3]]), np.array([0.3, 2.0]))
        for way in ways:
            path = np.asarray(way.path, np.float64)
            assert np.allclose(path[:, 2], ground.height(path[:, :2]), atol=1e-3)
            assert (path[[0, -1], 2] == 0.0).all()
            assert path[:, 2].max() == pytest.approx(min(0.1, RISE_M) if ground is not GROUNDS["hill"] else RISE_M)
            assert way.length_m == pytest.approx(np.linalg.norm(path[-1, :2] - path[0, :2]), rel=1e-4)
