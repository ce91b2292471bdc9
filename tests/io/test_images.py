"""Reading colour images and depth maps."""

from __future__ import annotations

import struct
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from lyra_backend.errors import InvalidRequest
from lyra_backend.io import images
from lyra_backend.io.images import exif_focal_px, read_depth, read_image, require_still

from .refusals import read_or_refused

RED, BLUE = (200, 10, 20), (10, 30, 220)


@pytest.fixture
def picture() -> np.ndarray:
    """Red on the left, blue on the right: 4 pixels wide, 2 high."""
    pixels = np.zeros((2, 4, 3), np.uint8)
    pixels[:, :2], pixels[:, 2:] = RED, BLUE
    return pixels


def test_png_is_kept_to_the_bit(tmp_path: Path, picture: np.ndarray) -> None:
    Image.fromarray(picture).save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png")
    assert image.dtype == np.uint8
    assert np.array_equal(image, picture)


def test_exif_rotation_is_applied(tmp_path: Path, picture: np.ndarray) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rotate a quarter clockwise to see it upright
    Image.fromarray(picture).save(tmp_path / "a.png", exif=exif)
    image = read_image(tmp_path / "a.png")
    assert image.shape == (4, 2, 3)
    assert image[0, 0].tolist() == list(RED)
    assert image[-1, 0].tolist() == list(BLUE)


def test_other_modes_become_rgb(tmp_path: Path, picture: np.ndarray) -> None:
    Image.fromarray(picture[..., 0]).save(tmp_path / "grey.png")
    assert read_image(tmp_path / "grey.png")[0].tolist() == [[200] * 3] * 2 + [[10] * 3] * 2
    Image.fromarray(np.array([[0, 257, 65535]], np.uint16)).save(tmp_path / "deep.png")
    assert read_image(tmp_path / "deep.png")[0, :, 1].tolist() == [0, 1, 255]
    alpha = np.dstack([picture, np.full((2, 4), 0, np.uint8)])
    Image.fromarray(alpha).save(tmp_path / "clear.png")
    assert (read_image(tmp_path / "clear.png") == 255).all()
    Image.fromarray(picture).convert("P").save(tmp_path / "palette.png")
    assert read_image(tmp_path / "palette.png").shape == (2, 4, 3)


def test_images_that_cannot_be_used(tmp_path: Path, picture: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidRequest, match="no such file"):
        read_image(tmp_path / "a.png")
    with pytest.raises(InvalidRequest, match="this is a folder"):
        read_image(tmp_path)
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(InvalidRequest, match="not an image"):
        read_image(tmp_path / "text.png")
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "whole.png")
    data = (tmp_path / "whole.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(data[: len(data) // 2])
    with pytest.raises(InvalidRequest, match=r"cut\.png: the image is damaged"):
        read_image(tmp_path / "cut.png")
    Image.fromarray(np.ones((2, 2), np.float32)).save(tmp_path / "float.tif")
    with pytest.raises(InvalidRequest, match="looks like a depth map"):
        read_image(tmp_path / "float.tif")
    monkeypatch.setattr(images, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(InvalidRequest, match="at most 1,000 pixels, got 64 x 64"):
        read_image(tmp_path / "whole.png")


def test_a_decompression_bomb_is_refused(tmp_path: Path) -> None:
    Image.new("1", (30_000, 30_000)).save(tmp_path / "bomb.png")
    with pytest.raises(InvalidRequest, match=r"bomb\.png"):
        read_image(tmp_path / "bomb.png")


def test_png_depth_is_in_millimetres(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 1500], [65535, 1]], np.uint16)).save(tmp_path / "d.png")
    depth = read_depth(tmp_path / "d.png")
    assert depth.dtype == np.float32
    np.testing.assert_allclose(depth, [[0, 1.5], [65.535, 0.001]], rtol=1e-6)


def test_array_depth_is_in_metres_and_gaps_become_zero(tmp_path: Path) -> None:
    values = np.array([[np.nan, np.inf, -1.0], [0.0, 2.5, 1e300]])
    want = [[0, 0, 0], [0, 2.5, 0]]
    np.save(tmp_path / "d.npy", values)
    np.savez(tmp_path / "one.npz", values)
    np.savez(tmp_path / "named.npz", depth=values, other=np.zeros(3))
    for name in ("d.npy", "one.npz", "named.npz"):
        np.testing.assert_allclose(read_depth(tmp_path / name), want)
    np.save(tmp_path / "channel.npy", np.ones((5, 6, 1)))
    assert read_depth(tmp_path / "channel.npy").shape == (5, 6)


