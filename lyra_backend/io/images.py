"""Colour images and depth maps from files."""

from __future__ import annotations

import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InvalidRequest

__all__ = ["MAX_IMAGE_PIXELS", "read_depth", "read_image"]

#: 64 megapixels: more than cameras in use give, and 192 MB of colours.
MAX_IMAGE_PIXELS = 64_000_000


def read_image(path: Path | str) -> npt.NDArray[np.uint8]:
    """Read a colour image, upright as its EXIF data says, as sRGB (H, W, 3).

    Grey becomes colour, 16 bits become 8, transparency is laid over white.

    Raises:
        InvalidRequest: no such file, not an image, damaged, or larger than `MAX_IMAGE_PIXELS`.
    """
    from PIL import Image, ImageOps

    path = Path(path)
    with _opened(path) as image:
        upright = ImageOps.exif_transpose(image)
        if upright.mode.startswith("I") or upright.mode == "F":
            return _from_deep_grey(np.asarray(upright), path)
        if "A" in upright.getbands() or "transparency" in upright.info:
            layered = upright.convert("RGBA")
            upright = Image.alpha_composite(Image.new("RGBA", layered.size, (255, 255, 255, 255)), layered)
        return np.asarray(upright.convert("RGB"))


def read_depth(path: Path | str) -> npt.NDArray[np.float32]:
    """Read a depth map (H, W): distance along the viewing axis [m], 0 where there is none.

    ``.png`` with 16 bits holds millimetres; ``.npy``, and ``.npz`` with one array or one named "depth", hold metres.
    Zero, negative, infinite and NaN values mean "no depth".

    Raises:
        InvalidRequest: no such file, another format, damaged, or without any depth.
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


def _from_deep_grey(grey: npt.NDArray[Any], path: Path) -> npt.NDArray[np.uint8]:
    if grey.dtype.kind == "f" or grey.max() > 65535 or grey.min() < 0:
        raise InvalidRequest(f"{path}: colours must have 8 or 16 bits; this looks like a depth map.")
    return np.repeat((grey.astype(np.float64) / 257 + 0.5).astype(np.uint8)[..., None], 3, axis=2)


def _opened(path: Path) -> Any:
    """Return the decoded Pillow image of a file.

    Raises:
        InvalidRequest: see :func:`read_image`.
    """
    from PIL import Image, UnidentifiedImageError

    if not path.is_file():
        what = "this is a folder" if path.is_dir() else "no such file"
        raise InvalidRequest(f"{path}: an image was expected, but {what}.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(path)
        width, height = image.size
        if width * height > MAX_IMAGE_PIXELS:
            raise InvalidRequest(
                f"{path}: images must have at most {MAX_IMAGE_PIXELS:,} pixels, got {width} x {height}. Scale it down."
            )
        image.load()
    except UnidentifiedImageError:
        raise InvalidRequest(f"{path}: not an image that Pillow knows. Save it as PNG or JPEG.") from None
    except Image.DecompressionBombError as error:
        raise InvalidRequest(f"{path}: too large for an image ({error}). Scale it down.") from None
    except InvalidRequest:
        raise
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise InvalidRequest(f"{path}: the image is damaged ({error}). Save or export it again.") from error
    return image


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
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            array = loaded
        else:
            with loaded:
                names = list(loaded.files)
                if len(names) != 1 and "depth" not in names:
                    raise InvalidRequest(f"{path}: needs one array or one named 'depth', got {', '.join(names)}.")
                array = loaded["depth" if "depth" in names else names[0]]
    except InvalidRequest:
        raise
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InvalidRequest(f"{path}: not a readable NumPy file ({error}). Save depth with numpy.save.") from error
    if array.dtype.kind not in "fiu":
        raise InvalidRequest(f"{path}: depth must be numbers in metres, got {array.dtype}.")
    if array.dtype.kind in "iu":
        raise InvalidRequest(
            f"{path}: depth arrays hold metres as floating point numbers, got {array.dtype}. "
            "If they are millimetres, divide by 1000 first."
        )
    return array
