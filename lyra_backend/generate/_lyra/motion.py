"""What moves in a video: whether its camera does, and where nothing does."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["Motion", "background_motion", "still_pixels"]

Pixels = npt.NDArray[np.uint8]

#: Corners that are followed, and how many make a statement.
_CORNERS, _ENOUGH = 400, 20
#: Frames that are compared with the first, spread over the video.
_LOOKS = 6
#: How far from where it began a corner that is followed there and back may end [px].
_RETURN_PX = 1.0
#: Largest change of a still pixel's colour, of 255.
_SAME = 12


class Motion(NamedTuple):
    """What the background of a video does.

    Attributes:
        shift: how far it moves, as a share of the picture's diagonal.
        lost: share of its corners that cannot be found again; near 1 after a cut.
        known: there are enough corners to say so.
    """

    shift: float
    lost: float
    known: bool


def background_motion(frames: Pixels) -> Motion:
    """Return how far the background of a video (T, H, W, 3) moves, and how much of it is lost, where most.

    Corners of the first frame (Shi and Tomasi) are followed (Lucas and Kanade) there and back; those that do not come
    back to where they began are lost. The shift is the median of the others. A camera that stands still gives 0 as
    long as less than half of what has corners moves.
    """
    import cv2

    first = cv2.cvtColor(frames[0], cv2.COLOR_RGB2GRAY)
    corners = cv2.goodFeaturesToTrack(first, _CORNERS, 0.01, 5)
    if corners is None or len(corners) < _ENOUGH:
        return Motion(0.0, 0.0, False)
    shift = lost = 0.0
    for index in np.linspace(0, len(frames) - 1, _LOOKS + 1).round().astype(int)[1:]:
        later = cv2.cvtColor(frames[index], cv2.COLOR_RGB2GRAY)
        found, seen, _ = cv2.calcOpticalFlowPyrLK(first, later, corners, np.zeros_like(corners))
        back, seen_back, _ = cv2.calcOpticalFlowPyrLK(later, first, found, np.zeros_like(corners))
        good = (seen & seen_back).ravel() == 1
        good &= np.linalg.norm((back - corners)[:, 0], axis=1) < _RETURN_PX
        lost = max(lost, 1 - float(good.mean()))
        if good.sum() >= _ENOUGH:
            shift = max(shift, float(np.median(np.linalg.norm((found - corners)[good, 0], axis=1))))
    return Motion(shift / float(np.hypot(*frames.shape[1:3])), lost, True)


def still_pixels(frame: Pixels, first: Pixels) -> npt.NDArray[np.bool_]:
    """Return where a frame (H, W, 3) shows what the first one shows, shape (H, W)."""
    change = np.abs(frame.astype(np.int16) - first.astype(np.int16)).max(axis=2)
    return np.asarray(change <= _SAME)
