"""Colour images and depth maps from files."""

from __future__ import annotations

import io
import math
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from ..errors import InvalidRequest

__all__ = [
    "MAX_IMAGE_PIXELS",
    "as_webp",
    "exif_focal_px",
    "read_depth",
    "read_image",
    "require_still",
    "thumbnail_of",
    "write_depth",
    "write_image",
]

#: 64 megapixels: more than cameras in use give, and 192 MB of colours.
MAX_IMAGE_PIXELS = 64_000_000
#: EXIF: the block of camera settings, and the focal length for a film of 36 x 24 mm in it.
_EXIF_BLOCK, _EXIF_FOCAL_35MM = 0x8769, 0xA405
_FILM_DIAGONAL_MM = 43.2666
_HEADER_READERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read_image(path: Path | str) -> npt.NDArray[np.uint8]:
    """Read a colour image, upright as its EXIF data says, as sRGB (H, W, 3).

    Grey and palettes become colours, 16 bits become 8, transparency is laid over white; of an animation the first
    picture is taken.

    Raises:
        InvalidRequest: no such file, not an image, damaged, or larger than `MAX_IMAGE_PIXELS`.
    """
    from PIL import Image

    path = Path(path)
    with _opened(path) as image:
        if image.mode.startswith("I") or image.mode == "F":
            return _from_deep_grey(np.asarray(image), path)
        if image.mode == "La":
            raise InvalidRequest(f"{path}: grey with premultiplied transparency is not known. Save it as RGB.")
        if image.has_transparency_data:
            layered = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", layered.size, (255, 255, 255, 255)), layered)
        return np.asarray(image.convert("RGB"))


def require_still(path: Path | str) -> None:
    """Refuse an animation: whoever hands one in wants more of it than its first picture.

    What is no image, or a damaged one, is left to :func:`read_image` to refuse.

    Raises:
        InvalidRequest: it has several pictures.
    """
    try:
        with _glanced_at(path) as image:
            # the other pictures in a camera's MPO are previews, depth, or the other eye's
            count = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
    except Exception:  # Pillow's readers raise nearly anything on damaged files
        return
    if count > 1:
        raise InvalidRequest(
            f"{path}: a single picture is needed, and this has {count}. Save one of them, or use --video."
        )


def exif_focal_px(path: Path | str, width: int, height: int) -> float | None:
    """Return the focal length [px] that a photo's EXIF data says for its size of `width` x `height`, None if none.

    By the 35 mm equivalent, which cameras state for the diagonal (CIPA DCG-001).
    """
    try:
        with _glanced_at(path) as image:
            focal_mm = float(image.getexif().get_ifd(_EXIF_BLOCK).get(_EXIF_FOCAL_35MM, 0))
    except Exception:  # damaged EXIF data is none
        return None
    return focal_mm / _FILM_DIAGONAL_MM * math.hypot(width, height) if 5 <= focal_mm <= 1000 else None


def read_depth(path: Path | str) -> npt.NDArray[np.float32]:
    """Read a depth map (H, W): distance along the viewing axis [m], 0 where there is none.

    ``.png`` with 16 bits holds millimetres and is turned upright as its EXIF data says; ``.npy``, and ``.npz`` with
    one array or one named "depth", hold metres. Zero, negative, infinite and NaN values mean "no depth".

    Raises:
        InvalidRequest: no such file, another format, damaged, without any depth, or of more than `MAX_IMAGE_PIXELS`.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix in (".npy", ".npz"):
        depth = _array_metres(path)
    elif suffix == ".png":
        depth = _png_metres(path)
    else:
        raise InvalidRequest(f"{path}: depth must be a 16-bit .png in millimetres, or .npy or .npz in metres.")
    if depth.ndim == 3 and 1 in (depth.shape[0], depth.shape[2]):
        depth = depth.squeeze(0 if depth.shape[0] == 1 else 2)
    if depth.ndim != 2 or not depth.size:
        raise InvalidRequest(f"{path}: depth must be a picture (height, width), got shape {depth.shape}.")
    with np.errstate(over="ignore", invalid="ignore"):
        metres = depth.astype(np.float32)
        metres[~(np.isfinite(metres) & (metres > 0))] = 0.0
    if not metres.any():
        raise InvalidRequest(f"{path}: the depth map holds no depth: every value is 0, negative or NaN.")
    return metres


def write_image(path: Path | str, image: npt.NDArray[np.uint8]) -> None:
    """Write sRGB (H, W, 3) as PNG."""
    from PIL import Image

    Image.fromarray(image).save(path, format="PNG")


def as_webp(image: npt.NDArray[np.uint8], quality: int = 80) -> bytes:
    """Return sRGB (H, W, 3) as WebP, which is small: for pages and thumbnails."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="WEBP", quality=quality, method=4)
    return buffer.getvalue()


def thumbnail_of(image: npt.NDArray[np.uint8], width: int = 320) -> bytes:
    """Return sRGB (H, W, 3) as WebP of fewer pixels, `width` of them in a row."""
    from PIL import Image

    height = max(round(width * image.shape[0] / image.shape[1]), 1)
    return as_webp(np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.LANCZOS)), 75)


