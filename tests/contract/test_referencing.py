"""A scene referenced into other people's stages: it lands where the prim that refers to it is, whatever their axes.

USD does not turn or scale what it refers to: `upAxis` and `metersPerUnit` of a file count only where it is the root.
So a prim in a Y-up or centimetre stage carries the correction, which Kit adds by itself (xformOp:rotateX:unitsResolve,
xformOp:scale:unitsResolve) and others have to add; docs/usd.md shows how.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pxr import Gf, Usd, UsdGeom, UsdPhysics

from lyra_backend import author, registry
from lyra_backend.author import Params, splat_reader
from lyra_backend.progress import Progress
from lyra_backend.types import Frame, GaussianSequence, SceneBundle

from ..author.fields import cloud_of, room_proxy
from ..author.ways import gaussian_prims

ROOTS = ("scene.usda", "stage.usda", "scene.usdz")
#: by axis and metres per unit: what a point (x, y, z) of the scene [m] becomes in the other stage
STAGES = {
    ("Z", 1.0): lambda p: p,
    ("Z", 0.01): lambda p: 100 * p,
    ("Y", 1.0): lambda p: p[:, [0, 2, 1]] * (1, 1, -1),
    ("Y", 0.01): lambda p: 100 * p[:, [0, 2, 1]] * (1, 1, -1),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scene with everything that has a place: fields, a volume, colliders, a body."""
    folder = tmp_path_factory.mktemp("scene")
    params = {name: registry.get("author", name).Params() for name in ("particle_field", "nurec")}
    author.run(SceneBundle(cloud_of(60), room_proxy(), params), folder, Params(package="usdz"), Progress())
    return folder


def host(
    path: Path, up: str, metres: float, shift: tuple[float, float, float] = (0, 0, 0), **variants: str
) -> Usd.Stage:
    """Refer to a scene as docs/usd.md says: moved in the stage's own units, turned and scaled to its axes and units."""
    stage = Usd.Stage.CreateInMemory()
    UsdGeom.SetStageUpAxis(stage, up)
    UsdGeom.SetStageMetersPerUnit(stage, metres)
    holder = UsdGeom.Xform.Define(stage, "/Room")
    holder.AddTranslateOp().Set(Gf.Vec3d(*shift))
    if up == "Y":
        holder.AddRotateXOp().Set(-90.0)
    if metres != 1.0:
        holder.AddScaleOp().Set(Gf.Vec3f(1 / metres))
    scene = stage.DefinePrim("/Room/Scene")
    scene.GetReferences().AddReference(str(path))
    for name, variant in variants.items():
        scene.GetVariantSet(name).SetVariantSelection(variant)
    assert not stage.GetCompositionErrors()
    return stage


def box(stage: Usd.Stage, prim: Usd.Prim) -> np.ndarray:
    """Return the world bound (2, 3) of a prim by its authored extents, guides too."""
    cache = UsdGeom.BBoxCache(Usd.TimeCode.Default(), ["default", "render", "guide"])
    found = cache.ComputeWorldBound(prim).ComputeAlignedRange()
    return np.array([found.GetMin(), found.GetMax()])


def corners(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    return np.array([[x, y, z] for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])])


@pytest.mark.parametrize("root", ROOTS)
@pytest.mark.parametrize(("up", "metres"), STAGES)
def test_colliders_land_where_the_stage_has_them(folder: Path, root: str, up: str, metres: float) -> None:
    shift = (3.0, -2.0, 5.0)
    alone = Usd.Stage.Open(str(folder / root))
    alone.GetDefaultPrim().GetVariantSet("collision").SetVariantSelection("parts")
    stage = host(folder / root, up, metres, shift, collision="parts")
    cache, own = UsdGeom.XformCache(), UsdGeom.XformCache()
    shapes = [p for p in stage.Traverse() if p.HasAPI(UsdPhysics.CollisionAPI)]
    assert len(shapes) == 2
    for shape in shapes:
        there = alone.GetPrimAtPath(str(shape.GetPath()).replace("/Room/Scene", "/World"))
        points = np.array(UsdGeom.Mesh(shape).GetPointsAttr().Get(), float)
        placed = [np.array(c.GetLocalToWorldTransform(p)) for c, p in ((cache, shape), (own, there))]
        got, metric = (points @ matrix[:3, :3] + matrix[3, :3] for matrix in placed)
        wanted = STAGES[up, metres](metric) + shift
        assert np.abs(got - wanted).max() < 1e-4 / metres
        assert np.abs(box(stage, shape) - (wanted.min(axis=0), wanted.max(axis=0))).max() < 1e-4 / metres


