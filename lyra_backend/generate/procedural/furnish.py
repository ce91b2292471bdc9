"""Placing what the prompt asks for, and clutter, in any family."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from .draft import Draft, Placed, Request
from .objects import catalogue
from .objects.structure import platform
from .placement import Rect, Wall
from .seats import SEATS, seat_at
from .television import show_television
from .things import Look, Thing

__all__ = ["fulfil", "scatter", "stand_rows", "steps_and_rubble"]

#: A family's own way to place a request; None = no idea, use the general one.
Placer = Callable[[Draft, Request, Thing], Placed | None]

#: Kinds that may be piled up, and how many high.
STACKABLE = {"crate": 3, "cardboard_box": 4, "tote": 4, "pallet": 6, "sack": 5, "barrel": 2, "books": 1}


def fulfil(draft: Draft, special: Placer | None = None) -> None:
    """Place every request that the family has not placed itself; what finds no room goes to ``draft.missing``."""
    stand_rows(draft)
    large_first = sorted(draft.requests, key=lambda r: _order(r.kind))
    draft.requests = []
    towers: dict[str, list[Placed]] = {}
    for request in large_first:
        thing = draft.make(request.kind, request.mention, request.index)
        placed = special(draft, request, thing) if special is not None else None
        if placed is None:
            placed = _placed(draft, request, thing, towers)
        if placed is None:
            draft.missing.append(request)


def _order(kind: str) -> int:
    """Return large things before small ones, hosts before what stands on them."""
    place = catalogue()[kind].place
    big = kind in ("car", "truck", "forklift", "bed", "sofa", "rack", "stairs", "meeting_table", "table", "round_table")
    if kind in SEATS or kind == "television":
        return 3
    return {"wall": 1, "floor": 2, "under": 2, "corner": 3, "hung": 4, "top": 5}[place] - 2 * big


def _placed(draft: Draft, request: Request, thing: Thing, towers: dict[str, list[Placed]]) -> Placed | None:
    kind, mention = request.kind, request.mention
    if mention.on:
        placed = draft.on_top(kind, thing, [mention.on])
        if placed is not None:
            return placed
    if mention.arrangement == "stack" and kind in STACKABLE:
        return _stacked(draft, kind, thing, towers.setdefault(kind, []))
    if mention.near in ("door", "window", "wall"):
        placed = _by_opening(draft, kind, thing, mention.near)
        if placed is not None:
            return placed
        draft.cramped += 1
    elif mention.near:
        hosts = [p for p in draft.placed if p.kind.name == mention.near]
        if hosts:
            host = hosts[request.index % len(hosts)]
            reach = (max(host.thing.footprint) + max(thing.footprint)) / 2
            placed = draft.somewhere(kind, thing, near=(host.x, host.y, reach * 0.7), tries=120)
            if placed is not None:
                return placed
    return _by_kind(draft, kind, thing, mention.arrangement)


def _by_opening(draft: Draft, kind: str, thing: Thing, part: str) -> Placed | None:
    """Stand something under a window, beside a door or against any wall."""
    if part == "wall":
        return draft.against_wall(kind, thing)
    for opening, wall, u, width in draft.openings:
        if opening != part:
            continue
        aside = (width + thing.footprint[0]) / 2 + 0.2 if part == "door" else 0.0
        for way in (1, -1):
            placed = draft.against_wall(kind, thing, walls=[wall], u=u + way * aside, tries=3, up_to=0.75)
            if placed is not None:
                return placed
    return None


def _by_kind(draft: Draft, kind: str, thing: Thing, arrangement: str) -> Placed | None:
    """Place an object the way its kind usually stands."""
    entry = catalogue()[kind]
    if kind == "television":
        return show_television(draft, thing)
    if kind in SEATS and not arrangement:
        seat = seat_at(draft, kind, thing)
        if seat is not None:
            return seat
    if entry.place == "hung":
        return draft.on_wall(kind, thing, entry.hang_m) if draft.walls else None
    if entry.place == "top":
        return draft.on_top(kind, thing) or draft.somewhere(kind, thing)
    if draft.walls and (arrangement == "corner" or (entry.place == "corner" and not arrangement)):
        return draft.in_corner(kind, thing) or draft.somewhere(kind, thing)
    if draft.walls and arrangement != "middle" and (arrangement == "wall" or entry.place == "wall"):
        return draft.against_wall(kind, thing) or draft.somewhere(kind, thing)
    if arrangement == "middle":
        return draft.somewhere(kind, thing, near=(0.0, 0.0, 0.5)) or draft.somewhere(kind, thing)
    return draft.somewhere(kind, thing)


def _stacked(draft: Draft, kind: str, thing: Thing, tower: list[Placed]) -> Placed | None:
    """Put an object on the present tower of its kind, or start the next tower beside it."""
    levels = [p for p in tower if p.x == tower[-1].x and p.y == tower[-1].y] if tower else []
    if tower and len(levels) < STACKABLE[kind]:
        top, base = tower[-1], tower[-1].thing
        factor = min(1.0, base.footprint[0] / thing.footprint[0], base.footprint[1] / thing.footprint[1])
        fitted = thing.scaled(factor, factor, 1.0) if factor < 1 else thing
        placed = draft.stand(
            kind, fitted, top.x, top.y, top.yaw + draft.rng.normal(0, 0.02), top.z + base.height, False
        )
        tower.append(placed)
        return placed
    near = (tower[-1].x, tower[-1].y, max(thing.footprint) * 1.1) if tower else None
    found = draft.somewhere(kind, thing, near=near, turned=False) or draft.somewhere(kind, thing)
    if found is not None:
        tower.append(found)
    return found


def stand_rows(draft: Draft, *kinds: str) -> None:
    """Stand what the prompt wants in rows (all of it, or `kinds`) side by side: in one row, or in as many as fit."""
    mentions = {id(r.mention): r.mention for r in draft.requests if r.mention.arrangement == "row"}
    for mention in mentions.values():
        if (kinds and mention.kind not in kinds) or catalogue()[mention.kind].place not in ("floor", "wall", "corner"):
            continue
        asked = [r for r in draft.requests if r.mention is mention]
        for count in range(1, min(len(asked), 4) + 1):
            done = _stood(draft, mention.kind, [list(part) for part in np.array_split(np.array(asked), count)])
            if done:
                draft.requests = [r for r in draft.requests if r not in done]
                break


def _stood(draft: Draft, kind: str, rows: list[list[Request]]) -> list[Request]:
    """Stand rows one after the other; return the requests of those that found room."""
    done: list[Request] = []
    for row in rows:
        if _row(draft, kind, [draft.make(kind, r.mention, r.index) for r in row]):
            done += row
        elif not done:
            break
    return done


def _row(draft: Draft, kind: str, things: list[Thing]) -> bool:
    """Find room for a whole row; return whether there was any."""
    gap = 0.01 if catalogue()[kind].place == "wall" else 0.15
    width = sum(t.footprint[0] for t in things) + gap * (len(things) - 1)
    depth, height = max(t.footprint[1] for t in things), max(t.height for t in things)
    block = Thing(kind, (), (width, depth), height, front=max(t.front for t in things))
    for x, y, yaw, wall, u in _row_places(draft, width, depth):
        if wall is not None and not wall.is_free(u - width / 2, u + width / 2, 0.0, min(height, wall.height)):
            continue
        if not draft.fits(block, x, y, yaw, 0.03):
            continue
        along = -width / 2
        for thing in things:
            middle, back = along + thing.footprint[0] / 2, (thing.footprint[1] - depth) / 2
            c, s = np.cos(yaw), np.sin(yaw)
            draft.stand(kind, thing, x + c * middle - s * back, y + s * middle + c * back, yaw)
            along += thing.footprint[0] + gap
        if wall is not None:
            wall.taken.append((u - width / 2, u + width / 2, 0.0, height + 0.1))
        if block.front > 0:
            draft.floor.keep(Rect(x, y, width, depth, yaw).ahead(block.front * 0.8))
        return True
    return False


def _row_places(draft: Draft, width: float, depth: float) -> Iterator[tuple[float, float, float, Wall | None, float]]:
    """Draw places (x, y, yaw, wall, distance along it) for a row: walls first, then the open floor."""
    walls = [w for w in draft.walls if w.length > width + 0.1]
    for _ in range(60 if walls else 0):
        wall = walls[int(draft.rng.integers(len(walls)))]
        u = draft.between(width / 2 + 0.02, wall.length - width / 2 - 0.02)
        x, y = wall.at(u, depth / 2 + 0.02)
        yield x, y, wall.yaw, wall, u
    ys, xs = np.nonzero(draft.floor.free & ~draft.floor.kept)
    for _ in range(60 if len(xs) else 0):
        k = int(draft.rng.integers(len(xs)))
        x, y = draft.floor.low + (np.array([xs[k], ys[k]]) + 0.5) * draft.floor.cell
        yield float(x), float(y), float(draft.rng.integers(4)) * np.pi / 2, None, 0.0


def scatter(draft: Draft, kinds: Sequence[str], most: int) -> None:
    """Strew up to `most` objects of `kinds` over the floor, as many as the scene's clutter asks for."""
    allowed = [k for k in kinds if not any(m.kind == k for m in draft.wishes.objects)]
    count = round(most * draft.clutter * draft.between(0.7, 1.1))
    for _ in range(count if allowed else 0):
        kind = allowed[int(draft.rng.integers(len(allowed)))]
        thing = draft.make(kind)
        if catalogue()[kind].place in ("corner", "wall") and draft.walls:
            draft.against_wall(kind, thing, tries=12)
        else:
            draft.somewhere(kind, thing, tries=20)


def steps_and_rubble(draft: Draft) -> None:
    """Make the floor uneven as difficulty demands: steps of 5 to 20 cm from 0.3 on, ramps and rubble from 0.5 on."""
    hard = draft.difficulty
    for _ in range(round(2.4 * hard) if hard > 0.3 and draft.open_to("platform") else 0):
        step = draft.between(0.04 + 0.05 * hard, 0.04 + 0.15 * hard)
        for share in (1.0, 0.8, 0.6):
            thing = platform(Look(draft.rng, draft.tones), step).scaled(share, share, 1.0)
            if (draft.walls and draft.against_wall("platform", thing)) or draft.somewhere("platform", thing):
                break
    if hard > 0.5 and draft.open_to("ramp") and draft.chance(hard):
        ramp = draft.make("ramp")
        _ = draft.somewhere("ramp", ramp, tries=40) or (draft.walls and draft.against_wall("ramp", ramp))
    for _ in range(round(4 * max(hard - 0.4, 0.0) / 0.6) if draft.open_to("rubble") else 0):
        draft.somewhere("rubble", draft.make("rubble"), tries=30)
