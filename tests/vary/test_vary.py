"""Variations of a scene: thin, composed by USD alone, steady in PhysX, and the same for the same seed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pxr import Gf, Sdf, Usd, UsdGeom, UsdLux, UsdPhysics, UsdShade
from scipy.spatial import ConvexHull

from lyra_backend import validate, vary
from lyra_backend.author import package
from lyra_backend.errors import Cancelled, InvalidRequest
from lyra_backend.io.run_dir import RunDirectory
from lyra_backend.progress import CancelToken, Progress
from lyra_backend.types import Severity
from lyra_backend.vary import things, vary_scene

from ..atlas.rooms import crate, make_run, proxy_of, room
from ..commands import call

ROOM = (6.0, 5.0, (-3.0, -2.5))


def _room(folder: Path, **more: Any) -> Path:
    proxy = proxy_of(room(*ROOM))
    points = crate().vertices + np.array([-3.0, -2.5, 0.0], np.float32)
    return make_run(folder, replace(proxy, parts=(*proxy.parts, replace(crate(), vertices=points))), **more)


def _digests(folder: Path) -> dict[str, str]:
    files = {p.relative_to(folder).as_posix(): p for p in sorted(folder.rglob("*")) if p.is_file()}
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with three variations."""
    folder = _room(tmp_path_factory.mktemp("vary") / "room", seed=3)
    before = _digests(folder)
    outcome = vary_scene(folder, 3, clutter=4)
    assert [f for f in outcome.findings if f.severity is not Severity.INFO] == []
    assert outcome.value == ("000", "001", "002")
    assert outcome.counts == {"variations": 3, "things": 12}
    after = _digests(folder)
    assert {name: digest for name, digest in after.items() if not name.startswith("variations/")} == before
    return folder


def _data(run: Path) -> dict[str, Any]:
    return json.loads((run / "variations/variations.json").read_text(encoding="utf-8"))


def _stages(run: Path, name: str = "stage.usda") -> list[Usd.Stage]:
    return [Usd.Stage.Open(str(run / f"variations/{k:03d}/{name}")) for k in range(3)]


def _corners(prim: Usd.Prim) -> np.ndarray:
    """Return corners of a thing's shapes in the world, of round ones those of the box around them."""
    found = []
    for shape in prim.GetChildren():
        if shape.IsA(UsdGeom.Gprim):
            low, high = (np.array(v) for v in UsdGeom.Gprim(shape).GetExtentAttr().Get())
            box = np.array(np.meshgrid(*zip(low, high, strict=True))).reshape(3, -1).T
            mesh = UsdGeom.Mesh(shape).GetPointsAttr().Get() if shape.IsA(UsdGeom.Mesh) else None
            local = np.array(mesh) if mesh is not None else box
            matrix = np.array(UsdGeom.XformCache().GetLocalToWorldTransform(shape))
            found.append(local @ matrix[:3, :3] + matrix[3, :3])
    return np.concatenate(found)


def test_variations_are_thin_layers_over_the_run(run: Path) -> None:
    for k in range(3):
        folder = run / f"variations/{k:03d}"
        assert sorted(p.name for p in folder.iterdir()) == ["scene.usda", "stage.usda", "stage_isaac6.usda"]
        assert sum(p.stat().st_size for p in folder.iterdir()) < 40_000
        scene = Sdf.Layer.FindOrOpen(str(folder / "scene.usda"))
        world = scene.GetPrimAtPath("/World")
        assert [r.assetPath for r in world.referenceList.prependedItems] == ["../../scene.usda"]


