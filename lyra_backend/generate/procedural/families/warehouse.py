"""Warehouses: aisles between racks, floor markings, pallets, crates and barrels."""

from __future__ import annotations

import numpy as np

from ..draft import WALL_GAP, Draft, Placed, Request
from ..furnish import fulfil, scatter, steps_and_rubble
from ..indoors import Plan, light_ceiling, prepare, room_size
from ..objects.racking import UPRIGHT_M, rack_bay
from ..palette import material
from ..placement import Rect
from ..room import room_outline
from ..shapes import Mesh, box, join
from ..things import Look, Thing

__all__ = ["build"]

PLAN = Plan(
    width=(5.2, 7.2),
    length=(7.4, 11.0),
    height=(3.6, 4.8),
    floors=(
        material("concrete", (0.60, 0.60, 0.59), tile_m=3.0),
        material("concrete", (0.52, 0.54, 0.55), tile_m=3.0),
        material("concrete", (0.48, 0.55, 0.52), tile_m=3.0),
    ),
    walls=(
        material("metal_painted", (0.78, 0.80, 0.81)),
        material("concrete", (0.72, 0.71, 0.69), tile_m=3.0),
        material("brick", (0.62, 0.42, 0.34), tile_m=1.2),
    ),
    ceilings=(material("metal_painted", (0.70, 0.72, 0.73)), material("concrete", (0.66, 0.66, 0.65), tile_m=3.0)),
    windows=(0, 2),
    sill=(2.2, 2.4),
    window_top=(3.0, 3.3),
    window_width=(1.4, 2.4),
    door=(2.8, 2.8),
    doors=(1, 2),
    notch=0.0,
    side=0.25,
    accent=0.0,
    skirting=0.0,
    lamp="high_bay",
    spacing=3.4,
    level=10.0,
    frames=((0.90, 0.72, 0.10), (0.36, 0.38, 0.40)),
)


#: Depth of the racks [m].
RACK_M = 1.0


def build(draft: Draft) -> None:
    """Furnish a warehouse."""
    draft.used_parts |= {"aisle", "marking"}
    x, y, _ = room_size(draft, PLAN)
    along_x = x >= y
    bay, rows = draft.between(2.2, 2.8), _rows(draft, min(x, y))
    needed = _needed(draft, rows)
    across = needed if "aisle" in draft.wishes.parts else max(min(x, y), needed)
    x, y = (x, across) if along_x else (across, y)
    shell = prepare(draft, PLAN, room_outline(x, y), (1, 3) if along_x else (0, 2))
    light_ceiling(draft, PLAN, shell)
    lanes = _racks(draft, rows, along_x, bay, shell.height)
    _markings(draft, lanes, along_x)
    fulfil(draft, lambda d, request, thing: _special(d, lanes, along_x, request, thing))
    if not draft.wishes.objects:
        _usual(draft, lanes, along_x)
    elif draft.open_to("rack", "pallet"):
        scatter(draft, ("cardboard_box",), 3)
    steps_and_rubble(draft)
    scatter(draft, ("crate", "cardboard_box", "barrel", "pallet", "tote", "traffic_cone", "pallet_jack", "sack"), 10)
    if draft.open_to("extinguisher"):
        draft.on_wall("extinguisher", draft.make("extinguisher"), 0.9)


def _aisle(draft: Draft) -> float:
    """Return the width of the aisles [m]: exactly what the prompt says, else narrower with difficulty."""
    width = draft.between(2.4, 3.0) - 1.0 * draft.difficulty
    for part in ("aisle", "room"):
        wish = draft.wishes.size(part, "width")
        if wish is not None and part == "aisle" and wish.metric:
            return float(np.clip(wish.value, 0.6, 8.0))
        if wish is not None and not wish.metric:
            width *= wish.value
    return float(np.clip(width, 1.2, 5.0)) * draft.growth**0.3


def _rows(draft: Draft, across: float) -> list[str]:
    """Return what stands across the hall from one long wall to the other: "rack" or "aisle"."""
    if not draft.open_to("rack") and not any(mention.count for mention in draft.wishes.wanted("rack")):
        return ["aisle"]
    draw = draft.rng.random()
    if "aisle" in draft.wishes.parts:
        return ["rack", "aisle", "rack"]
    if draw < 0.3:
        return ["rack", "aisle", "rack"]
    if draw < 0.6:
        return ["rack", "aisle"] if draft.chance(0.5) else ["aisle", "rack"]
    if across > 6.4 and draw < 0.85:
        return ["aisle", "rack", "aisle"]
    return ["aisle", "rack"]


