"""Planes in samples of surfaces that are known."""

from __future__ import annotations

import numpy as np
import pytest

from lyra_backend.collide._mesh.plane_search import find_planes
from lyra_backend.collide._mesh.planes import flattened, refitted

LIMITS = {"tolerance": 0.02, "cell": 0.1, "min_area": 0.1, "cosine": 0.9}


def patch(corner, u, v, count=4000, noise=0.001, seed=0):
    """Samples of a parallelogram: points, normals u x v, areas."""
    rng = np.random.default_rng(seed)
    u, v = np.asarray(u, float), np.asarray(v, float)
    normal = np.cross(u, v)
    area = np.linalg.norm(normal)
    normal /= area
    s, t = rng.random((2, count, 1))
    points = corner + s * u + t * v + normal * rng.normal(0, noise, (count, 1))
    return points, np.tile(normal, (count, 1)), np.full(count, area / count)


def joined(*parts):
    return tuple(np.concatenate(column) for column in zip(*parts, strict=True))


def test_walls_of_a_corner_are_found_with_their_place_and_side():
    floor = patch((0, 0, 0), (3, 0, 0), (0, 2, 0), seed=1)
    wall = patch((0, 0, 0), (0, 2, 0), (0, 0, 1.5), seed=2)
    top = patch((1, 1, 0.5), (0.6, 0, 0), (0, 0.6, 0), seed=3)
    found = find_planes(*joined(floor, wall, top), **LIMITS)
    assert [p.normal.round(3).tolist() for p in found.planes] == [[0, 0, 1], [1, 0, 0], [0, 0, 1]]
    assert [p.offset for p in found.planes] == pytest.approx([0.0, 0.0, 0.5], abs=2e-4)
    assert [p.area for p in found.planes] == pytest.approx([6.0, 3.0, 0.36], rel=0.05)
    assert np.bincount(found.owner + 1, minlength=4)[1:] == pytest.approx([4000, 4000, 4000], rel=0.02)


def test_a_thin_board_on_the_floor_is_a_plane_of_its_own():
    floor = patch((0, 0, 0), (3, 0, 0), (0, 2, 0), seed=1)
    board = patch((0.5, 0.5, 0.012), (1, 0, 0), (0, 1, 0), seed=2)
    found = find_planes(*joined(floor, board), **LIMITS)
    assert [p.offset for p in found.planes] == pytest.approx([0.0, 0.012], abs=5e-4)


def test_every_one_of_many_boxes_has_its_own_top():
    rng = np.random.default_rng(9)
    floor = patch((0, 0, 0), (30, 0, 0), (0, 30, 0), count=90_000, seed=1)
    heights = rng.uniform(0.2, 0.8, 100)
    places = np.stack(np.meshgrid(np.arange(10), np.arange(10)), axis=-1).reshape(-1, 2) * 3.0 + 1.0
    tops = [
        patch((x, y, z), (0.5, 0, 0), (0, 0.5, 0), count=100, seed=n)
        for n, ((x, y), z) in enumerate(zip(places, heights, strict=True))
    ]
    points, normals, areas = joined(floor, *tops)
    found = find_planes(points, normals, areas, **LIMITS)
    assert len(points) > 80_000, "more than are looked at as a whole"
    assert found.planes[0].area == pytest.approx(900, rel=0.01)
    for n, height in enumerate(heights):
        owner = found.owner[90_000 + 100 * n : 90_100 + 100 * n]
        names, counts = np.unique(owner[owner >= 0], return_counts=True)
        assert counts.max() > 80
        assert abs(found.planes[names[counts.argmax()]].residual(np.array([*places[n] + 0.25, height]))) < 2.5e-3, (
            "spreads are 1 mm"
        )


def test_tops_of_like_height_do_not_tilt_each_other():
    one = patch((0, 0, 0.500), (0.6, 0, 0), (0, 0.6, 0), seed=1)
    two = patch((2, 0, 0.512), (0.6, 0, 0), (0, 0.6, 0), seed=2)
    planes = find_planes(*joined(one, two), **LIMITS).planes
    assert sorted(p.offset for p in planes) == pytest.approx([0.500, 0.512], abs=2e-4)
    assert all(p.normal.tolist() == [0.0, 0.0, 1.0] for p in planes)


