"""What a teacher starts from: a picture with depth, or each picture of a video with its depth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import repeat

import numpy as np
import numpy.typing as npt

from ..errors import InvalidRequest
from ..models.budget import VideoFormat
from ..models.depth_cache import DepthCache

__all__ = ["Source", "motion_reversed"]


@dataclass(frozen=True, eq=False)
class Source:
    """The known part of one scene, seen by a camera that stands still.

    Attributes:
        name: of the scene, another for each of a data set.
        seed: of the paths' lengths and of the noise.
        images: sRGB, uint8 (S, H, W, 3): one picture of a still scene, or the T frames of a moving one.
        depth: z in the unit of the model, whose cameras look at its `centre_depth`, 0 where unknown, (S, H, W).
        lens: fx, fy, cx, cy [px], pixel centres at +0.5.
        sky: what is far away whatever `depth` says, bool (S, H, W).
    """

    name: str
    seed: int
    images: npt.NDArray[np.uint8]
    depth: npt.NDArray[np.floating]
    lens: tuple[float, float, float, float]
    sky: npt.NDArray[np.bool_] | None = None

    @property
    def moves(self) -> bool:
        """Whether it has several pictures."""
        return len(self.images) > 1

    @property
    def matrix(self) -> npt.NDArray[np.float32]:
        """The lens as a matrix (3, 3) [px]."""
        fx, fy, cx, cy = self.lens
        return np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]], np.float32)

    def picture(self, i: int) -> npt.NDArray[np.float32]:
        """Return a picture as networks take it, in [-1, 1], (H, W, 3)."""
        colors: npt.NDArray[np.float32] = self.images[i].astype(np.float32) / np.float32(127.5) - np.float32(1)
        return colors

    def check(self, video: VideoFormat) -> None:
        """Look whether a model of such videos can take it.

        Raises:
            InvalidRequest: it has other numbers or sizes of pictures.
        """
        size = (video.height, video.width)
        fits = self.images.dtype == np.uint8 and self.images.shape[1:] == (*size, 3)
        rest = [self.depth] if self.sky is None else [self.depth, self.sky]
        if not fits or any(part.shape != self.images.shape[:3] for part in rest):
            raise InvalidRequest(
                f"scene {self.name}: needs uint8 images (S, {size[0]}, {size[1]}, 3) and depth and sky of the same "
                f"size, got {self.images.dtype} {self.images.shape} and {[part.shape for part in rest]}. Scale and "
                "crop them to the format of the model."
            )
        if len(self.images) not in (1, video.frames):
            raise InvalidRequest(
                f"scene {self.name}: needs one picture, or {video.frames} of a moving scene, got {len(self.images)}."
            )

    def caches(self, video: VideoFormat, device: str | None, *, backwards: bool = False) -> Iterator[DepthCache]:
        """Yield what each frame of a video is warped from, the last picture first if `backwards`."""
        if not self.moves:
            yield from repeat(self._cache(0, video, device))
            return
        for i in reversed(range(len(self.images))) if backwards else range(len(self.images)):
            yield self._cache(i, video, device)

    def _cache(self, i: int, video: VideoFormat, device: str | None) -> DepthCache:
        sky = None if self.sky is None else self.sky[i]
        window, share = video.reliable_window, video.reliable_range
        return DepthCache(
            self.picture(i), self.depth[i], self.matrix, None, sky, device, window=window, relative_range=share
        )


def motion_reversed(
    frames: npt.NDArray[np.uint8], depth: npt.NDArray[np.floating], cam_to_world: npt.NDArray[np.floating]
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.floating], npt.NDArray[np.floating]]:
    """Return a video of a scene that ran backwards as one of the scene running forwards (Lyra, arXiv 2509.19296).

    Every path begins where the source's camera stands, so what happens first is never seen from afar. Along the same
    path, with the source's pictures in reverse, it is; turned round in time, that video is one more view to learn from,
    whose camera comes in from afar. Pictures, depth and cameras must turn together.

    Args:
        frames: (T, H, W, 3).
        depth: of the warped pictures, (T, H, W).
        cam_to_world: where each frame was taken, (T, 4, 4).
    """
    return frames[::-1], depth[::-1], cam_to_world[::-1]
