"""A k-d tree divides places into parts of bounded size, balanced, the same whatever equal coordinates there are."""

from __future__ import annotations

import numpy as np
import pytest

from lyra_backend.detail.partition import divide


def points(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, (5, 2, 1), (count, 3)).astype(np.float32)


@pytest.mark.parametrize(("count", "most"), [(1000, 1000), (1001, 1000), (999, 100), (5000, 64), (7, 1), (0, 5)])
def test_every_point_is_in_one_part_of_few_and_equal_ones(count: int, most: int) -> None:
    parts = divide(points(count), most)
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(count))
    sizes = [len(part) for part in parts]
    assert max(sizes) <= most
    assert len(parts) == max(1, -(-count // most))
    # each cut may leave one side one short
    assert max(sizes) - min(sizes) <= 1 + np.log2(len(parts))
    assert all((np.diff(part) > 0).all() for part in parts)


def test_parts_do_not_reach_into_each_other() -> None:
    places = points(4000)
    boxes = [(places[part].min(axis=0), places[part].max(axis=0)) for part in divide(places, 300)]
    for i, (low, high) in enumerate(boxes):
        for other_low, other_high in boxes[:i]:
            assert (np.minimum(high, other_high) - np.maximum(low, other_low)).min() < 0


def test_the_first_cut_is_across_the_longest_axis_whatever_strays() -> None:
    places = points(2000)
    places[7] = (0, 0, 1e6)
    low, high = divide(places, 1000)
    assert places[low][:, 0].max() < places[high][:, 0].min()


def test_equal_coordinates_are_shared_out_by_their_order() -> None:
    low, high = divide(np.zeros((10, 3), np.float32), 5)
    assert low.tolist() == [0, 1, 2, 3, 4]
    assert high.tolist() == [5, 6, 7, 8, 9]
    places = np.float32([[1, 0, 0], [0, 0, 0], [1, 0, 0], [1, 0, 0], [2, 0, 0], [1, 0, 0]])
    assert [part.tolist() for part in divide(places, 3)] == [[0, 1, 2], [3, 4, 5]]
