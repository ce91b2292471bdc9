"""Chosen cameras stand in free space, at the right height, and see the scene."""

from __future__ import annotations

import numpy as np
import pytest

from lyra_backend.errors import InvalidRequest
from lyra_backend.render import render, robot_viewpoints, scene_viewpoint
from lyra_backend.types import Camera, Frame, GaussianCloud, Intrinsics, look_at

from .scenes import box, hill_height, hills, room

HEIGHTS = (0.3, 0.6, 1.5)


@pytest.fixture(scope="module")
def indoors() -> GaussianCloud:
    return room()


@pytest.fixture(scope="module")
def outdoors() -> GaussianCloud:
    return hills()


def small(camera: Camera) -> Camera:
    return Camera(Intrinsics.from_fov(160, 90, 70), camera.cam_to_world)


def is_level(camera: Camera) -> bool:
    return abs(camera.cam_to_world[2, 2]) < 1e-4 and abs(camera.cam_to_world[2, 0]) < 1e-4


def in_furniture(x: float, y: float, z: float) -> bool:
    wardrobe = 4.8 < x < 6.0 and y < 0.6
    bed = x < 2.2 and y > 2.6
    crate = 3.6 < x < 4.2 and 3.4 < y < 4.0
    return wardrobe or bed or crate


def test_a_room_is_seen_from_inside(indoors: GaussianCloud) -> None:
    camera = scene_viewpoint(indoors)
    lens = camera.intrinsics
    assert (lens.width, lens.height, camera.name) == (960, 540, "scene")
    x, y, z = camera.position
    assert 0.3 < x < 5.7
    assert 0.3 < y < 4.7
    assert not in_furniture(x, y, z)
    np.testing.assert_allclose(z, 1.5, atol=0.05)
    picture = render(indoors, small(camera))
    assert picture.coverage > 0.99
    assert 2.0 < np.nanmedian(picture.depth_m) < 6.0
    assert np.nanmin(picture.depth_m) > 0.3


def test_robots_stand_on_the_floor_beside_the_furniture(indoors: GaussianCloud) -> None:
    cameras = robot_viewpoints(indoors)
    assert [c.name for c in cameras] == ["robot_0.3m", "robot_0.6m", "robot_1.5m"]
    for camera, height in zip(cameras, HEIGHTS, strict=True):
        x, y, z = camera.position
        np.testing.assert_allclose(z, height, atol=0.05)
        assert 0.3 < x < 5.7
        assert 0.3 < y < 4.7
        assert not in_furniture(x, y, z)
        assert is_level(camera)
        picture = render(indoors, small(camera))
        assert picture.coverage > 0.99
        assert 1.5 < np.nanmedian(picture.depth_m) < 6.0


def test_robots_follow_hilly_ground(outdoors: GaussianCloud) -> None:
    for camera, height in zip(robot_viewpoints(outdoors), HEIGHTS, strict=True):
        x, y, z = camera.position
        assert 0.0 < x < 16.0
        assert 0.0 < y < 16.0
        np.testing.assert_allclose(z - hill_height(x, y), height, atol=0.1)
        assert is_level(camera)
        assert render(outdoors, small(camera)).coverage > 0.3
    x, y, z = scene_viewpoint(outdoors).position
    np.testing.assert_allclose(z - hill_height(x, y), 1.5, atol=0.1)


def test_stray_gaussians_do_not_hide_the_floor(indoors: GaussianCloud) -> None:
    rng = np.random.default_rng(1)
    count = 400
    stray = GaussianCloud(
        rng.uniform((0, 0, -0.1), (6, 5, 2.8), (count, 3)),
        np.full((count, 3), 0.04),
        np.tile([1.0, 0, 0, 0], (count, 1)),
        rng.uniform(0.1, 0.9, count),
        np.zeros((count, 1, 3)),
        Frame.WORLD,
    )
    cloud = GaussianCloud.concatenate([indoors, stray])
    for camera, height in zip(robot_viewpoints(cloud), HEIGHTS, strict=True):
        np.testing.assert_allclose(camera.position[2], height, atol=0.06)
        assert not in_furniture(*camera.position)


