"""Points that belong together, against all pairs of them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import cdist

from lyra_backend.collide._error.groups import grouped

SIDE = 0.3


def linked(points, reach):
    return connected_components(cdist(points, points) <= reach, directed=False)[1]


def refines(fine, coarse):
    """Is each of the fine groups within one of the coarse?"""
    return len(np.unique(np.stack([fine, coarse]), axis=1).T) == len(np.unique(fine))


@pytest.mark.parametrize("seed", range(4))
def test_what_is_near_is_joined_and_what_is_far_is_not(seed):
    points = np.random.default_rng(seed).uniform(-4.0, 4.0, (300, 3))
    found = grouped(points, SIDE)
    assert 1 < len(found.points) < 300
    assert refines(linked(points, SIDE), found.number)
    assert refines(found.number, linked(points, 2 * 3**0.5 * SIDE))


def test_groups_have_sizes_and_a_point_near_their_middle_the_largest_first():
    rng = np.random.default_rng(1)
    small, large = rng.normal([3.0, 0, 0], 0.02, (10, 3)), rng.normal([-3.0, 1.0, 0], 0.02, (40, 3))
    found = grouped(np.concatenate([small, large]), SIDE)
    assert found.sizes.tolist() == [40, 10]
    assert (found.number == np.repeat([1, 0], [10, 40])).all()
    for group, point in zip((large, small), found.points, strict=True):
        assert (group == point).all(axis=1).any()
        assert np.linalg.norm(point - group.mean(axis=0)) < 0.02


def test_a_chain_is_one_group():
    assert len(grouped(np.column_stack([np.arange(0, 20, 0.25), np.zeros(80), np.zeros(80)]), SIDE).points) == 1


def test_nothing_has_no_groups():
    found = grouped(np.zeros((0, 3)), SIDE)
    assert [len(part) for part in found] == [0, 0, 0]


def test_many_points_close_together_are_no_effort():
    """All pairs within a metre of these would be 34 million."""
    import tracemalloc

    plane = np.stack(np.meshgrid(np.arange(173) * 0.05, np.arange(173) * 0.05, [0.0]), axis=-1).reshape(-1, 3)
    tracemalloc.start()
    found = grouped(plane, 0.075)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(found.points) == 1
    assert peak < 40e6