@pytest.mark.parametrize("name", ["scene.usda", "stage.usda", "stage_isaac6.usda"])
def test_variations_compose_with_the_layers_of_the_run(run: Path, name: str) -> None:
    for stage in _stages(run, name):
        assert stage.GetCompositionErrors() == []
        used = {
            Path(layer.realPath).relative_to(run.resolve()).parts[0]
            for layer in stage.GetUsedLayers()
            if layer.realPath
        }
        assert {"gaussians.usdc", "collision.usdc", "scene.usda"} <= used
        assert stage.GetPrimAtPath("/World/Visual/Gaussians").GetTypeName() == "ParticleField3DGaussianSplat"
        assert stage.GetPrimAtPath("/World/Collision/Environment").HasAPI(UsdPhysics.CollisionAPI)
        assert UsdGeom.GetStageUpAxis(stage) == "Z"
        assert UsdGeom.GetStageMetersPerUnit(stage) == 1.0
        gravity = [p for p in stage.Traverse() if p.IsA(UsdPhysics.Scene)]
        assert len(gravity) == (0 if name == "scene.usda" else 1)


def test_things_are_rigid_bodies_with_all_that_engines_and_cameras_need(run: Path) -> None:
    for k, stage in enumerate(_stages(run)):
        told = _data(run)["variations"][f"{k:03d}"]["clutter"]
        scope = stage.GetPrimAtPath("/World/Clutter")
        assert [p.GetName() for p in scope.GetChildren()] == [one["name"] for one in told]
        for prim, one in zip(scope.GetChildren(), told, strict=True):
            assert prim.HasAPI(UsdPhysics.RigidBodyAPI)
            assert UsdPhysics.MassAPI(prim).GetMassAttr().Get() == pytest.approx(one["mass_kg"])
            assert list(prim.GetAttribute("semantics:labels:class").Get()) == [one["class"]]
            shapes = [child for child in prim.GetChildren() if child.IsA(UsdGeom.Gprim)]
            assert shapes
            for shape in shapes:
                assert shape.HasAPI(UsdPhysics.CollisionAPI)
                assert UsdGeom.Imageable(shape).ComputePurpose() == "default"
                assert UsdGeom.Gprim(shape).GetDisplayColorAttr().Get() is not None
                material, _ = UsdShade.MaterialBindingAPI(shape).ComputeBoundMaterial("physics")
                friction = UsdPhysics.MaterialAPI(material.GetPrim()).GetStaticFrictionAttr().Get()
                assert friction == pytest.approx(one["friction"])
                if shape.IsA(UsdGeom.Mesh):
                    assert UsdPhysics.MeshCollisionAPI(shape).GetApproximationAttr().Get() == "convexHull"


def test_nothing_overlaps_at_the_start(run: Path) -> None:
    """By the corners of what USD composes: above the floor, inside the walls, apart from each other and the crate."""
    low, high = np.array(ROOM[2]), np.array(ROOM[2]) + ROOM[:2]
    for stage in _stages(run):
        bodies = [_corners(p) for p in stage.GetPrimAtPath("/World/Clutter").GetChildren()]
        for corners in bodies:
            assert 0.0 <= corners[:, 2].min() < 0.002
            assert (corners[:, :2] > low).all()
            assert (corners[:, :2] < high).all()
        bodies.append(_corners(stage.GetPrimAtPath("/World/Collision/Objects/crate")))
        bodies.append(np.array([[x, y, 0.0] for x in (1.5, 3.0) for y in (1.3, 2.5)]))  # the bed
        outlines = [corners[ConvexHull(corners[:, :2]).vertices, :2] for corners in bodies]
        for i, one in enumerate(outlines):
            for other in outlines[:i]:
                assert _apart(one, other) > 0.01


def _apart(one: np.ndarray, other: np.ndarray) -> float:
    """Return a lower bound of the distance of two convex outlines: the largest gap across any of their sides."""
    gaps = []
    for outline in (one, other):
        along = np.roll(outline, -1, axis=0) - outline
        normals = np.column_stack([along[:, 1], -along[:, 0]]) / np.linalg.norm(along, axis=1)[:, None]
        a, b = one @ normals.T, other @ normals.T
        gaps.append(np.maximum(a.min(axis=0) - b.max(axis=0), b.min(axis=0) - a.max(axis=0)).max())
    return max(gaps)


