"""What pictures and depth images say: are two of one thing, is there anything in them; and how they are written.

NumPy and Pillow alone, as these are what Kit's own Python has.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from lyra_backend.errors import InvalidRequest

__all__ = ["DepthSummary", "brightness", "correlation", "read_picture", "summarise_depth", "write_channel"]

#: Pictures are compared at this width: noise of single pixels, and edges that lie a pixel aside, do not count then.
_COMPARED_PX = 96
#: Rec. 709 luma.
_LUMA = (0.2126, 0.7152, 0.0722)

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class DepthSummary:
    """What is in a depth image.

    Attributes:
        share: of pixels that have a finite depth above zero.
        nearest_m, median_m, farthest_m: of those; 0 if there are none.
    """

    share: float
    nearest_m: float
    median_m: float
    farthest_m: float


def read_picture(path: Path) -> Bytes:
    """Read a picture as sRGB, shape (H, W, 3).

    Raises:
        InvalidRequest: it cannot be read.
    """
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))
    except (OSError, UnidentifiedImageError) as error:
        raise InvalidRequest(f"{path}: must be a picture, cannot be read ({error}).") from error


def correlation(picture: Bytes, reference: Bytes, shown: npt.NDArray[np.bool_] | None = None) -> float:
    """Return Pearson's correlation of two pictures' brightness, 0 if one of them is of one tone.

    Gain, offset and noise of single pixels do not change it; another view, a mirrored picture and black do.

    Args:
        picture, reference: sRGB of one shape of frame (sizes may differ), shape (H, W, 3).
        shown: where the scene covers the picture, shape of `picture`; places less than half covered are left out.

    Raises:
        InvalidRequest: the frames have different shapes, or nothing is shown.
    """
    ratios = [p.shape[1] / p.shape[0] for p in (picture, reference)]
    if abs(ratios[0] / ratios[1] - 1) > 0.02:
        sizes = " and ".join(f"{p.shape[1]} x {p.shape[0]}" for p in (picture, reference))
        raise InvalidRequest(f"pictures: must have frames of one shape to be compared, got {sizes}.")
    size = (_COMPARED_PX, max(1, round(_COMPARED_PX / ratios[1])))
    one, other = (_small(_grey(p), size) for p in (picture, reference))
    counted = np.ones(one.shape, bool) if shown is None else _small(shown.astype(np.float32), size) > 0.5
    if counted.sum() < 2:
        raise InvalidRequest("pictures: nothing of the scene is in the frame, so there is nothing to compare.")
    one, other = (p[counted] - p[counted].mean() for p in (one, other))
    spread = float(np.sqrt((one**2).sum() * (other**2).sum()))
    return float((one * other).sum() / spread) if spread > 1e-3 else 0.0


def brightness(picture: Bytes) -> float:
    """Return the mean luma of a picture, 0 for black, 1 for white."""
    return float(_grey(picture).mean() / 255)


def summarise_depth(depth: npt.NDArray[np.floating]) -> DepthSummary:
    """Say what is in a depth image [m], shape (H, W) or (H, W, 1); annotators write infinity where nothing is."""
    values = np.asarray(depth, np.float64).ravel()
    held = values[np.isfinite(values) & (values > 0)]
    if not held.size:
        return DepthSummary(0.0, 0.0, 0.0, 0.0)
    return DepthSummary(held.size / values.size, float(held.min()), float(np.median(held)), float(held.max()))


def write_channel(folder: Path, name: str, data: npt.NDArray[np.generic]) -> str:
    """Write what an annotator gave; return the file's name.

    Colours (H, W, 3 or 4) of 8 bits are a PNG of RGB, anything else an NPY of its own type: infinity has no grey.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if data.dtype == np.uint8 and data.ndim == 3 and data.shape[2] in (3, 4):
        Image.fromarray(np.ascontiguousarray(data[..., :3])).save(folder / f"{name}.png")
        return f"{name}.png"
    np.save(folder / f"{name}.npy", data, allow_pickle=False)
    return f"{name}.npy"


def _grey(picture: Bytes) -> npt.NDArray[np.float32]:
    grey: npt.NDArray[np.float32] = picture[..., :3].astype(np.float32) @ np.array(_LUMA, np.float32)
    return grey


def _small(values: npt.NDArray[np.float32], size: tuple[int, int]) -> npt.NDArray[np.float32]:
    return np.asarray(Image.fromarray(values).resize(size, Image.Resampling.BOX), np.float32)
