"""What a camera saw."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import InvalidRequest

__all__ = ["Picture"]


@dataclass(frozen=True, eq=False)
class Picture:
    """Colour and depth of one view; all arrays share a height and a width and become read-only.

    Attributes:
        rgb: sRGB colour, shape (H, W, 3).
        alpha: accumulated opacity in [0, 1], shape (H, W).
        depth_m: z at which the accumulated opacity passes 0.5 [m], shape (H, W); NaN where it never does.
        expected_depth_m: mean z of what is seen [m], shape (H, W); NaN where nothing is.
    """

    rgb: npt.NDArray[np.uint8]
    alpha: npt.NDArray[np.float32]
    depth_m: npt.NDArray[np.float32]
    expected_depth_m: npt.NDArray[np.float32]

    def __post_init__(self) -> None:
        if self.rgb.ndim != 3 or self.rgb.shape[2] != 3 or self.rgb.dtype != np.uint8:
            raise InvalidRequest(f"Picture.rgb must be uint8 (H, W, 3), got {self.rgb.dtype} {self.rgb.shape}.")
        for name in ("alpha", "depth_m", "expected_depth_m"):
            shape = getattr(self, name).shape
            if shape != self.rgb.shape[:2]:
                raise InvalidRequest(f"Picture.{name} must have shape {self.rgb.shape[:2]}, got {shape}.")
        for name in ("rgb", "alpha", "depth_m", "expected_depth_m"):
            view = getattr(self, name).view()
            view.setflags(write=False)
            object.__setattr__(self, name, view)

    @property
    def coverage(self) -> float:
        """Share of the pixels that are more opaque than not."""
        return float((self.alpha > 0.5).mean())

    def save_png(self, path: Path) -> None:
        """Write the colour as PNG; the same picture gives the same bytes."""
        from PIL import Image

        Image.fromarray(self.rgb).save(path, format="PNG", compress_level=6)
