"""Seconds as the time codes of a stage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["TimeCodes"]

#: Frame rates of film and video, and of what is computed; the first in which every time is a whole frame is taken.
_RATES = (24.0, 25.0, 30.0, 48.0, 50.0, 60.0, 100.0, 120.0, 240.0, 1000.0)
#: How far a time may lie from a whole frame, in frames: times come as rounded decimals.
_NEAR = 1e-3


@dataclass(frozen=True)
class TimeCodes:
    """Ascending time codes, and how many of them are a second."""

    per_second: float
    codes: tuple[float, ...]

    @staticmethod
    def of(times_s: Sequence[float]) -> TimeCodes:
        """Return the codes of ascending times [s]: whole frames of a usual rate, or fractions of 24 per second."""
        for rate in _RATES:
            frames = [round(time * rate) for time in times_s]
            near = all(abs(time * rate - frame) <= _NEAR for time, frame in zip(times_s, frames, strict=True))
            if near and len(set(frames)) == len(frames):
                return TimeCodes(rate, tuple(float(frame) for frame in frames))
        return TimeCodes(_RATES[0], tuple(time * _RATES[0] for time in times_s))
