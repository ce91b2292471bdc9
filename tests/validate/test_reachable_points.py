"""Points inside of closed furniture are told from those of the room around it."""

from __future__ import annotations

import numpy as np

from lyra_backend.validate.depth_fit import viewpoints
from lyra_backend.validate.reachable_points import in_largest_place, reachable_samples

from . import physics_rooms as rooms
from .test_gaussian_fit import survey_of

#: A wardrobe in the room of physics_rooms.
LOW, HIGH = (0.5, 0.5, 0.0), (2.0, 1.7, 2.3)


def shell(low: tuple[float, float, float], high: tuple[float, float, float]) -> np.ndarray:
    """Corners (12, 3, 3) [m] of the triangles of a box."""
    corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], float)
    corners = np.array(low) + corners * (np.array(high) - low)
    quads = np.array([[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]])
    return np.concatenate([corners[quads[:, [0, 1, 2]]], corners[quads[:, [0, 2, 3]]]])


def test_the_inside_of_a_cupboard_is_no_part_of_the_room() -> None:
    walls = shell((1.0, 1.0, 0.0), (2.0, 2.0, 2.0))
    points = np.random.default_rng(0).uniform((0, 0, 0.3), (4, 4, 0.3), (500, 3))
    inside = ((points[:, :2] > 1.0) & (points[:, :2] < 2.0)).all(axis=1)
    assert 10 < inside.sum() < 60
    np.testing.assert_array_equal(in_largest_place(walls, points), ~inside)


def test_a_door_joins_two_rooms() -> None:
    below, beside = shell((2.0, 0.0, 0.0), (2.0, 1.5, 2.0)), shell((2.0, 2.5, 0.0), (2.0, 4.0, 2.0))
    points = np.random.default_rng(1).uniform((0, 0, 0.3), (4, 4, 0.3), (500, 3))
    assert in_largest_place(np.concatenate([below, beside]), points).all()
    closed = in_largest_place(shell((2.0, -1.0, 0.0), (2.0, 5.0, 2.0)), points)
    assert len(set((points[closed, 0] > 2.0).tolist())) == 1
    assert 200 < closed.sum() < 300


def test_one_point_and_none_are_places() -> None:
    walls = shell((0, 0, 0), (1, 1, 1))
    assert in_largest_place(walls, np.zeros((1, 3))).all()
    assert len(in_largest_place(walls, np.zeros((0, 3)))) == 0


def test_no_view_is_taken_from_inside_of_furniture() -> None:
    """As colliders make it of a splat: a shell that shows its sides inwards as well, and the floor in it."""
    low, high = np.array(LOW), np.array(HIGH)
    within = rooms.flipped(rooms.box(low + [0.01, 0.01, 0.0], high - 0.01))
    survey = survey_of(rooms.merge(rooms.floor(), *rooms.walls(), rooms.box(LOW, HIGH), within))
    cameras = viewpoints(survey)
    assert len(cameras) == 9
    for camera in cameras:
        assert (camera.position[:2] < low[:2]).any() or (camera.position[:2] > high[:2]).any()
    columns, reached = survey.samples.columns, reachable_samples(survey)
    inside = ((survey.samples.points > low[:2]) & (survey.samples.points < high[:2])).all(axis=1)
    assert (columns.found & inside & (columns.headroom > 1.7)).sum() > 100  # there would be room for eyes
    assert not (reached & inside & (columns.height < 0.1)).any()
    assert reached[~inside].mean() > 0.9


def test_what_is_above_a_table_is_reached() -> None:
    survey = survey_of(rooms.merge(rooms.floor(), *rooms.walls(), rooms.box((2.0, 1.5, 0.0), (3.0, 2.5, 0.75))))
    top = np.isclose(survey.samples.columns.height, 0.75, atol=0.01)
    assert top.sum() > 300
    assert reachable_samples(survey)[top].mean() > 0.9