@pytest.mark.parametrize("root", ROOTS)
@pytest.mark.parametrize("appearance", ["particleField", "nurec"])
@pytest.mark.parametrize(("up", "metres"), STAGES)
def test_gaussians_land_where_the_colliders_do(
    folder: Path, root: str, appearance: str, up: str, metres: float
) -> None:
    shift, cloud = (3.0, -2.0, 5.0), cloud_of(60)
    stage = host(folder / root, up, metres, shift, appearance=appearance)
    (gaussians,) = gaussian_prims(stage)
    alone = Usd.Stage.Open(str(folder / root))
    alone.GetDefaultPrim().GetVariantSet("appearance").SetVariantSelection(appearance)
    wanted = STAGES[up, metres](corners(*box(alone, gaussian_prims(alone)[0]))) + shift
    got = box(stage, gaussians)
    assert np.abs(got - (wanted.min(axis=0), wanted.max(axis=0))).max() < 1e-4 / metres
    centres = STAGES[up, metres](cloud.positions.astype(float)) + shift
    assert (got[0] < centres.min(axis=0)).all()
    assert (got[1] > centres.max(axis=0)).all()
    if appearance == "particleField":
        matrix = np.array(UsdGeom.XformCache().GetLocalToWorldTransform(gaussians))
        stored = np.array(gaussians.GetAttribute("positions").Get(), float)
        assert np.abs(stored @ matrix[:3, :3] + matrix[3, :3] - centres).max() < 1e-4 / metres


@pytest.mark.parametrize("root", ROOTS)
def test_none_drops_what_it_says(folder: Path, root: str) -> None:
    for choice, gaussians, shapes in (({}, 1, 1), ({"appearance": "none"}, 0, 1), ({"collision": "none"}, 1, 0)):
        stage = host(folder / root, "Y", 0.01, **choice)
        assert len(gaussian_prims(stage)) == gaussians
        assert len([p for p in stage.Traverse() if p.HasAPI(UsdPhysics.CollisionAPI)]) == shapes
        assert len([p for p in stage.Traverse() if p.HasAPI(UsdPhysics.RigidBodyAPI)]) == 0
        files = {Path(layer.identifier.rstrip("]")).name for layer in stage.GetUsedLayers()}
        assert bool([f for f in files if "gaussians" in f]) == bool(gaussians)
        assert bool([f for f in files if "collision" in f]) == bool(shapes)


def test_a_scene_that_moves_lands_right_at_each_time(tmp_path: Path) -> None:
    sequence = GaussianSequence((cloud_of(20), cloud_of(12, seed=1)), (0.0, 0.5))
    params = {"particle_field": registry.get("author", "particle_field").Params()}
    bundle = SceneBundle(sequence.at(0), room_proxy(), params, sequence=sequence)
    author.run(bundle, tmp_path, Params(), Progress())
    stage = host(tmp_path / "scene.usda", "Y", 0.01)
    (field,) = gaussian_prims(stage)
    for time_s, cloud in zip(sequence.times_s, sequence.clouds, strict=True):
        # time codes are scaled by USD to the rate of the stage that refers, here the fallback of 24 a second
        cache = UsdGeom.BBoxCache(24.0 * time_s, ["default"])
        found = cache.ComputeWorldBound(field).ComputeAlignedRange()
        centres = STAGES["Y", 0.01](cloud.positions.astype(float))
        assert (np.array(found.GetMin()) < centres.min(axis=0)).all()
        assert (np.array(found.GetMax()) > centres.max(axis=0)).all()
        assert len(field.GetAttribute("positions").Get(24.0 * time_s)) == cloud.count


@pytest.mark.parametrize("appearance", ["particleField", "nurec"])
@pytest.mark.parametrize(("up", "metres"), STAGES)
def test_reading_a_stage_of_other_axes_does_not_take_it_for_the_world(
    folder: Path, tmp_path: Path, appearance: str, up: str, metres: float
) -> None:
    host(folder / "scene.usda", up, metres, appearance=appearance).Export(str(tmp_path / "host.usdc"))
    cloud = splat_reader.read(tmp_path / "host.usdc").value
    assert cloud.frame is (Frame.WORLD if (up, metres) == ("Z", 1.0) else Frame.GENERATOR)
    wanted = STAGES[up, metres](cloud_of(60).positions.astype(float))
    assert np.abs(cloud.positions - wanted).max() < (2e-3 if appearance == "nurec" else 1e-4) / metres