def _needed(draft: Draft, rows: list[str]) -> float:
    """Return the width that racks and aisles need [m]; remembers the aisle."""
    aisle = _aisle(draft)
    draft.aisle_m = aisle
    slack = draft.between(0.0, 1.2) if "aisle" not in draft.wishes.parts else 0.0
    return _racks_m(rows) + rows.count("aisle") * aisle + slack


def _racks_m(rows: list[str]) -> float:
    """Return the width that the racks take, with what parts them from the walls [m]."""
    at_walls = (rows[0] == "rack") + (rows[-1] == "rack")
    return rows.count("rack") * RACK_M + at_walls * WALL_GAP


def _racks(draft: Draft, rows: list[str], along_x: bool, bay: float, height: float) -> list[Rect]:
    """Stand rack rows along the hall; return the aisles."""
    points = np.array([w.start for w in draft.walls])
    low, high = points.min(0), points.max(0)
    length, across = (high - low) if along_x else (high - low)[::-1]
    lane = (across - _racks_m(rows)) / max(rows.count("aisle"), 1)
    margin_0, margin_1 = draft.between(0.1, 2.2), draft.between(1.0, 2.6)
    levels = int(np.clip((height - 0.5) // 1.2, 1, 2 if draft.chance(0.6) else 3))
    position, lanes = WALL_GAP if rows[0] == "rack" else 0.0, []
    for row in rows:
        if row == "aisle":
            lanes.append(_strip(low, high, along_x, position, lane))
            position += lane
            continue
        v = position + RACK_M / 2
        position += RACK_M
        pitch = bay + UPRIGHT_M
        count = max(1, int((length - margin_0 - margin_1) // pitch))
        skip = draft.about(0, count - 1) if count > 2 and draft.chance(0.35) else -1
        for k in range(count):
            u = margin_0 + (k + 0.5) * pitch
            if k != skip:
                _bay(draft, low, along_x, u, v, bay, levels)
    return lanes


def _bay(draft: Draft, low: np.ndarray, along_x: bool, u: float, v: float, bay: float, levels: int) -> None:
    """Stand one bay of racking at (u along, v across) the hall."""
    request = draft.pop("rack")
    if request is None and not draft.open_to("rack"):
        return
    color, pattern, _ = draft.looks(request.mention if request else None, request.index if request else 0)
    look = Look(draft.rng, draft.tones, color, pattern)
    thing = rack_bay(look, bay, RACK_M, levels, 1.12 + 0.08 * (levels < 3))
    thing = Thing(thing.kind, thing.parts, (bay, RACK_M), thing.height, thing.tops)
    x, y = (low[0] + u, low[1] + v) if along_x else (low[0] + v, low[1] + u)
    rect = Rect(float(x), float(y), bay - 0.1, RACK_M - 0.08, 0.0 if along_x else np.pi / 2)
    if draft.floor.fits(rect, -0.03) and draft.floor.still_drivable(rect):
        draft.stand("rack", thing, float(x), float(y), 0.0 if along_x else np.pi / 2)
        for wall in draft.walls:
            s = float((np.array([x, y]) - wall.start) @ wall.along)
            off = float((np.array([x, y]) - wall.start) @ wall.inward)
            if off < 1.2 and 0 < s < wall.length:
                wall.taken.append((s - bay / 2, s + bay / 2, 0.0, thing.height))
    elif request is not None:
        draft.give_back("rack")


def _strip(low: np.ndarray, high: np.ndarray, along_x: bool, start: float, width: float) -> Rect:
    """Return the rectangle of an aisle."""
    middle = start + width / 2
    if along_x:
        return Rect(float((low[0] + high[0]) / 2), float(low[1] + middle), float(high[0] - low[0]), width)
    return Rect(float(low[0] + middle), float((low[1] + high[1]) / 2), width, float(high[1] - low[1]))


def _markings(draft: Draft, lanes: list[Rect], along_x: bool) -> None:
    """Paint lines along the aisles and a hatched place on the floor."""
    mention = draft.wishes.parts.get("marking")
    if mention is None and not draft.chance(0.9):
        return
    yellow = material("plain", mention.colors[0] if mention and mention.colors else (0.88, 0.70, 0.08))
    lines: list[Mesh] = []
    for lane in lanes:
        length, width = (lane.w, lane.d) if along_x else (lane.d, lane.w)
        for side in (-1, 1):
            off = side * (width / 2 - 0.16)
            at = (lane.x, lane.y + off) if along_x else (lane.x + off, lane.y)
            lines.append(box(length - 0.5, 0.09, 0.004).turned(0 if along_x else 90).moved(*at))
    if lines:
        draft.solid("marking_1.lines", "floor_marking", yellow, join(lines))
    if draft.chance(0.5) and lanes:
        lane = lanes[0]
        stripes = material("hazard_stripes", (0.90, 0.73, 0.10), (0.10, 0.10, 0.10), 0.6)
        end = lane.w / 2 - 0.5 if along_x else lane.d / 2 - 0.5
        x, y = (lane.x + end, lane.y) if along_x else (lane.x, lane.y + end)
        size = (0.4, lane.d - 0.5) if along_x else (lane.w - 0.5, 0.4)
        draft.solid("marking_2.stripes", "floor_marking", stripes, box(*size, 0.005).moved(x, y))


def _special(draft: Draft, lanes: list[Rect], along_x: bool, request: Request, thing: Thing) -> Placed | None:
    """Stand pallets and crates square to the hall, at the sides of the aisles."""
    if request.mention.arrangement or request.mention.near or request.mention.on:
        return None
    if request.kind in ("barrel", "tote", "cardboard_box", "sack") and draft.chance(0.5):
        return None
    if request.kind in ("pallet", "crate", "forklift", "pallet_jack", "barrel", "tote", "cardboard_box", "sack"):
        return _in_lane(draft, lanes, along_x, request.kind, thing) or _square(draft, request.kind, thing)
    return None


def _in_lane(draft: Draft, lanes: list[Rect], along_x: bool, kind: str, thing: Thing) -> Placed | None:
    """Stand something along the edge of an aisle, its longer side parallel to it."""
    long_first = thing.footprint[0] >= thing.footprint[1]
    depth = min(thing.footprint)
    for _ in range(40 if lanes else 0):
        lane = lanes[draft.about(0, len(lanes) - 1)]
        length, width = (lane.w, lane.d) if along_x else (lane.d, lane.w)
        u = draft.between(-0.5, 0.5) * (length - 1.2)
        v = (width / 2 - depth / 2 - draft.between(0.06, 0.3)) * (1 if draft.chance(0.5) else -1)
        x, y = (lane.x + u, lane.y + v) if along_x else (lane.x + v, lane.y + u)
        yaw = (0.0 if along_x == long_first else np.pi / 2) + np.pi * draft.about(0, 1) + draft.rng.normal(0, 0.03)
        placed = draft.try_at(kind, thing, float(x), float(y), float(yaw), 0.06)
        if placed is not None:
            return placed
    return None


def _square(draft: Draft, kind: str, thing: Thing) -> Placed | None:
    for attempt in range(50):
        ys, xs = np.nonzero(draft.floor.free & ~draft.floor.kept)
        if not len(xs):
            return None
        k = int(draft.rng.integers(len(xs)))
        x, y = draft.floor.low + (np.array([xs[k], ys[k]]) + 0.5) * draft.floor.cell
        yaw = float(draft.rng.integers(4)) * np.pi / 2 + draft.rng.normal(0, 0.04)
        placed = draft.try_at(kind, thing, float(x), float(y), yaw, 0.06 if attempt > 25 else 0.15)
        if placed is not None:
            return placed
    return None


def _usual(draft: Draft, lanes: list[Rect], along_x: bool) -> None:
    """Stand the usual goods in a hall whose prompt names none."""
    for kind, most in (("pallet", 4), ("crate", 3), ("barrel", 3), ("pallet_jack", 1), ("forklift", 1), ("tote", 2)):
        for _ in range(draft.about(0, most)):
            _in_lane(draft, lanes, along_x, kind, draft.make(kind))
