"""What users are told of the part of a video that a model takes: its length, its frames a second, and its camera."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import InvalidRequest
from ...io.video import Clip
from ...types import Finding, Severity
from .motion import background_motion

if TYPE_CHECKING:
    from ...models.budget import VideoFormat

__all__ = ["clip_findings", "still_findings"]

#: A video is shorter, or has fewer frames a second, if it reaches less than this share of what the model takes.
_SHORT = 0.8
#: It is longer than needed if it is longer by this factor.
_LONG = 1.1
#: What a camera that stands may seem to move, as a share of the picture's diagonal: noise, and things at the rim; and
#: from where on this is told, for what stands is then smeared.
_STANDS, _SHAKES = 0.01, 0.002
#: A larger share of the first frame's corners is not found again: the video is cut.
_LOST = 0.8


def clip_findings(clip: Clip, video: VideoFormat) -> tuple[Finding, ...]:
    """Return what to tell the user of a clip that becomes a video of the model's format."""
    return tuple(found for found in (_length(clip, video.frames / video.fps), _rate(clip, video.fps)) if found)


def still_findings(clip: Clip) -> tuple[Finding, ...]:
    """Return what is to be said of a video whose camera does not move.

    Raises:
        InvalidRequest: it does, or the video is cut.
    """
    motion = background_motion(clip.frames)
    if not motion.known:
        text = "The video shows too little texture to tell whether its camera stands still, which it must."
        return (Finding("lyra.camera_unknown", Severity.WARNING, text),)
    advice = "or choose another part with generate.start_s. If only things move, generate.still_camera=false."
    if motion.lost > _LOST:
        raise InvalidRequest(
            f"video: it must be one shot from where its camera stands, and {motion.lost:.0%} of what it shows first is "
            f"not found again later: it is cut or fades, or the camera moves away. Give one shot, {advice}"
        )
    if motion.shift > _STANDS:
        raise InvalidRequest(
            f"video: its camera must stand still, and what it shows moves by {motion.shift:.1%} of the picture. Film "
            f"from a tripod, {advice}"
        )
    if motion.shift > _SHAKES:
        text = (
            f"The camera moves a little, by {motion.shift:.2%} of the picture; what stands is smeared by as much. "
            "Stabilise the video, or film from a tripod."
        )
        return (Finding("lyra.camera_shakes", Severity.WARNING, text, round(motion.shift, 4), _SHAKES),)
    return ()


def _length(clip: Clip, model_s: float) -> Finding | None:
    if clip.span_s < _SHORT * model_s:
        text = (
            f"The video has {clip.span_s:.2f} s and the model takes {model_s:.2f} s: it is shown slower, which the "
            "model may take for slow motion."
        )
        return Finding("lyra.video_slow", Severity.WARNING, text, round(clip.span_s, 3), round(model_s, 3))
    if clip.length_s > clip.span_s * _LONG:
        text = (
            f"The video has {clip.length_s:.1f} s, and {clip.span_s:.2f} s of it are used; generate.start_s says which."
        )
        return Finding("lyra.video_cut", Severity.INFO, text, round(clip.length_s, 3), round(clip.span_s, 3))
    return None


def _rate(clip: Clip, fps: float) -> Finding | None:
    if clip.fps >= _SHORT * fps:
        return None
    text = (
        f"The video has {clip.fps:.3g} frames a second and the model takes {fps:g}: frames are shown several times and "
        "things move in jerks, which the model was not trained with. Film with more frames a second."
    )
    return Finding("lyra.video_jerky", Severity.WARNING, text, round(clip.fps, 3), round(_SHORT * fps, 3))