def test_depth_that_cannot_be_used(tmp_path: Path) -> None:
    Image.fromarray(np.full((2, 2), 7, np.uint8)).save(tmp_path / "grey.png")
    np.save(tmp_path / "zero.npy", np.zeros((2, 2)))
    np.save(tmp_path / "flat.npy", np.ones(4))
    np.save(tmp_path / "whole.npy", np.ones((2, 2), np.uint16))
    np.save(tmp_path / "objects.npy", np.array([[{}]]), allow_pickle=True)
    np.savez(tmp_path / "two.npz", a=np.ones((2, 2)), b=np.ones((2, 2)))
    (tmp_path / "text.npy").write_text("no array")
    (tmp_path / "text.npz").write_text("no archive")
    np.savez(tmp_path / "none.npz")
    np.savez(tmp_path / "objects.npz", depth=np.array([[{}]]))
    np.save(tmp_path / "records.npy", np.ones((2, 2), [("depth", "f4")]))
    Image.fromarray(np.full((2, 2, 3), 7, np.uint8)).save(tmp_path / "colour.png")
    for name, message in (
        ("grey.png", "must have 16 bits and one channel"),
        ("zero.npy", "holds no depth"),
        ("flat.npy", r"got shape \(4,\)"),
        ("whole.npy", "divide by 1000"),
        ("objects.npy", "must be numbers in metres, got object"),
        ("two.npz", "one named 'depth', got a, b"),
        ("text.npy", "not a readable NumPy file"),
        ("text.npz", "not a readable NumPy file"),
        ("none.npz", "one named 'depth', got none"),
        ("objects.npz", "must be numbers in metres, got object"),
        ("records.npy", "must be numbers in metres, got"),
        ("colour.png", "got mode RGB"),
        ("absent.npy", "no such file"),
        ("absent.png", "no such file"),
        ("depth.exr", "must be a 16-bit .png in millimetres"),
    ):
        with pytest.raises(InvalidRequest, match=message):
            read_depth(tmp_path / name)


def test_depth_png_is_turned_like_the_photo(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.array([[1000, 2000, 3000]], np.uint16)).save(tmp_path / "d.png", exif=exif)
    assert read_depth(tmp_path / "d.png").tolist() == [[1.0], [2.0], [3.0]]


def npy(shape: str, descr: str = "'<f4'", data: bytes = bytes(16)) -> bytes:
    """Return a NumPy file whose header may promise anything."""
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


@pytest.mark.parametrize("kind", ["npy", "npz"])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (npy("(1000000000000, 4)"), "at most 64,000,000 pixels"),
        (npy("(9999999999999999999999, 4)"), "at most 64,000,000 pixels"),
        (npy("(-1, 4)"), "at most 64,000,000 pixels"),
        (npy("(4000, 4000)"), "not a readable NumPy file"),
        (npy("(2, 2)", "'|O'"), "must be numbers in metres, got object"),
        (npy("(2, 2)", "'<M8[s]'"), "must be numbers in metres, got datetime64"),
        (npy("(" * 300), "not a readable NumPy file"),
        (npy("(2, 2)", "'humbug'"), "not a readable NumPy file"),
        (npy("(2, 2)", data=b""), "not a readable NumPy file"),
    ],
    ids=["huge", "huger", "negative", "short", "objects", "dates", "brackets", "no type", "no data"],
)
def test_headers_that_promise_too_much(tmp_path: Path, kind: str, content: bytes, message: str) -> None:
    path = tmp_path / f"d.{kind}"
    if kind == "npy":
        path.write_bytes(content)
    else:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("depth.npy", content)
    with pytest.raises(InvalidRequest, match=message):
        read_depth(path)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
@pytest.mark.parametrize("name", ["p.png", "p.jpg", "p.gif", "p.tif", "d.png", "d.npy", "d.npz"])
def test_damaged_pictures_are_read_or_refused(tmp_path: Path, name: str, data: st.DataObject) -> None:
    path = tmp_path / name
    pixels = np.random.default_rng(0).integers(1, 200, (12, 16, 3), np.uint8)
    if name.startswith("p"):
        exif = Image.Exif()
        exif[0x0112] = 6
        Image.fromarray(pixels).save(path, exif=exif)
    elif name == "d.png":
        Image.fromarray(pixels[..., 0].astype(np.uint16)).save(path)
    else:
        (np.save if name == "d.npy" else np.savez_compressed)(path, pixels[..., 0].astype(np.float32))
    broken = bytearray(path.read_bytes())
    for place, value in data.draw(st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 255)), max_size=4)):
        broken[place % len(broken)] = value
    path.write_bytes(broken[: len(broken) - data.draw(st.integers(0, 40) | st.integers(0, len(broken)))])
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a file that is left open warns when it is collected
        pixels = read_or_refused(read_image if name.startswith("p") else read_depth, path)
    assert pixels is None or pixels.size


def test_no_file_stays_open_after_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "a.png").read_bytes()[:3000])
    opened = []
    real_open = Image.open
    monkeypatch.setattr(Image, "open", lambda path: opened.append(real_open(path)) or opened[-1])
    with pytest.raises(InvalidRequest, match="damaged"):
        read_image(tmp_path / "cut.png")
    monkeypatch.setattr(images, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(InvalidRequest, match="at most 100 pixels"):
        read_image(tmp_path / "a.png")
    assert [image.fp for image in opened] == [None, None]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "I;16"])
