"""Gaussians and cameras in the unit of the depth, Z up."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from lyra_backend.generate._lyra.result import cloud_of, path_cameras, scene_of
from lyra_backend.generate._lyra.start import Start
from lyra_backend.types import Frame, Intrinsics

#: Half a metre is what the networks call 1.
UNIT = 0.5
LENS = Intrinsics(96, 64, 80.0, 80.0, 48.0, 32.0)


def gaussians(count: int = 200) -> np.ndarray:
    """Return Gaussians (M, 14) as the decoder gives them: position, opacity, scale, quaternion wxyz, rgb."""
    rng = np.random.default_rng(0)
    quats = rng.normal(size=(count, 4))
    quats /= np.linalg.norm(quats, axis=1, keepdims=True)
    parts = (
        rng.uniform(-2, 4, (count, 3)),
        rng.uniform(0, 1, (count, 1)),
        rng.uniform(0.001, 0.3, (count, 3)),
        quats,
        rng.uniform(0, 1, (count, 3)),
    )
    return np.concatenate(parts, axis=1).astype(np.float32)


def covariances(quats_wxyz: np.ndarray, scales: np.ndarray) -> np.ndarray:
    turn = Rotation.from_quat(quats_wxyz[:, [1, 2, 3, 0]]).as_matrix()
    return turn @ (scales[:, :, None] ** 2 * np.swapaxes(turn, 1, 2))


def start(z: np.ndarray | None = None) -> Start:
    z = np.full((64, 96), 2.0, np.float32) if z is None else z
    image = np.zeros((64, 96, 3), np.uint8)
    return Start(image, LENS, z, np.zeros(z.shape, bool), UNIT, 20.0, "network", "fov", ())


def test_a_cloud_is_what_the_decoder_gave_in_the_unit_of_the_depth() -> None:
    given = gaussians()
    cloud = cloud_of(given, UNIT)
    np.testing.assert_allclose(cloud.positions, 0.5 * given[:, :3], rtol=1e-6)
    np.testing.assert_allclose(cloud.scales, 0.5 * given[:, 4:7], rtol=1e-6)
    np.testing.assert_allclose(cloud.opacities, given[:, 3], rtol=1e-6)
    np.testing.assert_allclose(cloud.quats_wxyz, given[:, 7:11], atol=1e-6)
    # the colour that a renderer makes of harmonics of degree 0
    np.testing.assert_allclose(0.5 + 0.28209479177387814 * cloud.sh[:, 0], given[:, 11:], atol=1e-6)
    assert cloud.sh.shape == (200, 1, 3)


def test_what_half_precision_leaves_behind_is_mended() -> None:
    given = gaussians(4)
    given[0, 3], given[1, 3] = 1.0078125, -0.0001
    given[0, 4:7] = 0.0
    given[1, 7:11] = 0.0
    given[2, 7:11] *= 1.004
    cloud = cloud_of(given, UNIT)
    assert cloud.opacities[:2].tolist() == [1.0, 0.0]
    assert (cloud.scales[0] > 0).all()
    assert cloud.scales[0].max() <= 1e-6
    assert cloud.quats_wxyz[1].tolist() == [1, 0, 0, 0]
    np.testing.assert_allclose(np.linalg.norm(cloud.quats_wxyz, axis=1), 1, atol=1e-6)


def test_the_scene_is_upright() -> None:
    """The camera's x stays to the right, what it sees ahead is along y, and what is below has a negative z."""
    given = gaussians()
    scene = scene_of(given, {}, start(), {"generator": "test"})
    assert scene.cloud.frame is Frame.GENERATOR
    x, y, z = 0.5 * given[:, :3].T
    np.testing.assert_allclose(scene.cloud.positions, np.stack([x, z, -y], axis=1), atol=1e-6)
    turn = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]])
    np.testing.assert_allclose(
        covariances(scene.cloud.quats_wxyz, scene.cloud.scales),
        turn @ covariances(given[:, 7:11], 0.5 * given[:, 4:7]) @ turn.T,
        atol=1e-6,
    )
    np.testing.assert_allclose(scene.cameras[0].cam_to_world[:3, :3], turn, atol=1e-6)
    assert (scene.scale.uncertainty_percent, scene.geometry) == (20.0, "inferred")
    assert scene.provenance == {"generator": "test"}


