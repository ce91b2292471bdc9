"""Spans of triangles in columns, against polygons that are cut off at the columns' sides."""

import numpy as np
import pytest

from lyra_backend.kernels.column_spans import column_spans


def cut(polygon, axis, at, above):
    """The part of a polygon (list of points) on one side of a plane."""
    kept = []
    for a, b in zip(polygon, polygon[1:] + polygon[:1], strict=True):
        inside = [(p[axis] >= at) if above else (p[axis] <= at) for p in (a, b)]
        kept += [a] if inside[0] else []
        if inside[0] != inside[1]:
            kept.append(a + (at - a[axis]) / (b[axis] - a[axis]) * (b - a))
    return kept


def oracle(corners, origin, cell, shape):
    """Least and greatest height by (triangle, column), and the height over the middle where there is one."""
    found = {}
    for i, triangle in enumerate(corners.astype(np.float64)):
        for x in range(shape[0]):
            for y in range(shape[1]):
                low = np.array(origin) + np.array([x, y]) * cell
                polygon = list(triangle)
                for axis in (0, 1):
                    for at, above in ((low[axis], True), (low[axis] + cell, False)):
                        polygon = cut(polygon, axis, at, above)
                if polygon:
                    heights = np.array(polygon)[:, 2]
                    found[i, x * shape[1] + y] = heights.min(), heights.max(), middle(triangle, low + cell / 2)
    return found


def middle(triangle, point):
    edges = np.column_stack([triangle[1] - triangle[0], triangle[2] - triangle[0]])[:2]
    if abs(np.linalg.det(edges)) < 1e-12:
        return np.nan
    u, v = np.linalg.solve(edges, point - triangle[0, :2])
    return (
        (1 - u - v) * triangle[0, 2] + u * triangle[1, 2] + v * triangle[2, 2] if min(u, v, 1 - u - v) >= 0 else np.nan
    )


def test_spans_are_those_of_the_triangles_cut_at_the_columns() -> None:
    rng = np.random.default_rng(3)
    small = rng.uniform(-0.5, 0.5, (40, 3, 3)) + rng.uniform(-0.5, 2.5, (40, 1, 3))
    large = rng.uniform(-1.0, 4.0, (20, 3, 3))
    upright = np.repeat(rng.uniform(-0.5, 2.5, (20, 1, 3)), 3, axis=1)
    upright[:, 1] += rng.uniform(-1, 1, (20, 3))
    upright[:, 2, 2] += 1.0
    corners = np.concatenate([small, large, upright])
    origin, cell, shape = (-0.1, 0.2), 0.4, (6, 5)
    wanted, spans = oracle(corners, origin, cell, shape), column_spans(corners, origin, cell, shape)
    got = {(int(t), int(c)): k for k, (t, c) in enumerate(zip(spans.triangle, spans.cell, strict=True))}
    # columns that a triangle only just touches may be named or not
    touched = {key for key, (low, high, _) in wanted.items()}
    grazing = {key for key in touched ^ set(got)}
    assert len(grazing) <= 0.01 * len(touched)
    both = sorted(touched & set(got))
    rows = [got[key] for key in both]
    expected = np.array([wanted[key] for key in both])
    assert np.abs(spans.low[rows] - expected[:, 0]).max() < 1e-4
    assert np.abs(spans.high[rows] - expected[:, 1]).max() < 1e-4
    known = ~np.isnan(expected[:, 2])
    assert (np.isnan(spans.middle[rows]) == ~known).mean() > 0.99
    there = known & ~np.isnan(spans.middle[rows])
    assert np.abs(spans.middle[rows] - expected[:, 2])[there].max() < 1e-4


def test_no_column_falls_between_two_triangles() -> None:
    square = np.array([[[0, 0, 1], [1, 0, 1], [1, 1, 1]], [[0, 0, 1], [1, 1, 1], [0, 1, 1]]], float)
    spans = column_spans(square, (0.0, 0.0), 0.1, (10, 10))
    assert set(spans.cell[~np.isnan(spans.middle)]) == set(range(100)), "the diagonal runs through ten middles"


@pytest.mark.parametrize("corners", [np.zeros((0, 3, 3)), np.full((1, 3, 3), 100.0)])
def test_what_is_not_over_the_grid_is_left_out(corners: np.ndarray) -> None:
    assert not len(column_spans(corners, (0.0, 0.0), 0.1, (4, 4)).cell)


def test_the_same_every_time() -> None:
    corners = np.random.default_rng(0).uniform(0, 2, (200, 3, 3))
    one, other = (column_spans(corners, (0.0, 0.0), 0.1, (20, 20)) for _ in range(2))
    assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(one, other, strict=True))