def test_a_variation_passes_every_check_of_a_scene(run: Path) -> None:
    outcome = validate.run(run / "variations/001", None, validate.Params(), Progress())
    # the few Gaussians of the test are not where its colliders are, in the scene as in its variations
    loud = {f.code for f in outcome.findings if f.severity is not Severity.INFO}
    assert loud <= {"depth.median", "depth.p95"}
    found = {f.code: f for f in outcome.findings}
    assert outcome.counts["movable_bodies"] == 5
    assert found["physics.body_drift"].measured < 0.01


def test_light_friction_and_look_differ(run: Path) -> None:
    base, variations = Usd.Stage.Open(str(run / "stage.usda")), _stages(run)
    suns, frictions, gains = set(), set(), set()
    for stage in (base, *variations):
        sun = UsdLux.DistantLight(stage.GetPrimAtPath("/World/Lights/Sun"))
        suns.add((sun.GetIntensityAttr().Get(), tuple(sun.GetPrim().GetAttribute("xformOp:rotateXYZ").Get())))
        material = UsdPhysics.MaterialAPI(stage.GetPrimAtPath("/World/PhysicsMaterials/Environment"))
        pair = (material.GetStaticFrictionAttr().Get(), material.GetDynamicFrictionAttr().Get())
        frictions.add(pair)
        assert 0.06 <= pair[1] <= pair[0] <= 1.2
        settings = stage.GetRootLayer().customLayerData["renderSettings"]
        gains.add(settings.get("rtx:post:colorcorr:gain"))
        assert settings["rtx:post:tonemap:op"] == 2
    assert len(suns) == len(frictions) == len(gains) == 4
    told = _data(run)["variations"]["000"]
    settings = variations[0].GetRootLayer().customLayerData["renderSettings"]
    assert settings["rtx:post:colorcorr:gain"] == Gf.Vec3f(*told["look"]["gain"])
    assert settings["rtx:post:colorcorr:enabled"] is True


def test_same_seed_same_bytes_and_more_variations_leave_the_first(run: Path, tmp_path: Path) -> None:
    other = _room(tmp_path / "room", seed=3)
    vary_scene(other, 1, clutter=4)
    first, again = _digests(run / "variations/000"), _digests(other / "variations/000")
    assert first == again
    assert _data(run)["variations"]["000"] == _data(other)["variations"]["000"]
    vary_scene(other, 1, clutter=4, seed=4, overwrite=True)
    assert _digests(other / "variations/000")["scene.usda"] != again["scene.usda"]


def test_variations_are_no_results_of_the_run(run: Path) -> None:
    assert not [name for name in RunDirectory.read(run).results() if name.startswith("variations")]
    package.write_scene_package(run)  # nor part of what is packed
    (run / "scene.usdz").unlink()


def test_own_things_of_the_scene_lie_about_by_reference(run: Path, tmp_path: Path) -> None:
    own = things.own_things(run)
    assert [(one.kind, one.semantic_class, one.mass_kg) for one in own] == [("box", "box", 3.0)]
    copies = [one for v in _data(run)["variations"].values() for one in v["clutter"] if one["body"]]
    assert {one["body"] for one in copies} == {"/World/Collision/Objects/crate"}
    layer = Sdf.Layer.FindOrOpen(str(run / "variations/000/scene.usda"))
    for spec in layer.GetPrimAtPath("/World/Clutter").nameChildren:
        references = [r.assetPath for shape in spec.nameChildren for r in shape.referenceList.prependedItems]
        assert set(references) <= {"../../collision.usdc"}
        assert not [a for shape in spec.nameChildren for a in shape.attributes if a.name == "points"]


