"""Simplified surfaces stay where and what they were."""

import numpy as np
import pytest
import trimesh

from lyra_backend.kernels.decimate import decimate
from lyra_backend.kernels.followers import first_followers
from lyra_backend.kernels.mesh_distance import mesh_distance


def grid(count, height=lambda x, y: 0 * x):
    """A sheet of count x count vertices over the unit square, looking up."""
    x, y = np.meshgrid(np.linspace(0, 1, count), np.linspace(0, 1, count), indexing="ij")
    vertices = np.stack([x, y, height(x, y)], axis=-1).reshape(-1, 3)
    n = np.arange(count * count).reshape(count, count)
    a, b, c, d = (s.ravel() for s in (n[:-1, :-1], n[1:, :-1], n[1:, 1:], n[:-1, 1:]))
    return vertices, np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])


def to_segment(points, a, b):
    """Distances (N, F) of points (N, 3) to segments from `a` to `b` (F, 3)."""
    way = b - a
    share = ((points[:, None] - a) * way).sum(axis=-1) / np.maximum((way**2).sum(axis=-1), 1e-300)
    return np.linalg.norm(points[:, None] - a - np.clip(share, 0, 1)[..., None] * way, axis=-1)


def apart(points, vertices, triangles):
    """Distance (N,) of each point to the nearest triangle, by trying all of them."""
    a, b, c = np.asarray(vertices, float)[triangles].transpose(1, 0, 2)
    normal = np.cross(b - a, c - a)
    size = np.linalg.norm(normal, axis=-1)
    inside = np.ones((len(points), len(a)), bool)
    for start, end in ((a, b), (b, c), (c, a)):
        inside &= (np.cross(end - start, points[:, None] - start) * normal).sum(axis=-1) >= 0
    height = np.abs(((points[:, None] - a) * normal).sum(axis=-1)) / np.maximum(size, 1e-300)
    edges = np.minimum(np.minimum(to_segment(points, a, b), to_segment(points, b, c)), to_segment(points, c, a))
    return np.where(inside & (size > 0), height, edges).min(axis=1)


def as_trimesh(vertices, triangles):
    return trimesh.Trimesh(vertices, triangles, process=False)


def test_a_box_keeps_its_corners_with_few_triangles():
    box = trimesh.creation.box((2, 1, 1)).subdivide_to_size(0.1)
    vertices, triangles = decimate(box.vertices, box.faces, 0, 0.001, 10.0)
    simple = as_trimesh(vertices, triangles)
    assert len(triangles) < len(box.faces) / 8
    assert simple.is_watertight
    assert simple.volume == pytest.approx(2.0, abs=1e-5)
    assert np.abs(simple.bounds - box.bounds).max() < 1e-6


def test_a_ball_stays_a_closed_ball_within_the_tolerance():
    ball = trimesh.creation.icosphere(5, 1.0)
    vertices, triangles = decimate(ball.vertices, ball.faces, 0, 0.01, 10.0)
    simple = as_trimesh(vertices, triangles)
    assert len(triangles) < len(ball.faces) / 4
    assert simple.is_watertight
    assert (simple.face_normals * simple.triangles_center).sum(axis=1).min() > 0, "a triangle turned over"
    assert apart(ball.vertices[::7], vertices, triangles).max() <= 0.01 + 1e-6
    assert simple.area_faces.min() > 0


@pytest.mark.parametrize("tolerance", [0.003, 0.01])
def test_rough_surface_and_its_source_are_nowhere_further_apart_than_the_tolerance(tolerance):
    rng = np.random.default_rng(5)
    vertices, triangles = grid(30, lambda x, y: 0.05 * np.sin(6 * x) + rng.normal(0, 0.004, x.shape))
    simple, faces = decimate(vertices, triangles, 0, tolerance, 10.0)
    assert len(faces) < (0.9 if tolerance < 0.004 else 0.4) * len(triangles)
    assert apart(vertices, simple, faces).max() <= tolerance + 1e-6
    assert apart(simple.astype(float), vertices, triangles).max() <= tolerance + 1e-6


def test_less_than_the_tolerance_is_enough_where_few_triangles_may_go():
    rng = np.random.default_rng(6)
    vertices, triangles = grid(30, lambda x, y: rng.normal(0, 0.002, x.shape))
    simple, faces = decimate(vertices, triangles, 1400, 0.05, 10.0)
    assert len(faces) <= 1400
    assert apart(vertices, simple, faces).max() < 0.02


