"""Surfaces fitted to either half of the points: what they say of their noise is so."""

import numpy as np
import pytest

from lyra_backend.collide._error.halves import HalfCells
from lyra_backend.collide._error.places import faced_both_ways, spread_evenly

RADIUS, SLAB, NOISE = 0.15, 0.1, 0.01


def sheet(count=12_000, noise=NOISE, seed=0):
    """Points on the square 2 m wide in the plane z = 0, scattered about it; with normals."""
    rng = np.random.default_rng(seed)
    points = np.column_stack([rng.uniform(-1.0, 1.0, (count, 2)), rng.normal(0.0, noise, count)])
    normals = np.column_stack([rng.normal(0.0, 0.1, (count, 2)), np.ones(count)])
    return points, normals / np.linalg.norm(normals, axis=1, keepdims=True)


def fitted(points, normals, **options):
    inner = np.abs(points[:, :2]).max(axis=1) < 0.8
    cells = HalfCells(points, normals, np.ones(len(points)), RADIUS)
    found, _ = cells.fit(points[inner][::20], normals[inner][::20], SLAB, 0.8, **options)
    return found


def test_half_the_difference_is_the_noise():
    found = fitted(*sheet())
    off = np.abs(found.points[:, 2])
    assert np.median(found.noise) == pytest.approx(np.median(off), rel=0.25)
    assert np.quantile(found.noise, 0.95) == pytest.approx(np.quantile(off, 0.95), rel=0.25)
    assert np.median(found.spread) == pytest.approx(NOISE, rel=0.1)
    assert found.normals[:, 2].min() > 0.99


def test_smoothing_a_flat_sheet_lessens_noise_and_says_so():
    rough = fitted(*sheet())
    smooth = rough.smoothed(3.0 * RADIUS, SLAB / 2.0)
    assert np.median(np.abs(smooth.points[:, 2])) < 0.7 * np.median(np.abs(rough.points[:, 2]))
    assert np.median(smooth.noise) == pytest.approx(np.median(np.abs(smooth.points[:, 2])), rel=0.4)


def test_bent_sheets_are_not_smoothed_flat():
    points, normals = sheet(noise=0.001)
    points[:, 2] += 0.03 * np.sin(12.0 * points[:, 0])
    smooth = fitted(points, normals).smoothed(3.0 * RADIUS, SLAB / 2.0)
    off = smooth.points[:, 2] - 0.03 * np.sin(12.0 * smooth.points[:, 0])
    assert np.quantile(np.abs(off), 0.9) < 0.004


def test_points_that_face_the_other_way_count_when_asked():
    points, normals = sheet()
    normals[points[:, 2] < 0.0] *= -1.0
    start, up = np.zeros((1, 3)), np.array([[0.0, 0.0, 1.0]])
    cells = HalfCells(points, normals, np.ones(len(points)), RADIUS)
    split, whole = (cells.fit(start, up, SLAB, 0.8, either_side=e)[0].points[0, 2] for e in (False, True))
    assert split == pytest.approx(NOISE * np.sqrt(2.0 / np.pi), abs=0.002)
    assert whole == pytest.approx(0.0, abs=0.002)


def test_places_without_points_are_left_out():
    points, normals = sheet(2000)
    at, up = np.array([[0.0, 0.0, 0.0], [5.0, 0.0, 0.0]]), np.tile([0.0, 0.0, 1.0], (2, 1))
    found, which = HalfCells(points, normals, np.ones(len(points)), RADIUS).fit(at, up, SLAB, 0.8)
    assert which.tolist() == [True, False]
    assert len(found.points) == 1


def test_the_other_side_is_looked_for_nearby():
    places, up = np.array([[0.0, 0.0, 0.0], [3.0, 0.0, 0.0], [6.0, 0.0, 0.0]]), np.tile([0.0, 0.0, 1.0], (3, 1))
    points = places + [-0.01, 0.0, -0.02]
    facing = np.array([[0.0, 0.0, -1.0], [0.0, 0.0, 1.0], [0.0, 0.0, 1.0]])
    torn = np.array([False, False, True])
    assert faced_both_ways(places, up, points, facing, torn, 0.1).tolist() == [True, False, True]


def test_places_are_spread_evenly_however_dense_the_points():
    points, normals = sheet(noise=0.002)
    dense = points[:, 0] < 0.0
    points, normals = (np.concatenate([values, *[values[dense]] * 5]) for values in (points, normals))
    chosen, area = spread_evenly(points, normals, 0.05)
    left = points[chosen, 0] < 0.0
    assert area.sum() == pytest.approx(4.0, rel=0.1)
    assert area[left].sum() == pytest.approx(area[~left].sum(), rel=0.05)
