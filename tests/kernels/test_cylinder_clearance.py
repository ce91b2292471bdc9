"""Clearance around upright axes, against points spread densely over the triangles."""

import numpy as np

from lyra_backend.kernels.cylinder_clearance import cylinder_clearance
from lyra_backend.kernels.mesh_distance import MeshTree


def sampled(corners, count=160):
    """A lattice of points on each triangle, shape (F * count * (count + 1) / 2, 3)."""
    u, v = np.meshgrid(np.linspace(0, 1, count), np.linspace(0, 1, count))
    inside = u + v <= 1 + 1e-9
    weights = np.column_stack([1 - u[inside] - v[inside], u[inside], v[inside]])
    return np.einsum("kw,fwc->fkc", weights, corners).reshape(-1, 3)


def tree_of(corners):
    return MeshTree(corners.reshape(-1, 3), np.arange(3 * len(corners)).reshape(-1, 3))


def test_the_nearest_of_what_is_between_the_ends() -> None:
    rng = np.random.default_rng(5)
    corners = rng.uniform(-0.3, 0.3, (30, 3, 3)) + rng.uniform(0, 2, (30, 1, 3))
    bases = rng.uniform(0, 2, (60, 3)) * (1, 1, 0.5)
    tops = bases[:, 2] + rng.uniform(0.05, 0.8, 60)
    points = sampled(corners)
    wanted = np.full(60, 1.0)
    for i, (base, top) in enumerate(zip(bases, tops, strict=True)):
        level = points[(points[:, 2] >= base[2]) & (points[:, 2] <= top)]
        wanted[i] = min([1.0, *np.hypot(*(level[:, :2] - base[:2]).T)])
    got = cylinder_clearance(tree_of(corners), bases, tops, 1.0)
    assert (got <= wanted + 1e-5).all(), "samples are on the triangles, so nothing is farther than they are"
    assert np.abs(got - wanted).max() < 0.01


def test_what_the_axis_goes_through_and_what_lies_below_and_above() -> None:
    slab = np.array([[[-1, -1, 1], [3, -1, 1], [-1, 3, 1]]], float)
    bases = np.array([[0, 0, 0.5], [0, 0, 0.0], [0, 0, 1.1]])
    got = cylinder_clearance(tree_of(slab), bases, np.array([1.5, 0.9, 2.0]), 0.7)
    assert np.allclose(got, [0.0, 0.7, 0.7])


def test_a_wall_is_as_far_as_it_is() -> None:
    wall = np.array([[[1, -9, 0], [1, 9, 0], [1, 0, 30]]], float)
    got = cylinder_clearance(tree_of(wall), np.array([[0.25, 0, 1.0], [0.25, 0, 1.0]]), np.array([1.2, 1.2]), 2.0)
    assert np.allclose(got, 0.75)


def test_nothing_is_near_where_there_is_nothing() -> None:
    empty = MeshTree(np.zeros((0, 3)), np.zeros((0, 3), int))
    assert np.allclose(cylinder_clearance(empty, np.zeros((2, 3)), np.ones(2), 3.0), 3.0)