def test_every_mode_becomes_colour(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "a.tif"
    if mode in ("1", "L", "P", "RGB", "CMYK", "YCbCr", "LAB", "I;16"):
        Image.new(mode, (3, 2)).save(path)
    else:
        Image.new(mode, (3, 2)).save(path.with_suffix(".png"))
        path = path.with_suffix(".png")
    assert read_image(path).shape == (2, 3, 3)


def test_premultiplied_grey_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    Image.new("LA", (3, 2)).save(path)
    kind = struct.pack("<HHI", 338, 3, 1)  # the tag that says what the second channel is
    path.write_bytes(path.read_bytes().replace(kind + b"\2", kind + b"\1"))
    with pytest.raises(InvalidRequest, match=r"a\.tif: grey with premultiplied"):
        read_image(path)


# -- single pictures, and what photos say of their lens ---------------------------------------------------------------


def written(path: Path, count: int, **options: object) -> Path:
    first, *more = (Image.new("RGB", (16, 12), (60 * i + 20, 10, 10)) for i in range(count))
    first.save(path, save_all=True, append_images=more, **options)
    return path


@pytest.mark.parametrize("name", ["a.gif", "a.png", "a.webp", "a.tif"])
def test_several_pictures_are_no_single_one(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidRequest, match=r"a\.\w+: a single picture is needed, and this has 3\. Save one"):
        require_still(written(tmp_path / name, 3))
    require_still(written(tmp_path / name, 1))


def test_photos_with_pictures_of_the_camera_beside_them_are_single_ones(tmp_path: Path) -> None:
    """Cameras add a preview, a map of depth or the other eye's picture to a JPEG (CIPA DC-007)."""
    path = written(tmp_path / "a.jpg", 2, format="MPO")
    with Image.open(path) as image:
        assert image.n_frames == 2
    require_still(path)
    assert read_image(path)[0, 0].tolist() == pytest.approx([20, 10, 10], abs=3)


def test_what_is_no_image_is_left_to_the_reader(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no picture")
    for path in (tmp_path / "text.png", tmp_path / "absent.png", tmp_path):
        require_still(path)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
@pytest.mark.parametrize("name", ["a.gif", "a.tif", "a.png", "a.jpg"])
def test_damaged_pictures_are_counted_or_left_to_the_reader(tmp_path: Path, name: str, data: st.DataObject) -> None:
    options = {"format": "MPO", "exif": camera_data(28)} if name == "a.jpg" else {}
    path = written(tmp_path / name, 3, **options)
    broken = bytearray(path.read_bytes())
    for place, value in data.draw(st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=4)):
        broken[place % len(broken)] = value
    path.write_bytes(broken[: len(broken) - data.draw(st.integers(0, 40) | st.integers(0, len(broken)))])
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # users are not told of every odd byte
        read_or_refused(require_still, path)
        focal = exif_focal_px(path, 36, 24)
    assert focal is None or 4 < focal < 1001


def camera_data(focal_mm: float | None, orientation: int = 1) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    if focal_mm is not None:
        exif.get_ifd(0x8769)[0xA405] = focal_mm
    return exif


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_a_photos_focal_length(tmp_path: Path, name: str, orientation: int) -> None:
    """A lens of 24 mm on film of 36 x 24 mm, of which a picture of 360 x 240 has ten pixels to the millimetre."""
    Image.new("RGB", (360, 240)).save(tmp_path / name, exif=camera_data(24, orientation))
    assert exif_focal_px(tmp_path / name, 360, 240) == pytest.approx(240, rel=1e-4)
    assert exif_focal_px(tmp_path / name, 240, 360) == pytest.approx(240, rel=1e-4)
    # scaled down, it is as much shorter
    assert exif_focal_px(tmp_path / name, 36, 24) == pytest.approx(24, rel=1e-4)


def test_the_diagonal_counts_where_the_shape_is_another(tmp_path: Path) -> None:
    """4 : 3, and 5000 pixels from corner to corner where film has 43.27 mm."""
    Image.new("RGB", (40, 30)).save(tmp_path / "a.jpg", exif=camera_data(26))
    assert exif_focal_px(tmp_path / "a.jpg", 4000, 3000) == pytest.approx(26 * 5000 / 43.2666, rel=1e-4)


@pytest.mark.parametrize("focal_mm", [None, 0, 4, 1001, 65535])
def test_photos_without_a_possible_focal_length(tmp_path: Path, focal_mm: int | None) -> None:
    Image.new("RGB", (40, 30)).save(tmp_path / "a.jpg", exif=camera_data(focal_mm))
    assert exif_focal_px(tmp_path / "a.jpg", 40, 30) is None


def test_files_without_exif_data(tmp_path: Path) -> None:
    Image.new("RGB", (40, 30)).save(tmp_path / "a.png")
    (tmp_path / "text.jpg").write_text("no picture")
    for name in ("a.png", "text.jpg", "absent.jpg"):
        assert exif_focal_px(tmp_path / name, 40, 30) is None
