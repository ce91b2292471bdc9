"""A photo brought to the size that a model takes, with the lens that this leaves it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ...errors import InvalidRequest
from ...types import Intrinsics

__all__ = ["FITS", "Fitted", "fit_depth", "fit_picture", "lens_of"]

#: How a picture of another shape becomes one of the model's.
FITS = ("crop", "stretch")
#: Width of the field of view [deg] that is taken if nothing says it: of a phone's main camera held level.
DEFAULT_FOV = 65.0
#: Smallest side as a share of the model's; what is smaller would be invented.
_LEAST = 1 / 8


class Fitted(NamedTuple):
    """A picture of the model's size.

    Attributes:
        image: sRGB (H, W, 3).
        lens: its pinhole intrinsics, pixel centres at +0.5.
        box: what was taken of the original: left, top, right, bottom [px].
        cropped: share of the original's area that was left out.
    """

    image: npt.NDArray[np.uint8]
    lens: Intrinsics
    box: tuple[float, float, float, float]
    cropped: float


def fit_picture(image: npt.NDArray[np.uint8], lens: Intrinsics, size: tuple[int, int], how: str) -> Fitted:
    """Return `image` (H, W, 3) as a picture of `size` (width, height) [px], and its lens.

    `crop` takes the largest middle part of the model's shape, `stretch` all of it, as the published program does; the
    lens follows either.

    Raises:
        InvalidRequest: it is far smaller than the model's pictures.
    """
    from PIL import Image

    height, width = image.shape[:2]
    if width < _LEAST * size[0] or height < _LEAST * size[1]:
        raise InvalidRequest(
            f"image: must have at least {_LEAST * size[0]:.0f} x {_LEAST * size[1]:.0f} pixels for this model, whose "
            f"pictures have {size[0]} x {size[1]}, got {width} x {height}. Give a larger picture."
        )
    box = _middle(width, height, size) if how == "crop" else (0.0, 0.0, float(width), float(height))
    scaled = Image.fromarray(image).resize(size, Image.Resampling.LANCZOS, box=box)
    x, y = size[0] / (box[2] - box[0]), size[1] / (box[3] - box[1])
    fitted = Intrinsics(*size, lens.fx * x, lens.fy * y, (lens.cx - box[0]) * x, (lens.cy - box[1]) * y)
    cropped = 1 - (box[2] - box[0]) * (box[3] - box[1]) / (width * height)
    return Fitted(np.asarray(scaled), fitted, box, cropped)


def fit_depth(depth: npt.NDArray[np.float32], fitted: Fitted) -> npt.NDArray[np.float32]:
    """Return a depth map of the original picture as one of the fitted; nearest values, so that holes stay holes."""
    rows, columns = (
        np.clip((start + (np.arange(count) + 0.5) / count * (end - start)).astype(int), 0, limit - 1)
        for start, end, count, limit in (
            (fitted.box[1], fitted.box[3], fitted.image.shape[0], depth.shape[0]),
            (fitted.box[0], fitted.box[2], fitted.image.shape[1], depth.shape[1]),
        )
    )
    return np.ascontiguousarray(depth[rows][:, columns])


def lens_of(
    image: npt.NDArray[np.uint8], path: Path | None, given: str | None, fov_deg: float | None
) -> tuple[Intrinsics, str]:
    """Return the lens of a picture (H, W, 3) and where it is known from: given, fov, exif or assumed.

    Args:
        image: the picture.
        path: its file, whose EXIF data may say the focal length; None if it was made here.
        given: intrinsics as users write them.
        fov_deg: horizontal field of view.

    Raises:
        InvalidRequest: the intrinsics or the field of view are not possible.
    """
    from ...io.images import exif_focal_px
    from ...io.intrinsics import parse_intrinsics

    height, width = image.shape[:2]
    if given is not None:
        return parse_intrinsics(given, width, height), "given"
    if fov_deg is not None:
        return Intrinsics.from_fov(width, height, fov_deg), "fov"
    focal = None if path is None else exif_focal_px(path, width, height)
    if focal is not None:
        return Intrinsics(width, height, focal, focal, width / 2, height / 2), "exif"
    longer = Intrinsics.from_fov(max(width, height), min(width, height), DEFAULT_FOV).fx
    return Intrinsics(width, height, longer, longer, width / 2, height / 2), "assumed"


def _middle(width: int, height: int, size: tuple[int, int]) -> tuple[float, float, float, float]:
    """Return the largest middle box of the shape `size`: left, top, right, bottom [px]."""
    scale = min(width / size[0], height / size[1])
    left, top = (width - scale * size[0]) / 2, (height - scale * size[1]) / 2
    return left, top, width - left, height - top
