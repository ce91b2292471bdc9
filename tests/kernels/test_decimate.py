"""Simplified surfaces stay where and what they were."""

import numpy as np
import pytest
import trimesh

from lyra_backend.kernels.decimate import decimate
from lyra_backend.kernels.mesh_distance import mesh_distance


def grid(count, height=lambda x, y: 0 * x):
    """A sheet of count x count vertices over the unit square, looking up."""
    x, y = np.meshgrid(np.linspace(0, 1, count), np.linspace(0, 1, count), indexing="ij")
    vertices = np.stack([x, y, height(x, y)], axis=-1).reshape(-1, 3)
    n = np.arange(count * count).reshape(count, count)
    a, b, c, d = (s.ravel() for s in (n[:-1, :-1], n[1:, :-1], n[1:, 1:], n[:-1, 1:]))
    return vertices, np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])


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
    assert mesh_distance(vertices, triangles, ball.vertices).distance.max() < 0.04
    assert simple.area_faces.min() > 0


def test_open_edges_and_relief_stay():
    vertices, triangles = grid(60, lambda x, y: np.where(x > 0.5, 0.2, 0.0))
    simple, faces = decimate(vertices, triangles, 0, 0.002, 10.0)
    assert len(faces) < len(triangles) / 5
    assert mesh_distance(simple, faces, vertices).distance.max() < 0.01
    rim = vertices[(vertices[:, :2] == 0).any(axis=1) | (vertices[:, :2] == 1).any(axis=1)]
    assert mesh_distance(simple, faces, rim).distance.max() < 0.003
    assert as_trimesh(simple, faces).area == pytest.approx(as_trimesh(vertices, triangles).area, rel=2e-3)


def test_limits_are_kept():
    vertices, triangles = grid(50)
    _, faces = decimate(vertices, triangles, 1000, 0.01, 10.0)
    assert 600 < len(faces) <= 1000
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
