"""Lines of sight through a lattice against walks one step at a time."""

import numpy as np
import pytest

from lyra_backend.kernels.sight import lines_of_sight

SHAPE = (9, 12, 10)


def walk(passable, target, start, way):
    """Step through the points whose cells the line passes, in order of the faces it crosses."""
    way = np.asarray(way, np.float32)
    faces = []
    for axis in np.flatnonzero(way):
        faces += [((n + 0.5) / abs(way[axis]), axis) for n in range(max(SHAPE))]
    point = np.array(start)
    if target[tuple(point)]:
        return True
    for _, axis in sorted(faces):
        ahead = point.copy()
        ahead[axis] += np.sign(way[axis])
        if ahead[axis] < 0 or ahead[axis] >= SHAPE[axis]:
            return True
        low = np.minimum(point, ahead)
        if not passable[tuple(low)] & (2 << axis) or not passable[tuple(ahead)] & 1:
            return False
        point = ahead
        if target[tuple(point)]:
            return True
    raise AssertionError("a line must end")


def make_scene(seed):
    """Points and edges that are mostly open, few targets, and lines from anywhere in any direction."""
    rng = np.random.default_rng(seed)
    passable = (rng.random(SHAPE) < 0.95).astype(np.uint8)
    for axis in range(3):
        passable |= np.where(rng.random(SHAPE) < 0.9, 2 << axis, 0).astype(np.uint8)
    directions = np.concatenate([np.eye(3), -np.eye(3), rng.normal(size=(10, 3))])
    return passable, rng.random(SHAPE) < 0.05, rng.integers(0, SHAPE, (60, 3)), directions


@pytest.mark.parametrize("seed", range(3))
def test_lines_see_what_a_walk_comes_to(seed):
    passable, target, starts, directions = make_scene(seed)
    expected = [[walk(passable, target, start, way) for way in directions] for start in starts]
    found = lines_of_sight(passable, target, starts, directions)
    assert np.array_equal(found, expected)
    assert 0.1 < found.mean() < 0.9


def test_a_sheet_between_two_points_hides_what_is_behind():
    passable = np.full((4, 3, 3), 15, np.uint8)
    target = np.zeros(passable.shape, bool)
    target[3] = True
    ways = [(1.0, 0.0, 0.0), (-1.0, 0.0, 0.0), (0.0, 0.0, 1.0)]
    assert lines_of_sight(passable, target, [(1, 1, 1)], ways).tolist() == [[True, True, True]]
    passable[1, 1, 1] -= 2
    assert lines_of_sight(passable, target, [(1, 1, 1)], ways).tolist() == [[False, True, True]]


def test_without_points_nothing_is_seen():
    empty = np.zeros((2, 2, 2), np.uint8)
    assert lines_of_sight(empty, empty > 0, np.zeros((0, 3), int), [(0, 0, 1.0)]).shape == (0, 1)


def test_bad_lines_are_refused():
    passable = np.full((2, 2, 2), 15, np.uint8)
    for starts, ways in (([(0, 0, 2)], [(0, 0, 1.0)]), ([(0, 0, 0)], [(0, 0, 0.0)])):
        with pytest.raises(ValueError, match="lines_of_sight"):
            lines_of_sight(passable, passable == 0, starts, ways)
