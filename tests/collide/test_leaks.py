"""Holes of a shell, met from inside, from outside and from sides that nobody sees."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from lyra_backend.collide._error.ends import free_ends
from lyra_backend.collide._error.leaks import _probes, find_leaks
from lyra_backend.collide._error.on_purpose import OnPurpose
from lyra_backend.collide._error.room import look_into
from lyra_backend.collide._scan.lattice import Points
from lyra_backend.kernels.mesh_distance import MeshTree

from .test_measure import SIZE, in_room, lattice, room_mesh, together, wall

EYES = np.array([[0.8, 0.8, 0.9], [2.2, 1.7, 0.9], [1.5, 1.2, 1.5]])


def leaks(mesh, is_free=in_room, eyes=EYES, on_purpose=None):
    free, grid = lattice(is_free)
    tree = MeshTree(*mesh)
    room = look_into(free, grid, tree)
    return find_leaks(eyes, np.full(3, -0.5), SIZE + 0.5, tree, free, grid, room, on_purpose)


def all_but(hole, radius):
    return lambda centres: np.linalg.norm(centres - hole, axis=1) > radius


def test_a_closed_room_is_tight():
    found = leaks(room_mesh())
    assert found.enclosed
    assert len(found.points) == 0


@pytest.mark.parametrize("radius", [0.15, 0.3])
def test_a_hole_is_one_leak_with_its_area(radius):
    hole = np.array([0.0, 1.2, 1.0])
    found = leaks(room_mesh(keep=all_but(hole, radius)))
    assert len(found.points) == 1
    assert np.abs(found.points[0] - hole).max() < 0.08
    # within what a ball of 3 cm leaves of a hole with a ragged rim
    assert np.pi * (radius - 0.09) ** 2 < found.area_m2[0] < np.pi * (radius + 0.05) ** 2


def test_kerbs_make_no_room():
    walls = room_mesh(keep=lambda centres: centres[:, 2] < SIZE[2] - 0.1)
    assert leaks(walls).enclosed
    nothing = np.zeros((0, 3))
    assert not leaks(walls, on_purpose=OnPurpose(*walls, nothing, nothing)).enclosed


def test_an_eye_may_be_above_all_that_is_seen():
    walls = room_mesh(keep=lambda centres: centres[:, 2] < SIZE[2] - 0.1)
    above = np.concatenate([EYES, EYES, EYES, EYES, EYES[:1] + [0.0, 0.0, 2.5]])
    found = leaks(walls, eyes=above)
    assert found.enclosed
    assert len(found.points) == 0


def test_a_hole_that_no_eye_sees_is_found_from_behind():
    hole = np.array([0.0, 1.2, 0.5])
    screen = together(
        wall((0.25, 0.7, 0.0), (0, 1.0, 0), (0, 0, 1.0)), wall((0.27, 0.7, 0.0), (0, 0, 1.0), (0, 1.0, 0))
    )

    def is_free(points):
        behind = (np.abs(points[:, 0] - 0.26) < 0.03) & (np.abs(points[:, 1] - 1.2) < 0.5) & (points[:, 2] < 1.0)
        return in_room(points) & ~behind

    mesh = together(room_mesh(keep=all_but(hole, 0.15)), screen)
    found = leaks(mesh, is_free)
    assert len(found.points) == 1
    assert np.abs(found.points[0] - hole).max() < 0.08


def test_a_ceiling_counts_where_there_is_one():
    above = np.array([1.5, 1.2, 2.0])
    assert len(leaks(room_mesh(keep=all_but(above, 0.3))).points) == 1
    roofless = room_mesh(keep=lambda c: c[:, 2] < 1.99)
    assert len(leaks(roofless).points) == 0


def test_open_ground_holds_nothing():
    found = leaks(wall((0, 0, 0), (3.0, 0, 0), (0, 2.5, 0)))
    assert not found.enclosed
    assert len(found.points) == 0


def test_no_eyes_no_verdict():
    assert not leaks(room_mesh(), eyes=np.zeros((0, 3))).enclosed


def test_the_largest_hole_comes_first():
    small, large = np.array([0.0, 0.6, 1.0]), np.array([3.0, 1.6, 1.0])
    found = leaks(room_mesh(keep=lambda c: all_but(small, 0.15)(c) & all_but(large, 0.35)(c)))
    assert len(found.points) == 2
    assert found.area_m2[0] > 2 * found.area_m2[1] > 0
    assert np.abs(found.points[0] - large).max() < 0.1


def test_a_table_that_the_collider_lacks_is_no_hole_of_the_shell():
    def is_free(points):
        in_table = (np.abs(points - np.array([1.5, 1.2, 0.45])) < np.array([0.5, 0.4, 0.06])).all(axis=1)
        return in_room(points) & ~in_table

    assert len(leaks(room_mesh(), is_free).points) == 0


def test_free_space_outside_is_no_hole_as_large_as_the_house():
    hole = np.array([0.0, 1.2, 1.0])

    def is_free(points):
        """Also a room's width of haze outside, which ends in the open, and the way there."""
        way = np.linalg.norm(points - hole, axis=1) < 0.15
        outside = ((points > -0.4) & (points < SIZE + 0.4)).all(axis=1)
        near = ((points > -0.08) & (points < SIZE + 0.08)).all(axis=1)
        return in_room(points) | way | (outside & ~near)

    found = leaks(room_mesh(keep=all_but(hole, 0.2)), is_free)
    assert 1 <= len(found.points) <= 2
    assert np.linalg.norm(found.points - hole, axis=1).max() < 0.4
    assert 0.03 < found.area_m2.sum() < 0.16


