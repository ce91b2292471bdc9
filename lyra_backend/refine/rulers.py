"""Rulers: what a user measured in a scene, as text.

``x1,y1,z1 x2,y2,z2 2.03`` is the length between two points in the coordinates of the file, ``door 2.03`` the height of
a labelled class of things; lengths in metres.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import InvalidRequest, shown
from ..types import Finding, Severity
from .heights import Thing

__all__ = [
    "WANTED_PERCENT",
    "ClassRuler",
    "PointRuler",
    "parse_ruler",
    "ruler_findings",
    "shortest_ruler",
    "things_findings",
]

Floats = npt.NDArray[np.float64]

#: A scale that is known worse than this (95 %) because of its ruler is told.
WANTED_PERCENT = 2.0
#: More things of a class are counted and not listed.
_MOST_LISTED = 6
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

    def percent(self, reading_percent: float, end_m: float) -> float:
        """Return how well it tells the scale, from how well its length was read and each end was found [m] (95 %)."""
        return math.hypot(reading_percent, 100 * math.sqrt(2) * end_m / self.length_m)


@dataclass(frozen=True)
class ClassRuler:
    """Things of a class are `height_m` high."""

    class_name: str
    height_m: float


def shortest_ruler(reading_percent: float, end_m: float) -> float | None:
    """Return the length between two points that tells the scale to `WANTED_PERCENT` [m]; None if none does.

    Args:
        reading_percent: how well the length was read (95 %).
        end_m: how far either end may lie from what was measured, along the ruler (95 %).
    """
    left = WANTED_PERCENT**2 - reading_percent**2
    return 100 * math.sqrt(2) * end_m / math.sqrt(left) if left > 0 else None


def ruler_findings(ruler: PointRuler, percent: float, reading_percent: float, end_m: float) -> list[Finding]:
    """Return that a longer ruler would tell the scale to `WANTED_PERCENT`, if it would.

    Args:
        ruler: between two points.
        percent: how well the scale is known by all that tells (95 %).
        reading_percent: as of :func:`shortest_ruler`.
        end_m: the same.
    """
    shortest = shortest_ruler(reading_percent, end_m)
    if shortest is None or ruler.length_m >= shortest or percent <= WANTED_PERCENT:
        return []
    own = ruler.percent(reading_percent, end_m)
    message = (
        f"The ruler is {ruler.length_m:.3g} m long and tells the scale to +-{own:.1f} % only, since either end may be "
        f"{100 * end_m:.2g} cm beside what was measured. Measure something of "
        f"{math.ceil(10 * shortest) / 10:g} m or more, as a door or a wall, for +-{WANTED_PERCENT:g} %; or say with "
        "refine.ruler_end_uncertainty how well the ends are known."
    )
    return [Finding("scale.short_ruler", Severity.WARNING, message, round(ruler.length_m, 4), round(shortest, 4))]


def things_findings(ruler: ClassRuler, things: Sequence[Thing], scale: float, shift: Floats) -> list[Finding]:
    """Return which things a ruler by class was taken for, and by how much these differ in height.

    Args:
        ruler: by class.
        things: those of the class, at least one of which counts.
        scale: metres per unit of the things.
        shift: where the origin of the things lies in the stage (3,) [m].
    """
    counted = sorted((one for one in things if one.whole), key=lambda one: one.units)
    left_out = len(things) - len(counted)
    listed = [_listed(one, scale, shift) for one in counted[:_MOST_LISTED]]
    listed += [f"{len(counted) - _MOST_LISTED} more"] if len(counted) > _MOST_LISTED else []
    percent = 100 * (counted[-1].units / counted[0].units - 1)
    message = (
        f"The ruler of {ruler.height_m:g} m was taken for the height of {_number(len(counted))} labelled "
        f"{ruler.class_name!r}: {', '.join(listed)}."
    )
    message += f" {left_out} much lower did not count." if left_out else ""
    if percent <= WANTED_PERCENT:
        return [Finding("scale.ruler_things", Severity.INFO, message, round(percent, 4), WANTED_PERCENT)]
    message += (
        f" They differ by {percent:.1f} %, and the scale follows their median, less surely by that. Measure "
        'one of them between two points instead: --ruler "x1,y1,z1 x2,y2,z2 2.03".'
    )
    return [Finding("scale.ruler_things", Severity.WARNING, message, round(percent, 4), WANTED_PERCENT)]


def _number(count: int) -> str:
    return "the one thing" if count == 1 else f"{count} things, by their median,"


def _listed(thing: Thing, scale: float, shift: Floats) -> str:
    """Return a thing's height and place in words."""
    x, y, z = scale * thing.middle + shift
    return f"{scale * thing.units:.3f} m at ({x:.2f}, {y:.2f}, {z:.2f})"


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
