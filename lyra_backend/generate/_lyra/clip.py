"""What users are told of the part of a video that a model takes: too short, longer than needed, or too few frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...io.video import Clip
from ...types import Finding, Severity

if TYPE_CHECKING:
    from ...models.budget import VideoFormat

__all__ = ["clip_findings"]

#: A video is shorter, or has fewer frames a second, if it reaches less than this share of what the model takes.
_SHORT = 0.8
#: It is longer than needed if it is longer by this factor.
_LONG = 1.1


def clip_findings(clip: Clip, video: VideoFormat) -> tuple[Finding, ...]:
    """Return what to tell the user of a clip that becomes a video of the model's format."""
    return tuple(found for found in (_length(clip, video.frames / video.fps), _rate(clip, video.fps)) if found)


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