def test_a_large_end_of_free_space_does_not_join_holes_that_are_apart():
    """Holes 60 cm apart; one end that is eight voxels wide, somewhere else, used to reach from each to the other."""
    one, two = np.array([0.0, 0.7, 1.0]), np.array([0.0, 1.7, 1.0])
    found = leaks(room_mesh(keep=lambda c: all_but(one, 0.2)(c) & all_but(two, 0.2)(c)))
    assert len(found.points) == 2


def test_probes_stand_for_all_the_area_where_free_space_ends():
    directory = np.full((2, 2, 2), -1, np.int32)
    directory[0, 0, 0] = 0
    dense = np.zeros((1, 512), bool)
    sparse = np.zeros((2, 2, 2), bool)
    sparse[1] = True
    points, ways, each = _probes(Points(directory, dense, sparse))
    assert each == 1
    assert len(points) == 4 * 64  # one face is met from the block with surface, point by point, three are whole
    assert (ways == [-1, 0, 0]).all()
    assert (points[:, 0] == 8).all()
    assert len(np.unique(points, axis=0)) == len(points)
    assert points[:, 1:].min() == 0
    assert points[:, 1:].max() == 15


def brute(reached, shape):
    """All pairs of neighbours of which one is reached, as (reached end, step)."""
    points = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), axis=-1)
    value = reached.at(points.reshape(-1, 3)).reshape(shape).astype(bool)
    pairs = set()
    for axis in range(3):
        step = np.eye(3, dtype=int)[axis]
        for p in points.reshape(-1, 3):
            q = p + step
            if q[axis] < shape[axis] and value[tuple(p)] != value[tuple(q)]:
                pairs.add((*p, *step) if value[tuple(p)] else (*q, *-step))
    return pairs


def test_ends_of_free_space_are_all_found_once():
    rng = np.random.default_rng(6)
    directory = np.full((2, 3, 2), -1, np.int32)
    held = rng.permutation(12)[:7]
    directory.reshape(-1)[held] = np.arange(7)
    reached = Points(directory, rng.random((7, 512)) < 0.5, rng.random(directory.shape) < 0.5)
    at, ways, width = free_ends(reached)
    fine = width == 1
    rows = [tuple(row) for row in np.concatenate([at, ways], axis=1)[fine].tolist()]
    assert len(rows) == len(set(rows))
    expected = brute(reached, (16, 24, 16))
    # between two blocks without surface one end stands for the 64 of the face
    coarse = expected - set(rows)
    assert set(rows) <= expected
    assert len(coarse) == 64 * int((~fine).sum())
    assert set(width.tolist()) <= {1, 8}


def test_ends_of_nothing():
    empty = SimpleNamespace(
        dense=np.zeros((0, 512), bool), directory=np.full((2, 2, 2), -1, np.int32), sparse=np.ones((2, 2, 2), bool)
    )
    assert [len(part) for part in free_ends(empty)] == [0, 0, 0]
