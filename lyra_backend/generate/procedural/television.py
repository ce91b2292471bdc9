"""Televisions: on a low cabinet or on a wall, where the seats look."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .draft import Draft, Placed
from .placement import Wall
from .things import Thing

__all__ = ["show_television"]

_SEATS = ("sofa", "armchair", "office_chair", "chair", "bed")
#: Height of a hung television's lower edge [m].
_HUNG_M = 0.95


def show_television(draft: Draft, thing: Thing, seat: Placed | None = None) -> Placed | None:
    """Put a television on a cabinet or a wall before a seat, the main ones of the room if none is given."""
    walls = [(wall, u) for wall, u in _seen_from(draft, seat)]
    for wall, u in walls:
        board = None
        if draft.open_to("sideboard") or any(r.kind == "sideboard" for r in draft.requests):
            built = draft.build("sideboard")
            if built is not None:
                board = draft.against_wall(*built, walls=[wall], u=u, tries=6)
                if board is None:
                    draft.give_back("sideboard")
        if board is not None:
            return draft.on_top("television", thing, ["sideboard"], tries=6)
    bare = replace(
        thing,
        parts=tuple(replace(p, mesh=p.mesh.moved(z=-0.06)) for p in thing.parts if p.name != "feet"),
        footprint=(thing.footprint[0], 0.06),
        height=thing.height - 0.06,
    )
    for wall, u in walls:
        placed = _hung(draft, bare, wall, u)
        if placed is not None:
            return placed
    draft.cramped += 1
    return draft.on_wall("television", bare, _HUNG_M) or draft.on_top("television", thing)


def _hung(draft: Draft, thing: Thing, wall: Wall, u: float) -> Placed | None:
    """Hang a television as close to `u` along a wall as there is room."""
    half = thing.footprint[0] / 2 + 0.06
    for shift in (0.0, 0.3, -0.3, 0.6, -0.6, 1.0, -1.0, 1.5, -1.5):
        if wall.is_free(u + shift - half, u + shift + half, _HUNG_M - 0.1, _HUNG_M + thing.height + 0.05):
            return draft.hang("television", thing, wall, u + shift, _HUNG_M)
    return None


def _seen_from(draft: Draft, seat: Placed | None) -> list[tuple[Wall, float]]:
    """Return walls that seats face with the place along each that is straight ahead, the best first."""
    seats = [seat] if seat is not None else [p for name in _SEATS for p in draft.placed if p.kind.name == name][:4]
    found: list[tuple[float, int, Wall, float]] = []
    for number, wall in enumerate(draft.walls):
        weight = 0.0
        us: list[float] = []
        for place in seats:
            ahead = np.array([-np.sin(place.yaw), np.cos(place.yaw)])
            here = np.array([place.x, place.y]) - wall.start
            u, away = float(here @ wall.along), float(here @ wall.inward)
            if float(wall.inward @ ahead) < -0.7 and away > 1.2 and 0.4 < u < wall.length - 0.4:
                weight, us = weight + 1.0 / away**0.25, [*us, u]
        if us:
            found.append((-weight, number, wall, float(np.mean(us))))
    return [(wall, u) for _, _, wall, u in sorted(found, key=lambda entry: entry[:2])]
