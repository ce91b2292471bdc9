"""Errors of pictures and depth, against the formulas as they are written."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lyra_backend.train import metrics
from lyra_backend.train.metrics import PictureErrors, Tally, depth_errors, lpips, picture_errors, psnr, ssim


def noisy(seed: int, amount: int = 20) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    one = rng.integers(0, 256, (40, 48, 3), dtype=np.uint8)
    return one, np.clip(one + rng.integers(-amount, amount + 1, one.shape), 0, 255).astype(np.uint8)


def test_psnr_is_that_of_the_formula():
    one, other = noisy(0)
    error = sum((float(a) - float(b)) ** 2 for a, b in zip(one.ravel(), other.ravel(), strict=True)) / one.size
    assert psnr(one, other) == pytest.approx(20 * math.log10(255 / math.sqrt(error)), abs=1e-9)
    assert psnr(np.zeros((4, 4, 3), np.uint8), np.full((4, 4, 3), 255, np.uint8)) == pytest.approx(0.0)


def test_the_same_picture_has_a_finite_psnr():
    one, _ = noisy(1)
    almost = one.copy()
    almost[0, 0, 0] ^= 1
    assert psnr(one, one) == 66.0 >= psnr(one, almost)


def test_ssim_is_that_of_the_paper():
    """Wang et al. 2004: windows of 11 x 11 px with Gaussian weights, constants 0.01 and 0.03."""
    from scipy.ndimage import gaussian_filter

    one, other = noisy(2)
    c1, c2, total = (0.01 * 255) ** 2, (0.03 * 255) ** 2, []
    for channel in range(3):
        x, y = one[..., channel].astype(float), other[..., channel].astype(float)
        mx, my, xx, yy, xy = (gaussian_filter(v, 1.5, truncate=3.5) for v in (x, y, x * x, y * y, x * y))
        top = (2 * mx * my + c1) * (2 * (xy - mx * my) + c2)
        every = top / ((mx**2 + my**2 + c1) * (xx - mx**2 + yy - my**2 + c2))
        total.append(every[5:-5, 5:-5].mean())
    assert ssim(one, other) == pytest.approx(np.mean(total), abs=1e-6)
    assert ssim(one, one) == pytest.approx(1.0)


def test_what_is_not_installed_is_not_measured(monkeypatch):
    one, other = noisy(3)
    monkeypatch.setattr(metrics, "find_spec", lambda name: None)
    metrics._lpips_network.cache_clear()
    try:
        assert picture_errors(one, other) == PictureErrors(psnr(one, other), None, None)
    finally:
        metrics._lpips_network.cache_clear()


def test_lpips_fetches_nothing(monkeypatch, tmp_path):
    """Without torchvision's weights on the disk there is no value, whatever is installed."""
    monkeypatch.setattr(metrics.torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(metrics, "find_spec", lambda name: object())
    metrics._lpips_network.cache_clear()
    try:
        assert lpips(*noisy(4)) is None
        assert list(tmp_path.iterdir()) == []
    finally:
        metrics._lpips_network.cache_clear()


def test_depth_errors_are_those_of_the_formulas():
    rng = np.random.default_rng(5)
    true, found = rng.uniform(1, 4, (9, 11)), rng.uniform(1, 4, (9, 11))
    shares = np.abs(found - true) / true
    errors = depth_errors(found, true)
    assert (errors.median, errors.mean) == (pytest.approx(np.median(shares)), pytest.approx(shares.mean()))
    factor = np.median(true / found)
    assert errors.scaled_median == pytest.approx(np.median(np.abs(factor * found - true) / true))


def test_scale_is_aligned_and_only_scale():
    true = np.random.default_rng(6).uniform(1, 4, (8, 8))
    errors = depth_errors(1.5 * true, true)
    assert (errors.median, errors.mean) == (pytest.approx(0.5), pytest.approx(0.5))
    assert errors.scaled_median == pytest.approx(0.0, abs=1e-12)


def test_missing_depth_is_wrong_and_unknown_truth_is_left_out():
    true, found = np.full((4, 4), 2.0), np.full((4, 4), 2.0)
    found[0], found[1, 0] = np.nan, 0.0
    true[3] = 0.0
    errors = depth_errors(found, true)
    assert errors.mean == pytest.approx(5 / 12)
    assert errors.median == 0.0
    assert depth_errors(found, np.zeros((4, 4))) is None
    assert depth_errors(np.full((4, 4), np.nan), np.ones((4, 4))).scaled_median == 1.0


def test_means_leave_out_what_was_not_measured():
    tally = Tally()
    assert tally.means()["psnr"] is None
    tally.add(PictureErrors(20.0, None), depth_errors(np.full((2, 2), 3.0), np.full((2, 2), 2.0)))
    tally.add(PictureErrors(30.0, 0.5))
    means = Tally.joined([tally, Tally()]).means()
    assert (means["count"], means["psnr"], means["ssim"], means["lpips"]) == (2, 25.0, 0.5, None)
    assert means["depth_median"] == means["depth_mean"] == 0.5


@pytest.mark.parametrize("bad", [np.zeros((4, 5, 3), np.uint8), np.zeros((4, 4, 3), np.float32)])
def test_what_does_not_fit_is_refused(bad):
    with pytest.raises(ValueError, match="uint8 of one shape"):
        psnr(np.zeros((4, 4, 3), np.uint8), bad)
