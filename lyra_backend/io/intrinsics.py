"""Camera intrinsics as users give them: four numbers or a JSON file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import InvalidRequest, nearest
from ..types.camera import Intrinsics

__all__ = ["intrinsics_text", "parse_intrinsics"]

#: JSON keys, and the names other programs have for them.
_ALIASES = {"fl_x": "fx", "fl_y": "fy", "w": "width", "h": "height"}
_REQUIRED = ("fx", "fy", "cx", "cy")
_SIZE = ("width", "height")
#: Focal lengths relative to the longer side: from a 157 degree fisheye-like view to a 3 degree telescope.
_FOCAL_RANGE = (0.1, 20.0)
_MAX_PIXELS = 1e9


def parse_intrinsics(text: str, width: int, height: int) -> Intrinsics:
    """Return the pinhole intrinsics [px] that `text` gives for an image of `width` x `height`.

    `text` is "FX,FY,CX,CY", a JSON object or the name of a JSON file. Its keys are ``fx``, ``fy``, ``cx``, ``cy`` and,
    if known, ``width`` and ``height`` of the image they hold for; ``fl_x``, ``fl_y``, ``w`` and ``h`` are understood
    too. The centre of the upper left pixel is (0.5, 0.5): add 0.5 to cx and cy of calibrations that call it (0, 0).

    Raises:
        InvalidRequest: unreadable, incomplete, or not possible for this image.
    """
    if text.strip().startswith("{"):
        values = _from_json(text, "intrinsics", width, height)
    elif text.strip().lower().endswith(".json"):
        values = _from_json(intrinsics_text(text), text.strip(), width, height)
    else:
        values = _from_numbers(text)
    fx, fy, cx, cy = values
    intrinsics = Intrinsics(width, height, fx, fy, cx, cy)
    if not (0 <= cx <= width and 0 <= cy <= height):
        raise InvalidRequest(
            f"intrinsics: the principal point must lie in the image of {width} x {height} pixels, got "
            f"({cx:g}, {cy:g}). Give FX,FY,CX,CY in pixels of this image."
        )
    low, high = (factor * max(width, height) for factor in _FOCAL_RANGE)
    if not (low <= fx <= high and low <= fy <= high):
        raise InvalidRequest(
            f"intrinsics: focal lengths must be {low:g} to {high:g} px for an image of {width} x {height} pixels, "
            f"got {fx:g} and {fy:g}. Millimetres? Multiply by the image width in pixels over the sensor's in mm."
        )
    return intrinsics


def intrinsics_text(text: str) -> str:
    """Return `text` with the name of a JSON file replaced by its content, so that a request holds no path.

    Raises:
        InvalidRequest: the file cannot be read.
    """
    path = Path(text.strip())
    if path.suffix.lower() != ".json":
        return text
    try:
        return path.read_text(encoding="utf-8-sig").strip()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not text"
        raise InvalidRequest(f"{path}: intrinsics cannot be read ({reason}).") from error


def _from_numbers(text: str) -> tuple[float, ...]:
    parts = [part.strip() for part in text.split(",")]
    try:
        values = tuple(float(part) for part in parts)
    except ValueError:
        values = ()
    if len(values) != 4:
        raise InvalidRequest(
            f"intrinsics must be FX,FY,CX,CY in pixels or a .json file, got {text!r}. Try: 525,525,320,240"
        )
    return values


def _from_json(text: str, path: str, width: int, height: int) -> tuple[float, ...]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"{path}: intrinsics must be JSON: {error}.") from error
    if not isinstance(data, Mapping):
        raise InvalidRequest(f"{path}: intrinsics must be a JSON object with fx, fy, cx and cy.")
    known = {_ALIASES.get(str(key), str(key)): value for key, value in data.items()}
    missing = [key for key in _REQUIRED if key not in known]
    if missing:
        raise InvalidRequest(f"{path}: intrinsics lack {', '.join(missing)}; {nearest(missing[0], map(str, data))}")
    values = {key: _number(path, key, known[key]) for key in (*_REQUIRED, *_SIZE) if key in known}
    size = tuple(values.get(key, own) for key, own in zip(_SIZE, (width, height), strict=True))
    if size != (width, height):
        raise InvalidRequest(
            f"{path}: these intrinsics are for {size[0]:g} x {size[1]:g} pixels, but the image has {width} x {height}. "
            "Use the image they were measured with, or scale all four numbers with it."
        )
    return tuple(values[key] for key in _REQUIRED)


def _number(path: str, key: str, value: Any) -> float:
    # Whole numbers of JSON may be longer than any float; NaN and Infinity are none of JSON's, but Python reads them.
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= _MAX_PIXELS:
        raise InvalidRequest(
            f"{path}: intrinsics {key} must be a number of pixels up to {_MAX_PIXELS:g}, got {value!r:.40}."
        )
    return float(value)
