"""The gradients of pictures against differences of the brute-force renderer in double precision."""

from __future__ import annotations

import numpy as np
import pytest
import warp as wp

from lyra_backend.kernels.splat_gradients import blend_splats, blended_gradients
from lyra_backend.kernels.splat_render import view_of
from lyra_backend.types import look_at

from .test_splat_render import LENS, SIZE, draw, gaussians, oracle

POSE = np.linalg.inv(look_at((0.3, -0.2, 0.1), (0.1, 0.4, 3.0), (0.1, -1.0, 0.0)).astype(float))
BACKGROUND = (0.2, 0.5, 0.1)
KINDS = {"positions": wp.vec3, "scales": wp.vec3, "quats_xyzw": wp.quat, "opacities": wp.float32, "sh": wp.vec3}
NAMES = ("positions", "scales", "quats", "opacities", "sh")


def in_view(count: int, seed: int, degree: int) -> dict[str, np.ndarray]:
    """Large Gaussians that overlap, neither so faint nor so opaque that a clamp is near."""
    cloud = gaussians(count, seed, degree, spread=0.8)
    cloud["scales"] *= 1.5
    cloud["opacities"] = (0.1 + 0.8 * cloud["opacities"]).astype(np.float32)
    return cloud


def on_device(cloud: dict[str, np.ndarray]) -> tuple[wp.array, ...]:
    return tuple(wp.array(np.ascontiguousarray(cloud[name]), dtype=kind) for name, kind in KINDS.items())


def gradients(cloud: dict[str, np.ndarray], weights: np.ndarray) -> dict[str, np.ndarray]:
    view, arrays = view_of(POSE, LENS, SIZE, 0.05), on_device(cloud)
    blended = blend_splats(view, arrays, BACKGROUND)
    found = blended_gradients(view, arrays, BACKGROUND, blended, wp.array(weights.astype(np.float32), dtype=wp.vec3))
    return {name: array.numpy().astype(float) for name, array in found._asdict().items()}


def by_difference(cloud: dict[str, np.ndarray], name: str, weights: np.ndarray, ways: np.ndarray) -> np.ndarray:
    """Derivatives along `ways` (D, *shape) of the cloud's field `name`."""

    def weighed(step: np.ndarray) -> float:
        moved = {key: value.astype(float) for key, value in cloud.items()}
        moved[name] = moved[name] + step
        return float((oracle(moved, POSE, LENS, SIZE, BACKGROUND).rgb * weights).sum())

    return np.array([(weighed(1e-5 * way) - weighed(-1e-5 * way)) / 2e-5 for way in ways])


@pytest.mark.parametrize(("name", "degree"), [("positions", 1), ("scales", 0), ("opacities", 0), ("sh", 3)])
def test_matches_differences(name: str, degree: int) -> None:
    cloud, rng = in_view(10, 3, degree), np.random.default_rng(1)
    weights = rng.normal(size=(SIZE[1], SIZE[0], 3))
    ways = rng.normal(size=(20, *cloud[name].shape))
    wanted = by_difference(cloud, name, weights, ways)
    ours = (ways * gradients(cloud, weights)[name]).reshape(20, -1).sum(axis=1)
    np.testing.assert_allclose(ours, wanted, rtol=2e-3, atol=2e-3 * np.abs(wanted).max())


def test_turning_matches_differences() -> None:
    """Along turns, which is what quaternions of unit length can do."""
    cloud, rng = in_view(10, 4, 0), np.random.default_rng(2)
    weights = rng.normal(size=(SIZE[1], SIZE[0], 3))
    quats = cloud["quats_xyzw"].astype(float)
    ways = rng.normal(size=(20, *quats.shape))
    ways -= (ways * quats).sum(axis=2, keepdims=True) * quats
    wanted = by_difference(cloud, "quats_xyzw", weights, ways)
    ours = (ways * gradients(cloud, weights)["quats"]).reshape(20, -1).sum(axis=1)
    np.testing.assert_allclose(ours, wanted, rtol=2e-3, atol=2e-3 * np.abs(wanted).max())


def test_centres_move_the_picture() -> None:
    """A Gaussian before the camera moves by fx / z pixels a metre, and its size in the picture stays."""
    cloud = {key: value[:1] for key, value in in_view(1, 5, 0).items()}
    eye = -POSE[:3, :3].T @ POSE[:3, 3]
    cloud["positions"] = (eye + 4.0 * POSE[2, :3])[None].astype(np.float32)
    cloud["scales"] = np.full((1, 3), 0.05, np.float32)
    weights = np.random.default_rng(3).normal(size=(SIZE[1], SIZE[0], 3))
    found = gradients(cloud, weights)
    along_x = found["positions"][0] @ POSE[0, :3]
    assert along_x == pytest.approx(found["centres_px"][0, 0] * LENS[0] / 4.0, rel=1e-3)


def test_the_picture_is_the_renderers() -> None:
    cloud = gaussians(150, 6, 2)
    ours = blend_splats(view_of(POSE, LENS, SIZE, 0.05), on_device(cloud), BACKGROUND).rgb.numpy()
    assert np.array_equal(ours, draw(cloud, POSE, background=BACKGROUND).rgb)


def test_what_is_not_in_the_picture_has_no_gradients() -> None:
    cloud = gaussians(8, 7)
    cloud["positions"] = (POSE[:3, :3].T @ (np.array([0.0, 0.0, -3.0]) - POSE[:3, 3]))[None].repeat(8, 0).astype("f4")
    found = gradients(cloud, np.ones((SIZE[1], SIZE[0], 3)))
    assert all((found[name] == 0).all() for name in NAMES)


def test_opaque_ones_stop_what_is_behind() -> None:
    ahead = POSE[:3, :3].T @ np.array([[0.0, 0.0, z] for z in (1.0, 1.1, 1.2, 3.0)]).T + eye_column()
    cloud = {key: value[:4] for key, value in in_view(4, 8, 0).items()}
    cloud["positions"], cloud["scales"] = ahead.T.astype(np.float32), np.full((4, 3), 60.0, np.float32)
    cloud["opacities"] = np.array([1.0, 1.0, 1.0, 0.5], np.float32)
    found = gradients(cloud, np.ones((SIZE[1], SIZE[0], 3)))
    assert (found["sh"][3] == 0).all()
    assert (found["opacities"][:3] == 0).all()  # clamped
    assert (found["sh"][0] != 0).all()


def eye_column() -> np.ndarray:
    return (-POSE[:3, :3].T @ POSE[:3, 3])[:, None]
