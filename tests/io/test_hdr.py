"""Pictures beyond white."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lyra_backend.errors import InvalidRequest
from lyra_backend.io.hdr import write_hdr


def read_hdr(path: Path) -> np.ndarray:
    """Decode by the format's description, apart from what writes it: runs above 128 repeat, others are literal."""
    header, _, rest = path.read_bytes().partition(b"\n\n")
    assert header.startswith(b"#?RADIANCE\n")
    assert b"FORMAT=32-bit_rle_rgbe" in header
    size, _, data = rest.partition(b"\n")
    height, width = (int(size.split()[i]) for i in (1, 3))
    assert size == f"-Y {height} +X {width}".encode()
    rows, at = np.zeros((height, 4, width), np.uint8), 0
    for row in rows:
        assert data[at : at + 4] == bytes([2, 2, width >> 8, width & 255])
        at += 4
        for channel in row:
            x = 0
            while x < width:
                run = data[at]
                if run > 128:
                    channel[x : x + run - 128] = data[at + 1]
                    x, at = x + run - 128, at + 2
                else:
                    channel[x : x + run] = np.frombuffer(data[at + 1 : at + 1 + run], np.uint8)
                    x, at = x + run, at + 1 + run
    assert at == len(data)
    mantissa, exponent = rows[:, :3].astype(float), rows[:, 3:].astype(float)
    scale = np.where(exponent > 0, 2.0 ** (exponent - 136), 0.0)
    return np.moveaxis(np.where(exponent > 0, mantissa + 0.5, 0.0) * scale, 1, 2)


def test_values_keep_eight_bits_of_the_largest_channel(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).lognormal(0, 3, (5, 300, 3))
    picture[0, :3] = [(0, 0, 0), (1, 1, 1), (2, 0.5, 0.25)]
    write_hdr(tmp_path / "a.hdr", picture)
    read = read_hdr(tmp_path / "a.hdr")
    assert (np.abs(read - picture) <= picture.max(axis=2, keepdims=True) / 128 + 1e-12).all()
    assert read[0, 0].tolist() == [0, 0, 0]


def test_the_same_picture_gives_the_same_bytes(tmp_path: Path) -> None:
    picture = np.full((4, 8, 3), 0.3)
    for name in ("a.hdr", "b.hdr"):
        write_hdr(tmp_path / name, picture)
    assert (tmp_path / "a.hdr").read_bytes() == (tmp_path / "b.hdr").read_bytes()


@pytest.mark.parametrize(
    ("picture", "words"),
    [
        (np.ones((4, 8)), "8 to 32767"),
        (np.ones((4, 7, 3)), "8 to 32767"),
        (np.full((4, 8, 3), -1.0), "not negative"),
        (np.full((4, 8, 3), np.nan), "finite"),
    ],
)
def test_what_is_no_picture_is_refused(tmp_path: Path, picture: np.ndarray, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        write_hdr(tmp_path / "a.hdr", picture)
    assert not list(tmp_path.iterdir())
