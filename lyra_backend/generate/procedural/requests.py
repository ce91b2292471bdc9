"""One request for every object that a prompt asks for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .wishes import Mention, Wishes

__all__ = ["MOST", "Request", "requests_of"]

#: More of one mention than this fills any scene.
MOST = 60


@dataclass(frozen=True, eq=False)
class Request:
    """One object that the prompt asks for: the `index`-th of its mention."""

    kind: str
    mention: Mention
    index: int


#: How many an open plural means, by kind; two to four of all others.
_PLURALS = {
    "tree": (4, 7),
    "conifer": (7, 11),
    "bush": (4, 7),
    "rock": (5, 8),
    "cardboard_box": (3, 6),
    "crate": (3, 5),
}
_PLURALS |= {
    "pallet": (3, 5),
    "barrel": (3, 5),
    "chair": (4, 6),
    "locker": (3, 5),
    "books": (2, 3),
    "traffic_cone": (3, 5),
}
#: Open plurals of the first go with the number of the second.
_PARTNERS = {"office_chair": "desk", "monitor": "desk", "nightstand": "bed", "keyboard": "desk"}


def requests_of(wishes: Wishes, rng: np.random.Generator) -> list[Request]:
    """Return one request per wanted object; plurals without a number are drawn."""
    found: list[Request] = []
    for mention in wishes.objects:
        count = mention.count
        if count is None:
            low, high = _PLURALS.get(mention.kind, (2, 4))
            partners = sum(m.count or 0 for m in wishes.wanted(_PARTNERS.get(mention.kind, "")))
            count = partners or int(rng.integers(low, high + 1))
        found += [Request(mention.kind, mention, k) for k in range(min(count, MOST))]
    return found
