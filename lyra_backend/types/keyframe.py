"""A picture that a scene was made from, with what was known of its depth."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ..errors import InvalidRequest

__all__ = ["Keyframe"]


@dataclass(frozen=True, eq=False)
class Keyframe:
    """A picture and its depth.

    Attributes:
        camera: name of the camera of the generation that took it.
        image: sRGB, shape (H, W, 3).
        depth: distance along the viewing axis in the cloud's unit, 0 where unknown, shape (H, W).
    """

    camera: str
    image: npt.NDArray[np.uint8]
    depth: npt.NDArray[np.float32]

    def __post_init__(self) -> None:
        if self.image.ndim != 3 or self.image.shape[2] != 3 or self.image.shape[:2] != self.depth.shape:
            raise InvalidRequest(
                f"Keyframe {self.camera}: needs an image (H, W, 3) and its depth (H, W), got {self.image.shape} and "
                f"{self.depth.shape}."
            )

    def scaled(self, factor: float) -> Keyframe:
        """Return it with distances in another unit."""
        return replace(self, depth=(self.depth * np.float32(factor)).astype(np.float32))