def test_a_single_object_is_seen_from_outside() -> None:
    thing = box((-0.2, -0.15, 0.0), (0.2, 0.15, 0.3), 0.01)
    cameras = (scene_viewpoint(thing), *robot_viewpoints(thing))
    for camera in cameras:
        distance = np.abs(camera.position[:2]).max()
        assert distance > 0.4
        alpha = render(thing, camera).alpha
        assert alpha.max() > 0.9
        assert alpha[[0, -1]].max() < 0.1
        assert alpha[:, [0, -1]].max() < 0.1
    assert cameras[0].cam_to_world[2, 2] < -0.2
    np.testing.assert_allclose([c.position[2] for c in cameras[1:]], HEIGHTS, atol=0.02)


def seen_from(cloud: GaussianCloud, camera: Camera) -> GaussianCloud:
    """What one depth camera would have measured of a cloud."""
    depth, lens = render(cloud, camera).depth_m, camera.intrinsics
    to_cam = np.linalg.inv(camera.cam_to_world.astype(float))
    points = cloud.positions @ to_cam[:3, :3].T + to_cam[:3, 3]
    column = np.floor(lens.fx * points[:, 0] / points[:, 2] + lens.cx)
    row = np.floor(lens.fy * points[:, 1] / points[:, 2] + lens.cy)
    inside = (points[:, 2] > 0.1) & (column >= 0) & (column < lens.width) & (row >= 0) & (row < lens.height)
    index = np.flatnonzero(inside)
    near = np.abs(depth[row[index].astype(int), column[index].astype(int)] - points[index, 2]) < 0.05
    return cloud.select(index[near])


def test_a_cloud_seen_from_one_place_is_shown_from_its_front(indoors: GaussianCloud) -> None:
    photo = Camera(Intrinsics.from_fov(640, 480, 65), look_at((0.5, 0.5, 1.4), (4.5, 3.5, 0.8)))
    cloud = seen_from(indoors, photo)
    chosen = scene_viewpoint(cloud)
    assert render(cloud, small(chosen)).coverage > 0.5
    for camera, height in zip(robot_viewpoints(cloud, HEIGHTS, (photo,)), HEIGHTS, strict=True):
        np.testing.assert_allclose(camera.position[2], height, atol=0.06)
        assert render(cloud, small(camera)).coverage > 0.4


def test_the_first_camera_is_the_scene_view(indoors: GaussianCloud) -> None:
    first = Camera(Intrinsics(640, 480, 500, 510, 310, 250), look_at((1, 1, 1), (2, 2, 1)), "photo")
    camera = scene_viewpoint(indoors, (first, small(first)))
    assert camera.intrinsics == Intrinsics(960, 540, 750, 765, 465, 285)
    np.testing.assert_array_equal(camera.cam_to_world, first.cam_to_world)


def test_choices_repeat(indoors: GaussianCloud) -> None:
    for first, second in zip(robot_viewpoints(indoors), robot_viewpoints(indoors), strict=True):
        assert first.cam_to_world.tobytes() == second.cam_to_world.tobytes()


@pytest.mark.parametrize("count", [1, 5])
def test_very_few_gaussians_still_get_cameras(count: int, indoors: GaussianCloud) -> None:
    few = indoors.select(np.arange(count))
    for camera in (scene_viewpoint(few), *robot_viewpoints(few)):
        assert np.isfinite(camera.cam_to_world).all()


def test_empty_clouds_and_wrong_heights_are_refused(indoors: GaussianCloud) -> None:
    empty = indoors.select(np.arange(0))
    with pytest.raises(InvalidRequest, match="Gaussians"):
        scene_viewpoint(empty)
    with pytest.raises(InvalidRequest, match="Gaussians"):
        robot_viewpoints(empty)
    with pytest.raises(InvalidRequest, match="heights_m"):
        robot_viewpoints(indoors, (0.3, -1.0))
