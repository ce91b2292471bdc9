"""What a prompt asks for, as data."""

from __future__ import annotations

from dataclasses import dataclass, field

from .palette import Rgb

__all__ = ["Mention", "Size", "Wishes"]


@dataclass(frozen=True)
class Size:
    """A wish for one dimension: a factor, or if `metric` the size itself [m, m^2].

    `dimension` is "width", "length", "height", "all" or "area".
    """

    dimension: str
    value: float
    metric: bool = False


@dataclass(frozen=True)
class Mention:
    """Something the prompt names.

    Attributes:
        kind: catalogue name, or the name of a room part.
        count: how many; None = the prompt leaves it open (a plural without number).
        colors, pattern: looks asked for; several colours are dealt out in turn.
        sizes: wishes for its size.
        arrangement: key of ``vocabulary.ARRANGEMENTS``, "" = any.
        near, on: kind or room part that it is to stand beside, kind that it is to stand on.
        text: the words that named it.
    """

    kind: str
    count: int | None = 1
    colors: tuple[Rgb, ...] = ()
    pattern: str | None = None
    sizes: tuple[Size, ...] = ()
    arrangement: str = ""
    near: str = ""
    on: str = ""
    text: str = ""


@dataclass(frozen=True)
class Wishes:
    """Everything understood from a prompt.

    Attributes:
        family: scene family.
        objects: what to place.
        parts: room parts by name ("floor", "wall", "door", "window", "aisle", "room" ...).
        light, mood, style: keys of the vocabulary's tables, "" = open.
        grounds: keys of ``vocabulary.GROUNDS``.
        tag_words: the words behind light, mood, style and ground.
        unknown_words: words that changed nothing, in their order.
        place: the words that named the family, "" if none did.
        guessed: no word at all spoke for the family.
        weather: keys of ``vocabulary.WEATHERS``.
    """

    family: str
    objects: tuple[Mention, ...] = ()
    parts: dict[str, Mention] = field(default_factory=dict)
    light: str = ""
    mood: str = ""
    style: str = ""
    grounds: tuple[str, ...] = ()
    tag_words: dict[str, tuple[str, ...]] = field(default_factory=dict)
    unknown_words: tuple[str, ...] = ()
    place: str = ""
    guessed: bool = False
    weather: tuple[str, ...] = ()

    def wanted(self, kind: str) -> tuple[Mention, ...]:
        """Return the mentions of one kind."""
        return tuple(m for m in self.objects if m.kind == kind)

    def size(self, part: str, dimension: str) -> Size | None:
        """Return the wish for a dimension of a room part."""
        found = [s for s in self.parts[part].sizes if s.dimension == dimension] if part in self.parts else []
        return found[-1] if found else None
