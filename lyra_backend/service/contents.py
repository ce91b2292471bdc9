"""What an upload is, told by its content, and whether it is safe to hand on.

Nothing is unpacked to disk. Headers say how large a file becomes in memory; where they could lie, the data is run
through once and counted. What refers to other files, or is a program's own way to store objects, is not taken.
"""

from __future__ import annotations

import json
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import LyraError
from ..io.images import MAX_IMAGE_PIXELS
from ..io.ply_header import read_header
from .packed import archive_kind, check_archive, check_gzip
from .refusal import Refused
from .settings import Limits

__all__ = ["DECLARED", "FIELDS", "SUFFIXES", "inspect"]

_PICTURES = {"png": "PNG", "jpeg": "JPEG", "webp": "WEBP"}
#: File name ending by kind.
SUFFIXES = {
    "png": ".png",
    "jpeg": ".jpg",
    "webp": ".webp",
    "npy": ".npy",
    "npz": ".npz",
    "mp4": ".mp4",
    "matroska": ".mkv",
    "avi": ".avi",
    "ply": ".ply",
    "spz": ".spz",
    "sog": ".sog",
    "splat": ".splat",
    "ksplat": ".ksplat",
    "glb": ".glb",
    "json": ".json",
}
#: Kinds that each input field of a request takes.
FIELDS: Mapping[str, tuple[str, ...]] = {
    "image": ("png", "jpeg", "webp"),
    "depth": ("png", "npy", "npz"),
    "video": ("mp4", "matroska", "avi"),
    "splat": ("ply", "spz", "sog", "splat", "ksplat"),
    "world": ("json",),
    "collider_glb": ("glb",),
}
#: Kinds that nothing in the file tells of, and that whoever uploads must name.
DECLARED = ("splat", "ksplat")

_HEAD_BYTES = 512
_CHUNK_BYTES = 1 << 20
_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x93NUMPY", "npy"),
    (b"ply\n", "ply"),
    (b"ply\r", "ply"),
    (b"\x1f\x8b", "spz"),
    (b"NGSP", "spz"),
    (b"glTF", "glb"),
    (b"\x1a\x45\xdf\xa3", "matroska"),
    (b"PK\x03\x04", "zip"),
    (b"PXR-USDC", "usd"),
    (b"#usda", "usd"),
)
_RIFF = {b"WEBP": "webp", b"AVI ": "avi"}
#: Brands of ISO files that are videos; pictures such as HEIC begin in the same way.
_VIDEO_BRANDS = (*b"isom iso2 iso4 iso5 iso6 mp41 mp42 avc1 dash MSNV".split(), b"qt  ", b"M4V ")
_USD = (
    "usd: layers can name any file of the server, so they are not taken. Turn it into PLY first: "
    "lyra-scenegen convert scene.usdz scene.ply"
)
_MAX_JSON_BYTES = 4_000_000
_MAX_GLB_ELEMENTS = 20_000_000
#: A Gaussian of SPZ takes at most so much, its rows and SH of degree 3 together [bytes].
_SPZ_BYTES = 72
_SPZ_HEADER = struct.Struct("<4sII")
_SPLAT_ROW_BYTES = 32
_KSPLAT_HEADER_BYTES = 4096


def inspect(path: Path, declared: str | None, limits: Limits) -> str:
    """Return the kind of a file, a key of `SUFFIXES`.

    Args:
        path: the file; its name says nothing.
        declared: one of `DECLARED`, used where the content tells no kind.
        limits: how large it may be once it is read.

    Raises:
        Refused: 415 for a kind that is not taken, 413 for one that becomes too large, 422 for a damaged file.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    kind = _sniffed(head) or declared
    if kind == "zip":
        kind = archive_kind(path)
    if kind == "usd":
        raise Refused(415, f"upload: {_USD}")
    if kind is None:
        raise Refused(
            415,
            f"upload: its content is none of {', '.join(SUFFIXES)}. Files of the kinds {' and '.join(DECLARED)} have "
            "no mark: name them with ?kind=.",
        )
    try:
        _CHECKS.get(kind, lambda *_: None)(path, limits)
    except Refused:
        raise
    except LyraError as error:
        raise Refused(422, f"upload: {str(error).replace(str(path), 'the file')}") from error
    except Exception as error:  # readers raise nearly anything on damaged files
        raise Refused(422, f"upload: not a readable {kind} file ({type(error).__name__}). Export it again.") from error
    return kind


def _sniffed(head: bytes) -> str | None:
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if head.startswith(b"RIFF"):
        return _RIFF.get(head[8:12])
    if head[4:8] == b"ftyp" and head[8:12] in _VIDEO_BRANDS:
        return "mp4"
    return "json" if head.lstrip().startswith(b"{") else None


def _check_picture(path: Path, limits: Limits) -> None:
    _check_pixels(path, MAX_IMAGE_PIXELS)


def _check_pixels(file: Any, most: int) -> None:
    """Read the size that a picture's header promises; no pixel is decoded."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(file, formats=list(_PICTURES.values())) as image:
                width, height = image.size
        except Image.DecompressionBombError:
            raise Refused(413, f"upload: pictures must have at most {most:,} pixels. Scale it down.") from None
    if width * height > most:
        raise Refused(413, f"upload: pictures must have at most {most:,} pixels, got {width} x {height}.")


