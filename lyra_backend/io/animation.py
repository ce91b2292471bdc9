"""Pictures one after the other, as an animated GIF and as an H.264 video."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import InvalidRequest, MissingDependency

__all__ = ["can_write_mp4", "write_gif", "write_mp4"]

Frames = Sequence[npt.NDArray[np.uint8]]

#: Constant rate factor of x264: 18 is hardly told from the original, 28 is small.
_QUALITY = "23"


def write_gif(path: Path, frames: Frames, fps: float) -> None:
    """Write frames (H, W, 3) as a GIF that repeats for ever; all share one palette, so that nothing flickers.

    Raises:
        InvalidRequest: there are no frames.
    """
    from PIL import Image

    _check(frames)
    # every other pixel of every frame is enough to choose 255 colours from
    sample = Image.fromarray(np.concatenate([frame[::2, ::2] for frame in frames]))
    palette = sample.quantize(255, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    images = [Image.fromarray(f).quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG) for f in frames]
    images[0].save(path, format="GIF", save_all=True, append_images=images[1:], duration=round(1000 / fps), loop=0)


def can_write_mp4() -> bool:
    """Return whether the package is there that writes videos."""
    import importlib.util

    return importlib.util.find_spec("imageio_ffmpeg") is not None


def write_mp4(path: Path, frames: Frames, fps: float) -> None:
    """Write frames (H, W, 3) as H.264 that all browsers and slides play; an odd last row or column is left out.

    Raises:
        InvalidRequest: there are no frames.
        MissingDependency: imageio-ffmpeg is not installed.
    """
    _check(frames)
    try:
        from imageio_ffmpeg import write_frames
    except ImportError as error:
        raise MissingDependency("imageio-ffmpeg", "write MP4", "video") from error
    height, width = (side // 2 * 2 for side in frames[0].shape[:2])
    # one thread and no dates: the same frames give the same bytes
    options = ["-crf", _QUALITY, "-threads", "1", "-flags:v", "+bitexact", "-fflags", "+bitexact"]
    options += ["-movflags", "+faststart", "-map_metadata", "-1"]
    writer = write_frames(
        str(path),
        (width, height),
        fps=fps,
        codec="libx264",
        quality=None,
        macro_block_size=2,
        pix_fmt_out="yuv420p",
        ffmpeg_log_level="error",
        output_params=options,
    )
    writer.send(None)
    try:
        for frame in frames:
            writer.send(np.ascontiguousarray(frame[:height, :width]))
    finally:
        writer.close()


def _check(frames: Frames) -> None:
    if not len(frames):
        raise InvalidRequest("an animation needs frames, got none.")