# -- cameras ----------------------------------------------------------------------------------------------------------


def path(*places: tuple[float, float, float]) -> np.ndarray:
    """Return a path (T, 4, 4) from the origin through these places, looking ahead."""
    poses = np.tile(np.eye(4, dtype=np.float32), (len(places) + 1, 1, 1))
    poses[1:, :3, 3] = places
    return poses


def names(found) -> list[str]:
    return [camera.name for camera in found]


def test_cameras_are_spread_over_each_path_in_the_unit_of_the_cloud() -> None:
    left = path(*((-0.01 * i, 0.0, 0.002 * i) for i in range(1, 17)))
    found = path_cameras({"left": left}, LENS, start().z, UNIT)
    assert names(found) == ["input", "left_4", "left_8", "left_12", "left_16"]
    assert np.array_equal(found[0].cam_to_world, np.eye(4))
    for camera, frame in zip(found[1:], (4, 8, 12, 16), strict=True):
        np.testing.assert_allclose(camera.position, 0.5 * left[frame, :3, 3], rtol=1e-6)
        assert camera.intrinsics == LENS
    # the path itself is left as it is
    assert left[16, 0, 3] == np.float32(-0.16)


def test_cameras_inside_what_the_picture_shows_are_left_out() -> None:
    """A wall 2 units ahead, nearer on the left; what is not in the picture, or of unknown depth, hides nothing."""
    z = np.full((64, 96), 2.0, np.float32)
    z[:, :48] = 1.0
    z[:8] = 0.0
    places = {
        "in front": (0.05, 0.0, 1.7),
        "too close": (0.05, 0.0, 1.9),
        "behind the wall": (0.05, 0.0, 3.0),
        "behind the nearer part": (-0.05, 0.0, 1.5),
        "before the nearer part": (-0.05, 0.0, 0.8),
        "beside the picture": (-2.0, 0.0, 2.5),
        "above the picture": (0.0, -2.0, 2.5),
        "where nothing is known": (0.1, -0.9, 2.5),
        "behind the camera": (0.0, 0.0, -3.0),
    }
    found = path_cameras({name: path(*[place] * 4) for name, place in places.items()}, LENS, z, UNIT)
    assert {name.rpartition("_")[0] for name in names(found)[1:]} == {
        "in front",
        "before the nearer part",
        "beside the picture",
        "above the picture",
        "where nothing is known",
        "behind the camera",
    }


def test_a_path_that_runs_into_a_wall_keeps_its_first_cameras() -> None:
    forward = path(*((0.0, 0.0, 0.7 * i) for i in range(1, 5)))
    found = path_cameras({"zoom_in": forward}, LENS, start().z, UNIT)
    assert names(found) == ["input", "zoom_in_1", "zoom_in_2"]
    assert found[2].position.tolist() == pytest.approx([0, 0, 0.7])


def test_a_scenes_cameras_stand_where_its_gaussians_say() -> None:
    """A Gaussian straight ahead of a camera of a path is straight ahead of it in the scene too."""
    turn = Rotation.from_euler("y", 20, degrees=True).as_matrix()
    pose = np.eye(4, dtype=np.float32)
    pose[:3, :3], pose[:3, 3] = turn, (-0.3, 0.1, 0.05)
    given = gaussians(1)
    given[0, :3] = pose[:3, 3] + 1.2 * turn[:, 2]
    scene = scene_of(given, {"left": np.stack([np.eye(4, dtype=np.float32), pose])}, start(), {})
    camera = next(c for c in scene.cameras if c.name == "left_1")
    ahead = np.linalg.inv(camera.cam_to_world) @ [*scene.cloud.positions[0], 1.0]
    np.testing.assert_allclose(ahead[:3], [0, 0, 0.6], atol=1e-6)
