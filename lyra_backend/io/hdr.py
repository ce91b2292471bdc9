"""Radiance pictures (.hdr): linear light beyond what a screen shows, in 8 bits a channel and a shared exponent.

Format: Ward, "Real Pixels", Graphics Gems II, 1991; scan lines are stored as the literal runs of its later encoding,
because readers take unencoded lines for the oldest one if their first pixel happens to look like it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..atomic import replacing
from ..errors import InvalidRequest

__all__ = ["write_hdr"]

#: Widths that the run encoding can say, and pixels in a literal run.
_WIDTHS, _RUN = (8, 32767), 128
_SMALLEST = 1e-32


def write_hdr(path: Path, radiance: npt.NDArray[np.floating]) -> None:
    """Write linear RGB (H, W, 3), rows from the top; the same picture gives the same bytes.

    The largest channel of a pixel keeps 8 bits, the others as many steps of the same size.

    Raises:
        InvalidRequest: another shape, a width that the format has not, or values that are negative or not finite.
        WriteFailed: nothing can be written there.
    """
    if radiance.ndim != 3 or radiance.shape[2] != 3 or not _WIDTHS[0] <= radiance.shape[1] <= _WIDTHS[1]:
        raise InvalidRequest(f"{path.name}: a picture must be (H, 8 to 32767, 3), got {radiance.shape}.")
    if not (np.isfinite(radiance).all() and (radiance >= 0).all()):
        raise InvalidRequest(f"{path.name}: radiance must be finite and not negative.")
    height, width = radiance.shape[:2]
    header = f"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y {height} +X {width}\n".encode()
    start = bytes([2, 2, width >> 8, width & 255])
    lines = b"".join(start + b"".join(_literal(row[:, c]) for c in range(4)) for row in _rgbe(radiance))
    with replacing(path) as scratch:
        scratch.write_bytes(header + lines)


def _rgbe(radiance: npt.NDArray[np.floating]) -> npt.NDArray[np.uint8]:
    """Return mantissas and exponent (H, W, 4) of linear RGB (H, W, 3)."""
    top = radiance.max(axis=2)
    mantissa, exponent = np.frexp(top.astype(np.float64))
    scale = np.where(top > _SMALLEST, mantissa * 256.0 / np.maximum(top, _SMALLEST), 0.0)
    colors = np.minimum(radiance * scale[..., None], 255.0)
    stored = np.where(top > _SMALLEST, exponent + 128, 0)
    return np.concatenate([colors, stored[..., None]], axis=2).astype(np.uint8)


def _literal(channel: npt.NDArray[np.uint8]) -> bytes:
    """Return one channel of a scan line as runs of values that are stored as they are."""
    data = channel.tobytes()
    return b"".join(bytes([len(data[i : i + _RUN])]) + data[i : i + _RUN] for i in range(0, len(data), _RUN))