def write_depth(path: Path | str, depth: npt.NDArray[np.float32]) -> None:
    """Write depth [m] (H, W) as :func:`read_depth` reads it: PNG, 16 bits, millimetres; what is too far is none."""
    from PIL import Image

    millimetres = np.round(depth.astype(np.float64) * 1000.0)
    millimetres[millimetres > np.iinfo(np.uint16).max] = 0
    Image.fromarray(millimetres.astype(np.uint16)).save(path, format="PNG")


def _from_deep_grey(grey: npt.NDArray[Any], path: Path) -> npt.NDArray[np.uint8]:
    if grey.dtype.kind == "f" or grey.max() > 65535 or grey.min() < 0:
        raise InvalidRequest(f"{path}: colours must have 8 or 16 bits; this looks like a depth map.")
    return np.repeat((grey.astype(np.float64) / 257 + 0.5).astype(np.uint8)[..., None], 3, axis=2)


@contextmanager
def _glanced_at(path: Path | str) -> Iterator[Any]:
    """Give the Pillow image of a file, not yet decoded, without its warnings about odd files."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(path) as image:
            yield image


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Give the decoded Pillow image of a file, upright as its EXIF data says; the file is closed at the end.

    Raises:
        InvalidRequest: see :func:`read_image`.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    if not path.is_file():
        what = "this is a folder" if path.is_dir() else "no such file"
        raise InvalidRequest(f"{path}: an image was expected, but {what}.")
    with ExitStack() as files:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about large or slightly odd files; damaged ones raise errors
                image = files.enter_context(Image.open(path))
                _check_size(path, image.size)
                image.load()
                upright = ImageOps.exif_transpose(image)
        except UnidentifiedImageError:
            raise InvalidRequest(f"{path}: not an image that Pillow knows. Save it as PNG or JPEG.") from None
        except Image.DecompressionBombError as error:
            raise InvalidRequest(f"{path}: too large for an image ({error}). Scale it down.") from None
        except InvalidRequest:
            raise
        except Exception as error:  # Pillow's decoders raise nearly anything on damaged files
            raise InvalidRequest(f"{path}: the image is damaged ({error}). Save or export it again.") from error
        yield upright


def _check_size(path: Path, size: tuple[int, int]) -> None:
    if size[0] * size[1] > MAX_IMAGE_PIXELS:
        raise InvalidRequest(
            f"{path}: images must have at most {MAX_IMAGE_PIXELS:,} pixels, got {size[0]} x {size[1]}. Scale it down."
        )


def _png_metres(path: Path) -> npt.NDArray[Any]:
    with _opened(path) as image:
        if not image.mode.startswith("I"):
            raise InvalidRequest(
                f"{path}: a depth PNG must have 16 bits and one channel, in millimetres, got mode {image.mode}. "
                "Pictures of depth in colours or 8 bits hold no metres; save depth as .npy in metres."
            )
        return np.asarray(image).astype(np.float64) / 1000.0


def _array_metres(path: Path) -> npt.NDArray[Any]:
    if not path.is_file():
        raise InvalidRequest(f"{path}: a depth map was expected, but no such file.")
    try:
        with path.open("rb") as file:
            if path.suffix.lower() == ".npy":
                return _array(file, path)
            with zipfile.ZipFile(file) as archive, archive.open(_depth_member(archive, path)) as member:
                return _array(member, path)
    except InvalidRequest:
        raise
    except Exception as error:  # zipfile and NumPy raise nearly anything on damaged files
        raise InvalidRequest(f"{path}: not a readable NumPy file ({error}). Save depth with numpy.save.") from error


def _depth_member(archive: zipfile.ZipFile, path: Path) -> str:
    names = [name for name in archive.namelist() if name.endswith(".npy")]
    if len(names) == 1:
        return names[0]
    if "depth.npy" not in names:
        shown = ", ".join(name.removesuffix(".npy") for name in names) or "none"
        raise InvalidRequest(f"{path}: needs one array or one named 'depth', got {shown}.")
    return "depth.npy"


def _array(file: IO[bytes], path: Path) -> npt.NDArray[Any]:
    """Read an array whose header promises no more than a depth map can be: memory is taken before data is seen."""
    version = np.lib.format.read_magic(file)
    if version not in _HEADER_READERS:
        raise ValueError(f"version {version} of the format holds no plain numbers")
    shape, _, dtype = _HEADER_READERS[version](file)
    if dtype.kind in "iu":
        raise InvalidRequest(
            f"{path}: depth arrays hold metres as floating point numbers, got {dtype}. "
            "If they are millimetres, divide by 1000 first."
        )
    if dtype.kind != "f":
        raise InvalidRequest(f"{path}: depth must be numbers in metres, got {dtype}.")
    if min(shape, default=0) < 0 or math.prod(shape) > MAX_IMAGE_PIXELS:
        raise InvalidRequest(f"{path}: depth must have at most {MAX_IMAGE_PIXELS:,} pixels, got shape {shape}.")
    file.seek(0)
    return np.lib.format.read_array(file, allow_pickle=False)
