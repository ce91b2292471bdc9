"""Neighbourhoods on a sparse lattice against dictionaries."""

import numpy as np
import pytest
import warp as wp

from lyra_backend.kernels import lattice_walls
from lyra_backend.kernels.lattice_walls import (
    label_sheets,
    points_in_sheets,
    touching_sheets,
    typical_density,
    widened,
)

from .lattices import cells_of, make_lattice

SHAPE = (24, 16, 16)


@pytest.fixture(scope="module")
def scene():
    """A random scatter of touched edges across several blocks with random densities."""
    rng = np.random.default_rng(5)
    touched = rng.random((3, *SHAPE)) < 0.06
    touched[:, 8:16, :8, :8] = False  # leaves one block empty
    directory, blocks, edge_index, edges = make_lattice(SHAPE, touched)
    assert (directory == -1).any()
    return (directory, blocks, edge_index), edges, rng.random((4, len(edges))).astype(np.float32)


def test_typical_density_is_the_largest_of_the_parallel_neighbours(scene):
    lattice, edges, (density, *_) = scene
    index = {tuple(e): n for n, e in enumerate(edges)}
    expected = []
    for *point, axis in edges:
        around = [tuple(np.add(point, d)) for d in np.ndindex(3, 3, 3)]
        near = [(*np.subtract(p, 1), axis) for p in around]
        expected.append(max(density[index[tuple(map(int, e))]] for e in near if tuple(map(int, e)) in index))
    assert np.array_equal(typical_density(*lattice, density), np.float32(expected))


def test_a_sheet_on_a_lattice_point_counts_for_both_edges(scene):
    lattice, edges, (density, low, high, position) = scene
    index = {tuple(e): n for n, e in enumerate(edges)}
    total, place = widened(*lattice, density, low, high, position, 0.1)
    beyond = 0
    for n, (*point, axis) in enumerate(edges):
        step = np.eye(3, dtype=int)[axis]
        before, after = index.get((*np.subtract(point, step), axis)), index.get((*np.add(point, step), axis))
        want, moment = float(density[n]), float(density[n] * position[n])
        if before is not None:
            want, moment = want + high[before], moment - 0.05 * high[before]
        if after is not None:
            want, moment = want + low[after], moment + 1.05 * low[after]
        beyond += (before is not None) + (after is not None)
        assert total[n] == pytest.approx(want, rel=1e-5)
        assert place[n] == pytest.approx(moment / want, rel=1e-4, abs=1e-6)
    assert beyond > 50


def test_points_in_sheets(scene):
    lattice, edges, (_, low, high, needed) = scene
    _, blocks, _ = lattice
    index = {tuple(e): n for n, e in enumerate(edges)}
    found = points_in_sheets(*lattice, low, high, needed)
    for slot, block in enumerate(blocks):
        for local in range(512):
            point = block * 8 + (local // 64, local // 8 % 8, local % 8)
            best, most = -1, 0.0
            for axis, step in enumerate(np.eye(3, dtype=int)):
                above, below = index.get((*point, axis)), index.get((*(point - step), axis))
                near = [float(low[above]) if above is not None else 0, float(high[below]) if below is not None else 0]
                least = min([needed[e] for e in (above, below) if e is not None], default=np.inf)
                if np.float32(sum(near)) >= least and sum(near) > most:
                    best, most = (above if near[0] >= near[1] else below), sum(near)
            assert found[slot, local] == best
    assert (found >= 0).any()


def test_label_sheets_joins_kept_edges_that_share_a_cell(scene):
    lattice, edges, (density, *_) = scene
    kept = density > 0.4
    group = list(range(len(edges)))
    cells = [cells_of(tuple(e)) for e in edges]
    changed = True
    while changed:
        changed = False
        lowest = {}
        for n in np.flatnonzero(kept):
            for cell in cells[n]:
                lowest[cell] = min(lowest.get(cell, n), group[n])
        for n in np.flatnonzero(kept):
            best = min(lowest[cell] for cell in cells[n])
            if best < group[n]:
                group[n], changed = best, True
    assert np.array_equal(label_sheets(*lattice, kept), group)


def test_touching_sheets_grows_by_one_cell(scene):
    lattice, edges, (density, other, *_) = scene
    kept, candidate = density > 0.9, other > 0.5
    near = set().union(*(cells_of(tuple(e)) for e in edges[kept]))
    expected = kept | (candidate & np.array([bool(cells_of(tuple(e)) & near) for e in edges]))
    assert np.array_equal(touching_sheets(*lattice, kept, candidate), expected)
    assert expected.sum() > kept.sum()


@wp.kernel
def _taken_apart(owner: wp.array(dtype=wp.int64), parts: wp.array(dtype=wp.vec3i)):
    i = wp.tid()
    parts[i] = wp.vec3i(lattice_walls._slot(owner[i]), lattice_walls._axis(owner[i]), lattice_walls._local(owner[i]))


def test_edges_have_names_beyond_32_bits():
    """A lattice of 1.4 million blocks has more edges than 32 bits count; its arrays alone would take 9 GB."""
    given = [(0, 0, 0), (1_398_101, 1, 5), (1_398_102, 2, 511), (20_000_000, 0, 100)]
    owner = np.ravel_multi_index(np.array(given).T, (2**31, 3, 512))
    parts = wp.empty(len(given), dtype=wp.vec3i, device="cpu")
    wp.launch(_taken_apart, len(given), [wp.array(owner, dtype=wp.int64, device="cpu")], [parts], device="cpu")
    assert parts.numpy().tolist() == [list(each) for each in given]
