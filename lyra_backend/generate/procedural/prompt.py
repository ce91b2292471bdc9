"""From words to wishes: which family, which objects, how many, how large, in which colours."""

from __future__ import annotations

import numpy as np

from .reader import NounDraft, Reader
from .wishes import Mention, Size, Wishes

__all__ = ["Mention", "Size", "Wishes", "parse"]

#: More of one kind than this fills any room.
_MOST = 60


def parse(prompt: str, rng: np.random.Generator, family: str = "auto") -> Wishes:
    """Read a prompt; `rng` draws open numbers such as "a few"; `family` overrides what the words say."""
    reader = Reader(prompt)
    reader.read()
    chosen = family if family != "auto" else reader.family()
    objects = tuple(_finished(d, rng) for d in reader.objects)
    parts = {d.kind: _finished(d, rng) for d in reader.parts}
    return Wishes(
        chosen,
        objects,
        parts,
        reader.tags.get("light", [""])[-1],
        reader.tags.get("mood", [""])[-1],
        reader.tags.get("style", [""])[-1],
        tuple(reader.tags.get("ground", [])),
        {tag: tuple(found) for tag, found in reader.tag_words.items()},
        tuple(dict.fromkeys(reader.unknown)),
    )


def _finished(draft: NounDraft, rng: np.random.Generator) -> Mention:
    """Fix the numbers that the words left open."""
    if draft.count is not None:
        count: int | None = min(int(rng.integers(draft.count[0], draft.count[1] + 1)), _MOST)
    else:
        count = None if draft.plural else 1
    looks = (tuple(draft.colors), draft.pattern, tuple(draft.sizes))
    return Mention(draft.kind, count, *looks, draft.arrangement, draft.near, draft.on, draft.text)
