"""Rulers: what a user measured in a scene, as text.

``x1,y1,z1 x2,y2,z2 2.03`` is the length between two points in the coordinates of the file, ``door 2.03`` the height of
a labelled class of things; lengths in metres.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import InvalidRequest, shown

__all__ = ["ClassRuler", "PointRuler", "parse_ruler"]

Floats = npt.NDArray[np.float64]

#: Lengths that somebody could measure in a scene [m].
_SHORTEST_M, _LONGEST_M = 0.01, 10_000.0
_FORMS = 'Give "x1,y1,z1 x2,y2,z2 LENGTH" or "CLASS HEIGHT" in metres, for example "0,0,0 0,2.1,0 2.03" or "door 2.03"'


@dataclass(frozen=True)
class PointRuler:
    """Two points (3,) in the file's coordinates that are `length_m` apart."""

    start: tuple[float, float, float]
    end: tuple[float, float, float]
    length_m: float

    @property
    def units(self) -> float:
        """The length in units of the file."""
        return math.dist(self.start, self.end)

    @property
    def metres_per_unit(self) -> float:
        return self.length_m / self.units


@dataclass(frozen=True)
class ClassRuler:
    """Things of a class are `height_m` high."""

    class_name: str
    height_m: float


def parse_ruler(subject: str, text: str) -> PointRuler | ClassRuler:
    """Return the ruler that a text stands for.

    Raises:
        InvalidRequest: it is of neither form, or nobody can have measured it.
    """
    words = text.split()
    if len(words) < 2:
        raise InvalidRequest(f"{subject} must name what was measured and its length, got {shown(text)}. {_FORMS}.")
    length = _length(subject, words[-1], text)
    if len(words) == 3 and all("," in word for word in words[:2]):
        start, end = (_point(subject, word, text) for word in words[:2])
        if math.dist(start, end) < 1e-9:
            raise InvalidRequest(f"{subject}: the two points must be apart, got {shown(text)}.")
        return PointRuler(start, end, length)
    name = " ".join(words[:-1]).strip("'\"")
    if any(character in name for character in ",;:=0123456789"):
        raise InvalidRequest(
            f"{subject} must be two points and a length, or a class and a height, got {shown(text)}. {_FORMS}."
        )
    return ClassRuler(name, length)


def _length(subject: str, word: str, text: str) -> float:
    """Return a length [m]; a trailing m is let pass."""
    try:
        length = float(word.removesuffix("m"))
    except ValueError:
        raise InvalidRequest(f"{subject} must end with a length in metres, got {shown(text)}. {_FORMS}.") from None
    if not _SHORTEST_M <= length <= _LONGEST_M:
        raise InvalidRequest(
            f"{subject}: the length must be from {_SHORTEST_M} to {_LONGEST_M:g} m, got {shown(text)}."
        )
    return length


def _point(subject: str, word: str, text: str) -> tuple[float, float, float]:
    try:
        x, y, z = (float(part) for part in word.split(","))
    except ValueError:
        raise InvalidRequest(f"{subject}: points must read x,y,z, got {shown(text)}. {_FORMS}.") from None
    if not all(abs(value) < 1e9 for value in (x, y, z)):
        raise InvalidRequest(f"{subject}: points must have finite coordinates, got {shown(text)}.")
    return x, y, z
