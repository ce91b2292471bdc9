"""What outlives a killed run besides its videos: the picture that was drawn, and the depth that was estimated."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...atomic import replacing
from ...io.images import read_image, write_image
from .depth import Depth

__all__ = ["kept_depths", "kept_picture"]

logger = logging.getLogger(__name__)
Pixels = npt.NDArray[np.uint8]


def kept_picture(path: Path, draw: Callable[[], Pixels]) -> Pixels:
    """Return the picture (H, W, 3) in the PNG file `path`, or draw it and keep it there."""
    known = _read(path, read_image)
    if known is not None:
        return known
    drawn = draw()
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as part:
        write_image(part, drawn)
    return drawn


def kept_depths(path: Path, images: Sequence[Pixels], estimate: Callable[[], Sequence[Depth]]) -> Sequence[Depth]:
    """Return the depths of `images` (H, W, 3) in the file `path` (.npz), or estimate them and keep them there."""
    known = _read(path, _read_depths)
    if known is not None and [depth.z.shape for depth in known] == [image.shape[:2] for image in images]:
        return known
    found = estimate()
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as part:
        _write_depths(part, found)
    return found


def _read(path: Path, reader: Callable[[Path], Any]) -> Any:
    """Return what an earlier attempt kept; None if there is nothing, or nothing that can be read."""
    if not path.is_file():
        return None
    try:
        return reader(path)
    except Exception as error:  # whatever a damaged file makes its reader say
        logger.warning("%s: what was kept is damaged (%s) and is made anew", path.stem, error)
        return None


def _write_depths(path: Path, depths: Sequence[Depth]) -> None:
    first = depths[0]
    with path.open("wb") as file:
        np.savez(
            file,
            z=np.stack([depth.z for depth in depths]),
            sky=np.packbits(np.stack([depth.sky for depth in depths])),
            focals=np.array([np.nan if depth.focal_px is None else depth.focal_px for depth in depths]),
            is_metric=first.is_metric,
            source=first.source,
        )


def _read_depths(path: Path) -> list[Depth]:
    with np.load(path) as kept:
        z, is_metric, source = kept["z"], bool(kept["is_metric"]), str(kept["source"])
        sky = np.unpackbits(kept["sky"], count=z.size).astype(bool).reshape(z.shape)
        focals = [None if np.isnan(focal) else float(focal) for focal in kept["focals"]]
    return [Depth(z[i], sky[i], is_metric, focals[i], source) for i in range(len(z))]
