"""Clips begin at the first camera, single pictures stay in free space, and both show the same room."""

from __future__ import annotations

import numpy as np
import pytest

from lyra_backend.errors import InvalidRequest
from lyra_backend.models.trajectories import PATHS, camera_path
from lyra_backend.train.room_clips import clip_of, off_path_poses, pictures_of, views_of
from lyra_backend.train.rooms import CENTRE_DEPTH, HELD_OUT, Room, clearance, draw_room, room_lens

SIZE = (48, 32)


@pytest.fixture(scope="module")
def room() -> Room:
    return draw_room(HELD_OUT)


def test_clips_follow_the_path_from_the_first_camera(room: Room) -> None:
    clips = [clip_of(room, kind, path.distance_range[1], 9, SIZE) for kind, path in PATHS.items()]
    for kind, clip in zip(PATHS, clips, strict=True):
        assert clip.frames.shape == (9, 32, 48, 3)
        assert clip.frames.dtype == np.uint8
        assert clip.z.shape == (9, 32, 48)
        assert clip.z.dtype == np.float32
        assert np.array_equal(clip.cam_to_world, camera_path(kind, PATHS[kind].distance_range[1], 9, CENTRE_DEPTH))
        assert np.array_equal(clip.frames[0], clips[0].frames[0])
    assert np.median(clips[-1].z[-1]) < np.median(clips[-1].z[0])  # zoom_in comes nearer
    assert np.median(clips[-2].z[-1]) > np.median(clips[-2].z[0])


def test_points_seen_by_one_frame_lie_where_others_see_them(room: Room) -> None:
    clip = clip_of(room, "left", 0.2, 9, SIZE)
    fx, fy, cx, cy = room_lens(SIZE)
    y, x = np.mgrid[:32, :48] + 0.5
    rays = np.stack([(x - cx) / fx, (y - cy) / fy, np.ones_like(x)], axis=-1)
    points = clip.z[0][..., None] * rays
    pose = clip.cam_to_world[-1]
    local = (points - pose[:3, 3]) @ pose[:3, :3]
    u, v = local[..., 0] / local[..., 2] * fx + cx, local[..., 1] / local[..., 2] * fy + cy
    inside = (u > 0) & (u < 48) & (v > 0) & (v < 32)
    seen = clip.z[-1][v[inside].astype(int), u[inside].astype(int)]
    assert (np.abs(seen - local[..., 2][inside]) < 0.06).mean() > 0.85  # the rest is hidden


def test_single_pictures_are_drawn_from_the_generator_and_in_free_space(room: Room) -> None:
    first, second = (pictures_of(room, 12, np.random.default_rng(3), SIZE) for _ in range(2))
    assert np.array_equal(first.frames, second.frames)
    assert first.frames.shape == (12, 32, 48, 3)
    assert first.z.min() > 0.1
    assert len(np.unique(first.cam_to_world[:, :3, 3], axis=0)) == 12
    reach = np.abs(first.cam_to_world[:, :3, 3]).max(axis=0)
    assert (reach <= [0.7, 0.5, 0.81]).all()
    assert reach.max() > 0.2


def test_poses_off_the_paths_are_off_all_of_them(room: Room) -> None:
    poses = off_path_poses(room, np.random.default_rng(4), 20)
    for kind, path in PATHS.items():
        for distance in path.distance_range:
            along = camera_path(kind, distance, 65, CENTRE_DEPTH)[:, None, :3, 3]
            assert np.linalg.norm(along - poses[:, :3, 3], axis=-1).min() > 0.08
    centres = poses[:, :3, 3] @ room.first_camera[:3, :3].T + room.first_camera[:3, 3]
    assert clearance(room.arrays, centres).min() > 0.14
    assert views_of(room, poses[:3], SIZE).z.min() > 0.1


def test_what_cannot_be_seen_is_refused(room: Room) -> None:
    with pytest.raises(InvalidRequest, match="free"):
        clip_of(room, "zoom_out", 6.0)
    with pytest.raises(InvalidRequest, match="one pose"):
        pictures_of(room, 0, np.random.default_rng(0))
    with pytest.raises(InvalidRequest, match="sideways"):
        clip_of(room, "sideways", 0.2)
