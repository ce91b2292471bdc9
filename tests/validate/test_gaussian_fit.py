"""Gaussians and colliders that do not show the same place are found, wherever the ground is."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pxr import Gf, Usd, UsdGeom, Vt

from lyra_backend import validate
from lyra_backend.progress import Progress
from lyra_backend.types import CollisionPart, CollisionProxy, Frame, GaussianCloud, Outcome, Severity
from lyra_backend.validate.colliders import read_colliders
from lyra_backend.validate.gaussian_fit import check_fit
from lyra_backend.validate.limits import Params
from lyra_backend.validate.survey import Survey, survey_colliders

from ..author.fields import author_scene
from . import physics_rooms as rooms


def hill(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Ground that is mostly at 0 and falls to -3 m in a wide valley."""
    return -3.0 * np.exp(-((x / 4) ** 2))


HILLS = rooms.grid(np.linspace(-10, 10, 81), np.linspace(-10, 10, 81), hill)
ROOM = rooms.merge(rooms.floor(), *rooms.walls(), rooms.table(), rooms.cabinet())
#: A floor in the place of everything else.
PLANES = {"hills": rooms.quad((-10, -10, 0), (20, 0, 0), (0, 20, 0)), "room": rooms.floor()}


def gaussians_on(mesh: rooms.Mesh, count: int = 8000) -> GaussianCloud:
    """Solid Gaussians spread evenly over the surface."""
    points, triangles = mesh
    a, b, c = np.moveaxis(points[triangles], 1, 0)
    areas = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    rng = np.random.default_rng(0)
    of = rng.choice(len(triangles), count, p=areas / areas.sum())
    u, v = rng.uniform(size=(2, count, 1))
    u, v = np.where(u + v > 1, (1 - u, 1 - v), (u, v))
    positions = a[of] + u * (b - a)[of] + v * (c - a)[of]
    scales, quats = np.full((count, 3), 0.02), np.tile([1.0, 0, 0, 0], (count, 1))
    return GaussianCloud(positions, scales, quats, np.full(count, 0.9), np.zeros((count, 1, 3)), Frame.WORLD)


def survey_of(mesh: rooms.Mesh) -> Survey:
    stage = Usd.Stage.CreateInMemory()
    rooms.add_mesh(stage, "/Mesh", mesh)
    found = survey_colliders(read_colliders(stage), Progress())
    assert found is not None
    return found


def fit(cloud: GaussianCloud, mesh: rooms.Mesh, **limits: Any) -> Outcome[None]:
    return check_fit(cloud, survey_of(mesh), Params(**limits))


@pytest.mark.parametrize("mesh", [HILLS, ROOM], ids=["hills", "room"])
def test_a_scene_and_its_own_surface_fit(mesh: rooms.Mesh) -> None:
    outcome = fit(gaussians_on(mesh), mesh)
    assert outcome.findings == ()
    assert outcome.counts == {"below_floor_share": 0.0, "uncovered_share": 0.0}


@pytest.mark.parametrize(("name", "mesh"), [("hills", HILLS), ("room", ROOM)])
def test_a_flat_plane_in_the_colliders_place_is_an_error(name: str, mesh: rooms.Mesh) -> None:
    found = {f.code: f for f in fit(gaussians_on(mesh), PLANES[name]).findings}
    assert found["collider.uncovered"].severity is Severity.ERROR
    assert found["collider.uncovered"].measured > 0.4
    # What is under the plane is in the floor; nothing of the room is.
    assert ("gaussians.below_floor" in found) == (name == "hills")


def test_a_floor_that_is_too_high_buries_gaussians() -> None:
    sunk = gaussians_on(ROOM)
    sunk = replace(sunk, positions=sunk.positions - np.float32([0, 0, 1]))
    finding = fit(sunk, ROOM, collider_uncovered_share_max=1.0).findings[0]
    share = float((sunk.positions[:, 2] < -0.1).mean())
    assert (finding.code, finding.severity) == ("gaussians.below_floor", Severity.WARNING)
    assert finding.measured == pytest.approx(share, abs=0.02)


def test_what_is_high_above_the_ground_needs_no_collider() -> None:
    ground = gaussians_on(rooms.floor())
    sky = replace(ground, positions=ground.positions + np.float32([0, 0, 2.5]))
    both = GaussianCloud(
        *(
            np.concatenate([getattr(c, name) for c in (ground, sky)])
            for name in ("positions", "scales", "quats_wxyz", "opacities", "sh")
        ),
        Frame.WORLD,
    )
    assert fit(both, rooms.floor()).findings == ()


def test_faint_gaussians_say_nothing() -> None:
    cloud = gaussians_on(ROOM)
    faint = replace(cloud, opacities=np.full(cloud.count, 0.3, np.float32))
    assert fit(faint, rooms.floor()).findings == ()


def flatten(collision_file: Path) -> None:
    """Put a square at z = 0 in the place of the colliders' mesh."""
    stage = Usd.Stage.Open(str(collision_file))
    mesh = UsdGeom.Mesh(stage.GetPrimAtPath("/World/Collision/Environment"))
    (x0, y0, _), (x1, y1, _) = mesh.GetExtentAttr().Get()
    mesh.GetPointsAttr().Set([Gf.Vec3f(x, y, 0) for x, y in ((x0, y0), (x1, y0), (x1, y1), (x0, y1))])
    mesh.GetFaceVertexIndicesAttr().Set(Vt.IntArray([0, 1, 2, 0, 2, 3]))
    mesh.GetFaceVertexCountsAttr().Set(Vt.IntArray([3, 3]))
    mesh.GetNormalsAttr().Set([Gf.Vec3f(0, 0, 1)] * 2)
    mesh.GetExtentAttr().Set([Gf.Vec3f(x0, y0, 0), Gf.Vec3f(x1, y1, 0)])
    stage.Save()


def flat_scene(folder: Path, mesh: rooms.Mesh) -> Path:
    """Write a good scene into `folder` and beside it one with a plane for a collider, which is returned."""
    points, triangles = mesh
    proxy = CollisionProxy((CollisionPart("surface", points, triangles),), "surface", {})
    author_scene(folder, gaussians_on(mesh), proxy)
    flat = Path(shutil.copytree(folder, folder.with_name("flat")))
    flatten(flat / "collision.usdc")
    return flat


def errors(path: Path) -> list[str]:
    return [f.code for f in validate.run(path, None, Params(), Progress()).findings if f.severity is Severity.ERROR]


@pytest.mark.usefixtures("without_engine")
@pytest.mark.parametrize("mesh", [HILLS, ROOM], ids=["hills", "room"])
def test_a_stage_whose_collider_became_a_plane_fails(tmp_path: Path, mesh: rooms.Mesh) -> None:
    flat = flat_scene(tmp_path / "good", mesh)
    assert errors(tmp_path / "good") == []
    assert errors(flat) == errors(flat / "stage.usda") == ["collider.uncovered"]


def test_the_engine_holds_bodies_on_such_a_plane_gladly(tmp_path: Path) -> None:
    """Only the comparison with what is seen tells, so it must not be left out."""
    assert errors(flat_scene(tmp_path / "good", ROOM)) == ["collider.uncovered"]