def _check_array(path: Path, limits: Limits) -> None:
    with path.open("rb") as file:
        _check_array_header(file)


def _check_array_header(file: Any) -> None:
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    if dtype.kind not in "fiu":
        raise Refused(422, f"upload: arrays must hold plain numbers, got {dtype}. Save it without objects.")
    if np.prod(shape, dtype=object) > MAX_IMAGE_PIXELS:
        raise Refused(413, f"upload: arrays must have at most {MAX_IMAGE_PIXELS:,} values, got shape {shape}.")


def _check_arrays(path: Path, limits: Limits) -> None:
    check_archive(path, min(limits.unpacked_bytes, 8 * MAX_IMAGE_PIXELS + _CHUNK_BYTES))
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            with archive.open(name) as file:
                _check_array_header(file)


def _check_sog(path: Path, limits: Limits) -> None:
    check_archive(path, limits.unpacked_bytes)
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.lower().endswith((".webp", ".png")):
                with archive.open(name) as file:
                    # square pictures, a pixel for each Gaussian, and palettes beside them
                    _check_pixels(file, 2 * limits.gaussians)


def _check_ply(path: Path, limits: Limits) -> None:
    with path.open("rb") as file:
        header = read_header(file, "the file")
    _check_gaussians(max((element.count for element in header.elements), default=0), limits)


def _check_spz(path: Path, limits: Limits) -> None:
    with path.open("rb") as file:
        head = file.read(_SPZ_HEADER.size)
        packed = head.startswith(b"\x1f\x8b")
        unpacker = zlib.decompressobj(wbits=31)
        head = unpacker.decompress(head + file.read(_CHUNK_BYTES), _SPZ_HEADER.size) if packed else head
        magic, _, count = _SPZ_HEADER.unpack(head)
        if magic != b"NGSP":
            raise Refused(415, "upload: gzip archives are not unpacked, but for SPZ splats. Upload the file itself.")
        _check_gaussians(count, limits)
        if packed:
            file.seek(0)
            check_gzip(file, min(count * _SPZ_BYTES + _HEAD_BYTES, limits.unpacked_bytes))


def _check_splat(path: Path, limits: Limits) -> None:
    size = path.stat().st_size
    if not size or size % _SPLAT_ROW_BYTES:
        raise Refused(422, f"upload: a .splat has rows of {_SPLAT_ROW_BYTES} bytes, this one {size:,} bytes in all.")
    _check_gaussians(size // _SPLAT_ROW_BYTES, limits)


def _check_ksplat(path: Path, limits: Limits) -> None:
    with path.open("rb") as file:
        head = file.read(_KSPLAT_HEADER_BYTES)
    if len(head) < _KSPLAT_HEADER_BYTES or head[0] != 0:
        raise Refused(422, "upload: a .ksplat of version 0 has a header of 4096 bytes; this is none.")
    _check_gaussians(max(struct.unpack_from("<II", head, 12)), limits)


def _check_gaussians(count: int, limits: Limits) -> None:
    if count > limits.gaussians:
        raise Refused(413, f"upload: splats must have at most {limits.gaussians:,} Gaussians, got {count:,}.")


def _check_glb(path: Path, limits: Limits) -> None:
    """Check that a glTF document names nothing outside itself and no arrays made of nothing."""
    with path.open("rb") as file:
        _, _, _, length, kind = struct.unpack("<4sIIII", file.read(20))
        if kind != 0x4E4F534A or length > 4 * _MAX_JSON_BYTES:
            raise Refused(422, "upload: a .glb begins with its document; this one does not. Export it again.")
        document = json.loads(file.read(length))
    for entry in (*document.get("buffers", ()), *document.get("images", ())):
        if not str(entry.get("uri", "data:")).startswith("data:"):
            raise Refused(422, "upload: a .glb that names other files is not taken. Export it as one file.")
    if sum(int(accessor["count"]) for accessor in document.get("accessors", ())) > _MAX_GLB_ELEMENTS:
        raise Refused(413, f"upload: a .glb must have at most {_MAX_GLB_ELEMENTS:,} elements. Decimate the mesh.")


def _check_json(path: Path, limits: Limits) -> None:
    if path.stat().st_size > _MAX_JSON_BYTES:
        raise Refused(413, f"upload: JSON must have at most {_MAX_JSON_BYTES:,} bytes.")
    if not isinstance(json.loads(path.read_bytes()), dict):
        raise Refused(422, "upload: JSON must be an object.")


_CHECKS: Mapping[str, Callable[[Path, Limits], None]] = {
    **dict.fromkeys(_PICTURES, _check_picture),
    "npy": _check_array,
    "npz": _check_arrays,
    "sog": _check_sog,
    "ply": _check_ply,
    "spz": _check_spz,
    "splat": _check_splat,
    "ksplat": _check_ksplat,
    "glb": _check_glb,
    "json": _check_json,
}
