"""The physics check with the real engine, on rooms that are good and rooms that are not."""

from __future__ import annotations

import dataclasses
import hashlib
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pxr import Usd, UsdGeom, Vt

from lyra_backend.errors import Cancelled, InvalidRequest
from lyra_backend.progress import CancelToken, Progress
from lyra_backend.types import Finding, Outcome, Severity
from lyra_backend.validate import engine_process, physics
from lyra_backend.validate.limits import Params
from lyra_backend.validate.physics import check_physics

from . import physics_rooms as rooms

LIMITS = Params()


def check(path: Path) -> dict[str, Finding]:
    return by_code(check_physics(path, LIMITS, Progress()))


def by_code(outcome: Outcome[None]) -> dict[str, Finding]:
    return {finding.code: finding for finding in outcome.findings}


def errors(found: dict[str, Finding]) -> set[str]:
    return {code.removeprefix("physics.") for code, finding in found.items() if finding.severity is Severity.ERROR}


def file_hashes(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.iterdir())}


def test_a_good_furnished_room_passes_and_is_left_as_it_was(tmp_path: Path) -> None:
    rooms.room(tmp_path / "stage.usda")
    before = file_hashes(tmp_path)
    outcome = check_physics(tmp_path, LIMITS, Progress())
    found = by_code(outcome)
    assert errors(found) == set()
    assert outcome.counts["dropped_bodies"] == outcome.counts["shot_balls"] == 48
    assert found["physics.held"].measured == 1.0
    assert found["physics.floor_area"].measured == pytest.approx(19.3, rel=0.05)
    assert {"fallen", "tunnelled", "penetration", "jitter", "floor_holes", "back_faces"} <= {
        code.removeprefix("physics.") for code in found
    }
    assert file_hashes(tmp_path) == before


def test_a_hole_in_the_floor_is_found_and_bodies_fall_through_it(tmp_path: Path) -> None:
    path = rooms.room(tmp_path / "room.usda", rooms.floor(hole=0.8))
    found = check(path)
    assert {"floor_holes", "fallen"} <= errors(found)
    assert found["physics.floor_holes"].measured == pytest.approx(0.64 / 14, rel=0.2)
    x, y = (float(v) for v in found["physics.fallen"].where.strip("()").split(")")[0].split(", ")[:2])
    assert abs(x - rooms.WIDTH / 2) < 0.5
    assert abs(y - rooms.DEPTH / 2) < 0.5
    assert check(path) == found


def test_everything_falls_through_a_floor_wound_the_wrong_way(tmp_path: Path) -> None:
    walls = [rooms.flipped(wall) for wall in rooms.walls()]
    found = check(rooms.room(tmp_path / "room.usda", rooms.flipped(rooms.floor()), walls))
    assert {"back_faces", "wall_back_faces", "fallen", "crossed", "tunnelled", "held"} <= errors(found)
    assert found["physics.back_faces"].measured > 0.8


def test_balls_go_through_one_wall_wound_the_wrong_way(tmp_path: Path) -> None:
    first, second, *others = rooms.walls()
    found = check(rooms.room(tmp_path / "room.usda", wall_meshes=[first, rooms.flipped(second), *others]))
    assert errors(found) == {"wall_back_faces", "tunnelled"}
    x, _, _ = (float(v) for v in found["physics.tunnelled"].where.split(")")[0].strip("(").split(", "))
    assert x == pytest.approx(rooms.WIDTH, abs=0.01)


def test_a_closed_room_turned_inside_out_does_not_pass_for_a_block(tmp_path: Path) -> None:
    ceiling = rooms.quad((0, 0, rooms.HEIGHT), (0, rooms.DEPTH, 0), (rooms.WIDTH, 0, 0))
    shell = rooms.merge(rooms.floor(), *rooms.walls(), ceiling)
    for name, mesh, expected in (("right", shell, set()), ("wrong", rooms.flipped(shell), {"solid"})):
        stage = rooms.new_stage(tmp_path / f"{name}.usda")
        rooms.add_mesh(stage, "/World/Room", mesh)
        stage.Save()
        assert errors(check(tmp_path / f"{name}.usda")) == expected


def test_a_convex_hull_fills_the_room(tmp_path: Path) -> None:
    found = check(rooms.room(tmp_path / "room.usda", approximation="convexHull"))
    assert {"surface_moved", "held"} <= errors(found)
    assert found["physics.filled_collider"].severity is Severity.WARNING


def test_sloped_terrain_and_basic_shapes_hold_bodies(tmp_path: Path) -> None:
    hills = check(rooms.terrain(tmp_path / "hills.usda"))
    assert errors(hills) == set()
    assert errors(check(rooms.shapes(tmp_path / "shapes.usda"))) == set()


