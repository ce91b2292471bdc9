"""Reading colour images and depth maps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lyra_backend.errors import InvalidRequest
from lyra_backend.io import images
from lyra_backend.io.images import read_depth, read_image

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
    for name, message in (
        ("grey.png", "must have 16 bits and one channel"),
        ("zero.npy", "holds no depth"),
        ("flat.npy", r"got shape \(4,\)"),
        ("whole.npy", "divide by 1000"),
        ("objects.npy", "not a readable NumPy file"),
        ("two.npz", "one named 'depth', got a, b"),
        ("text.npy", "not a readable NumPy file"),
        ("text.npz", "not a readable NumPy file"),
        ("absent.npy", "no such file"),
        ("absent.png", "no such file"),
        ("depth.exr", "must be a 16-bit .png in millimetres"),
    ):
        with pytest.raises(InvalidRequest, match=message):
            read_depth(tmp_path / name)
