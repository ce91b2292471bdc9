"""Rooms are the same for a seed, furnished, and leave cameras their space."""

from __future__ import annotations

import numpy as np
import pytest

from lyra_backend.errors import InvalidRequest
from lyra_backend.kernels.room_views import render_room
from lyra_backend.models.trajectories import PATHS, camera_path, draw_distances
from lyra_backend.train.rooms import CENTRE_DEPTH, CLEARANCE, HELD_OUT, Room, clearance, draw_room, room_lens

SEEDS = [*range(12), *range(HELD_OUT, HELD_OUT + 8)]


@pytest.fixture(scope="module")
def rooms() -> list[Room]:
    return [draw_room(seed) for seed in SEEDS]


def test_the_same_seed_is_the_same_room(rooms: list[Room]) -> None:
    again = draw_room(SEEDS[3])
    assert again.first_camera.tobytes() == rooms[3].first_camera.tobytes()
    for one, other in zip(again.arrays, rooms[3].arrays, strict=True):
        assert np.array_equal(one, other)
    assert len({room.first_camera.tobytes() for room in rooms}) == len(rooms)


def test_rooms_have_the_size_and_furniture_of_rooms(rooms: list[Room]) -> None:
    for room in rooms:
        wide, deep, high = room.arrays.high - room.arrays.low
        # a scene unit is not a metre: what is 3 to 6 wide and deep and 2.2 to 3 high in metres has these shapes
        assert 1.0 <= wide / high <= 6 / 2.2
        assert 1.0 <= deep / high <= 6 / 2.2
        assert room.arrays.low[2] == 0
        assert 1 <= len(room.arrays.centres) <= 15
        tops = room.arrays.centres[:, 2] + room.arrays.half_sizes[:, 2]
        assert (tops <= high).all()
        assert (room.arrays.centres[:, 2] >= room.arrays.half_sizes[:, 2] - 1e-9).all()
        assert clearance(room.arrays, room.arrays.lamp[None])[0] > 0


def test_first_cameras_stand_upright_at_eye_height_and_look_where_there_is_something(rooms: list[Room]) -> None:
    for room in rooms:
        turn, at = room.first_camera[:3, :3], room.first_camera[:3, 3]
        assert turn.T @ turn == pytest.approx(np.eye(3))
        assert np.linalg.det(turn) == pytest.approx(1)
        assert turn[2, 0] == 0  # no roll
        assert turn[2, 1] < 0  # y is down
        assert 0.9 / 3.0 <= at[2] / room.arrays.high[2] <= 1.7 / 2.2
        assert np.sin(np.radians(-12)) <= turn[2, 2] <= np.sin(np.radians(5))
        rgb, z = render_room(room.arrays, room.first_camera[None], room_lens((96, 64)), (96, 64))
        assert np.median(z) == pytest.approx(CENTRE_DEPTH, rel=0.03)
        assert z.max() < 5.3
        assert z.min() > 0.7
        assert rgb.std() > 8


def test_cameras_keep_their_distance_along_every_path(rooms: list[Room]) -> None:
    for room in rooms:
        for factor in (
            draw_distances(np.random.default_rng(room.seed)),
            {k: p.distance_range[1] for k, p in PATHS.items()},
        ):
            for kind, distance in factor.items():
                poses = room.first_camera @ camera_path(kind, distance, 17, CENTRE_DEPTH)
                assert clearance(room.arrays, poses[:, :3, 3]).min() >= CLEARANCE - 0.01


def test_clearance_is_the_distance_to_the_nearest_face(rooms: list[Room]) -> None:
    room = rooms[0].arrays._replace(
        centres=np.array([[0.0, 0.0, 0.5]]), half_sizes=np.array([[0.5, 0.2, 0.5]]), yaws=np.array([np.pi / 2])
    )
    points = np.array([[0.5, 0.0, 0.5], [0.0, 0.8, 0.5], [0.6, 0.8, 0.6], [0.0, 0.0, 0.5], [room.high[0] + 1, 0, 1]])
    assert clearance(room, points) == pytest.approx([0.3, 0.3, 0.5, -0.2, -1.0])


@pytest.mark.parametrize("seed", [-1, 1.5, True, "3"])
def test_seeds_are_whole_numbers(seed: object) -> None:
    with pytest.raises(InvalidRequest, match="seed"):
        draw_room(seed)  # type: ignore[arg-type]
