"""What a report pictures, on scenes whose answer is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lyra_backend.progress import Progress
from lyra_backend.render.mesh_depth import MeshDepth
from lyra_backend.report import Params, run
from lyra_backend.report.pictures import signed_error
from lyra_backend.types import (
    Camera,
    CollisionPart,
    CollisionProxy,
    Frame,
    GaussianCloud,
    Intrinsics,
    SceneBundle,
    look_at,
)

_LENS = Intrinsics.from_fov(96, 64, 60.0)


def wall(x_m: float) -> CollisionPart:
    """A wall across the x axis that faces the origin."""
    corners = np.array([[x_m, -5, -5], [x_m, 5, -5], [x_m, 5, 5], [x_m, -5, 5]], np.float32)
    return CollisionPart("wall", corners, np.array([[0, 2, 1], [0, 3, 2]], np.int32))


def flat_cloud(x_m: float) -> GaussianCloud:
    """Thin opaque discs that cover the plane across the x axis."""
    y, z = np.meshgrid(np.arange(-4, 4.01, 0.1), np.arange(-4, 4.01, 0.1))
    positions = np.column_stack([np.full(y.size, x_m), y.ravel(), z.ravel()]).astype(np.float32)
    count = len(positions)
    return GaussianCloud(
        positions,
        np.tile(np.float32([0.001, 0.08, 0.08]), (count, 1)),
        np.tile(np.float32([1, 0, 0, 0]), (count, 1)),
        np.full(count, 0.99, np.float32),
        np.zeros((count, 1, 3), np.float32),
        Frame.WORLD,
    )


@pytest.mark.parametrize("yaw_deg", [0.0, 35.0])
@pytest.mark.parametrize("behind_m", [0.02, -0.03])
def test_distance_is_at_right_angles_whichever_way_one_looks(behind_m: float, yaw_deg: float) -> None:
    part = wall(3.0 + behind_m)
    scene = SceneBundle(flat_cloud(3.0), CollisionProxy((part,), "surface", {}))
    way = np.array([np.cos(np.radians(yaw_deg)), np.sin(np.radians(yaw_deg)), 0.0])
    camera = Camera(_LENS, look_at((0, 0, 0), way))
    error = signed_error(scene, MeshDepth(part.vertices, part.triangles), camera)
    inside = error[16:-16, 24:-24]
    assert np.isfinite(inside).all()
    assert np.median(inside) == pytest.approx(behind_m, abs=0.003)


def test_what_only_one_of_the_two_shows_is_left_out() -> None:
    part = wall(3.0)
    scene = SceneBundle(flat_cloud(-3.0), CollisionProxy((part,), "surface", {}))
    camera = Camera(_LENS, look_at((0, 0, 0), (1, 0, 0)))
    assert np.isnan(signed_error(scene, MeshDepth(part.vertices, part.triangles), camera)).all()


def test_all_pictures_of_a_scene_are_made_and_repeat_to_the_byte(tmp_path: Path) -> None:
    part = wall(3.02)
    scene = SceneBundle(flat_cloud(3.0), CollisionProxy((part,), "surface", {}))
    cameras = [Camera(_LENS, look_at((0, 0, 0), (1, y, 0)), f"preview_{y}.png") for y in (0, 1)]
    made = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        made.append(run(scene, cameras, Params(turntable=4), tmp_path / name, Progress()))
    names = ("turntable.gif", "turntable.mp4", "collider.png", "collider_error.png")
    assert made[0].value == names
    assert made[0].counts["turntable_pictures"] == 4
    assert made[0].counts["apart_median_m"] == pytest.approx(0.02, abs=0.003)
    for path in (tmp_path / "a").rglob("*"):
        if path.is_file():
            assert path.read_bytes() == (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes(), path.name
    with Image.open(tmp_path / "a" / "turntable.gif") as turntable:
        assert (turntable.n_frames, turntable.size) == (4, (480, 270))


def test_what_is_not_there_is_not_pictured(tmp_path: Path) -> None:
    scene = SceneBundle(flat_cloud(3.0), CollisionProxy((), "none", {}))
    made = run(scene, [], Params(turntable=0), tmp_path, Progress())
    assert made.value == ()
    empty = replace(scene, cloud=scene.cloud.select(np.zeros(scene.cloud.count, bool)))
    assert run(empty, [], Params(), tmp_path, Progress()).value == ()
