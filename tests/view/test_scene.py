"""What is gathered to be shown, and how the page gets it."""

from __future__ import annotations

import json
import shutil
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from lyra_backend.author.welded import read_welded
from lyra_backend.errors import InvalidRequest
from lyra_backend.io.navigation_files import load_navigation
from lyra_backend.io.ply import parse_ply, read_ply
from lyra_backend.types import GaussianCloud
from lyra_backend.view.routes import routes_of
from lyra_backend.view.scene import gather
from lyra_backend.view.spread import spread_order


def cloud_of(data: bytes) -> GaussianCloud:
    return parse_ply(BytesIO(data), len(data), "sent").value


def test_a_run_has_all(scene_dir: Path) -> None:
    scene, welded = gather(scene_dir), read_welded(scene_dir)
    assert scene.splats is not None
    assert scene.collider is not None
    assert scene.notes == ()
    assert (scene.up, scene.up_known) == ("z", True)
    sent = cloud_of(scene.splats.load(0))
    assert sent.count == scene.splats.count > 50_000
    assert sent.sh_degree == 0
    assert scene.splats.class_ids is not None
    floor = scene.splats.class_ids == scene.splats.class_names.index("floor")
    # classes are in the order of the Gaussians that are sent
    assert np.abs(sent.positions[floor, 2]).max() < 0.05
    assert np.array_equal(scene.collider.positions, welded.points)
    assert np.array_equal(scene.collider.triangles, welded.triangles)


def test_the_page_is_told_what_robots_have(scene_dir: Path) -> None:
    routes, navigation = routes_of(gather(scene_dir)), load_navigation(scene_dir)
    told = json.loads(routes["scene.json"].load())
    robots, space = told["navigation"]["robots"], navigation.spaces[0]
    assert [robot["name"] for robot in robots] == [space.robot.name for space in navigation.spaces]
    assert robots[0]["eye_height_m"] == space.robot.eye_height_m
    assert np.allclose(np.array(robots[0]["spawn_points"])[:, :3], space.spawn_points.positions, atol=1e-4)
    assert np.allclose(robots[0]["paths"][0], space.tasks[0].path, atol=1e-4)
    positions = np.frombuffer(routes["collider/positions"].load(), "<f4").reshape(-1, 3)
    triangles = np.frombuffer(routes["collider/triangles"].load(), "<u4").reshape(-1, 3)
    assert triangles.max() < len(positions)
    assert len(triangles) == told["collider"]["triangles"]
    ids = np.frombuffer(routes["splats/classes"].load(), "<u2")
    assert np.bincount(ids, minlength=len(told["splats"]["class_names"])).tolist() == told["splats"]["class_counts"]
    assert told["up_turns"]["z"] == [0, 0, 0, 1]


def test_only_files_of_the_page_are_routes(splat_file: Path) -> None:
    routes = routes_of(gather(splat_file))
    assert {"", "style.css", "main.js", "vendor/three/three.module.js", "scene.json", "splats/0.ply"} <= set(routes)
    assert not [name for name in routes if name.endswith(("toml", "LICENSE", "py", "html"))]


def test_a_run_that_kept_no_gaussians_shows_colliders(scene_dir: Path, tmp_path: Path) -> None:
    kept = ("request.json", "collision.usdc", ".complete")
    for name in kept:
        shutil.copy(scene_dir / name, tmp_path / name)
    scene = gather(tmp_path)
    assert scene.splats is None
    assert scene.navigation is None
    assert scene.collider is not None
    assert "splats/0.ply" not in routes_of(scene)


def test_what_cannot_be_read_is_a_note(scene_dir: Path, tmp_path: Path) -> None:
    shutil.copy(scene_dir / "collision.usdc", tmp_path)
    (tmp_path / "bounds.json").write_text("{", encoding="utf-8")
    scene = gather(tmp_path)
    assert scene.notes[0].startswith("This run did not finish")
    assert "bounds.json" in scene.notes[1]


def test_a_run_of_several_times_is_a_sequence(scene_dir: Path, moving_folder: Path, tmp_path: Path) -> None:
    shutil.copy(scene_dir / "request.json", tmp_path)
    times = []
    for number, path in enumerate(sorted(moving_folder.glob("*.ply"))):
        shutil.copy(path, tmp_path)
        times.append({"file": path.name, "time_s": 0.25 * number})
    (tmp_path / "sequence.json").write_text(json.dumps({"times": times}), encoding="utf-8")
    splats = gather(tmp_path).splats
    assert splats is not None
    assert splats.times_s == (0.0, 0.25, 0.5, 0.75)
    assert [cloud_of(splats.load(i)).count for i in range(4)] == [100, 101, 102, 103]


def test_folders_of_numbered_splats_have_times(moving_folder: Path) -> None:
    scene = gather(moving_folder, fps=2.0)
    assert scene.splats is not None
    assert scene.splats.times_s == (0.0, 0.5, 1.0, 1.5)
    assert scene.notes == ()
    assert "30 a second" in gather(moving_folder).notes[0]


def test_a_splat_alone_keeps_its_axes(splat_file: Path) -> None:
    scene = gather(splat_file)
    assert (scene.title, scene.up, scene.up_known) == ("box.ply", "z", False)
    assert (scene.collider, scene.navigation) == (None, None)
    assert scene.splats is not None
    sent, own = cloud_of(scene.splats.load(0)), read_ply(splat_file).value
    assert np.array_equal(np.sort(sent.positions[:, 0]), np.sort(own.positions[:, 0]))
    turned = gather(splat_file, up="-y")
    assert (turned.up, turned.up_known) == ("-y", True)


def test_a_stage_shows_its_gaussians(scene_dir: Path) -> None:
    scene = gather(scene_dir / "scene.usda")
    assert scene.splats is not None
    assert scene.up_known
    assert scene.collider is None


def test_the_first_gaussians_are_everywhere() -> None:
    positions = np.random.default_rng(0).uniform(-1, 1, (5000, 3)).astype(np.float32)
    order = spread_order(positions)
    assert np.array_equal(np.sort(order), np.arange(5000))
    octants = ((positions[order[:64]] > 0) @ np.array([1, 2, 4])).tolist()
    assert np.bincount(octants, minlength=8).min() >= 6


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("missing.ply", {}, "no such file or folder"),
        ("empty", {}, "holds no splat"),
        ("broken", {}, "found neither in a usable state"),
        ("box.ply", {"up": "w"}, "--up w: no such axis"),
        ("box.ply", {"fps": 2.0}, "--fps 2: is for a folder"),
        ("broken", {"up": "-y"}, "a run directory is Z up already"),
        ("words.txt", {}, "not a Gaussian splat format"),
    ],
)
def test_what_cannot_be_shown_is_told(
    splat_file: Path, tmp_path: Path, name: str, options: dict[str, object], said: str
) -> None:
    shutil.copy(splat_file, tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "request.json").write_text("{}", encoding="utf-8")
    (tmp_path / "words.txt").write_text("words", encoding="utf-8")
    with pytest.raises(InvalidRequest, match=said):
        gather(tmp_path / name, **options)  # type: ignore[arg-type]
