"""Bodies that are carried along: there in every variant but none, with their poses at the right times."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pxr import Gf, Usd, UsdGeom, UsdPhysics, UsdShade, UsdValidation

from lyra_backend import author
from lyra_backend.author import collision
from lyra_backend.author.particle_field import Params as FieldParams
from lyra_backend.errors import InvalidRequest
from lyra_backend.progress import Progress
from lyra_backend.types import Approximation, CollisionPart, CollisionProxy, KinematicBody, Role, SceneBundle

from .fields import cloud_of, room_proxy, square

BODY = "/World/Collision/Moving/moving_1"
HULL = f"{BODY}/moving_1"
HALF = 0.5**0.5
ORIGIN = np.array([3.0, 3.0, 1.0])


def body(name: str = "moving_1") -> KinematicBody:
    """A tetrahedron that goes 1 m along x and is turned by 90 degrees about z in half a second."""
    corners = np.array([[0, 0, 0], [0.5, 0, 0], [0, 0.5, 0], [0, 0, 0.5]], np.float32) + np.float32(ORIGIN)
    faces = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
    part = CollisionPart(name, corners, faces, "unknown", Approximation.CONVEX_HULL, Role.OBJECT, body=name)
    turns = np.array([[1.0, 0, 0, 0], [HALF, 0, 0, HALF]])
    return KinematicBody(part, (0.0, 0.5), np.array([ORIGIN, ORIGIN + (1, 0, 0)]), turns, 0.01)


def proxy(*parts: CollisionPart) -> CollisionProxy:
    return CollisionProxy(parts or room_proxy().parts, "surface", {}, kinematic=(body(),))


def test_the_body_is_kinematic_and_its_hull_a_collider(tmp_path: Path) -> None:
    collision.write(proxy(), tmp_path / "collision.usdc")
    stage = Usd.Stage.Open(str(tmp_path / "collision.usdc"))
    assert (stage.GetStartTimeCode(), stage.GetEndTimeCode(), stage.GetTimeCodesPerSecond()) == (0.0, 12.0, 24.0)
    rigid = UsdPhysics.RigidBodyAPI(stage.GetPrimAtPath(BODY))
    assert stage.GetPrimAtPath(BODY).HasAPI(UsdPhysics.RigidBodyAPI)
    assert rigid.GetKinematicEnabledAttr().Get()
    hull = stage.GetPrimAtPath(HULL)
    assert UsdPhysics.MeshCollisionAPI(hull).GetApproximationAttr().Get() == "convexHull"
    assert UsdGeom.Imageable(hull).GetPurposeAttr().Get() == "guide"
    material, _ = UsdShade.MaterialBindingAPI(hull).ComputeBoundMaterial("physics")
    assert UsdPhysics.MaterialAPI(material).GetStaticFrictionAttr().Get() == 1.0


@pytest.mark.parametrize(
    ("time", "offset", "angle_deg"),
    [(Usd.TimeCode.Default(), 0.0, 0.0), (0.0, 0.0, 0.0), (6.0, 0.5, 45.0), (12.0, 1.0, 90.0), (99.0, 1.0, 90.0)],
)
def test_it_is_where_it_should_be_at_any_time(tmp_path: Path, time, offset: float, angle_deg: float) -> None:
    collision.write(proxy(), tmp_path / "collision.usdc")
    stage = Usd.Stage.Open(str(tmp_path / "collision.usdc"))
    matrix = UsdGeom.XformCache(time).GetLocalToWorldTransform(stage.GetPrimAtPath(HULL))
    points = np.array(UsdGeom.Mesh(stage.GetPrimAtPath(HULL)).GetPointsAttr().Get(), float)
    placed = np.array([matrix.Transform(Gf.Vec3d(*point)) for point in points.tolist()])
    c, s = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
    local = body().part.vertices - ORIGIN
    expected = local @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]]) + ORIGIN + (offset, 0, 0)
    order = [int(np.linalg.norm(placed - corner, axis=1).argmin()) for corner in expected]
    assert sorted(order) == [0, 1, 2, 3]
    np.testing.assert_allclose(placed[order], expected, atol=1e-5)


def pieces() -> tuple[CollisionPart, ...]:
    return (replace(body("piece").part, role=Role.PIECE, body=""), square("floor"))


@pytest.mark.parametrize("parts", [room_proxy().parts, pieces()], ids=["objects", "pieces"])
def test_it_is_there_in_every_variant_but_none(tmp_path: Path, parts: tuple[CollisionPart, ...]) -> None:
    bundle = SceneBundle(cloud_of(20), proxy(*parts), {"particle_field": FieldParams()})
    author.run(bundle, tmp_path, author.Params(), Progress())
    stage = Usd.Stage.Open(str(tmp_path / "scene.usda"))
    variants = stage.GetDefaultPrim().GetVariantSet("collision")
    assert len(variants.GetVariantNames()) == 3
    for name in variants.GetVariantNames():
        variants.SetVariantSelection(name)
        assert bool(stage.GetPrimAtPath(HULL)) == (name != "none"), name


def test_rules_of_usd_have_nothing_to_say(tmp_path: Path) -> None:
    bundle = SceneBundle(cloud_of(20), proxy(), {"particle_field": FieldParams()})
    author.run(bundle, tmp_path, author.Params(), Progress())
    for name in ("collision.usdc", "stage.usda"):
        validators = UsdValidation.ValidationRegistry().GetOrLoadAllValidators()
        found = UsdValidation.ValidationContext(validators).Validate(Usd.Stage.Open(str(tmp_path / name)))
        assert [error.GetMessage() for error in found] == []


def test_its_name_must_be_one_that_usd_takes(tmp_path: Path) -> None:
    bad = CollisionProxy(room_proxy().parts, "surface", {}, kinematic=(body("1 box"),))
    with pytest.raises(InvalidRequest, match="collider '1 box': its name must be letters"):
        collision.write(bad, tmp_path / "collision.usdc")
