"""Colliders come out as the meshes physics engines and ray casters expect."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pxr import Gf, Usd, UsdGeom, UsdPhysics, UsdSemantics, UsdShade

from lyra_backend.author import collision
from lyra_backend.errors import Cancelled, InvalidRequest
from lyra_backend.progress import CancelToken, Progress
from lyra_backend.types import Approximation, CollisionPart, CollisionProxy, Primitive, Role, Shape

from .fields import room_proxy, square

ENVIRONMENT = "/World/Collision/Environment"
STRUCTURE = "/World/Collision/Structure"
BODY = "/World/Collision/Objects/crate"
CRATE = BODY + "/crate"


@pytest.fixture
def stage(tmp_path: Path) -> Usd.Stage:
    """The layer with everything in it switched on."""
    collision.write(room_proxy(), tmp_path / "collision.usdc")
    opened = Usd.Stage.Open(str(tmp_path / "collision.usdc"))
    opened.SetEditTarget(opened.GetSessionLayer())
    for path in (STRUCTURE, BODY):
        opened.GetPrimAtPath(path).SetActive(True)
    return opened


def test_alone_the_layer_holds_everything_once(tmp_path: Path) -> None:
    collision.write(room_proxy(), tmp_path / "collision.usdc")
    opened = Usd.Stage.Open(str(tmp_path / "collision.usdc"))
    shapes = [str(p.GetPath()) for p in opened.Traverse() if p.HasAPI(UsdPhysics.CollisionAPI)]
    assert shapes == [ENVIRONMENT]


def test_variants_switch_what_differs_from_the_layer() -> None:
    switches = collision.variants(room_proxy())
    changed = {"Collision/Environment": False, "Collision/Structure": True, "Collision/Objects/crate": True}
    assert switches == {"single": {}, "parts": changed}
    assert list(switches) == ["single", "parts"]


def moving_crate(**changes: object) -> CollisionPart:
    hull = next(p for p in room_proxy().parts if p.body)
    return replace(hull, dynamic=True, mass_kg=12.0, **changes)  # type: ignore[arg-type]


def test_what_moves_is_there_in_every_variant(tmp_path: Path) -> None:
    proxy = CollisionProxy((moving_crate(), square("floor"), square("slab", role=Role.PIECE)), "surface", {})
    assert collision.variants(proxy)["single"] == {}
    assert collision.variants(proxy)["convex"] == {"Collision/Environment": False, "Collision/Convex/slab": True}
    collision.write(proxy, tmp_path / "a.usda")
    opened = Usd.Stage.Open(str(tmp_path / "a.usda"))
    body = opened.GetPrimAtPath(BODY)
    assert body.HasAPI(UsdPhysics.RigidBodyAPI)
    assert UsdPhysics.MassAPI(body).GetMassAttr().Get() == 12.0


@pytest.mark.parametrize("shape", list(Shape))
def test_primitives_are_what_they_are_where_they_are(tmp_path: Path, shape: Shape) -> None:
    turn = np.array([np.cos(0.3), 0, 0, np.sin(0.3)], np.float32)
    body = Primitive(shape, np.array([1.5, 1.5, 0.5]), turn, np.array([0.6, 0.6, 1.0 if shape != "sphere" else 0.6]))
    proxy = CollisionProxy((moving_crate(primitive=body, friction=0.4), square("floor")), "surface", {})
    collision.write(proxy, tmp_path / "a.usda")
    opened = Usd.Stage.Open(str(tmp_path / "a.usda"))
    prim = opened.GetPrimAtPath(CRATE)
    assert prim.GetTypeName() == {"box": "Cube", "cylinder": "Cylinder", "sphere": "Sphere"}[shape]
    assert prim.HasAPI(UsdPhysics.CollisionAPI)
    assert not prim.HasAPI(UsdPhysics.MeshCollisionAPI)
    own = UsdGeom.BBoxCache(0.0, ["guide"]).ComputeUntransformedBound(prim).GetRange()
    scale = UsdGeom.XformCache().GetLocalToWorldTransform(prim)
    sides = [Gf.Vec3d(*row).GetLength() for row in np.array(scale)[:3, :3]]
    assert np.allclose(np.array(own.GetSize()) * sides, body.size)
    assert np.allclose(scale.ExtractTranslation(), body.center)
    material, _ = UsdShade.MaterialBindingAPI(prim).ComputeBoundMaterial("physics")
    assert UsdPhysics.MaterialAPI(material.GetPrim()).GetStaticFrictionAttr().Get() == pytest.approx(0.4)


def test_exact_parts_are_one_mesh_and_it_is_the_first(stage: Usd.Stage) -> None:
    meshes = [prim for prim in stage.Traverse() if prim.IsA(UsdGeom.Mesh)]
    assert [str(m.GetPath()) for m in meshes] == [ENVIRONMENT, STRUCTURE, CRATE]
    mesh = UsdGeom.Mesh(meshes[0])
    assert mesh.GetFaceVertexCountsAttr().Get() == [3, 3, 3, 3]
    assert list(mesh.GetFaceVertexIndicesAttr().Get()) == [0, 1, 2, 0, 2, 3, 4, 5, 6, 4, 6, 7]
    points = np.array(mesh.GetPointsAttr().Get())
    assert np.array_equal(points[:4], room_proxy().parts[1].vertices)
    assert np.array_equal(points[4:], room_proxy().parts[2].vertices)


@pytest.mark.parametrize(("path", "approximation"), [(ENVIRONMENT, "none"), (CRATE, "convexHull")])
def test_meshes_say_what_engines_need(stage: Usd.Stage, path: str, approximation: str) -> None:
    prim = stage.GetPrimAtPath(path)
    mesh = UsdGeom.Mesh(prim)
    assert prim.HasAPI(UsdPhysics.CollisionAPI)
    assert UsdPhysics.MeshCollisionAPI(prim).GetApproximationAttr().Get() == approximation
    assert not prim.HasAPI(UsdPhysics.RigidBodyAPI)
    assert mesh.GetSubdivisionSchemeAttr().Get() == "none"
    assert mesh.GetOrientationAttr().Get() == "rightHanded"
    assert mesh.GetPurposeAttr().Get() == "guide"
    world = np.array(UsdGeom.XformCache().GetLocalToWorldTransform(prim))
    assert np.array_equal(world, np.eye(4)) == (path == ENVIRONMENT)
    if path == CRATE:
        moved = np.array(mesh.GetPointsAttr().Get()) + world[3, :3]
        assert np.allclose(moved, room_proxy().parts[0].vertices)
    points = np.array(mesh.GetPointsAttr().Get())
    assert np.array_equal(mesh.GetExtentAttr().Get(), [points.min(axis=0), points.max(axis=0)])
    assert all(not attribute.IsCustom() for attribute in prim.GetAuthoredAttributes())


def test_normals_point_where_the_triangles_do(stage: Usd.Stage) -> None:
    mesh = UsdGeom.Mesh(stage.GetPrimAtPath(ENVIRONMENT))
    assert mesh.GetNormalsInterpolation() == "uniform"
    assert np.array_equal(mesh.GetNormalsAttr().Get(), [[0, 0, 1]] * 4)


def test_meshes_have_a_physics_material(stage: Usd.Stage) -> None:
    bound = []
    for path in (ENVIRONMENT, CRATE):
        material, _ = UsdShade.MaterialBindingAPI(stage.GetPrimAtPath(path)).ComputeBoundMaterial("physics")
        bound.append(material.GetPath())
        physics = UsdPhysics.MaterialAPI(material.GetPrim())
        assert physics.GetStaticFrictionAttr().Get() == 1.0
        assert physics.GetDynamicFrictionAttr().Get() == 1.0
        assert physics.GetRestitutionAttr().Get() == 0.0
        # The schema is PhysX's and unknown here; the names are what PhysX reads.
        assert "PhysxMaterialAPI" in material.GetPrim().GetPrimTypeInfo().GetAppliedAPISchemas()
        assert material.GetPrim().GetAttribute("physxMaterial:frictionCombineMode").Get() == "multiply"
        assert material.GetPrim().GetAttribute("physxMaterial:restitutionCombineMode").Get() == "multiply"
        assert not UsdShade.MaterialBindingAPI(stage.GetPrimAtPath(path)).ComputeBoundMaterial()[0]
    assert bound == ["/World/PhysicsMaterials/Environment"] * 2


def test_a_class_has_one_material_for_each_friction(tmp_path: Path) -> None:
    def crate(name: str, friction: float | None) -> CollisionPart:
        hull = square(name, approximation=Approximation.CONVEX_HULL, role=Role.OBJECT, body=name)
        return replace(hull, semantic_class="crate", friction=friction)

    parts = (square("floor"), crate("a", 0.6), crate("b", 0.6), crate("c", 0.4), crate("d", None))
    collision.write(CollisionProxy(parts, "surface", {}), tmp_path / "a.usda")
    opened = Usd.Stage.Open(str(tmp_path / "a.usda"))
    made = {p.GetName(): p for p in opened.GetPrimAtPath("/World/PhysicsMaterials").GetChildren()}
    frictions = {name: UsdPhysics.MaterialAPI(p).GetStaticFrictionAttr().Get() for name, p in made.items()}
    assert frictions == pytest.approx({"Environment": 1.0, "crate": 0.6, "crate_2": 0.4})


def test_classes_become_semantic_labels(stage: Usd.Stage) -> None:
    labels = {
        p: UsdSemantics.LabelsAPI(stage.GetPrimAtPath(p), "class").GetLabelsAttr().Get() for p in (ENVIRONMENT, CRATE)
    }
    assert list(labels[ENVIRONMENT]) == ["floor", "table"]
    assert list(labels[CRATE]) == ["box"]


def test_origin_and_error_are_kept(stage: Usd.Stage) -> None:
    for path in ("/World/Collision", ENVIRONMENT):
        prim = stage.GetPrimAtPath(path)
        assert prim.GetCustomDataByKey("lyra:method") == "surface"
        assert prim.GetCustomDataByKey("lyra:errorMeters") == pytest.approx({"median": 0.002, "p95": 0.008})
        assert prim.GetCustomDataByKey("lyra:errorVariant") == "single"


def test_what_was_not_measured_states_no_error(tmp_path: Path) -> None:
    structure = replace(square("floor"), role=Role.STRUCTURE)
    proxy = CollisionProxy((square("floor"), structure), "surface", {"p95": 0.008}, {"leaks": 2, "open_m2": 0.5})
    collision.write(proxy, tmp_path / "a.usda")
    opened = Usd.Stage.Open(str(tmp_path / "a.usda"))
    assert opened.GetPrimAtPath(ENVIRONMENT).GetCustomDataByKey("lyra:errorMeters")
    assert opened.GetPrimAtPath(ENVIRONMENT).GetCustomDataByKey("lyra:measured") == {"leaks": 2.0, "open_m2": 0.5}
    assert not opened.GetPrimAtPath("/World/Collision/Structure").GetCustomDataByKey("lyra:errorMeters")


def test_hulls_alone_need_no_environment(tmp_path: Path) -> None:
    slab = square("slab", approximation=Approximation.CONVEX_HULL, role=Role.PIECE)
    proxy = CollisionProxy((slab,), "convex", {})
    assert collision.collider_paths(proxy) == ("Collision/Convex/slab",)
    assert collision.variants(proxy) == {"convex": {}}
    counts = collision.write(proxy, tmp_path / "a.usda")
    assert counts == {"colliders": 1, "collider_vertices": 4, "collider_triangles": 2}
    opened = Usd.Stage.Open(str(tmp_path / "a.usda"))
    assert not opened.GetPrimAtPath(ENVIRONMENT)
    assert opened.GetPrimAtPath("/World/Collision").GetCustomDataByKey("lyra:errorMeters") is None
    assert not opened.GetPrimAtPath("/World/Collision/Convex/slab").HasAPI(UsdSemantics.LabelsAPI)


def test_flat_triangles_get_a_normal_all_the_same(tmp_path: Path) -> None:
    part = square("floor")
    corners = np.vstack([part.vertices, part.vertices[:2].mean(axis=0)])
    flat = type(part)("floor", corners, np.array([[0, 1, 2], [0, 4, 1]]))
    collision.write(CollisionProxy((flat,), "surface", {}), tmp_path / "a.usdc")
    opened = Usd.Stage.Open(str(tmp_path / "a.usdc"))
    normals = UsdGeom.Mesh(opened.GetPrimAtPath(ENVIRONMENT)).GetNormalsAttr().Get()
    assert np.array_equal(normals, [[0, 0, 1], [0, 0, 1]])


def test_nothing_to_write_and_bad_names_are_explained(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="no parts"):
        collision.write(CollisionProxy((), "none", {}), tmp_path / "a.usdc")
    bad = CollisionProxy((square("2nd floor", role=Role.PIECE),), "convex", {})
    with pytest.raises(InvalidRequest, match="2nd floor"):
        collision.write(bad, tmp_path / "a.usdc")
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_left_after_a_cancel(tmp_path: Path) -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        collision.write(room_proxy(), tmp_path / "a.usdc", progress=Progress(token=token))
    assert list(tmp_path.iterdir()) == []


def test_shared_corners_become_one_and_unused_ones_go(tmp_path: Path) -> None:
    left, right = square("left", 1.0), square("right", 1.0)
    moved = right.vertices * np.float32([-1, 1, 1])  # mirrored at x = 0, where the corners come out as -0.0
    spare = np.vstack([moved, [[9, 9, 9]]])
    right = type(right)("right", spare, right.triangles[:, ::-1])
    collision.write(CollisionProxy((left, right), "surface", {}), tmp_path / "a.usdc")
    opened = Usd.Stage.Open(str(tmp_path / "a.usdc"))
    mesh = UsdGeom.Mesh(opened.GetPrimAtPath(ENVIRONMENT))
    points, indices = np.array(mesh.GetPointsAttr().Get()), np.array(mesh.GetFaceVertexIndicesAttr().Get())
    assert points.tolist() == [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [-1, 0, 0], [-1, 1, 0]]
    wanted = np.concatenate([left.vertices[left.triangles], right.vertices[right.triangles]])
    assert np.array_equal(points[indices].reshape(-1, 3, 3), wanted)


def test_triangles_that_welding_leaves_without_area_go(tmp_path: Path) -> None:
    part = square("floor")
    doubled = np.vstack([part.vertices, part.vertices[:1]])  # corner 4 lies where corner 0 does
    triangles = np.array([[0, 1, 2], [0, 2, 3], [0, 4, 1], [4, 0, 4]])
    collision.write(CollisionProxy((type(part)("floor", doubled, triangles),), "surface", {}), tmp_path / "a.usdc")
    opened = Usd.Stage.Open(str(tmp_path / "a.usdc"))
    mesh = UsdGeom.Mesh(opened.GetPrimAtPath(ENVIRONMENT))
    assert list(mesh.GetFaceVertexCountsAttr().Get()) == [3, 3]
    assert len(mesh.GetPointsAttr().Get()) == 4


def test_what_the_scene_was_made_of_is_a_variant_of_its_own(tmp_path: Path) -> None:
    box = Primitive(Shape.BOX, np.array([0.5, 0.5, 0.5]), np.array([1.0, 0, 0, 0]), np.ones(3))
    kind = {"role": Role.EXACT, "semantic_class": "box"}
    exact = (
        square("desk_0", primitive=box, approximation=Approximation.CONVEX_HULL, **kind),
        square("floor_1", **kind),
    )
    proxy = CollisionProxy((moving_crate(), square("floor"), *exact), "surface", {})
    switches = collision.variants(proxy)
    assert list(switches) == ["single", "exact"]
    off, on = (
        ("Collision/Environment", "Collision/Objects/crate"),
        ("Collision/Exact/desk_0", "Collision/Exact/floor_1"),
    )
    assert switches["exact"] == {**dict.fromkeys(off, False), **dict.fromkeys(on, True)}
    collision.write(proxy, tmp_path / "a.usda")
    stage = Usd.Stage.Open(str(tmp_path / "a.usda"))
    desk, floor = (stage.GetPrimAtPath(f"/World/{path}") for path in on)
    assert not desk.IsActive()
    assert desk.GetTypeName() == "Cube"
    assert desk.HasAPI(UsdPhysics.CollisionAPI)
    assert floor.GetAttribute("physics:approximation").Get() == "none"
    assert list(floor.GetAttribute("semantics:labels:class").Get()) == ["box"]
