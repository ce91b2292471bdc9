"""Uploads for tests: sound ones, and ones that are meant to do harm."""

from __future__ import annotations

import gzip
import io
import json
import struct
import zipfile
import zlib

import numpy as np
from PIL import Image

__all__ = ["archive", "glb", "npz", "picture", "ply", "png_bomb", "spz_bomb", "zip_bomb", "zip_with_link"]


def picture(kind: str = "PNG", size: tuple[int, int] = (8, 6)) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", size, (90, 120, 60)).save(data, kind)
    return data.getvalue()


def ply(count: int = 1) -> bytes:
    """A splat of one Gaussian, or one that promises more."""
    names = "x y z f_dc_0 f_dc_1 f_dc_2 opacity scale_0 scale_1 scale_2 rot_0 rot_1 rot_2 rot_3".split()
    lines = ["ply", "format binary_little_endian 1.0", f"element vertex {count}"]
    header = "\n".join([*lines, *(f"property float {name}" for name in names), "end_header", ""])
    return header.encode() + np.array([0, 0, 1, 0, 0, 0, 2, -3, -3, -3, 1, 0, 0, 0], "<f4").tobytes()


def npz() -> bytes:
    data = io.BytesIO()
    np.savez_compressed(data, depth=np.ones((6, 8), np.float32))
    return data.getvalue()


def archive(**members: bytes) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in members.items():
            packed.writestr(name, content)
    return data.getvalue()


def glb(document: dict[str, object]) -> bytes:
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    return struct.pack("<4sIIII", b"glTF", 2, 20 + len(text), len(text), 0x4E4F534A) + text


def png_bomb() -> bytes:
    """A few bytes that promise 40 gigapixels."""
    head = struct.pack(">IIBBBBB", 200_000, 200_000, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b""))
    packed = (struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def zip_bomb() -> bytes:
    """30 MB of nothing in 30 kB, as the depth of a picture."""
    return archive(**{"depth.npy": bytes(30_000_000)})


def zip_with_link() -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as packed:
        entry = zipfile.ZipInfo("depth.npy")
        entry.external_attr = 0o120777 << 16
        packed.writestr(entry, "/etc/passwd")
    return data.getvalue()


def spz_bomb(count: int = 10, size: int = 30_000_000) -> bytes:
    """An SPZ of `count` Gaussians that unpacks to `size` bytes."""
    data = io.BytesIO()
    with gzip.GzipFile(fileobj=data, mode="wb", compresslevel=1) as packed:
        packed.write(struct.pack("<4sIIBBBB", b"NGSP", 3, count, 0, 12, 0, 0))
        for _ in range(size // 1_000_000):
            packed.write(bytes(1_000_000))
    return data.getvalue()
