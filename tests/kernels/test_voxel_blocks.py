"""Crossings of lattice edges against a plain loop over Gaussians and lattice lines."""

import numpy as np
import pytest

from lyra_backend.kernels.voxel_blocks import LatticeGaussians, touched_blocks, voxel_blocks
from lyra_backend.types.rotations import matrix_from_quat, normalise_quats, wxyz_to_xyzw

SHAPE = (24, 16, 16)
FOOTPRINT, END = 0.5, 0.12


def discs(count, seed):
    rng = np.random.default_rng(seed)
    centres = rng.uniform(5, 11, (count, 3)).astype(np.float32)
    scales = np.stack([rng.uniform(0.2, 0.8, count), rng.uniform(0.2, 0.8, count), np.full(count, 0.02)], axis=1)
    quats = normalise_quats(rng.normal(size=(count, 4)))
    return centres, scales.astype(np.float32), quats, rng.uniform(0.2, 1.0, count).astype(np.float32)


def oracle(centres, scales, quats, opacities):
    """Return {(i, j, k, axis): [density, density near the low end, near the high end, sum of weight * position]}."""
    sums = {}
    for centre, scale, rotation, opacity in zip(centres, scales, matrix_from_quat(quats), opacities, strict=True):
        covariance = rotation @ np.diag(scale.astype(float) ** 2) @ rotation.T
        blob = covariance + FOOTPRINT**2 * np.eye(3)
        u, v = scale[0] ** 2, scale[1] ** 2
        peak = opacity * np.sqrt(u * v / ((u + FOOTPRINT**2) * (v + FOOTPRINT**2)))
        normal = rotation[:, 2]
        for a in range(3):
            if abs(normal[a]) < 0.17:
                continue
            b, c = (a + 1) % 3, (a + 2) % 3
            for line_b in range(16):
                for line_c in range(16):
                    offset = np.zeros(3)
                    offset[b], offset[c] = line_b - centre[b], line_c - centre[c]
                    # mean of the Gaussian on the line; for a disc this is in its plane
                    across = np.linalg.solve(covariance[np.ix_([b, c], [b, c])], offset[[b, c]])
                    offset[a] = covariance[a, [b, c]] @ across
                    assert abs(normal @ offset) < 0.05 * np.linalg.norm(offset) + 1e-6
                    distance = offset @ np.linalg.solve(blob, offset)
                    if distance > min(2 * np.log(peak / 2e-3), 5.3):
                        continue
                    along = centre[a] + offset[a]
                    point = [0, 0, 0]
                    point[a], point[b], point[c] = int(np.floor(along)), line_b, line_c
                    share, weight = along - np.floor(along), peak * np.exp(-distance / 2)
                    entry = sums.setdefault((*point, a), np.zeros(4))
                    entry += weight * np.array([1, share < END, share > 1 - END, share])
    return sums


def as_dict(lattice):
    found = {}
    for slot, block in enumerate(lattice.blocks):
        for axis in range(3):
            for local in np.flatnonzero(lattice.edge_index[slot, axis] >= 0):
                point = block * 8 + (local // 64, local // 8 % 8, local % 8)
                found[(*map(int, point), axis)] = int(lattice.edge_index[slot, axis, local])
    return found


def run(cloud):
    centres, scales, quats, opacities = cloud
    return run_portions([LatticeGaussians(centres, scales, wxyz_to_xyzw(quats), opacities)])


def run_portions(portions):
    directory = touched_blocks(portions, SHAPE, footprint=FOOTPRINT)
    return voxel_blocks(portions, directory, footprint=FOOTPRINT, end_share=END)


def test_sums_agree_with_a_plain_loop():
    cloud = discs(20, 1)
    expected, lattice = oracle(*cloud), run(cloud)
    found = as_dict(lattice)
    strong = {key: value for key, value in expected.items() if value[0] > 0.02}
    assert len(strong) > 150
    for key, (density, low, high, moment) in strong.items():
        edge = found[key]
        assert lattice.density[edge] == pytest.approx(density, rel=0.01, abs=1e-3)
        assert lattice.density_low[edge] == pytest.approx(low, abs=0.03 * density + 4e-3)
        assert lattice.density_high[edge] == pytest.approx(high, abs=0.03 * density + 4e-3)
        assert lattice.position[edge] == pytest.approx(moment / density, abs=0.02)
    extra = sum(lattice.density[edge] for key, edge in found.items() if key not in expected)
    assert extra < 0.01 * lattice.density.sum()


def test_a_flat_sheet_counts_its_layers_and_knows_its_place_and_normal():
    x, y = np.meshgrid(np.arange(4, 12, 0.25), np.arange(4, 12, 0.25), indexing="ij")
    count = x.size
    centres = np.stack([x.ravel(), y.ravel(), np.full(count, 7.3)], axis=1).astype(np.float32)
    scales = np.tile(np.float32([0.25, 0.25, 0.01]), (count, 1))
    quats = np.tile(np.float32([1, 0, 0, 0]), (count, 1))
    lattice = run((centres, scales, quats, np.full(count, 0.5, np.float32)))
    edges = as_dict(lattice)
    assert {axis for *_, axis in edges} == {2}, "a level sheet must not block level edges"
    middle = edges[(8, 8, 7, 2)]
    # layers of opaque surface: opacity * area of a Gaussian / area it has for itself; tails are cut
    assert lattice.density[middle] == pytest.approx(0.5 * 2 * np.pi, rel=0.08)
    assert lattice.position[middle] == pytest.approx(0.3, abs=1e-3)
    assert lattice.deviation[middle] < 4e-3  # the square root of what rounding leaves
    assert np.allclose(lattice.normal[middle], (0, 0, 1), atol=1e-3)
    assert lattice.flatness[middle] > 0.9


def test_the_order_of_gaussians_does_not_matter():
    cloud = discs(200, 3)
    order = np.random.default_rng(0).permutation(200)
    one, two = run(cloud), run(tuple(column[order] for column in cloud))
    for a, b in zip(one, two, strict=True):
        assert a.tobytes() == b.tobytes()


def test_gaussians_may_come_in_portions():
    cloud = discs(200, 4)
    centres, scales, quats, opacities = cloud
    whole = LatticeGaussians(centres, scales, wxyz_to_xyzw(quats), opacities)
    parts = [LatticeGaussians(*(column[start : start + 70] for column in whole)) for start in range(0, 200, 70)]
    for a, b in zip(run(cloud), run_portions(parts), strict=True):
        assert a.tobytes() == b.tobytes()


def test_touched_blocks_hold_both_ends_of_every_touched_edge_and_nothing_else():
    cloud = discs(60, 5)
    lattice, ends = run(cloud), set()
    for *point, axis in as_dict(lattice):
        ends.add(tuple(np.array(point) // 8))
        ends.add(tuple((np.array(point) + np.eye(3, dtype=int)[axis]) // 8))
    assert {tuple(block) for block in lattice.blocks} == ends
    assert (lattice.directory[tuple(lattice.blocks.T)] == np.arange(len(lattice.blocks))).all()
    assert (lattice.directory >= 0).sum() == len(lattice.blocks)


def test_no_gaussians_touch_nothing():
    empty = np.zeros((0, 3), np.float32)
    lattice = run((empty, empty, np.zeros((0, 4), np.float32), np.zeros(0, np.float32)))
    assert len(lattice.blocks) == 0
    assert len(lattice.density) == 0
    assert (lattice.directory == -1).all()


def test_a_shape_that_is_not_made_of_blocks_is_refused():
    with pytest.raises(ValueError, match="multiples of 8"):
        touched_blocks([], (24, 16, 15))
