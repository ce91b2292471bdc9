"""Distances and rays against a ball and a plain loop over triangles."""

import numpy as np
import pytest
import trimesh

from lyra_backend.kernels.mesh_distance import mesh_distance, mesh_rays


@pytest.fixture(scope="module")
def soup():
    rng = np.random.default_rng(0)
    corners = rng.uniform(-1, 1, (60, 1, 3)) + rng.uniform(-0.3, 0.3, (60, 3, 3))
    return corners.reshape(-1, 3), np.arange(180).reshape(-1, 3)


def test_distance_is_that_to_the_nearest_triangle(soup):
    vertices, triangles = soup
    points = np.random.default_rng(1).uniform(-1.5, 1.5, (200, 3))
    found = mesh_distance(vertices, triangles, points)
    each = [
        np.linalg.norm(trimesh.triangles.closest_point(vertices[triangles], np.tile(p, (60, 1))) - p, axis=1)
        for p in points
    ]
    assert found.distance == pytest.approx(np.min(each, axis=1), abs=1e-5)
    assert np.linalg.norm(found.point - points, axis=1) == pytest.approx(found.distance, abs=1e-5)
    assert np.take_along_axis(np.array(each), found.triangle[:, None], 1)[:, 0] == pytest.approx(
        found.distance, abs=1e-5
    )


def test_distance_beyond_reach_is_infinite(soup):
    found = mesh_distance(*soup, np.array([[50.0, 0.0, 0.0]]), reach=2.0)
    assert np.isinf(found.distance[0])
    assert found.triangle[0] == -1


def test_rays_tell_front_from_back():
    vertices, triangles = np.eye(3), np.array([[0, 1, 2]])  # faces away from the origin
    outside, inside = np.full((1, 3), 1.0), np.zeros((1, 3))
    way = np.full((1, 3), 3**-0.5)
    hit = mesh_rays(vertices, triangles, outside, -way)
    assert (hit.triangle[0], bool(hit.front[0])) == (0, True)
    assert hit.distance[0] == pytest.approx(3**0.5 * 2 / 3, abs=1e-6)
    assert not mesh_rays(vertices, triangles, inside, way).front[0]
    miss = mesh_rays(vertices, triangles, outside, way)
    assert np.isinf(miss.distance[0])
    assert miss.triangle[0] == -1


def test_an_empty_mesh_is_infinitely_far():
    nothing = np.zeros((0, 3)), np.zeros((0, 3), int)
    assert np.isinf(mesh_distance(*nothing, np.zeros((2, 3))).distance).all()
    assert np.isinf(mesh_rays(*nothing, np.zeros((2, 3)), np.eye(3)[:2]).distance).all()
