"""Hulls are ones that engines cook."""

from __future__ import annotations

import numpy as np
import pytest

from lyra_backend.collide._objects.apart import interlocked, trimmed
from lyra_backend.collide._objects.hulls import MAX_VERTICES, hull_of
from lyra_backend.collide._objects.materials import substance_of
from lyra_backend.collide._objects.standing import rests_safely

CUBE = np.indices((2, 2, 2)).reshape(3, 8).T.astype(float)


def test_faces_look_outwards_and_enclose_the_volume():
    hull = hull_of(CUBE * [2, 1, 0.5] + 7)
    a, b, c = (hull.vertices[hull.triangles[:, k]] - 7.5 for k in range(3))
    assert (np.cross(a, b) * c).sum() / 6 == pytest.approx(1.0)
    assert hull.volume_m3 == pytest.approx(1.0)


def test_round_bodies_keep_few_vertices_and_most_of_their_volume():
    rng = np.random.default_rng(4)
    points = rng.normal(size=(3000, 3))
    hull = hull_of(points / np.linalg.norm(points, axis=1, keepdims=True))
    assert len(hull.vertices) <= MAX_VERTICES
    assert hull.volume_m3 > 0.85 * 4 / 3 * np.pi


def test_a_thin_sheet_is_made_thicker_below_until_its_ball_is_large_enough():
    hull = hull_of(CUBE * [2.0, 1.0, 0.01])
    assert hull.thickened > 0.02
    low, high = hull.vertices.min(axis=0), hull.vertices.max(axis=0)
    assert high[2] == pytest.approx(0.01)
    assert (high - low).max() <= 100 * (high[2] - low[2]) / 2


@pytest.mark.parametrize("points", [CUBE[:3], CUBE * [1, 1, 0], np.zeros((10, 3))])
def test_what_spans_no_solid_is_none(points):
    assert hull_of(points) is None


def test_overlaps_are_cut_from_the_smaller_one():
    large, small = hull_of(CUBE), hull_of(CUBE * 0.5 + [0.97, 0.2, 0.0])
    assert interlocked([[large], [small]], np.zeros((0, 3))) == [True, True]
    (same,), (cut,) = trimmed([[large], [small]])
    assert same is large
    assert cut.vertices[:, 0].min() == pytest.approx(1.001)
    assert interlocked([[large], [cut]], np.zeros((0, 3))) == [False, False]


def test_points_of_what_does_not_move_hold_a_body_fast():
    assert interlocked([[hull_of(CUBE)]], np.array([[0.5, 0.5, 0.5]])) == [True]
    assert interlocked([[hull_of(CUBE)]], np.array([[0.5, 0.5, 0.005]])) == [False]


def test_only_what_stands_broadly_rests_safely():
    assert rests_safely([hull_of(CUBE)])
    assert not rests_safely([hull_of(CUBE * [0.1, 0.5, 1.0])])
    assert not rests_safely([hull_of(CUBE * [0.2, 0.2, 1.0]), hull_of(CUBE * [2, 0.2, 0.5] + [0, 0, 1])])


def test_classes_have_substance_and_strangers_too():
    assert substance_of("barrel").density_kg_m3 == pytest.approx(157.0)
    assert substance_of("no such thing") == substance_of("unknown")
