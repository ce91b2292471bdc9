"""Local quadratic fits against a plain NumPy moving least squares, and what they promise about noise."""

import numpy as np
import pytest

from lyra_backend.kernels.local_fit import PointCells, local_fits

RADIUS, SLAB = 0.15, 0.1


def tangents(n):
    aside = np.array([1.0, 0.0, 0.0]) if abs(n[0]) < 0.9 else np.array([0.0, 1.0, 0.0])
    u = np.cross(aside, n)
    u /= np.linalg.norm(u)
    return u, np.cross(n, u)


def oracle(points, normals, masses, at, n, agreement, either_side=False):
    """One place: three passes of weighted least squares with the biweight, a weak prior on slopes and bends."""
    u, v = tangents(n)
    offset = points - at
    x, y, h = offset @ u / RADIUS, offset @ v / RADIUS, offset @ n
    rim = 1 - x**2 - y**2
    basis = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1)
    fit, scale = np.zeros(6), SLAB
    for _ in range(3):
        residual = h - basis @ fit
        near = 1 - (residual / scale) ** 2
        alike = np.abs(normals @ n) if either_side else normals @ n
        use = (rim > 0) & (near > 0) & (alike > agreement)
        weight = np.where(use, masses * rim**2 * near**2, 0.0)
        deviation = 1.15 * np.sqrt((weight * residual**2).sum() / weight.sum())
        prior = np.array([1e9, 0.3, 0.3, 0.25, 0.25, 0.25]) * RADIUS
        hold = deviation**2 * (weight**2).sum() / weight.sum() / prior**2
        matrix = (basis * weight[:, None]).T @ basis + np.diag(hold)
        fit = np.linalg.solve(matrix, (basis * weight[:, None]).T @ h)
        scale = np.clip(4.0 * deviation, 1e-4, SLAB)
    return fit, deviation


def rough_sheet(rng, count=4000, noise=0.01):
    """A gently bent sheet with noise, and a second one 25 cm below that faces the other way."""
    xy = rng.uniform(-0.5, 0.5, (count, 2))
    top = np.column_stack([xy, 0.2 * xy[:, 0] ** 2 + rng.normal(0, noise, count)])
    up = np.tile([0.0, 0.0, 1.0], (count, 1)) + rng.normal(0, 0.05, (count, 3))
    up /= np.linalg.norm(up, axis=1, keepdims=True)
    below = top[: count // 2] - [0.0, 0.0, 0.03]
    return np.concatenate([top, below]), np.concatenate([up, -up[: count // 2]])


@pytest.mark.parametrize("either_side", [False, True])
def test_fits_are_those_of_the_oracle(either_side):
    rng = np.random.default_rng(0)
    points, normals = rough_sheet(rng)
    masses = rng.uniform(0.3, 1.0, len(points))
    places = np.column_stack([rng.uniform(-0.3, 0.3, (12, 2)), rng.normal(0, 0.02, 12)])
    ways = np.tile([0.0, 0.0, 1.0], (12, 1)) + rng.normal(0, 0.1, (12, 3))
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    cells = PointCells(points, normals, masses, RADIUS)
    found = local_fits(cells, places, ways, RADIUS, SLAB, 0.7, either_side)
    for k in range(12):
        fit, deviation = oracle(points, normals, masses, places[k], ways[k], 0.7, either_side)
        assert found.height[k] == pytest.approx(fit[0], abs=2e-5)
        assert found.slope[k] == pytest.approx(fit[1:3] / RADIUS, abs=5e-4)
        assert found.deviation[k] == pytest.approx(deviation, abs=2e-5)
        u, v = tangents(ways[k])
        tilted = ways[k] - fit[1] / RADIUS * u - fit[2] / RADIUS * v
        assert found.normal[k] == pytest.approx(tilted / np.linalg.norm(tilted), abs=5e-4)


def test_the_sheet_is_found_within_the_stated_error():
    rng = np.random.default_rng(1)
    points, normals = rough_sheet(rng)
    start = points[:300] * [0.6, 0.6, 0.0] + [0.0, 0.0, 0.01]
    up = np.tile([0.0, 0.0, 1.0], (300, 1))
    found = local_fits(PointCells(points, normals, np.ones(len(points)), RADIUS), start, up, RADIUS, SLAB)
    off = start[:, 2] + found.height - 0.2 * start[:, 0] ** 2
    assert np.median(found.deviation) == pytest.approx(0.01, rel=0.1)
    assert np.median(found.error) < 0.002  # 10 mm of noise
    # errors of neighbouring fits are alike: few of them are independent
    assert 0.4 < np.sqrt(np.mean((off / found.error) ** 2)) < 1.8


def test_places_without_points_have_no_height():
    points = np.zeros((4, 3))
    found = local_fits(
        PointCells(points, np.tile([0.0, 0, 1], (4, 1)), np.ones(4), RADIUS),
        np.array([[5.0, 0.0, 0.0]]),
        np.array([[0.0, 0.0, 1.0]]),
        RADIUS,
        SLAB,
    )
    assert np.isnan(found.height[0])
    assert found.mass[0] == 0


def test_arrays_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="4 points, 3 normals"):
        PointCells(np.zeros((4, 3)), np.zeros((3, 3)), np.ones(4), RADIUS)