def test_what_is_flat_goes_though_there_are_few_enough_and_what_is_not_stays():
    rng = np.random.default_rng(8)
    vertices, triangles = grid(40, lambda x, y: np.where(x < 0.5, 0.0, rng.normal(0.2, 0.01, x.shape)))
    rough = (vertices[triangles][..., 0] > 0.5).all(axis=1)
    simple, faces = decimate(vertices, triangles, len(triangles), 0.01, 10.0)
    left = (simple[faces][..., 0] > 0.5).all(axis=1)
    assert left.sum() > 0.95 * rough.sum()
    assert (~left).sum() < 0.2 * (~rough).sum()
    assert apart(vertices, simple, faces).max() < 0.003


def test_few_triangles_are_left_of_a_plane():
    vertices, triangles = grid(101)
    simple, faces = decimate(vertices, triangles, 0, 0.01, 0.5)
    # equilateral ones with sides of 0.5 would be 9
    assert len(faces) <= 100
    assert as_trimesh(simple, faces).area == pytest.approx(1.0, abs=1e-6)


def test_followers_are_every_vertex_once():
    _, triangles = grid(7)
    head, after = first_followers(triangles.astype(np.int32), 50)
    met = []
    for triangle, vertex in zip(triangles, head, strict=True):
        while vertex >= 0:
            assert vertex in triangle
            met.append(int(vertex))
            vertex = after[vertex]
    assert sorted(met) == list(range(49)), "the last of the 50 is in no triangle"


def test_open_edges_and_relief_stay():
    vertices, triangles = grid(60, lambda x, y: np.where(x > 0.5, 0.2, 0.0))
    simple, faces = decimate(vertices, triangles, 0, 0.002, 10.0)
    assert len(faces) < len(triangles) / 5
    assert mesh_distance(simple, faces, vertices).distance.max() < 0.01
    rim = vertices[(vertices[:, :2] == 0).any(axis=1) | (vertices[:, :2] == 1).any(axis=1)]
    assert mesh_distance(simple, faces, rim).distance.max() < 0.003
    assert as_trimesh(simple, faces).area == pytest.approx(as_trimesh(vertices, triangles).area, rel=2e-3)


def test_limits_are_kept():
    rng = np.random.default_rng(7)
    _, faces = decimate(*grid(50, lambda x, y: rng.normal(0, 0.003, x.shape)), 3000, 0.01, 10.0)
    assert 2600 < len(faces) <= 3000
    vertices, triangles = grid(50)
    short, faces = decimate(vertices, triangles, 0, 0.01, 0.1)
    corners = short[faces]
    assert np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=-1).max() <= 0.1 + 1e-6
    assert len(faces) < len(triangles)


def test_edges_of_three_triangles_are_left_alone():
    vertices, triangles = grid(12)
    fin = np.concatenate([vertices, vertices[5 * 12 : 6 * 12] + (0, 0, 0.3)])
    row = np.arange(5 * 12, 6 * 12 - 1)
    top = np.arange(144, 144 + 11)
    faces = np.concatenate([triangles, np.stack([row, row + 1, top + 1], 1), np.stack([row, top + 1, top], 1)])
    simple, left = decimate(fin, faces, 0, 0.01, 10.0)
    for vertex in vertices[5 * 12 : 6 * 12]:
        assert np.abs(simple - vertex).max(axis=1).min() < 1e-6
    assert len(left) < len(faces)


def test_the_same_twice_and_nothing_for_nothing():
    ball = trimesh.creation.icosphere(4, 1.0)
    one, two = (decimate(ball.vertices, ball.faces, 0, 0.01, 10.0) for _ in range(2))
    assert one[0].tobytes() == two[0].tobytes()
    assert one[1].tobytes() == two[1].tobytes()
    vertices, triangles = decimate(np.zeros((0, 3)), np.zeros((0, 3), int), 10, 0.01, 1.0)
    assert len(vertices) == len(triangles) == 0


def test_no_tolerance_still_joins_what_is_exactly_flat():
    vertices, triangles = decimate(*grid(9), 0, 0.0, 10.0)
    assert 2 <= len(triangles) < 128
    assert np.abs(vertices[:, 2]).max() == 0.0
    rough = decimate(*grid(9, lambda x, y: 0.1 * np.sin(9 * x) * np.cos(7 * y)), 0, 0.0, 10.0)
    assert len(rough[1]) == 128
