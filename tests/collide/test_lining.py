"""Linings of solids, and the two sides of a sheet."""

from dataclasses import replace

import numpy as np

from lyra_backend.collide import surface
from lyra_backend.collide._mesh.contour import LINING, Faces
from lyra_backend.collide._mesh.lining import behind_outside, with_sides_in_order
from lyra_backend.kernels.mesh_distance import mesh_rays
from lyra_backend.progress import Progress

from .clouds import box, join, sheet


def faces(crossings, normals, lining, planar):
    count = len(crossings)
    crossing, normal = np.array(crossings, float), np.array(normals, float)
    no = np.zeros(count)
    return Faces(
        np.zeros((count, 3), np.int64),
        np.zeros(count, np.int64),
        np.zeros(count, bool),
        crossing,
        normal,
        no,
        np.array(lining),
        np.array(planar),
    )


def thin(axis, below, above):
    """The two sides of a sheet across one lattice edge, both on planes, and where along the edge they cross it."""
    given = faces(
        np.eye(3)[[axis, axis]] * [[below], [above]], np.eye(3)[[axis, axis]] * [[-1], [1]], [False] * 2, [True] * 2
    )
    point = np.array([[0, 0, 0], np.eye(3, dtype=int)[axis]])
    return replace(given, point=point, axis=np.full(2, axis), lower=np.array([True, False]))


def grid_mesh(x, facing, size=1.0):
    """A square in the plane x, of many triangles whose normals point to facing * x."""
    y, z = np.meshgrid(np.linspace(0, size, 11), np.linspace(0, size, 11), indexing="ij")
    vertices = np.stack([np.full(y.size, x), y.ravel(), z.ravel()], axis=1).astype(np.float32)
    a = (np.arange(10)[:, None] * 11 + np.arange(10)).ravel()
    triangles = np.concatenate([np.stack([a, a + 11, a + 12], 1), np.stack([a, a + 12, a + 1], 1)])
    return vertices, triangles if facing > 0 else triangles[:, ::-1]


def test_a_lining_goes_where_its_outside_is():
    given = faces([[1.0, 0, 0], [0.6, 0.2, 0.1]], [[1, 0, 0], [-0.9, 0.3, 0.3]], [False, True], [True, False])
    got = with_sides_in_order(given)
    np.testing.assert_allclose(got.crossing[1], [1.0, 0.2, 0.1])
    np.testing.assert_allclose(got.normal[1], [-1, 0, 0])
    assert got.planar[1]


def test_a_rough_side_that_has_passed_a_plane_goes_back_to_it():
    given = faces([[1.0, 0, 0], [1.3, 0.2, 0.1]], [[1, 0, 0], [-1, 0, 0]], [False, False], [True, False])
    np.testing.assert_allclose(with_sides_in_order(given).crossing[1], [1.0, 0.2, 0.1])


def test_planes_on_both_sides_of_a_board_do_not_pass_each_other():
    np.testing.assert_allclose(with_sides_in_order(thin(0, 0.6, 0.3)).crossing[:, 0], 0.45)
    np.testing.assert_allclose(with_sides_in_order(thin(0, 0.2, 0.6)).crossing[:, 0], [0.2, 0.6])
    # what things roll on stays
    np.testing.assert_allclose(with_sides_in_order(thin(2, 0.6, 0.3)).crossing[:, 2], 0.3)


def test_the_two_sides_of_a_thick_wall_stay_where_they_are():
    given = faces([[1.0, 0, 0], [0.2, 0.2, 0.1]], [[1, 0, 0], [-1, 0, 0]], [False, False], [True, False])
    np.testing.assert_array_equal(with_sides_in_order(given).crossing, given.crossing)


def test_a_lining_in_front_of_its_outside_is_moved_behind_it():
    outside, front = grid_mesh(0.0, 1)
    lining, back = grid_mesh(0.3, -1)
    vertices = np.concatenate([outside, lining])
    triangles = np.concatenate([front, back + len(outside)])
    moved = behind_outside(vertices, triangles, np.arange(len(triangles)) >= len(front))
    np.testing.assert_array_equal(moved[: len(outside)], outside)
    np.testing.assert_allclose(moved[len(outside) :, 0], -LINING, atol=1e-6)


def test_a_lining_behind_its_outside_stays():
    outside, front = grid_mesh(0.0, 1)
    lining, back = grid_mesh(-0.5, -1)
    vertices = np.concatenate([outside, lining])
    triangles = np.concatenate([front, back + len(outside)])
    moved = behind_outside(vertices, triangles, np.arange(len(triangles)) >= len(front))
    np.testing.assert_array_equal(moved, vertices)


def test_walls_of_solids_at_the_edge_of_the_scene_are_lined():
    # free space over the ledge behind the block is narrower than the strip along the edge that holds no solids
    lower, upper = box((1.0, 2.0, 0.0), (2.0, 2.97, 1.0)), box((1.0, 2.0, 1.0), (2.0, 2.92, 2.0))
    scene = join(sheet((0, 0, 0), (3, 0, 0), (0, 2.5, 0)), lower, upper)
    part = surface.run(scene, (), surface.Params(objects="none", grid_offset=0.25), Progress()).value.parts[0]
    heights = np.linspace(1.1, 1.6, 7)
    for direction in ([0, 1, 0], [0, -1, 0], [1, 0, 0], [-1, 0, 0]):
        starts = np.array([[1.5, 2.5, z] for z in heights], np.float32)
        hits = mesh_rays(part.vertices, part.triangles, starts, np.tile(np.array(direction, np.float32), (7, 1)))
        assert hits.front.all(), direction
        assert (hits.distance < 0.55).all()
