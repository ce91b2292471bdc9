"""Occupancy maps as a picture and a YAML file, as ROS knows them.

Two formats differ in the picture and in what the origin means:

* ``omap``, as Isaac Sim's occupancy map generator writes it: RGBA, black, white and mid-grey; the origin is the middle
  of the lower left cell.
* ``nav2``, as ROS 2 Nav2 defines it: one channel, 0, 254 and 205; the origin is the lower left corner of that cell.

Row 0 has the largest y in both. Either loads in the other's reader, off by half a cell.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InvalidRequest
from ..types import Cell, MapFormat, OccupancyMap
from .images import MAX_IMAGE_PIXELS

__all__ = ["read_occupancy_map", "write_occupancy_map"]

_OCCUPIED_THRESHOLD, _FREE_THRESHOLD = 0.65, 0.196
#: Grey of free, occupied and unknown cells, in the order of `Cell`.
_GREYS = {MapFormat.OMAP: (255, 0, 127), MapFormat.NAV2: (254, 0, 205)}
#: Digits after the point of coordinates [m]: a micrometre.
_DIGITS = 6


def write_occupancy_map(map_: OccupancyMap, path: Path, map_format: MapFormat = MapFormat.OMAP) -> tuple[str, str]:
    """Write ``path`` (ends in .yaml) and the picture beside it; return the names of the picture and of the YAML file.

    Raises:
        InvalidRequest: the map has no cells.
    """
    from PIL import Image

    if not map_.cells.size:
        raise InvalidRequest(f"{path.name}: a map must have cells to be written, got {map_.cells.shape}.")
    image, pixels = path.with_suffix(".png"), np.array(_GREYS[map_format], np.uint8)[map_.cells]
    if map_format is MapFormat.OMAP:
        pixels = np.dstack([pixels, pixels, pixels, np.full_like(pixels, 255)])
    Image.fromarray(pixels).save(image)
    path.write_text(_yaml(map_, image.name, map_format), encoding="utf-8")
    return image.name, path.name


def read_occupancy_map(path: Path, map_format: MapFormat | None = None) -> OccupancyMap:
    """Read a map from its YAML file.

    Args:
        path: the YAML file; its picture lies beside it.
        map_format: what the origin means; None takes a file with four channels for one of Isaac Sim's generator.

    Raises:
        InvalidRequest: a file is missing, damaged, turned, or no map.
    """
    fields = _read_fields(path)
    resolution, origin = _number(path, fields, "resolution"), _origin(path, fields)
    occupied, free = _number(path, fields, "occupied_thresh"), _number(path, fields, "free_thresh")
    if fields.get("mode", "trinary") != "trinary":
        raise InvalidRequest(f"{path}: only maps of mode trinary can be read, got {fields['mode']!r}.")
    pixels = _read_pixels(path.parent / str(fields.get("image", "")))
    grey, four = (pixels[..., :3].mean(axis=2), True) if pixels.shape[2] == 4 else (pixels.mean(axis=2), False)
    darkness = grey / 255 if _number(path, fields, "negate") else (255 - grey) / 255
    # Grey 205 is 0.19608: just not free.
    cells = np.where(darkness > occupied, Cell.OCCUPIED, np.where(darkness < free, Cell.FREE, Cell.UNKNOWN))
    is_omap = four if map_format is None else map_format is MapFormat.OMAP
    x, y = (round(v - is_omap * resolution / 2, _DIGITS) for v in origin)
    return OccupancyMap(cells.astype(np.uint8), resolution, (x, y))


def _yaml(map_: OccupancyMap, image: str, map_format: MapFormat) -> str:
    is_omap = map_format is MapFormat.OMAP
    x, y = (round(float(v) + is_omap * map_.resolution_m / 2, _DIGITS) for v in map_.corner)
    lines = [
        f"image: {image}",
        *(() if is_omap else ("mode: trinary",)),
        f"resolution: {round(float(map_.resolution_m), _DIGITS)}",
        f"origin: [{x}, {y}, 0.0000]",
        "negate: 0",
        f"occupied_thresh: {_OCCUPIED_THRESHOLD}",
        f"free_thresh: {_FREE_THRESHOLD}",
    ]
    return "\n".join(lines) + ("" if is_omap else "\n# origin: the lower left corner of the lower left cell\n")


def _read_fields(path: Path) -> dict[str, str]:
    """Return the keys and values of a flat YAML file."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"{path}: must be the YAML file of a map, cannot be read ({error}).") from error
    pairs = (line.split("#")[0].partition(":") for line in lines)
    return {key.strip(): value.strip().strip("\"'") for key, colon, value in pairs if colon}


def _number(path: Path, fields: dict[str, str], key: str) -> float:
    try:
        value = float(fields[key])
    except (KeyError, ValueError):
        value = np.nan
    if not np.isfinite(value):
        raise InvalidRequest(f"{path}: {key} must be a number, got {fields.get(key)!r}.")
    return value


def _origin(path: Path, fields: dict[str, str]) -> tuple[float, float]:
    try:
        x, y, yaw = (float(v) for v in fields.get("origin", "").strip("[]").split(","))
    except ValueError:
        x = y = yaw = np.nan
    if not np.isfinite([x, y]).all() or yaw != 0:
        raise InvalidRequest(
            f"{path}: origin must be [x, y, 0] in metres, maps that are turned cannot be read; "
            f"got {fields.get('origin')!r}."
        )
    return x, y


def _read_pixels(path: Path) -> npt.NDArray[np.uint8]:
    """Return the picture of a map, shape (H, W, channels)."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            if image.width * image.height > MAX_IMAGE_PIXELS:
                raise InvalidRequest(f"{path}: a map must have at most {MAX_IMAGE_PIXELS} cells, got {image.size}.")
            converted = image if image.mode in ("L", "RGB", "RGBA") else image.convert("L")
            pixels: npt.NDArray[Any] = np.atleast_3d(np.asarray(converted))
            return pixels
    except (OSError, UnidentifiedImageError) as error:
        raise InvalidRequest(f"{path}: must be the picture of a map, cannot be read ({error}).") from error