def broken_points(path: Path) -> None:
    stage = Usd.Stage.Open(str(rooms.room(path)))
    points = UsdGeom.Mesh(stage.GetPrimAtPath("/World/Room")).GetPointsAttr()
    values = np.array(points.Get())
    values[5] = np.nan
    points.Set(Vt.Vec3fArray.FromNumpy(values))
    stage.Save()


def broken_indices(path: Path) -> None:
    stage = Usd.Stage.Open(str(rooms.room(path)))
    indices = UsdGeom.Mesh(stage.GetPrimAtPath("/World/Room")).GetFaceVertexIndicesAttr()
    values = np.array(indices.Get())
    values[7] = 100_000
    indices.Set(Vt.IntArray.FromNumpy(values))
    stage.Save()


def no_colliders(path: Path) -> None:
    rooms.new_stage(path).Save()


def other_up_axis(path: Path) -> None:
    stage = Usd.Stage.Open(str(rooms.room(path)))
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.y)
    stage.Save()


def centimetres(path: Path) -> None:
    stage = Usd.Stage.Open(str(rooms.room(path)))
    UsdGeom.SetStageMetersPerUnit(stage, 0.01)
    stage.Save()


def only_a_wall(path: Path) -> None:
    stage = rooms.new_stage(path)
    rooms.add_mesh(stage, "/World/Wall", rooms.walls()[0])
    stage.Save()


@pytest.mark.parametrize(
    ("author", "expected"),
    [
        (broken_points, "broken_collider"),
        (broken_indices, "broken_collider"),
        (no_colliders, "no_collider"),
        (other_up_axis, "up_axis"),
        (centimetres, "units"),
        (only_a_wall, "floor_area"),
    ],
)
def test_what_makes_no_sense_is_never_given_to_the_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, author: Any, expected: str
) -> None:
    author(tmp_path / "stage.usda")
    monkeypatch.setattr(physics, "run_engine", None)
    assert errors(check(tmp_path / "stage.usda")) == {expected}


def test_a_missing_or_unreadable_stage_is_a_bad_request(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="does not exist"):
        check(tmp_path / "nowhere.usda")
    with pytest.raises(InvalidRequest, match="holds none of"):
        check(tmp_path)
    (tmp_path / "text.usda").write_text("no stage at all")
    with pytest.raises(InvalidRequest, match="cannot be read as USD"):
        check(tmp_path / "text.usda")


def test_without_the_engine_the_geometry_is_checked_and_the_rest_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = engine_process.find_spec
    monkeypatch.setattr(engine_process, "find_spec", lambda name: None if name == "ovphysx" else known(name))
    found = check(rooms.room(tmp_path / "room.usda", rooms.floor(hole=0.8)))
    assert errors(found) == {"not_run", "floor_holes"}
    assert "pip install 'lyra-backend[physics]'" in found["physics.not_run"].message


def test_an_engine_that_takes_too_long_is_stopped(tmp_path: Path) -> None:
    hurried = dataclasses.replace(LIMITS, physics_timeout_s=0.15)
    found = by_code(check_physics(rooms.room(tmp_path / "room.usda"), hurried, Progress()))
    assert errors(found) == {"engine_failed"}
    assert "stopped after 0.15 s" in found["physics.engine_failed"].message


def test_an_engine_that_fails_leaves_its_last_words(tmp_path: Path) -> None:
    run = engine_process.Run("drop", str(tmp_path / "gone.usda"), "/Body_", 1, 10, 0.01)
    with pytest.raises(engine_process.EngineFailed, match=r"exit code 1\. Its last lines: .*gone\.usda"):
        engine_process.run_engine(engine_process.Job((run,)), tmp_path, 60.0, Progress())


def test_cancelling_ends_the_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen] = []
    token = CancelToken()

    def start(*args: Any, **kwargs: Any) -> subprocess.Popen:
        started.append(subprocess.Popen(*args, **kwargs))
        token.cancel()
        return started[0]

    monkeypatch.setattr(engine_process, "subprocess", _Subprocess(start))
    with pytest.raises(Cancelled):
        check_physics(rooms.room(tmp_path / "room.usda"), LIMITS, Progress(token=token))
    assert started[0].returncode not in (None, 0)


class _Subprocess:
    """The module `subprocess` with another Popen."""

    def __init__(self, popen: Any) -> None:
        self.Popen = popen

    def __getattr__(self, name: str) -> Any:
        return getattr(subprocess, name)


def test_a_run_directory_with_only_the_scene_is_enough(tmp_path: Path) -> None:
    rooms.terrain(tmp_path / "scene.usda", size=12.0, steps=25)
    assert check_physics(tmp_path, LIMITS, Progress()).counts["collider_triangles"] == 1152
