"""Each trap is where it says, changes nothing elsewhere, and engines can read it."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from pxr import Usd

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

from robot_traps import TRAPS, Mesh, Spot, spot_on, write_trapped

from lyra_backend.validate.colliders import read_colliders
from lyra_backend.validate.floor_columns import look_down

from ..validate import physics_rooms as rooms

WAY = np.array([[0.6, 2.1, 0.0], [2.0, 2.1, 0.0], [2.0, 3.4, 0.0]])
SPOT = Spot(np.array([2.5, 2.0, 0.0]), np.array([0.6, 0.8]))


def test_spots_lie_on_the_way_away_from_its_ends() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        spot = spot_on(WAY, rng)
        assert np.linalg.norm(spot.along) == pytest.approx(1.0)
        on_first, on_second = spot.point[1] == 2.1, spot.point[0] == 2.0
        assert on_first or on_second
        assert np.linalg.norm(spot.point - WAY[0]) >= 0.79
        assert np.linalg.norm(spot.point - WAY[-1]) >= 0.79
        points = rng.normal(size=(5, 3))
        assert np.allclose(spot.world(spot.local(points)), points)


@pytest.mark.parametrize("name", TRAPS)
def test_a_trap_is_in_its_place_and_nothing_else_changed(tmp_path: Path, name: str) -> None:
    stage = rooms.room(tmp_path / "room.usda")
    before = stage.read_bytes()
    write_trapped(stage, name, SPOT, tmp_path / "trap.usda")
    assert stage.read_bytes() == before
    good, spoiled = (read_colliders(Usd.Stage.Open(str(tmp_path / f"{n}.usda"))) for n in ("room", "trap"))
    assert spoiled.usable
    rng = np.random.default_rng(1)
    points = rng.uniform([0.1, 0.1], [4.9, 3.9], (4000, 2))
    local = SPOT.local(np.column_stack([points, np.zeros(len(points))]))
    away = (np.abs(local[:, 0]) > 0.8) | (np.abs(local[:, 1]) > 1.15)
    one, other = look_down(good.corners, points), look_down(spoiled.corners, points)
    assert np.allclose(one.height[away], other.height[away], atol=1e-4, equal_nan=True)
    assert np.array_equal(one.back[away], other.back[away])
    here = np.linalg.norm(local[:, :2], axis=1) < 0.25
    if name == "narrow":  # the way itself is free, but not for a Go2
        here = (np.abs(local[:, 0]) < 0.1) & (np.abs(np.abs(local[:, 1]) - 0.4) < 0.1)
    if name in ("wall", "lintel", "spikes", "floater"):
        here = (np.abs(local[:, 0]) < 0.01) & (np.abs(local[:, 1]) < 0.2)
    changed = ~np.isclose(one.height[here], other.height[here], atol=0.02) | (one.back[here] != other.back[here])
    assert changed.mean() > 0.5


def test_a_stage_without_one_mesh_is_refused(tmp_path: Path) -> None:
    stage = rooms.new_stage(tmp_path / "stage.usda")
    rooms.add_mesh(stage, "/World/A", rooms.floor())
    rooms.add_mesh(stage, "/World/B", rooms.cabinet())
    stage.Save()
    with pytest.raises(ValueError, match="must have one mesh that collides, has 2"):
        write_trapped(tmp_path / "stage.usda", "hole", SPOT, tmp_path / "out.usda")
    assert isinstance(TRAPS["wall"](Mesh(*rooms.floor()), SPOT), Mesh)