def test_a_plane_goes_to_where_the_mass_around_it_alone_is_densest():
    points, normals, areas = patch((0, 0, 0), (2, 0, 0), (0, 2, 0))
    planes = find_planes(points, normals, areas, **LIMITS)
    rng = np.random.default_rng(2)
    here = np.column_stack([rng.uniform(0, 2, (4000, 2)), rng.normal(-0.004, 0.001, 4000)])
    elsewhere = np.column_stack([rng.uniform(3, 9, (9000, 2)), rng.normal(0.004, 0.001, 9000)])
    masses = np.concatenate([here, elsewhere])
    (moved,) = refitted(planes, points, masses, np.ones(len(masses)), 0.1).planes
    assert moved.offset == pytest.approx(-0.004, abs=2e-4)


def test_curved_surfaces_are_left_alone():
    rng = np.random.default_rng(4)
    x, y = rng.uniform(0, 6, (2, 30_000))
    slope_x, slope_y = 0.3 * np.cos(x), -0.24 * np.sin(0.8 * y)
    points = np.stack([x, y, 0.3 * np.sin(x) + 0.3 * np.cos(0.8 * y)], axis=1)
    normals = np.stack([-slope_x, -slope_y, np.ones_like(x)], axis=1)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    found = find_planes(points, normals, np.full(len(x), 36 / len(x)), **LIMITS)
    assert (found.owner >= 0).mean() < 0.05


def test_a_ramp_keeps_its_slope_and_a_tilt_within_the_noise_is_levelled():
    ramp = patch((0, 0, 0), (3, 0, 0.3), (0, 2, 0), seed=5)
    (plane,) = find_planes(*ramp, **LIMITS).planes
    assert plane.normal[0] / plane.normal[2] == pytest.approx(-0.1, abs=1e-3)
    nearly = patch((0, 0, 0), (3, 0, 0.0005), (0, 2, 0), seed=6)
    (plane,) = find_planes(*nearly, **LIMITS).planes
    assert plane.normal.tolist() == [0.0, 0.0, 1.0]
    assert plane.offset == pytest.approx(0.00025, abs=1e-4)


def test_haze_behind_a_surface_does_not_pull_its_plane():
    rng = np.random.default_rng(7)
    points, normals, areas = patch((0, 0, 0), (3, 0, 0), (0, 2, 0), noise=0.03, seed=7)
    points[:1200, 2] -= rng.exponential(0.12, 1200)
    (plane,) = find_planes(points, normals, areas, tolerance=0.2, cell=0.1, min_area=0.2, cosine=0.6).planes
    assert plane.offset == pytest.approx(0.0, abs=0.008)
    assert plane.spread == pytest.approx(0.035, abs=0.01)


def test_the_same_samples_give_the_same_planes():
    samples = joined(patch((0, 0, 0), (3, 0, 0), (0, 2, 0)), patch((0, 0, 0), (0, 2, 0), (0, 0, 1.5), seed=2))
    one, two = (find_planes(*samples, **LIMITS) for _ in range(2))
    assert (one.owner == two.owner).all()
    assert [p.offset for p in one.planes] == [p.offset for p in two.planes]


def test_nothing_is_no_plane():
    none = find_planes(np.zeros((0, 3)), np.zeros((0, 3)), np.zeros(0), **LIMITS)
    assert none.planes == ()
    assert len(none.owner) == 0


def test_flattened_samples_slide_along_their_direction_onto_the_plane():
    points, normals, areas = patch((0, 0, 0), (3, 0, 0.3), (0, 2, 0))
    planes = find_planes(points, normals, areas, **LIMITS)
    moved, turned = flattened(points, normals, planes, np.tile([0.0, 0.0, 1.0], (len(points), 1)))
    on = planes.owner == 0
    assert np.abs(planes.planes[0].residual(moved[on])).max() < 1e-12
    assert (moved[:, :2] == points[:, :2]).all()
    assert (turned[on] == planes.planes[0].normal).all()
