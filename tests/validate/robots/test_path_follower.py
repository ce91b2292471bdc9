"""Pure pursuit, with a robot that does what it is told."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from lyra_backend.validate.robots.path_follower import PathFollower

LOOP = [(0, 0), (3, 0), (3, 1), (0.4, 1.0), (0.4, 0.4), (2, 0.5)]
WAYS = {"ahead": [(0, 0), (4, 0)], "corner": [(0, 0), (2, 0), (2, 2)], "back": [(0, 0), (-3, 0.5)], "near itself": LOOP}


@pytest.mark.parametrize("name", WAYS)
def test_an_obedient_robot_stays_on_the_way_and_arrives(name: str) -> None:
    way = np.array(WAYS[name], float)
    follower = PathFollower(way)
    position, yaw, off, done = way[0].copy(), 0.0, [], [0.0]
    dense = np.concatenate([np.linspace(a, b, 200) for a, b in itertools.pairwise(way)])
    for _ in range(3000):
        forwards, left, turn = follower.command(position, yaw)
        assert (left, 0.0 <= forwards <= follower.SPEED, abs(turn) <= follower.TURN) == (0.0, True, True)
        yaw += 0.02 * turn
        position = position + 0.02 * forwards * np.array([np.cos(yaw), np.sin(yaw)])
        off.append(np.linalg.norm(dense - position, axis=1).min())
        done.append(follower.done_m)
        if follower.distance(position) < 0.1:
            break
    assert follower.distance(position) < 0.1
    # It cuts corners by less than half of what it looks ahead.
    assert max(off) < 0.25
    assert min(np.diff(done)) > -0.31
    assert follower.length_m == pytest.approx(np.linalg.norm(np.diff(way, axis=0), axis=1).sum())


def test_it_turns_on_the_spot_first_and_rests_at_the_goal() -> None:
    follower = PathFollower(np.array([[0, 0, 0], [0, 3, 0]], float))
    forwards, _, turn = follower.command(np.zeros(2), -np.pi / 2)
    assert (forwards, abs(turn)) == (0.0, follower.TURN)
    assert follower.command(np.array([0.0, 2.99]), 0.0).tolist() == [0.0, 0.0, 0.0] or follower.done_m < 2.9
    arrived = PathFollower(np.array([[0, 0], [0.01, 0]], float))
    assert arrived.command(np.zeros(2), 1.0).tolist() == [0.0, 0.0, 0.0]
