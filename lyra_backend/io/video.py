"""Frames of a video file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import InvalidRequest, MissingDependency

__all__ = ["Clip", "read_clip"]

Frame = npt.NDArray[np.uint8]


class Clip(NamedTuple):
    """A part of a video.

    Attributes:
        frames: sRGB (T, H, W, 3).
        span_s: what of the video they cover [s].
        length_s: how long the video is [s].
        fps: its frames per second.
    """

    frames: npt.NDArray[np.uint8]
    span_s: float
    length_s: float
    fps: float


def read_clip(
    path: Path | str,
    count: int,
    fps: float,
    least: int,
    start_s: float = 0.0,
    progress: Callable[[float, str], None] = lambda *_: None,
    fit: Callable[[Frame], Frame] = lambda frame: frame,
) -> Clip:
    """Read `count` frames, `fps` to the second, from `start_s` [s] on; of a shorter video more to the second.

    Frames are those nearest in time; only what is needed is decoded, and `fit` brings each to the size that is kept.

    Raises:
        MissingDependency: OpenCV is not installed.
        InvalidRequest: no such file, no video, damaged, or fewer than `least` frames from there on.
    """
    try:
        import cv2
    except ImportError as error:
        raise MissingDependency("opencv-python-headless", "reading a video", "lyra") from error
    path = Path(path)
    if not path.is_file():
        raise InvalidRequest(
            f"{path}: a video was expected, but {'this is a folder' if path.is_dir() else 'no such file'}."
        )
    capture = cv2.VideoCapture(str(path))
    try:
        return _read(path, capture, count, fps, least, start_s, progress, fit)
    finally:
        capture.release()


def _read(
    path: Path,
    capture: Any,
    count: int,
    fps: float,
    least: int,
    start_s: float,
    progress: Callable[[float, str], None],
    fit: Callable[[Frame], Frame],
) -> Clip:
    import cv2

    rate, total = capture.get(cv2.CAP_PROP_FPS), int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    if not capture.isOpened() or not 0 < rate < 1e5:
        raise InvalidRequest(f"{path}: not a video that can be read. Save it as MP4 with H.264.")
    first = round(start_s * rate)
    left = total - first
    if total < 1:
        raise InvalidRequest(f"{path}: not a video that says how many frames it has. Save it as MP4 with H.264.")
    if left < least:
        raise InvalidRequest(
            f"{path}: must have {least} frames or more{f' after {start_s:g} s' if start_s else ''}, got {max(left, 0)}"
            ". Give a longer video; for a single picture use --image."
        )
    step = min(rate / fps, (left - 1) / (count - 1))
    wanted = first + np.round(np.arange(count) * step).astype(int)
    frames: list[npt.NDArray[np.uint8]] = []
    capture.set(cv2.CAP_PROP_POS_FRAMES, first)
    for index in range(first, wanted[-1] + 1):
        good, frame = capture.read()
        if not good:
            raise InvalidRequest(f"{path}: the video is damaged at frame {index} of {total}. Export it again.")
        times = int((wanted == index).sum())
        if times:
            frames += [fit(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))] * times
        progress((index - first + 1) / (wanted[-1] - first + 1), f"reading frame {len(frames)} of {count}")
    return Clip(np.stack(frames), float((wanted[-1] - first) / rate), total / rate, rate)
