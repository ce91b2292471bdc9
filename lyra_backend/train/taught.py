"""What a teacher says of one scene: videos along several paths, as latents and as pictures, with their cameras."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InvalidRequest

__all__ = ["ARRAYS", "Taught"]

Halfs = npt.NDArray[np.float16]
Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]

#: Type and axes of each array; axes of one letter are the same everywhere, numbers are sizes.
#: V videos with latents, W views with pictures, T frames, K of them kept.
ARRAYS: Mapping[str, tuple[type[np.generic], tuple[str | int, ...]]] = {
    "latents": (np.float16, ("V", "t", "C", "h", "w")),
    "plucker": (np.float16, ("V", "t", "2C", "h", "w")),
    "frames": (np.uint8, ("W", "K", "H", "W px", 3)),
    "cam_to_world": (np.float32, ("W", "T", 4, 4)),
    "lens": (np.float32, (4,)),
    "frame_indices": (np.int32, ("K",)),
    "cache_depth": (np.float16, ("W", "K", "H", "W px")),
    "time": (np.int32, ("W", "T")),
}
_OPTIONAL = {"frame_indices", "cache_depth", "time"}


@dataclass(frozen=True, eq=False)
class Taught:
    """One scene of a teacher.

    A still scene has as many views W as videos V. A moving one may have more: views that are there to learn from and
    whose latents no student is shown, see :func:`~.teacher.motion_reversed`; the first V views are those of the videos.

    Attributes:
        name, seed: of the scene.
        latents: the tokenizer's own, not normalised, in the order of the decoder, float16 (V, t, 16, h, w).
        plucker: the tokenizer's of each video's rays, float16 (V, t, 32, h, w).
        frames: the teacher's pictures, sRGB, uint8 (W, K, H, W px, 3).
        cam_to_world: OpenCV axes, in those of the first view's first camera, float32 (W, T, 4, 4).
        lens: fx, fy, cx, cy of all pictures [px], pixel centres at +0.5, float32 (4,).
        frame_indices: which of the T frames are in `frames` and `cache_depth`, rising, int32 (K,); None is all.
        cache_depth: z of the warped picture at which the teacher looked, 0 where it knew nothing, in the unit of the
            cameras, float16 (W, K, H, W px).
        time: the frame of the source video that each frame shows, int32 (W, T); None for a still scene.
    """

    name: str
    seed: int
    latents: Halfs
    plucker: Halfs
    frames: npt.NDArray[np.uint8]
    cam_to_world: Floats
    lens: Floats
    frame_indices: Ints | None = None
    cache_depth: Halfs | None = None
    time: Ints | None = None

    def __post_init__(self) -> None:
        """Look whether the arrays belong together.

        Raises:
            InvalidRequest: types or shapes do not, or frames are named that there are not.
        """
        sizes = self._sizes()
        if sizes["2C"] != 2 * sizes["C"] or sizes["W"] < sizes["V"] or (self.time is None and sizes["W"] != sizes["V"]):
            raise InvalidRequest(
                f"scene {self.name}: must have twice as many channels of rays as of latents and a view for each video "
                f"(more only if it moves), got {sizes['2C']} and {sizes['C']}, {sizes['W']} and {sizes['V']}."
            )
        named = self.indices
        if not len(named) or named[0] < 0 or named[-1] >= self.frame_count or (np.diff(named) <= 0).any():
            raise InvalidRequest(
                f"scene {self.name}: frame_indices must rise within its {self.frame_count} frames, got {named}."
            )
        if len(named) != sizes["K"]:
            raise InvalidRequest(f"scene {self.name}: has {sizes['K']} frames and {len(named)} indices of frames.")

    @property
    def frame_count(self) -> int:
        """How many frames T each video has, kept as pictures or not."""
        return int(self.cam_to_world.shape[1])

    @property
    def indices(self) -> Ints:
        """Which frames are kept as pictures, (K,)."""
        return np.arange(self.frame_count, dtype=np.int32) if self.frame_indices is None else self.frame_indices

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays that the scene has, by name."""
        found = {field.name: getattr(self, field.name) for field in fields(self) if field.name in ARRAYS}
        return {name: array for name, array in found.items() if array is not None}

    def check_finite(self) -> None:
        """Look at the numbers themselves, which reads all of them.

        Raises:
            InvalidRequest: one is NaN or infinite: the teacher's weights are damaged, or a number is beyond float16.
        """
        for name, array in self.arrays().items():
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                raise InvalidRequest(
                    f"scene {self.name}: {name} must be finite and within 65504, got NaN or more. Look at the "
                    "teacher's weights with `lyra-scenegen weights verify`."
                )

    def _sizes(self) -> dict[str, int]:
        """Return the size of each axis by its letter."""
        found = self.arrays()
        sizes: dict[str, int] = {}
        for name, (kind, axes) in ARRAYS.items():
            if name not in found and name in _OPTIONAL:
                continue
            array = found[name]
            fits = array.dtype == kind and array.ndim == len(axes)
            fits = fits and all(
                size == axis if isinstance(axis, int) else size == sizes.setdefault(axis, size)
                for size, axis in zip(array.shape, axes, strict=True)
            )
            if not fits:
                raise InvalidRequest(
                    f"scene {self.name}: {name} must be {np.dtype(kind)} of axes {_told(axes, sizes)}, "
                    f"got {array.dtype} {array.shape}."
                )
        return sizes


def _told(axes: tuple[str | int, ...], sizes: Mapping[str, int]) -> str:
    """Return axes with the sizes that the arrays before gave them."""
    known = (f"{a} = {sizes[a]}" if isinstance(a, str) and a in sizes else str(a) for a in axes)
    return f"({', '.join(known)})"
