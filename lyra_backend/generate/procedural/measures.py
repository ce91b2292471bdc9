"""Lengths and areas in words: "2 m", "4 by 5 metres"."""

from __future__ import annotations

from .lexicon import number_in, unit_in
from .wishes import Size

__all__ = ["two_sides"]


def two_sides(texts: list[str], first: float) -> tuple[int, list[Size]]:
    """Read "4 by 5 m", whose first number is known; return how many words it has (0 = it is none) and both sizes."""
    rest = texts[1:]
    if rest and unit_in(rest[0]) is not None and len(rest) > 1 and rest[1] in ("by", "x"):
        rest = rest[1:]
    if len(rest) < 3 or rest[0] not in ("by", "x") or number_in(rest[1]) is None:
        return 0, []
    unit = unit_in(rest[2])
    if unit is None:
        return 0, []
    sides = sorted((first * unit, float(number_in(rest[1]) or 0) * unit))
    sizes = [Size("width", sides[0], True), Size("length", sides[1], True)]
    return len(texts) - len(texts[1:]) + texts[1:].index(rest[2], texts[1:].index(rest[1])) + 1, sizes
