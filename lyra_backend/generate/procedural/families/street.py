"""Streets: a road between pavements and houses, parked cars, lamps, trees."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ..draft import Draft, Placed, Request
from ..elements import Lighting
from ..furnish import fulfil, scatter, steps_and_rubble
from ..houses import house
from ..outdoors import daylight
from ..palette import Rgb, jitter, material
from ..parking import VEHICLES, Road, park_all, park_at_kerb
from ..placement import Floor, Rect, Wall
from ..room import bar
from ..shapes import Mesh, box, cylinder, height_field, join, quad
from ..things import Thing
from ..weather import lay_puddle

__all__ = ["build", "light"]

_RAMP_M = 1.0


@dataclass(frozen=True)
class _Street:
    """Plan of a street in its own frame: u along, v across, the road's middle at v = 0 [m].

    `quarter` turns it into the world; `crossing` is the middle of the zebra crossing along u,
    `kerb_m` the height of the kerbs elsewhere.
    """

    length: float
    road: float
    left: float
    right: float
    crossing: float
    quarter: int
    kerb_m: float

    def world(self, u: float, v: float) -> tuple[float, float]:
        """Return the world position of (u, v)."""
        return (u, v) if self.quarter == 0 else (-v, u)

    def local(self, x: float, y: float) -> tuple[float, float]:
        """Return (u, v) of a world position."""
        return (x, y) if self.quarter == 0 else (y, -x)

    @property
    def yaw(self) -> float:
        return self.quarter * np.pi / 2

    @property
    def lanes(self) -> Road:
        return Road(self.length, self.road, self.yaw, self.world)

    def turned(self, mesh: Mesh) -> Mesh:
        """Return a mesh given in (u, v, z) in the world."""
        return mesh.turned(90.0 * self.quarter)

    def kerb(self, u: float) -> float:
        """Return the height of the kerb, lowered at the crossing [m]."""
        return float(np.interp(abs(u - self.crossing), [0.95, 1.7], [0.015, self.kerb_m]))

    def height(self, u: float, v: float) -> float:
        """Return the height of the ground [m]."""
        beyond = abs(v) - self.road / 2
        if beyond <= 0:
            return 0.0
        low = self.kerb(u)
        return float(np.interp(beyond, [0.0, _RAMP_M], [low, self.kerb_m]))


def build(draft: Draft) -> None:
    """Furnish a street."""
    draft.used_parts |= {"building", "marking", "floor", "wall", "window", "door"}
    draft.used_grounds |= {"flat", "autumn", "snow"}
    plan = _plan(draft)
    draft.ground = lambda x, y: plan.height(*plan.local(x, y))
    _floor(draft, plan)
    _ground(draft, plan)
    _sides(draft, plan)
    _markings(draft, plan)
    if "rain" in draft.wishes.weather:
        _puddles(draft, plan)
    _furniture(draft, plan)
    park_all(draft, plan.lanes)
    fulfil(draft, lambda d, request, thing: _special(d, plan, request, thing))
    steps_and_rubble(draft)
    scatter(draft, ("traffic_cone", "barrier", "cardboard_box", "traffic_cone", "crate", "bicycle"), 9)


def light(draft: Draft) -> Lighting:
    """Return daylight, and the street lamps after dark."""
    return daylight(draft)


def _plan(draft: Draft) -> _Street:
    wishes = draft.wishes
    length, road = draft.between(12.2, 21.0), draft.between(4.6, 7.8)
    left, right = draft.between(1.6, 3.5), draft.between(1.6, 3.5)
    factors = {"width": road, "length": length}
    for dimension in factors:
        for name in ("all", dimension):
            wish = wishes.size("room", name)
            if wish is not None:
                factors[dimension] = wish.value if wish.metric else factors[dimension] * wish.value
    length = (
        float(np.clip(factors["length"], 12, 24))
        if draft.growth == 1.0
        else min(24.0, factors["length"] * draft.growth)
    )
    asked = wishes.size("room", "width") or wishes.size("room", "all")
    road = float(np.clip(factors["width"] * (1.0 if asked else draft.growth**0.5), 3.5, 9.0))
    crossing = draft.between(-0.3, 0.3) * length
    kerb = 0.09 + 0.11 * draft.difficulty
    return _Street(length, road, left, right, crossing, draft.about(0, 1), kerb)


def _floor(draft: Draft, plan: _Street) -> None:
    """Lay out the raster: road and pavements, kerbs closed but for the crossing."""
    low_v, high_v = -plan.road / 2 - plan.left, plan.road / 2 + plan.right
    corners = np.array([plan.world(u, v) for u in (-plan.length / 2, plan.length / 2) for v in (low_v, high_v)])
    low, high = corners.min(0), corners.max(0)
    draft.floor = Floor((float(low[0]), float(low[1])), (float(high[0]), float(high[1])), 0.1)
    middle = plan.world(0.0, (low_v + high_v) / 2)
    draft.floor.add_floor(Rect(*middle, plan.length + 1e-6, high_v - low_v + 1e-6, plan.yaw))
    for side in (-1, 1):
        for start, end in ((-plan.length / 2, plan.crossing - 1.0), (plan.crossing + 1.0, plan.length / 2)):
            x, y = plan.world((start + end) / 2, side * plan.road / 2)
            draft.floor.block(Rect(x, y, end - start, 0.02, plan.yaw), plan.kerb_m)
    x, y = plan.world(plan.crossing, 0.0)
    draft.floor.keep(Rect(x, y, 2.4, plan.road + 3.0, plan.yaw))
    draft.size = (float(high[0] - low[0]), float(high[1] - low[1]), 6.0)


def _ground(draft: Draft, plan: _Street) -> None:
    """Build road, kerbs and pavements as sheets."""
    snow = "snow" in draft.wishes.grounds
    asphalt = material("asphalt", jitter(draft.rng, (0.30, 0.30, 0.31), 0.012), tile_m=3.0)
    stone = material("concrete", jitter(draft.rng, (0.70, 0.69, 0.67)), tile_m=1.0)
    paving = material("tiles", jitter(draft.rng, _paving(draft)), tile_m=1.2)
    if snow:
        paving = material("plain", (0.92, 0.93, 0.95))
    mention = draft.wishes.parts.get("floor")
    if mention is not None and mention.colors:
        paving = material(paving.pattern, mention.colors[0], tile_m=paving.tile_m)
    a, h = plan.length / 2, plan.road / 2
    draft.sheet("road.surface", "road", asphalt, plan.turned(quad((-a, -h, 0), (a, -h, 0), (a, h, 0), (-a, h, 0))))
    us = np.unique(np.clip([-a, *(plan.crossing + d for d in (-1.7, -0.95, 0.95, 1.7)), a], -a, a))
    for side, width in ((-1, plan.left), (1, plan.right)):
        name = "left" if side < 0 else "right"
        vs = side * (h + np.array([0.0, 0.16]))
        draft.sheet(f"kerb_{name}.top", "kerb", stone, plan.turned(_grid(plan, us, vs)))
        vs = side * (h + np.array([0.16, _RAMP_M, width]))
        draft.sheet(f"pavement_{name}.slabs", "pavement", paving, plan.turned(_grid(plan, us, vs)))
        faces = [_kerb_face(plan, u0, u1, side * h, side) for u0, u1 in pairwise(us)]
        draft.sheet(f"kerb_{name}.face", "kerb", stone, plan.turned(join(faces)))


def _paving(draft: Draft) -> Rgb:
    colors: tuple[Rgb, ...] = ((0.62, 0.60, 0.57), (0.66, 0.58, 0.50), (0.54, 0.55, 0.57), (0.62, 0.48, 0.42))
    return colors[draft.about(0, 3)]


def _grid(plan: _Street, us: np.ndarray, vs: np.ndarray) -> Mesh:
    """Return the pavement over breakpoints `us` and `vs`, facing up."""
    vs = np.sort(vs)
    heights = np.array([[plan.height(u, v * (1 + 1e-9)) for u in us] for v in vs])
    return height_field(us, vs, heights)


def _kerb_face(plan: _Street, u0: float, u1: float, v: float, side: int) -> Mesh:
    """Return the upright side of the kerb, facing the road."""
    z0, z1 = plan.kerb(u0), plan.kerb(u1)
    near = quad((u1, v, 0), (u0, v, 0), (u0, v, z0), (u1, v, z1))
    return near if side < 0 else Mesh(near.vertices, near.triangles[:, ::-1])


def _sides(draft: Draft, plan: _Street) -> None:
    """Line the street with houses, or with a hedge on one side."""
    open_side = draft.chance(0.3) and "building" not in draft.wishes.parts
    for side, width in ((-1, plan.left), (1, plan.right)):
        v = side * (plan.road / 2 + width)
        u, end = -plan.length / 2, plan.length / 2
        if open_side and side > 0:
            _hedge(draft, plan, v)
            continue
        while u < end - 1.0:
            span = min(draft.between(4.5, 8.0), end - u)
            span = end - u if end - u - span < 3.0 else span
            house(draft, _facade_wall(plan, u, u + span, v, side, draft.between(4.7, 6.2)))
            u += span
    a, b = -plan.road / 2 - plan.left, plan.road / 2 + plan.right
    for end in (-plan.length / 2, plan.length / 2):  # the street ends at crossing ones, with houses beyond
        ends = (plan.world(end, a), plan.world(end, b)) if end > 0 else (plan.world(end, b), plan.world(end, a))
        house(draft, Wall(ends[0], ends[1], draft.between(5.0, 6.4), []), doors=False)


def _facade_wall(plan: _Street, u0: float, u1: float, v: float, side: int, height: float) -> Wall:
    """Return a house front as a wall seen from the street."""
    ends = (plan.world(u1, v), plan.world(u0, v)) if side > 0 else (plan.world(u0, v), plan.world(u1, v))
    return Wall(ends[0], ends[1], height, [])


def _hedge(draft: Draft, plan: _Street, v: float) -> None:
    """Close one side with a low wall and a hedge on it."""
    wall = _facade_wall(plan, -plan.length / 2, plan.length / 2, v, 1, 1.6)
    draft.walls.append(wall)
    stone = material("brick", (0.58, 0.40, 0.33), tile_m=1.0)
    draft.solid("garden_wall_1.stone", "wall", stone, bar(wall, 0, wall.length, 0.0, 0.75, -0.3, 0.0))
    green = material("leaves", jitter(draft.rng, (0.22, 0.38, 0.15), 0.1), tile_m=0.6)
    draft.solid("hedge_1.leaves", "bush", green, bar(wall, 0, wall.length, 0.75, 1.5, -0.5, -0.06))


def _markings(draft: Draft, plan: _Street) -> None:
    """Paint the zebra crossing, the centre line and a manhole."""
    white = material("plain", (0.88, 0.88, 0.86))
    count = int(plan.road / 0.95)
    stripes = [box(2.0, 0.48, 0.004).moved(plan.crossing, (k - (count - 1) / 2) * 0.95) for k in range(count)]
    draft.solid("crossing_1.stripes", "road_marking", white, plan.turned(join(stripes)))
    dashes = [
        box(1.4, 0.12, 0.004).moved(u, 0.0)
        for u in np.arange(-plan.length / 2 + 1.0, plan.length / 2 - 0.8, 2.6)
        if abs(u - plan.crossing) > 2.2
    ]
    if dashes:
        draft.solid("centre_line_1.dashes", "road_marking", white, plan.turned(join(dashes)))
    away = draft.between(2.2, 4.0) * (1 if plan.crossing < 0 else -1)
    lid = cylinder(0.34, 0.006, sides=20).moved(plan.crossing + away, plan.road * 0.2, 0)
    draft.solid("manhole_1.lid", "manhole", material("metal_painted", (0.22, 0.22, 0.23)), plan.turned(lid))


def _puddles(draft: Draft, plan: _Street) -> None:
    """Lay puddles along the gutters and a few on the road."""
    for k in range(round(plan.length / 2.2)):
        length, width = draft.between(0.7, 2.2), draft.between(0.35, 0.8)
        off = plan.road / 2 - 0.75 * width if k % 3 else draft.between(0.0, plan.road / 2 - 1.0)
        side = 1 if draft.chance(0.5) else -1
        reach = plan.length / 2 - 0.7 * length
        x, y = plan.world(draft.between(-reach, reach), side * off)
        lay_puddle(draft, f"puddle_{k + 1}", x, y, length, width, plan.yaw)


def _furniture(draft: Draft, plan: _Street) -> None:
    """Stand lamps, trees, parked cars and what else a street has."""
    counts = {
        "street_lamp": (1, 3),
        "car": (0, 3),
        "tree": (0, 4),
        "sign": (0, 2),
        "hydrant": (0, 1),
        "mailbox": (0, 1),
    }
    counts |= {
        "street_bin": (0, 2),
        "bicycle": (0, 2),
        "bollard": (0, 4),
        "bench": (0, 2),
        "planter": (0, 2),
        "truck": (0, 1),
    }
    for kind, (least, most) in counts.items():
        for _ in range(draft.about(least, most) if draft.open_to(kind) else 0):
            thing = draft.make(kind)
            if kind in ("bench", "planter"):
                draft.against_wall(kind, thing, tries=12)
            else:
                _by_kerb(draft, plan, kind, thing)


def _special(draft: Draft, plan: _Street, request: Request, thing: Thing) -> Placed | None:
    """Stand what the prompt names along the kerb."""
    if request.mention.near or request.mention.on or request.mention.arrangement in ("stack", "middle"):
        return None
    if request.kind in ("bench", "planter", "hedge", "bush"):
        return draft.against_wall(request.kind, thing)
    placed = _by_kerb(draft, plan, request.kind, thing)
    if placed is None and request.kind in _KERB_OFF:
        for side, width in ((-1, plan.left), (1, plan.right)):
            x, y = plan.world(0.0, side * (plan.road + width) / 2)
            strip = Rect(x, y, plan.length - 1.0, width - 0.4, plan.yaw)
            placed = placed or draft.somewhere(request.kind, thing, within=strip, turned=False)
    return placed


#: Kinds that stand by the kerb -> distance of their middle from it [m]; bicycles lie along it.
_KERB_OFF = {
    "street_lamp": 0.4, "tree": 0.75, "conifer": 1.1, "sign": 0.35, "hydrant": 0.4, "mailbox": 0.5, "street_bin": 0.5,
    "bicycle": 0.55, "bollard": 0.3,
}  # fmt: skip


#: Kinds of which two do not stand close together -> distance [m].
_APART_M = {
    "tree": 2.4,
    "conifer": 2.6,
    "street_lamp": 5.0,
    "sign": 3.0,
    "street_bin": 4.0,
    "hydrant": 4.0,
    "mailbox": 4.0,
}


def _by_kerb(draft: Draft, plan: _Street, kind: str, thing: Thing) -> Placed | None:
    """Stand something along one of the kerbs."""
    if kind in VEHICLES:
        return park_at_kerb(draft, plan.lanes, kind, thing)
    if kind not in _KERB_OFF:
        return None
    off, along = _KERB_OFF[kind], kind == "bicycle"
    apart = _APART_M.get(kind, 0.0)
    for attempt in range(60):
        side = 1 if draft.chance(0.5) else -1
        reach = plan.length / 2 - (thing.footprint[1] / 2 if along else 0.4) - 0.1
        u = draft.between(-reach, reach)
        x, y = plan.world(u, side * (plan.road / 2 + off))
        turn = (np.pi / 2 if side > 0 else -np.pi / 2) if along else (np.pi if side > 0 else 0.0)
        yaw = plan.yaw + turn + (draft.rng.normal(0, 0.015) if along else 0.0)
        if attempt < 40 and any(np.hypot(p.x - x, p.y - y) < apart for p in draft.placed if p.kind.name == kind):
            continue
        placed = draft.try_at(kind, thing, x, y, float(yaw), 0.12)
        if placed is not None:
            if kind == "street_lamp":
                c, s = np.cos(placed.yaw), np.sin(placed.yaw)
                if draft.wishes.light in ("night", "evening", "dim"):
                    draft.lamp(placed.x - s * 0.86, placed.y + c * 0.86, placed.z + 3.9, 24.0, (1.0, 0.78, 0.45))
            return placed
    return None
