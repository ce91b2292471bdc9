"""Vehicles on a road: parked along its kerbs, and behind each other in lanes where the kerbs are taken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from .draft import Draft, Placed, Request
from .things import Thing

__all__ = ["VEHICLES", "Road", "park_all", "park_at_kerb"]

#: Kind -> distance of a parked one's middle from the kerb [m].
VEHICLES = {"car": 1.2, "truck": 1.27, "forklift": 1.07}
#: A lane is this much further from the kerb than the one beside it [m].
_LANE_M = 2.15
_STEP_M = 0.3
_GAP_M = 0.05


@dataclass(frozen=True)
class Road:
    """A straight road: `world` maps (u along it, v across it, 0 in its middle) to world positions, `yaw` turns u."""

    length: float
    width: float
    yaw: float
    world: Callable[[float, float], tuple[float, float]]


def park_all(draft: Draft, road: Road) -> None:
    """Park every vehicle that the prompt asks for; what finds no room goes to ``draft.missing``.

    Vehicles never stand across the road: each heads the way its side drives.
    """
    wanted = [r for r in draft.requests if r.kind in VEHICLES]
    draft.requests = [r for r in draft.requests if r.kind not in VEHICLES]
    for request in sorted(wanted, key=lambda r: r.kind != "truck"):
        thing = draft.make(request.kind, request.mention, request.index)
        if not any(_stand(draft, road, request.kind, thing, u, v) for u, v in _places(draft, road, request, thing)):
            draft.missing.append(request)


def park_at_kerb(draft: Draft, road: Road, kind: str, thing: Thing, tries: int = 60) -> Placed | None:
    """Park a vehicle by chance somewhere along the kerbs."""
    reach = _reach(road, thing)
    for _ in range(tries):
        side = 1 if draft.chance(0.5) else -1
        placed = _stand(
            draft, road, kind, thing, draft.between(-reach, reach), side * (road.width / 2 - VEHICLES[kind])
        )
        if placed is not None:
            return placed
    return None


def _places(draft: Draft, road: Road, request: Request, thing: Thing) -> Iterator[tuple[float, float]]:
    """Yield where to try, the best first: along the kerbs, then in the lanes beside those."""
    reach, kerb = _reach(road, thing), road.width / 2 - VEHICLES[request.kind]
    us = np.linspace(-reach, reach, max(int(2 * reach / _STEP_M), 2))
    first = 1 if draft.chance(0.5) else -1
    lanes = [first * kerb, -first * kerb]
    inner = kerb - _LANE_M
    middle = [first * inner, -first * inner] if inner > 0.9 else [0.0]
    if request.mention.arrangement == "middle":
        lanes = [*middle, *lanes]
    else:
        lanes += middle
    if request.mention.arrangement == "row":
        yield from ((float(u), v) for v in lanes for u in us)
        return
    hosts = [p for p in draft.placed if request.mention.near and p.kind.name == request.mention.near]
    for lane in (lanes[:2], lanes[2:]):
        spots = [(float(u), v) for v in lane for u in us]
        order = draft.rng.permutation(len(spots))
        if hosts:
            away = [min(np.hypot(*np.subtract(road.world(u, v), (p.x, p.y))) for p in hosts) for u, v in spots]
            order = np.argsort(away, kind="stable")
        yield from (spots[k] for k in order)


def _reach(road: Road, thing: Thing) -> float:
    return max(road.length / 2 - thing.footprint[1] / 2 - 0.1, 0.0)


def _stand(draft: Draft, road: Road, kind: str, thing: Thing, u: float, v: float) -> Placed | None:
    """Stand a vehicle at (u, v), heading the way its side of the road drives."""
    side = 1 if v > 0 else -1
    yaw = road.yaw + side * np.pi / 2 + draft.rng.normal(0, 0.015)
    x, y = road.world(u, v)
    return draft.try_at(kind, thing, x, y, float(yaw), _GAP_M)
