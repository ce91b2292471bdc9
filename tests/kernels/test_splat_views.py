"""Views for learning against the brute-force renderer in double precision, and against the other gradients."""

from __future__ import annotations

import numpy as np
import pytest
import warp as wp

from lyra_backend.kernels.splat_gradients import blend_splats, blended_gradients
from lyra_backend.kernels.splat_render import view_of
from lyra_backend.kernels.splat_rows import Pixels
from lyra_backend.kernels.splat_views import (
    Cloud,
    arrange,
    covariances,
    covariances_back,
    view_gradients,
    view_picture,
)

from .test_splat_gradients import BACKGROUND, POSE, in_view, on_device
from .test_splat_render import LENS, SIZE, oracle

C0 = 0.28209479177387814


def scene(count: int, seed: int) -> tuple[dict[str, np.ndarray], Cloud]:
    cloud = in_view(count, seed, 0)
    positions, scales, quats, opacities, sh = on_device(cloud)
    rgb = wp.array(np.maximum(0.5 + C0 * sh.numpy()[:, 0], 0.0), dtype=wp.vec3)
    return cloud, Cloud(positions, covariances(scales, quats), opacities, rgb)


def pixels(rgb: np.ndarray, depth: np.ndarray, left: np.ndarray) -> Pixels:
    return Pixels(
        wp.array(rgb.astype(np.float32), dtype=wp.vec3),
        wp.array(depth.astype(np.float32), dtype=wp.float32),
        wp.array(left.astype(np.float32), dtype=wp.float32),
    )


def no_pixels() -> Pixels:
    shape = (SIZE[1], SIZE[0])
    return pixels(np.full((*shape, 3), np.nan), np.full(shape, np.nan), np.full(shape, np.nan))


def test_colour_and_opacity_are_those_of_the_oracle() -> None:
    cloud, on = scene(60, 3)
    view, picture = view_of(POSE, LENS, SIZE, 0.05), no_pixels()
    view_picture(view, arrange(view, on), BACKGROUND, picture)
    wanted = oracle(cloud, POSE, LENS, SIZE, BACKGROUND)
    np.testing.assert_allclose(picture.rgb.numpy(), wanted.rgb, atol=3e-5)
    np.testing.assert_allclose(1.0 - picture.left.numpy(), wanted.alpha, atol=3e-5)


def test_depth_is_summed_over_centres() -> None:
    """Of Gaussians in one plane across the view: that of the plane, however they are turned."""
    cloud, on = scene(40, 4)
    points = cloud["positions"] @ POSE[:3, :3].T + POSE[:3, 3]
    points[:, 2] = 3.0
    flat = ((points - POSE[:3, 3]) @ POSE[:3, :3]).astype(np.float32)
    view, picture = view_of(POSE, LENS, SIZE, 0.05), no_pixels()
    view_picture(view, arrange(view, on._replace(positions=wp.array(flat, dtype=wp.vec3))), BACKGROUND, picture)
    alpha = 1.0 - picture.left.numpy()
    assert alpha.max() > 0.5
    np.testing.assert_allclose(picture.depth.numpy(), 3.0 * alpha, atol=1e-5)


def test_gradients_are_those_of_recorded_kernels() -> None:
    cloud, on = scene(60, 5)
    view, arrays = view_of(POSE, LENS, SIZE, 0.05), on_device(cloud)
    weights = np.random.default_rng(2).normal(size=(SIZE[1], SIZE[0], 3))
    grads = pixels(weights, np.zeros(weights.shape[:2]), np.zeros(weights.shape[:2]))
    wanted = blended_gradients(view, arrays, BACKGROUND, blend_splats(view, arrays, BACKGROUND), grads.rgb)
    arranged, picture = arrange(view, on), no_pixels()
    view_picture(view, arranged, BACKGROUND, picture)
    found = view_gradients(view, on, arranged, picture, grads)
    scales, quats = covariances_back(arrays[1], arrays[2], found.covariances)
    along = (wanted.quats.numpy() * arrays[2].numpy()).sum(axis=1, keepdims=True)
    pairs = {
        "positions": (found.positions.numpy(), wanted.positions.numpy()),
        "scales": (scales.numpy(), wanted.scales.numpy()),
        "quats": (quats.numpy(), wanted.quats.numpy() - along * arrays[2].numpy()),
        "opacities": (found.opacities.numpy(), wanted.opacities.numpy()),
        "rgb": (C0 * found.rgb.numpy(), wanted.sh.numpy()[:, 0]),
    }
    for name, (ours, theirs) in pairs.items():
        np.testing.assert_allclose(ours, theirs, rtol=2e-3, atol=2e-4 * np.abs(theirs).max(), err_msg=name)


def covariance(scale: np.ndarray, quat: np.ndarray) -> np.ndarray:
    x, y, z, w = quat / np.linalg.norm(quat)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    axes = (np.eye(3) + 2 * w * cross + 2 * cross @ cross) * scale
    return axes @ axes.T


def test_covariances_and_their_gradients() -> None:
    rng = np.random.default_rng(6)
    scales, quats, weights = rng.lognormal(0.0, 0.5, (5, 3)), rng.normal(size=(5, 4)), rng.normal(size=(5, 3, 3))
    on = wp.array(scales.astype("f4"), dtype=wp.vec3), wp.array(quats.astype("f4"), dtype=wp.quat)
    wanted = [covariance(scale, quat) for scale, quat in zip(scales, quats, strict=True)]
    np.testing.assert_allclose(covariances(*on).numpy(), wanted, rtol=1e-5, atol=1e-5)
    found = covariances_back(*on, wp.array(weights.astype("f4"), dtype=wp.mat33))

    def slope(i: int, at: int, k: int) -> float:
        ends = []
        for sign in (-1, 1):
            moved = [scales[i].copy(), quats[i].copy()]
            moved[at][k] += sign * 1e-5
            ends.append((covariance(*moved) * weights[i]).sum())
        return float(ends[1] - ends[0]) / 2e-5

    for at, grad in enumerate(found):
        differences = [[slope(i, at, k) for k in range((3, 4)[at])] for i in range(5)]
        np.testing.assert_allclose(grad.numpy(), differences, rtol=1e-3, atol=1e-3)


def test_nothing_in_view() -> None:
    _, on = scene(6, 7)
    behind = (POSE[:3, :3].T @ (np.array([0.0, 0.0, -3.0]) - POSE[:3, 3]))[None].repeat(6, 0)
    on = on._replace(positions=wp.array(behind.astype(np.float32), dtype=wp.vec3))
    view, picture = view_of(POSE, LENS, SIZE, 0.05), no_pixels()
    assert arrange(view, on) is None
    view_picture(view, None, BACKGROUND, picture)
    assert (picture.rgb.numpy() == np.float32(BACKGROUND)).all()
    assert (picture.left.numpy() == 1.0).all()
    found = view_gradients(view, on, None, picture, picture)
    assert all((grad.numpy() == 0).all() for grad in found)


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (9, 17)])
def test_pictures_of_any_size(size: tuple[int, int]) -> None:
    cloud, on = scene(30, 8)
    view = view_of(POSE, LENS, size, 0.05)
    shape = (size[1], size[0])
    picture = pixels(np.full((*shape, 3), np.nan), np.full(shape, np.nan), np.full(shape, np.nan))
    view_picture(view, arrange(view, on), BACKGROUND, picture)
    np.testing.assert_allclose(picture.rgb.numpy(), oracle(cloud, POSE, LENS, size, BACKGROUND).rgb, atol=3e-5)
