"""Rays, distances, colliders and floors, against plain formulas and known shapes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pxr import Gf, Usd, UsdGeom, UsdPhysics

from lyra_backend.validate.colliders import read_colliders
from lyra_backend.validate.floor_columns import find_floor, look_down
from lyra_backend.validate.free_points import look_around, sample_floor
from lyra_backend.validate.parallel_rays import parallel_hits
from lyra_backend.validate.triangle_index import TriangleIndex

from . import physics_rooms as rooms


def corners_of(*meshes: rooms.Mesh) -> np.ndarray:
    points, triangles = rooms.merge(*meshes)
    return points[triangles]


def soup(seed: int, count: int) -> np.ndarray:
    """Triangles of very different sizes in a box of 4 m."""
    rng = np.random.default_rng(seed)
    size = 10 ** rng.uniform(-2, 0.5, (count, 1, 1))
    return rng.uniform(-2, 2, (count, 1, 3)) + size * rng.normal(size=(count, 3, 3))


def plane_hits(corners: np.ndarray, start: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """Ray parameter (F,) where one ray meets each triangle, nan where it does not, by solving for barycentrics."""
    found = np.full(len(corners), np.nan)
    for i, (a, b, c) in enumerate(corners):
        matrix = np.stack([b - a, c - a, -direction], axis=1)
        if abs(np.linalg.det(matrix)) > 1e-12:
            u, v, t = np.linalg.solve(matrix, start - a)
            if u >= 0 and v >= 0 and u + v <= 1:
                found[i] = t
    return found


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_parallel_rays_find_what_solving_each_triangle_finds(seed: int) -> None:
    corners = soup(seed, 40)
    rays = np.random.default_rng(seed + 1).uniform(-2, 2, (30, 2))
    hits = parallel_hits(corners, rays)
    for number, ray in enumerate(rays):
        expected = plane_hits(corners, np.array([*ray, 0.0]), np.array([0.0, 0.0, 1.0]))
        mine = hits.ray == number
        assert sorted(hits.triangle[mine]) == np.flatnonzero(np.isfinite(expected)).tolist()
        np.testing.assert_allclose(hits.height[mine], expected[hits.triangle[mine]], atol=1e-6)
        assert (np.diff(hits.height[mine]) <= 1e-6).all()


def test_parallel_rays_slip_through_no_edge() -> None:
    xs = np.linspace(0, 1, 9)
    corners = corners_of(rooms.grid(xs, xs))
    on_edges = np.stack(np.meshgrid(np.linspace(0, 1, 33), np.linspace(0, 1, 33)), axis=-1).reshape(-1, 2)
    assert len(np.unique(parallel_hits(corners, on_edges).ray)) == len(on_edges)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_segments_and_distances_match_the_formulas(seed: int) -> None:
    corners = soup(seed, 30)
    rng = np.random.default_rng(seed + 1)
    start = rng.uniform(-2, 2, (40, 3))
    end = start + rng.normal(size=(40, 3)) * 10 ** rng.uniform(-2, 0, (40, 1))
    index = TriangleIndex(corners)
    fraction, triangle = index.first_hits(start, end)
    for i in range(40):
        at = plane_hits(corners, start[i], end[i] - start[i])
        at = np.where((at >= 0) & (at <= 1), at, np.inf)
        assert fraction[i] == pytest.approx(at.min(), abs=1e-9)
        assert triangle[i] == (at.argmin() if np.isfinite(at.min()) else -1)
    weights = rng.dirichlet((1, 1, 1), (30, 2000))
    sampled = np.einsum("fsk,fkd->fsd", weights, corners).reshape(-1, 3)
    reached = np.linalg.norm(start[:, None] - sampled[None], axis=2).min(axis=1)
    measured = index.distances(start, 100.0)
    assert (measured <= reached + 1e-12).all()
    assert np.median(reached - measured) < 0.05


def test_distance_has_a_limit_and_takes_points_without_a_place() -> None:
    index = TriangleIndex(corners_of(rooms.floor()))
    points = np.array([[1, 1, 0.25], [1, 1, 3], [-0.3, 1, 0.4], [np.nan, 0, 0]])
    np.testing.assert_allclose(index.distances(points, 1.0), [0.25, 1.0, 0.5, 1.0])


def signed_volume(corners: np.ndarray) -> float:
    return float(np.einsum("nk,nk->", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])) / 6)


@pytest.mark.parametrize(
    ("kind", "sizes", "volume"),
    [
        ("Cube", {"size": 2.0}, 8.0),
        ("Sphere", {"radius": 1.5}, 4 / 3 * np.pi * 1.5**3),
        ("Cylinder", {"radius": 0.5, "height": 3.0, "axis": "X"}, np.pi * 0.75),
        ("Capsule", {"radius": 0.5, "height": 2.0, "axis": "Y"}, np.pi * 0.5 + 4 / 3 * np.pi * 0.125),
        ("Cone", {"radius": 1.0, "height": 3.0}, np.pi),
    ],
)
def test_shapes_enclose_their_volume_facing_out(kind: str, sizes: dict, volume: float) -> None:
    stage = Usd.Stage.CreateInMemory()
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.z)
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    prim = stage.DefinePrim("/Shape", kind)
    for name, value in sizes.items():
        prim.GetAttribute(name).Set(value)
    UsdPhysics.CollisionAPI.Apply(prim)
    # Mirrored: the engine turns the winding round, and so must the reader.
    UsdGeom.Xformable(prim).AddScaleOp().Set(Gf.Vec3f(-1, 2, 1))
    found = read_colliders(stage)
    assert found.usable
    assert signed_volume(found.corners) == pytest.approx(2 * volume, rel=0.02)


def test_instances_left_handed_and_mirrored_meshes_face_out(tmp_path) -> None:
    found = read_colliders(Usd.Stage.Open(str(rooms.shapes(tmp_path / "shapes.usda"))))
    assert found.usable
    crates = [i for i, path in enumerate(found.paths) if "Crate" in path]
    assert len(crates) == 2
    for crate in crates:
        assert signed_volume(found.corners[found.owner == crate]) == pytest.approx(0.6**3, rel=1e-5)


def test_polygons_disabled_and_moving_colliders() -> None:
    stage = Usd.Stage.CreateInMemory()
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.z)
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    mesh = UsdGeom.Mesh.Define(stage, "/Pentagon")
    angles = np.arange(5) * 2 * np.pi / 5
    mesh.CreatePointsAttr([(float(np.cos(a)), float(np.sin(a)), 0.0) for a in angles])
    mesh.CreateFaceVertexCountsAttr([5])
    mesh.CreateFaceVertexIndicesAttr([0, 1, 2, 3, 4])
    UsdPhysics.CollisionAPI.Apply(mesh.GetPrim())
    off = UsdGeom.Cube.Define(stage, "/Off").GetPrim()
    UsdPhysics.CollisionAPI.Apply(off).CreateCollisionEnabledAttr(False)
    body = UsdGeom.Xform.Define(stage, "/Body").GetPrim()
    UsdPhysics.RigidBodyAPI.Apply(body)
    UsdPhysics.CollisionAPI.Apply(UsdGeom.Cube.Define(stage, "/Body/Shape").GetPrim())
    found = read_colliders(stage)
    assert found.paths == ("/Pentagon",)
    area = np.linalg.norm(np.cross(*np.moveaxis(found.corners[:, 1:] - found.corners[:, :1], 1, 0)), axis=1).sum() / 2
    assert area == pytest.approx(5 / 2 * np.sin(2 * np.pi / 5))


def floor_of(*meshes: rooms.Mesh):
    corners = corners_of(*meshes)
    return corners, find_floor(corners, corners.min(axis=(0, 1)), corners.max(axis=(0, 1)))


def test_floor_of_a_furnished_room() -> None:
    _, found = floor_of(rooms.floor(), *rooms.walls(), rooms.table(), rooms.stairs(), rooms.cabinet())
    assert found is not None
    # The tops of cabinet and table are out of reach, the stairs are not.
    furniture = 0.7 + 1.1 * 0.7
    assert found.area_m2 == pytest.approx(rooms.WIDTH * rooms.DEPTH - furniture, abs=0.25)
    assert np.nanmax(found.filled[found.footprint]) < 1.0


def test_an_upper_floor_is_ground_and_a_table_is_not() -> None:
    floor, high = rooms.floor(), rooms.box((0.0, 0.0, 0.0), (2.0, 4.0, 0.6))
    _, split = floor_of(floor, high)
    assert split is not None
    assert split.area_m2 == pytest.approx(rooms.WIDTH * rooms.DEPTH, rel=0.02)
    _, alone = floor_of(floor, rooms.table())
    assert alone is not None
    assert alone.area_m2 == pytest.approx(rooms.WIDTH * rooms.DEPTH - 1.1 * 0.7, abs=0.15)


def test_what_columns_meet() -> None:
    room = [rooms.floor(), rooms.table(), rooms.cabinet()]
    ceiling = rooms.quad((0, 0, 2.6), (0, 4, 0), (5, 0, 0))
    points = np.array([[3.3, 1.1], [1.5, 1.1], [4.5, 0.9], [7.0, 1.0]])
    columns = look_down(corners_of(*room, ceiling), points)
    np.testing.assert_allclose(columns.height, [0.0, 0.74, np.nan, np.nan], atol=1e-6)
    np.testing.assert_allclose(columns.headroom[:2], [2.6, 1.86], atol=1e-6)
    assert not columns.back.any()
    assert columns.solid.tolist() == [False, False, True, False]
    np.testing.assert_allclose(columns.lowest, [0, 0, 0, np.nan], atol=1e-6)


def test_both_sides_of_one_sheet_are_a_floor_and_one_wrong_side_is_not() -> None:
    points = np.array([[1.0, 1.0], [3.1, 2.2]])
    both = look_down(corners_of(rooms.floor(), rooms.flipped(rooms.floor())), points)
    wrong = look_down(corners_of(rooms.flipped(rooms.floor())), points)
    assert both.found.all()
    assert not both.back.any()
    assert wrong.found.all()
    assert wrong.back.all()


def test_small_holes_between_the_columns_are_found() -> None:
    centres = np.arange(0.1, 5, 0.2)
    xs = np.unique(np.round([*np.linspace(0, 5, 26), *(centres - 0.01), *(centres + 0.01)], 4))
    pierced = rooms.grid(xs, xs, keep=lambda x, y: np.maximum(abs(x % 0.2 - 0.1), abs(y % 0.2 - 0.1)) > 0.0095)
    corners, found = floor_of(pierced)
    samples = sample_floor(corners, found, np.random.default_rng(0))
    assert samples.holes.mean() == pytest.approx(0.01, abs=0.003)


def test_views_stop_at_walls_and_leave_out_the_inside_of_things() -> None:
    corners, found = floor_of(
        rooms.floor(), *rooms.walls(), rooms.table(), rooms.box((3.5, 0.5, -0.1), (4.5, 1.5, 1.9))
    )
    samples = sample_floor(corners, found, np.random.default_rng(0))
    views = look_around(corners, TriangleIndex(corners), samples, np.random.default_rng(1))
    inside = (np.abs(views.points[:, :2] - (4.0, 1.0)) < 0.5).all(axis=1)
    assert not inside.any()
    assert np.isfinite(views.distance).all()
    assert not views.back.any()
    ends = views.points[:, None, :2] + views.distance[..., None] * np.stack(
        [np.cos(views.azimuths), np.sin(views.azimuths)], axis=-1
    )
    on_wall = (np.abs(ends / (rooms.WIDTH, rooms.DEPTH) - 0.5).max(axis=2) > 0.5 - 1e-9).mean()
    assert on_wall > 0.6
