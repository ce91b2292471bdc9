"""From a prompt to a furnished scene: parse, choose the family, furnish, light, look around."""

from __future__ import annotations

from collections import Counter

import numpy as np

from .draft import Draft
from .elements import Composition
from .families import FAMILIES
from .placement import DriveSpace
from .prompt import parse
from .requests import MOST
from .viewpoints import cameras_for
from .vocabulary import FAMILY_WORDS
from .weather import soaked
from .wishes import Wishes

__all__ = ["compose", "draft_scene"]

#: Rooms grow by this factor in area each time something did not fit.
_GROWTHS = (1.0, 1.2, 1.45, 1.8, 2.2)


def compose(prompt: str, seed: int, difficulty: float = 0.3, family: str = "auto") -> Composition:
    """Compose the scene that a prompt describes.

    Args:
        prompt: what the scene shows.
        seed: source of everything that the prompt leaves open.
        difficulty: 0 (tidy, wide ways, even ground) to 1 (cluttered, narrow, steps, slopes, rubble).
        family: one of ``families.FAMILIES``, or "auto" to take it from the prompt.
    """
    draft, drive = draft_scene(prompt, seed, difficulty, family)
    cameras = cameras_for(draft, FAMILIES[draft.wishes.family].shows)
    lighting = FAMILIES[draft.wishes.family].light(draft)
    unknown = (*draft.wishes.unknown_words, *_unused_words(draft))
    return Composition(
        draft.wishes.family,
        tuple(soaked(draft.elements) if "rain" in draft.wishes.weather else draft.elements),
        lighting,
        cameras,
        tuple(dict.fromkeys(unknown)),
        draft.wishes.place or ("" if family == "auto" else family),
        draft.wishes.guessed,
        _described(draft, drive),
    )


def draft_scene(prompt: str, seed: int, difficulty: float, family: str = "auto") -> tuple[Draft, DriveSpace]:
    """Furnish a scene, in a larger room each time something that the prompt names does not fit."""
    wishes = parse(prompt, np.random.default_rng([seed, 11]), family)
    best: list[tuple[int, Draft, DriveSpace]] = []
    for attempt, growth in enumerate(_GROWTHS):
        draft = Draft(wishes, np.random.default_rng([seed, 12, attempt]), difficulty, growth)
        FAMILIES[wishes.family].build(draft)
        drive = draft.floor.main_region()[1]
        faults = 2 * len(draft.missing) + draft.cramped + (100 if not drive.enough else 0)
        best.append((faults, draft, drive))
        if faults == 0:
            break
    _, draft, drive = min(best, key=lambda entry: entry[0])
    return draft, drive


def _unused_words(draft: Draft) -> list[str]:
    """Return words that were understood but change nothing in this family."""
    wishes: Wishes = draft.wishes
    found = [m.text for name, m in wishes.parts.items() if name not in draft.used_parts and m.text]
    for tag, texts in wishes.tag_words.items():
        if tag == "ground":
            values = wishes.grounds
            found += [
                t for t, v in zip(texts, values, strict=True) if v not in draft.used_grounds and not _is_family(t)
            ]
        elif tag not in draft.used_tags:
            found += texts
    return found


def _is_family(text: str) -> bool:
    return any(text in (p.strip() for p in phrases.split(",")) for phrases in FAMILY_WORDS.values())


def _described(draft: Draft, drive: DriveSpace) -> dict[str, object]:
    """Return JSON data about what was placed."""
    floor = draft.floor
    objects: dict[str, dict[str, object]] = {}
    for placed in draft.placed:
        entry = objects.setdefault(
            placed.kind.name, {"class": placed.kind.class_name, "count": 0, "sizes_m": [], "positions_m": []}
        )
        entry["count"] = int(entry["count"]) + 1  # type: ignore[call-overload]
        size = [round(float(v), 3) for v in (*placed.thing.footprint, placed.thing.height)]
        entry["sizes_m"].append(size)  # type: ignore[attr-defined]
        entry["positions_m"].append([round(v, 3) for v in (placed.x, placed.y, placed.z)])  # type: ignore[attr-defined]
    missing = Counter(request.kind for request in draft.missing)
    wanted = Counter(request.kind for request in draft.all_requests)
    for mention in draft.wishes.objects:
        beyond = max((mention.count or 0) - MOST, 0)
        if beyond:
            missing[mention.kind] += beyond
            wanted[mention.kind] += beyond
    return {
        "family": draft.wishes.family,
        "size_m": [round(float(v), 3) for v in draft.size],
        "floor_m2": round(float(floor.inside.sum()) * floor.cell**2, 2),
        "free_m2": round(float(floor.free.sum()) * floor.cell**2, 2),
        "drivable_m2": round(drive.area_m2, 2),
        "drivable_share": round(drive.share, 3),
        "objects": objects,
        "not_placed": [
            {"kind": kind, "wanted": wanted[kind], "placed": wanted[kind] - count}
            for kind, count in sorted(missing.items())
        ],
        "colors": [{"kind": m.kind, "colors": [list(c) for c in m.colors]} for m in draft.wishes.objects if m.colors],
    }
