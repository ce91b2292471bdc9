"""From words to wishes: which family, which objects, how many, how large, in which colours."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .lexicon import SEATS, singular_forms
from .object_words import ALL_SORTS, IMPLIED, LOCAL, TALL
from .reader import NounDraft, Reader
from .wishes import Mention, Size, Wishes

__all__ = ["Mention", "Size", "Wishes", "parse"]

#: Furniture is no higher than this [m].
_HIGHEST_M = 2.1
_SEATS = frozenset(("chair", "office_chair", "stool", "armchair"))
#: Kinds of which one makes the others needless.
_ALIKE = (_SEATS, frozenset(("table", "round_table")))


def parse(prompt: str, rng: np.random.Generator, family: str = "auto") -> Wishes:
    """Read a prompt; `rng` draws open numbers such as "a few"; `family` overrides what the words say."""
    reader = Reader(prompt)
    reader.read()
    chosen = family if family != "auto" else reader.family()
    _give_to_room(reader)
    _keep_unseated(reader)
    objects = [_finished(d, rng, LOCAL.get(chosen, {})) for d in reader.objects]
    objects += _none_of_the_sort(objects)
    parts = {d.kind: _finished(d, rng, {}) for d in reader.parts}
    mood = reader.tags.get("mood", [""])[-1]
    if mood != "empty":
        objects = _with_implied(objects, _singular(reader.place), rng)
    return Wishes(
        chosen,
        tuple(objects),
        parts,
        reader.tags.get("light", ["overcast" if "weather" in reader.tags else ""])[-1],
        mood,
        reader.tags.get("style", [""])[-1],
        tuple(reader.tags.get("ground", [])),
        {tag: tuple(found) for tag, found in reader.tag_words.items()},
        tuple(dict.fromkeys(reader.unknown)),
        reader.place,
        family == "auto" and reader.guessed,
        tuple(dict.fromkeys(reader.tags.get("weather", []))),
    )


def _finished(draft: NounDraft, rng: np.random.Generator, local: dict[str, str]) -> Mention:
    """Fix the numbers and kinds that the words left open."""
    if draft.count is not None:
        count: int | None = int(rng.integers(draft.count[0], draft.count[1] + 1))
    else:
        count = None if draft.plural else 1
    usual = "height" if draft.kind == "ceiling" else "width"
    sizes = tuple(s if s.dimension else Size(usual, s.value, s.metric) for s in draft.sizes)
    kind, near, on = (local.get(k, k) for k in (draft.kind, draft.near, draft.on))
    return Mention(kind, count, tuple(draft.colors), draft.pattern, sizes, draft.arrangement, near, on, draft.text)


def _none_of_the_sort(objects: list[Mention]) -> list[Mention]:
    """Return what "no chairs" rules out besides chairs, as far as the prompt does not name it."""
    named = {m.kind for m in objects}
    found: list[Mention] = []
    for mention in (m for m in objects if m.count == 0):
        word = next((w for w in (mention.text, *singular_forms(mention.text)) if w in ALL_SORTS), "")
        kinds = ALL_SORTS[word].split() if word else []
        found += [Mention(kind, 0, text=mention.text) for kind in kinds if kind not in named]
        named |= set(kinds)
    return found


def _give_to_room(reader: Reader) -> None:
    """Take heights that no furniture has, "..., 3 m high", for the room's."""
    for draft in reader.objects:
        rooms = [s for s in draft.sizes if s.metric and s.dimension == "height" and s.value > _HIGHEST_M]
        if rooms and draft.kind not in TALL:
            draft.sizes = [s for s in draft.sizes if s not in rooms]
            reader.room().sizes += rooms


def _keep_unseated(reader: Reader) -> None:
    """Leave out the chairs of "a table for six people" where the prompt wants no chairs."""
    unwanted = any(d.kind in _SEATS and d.count == (0, 0) for d in reader.objects)
    if unwanted and any(d.text == SEATS for d in reader.objects):
        reader.objects = [d for d in reader.objects if d.text != SEATS]
        reader.unknown.append("people")


def _with_implied(objects: list[Mention], place: str, rng: np.random.Generator) -> list[Mention]:
    """Add what a place is known for and the prompt does not name; tables of meeting rooms are meeting tables."""
    implied = IMPLIED.get(place, {})
    if "meeting_table" in implied:
        objects = [replace(m, kind="meeting_table") if m.kind == "table" else m for m in objects]
    named = {m.kind for m in objects}
    for alike in _ALIKE:
        named |= alike if named & alike else set()
    for kind, (least, most) in implied.items():
        count = int(rng.integers(least, most + 1))
        if kind not in named:
            objects.append(Mention(kind, count))
    return objects


def _singular(place: str) -> str:
    return place if place in IMPLIED else next((f for f in singular_forms(place) if f in IMPLIED), place)