def test_what_tips_over_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A board on its edge, which the scene holds up somewhere, stands nowhere else."""
    leaning = crate().vertices.copy()
    low, high = leaning.min(axis=0), leaning.max(axis=0)
    top = leaning[:, 2] == high[2]
    leaning[~top, 0] = np.where(leaning[~top, 0] == high[0], low[0] + 0.02, low[0])
    board = replace(crate(), vertices=leaning)
    folder = make_run(tmp_path / "board", replace(proxy_of(room(*ROOM)), parts=(*proxy_of(room(*ROOM)).parts, board)))
    assert things.own_things(folder) == ()
    monkeypatch.setattr(things, "_stands", lambda base, middle: True)
    monkeypatch.setattr(things, "OWN_SHARE", 1.0)
    outcome = vary_scene(folder, 1, clutter=2)
    (finding,) = [f for f in outcome.findings if f.code == "vary.unstable"]
    assert finding.measured == 2
    assert outcome.counts["things"] == 0
    assert not Usd.Stage.Open(str(folder / "variations/000/stage.usda")).GetPrimAtPath("/World/Clutter")


def test_things_keep_away_from_robots(tmp_path: Path) -> None:
    folder = _room(tmp_path / "room")
    layer = Sdf.Layer.FindOrOpen(str(folder / "stage.usda"))
    scope = Sdf.PrimSpec(
        Sdf.PrimSpec(layer.GetPrimAtPath("/World"), "Robots", Sdf.SpecifierDef, "Scope"),
        "go2_0",
        Sdf.SpecifierDef,
        "Xform",
    )
    scope.SetInfo("customData", {"lyra": {"robot": "go2", "radiusMeters": 1.6}})
    place = Sdf.AttributeSpec(scope, "xformOp:translate", Sdf.ValueTypeNames.Double3)
    place.default = Gf.Vec3d(0.0, 0.0, 0.4)
    layer.Save()
    vary_scene(folder, 2, clutter=6)
    for one in (one for v in _data(folder)["variations"].values() for one in v["clutter"]):
        assert np.hypot(*one["position_m"][:2]) >= 1.6 + one["radius_m"]


def test_too_few_places_are_said(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "closet", proxy_of(room(2.4, 2.0, bed=False)))
    outcome = vary_scene(folder, 1, clutter=30)
    (finding,) = [f for f in outcome.findings if f.code == "vary.few_places"]
    assert finding.measured < finding.limit == 30


def test_without_an_engine_nothing_is_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lyra_backend.validate.settling.missing_packages", lambda: ("ovphysx",))
    folder = _room(tmp_path / "room")
    outcome = vary_scene(folder, 1, clutter=2)
    assert [(f.code, f.severity) for f in outcome.findings] == [("physics.not_run", Severity.ERROR)]
    assert outcome.counts["things"] == 2
    assert _data(folder)["accepted"] is False


def test_nothing_lies_about_on_request(tmp_path: Path) -> None:
    folder = _room(tmp_path / "room")
    outcome = vary_scene(folder, 1, clutter=0)
    assert outcome.findings == ()
    assert not Usd.Stage.Open(str(folder / "variations/000/scene.usda")).GetPrimAtPath("/World/Clutter")


def test_mistakes_are_told_in_words(run: Path, tmp_path: Path) -> None:
    for arguments, words in (
        ((tmp_path / "nowhere", 1), "does not exist"),
        ((tmp_path, 1), "not a run directory"),
        ((run, 1), "already holds variations"),
        ((run, 0), "--variations: must be a whole number from 1"),
        ((run, True), "--variations"),
    ):
        with pytest.raises(InvalidRequest, match=words):
            vary_scene(*arguments)
    with pytest.raises(InvalidRequest, match="--clutter: must be a whole number from 0 to 64, got -1"):
        vary_scene(run, 1, clutter=-1, overwrite=True)
    assert len(_data(run)["variations"]) == 3


def test_cancelled_leaves_no_whole_variations(tmp_path: Path) -> None:
    folder, token = _room(tmp_path / "room"), CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        vary_scene(folder, 1, token=token)
    assert not (folder / "variations" / vary.VARIATIONS_FILE).exists()
    vary_scene(folder, 1, clutter=0)  # and what is left of it is in nobody's way


def test_command_tells_scripts(tmp_path: Path) -> None:
    folder = _room(tmp_path / "room")
    done = call("vary", folder, "--variations", 1, "--clutter", 0, "--json")
    assert done.code == 0
    assert done.data["accepted"] is True
    assert done.data["counts"] == {"variations": 1, "things": 0}
    assert call("vary", folder, "--variations", 1, "--json").code == 2
