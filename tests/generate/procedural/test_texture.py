import numpy as np
import pytest

from lyra_backend.errors import InvalidRequest
from lyra_backend.generate.procedural.elements import Material
from lyra_backend.generate.procedural.texture import PATTERNS, make_texture

#: Pictures that fill a face need not repeat.
ONCE = {"book_spines", "cardboard", "paper_picture", "screen"}


def seam_excess(image: np.ndarray, axis: int) -> float:
    """How much larger the step across the seam is than the largest hundredth of the steps inside."""
    values = np.moveaxis(image.astype(float), axis, 0)
    inner = np.abs(np.diff(values, axis=0)).mean(axis=(1, 2))
    return float(np.abs(values[0] - values[-1]).mean() / (np.quantile(inner, 0.99) + 1.0))


@pytest.mark.parametrize("pattern", sorted(PATTERNS))
def test_patterns_tile_and_keep_their_colour(pattern):
    image = make_texture(Material(pattern, (0.5, 0.42, 0.3), None, 1.0), 3)
    assert image.dtype == np.uint8
    assert image.shape[2] == 3
    assert image.shape[0] == image.shape[1]
    assert len(np.unique(image.reshape(-1, 3), axis=0)) <= 128
    if pattern not in ONCE:
        assert max(seam_excess(image, 0), seam_excess(image, 1)) < 1.3
    if pattern not in {"screen", "paper_picture", "book_spines", "windows_facade", "glass", "hazard_stripes"}:
        assert image.mean(axis=(0, 1)) / 255 == pytest.approx((0.5, 0.42, 0.3), abs=0.09)


def test_same_request_same_picture_other_seed_other_details():
    material = Material("concrete", (0.6, 0.6, 0.6))
    assert (make_texture(material, 1) == make_texture(material, 1)).all()
    assert (make_texture(material, 1) != make_texture(material, 2)).any()


def test_details_have_their_real_size():
    """Twice as wide a tile shows twice as many bricks."""

    def joints(width: float) -> int:
        image = make_texture(Material("brick", (0.5, 0.2, 0.1), (1.0, 1.0, 1.0), width), 0).mean(axis=(1, 2))
        bright = image > (image.min() + image.max()) / 2
        return int((np.diff(bright.astype(int)) == 1).sum() + (bright[0] and not bright[-1]))

    assert joints(0.6) * 2 == joints(1.2) == 16


def test_accent_colours_the_second_thing():
    image = make_texture(Material("hazard_stripes", (0.9, 0.8, 0.1), (0.0, 0.0, 1.0)), 0).astype(int)
    blue = (image[..., 2] > 180) & (image[..., 0] < 60)
    assert 0.35 < blue.mean() < 0.6


def test_unknown_patterns_and_sizes_are_refused():
    with pytest.raises(InvalidRequest, match="concrete"):
        make_texture(Material("concret", (0.5, 0.5, 0.5)), 0)
    with pytest.raises(InvalidRequest, match="positive"):
        make_texture(Material("plain", (0.5, 0.5, 0.5), None, 0.0), 0)
