"""The splat kernels against a brute-force renderer in NumPy and against pictures known beforehand."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from lyra_backend.kernels import splat_render
from lyra_backend.kernels.splat_render import SplatImage, render_splats
from lyra_backend.types import look_at
from lyra_backend.types.rotations import SH_C0, evaluate_sh_basis, matrix_from_quat, xyzw_to_wxyz

SIZE = (40, 28)
LENS = (30.0, 33.0, 19.3, 14.6)
FRONT = np.eye(4)
ALPHA_MIN = 1.0 / 255.0


def gaussians(count: int, seed: int = 0, degree: int = 0, spread: float = 1.5) -> dict[str, np.ndarray]:
    """Random Gaussians before, beside and behind a camera at the origin that looks along +z."""
    rng = np.random.default_rng(seed)
    quats = rng.normal(size=(count, 4))
    return {
        "positions": (rng.normal(size=(count, 3)) * spread + (0.0, 0.0, 2.5)).astype(np.float32),
        "scales": rng.lognormal(-2.5, 0.8, (count, 3)).astype(np.float32),
        "quats_xyzw": (quats / np.linalg.norm(quats, axis=1, keepdims=True)).astype(np.float32),
        "opacities": rng.uniform(0.0, 1.0, count).astype(np.float32),
        "sh": (rng.normal(size=(count, (degree + 1) ** 2, 3)) * 0.4).astype(np.float32),
    }


def one(position, sigma=0.05, opacity=0.8, color=(1.0, 0.5, 0.2)) -> dict[str, np.ndarray]:
    return many([(position, sigma, opacity, color)])


def many(rows) -> dict[str, np.ndarray]:
    """Round or axis-aligned Gaussians from rows (position, sigma, opacity, colour)."""
    positions, sigmas, opacities, colors = (list(column) for column in zip(*rows, strict=True))
    count = len(positions)
    return {
        "positions": np.array(positions, np.float32).reshape(count, 3),
        "scales": np.stack([np.broadcast_to(s, 3) for s in sigmas]).astype(np.float32),
        "quats_xyzw": np.tile(np.float32([0, 0, 0, 1]), (count, 1)),
        "opacities": np.array(opacities, np.float32),
        "sh": ((np.array(colors, np.float32) - 0.5) / SH_C0).reshape(count, 1, 3).astype(np.float32),
    }


def draw(cloud, world_to_cam=FRONT, lens=LENS, size=SIZE, background=(0.0, 0.0, 0.0), **options) -> SplatImage:
    return render_splats(
        **cloud, world_to_cam=world_to_cam, intrinsics=lens, size=size, background=background, **options
    )


def oracle(cloud, world_to_cam, lens, size, background, near=0.05, low_pass=0.3) -> SplatImage:
    """Every Gaussian at every pixel, in double precision."""
    fx, fy, cx, cy = lens
    width, height = size
    turn, eye = world_to_cam[:3, :3], -world_to_cam[:3, :3].T @ world_to_cam[:3, 3]
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    left, rgb, depth = np.ones((height, width)), np.zeros((height, width, 3)), np.zeros((height, width))
    median = np.full((height, width), np.nan)
    p_cam = cloud["positions"].astype(float) @ turn.T + world_to_cam[:3, 3]
    axes = matrix_from_quat(xyzw_to_wxyz(cloud["quats_xyzw"].astype(float))) * cloud["scales"][:, None, :]
    way = cloud["positions"] - eye
    basis = evaluate_sh_basis(way / np.linalg.norm(way, axis=1, keepdims=True), round(cloud["sh"].shape[1] ** 0.5) - 1)
    colors = np.maximum(0.5 + np.einsum("nk,nkc->nc", basis, cloud["sh"]), 0.0)
    for i in np.argsort(p_cam[:, 2].astype(np.float32), kind="stable"):
        px, py, pz = p_cam[i]
        opacity = float(cloud["opacities"][i])
        if pz <= near or opacity <= ALPHA_MIN:
            continue
        cov = turn @ axes[i] @ axes[i].T @ turn.T
        tx = np.clip(px / pz, -(cx + 0.15 * width) / fx, (1.15 * width - cx) / fx)
        ty = np.clip(py / pz, -(cy + 0.15 * height) / fy, (1.15 * height - cy) / fy)
        jacobian = np.array([[fx, 0, -fx * tx], [0, fy, -fy * ty], [0, 0, -1.0 / pz]]) / pz
        cov_uvt = jacobian @ cov @ jacobian.T  # of (u, v, 1 / z)
        slope = np.linalg.solve(cov_uvt[:2, :2] + 0.01 * np.eye(2), cov_uvt[:2, 2])
        offset = np.stack([x - (fx * px / pz + cx), y - (fy * py / pz + cy)], axis=-1)
        inverse = np.linalg.inv(cov_uvt[:2, :2] + low_pass * np.eye(2))
        alpha = opacity * np.exp(-0.5 * np.einsum("hwi,ij,hwj->hw", offset, inverse, offset))
        alpha = np.where(alpha > ALPHA_MIN, np.minimum(alpha, 0.99), 0.0)
        reach = 3.0 * np.sqrt(cov[2, 2])
        z = np.clip(1.0 / np.maximum(1.0 / pz + offset @ slope, 1e-9), max(pz - reach, near), pz + reach)
        weight = left * alpha
        rgb += weight[..., None] * colors[i]
        depth += weight * z
        median = np.where((left > 0.5) & (left - weight <= 0.5), z, median)
        left = left - weight
    with np.errstate(invalid="ignore"):
        expected = np.where(left < 1.0, depth / (1.0 - left), np.nan)
    return SplatImage(rgb + left[..., None] * np.array(background), 1.0 - left, expected, median)


@pytest.mark.parametrize(
    ("seed", "degree", "count", "low_pass"),
    [(0, 0, 60, 0.3), (1, 1, 60, 0.3), (2, 2, 60, 0.3), (3, 3, 200, 0.3), (4, 3, 1, 0.3), (5, 0, 200, 0.01)],
)
def test_matches_brute_force(seed: int, degree: int, count: int, low_pass: float) -> None:
    cloud = gaussians(count, seed, degree)
    pose = np.linalg.inv(look_at((0.3, -0.2, 0.1), (0.1, 0.4, 3.0), (0.1, -1.0, 0.0)).astype(float))
    background = (0.1, 0.6, 0.9)
    image = draw(cloud, pose, background=background, low_pass_px2=low_pass)
    truth = oracle(cloud, pose, LENS, SIZE, background, low_pass=low_pass)
    np.testing.assert_allclose(image.rgb, truth.rgb, atol=1e-3)
    np.testing.assert_allclose(image.alpha, truth.alpha, atol=1e-3)
    thick = truth.alpha > 0.05
    np.testing.assert_allclose(image.expected_depth_m[thick], truth.expected_depth_m[thick], rtol=2e-3)
    same = np.isclose(image.median_depth_m, truth.median_depth_m, rtol=1e-3, equal_nan=True)
    assert same.mean() > 0.995  # where the sum passes 0.5 by a hair, rounding decides which Gaussian it is


def test_peak_is_at_the_projected_centre() -> None:
    lens = (40.0, 40.0, 20.5, 14.5)  # so that the centre falls on the middle of pixel (20, 14)
    image = draw(one((0.0, 0.0, 2.0), sigma=0.2, opacity=0.8), lens=lens)
    assert np.unravel_index(image.alpha.argmax(), image.alpha.shape) == (14, 20)
    np.testing.assert_allclose(image.alpha[14, 20], 0.8, atol=1e-4)
    np.testing.assert_allclose(image.rgb[14, 20], 0.8 * np.array([1.0, 0.5, 0.2]), atol=1e-4)
    sigma_px = np.sqrt((40.0 * 0.2 / 2.0) ** 2 + 0.3)
    np.testing.assert_allclose(image.alpha[14, 23], 0.8 * np.exp(-0.5 * (3.0 / sigma_px) ** 2), atol=1e-4)


def test_peak_opacity_is_limited() -> None:
    image = draw(one((0.0, 0.0, 2.0), sigma=1.0, opacity=1.0))
    np.testing.assert_allclose(image.alpha.max(), 0.99, atol=1e-4)


@pytest.mark.parametrize("flip", [False, True])
def test_near_hides_far_whatever_the_order_in_memory(flip: bool) -> None:
    rows = [((0, 0, 2.0), 0.5, 1.0, (1, 0, 0)), ((0, 0, 3.0), 0.5, 1.0, (0, 1, 0))]
    image = draw(many(rows[::-1] if flip else rows))
    middle = image.rgb[14, 19]
    assert middle[0] > 0.95
    assert middle[1] < 0.02
    np.testing.assert_allclose(image.median_depth_m[14, 19], 2.0, atol=1e-3)


def test_equal_depths_are_drawn_in_order_of_index() -> None:
    rows = [((0, 0, 2.0), 0.5, 0.9, (1, 0, 0)), ((0, 0, 2.0), 0.5, 0.9, (0, 1, 0))]
    assert draw(many(rows)).rgb[14, 19, 0] > draw(many(rows[::-1])).rgb[14, 19, 0] + 0.5


def test_background_fills_what_is_left() -> None:
    background = (0.25, 0.5, 0.75)
    image = draw(one((0.0, 0.0, 2.0), opacity=0.5), background=background)
    np.testing.assert_allclose(image.rgb[0, 0], background)
    seen = image.alpha[..., None]
    np.testing.assert_allclose(image.rgb, seen * (1.0, 0.5, 0.2) + (1 - seen) * background, atol=1e-5)


def test_no_gaussians_give_the_background() -> None:
    empty = {name: array[:0] for name, array in gaussians(1).items()}
    image = draw(empty, background=(0.2, 0.3, 0.4))
    assert image.rgb.shape == (28, 40, 3)
    np.testing.assert_allclose(image.rgb, np.broadcast_to(np.float32([0.2, 0.3, 0.4]), image.rgb.shape))
    assert not image.alpha.any()
    assert np.isnan(image.median_depth_m).all()
    assert np.isnan(image.expected_depth_m).all()


@pytest.mark.parametrize("position", [(0, 0, -2.0), (0, 0, 0.04), (9.0, 0, 2.0), (0, -9.0, 2.0), (-1e6, 1e6, 1e-3)])
def test_what_is_out_of_view_is_not_drawn(position) -> None:
    image = draw(one(position))
    assert not image.alpha.any()


@pytest.mark.parametrize("sigma", [100.0, 1e4, (1e4, 1e-4, 1e-4), (1e-7, 1e-7, 1e-7)])
def test_extreme_sizes_stay_finite(sigma) -> None:
    image = draw(one((0.01, 0.02, 2.0), sigma=sigma, opacity=0.9))
    assert np.isfinite(image.rgb).all()
    assert 0.4 < image.alpha.max() <= 0.99
    assert np.isfinite(image.expected_depth_m[image.alpha > 0]).all()


def test_giant_gaussian_covers_the_picture() -> None:
    image = draw(one((0.0, 0.0, 2.0), sigma=100.0, opacity=0.9))
    np.testing.assert_allclose(image.alpha, 0.9, atol=1e-3)


@pytest.mark.parametrize(("axis", "coefficient", "sign"), [(0, 3, -1), (1, 1, -1), (2, 2, 1)])
def test_colour_depends_on_the_side_it_is_seen_from(axis: int, coefficient: int, sign: int) -> None:
    """Band 1 is (-y, z, -x) of the direction from the camera to the Gaussian."""
    for side in (-1.0, 1.0):
        eye = np.zeros(3)
        eye[axis] = -2.0 * side  # so that the direction is +side along the axis
        cloud = one((0.0, 0.0, 0.0), opacity=0.9, color=(0.5, 0.5, 0.5))
        cloud["sh"] = np.zeros((1, 4, 3), np.float32)
        cloud["sh"][0, coefficient, 0] = 0.5
        image = draw(cloud, np.linalg.inv(look_at(eye, (0, 0, 0), (0.3, 0.4, 0.5)).astype(float)))
        peak = np.unravel_index(image.alpha.argmax(), image.alpha.shape)
        red = image.rgb[peak][0] / image.alpha[peak]
        np.testing.assert_allclose(red, 0.5 + sign * side * 0.4886025 * 0.5, atol=1e-3)


@pytest.mark.parametrize("tilt_deg", [0.0, 45.0, 60.0])
def test_median_depth_of_a_flat_wall(tilt_deg: float) -> None:
    """A wall of flat Gaussians, turned about the vertical, 3 m ahead: depth on the true plane within 2 mm."""
    spacing, tilt = 0.015, np.radians(tilt_deg)
    across, up = np.meshgrid(np.arange(-1.5, 4.4, spacing), np.arange(-0.3, 0.3, spacing))
    count = across.size
    jitter = np.random.default_rng(0).uniform(-0.4, 0.4, (2, count)) * spacing
    s, t = across.ravel() + jitter[0], up.ravel() + jitter[1]
    wall = {
        "positions": np.column_stack([s * np.cos(tilt), t, 3.0 + s * np.sin(tilt)]).astype(np.float32),
        "scales": np.tile(np.float32([spacing * 0.8, spacing * 0.8, 1e-4]), (count, 1)),
        "quats_xyzw": np.tile(np.float32([0, -np.sin(tilt / 2), 0, np.cos(tilt / 2)]), (count, 1)),
        "opacities": np.full(count, 0.9, np.float32),
        "sh": np.zeros((count, 1, 3), np.float32),
    }
    size, focal = (160, 24), 400.0
    image = draw(wall, lens=(focal, focal, 80.0, 12.0), size=size)
    slope = (np.arange(160) + 0.5 - 80.0) / focal
    truth = 3.0 / (1.0 - slope * np.tan(tilt))
    error = np.abs(image.median_depth_m - truth)
    assert np.isfinite(image.median_depth_m).all()
    assert np.median(error) < 1e-3
    assert np.quantile(error, 0.98) < 2e-3
    assert np.abs(image.expected_depth_m - truth).mean() < 2e-3


def test_picture_does_not_depend_on_bands_or_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    cloud = gaussians(3000, 5)
    pictures = []
    for cores, band_pairs in itertools.product((1, 3), (1 << 23, 500)):
        monkeypatch.setattr(splat_render, "_THREAD_PAIRS", 0)
        monkeypatch.setattr(splat_render, "_BAND_PAIRS", band_pairs)
        monkeypatch.setattr(splat_render, "core_count", lambda _, cores=cores: cores)
        pictures.append(b"".join(a.tobytes() for a in draw(cloud)))
    assert len(set(pictures)) == 1


def test_bands_cover_every_row_once() -> None:
    for pairs in ([5, 0, 0, 7, 9, 1], [0, 0, 100, 0], [1], [3, 3, 3, 3, 3, 3, 3, 3]):
        for least in (1, 2, 5):
            bands = splat_render._bands(np.array(pairs, np.int32), least)
            rows = [row for first, end in bands for row in range(first, end)]
            assert rows == list(range(len(pairs)))


def test_wrong_shapes_are_refused() -> None:
    cloud = gaussians(3)
    with pytest.raises(ValueError, match="opacities must have shape"):
        draw({**cloud, "opacities": cloud["opacities"][:2]})
    with pytest.raises(ValueError, match="sh must have shape"):
        draw({**cloud, "sh": cloud["sh"][:, :, :2]})
    with pytest.raises(ValueError, match="world_to_cam"):
        draw(cloud, np.eye(3))
    with pytest.raises(ValueError, match="low_pass_px2 must be positive"):
        draw(cloud, low_pass_px2=0.0)
    with pytest.raises(ValueError, match="size"):
        draw(cloud, size=(0, 4))
