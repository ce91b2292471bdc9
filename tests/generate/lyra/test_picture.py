"""A photo at the model's size: the lens still projects points to where they are seen, and depth lies on the picture."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lyra_backend.errors import InvalidRequest
from lyra_backend.generate._lyra.picture import Fitted, fit_depth, fit_picture, lens_of
from lyra_backend.io.images import read_image
from lyra_backend.types import Intrinsics

#: Size of a model's pictures [px].
SIZE = (96, 64)
#: EXIF tags: orientation, the block of camera settings, focal length for film of 36 x 24 mm.
ORIENTATION, CAMERA, FOCAL_35MM = 0x0112, 0x8769, 0xA405


def dot(width: int, height: int, x: float, y: float, sigma: float) -> np.ndarray:
    """Return a black picture with a soft white dot at (x, y) [px], the centre of the first pixel being at 0.5."""
    across = np.exp(-((np.arange(width) + 0.5 - x) ** 2) / (2 * sigma**2))
    down = np.exp(-((np.arange(height) + 0.5 - y) ** 2) / (2 * sigma**2))
    return np.repeat(np.round(255 * np.outer(down, across))[..., None], 3, axis=2).astype(np.uint8)


def place(picture: np.ndarray) -> tuple[float, float]:
    """Return where the dot of a picture is [px]."""
    light = picture[..., 1].astype(float)
    height, width = light.shape
    x, y = np.arange(width) + 0.5, np.arange(height) + 0.5
    return float((light.sum(axis=0) * x).sum() / light.sum()), float((light.sum(axis=1) * y).sum() / light.sum())


@pytest.mark.parametrize("how", ["crop", "stretch"])
@pytest.mark.parametrize(
    ("width", "height"), [(192, 128), (300, 128), (200, 500), (128, 97), (64, 64)], ids=lambda side: str(side)
)
def test_the_lens_projects_points_to_where_the_picture_shows_them(how: str, width: int, height: int) -> None:
    lens = Intrinsics(width, height, 0.9 * width, 0.8 * width, 0.47 * width, 0.54 * height)
    point = np.array([0.05, -0.04, 2.0])
    x, y = (point[i] / point[2] * f + c for i, f, c in ((0, lens.fx, lens.cx), (1, lens.fy, lens.cy)))
    fitted = fit_picture(dot(width, height, x, y, max(width, height) / 40), lens, SIZE, how)
    assert fitted.image.shape == (SIZE[1], SIZE[0], 3)
    assert (fitted.lens.width, fitted.lens.height) == SIZE
    seen = (
        point[0] / point[2] * fitted.lens.fx + fitted.lens.cx,
        point[1] / point[2] * fitted.lens.fy + fitted.lens.cy,
    )
    assert place(fitted.image) == pytest.approx(seen, abs=0.05)


def test_cropping_keeps_pixels_square_and_takes_the_middle() -> None:
    fitted = fit_picture(np.zeros((128, 400, 3), np.uint8), Intrinsics(400, 128, 300, 300, 200, 64), SIZE, "crop")
    # 192 x 128 have the shape of 96 x 64, which leaves 104 columns at either side
    assert fitted.box == (104, 0, 296, 128)
    assert fitted.cropped == pytest.approx(208 / 400)
    assert (fitted.lens.fx, fitted.lens.fy, fitted.lens.cx, fitted.lens.cy) == (150, 150, 48, 32)


def test_stretching_keeps_all_of_it() -> None:
    fitted = fit_picture(np.zeros((128, 384, 3), np.uint8), Intrinsics(384, 128, 300, 300, 192, 64), SIZE, "stretch")
    assert fitted.box == (0, 0, 384, 128)
    assert fitted.cropped == 0
    assert (fitted.lens.fx, fitted.lens.fy, fitted.lens.cx, fitted.lens.cy) == (75, 150, 48, 32)


@pytest.mark.parametrize(("width", "height"), [(11, 200), (200, 7), (1, 1)])
def test_what_is_too_small_is_refused(width: int, height: int) -> None:
    lens = Intrinsics.from_fov(width, height, 60)
    with pytest.raises(InvalidRequest, match=f"image: must have at least 12 x 8 .* got {width} x {height}. Give"):
        fit_picture(np.zeros((height, width, 3), np.uint8), lens, SIZE, "crop")


def test_an_eighth_of_the_size_is_enough() -> None:
    assert fit_picture(np.zeros((8, 12, 3), np.uint8), Intrinsics.from_fov(12, 8, 60), SIZE, "crop").cropped == 0


# -- depth ------------------------------------------------------------------------------------------------------------


def fitted(picture: np.ndarray, how: str) -> Fitted:
    height, width = picture.shape[:2]
    return fit_picture(picture, Intrinsics.from_fov(width, height, 60), SIZE, how)


@pytest.mark.parametrize("how", ["crop", "stretch"])
@pytest.mark.parametrize(("width", "height"), [(192, 160), (310, 130), (90, 70)])
def test_depth_is_that_of_the_pixel_under_each_new_ones_centre(how: str, width: int, height: int) -> None:
    depth = np.arange(1, width * height + 1, dtype=np.float32).reshape(height, width)
    whole = fitted(np.zeros((height, width, 3), np.uint8), how)
    found, (left, top, right, bottom) = fit_depth(depth, whole), whole.box
    assert found.shape == (SIZE[1], SIZE[0])
    for row, column in ((0, 0), (0, 95), (63, 0), (63, 95), (20, 71), (40, 3)):
        x = left + (column + 0.5) * (right - left) / SIZE[0]
        y = top + (row + 0.5) * (bottom - top) / SIZE[1]
        assert found[row, column] == depth[int(y), int(x)]


@pytest.mark.parametrize("how", ["crop", "stretch"])
def test_depth_lies_on_the_picture_and_holes_stay_holes(how: str) -> None:
    """White things are 2 m away and black ones 5 m; what is grey has no depth."""
    depth = np.full((150, 280), 5.0, np.float32)
    depth[40:100, 100:180] = 2.0
    depth[110:140, 60:220] = 0.0
    picture = np.repeat(np.select([depth == 2, depth == 0], [255, 128], 0)[..., None], 3, axis=2).astype(np.uint8)
    whole = fitted(picture, how)
    found = fit_depth(depth, whole)
    assert set(np.unique(found)) == {0.0, 2.0, 5.0}
    shown = np.array([5.0, 0.0, 2.0])[np.digitize(whole.image[..., 0], [64, 192])]
    # along the edges of the picture's things, light and dark are mixed
    assert (found == shown).mean() > 0.97
    assert (found == 0).mean() == pytest.approx((shown == 0).mean(), rel=0.1)


# -- the lens ---------------------------------------------------------------------------------------------------------


def photo(path: Path, width: int, height: int, focal_mm: float | None, orientation: int = 1) -> np.ndarray:
    """Write a JPEG as a camera does; return it upright."""
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    if focal_mm is not None:
        exif.get_ifd(CAMERA)[FOCAL_35MM] = focal_mm
    Image.new("RGB", (width, height)).save(path, exif=exif)
    return read_image(path)


def test_a_lens_that_is_given_beats_all(tmp_path: Path) -> None:
    image = photo(tmp_path / "a.jpg", 200, 120, 28)
    lens, source = lens_of(image, tmp_path / "a.jpg", "150,160,99,61", 40.0)
    assert (lens, source) == (Intrinsics(200, 120, 150, 160, 99, 61), "given")


def test_a_field_of_view_beats_the_photos_own_word(tmp_path: Path) -> None:
    image = photo(tmp_path / "a.jpg", 200, 120, 28)
    lens, source = lens_of(image, tmp_path / "a.jpg", None, 90.0)
    assert source == "fov"
    assert (lens.fx, lens.fy, lens.cx, lens.cy) == pytest.approx((100, 100, 100, 60))


@pytest.mark.parametrize(("width", "height"), [(360, 240), (400, 300), (320, 180)])
@pytest.mark.parametrize("orientation", [1, 6, 8])
def test_a_photo_says_its_focal_length(tmp_path: Path, width: int, height: int, orientation: int) -> None:
    image = photo(tmp_path / "a.jpg", width, height, 26, orientation)
    upright = (width, height) if orientation == 1 else (height, width)
    lens, source = lens_of(image, tmp_path / "a.jpg", None, None)
    assert (lens.width, lens.height) == upright
    assert source == "exif"
    # the angle from corner to corner is that of film of 36 x 24 mm behind a lens of 26 mm
    seen = 2 * math.atan(math.hypot(width, height) / 2 / lens.fx)
    assert seen == pytest.approx(2 * math.atan(math.hypot(36, 24) / 2 / 26), rel=1e-4)
    assert lens.fx == lens.fy
    assert (lens.cx, lens.cy) == (upright[0] / 2, upright[1] / 2)


@pytest.mark.parametrize("focal_mm", [None, 0, 3, 5000])
def test_a_photo_that_says_nothing_possible(tmp_path: Path, focal_mm: float | None) -> None:
    image = photo(tmp_path / "a.jpg", 200, 120, focal_mm)
    assert lens_of(image, tmp_path / "a.jpg", None, None)[1] == "assumed"


@pytest.mark.parametrize(("width", "height"), [(200, 120), (120, 200)])
def test_65_degrees_along_the_longer_side_are_assumed(width: int, height: int) -> None:
    lens, source = lens_of(np.zeros((height, width, 3), np.uint8), None, None, None)
    assert source == "assumed"
    assert math.degrees(2 * math.atan(100 / lens.fx)) == pytest.approx(65)
    assert (lens.width, lens.height, lens.fy, lens.cx, lens.cy) == (width, height, lens.fx, width / 2, height / 2)


@pytest.mark.parametrize("given", ["150,160,99", "0,0,1,1", "a,b,c,d", "nan,1,1,1"])
def test_a_lens_that_cannot_be_is_refused(given: str) -> None:
    with pytest.raises(InvalidRequest, match=r"(?i)intrinsics"):
        lens_of(np.zeros((120, 200, 3), np.uint8), None, given, None)
