"""The proxy mesh looks like the Gaussians, in pieces by class, and lies where the colliders do."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pxr import Usd, UsdGeom

from lyra_backend import author
from lyra_backend.author import particle_field
from lyra_backend.author.meshes import split_long_edges
from lyra_backend.author.surface_samples import SurfaceSamples
from lyra_backend.progress import Progress
from lyra_backend.types import (
    Approximation,
    CollisionPart,
    CollisionProxy,
    Frame,
    GaussianCloud,
    KinematicBody,
    Primitive,
    Role,
    SceneBundle,
    Shape,
)
from lyra_backend.types.mesh import triangle_normals_and_areas

from .fields import cloud_of, room_proxy, square
from .test_labels import labels

SH_C0 = 0.28209479


def floor(shades: tuple[float, float] = (0.2, 0.8), classes: tuple[int, int] = (1, 2)) -> GaussianCloud:
    """A floor of 4 x 4 m of flat Gaussians 0.1 m apart: one grey and class for x < 2 m, another beyond."""
    x, y = (m.ravel() for m in np.meshgrid(np.arange(0.05, 4, 0.1), np.arange(0.05, 4, 0.1), indexing="ij"))
    half = (x > 2).astype(int)
    sh = np.repeat((np.array(shades)[half] - 0.5)[:, None, None] / SH_C0, 3, axis=2)
    ids, names = np.array(classes, np.uint16)[half], ("unknown", "floor", "rug")
    scales, quats = np.tile([0.06, 0.06, 0.004], (len(x), 1)), np.tile([1, 0, 0, 0], (len(x), 1))
    points = np.stack([x, y, np.zeros_like(x)], axis=1)
    return GaussianCloud(points, scales, quats, np.full(len(x), 0.9), sh, Frame.WORLD, ids, names)


def shown(folder: Path, cloud: GaussianCloud, proxy: CollisionProxy) -> Usd.Stage:
    folder.mkdir(exist_ok=True)
    bundle = SceneBundle(cloud, proxy, {"particle_field": particle_field.Params()})
    author.run(bundle, folder, author.Params(appearance="proxy"), Progress())
    return Usd.Stage.Open(str(folder / "stage.usda"))


def colors(stage: Usd.Stage, path: str) -> np.ndarray:
    primvar = UsdGeom.PrimvarsAPI(stage.GetPrimAtPath(path)).GetPrimvar("displayColor")
    return np.array(primvar.ComputeFlattened())


def points(stage: Usd.Stage, path: str) -> np.ndarray:
    return np.array(UsdGeom.Mesh(stage.GetPrimAtPath(path)).GetPointsAttr().Get())


def bare(*parts: CollisionPart) -> CollisionProxy:
    return CollisionProxy(parts, "surface", {})


@pytest.mark.parametrize("longest", [0.3, 0.07, 5.0])
def test_split_edges_are_short_and_nothing_moves(longest: float) -> None:
    rng = np.random.default_rng(0)
    part = square("floor")
    corners = (part.vertices + rng.uniform(-0.3, 0.3, (4, 3))).astype(np.float32)
    new, triangles, source = split_long_edges(corners, part.triangles, longest)
    sides = np.linalg.norm(new[triangles] - new[np.roll(triangles, -1, axis=1)], axis=2)
    assert sides.max() <= longest
    old, old_areas = triangle_normals_and_areas(corners[part.triangles])
    normals, areas = triangle_normals_and_areas(new[triangles])
    assert np.abs((normals * old[source]).sum(axis=1) - 1).max() < 1e-4
    assert np.allclose(np.bincount(source, areas), old_areas, rtol=1e-5)
    # no gap: every edge but those of the rim is shared by two triangles
    edges = np.sort(np.stack([triangles, np.roll(triangles, -1, axis=1)], axis=2), axis=2).reshape(-1, 2)
    _, count = np.unique(edges, axis=0, return_counts=True)
    rim = np.linalg.norm(corners - np.roll(corners, -1, axis=0), axis=1).sum()
    lone = np.unique(edges, axis=0)[count == 1]
    assert np.linalg.norm(new[lone[:, 0]] - new[lone[:, 1]], axis=1).sum() == pytest.approx(rim, rel=1e-5)


def test_each_class_is_a_mesh_with_label_colours_and_normals(tmp_path: Path) -> None:
    stage = shown(tmp_path, floor(), bare(square("floor")))
    root = stage.GetPrimAtPath("/World/Visual/Proxy")
    assert [p.GetName() for p in root.GetChildren()] == ["floor", "rug"]
    area = {}
    for name, grey, low, high in (("floor", 0.2, 0.0, 2.0), ("rug", 0.8, 2.0, 4.0)):
        path = f"/World/Visual/Proxy/{name}"
        mesh = UsdGeom.Mesh(stage.GetPrimAtPath(path))
        assert labels(stage, path) == [name]
        assert mesh.ComputePurpose() == "default"
        assert mesh.GetNormalsInterpolation() == "uniform"
        assert np.allclose(mesh.GetNormalsAttr().Get(), [0, 0, 1])
        at, seen = points(stage, path), colors(stage, path)
        assert UsdGeom.PrimvarsAPI(mesh).GetPrimvar("displayColor").GetInterpolation() == "vertex"
        assert len(seen) == len(at)
        inside = (at[:, 0] > low + 0.2) & (at[:, 0] < high - 0.2) | (at[:, 0] % 4 == 0)
        assert np.abs(seen[inside] - ((grey + 0.055) / 1.055) ** 2.4).max() < 1e-3  # sRGB made linear
        triangles = np.array(mesh.GetFaceVertexIndicesAttr().Get()).reshape(-1, 3)
        area[name] = triangle_normals_and_areas(at[triangles])[1].sum()
        assert np.linalg.norm(at[triangles] - at[np.roll(triangles, -1, axis=1)], axis=2).max() <= 0.1
    assert area == pytest.approx({"floor": 8.0, "rug": 8.0}, abs=0.3)
    assert sum(area.values()) == pytest.approx(16.0, rel=1e-5)


def test_without_classes_the_colliders_are_named(tmp_path: Path) -> None:
    cloud = replace(floor(), class_ids=None)
    stage = shown(tmp_path, cloud, bare(square("a", semantic_class="ground")))
    assert [p.GetName() for p in stage.GetPrimAtPath("/World/Visual/Proxy").GetChildren()] == ["ground"]
    assert labels(stage, "/World/Visual/Proxy/ground") == ["ground"]
    stage = shown(tmp_path / "b", cloud, bare(square("a")))
    assert [p.GetName() for p in stage.GetPrimAtPath("/World/Visual/Proxy").GetChildren()] == ["unknown"]
    assert labels(stage, "/World/Visual/Proxy/unknown") == []


def test_what_no_gaussian_shows_is_left_out(tmp_path: Path) -> None:
    kerb = CollisionPart("kerb", np.array([[0, 0, 1], [4, 0, 1], [0, 0, 3.0]]), np.array([[0, 1, 2]]))
    stage = shown(tmp_path, floor(), bare(square("floor"), kerb))
    highest = max(points(stage, f"/World/Visual/Proxy/{name}")[:, 2].max() for name in ("floor", "rug"))
    assert highest == 0.0
    collider = UsdGeom.Mesh(stage.GetPrimAtPath("/World/Collision/Environment"))
    assert np.array(collider.GetPointsAttr().Get())[:, 2].max() == 3.0


def test_a_collider_far_from_all_gaussians_is_shown_whole(tmp_path: Path) -> None:
    stage = shown(tmp_path, floor(), bare(square("roof", height=50.0)))
    assert points(stage, "/World/Visual/Proxy/unknown")[:, 2].min() == 50.0


def test_what_moves_is_shown_where_it_is_and_once(tmp_path: Path) -> None:
    crate = replace(next(p for p in room_proxy().parts if p.body), dynamic=True, mass_kg=2.0)
    ball = Primitive(Shape.SPHERE, np.array([3, 3, 0.25]), np.array([1, 0, 0, 0]), np.full(3, 0.5))
    round_one = replace(crate, name="ball", body="ball", primitive=ball, semantic_class="ball")
    carried = replace(crate, name="cart", body="cart", dynamic=False, semantic_class="cart")
    path = KinematicBody(carried, (0.0, 1.0), np.zeros((2, 3)), np.tile([1.0, 0, 0, 0], (2, 1)), 0.01)
    proxy = replace(bare(square("floor"), crate, round_one), kinematic=(path,))
    stage = shown(tmp_path, floor(), proxy)
    seen = {}
    for prim in stage.Traverse():
        if prim.IsA(UsdGeom.Gprim) and UsdGeom.Gprim(prim).ComputePurpose() != "guide":
            seen[str(prim.GetPath()).removeprefix("/World/")] = len(colors(stage, str(prim.GetPath())))
    objects = {"Collision/Objects/crate/crate": 8, "Collision/Objects/ball/ball": 1, "Collision/Moving/cart/cart": 8}
    assert {k: v for k, v in seen.items() if k.startswith("Collision")} == objects
    assert {k for k in seen if k.startswith("Visual")} == {"Visual/Proxy/floor", "Visual/Proxy/rug"}
    assert labels(stage, "/World/Collision/Moving/cart/cart") == ["cart"]


def test_pieces_stand_for_what_has_no_surface(tmp_path: Path) -> None:
    piece = square("slab", approximation=Approximation.CONVEX_HULL, role=Role.PIECE)
    stage = shown(tmp_path, floor(), bare(piece))
    assert len(stage.GetPrimAtPath("/World/Visual/Proxy").GetChildren()) == 2


def test_a_scene_of_which_everything_moves_has_no_proxy_file(tmp_path: Path) -> None:
    crate = replace(next(p for p in room_proxy().parts if p.body), dynamic=True, mass_kg=2.0)
    stage = shown(tmp_path, floor(), bare(crate))
    assert not (tmp_path / "proxy.usdc").exists()
    assert not stage.GetPrimAtPath("/World/Visual/Proxy")


def test_large_scenes_have_longer_edges(tmp_path: Path) -> None:
    one = floor().select(np.array([0]))
    wide = replace(one, scales=np.float32([[400, 400, 1]]))
    stage = shown(tmp_path, wide, bare(square("ground", size=1000.0)))
    mesh = UsdGeom.Mesh(stage.GetPrimAtPath("/World/Visual/Proxy/floor"))
    assert 100_000 < len(mesh.GetFaceVertexCountsAttr().Get()) < 400_000


def test_haze_says_nothing_and_no_gaussians_are_grey() -> None:
    cloud = floor((0.5, 0.5))
    haze = replace(cloud, opacities=np.full(cloud.count, 0.1), sh=cloud.sh + 1, positions=cloud.positions + 0.001)
    at = np.array([[1.0, 1.0, 0.0]])
    assert np.array_equal(
        SurfaceSamples(GaussianCloud.concatenate([cloud, haze])).colors(at), SurfaceSamples(cloud).colors(at)
    )
    nothing = SurfaceSamples(cloud_of(0))
    assert nothing.colors(at).shape == (1, 3)
    assert nothing.classes(at)[1].tolist() == [False]


def test_the_larger_gaussian_covers_what_the_nearer_one_does_not() -> None:
    cloud = replace(
        floor().select(np.array([0, 1])),
        positions=np.array([[0, 0, 0], [1.0, 0, 0]], np.float32),
        scales=np.array([[0.01] * 3, [0.8] * 3], np.float32),
        class_ids=np.array([1, 2], np.uint16),
    )
    kinds, covered = SurfaceSamples(cloud).classes(np.array([[0.3, 0, 0], [0.001, 0, 0], [9, 0, 0]]))
    assert kinds.tolist() == ["rug", "floor", "unknown"]
    assert covered.tolist() == [True, True, False]


def test_same_scene_same_proxy(tmp_path: Path) -> None:
    digests = set()
    for name in ("a", "b"):
        shown(tmp_path / name, floor(), bare(square("floor")))
        digests.add(hashlib.sha256((tmp_path / name / "proxy.usdc").read_bytes()).hexdigest())
    assert len(digests) == 1


def test_where_parts_of_one_class_touch_their_points_are_one(tmp_path: Path) -> None:
    """The validator's WeldChecker asks for it; parts are divided one by one, so their points coincide at first."""
    left = square("left", 2.0, semantic_class="floor")
    right = replace(left, name="right", vertices=left.vertices + np.float32([2, 0, 0]))
    stage = shown(tmp_path, floor(classes=(1, 1)), bare(left, right))
    own = points(stage, "/World/Visual/Proxy/floor")
    assert len(np.unique(own, axis=0)) == len(own)
    assert len(colors(stage, "/World/Visual/Proxy/floor")) == len(own)
    mesh = UsdGeom.Mesh(stage.GetPrimAtPath("/World/Visual/Proxy/floor"))
    corners = own[np.array(mesh.GetFaceVertexIndicesAttr().Get()).reshape(-1, 3)]
    assert triangle_normals_and_areas(corners)[1].sum() == pytest.approx(8.0)
