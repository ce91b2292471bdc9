"""Regions of a block-sparse lattice against scipy's labelling of the dense one."""

import numpy as np
import pytest
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from lyra_backend.kernels.flood import label_regions

SHAPE = np.array([24, 16, 24])


def make_scene(seed):
    """Random free points and closed edges in some blocks; the other blocks are empty, and most of those open."""
    rng = np.random.default_rng(seed)
    occupied = rng.random(SHAPE // 8) < 0.5
    open_blocks = ~occupied & (rng.random(SHAPE // 8) < 0.7)
    blocks = np.argwhere(occupied).astype(np.int32)
    directory = np.full(SHAPE // 8, -1, np.int32)
    directory[tuple(blocks.T)] = np.arange(len(blocks))
    bits = (rng.random((len(blocks), 512)) < 0.8).astype(np.uint8)
    for axis in range(3):
        bits |= np.where(rng.random(bits.shape) < 0.4, 2 << axis, 0).astype(np.uint8)
    return directory, blocks, bits, open_blocks


def dense_labels(directory, blocks, bits, open_blocks):
    """Label every lattice point by scipy; -1 where not free."""
    free = np.repeat(np.repeat(np.repeat(open_blocks, 8, 0), 8, 1), 8, 2)
    edge = np.ones((3, *SHAPE), bool)
    for slot, (x, y, z) in enumerate(blocks * 8):
        cube = np.s_[x : x + 8, y : y + 8, z : z + 8]
        free[cube] = (bits[slot] & 1).reshape(8, 8, 8) > 0
        for axis in range(3):
            edge[axis][cube] = (bits[slot] & (2 << axis)).reshape(8, 8, 8) > 0
    index = np.arange(free.size).reshape(free.shape)
    pairs = []
    for axis in range(3):
        low = [slice(None)] * 3
        high = [slice(None)] * 3
        low[axis], high[axis] = slice(-1), slice(1, None)
        low, high = tuple(low), tuple(high)
        joined = free[low] & free[high] & edge[axis][low]
        pairs.append(np.stack([index[low][joined], index[high][joined]]))
    rows, columns = np.concatenate(pairs, axis=1)
    graph = coo_matrix((np.ones(len(rows)), (rows, columns)), shape=(free.size, free.size))
    return np.where(free, connected_components(graph, directed=False)[1].reshape(free.shape), -1)


@pytest.mark.parametrize("seed", range(4))
def test_regions_are_those_of_the_dense_lattice(seed):
    directory, blocks, bits, open_blocks = make_scene(seed)
    points, empties = label_regions(directory, blocks, bits, open_blocks)
    mine = np.repeat(np.repeat(np.repeat(empties, 8, 0), 8, 1), 8, 2)
    for slot, (x, y, z) in enumerate(blocks * 8):
        mine[x : x + 8, y : y + 8, z : z + 8] = points[slot].reshape(8, 8, 8)
    expected = dense_labels(directory, blocks, bits, open_blocks)
    assert np.array_equal(mine < 0, expected < 0)
    pairs = np.unique(np.stack([mine[mine >= 0], expected[mine >= 0]]), axis=1)
    assert len(np.unique(pairs[0])) == len(np.unique(pairs[1])) == pairs.shape[1] > 3


def test_a_label_is_the_smallest_node_of_its_region():
    directory, blocks, bits, open_blocks = make_scene(9)
    points, empties = label_regions(directory, blocks, bits, open_blocks)
    nodes = np.concatenate([np.arange(empties.size), empties.size + np.arange(points.size)])
    labels = np.concatenate([empties.ravel(), points.ravel()])
    for label in np.unique(labels[labels >= 0]):
        assert nodes[labels == label].min() == label


def test_a_scene_without_blocks_is_one_region():
    directory = np.full((2, 3, 2), -1, np.int32)
    points, empties = label_regions(
        directory, np.zeros((0, 3), np.int32), np.zeros((0, 512), np.uint8), np.ones((2, 3, 2), bool)
    )
    assert points.shape == (0, 512)
    assert (empties == 0).all()
