"""What moves in a video: whether its camera does, and where nothing does."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["camera_shift", "still_pixels"]

Pixels = npt.NDArray[np.uint8]

#: Corners that are followed, and how many make a statement.
_CORNERS, _ENOUGH = 400, 20
#: Frames that are compared with the first, spread over the video.
_LOOKS = 6
#: Largest change of a still pixel's colour, of 255.
_SAME = 12


def camera_shift(frames: Pixels) -> float:
    """Return how far the background of a video (T, H, W, 3) moves, as a share of the picture's diagonal.

    The median over corners of the first frame (Shi and Tomasi) that can be followed (Lucas and Kanade), at the frame
    where it is largest; 0 if there are too few to say. A camera that stands still gives 0 as long as less than half of
    what has corners moves.
    """
    import cv2

    first = cv2.cvtColor(frames[0], cv2.COLOR_RGB2GRAY)
    corners = cv2.goodFeaturesToTrack(first, _CORNERS, 0.01, 5)
    if corners is None or len(corners) < _ENOUGH:
        return 0.0
    largest = 0.0
    for index in np.linspace(0, len(frames) - 1, _LOOKS + 1).round().astype(int)[1:]:
        later = cv2.cvtColor(frames[index], cv2.COLOR_RGB2GRAY)
        found, status, _ = cv2.calcOpticalFlowPyrLK(first, later, corners, np.zeros_like(corners))
        good = status.ravel() == 1
        if good.sum() >= _ENOUGH:
            largest = max(largest, float(np.median(np.linalg.norm((found - corners)[good, 0], axis=1))))
    return largest / float(np.hypot(*frames.shape[1:3]))


def still_pixels(frame: Pixels, first: Pixels) -> npt.NDArray[np.bool_]:
    """Return where a frame (H, W, 3) shows what the first one shows, shape (H, W)."""
    change = np.abs(frame.astype(np.int16) - first.astype(np.int16)).max(axis=2)
    return np.asarray(change <= _SAME)
