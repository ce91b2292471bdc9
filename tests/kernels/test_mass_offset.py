"""Offsets of opaque mass against a plain loop over Gaussians, and against what a straight edge has."""

import numpy as np
import pytest
from scipy.stats import norm

from lyra_backend.kernels.mass_offset import mass_offsets
from lyra_backend.types.rotations import matrix_from_quat, normalise_quats, wxyz_to_xyzw

FOOTPRINT, SLAB = 0.5, 0.5


def oracle(centres, scales, quats, opacities, at, n):
    """One place: over Gaussians, the mean of that of Gaussian times footprint, across the normal, and of variances."""
    total, moment, blur = 0.0, np.zeros(3), 0.0
    for centre, scale, rotation, opacity in zip(centres, scales, matrix_from_quat(quats), opacities, strict=True):
        away = centre - at
        thin = scale.argmin()
        if abs(away @ n) >= SLAB or abs(rotation[:, thin] @ n) <= 0.7:
            continue
        away = away - (away @ n) * n
        blob = rotation @ np.diag(scale**2) @ rotation.T + FOOTPRINT**2 * np.eye(3)
        pulled = FOOTPRINT**2 * np.linalg.solve(blob, away)
        u, v = np.delete(scale, thin) ** 2
        weight = opacity * np.sqrt(u * v / ((u + FOOTPRINT**2) * (v + FOOTPRINT**2)))
        weight *= np.exp(-0.5 * away @ np.linalg.solve(blob, away))
        total += weight
        blur += weight * (u + v) / 2
        moment += weight * (pulled - (pulled @ n) * n)
    return [*(moment / total), blur / total]


def test_offsets_are_those_of_a_plain_loop() -> None:
    rng = np.random.default_rng(0)
    count = 60
    centres = rng.uniform(-0.8, 0.8, (count, 3)) * [1, 1, 0.5]
    scales = np.stack([np.full(count, 0.02), *rng.uniform(0.2, 0.8, (2, count))], axis=1)[:, [1, 2, 0]]
    quats = normalise_quats(np.array([1.0, 0, 0, 0]) + rng.normal(0, 0.15, (count, 4)))
    opacities = rng.uniform(0.2, 1.0, count)
    places = rng.uniform(-0.5, 0.5, (10, 3)) * [1, 1, 0.2]
    ways = np.tile([0.0, 0.0, 1.0], (10, 1)) + rng.normal(0, 0.1, (10, 3))
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    found = np.column_stack(
        mass_offsets(centres, scales, wxyz_to_xyzw(quats), opacities, places, ways, FOOTPRINT, SLAB)
    )
    expected = [oracle(centres, scales, quats, opacities, *one) for one in zip(places, ways, strict=True)]
    assert np.allclose(found, expected, atol=2e-4)


@pytest.mark.parametrize("beside", [-0.3, 0.0, 0.3, 0.5])
def test_beside_a_straight_edge_the_mass_is_where_a_normal_distribution_cut_off_has_its_mean(beside: float) -> None:
    x, y = np.meshgrid(np.arange(-4, 0, 0.05) + 0.025, np.arange(-3, 3, 0.05), indexing="ij")
    centres = np.column_stack([x.ravel(), y.ravel(), np.zeros(x.size)])
    scales, quats = np.tile([0.02, 0.02, 0.001], (x.size, 1)), np.tile([0.0, 0.0, 0.0, 1.0], (x.size, 1))
    place, up = np.array([[beside, 0.0, 0.1]]), np.array([[0.0, 0.0, 1.0]])
    (found,), (variance,) = mass_offsets(centres, scales, quats, np.ones(x.size), place, up, FOOTPRINT, SLAB)
    assert variance == pytest.approx(0.02**2, rel=1e-3)
    share = beside / FOOTPRINT
    assert found[0] == pytest.approx(-FOOTPRINT * norm.pdf(share) / norm.sf(share), abs=0.01)
    assert np.abs(found[1:]).max() < 2e-3


def test_nothing_near_gives_nothing() -> None:
    none = np.zeros((0, 3))
    offset, _ = mass_offsets(none, none, np.zeros((0, 4)), np.zeros(0), np.ones((2, 3)), np.ones((2, 3)), 0.5, 0.5)
    assert offset.shape == (2, 3)
    assert not offset.any()
    far = np.full((1, 3), 9.0)
    up = np.array([[0.0, 0.0, 1.0]])
    offset, _ = mass_offsets(
        far, np.ones((1, 3)), np.array([[0, 0, 0, 1.0]]), np.ones(1), np.zeros((1, 3)), up, 0.5, 0.5
    )
    assert not offset.any()
