"""The physics check with the real engine, on rooms that are good and rooms that are not."""

from __future__ import annotations

import dataclasses
import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pxr import Usd, UsdGeom, Vt

from lyra_backend import validate
from lyra_backend.errors import Cancelled
from lyra_backend.progress import CancelToken, Progress
from lyra_backend.types import Finding, Outcome, Severity
from lyra_backend.validate import engine_process, physics
from lyra_backend.validate.limits import Params
from lyra_backend.validate.physics import check_physics

from . import physics_rooms as rooms

LIMITS = Params()


def check(path: Path) -> dict[str, Finding]:
    return by_code(check_physics(path, None, LIMITS, Progress()))


def by_code(outcome: Outcome[None]) -> dict[str, Finding]:
    return {finding.code: finding for finding in outcome.findings}


def errors(found: dict[str, Finding]) -> set[str]:
    return {code.removeprefix("physics.") for code, finding in found.items() if finding.severity is Severity.ERROR}


def file_hashes(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.iterdir())}


def test_a_good_furnished_room_passes_and_is_left_as_it_was(tmp_path: Path) -> None:
    rooms.room(tmp_path / "stage.usda")
    before = file_hashes(tmp_path)
    outcome = check_physics(tmp_path / "stage.usda", None, LIMITS, Progress())
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
        (broken_points, "collider.not_finite"),
        (broken_indices, "collider.indices"),
        (no_colliders, "physics.no_collider"),
        (other_up_axis, "usd.up_axis"),
        (centimetres, "usd.meters_per_unit"),
        (only_a_wall, "physics.floor_area"),
    ],
)
def test_what_makes_no_sense_is_never_given_to_the_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, author: Any, expected: str
) -> None:
    """Each of these faults is checked in one place and reported once."""
    author(tmp_path / "room.usda")
    monkeypatch.setattr(physics, "run_engine", None)
    found = validate.run(tmp_path / "room.usda", None, LIMITS, Progress()).findings
    assert [f.code for f in found if f.severity is Severity.ERROR] == [expected]


@pytest.mark.parametrize(
    ("kind", "attribute", "value"), [("Sphere", "radius", -1.0), ("Cube", "size", 0.0), ("Mesh", "points", [])]
)
def test_a_shape_that_cannot_be_is_not_given_to_the_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, attribute: str, value: Any
) -> None:
    stage = Usd.Stage.Open(str(rooms.room(tmp_path / "room.usda")))
    prim = stage.DefinePrim("/World/Thing", kind)
    prim.GetAttribute(attribute).Set(value)
    rooms.collide(prim)
    stage.Save()
    monkeypatch.setattr(physics, "run_engine", None)
    assert errors(check(tmp_path / "room.usda")) == {"broken_collider"}


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
    found = by_code(check_physics(rooms.room(tmp_path / "room.usda"), None, hurried, Progress()))
    assert errors(found) == {"engine_failed"}
    assert "stopped after 0.15 s" in found["physics.engine_failed"].message


def test_an_engine_that_fails_leaves_its_last_words(tmp_path: Path) -> None:
    run = engine_process.Run("drop", str(tmp_path / "gone.usda"), "/Body_", 1, 10, 0.01)
    with pytest.raises(engine_process.EngineFailed, match=r"exit code 1\. Its last lines: .*gone\.usda") as caught:
        engine_process.run_engine(engine_process.Job((run,)), tmp_path, 60.0, Progress())
    for folder in (str(tmp_path), sys.prefix, str(Path(engine_process.__file__).parent)):
        assert folder not in str(caught.value)


def test_cancelling_ends_the_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen] = []
    token = CancelToken()

    def start(*args: Any, **kwargs: Any) -> subprocess.Popen:
        started.append(subprocess.Popen(*args, **kwargs))
        token.cancel()
        return started[0]

    monkeypatch.setattr(engine_process, "subprocess", _Subprocess(start))
    with pytest.raises(Cancelled):
        check_physics(rooms.room(tmp_path / "room.usda"), None, LIMITS, Progress(token=token))
    assert started[0].returncode not in (None, 0)


class _Subprocess:
    """The module `subprocess` with another Popen."""

    def __init__(self, popen: Any) -> None:
        self.Popen = popen

    def __getattr__(self, name: str) -> Any:
        return getattr(subprocess, name)


def test_a_run_directory_with_only_the_scene_is_enough(tmp_path: Path) -> None:
    rooms.terrain(tmp_path / "scene.usda", size=12.0, steps=25)
    assert validate.run(tmp_path, None, LIMITS, Progress()).counts["collider_triangles"] == 1152


def test_things_on_a_ground_plane_stand_on_a_floor(tmp_path: Path) -> None:
    stage = rooms.new_stage(tmp_path / "ground.usda")
    rooms.collide(UsdGeom.Plane.Define(stage, "/World/Ground").GetPrim())
    rooms.add_mesh(stage, "/World/Crate", rooms.box((0, 0, 0), (0.5, 0.5, 0.5)))
    stage.Save()
    found = check(tmp_path / "ground.usda")
    assert errors(found) == set()
    # The plane counts 4 m around the crate, of which a margin stays free at the outline.
    assert found["physics.floor_area"].measured == pytest.approx(8.5**2, rel=0.1)


@pytest.fixture
def temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files of this process and its children."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    for name in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.setenv(name, str(folder))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


# 0 s: the engine is killed at the first look at it, which is 0.1 s after it was started; no machine is done by then.
@pytest.mark.parametrize("timeout_s", [180.0, 0.0])
def test_the_engine_leaves_nothing_behind_even_when_it_is_killed(
    tmp_path: Path, temporary_folder: Path, timeout_s: float
) -> None:
    path = rooms.room(tmp_path / "room.usda")
    found = by_code(check_physics(path, None, dataclasses.replace(LIMITS, physics_timeout_s=timeout_s), Progress()))
    assert errors(found) == (set() if timeout_s > 100 else {"engine_failed"})
    assert list(temporary_folder.iterdir()) == []
