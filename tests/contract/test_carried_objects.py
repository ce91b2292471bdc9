"""A scene that moves, from a folder of splats to a ball that the moving collider hits in the real engine."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pxr import Usd, UsdGeom, UsdPhysics

from lyra_backend import api
from lyra_backend.io.run_dir import RunDirectory

from ..moving import FPS, SPEED_M_S, followed, over_ground, write_folder
from ..rules import faults_of_run

BODY = "/World/Collision/Moving/moving_1"
ROOTS = ("gaussians.usdc", "collision.usdc", "scene.usda", "stage.usda")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> api.SceneResult:
    """A room in which a box is carried 1.2 m far, as a whole run."""
    folder = tmp_path_factory.mktemp("carried")
    frames = write_folder(folder / "frames", followed(21, turn_deg=1.5))
    params = {
        "generate": {"up": "z", "scale": 1.0, "fps": FPS, "stable_identity": True},
        "collide": {"voxel_size": 0.08},
    }
    return api.generate_scene({"splat": str(frames), "params": params}, folder / "run")


def test_the_scene_is_accepted_and_says_what_moves(run: api.SceneResult) -> None:
    found = {finding.code: finding for finding in run.report.findings}
    assert run.report.accepted, [f.message for f in run.report.findings if f.severity == "error"]
    assert "sequence.background" in found
    assert 0 < found["collide.moving"].measured < 0.05
    assert found["physics.carried_missed"].measured == 0
    assert "1 of 1 colliders that are carried along hit the ball" in found["physics.carried_missed"].message
    collide = next(stage for stage in run.report.stages if stage.stage == "collide")
    assert collide.counts["moving_bodies"] == 1


def test_its_files_keep_the_rules_of_others(run: api.SceneResult) -> None:
    assert faults_of_run(run.directory) == []


def test_every_root_layer_has_the_times(run: api.SceneResult) -> None:
    for name in ROOTS:
        stage = Usd.Stage.Open(str(run.directory / name))
        assert stage.HasAuthoredTimeCodeRange(), name
        assert (stage.GetStartTimeCode(), stage.GetEndTimeCode()) == (0.0, 60.0), name
        assert stage.GetTimeCodesPerSecond() == 30.0, name


@pytest.mark.parametrize("variant", ["single", "none"])
def test_the_collider_goes_where_the_gaussians_go(run: api.SceneResult, variant: str) -> None:
    stage = Usd.Stage.Open(str(run.directory / "stage.usda"))
    stage.GetDefaultPrim().GetVariantSet("collision").SetVariantSelection(variant)
    body = stage.GetPrimAtPath(BODY)
    assert bool(body) == (variant != "none")
    if not body:
        return
    assert UsdPhysics.RigidBodyAPI(body).GetKinematicEnabledAttr().Get()
    hull = stage.GetPrimAtPath(f"{BODY}/moving_1")
    assert UsdPhysics.MeshCollisionAPI(hull).GetApproximationAttr().Get() == "convexHull"
    corners = np.array(UsdGeom.Mesh(hull).GetPointsAttr().Get(), float)
    for time in (0.0, 1.5, 30.0, 60.0):  # at samples and between them
        matrix = np.array(UsdGeom.XformCache(time).GetLocalToWorldTransform(hull))
        placed = corners @ matrix[:3, :3] + matrix[3, :3]
        centres = np.array(stage.GetAttributeAtPath("/World/Visual/Gaussians/Moving.positions").Get(time))
        assert np.abs(placed.min(axis=0) - centres.min(axis=0)).max() < 0.03
        assert np.abs(placed.max(axis=0) - centres.max(axis=0)).max() < 0.03
    first, last = (UsdGeom.XformCache(t).GetLocalToWorldTransform(body).ExtractTranslation() for t in (0.0, 60.0))
    assert last[0] - first[0] == pytest.approx(2 * SPEED_M_S, abs=0.01)


def test_what_stands_still_has_no_collider_in_the_way(run: api.SceneResult) -> None:
    stage = Usd.Stage.Open(str(run.directory / "collision.usdc"))
    points = np.array(UsdGeom.Mesh(stage.GetPrimAtPath("/World/Collision/Environment")).GetPointsAttr().Get())
    inside = ((points > (0.4, 0.8, 0.2)) & (points < (2.3, 1.6, 0.8))).all(axis=1)
    assert not inside.any()


def test_a_run_is_the_same_again(run: api.SceneResult, tmp_path: Path) -> None:
    request = RunDirectory.read(run.directory).resolved_request()
    again = api.generate_scene(request, tmp_path / "again")
    for name in (*ROOTS, "provenance.json", "report.json"):
        assert (run.directory / name).read_bytes() == (again.directory / name).read_bytes(), name
    source = json.loads((run.directory / "provenance.json").read_text(encoding="utf-8"))
    assert len(source["source_sha256"]) == 64


def test_ground_carries_where_something_that_cannot_be_followed_goes_over_it(tmp_path: Path) -> None:
    frames = write_folder(tmp_path / "frames", over_ground(stable=False))
    params = {"generate": {"up": "z", "scale": 1.0, "fps": FPS}, "collide": {"voxel_size": 0.08}}
    made = api.generate_scene({"splat": str(frames), "params": params}, tmp_path / "run")
    found = {finding.code: finding for finding in made.report.findings}
    assert made.report.accepted, [f.message for f in made.report.findings if f.severity == "error"]
    assert {"sequence.held", "sequence.background"} <= set(found)
    assert "1 of 1 colliders" in found["physics.carried_missed"].message
    assert "collide.kerb" not in found
    stage = Usd.Stage.Open(str(made.directory / "collision.usdc"))
    points = np.array(UsdGeom.Mesh(stage.GetPrimAtPath("/World/Collision/Environment")).GetPointsAttr().Get())
    way = points[((points > (0.2, 0.7, -0.5)) & (points < (2.4, 1.7, 0.7))).all(axis=1)]
    assert np.abs(way[:, 2]).max() < 0.005
