"""The files of a scene's free space: everything comes back, and damage is explained."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lyra_backend.errors import InvalidRequest
from lyra_backend.io.navigation_files import load_navigation, save_navigation
from lyra_backend.types import (
    Camera,
    Intrinsics,
    Locomotion,
    MapFormat,
    Navigation,
    OccupancyMap,
    Robot,
    RobotSpace,
    SpawnPoints,
    Task,
    TriangleMesh,
    look_at,
)

ROBOT = Robot("dog", "A dog", Locomotion.QUADRUPED, "dog.usd", 0.4, 0.5, 0.3, 0.02, 0.1, 20.0, 0.4)


def some(map_format: MapFormat = MapFormat.OMAP, count: int = 5) -> Navigation:
    rng = np.random.default_rng(0)
    cells = OccupancyMap(rng.integers(0, 3, (6, 8)).astype(np.uint8), 0.1, (-0.4, -0.3))
    points = SpawnPoints(
        rng.uniform(-3, 3, (count, 3)).astype(np.float32),
        rng.uniform(-3, 3, count).astype(np.float32),
        rng.uniform(0, 2, count).astype(np.float32),
        np.arange(count, dtype=np.int32) % 2,
    )
    path = rng.uniform(-3, 3, (4, 3)).astype(np.float32)
    tasks = (Task(path, 0.5, 3.25), Task(path[:2], -1.0, 1.5))
    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
    wall = TriangleMesh(np.eye(3, dtype=np.float32), np.array([[0, 1, 2]]), "wall")
    camera = Camera(Intrinsics.from_fov(96, 54, 70.0), look_at((1, 2, 1.5), (3, 2, 1.0)), "view_00")
    spaces = (RobotSpace(ROBOT, cells, points, tasks, 1.25),)
    return Navigation(cells, (square, square[::-1] * 0.5), -0.5, 3.0, spaces, (camera,), wall, map_format)


@pytest.mark.parametrize("map_format", list(MapFormat))
def test_everything_comes_back(tmp_path: Path, map_format: MapFormat) -> None:
    made = some(map_format)
    names = save_navigation(made, tmp_path)
    assert sorted(names) == sorted(path.name for path in tmp_path.iterdir())
    loaded = load_navigation(tmp_path)
    assert loaded.map_format is map_format
    assert (loaded.floor_m, loaded.ceiling_m) == (-0.5, 3.0)
    assert all(np.allclose(a, b) for a, b in zip(loaded.bounds, made.bounds, strict=True))
    own, other = made.spaces[0], loaded.spaces[0]
    assert (other.robot, other.free_m2) == (own.robot, own.free_m2)
    assert np.array_equal(other.map.cells, own.map.cells)
    assert other.map.corner == pytest.approx(own.map.corner)
    for field in ("positions", "yaws_rad", "clearances_m", "regions"):
        assert np.allclose(getattr(other.spawn_points, field), getattr(own.spawn_points, field), atol=6e-5), field
    for one, again in zip(own.tasks, other.tasks, strict=True):
        assert np.allclose(one.path, again.path, atol=6e-5)
        assert (again.length_m, again.start_yaw_rad) == (one.length_m, one.start_yaw_rad)
    assert np.allclose(loaded.viewpoints[0].cam_to_world, made.viewpoints[0].cam_to_world, atol=1e-6)
    assert loaded.viewpoints[0].intrinsics == made.viewpoints[0].intrinsics
    assert loaded.wall is not None
    assert np.array_equal(loaded.wall.triangles, [[0, 1, 2]])


def test_a_robot_that_fits_nowhere_comes_back_too(tmp_path: Path) -> None:
    save_navigation(some(count=0), tmp_path)
    assert load_navigation(tmp_path).spaces[0].spawn_points.positions.shape == (0, 3)


def test_columns_are_named_and_bytes_are_the_same(tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        save_navigation(some(), tmp_path / name)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "other" / path.name).read_bytes()
    said = json.loads((tmp_path / "one" / "spawn_points.json").read_text())
    assert said["columns"] == ["x", "y", "z", "yaw", "clearance", "region"]
    assert len(said["robots"]["dog"]["points"][0]) == 6


@pytest.mark.parametrize("name", ["bounds.json", "spawn_points.json", "tasks.json", "viewpoints.json", "map.yaml"])
def test_what_is_missing_or_damaged_is_explained(tmp_path: Path, name: str) -> None:
    save_navigation(some(), tmp_path)
    (tmp_path / name).write_text("{}")
    with pytest.raises(InvalidRequest):
        load_navigation(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(InvalidRequest, match=name):
        load_navigation(tmp_path)
