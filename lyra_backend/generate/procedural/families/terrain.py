"""Natural terrain: a height field with a path, trees, rocks, logs."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ..draft import Draft, Placed, Request
from ..elements import Lighting, Material
from ..furnish import fulfil, steps_and_rubble
from ..objects import catalogue
from ..outdoors import daylight
from ..palette import Rgb, jitter, material
from ..placement import Floor, Rect
from ..shapes import Mesh
from ..things import Look, Thing

__all__ = ["build", "light"]

Floats = npt.NDArray[np.float64]

_GRID_M = 0.4
#: Steeper ground than this stops a wheeled robot [deg].
_DRIVABLE_DEG = 20.0
#: The bank at the edges: its width and mean height [m].
RIM_M = 1.7
RIM_HEIGHT_M = 1.7
#: Hills that cut off more of the drivable ground than the rest of this are lowered.
_LEAST_SHARE = 0.8
#: What grows or lies where robots cannot drive.
_ON_SLOPES = frozenset(("tree", "conifer", "bush", "rock", "stump"))


@dataclass(frozen=True)
class _Biome:
    """Ground colours and how much grows: chances and counts per 100 m^2."""

    ground: Material
    path: Material
    counts: dict[str, tuple[float, float]]
    relief: float = 1.0


_BIOMES: dict[str, _Biome] = {
    "meadow": _Biome(
        material("grass", (0.33, 0.46, 0.17), tile_m=2.5),
        material("soil", (0.56, 0.45, 0.32), tile_m=2.0),
        {"tree": (0.8, 2.0), "bush": (0.8, 2.6), "rock": (0.4, 1.6), "log": (0.0, 0.5), "stump": (0.0, 0.5)},
    ),
    "forest": _Biome(
        material("grass", (0.27, 0.33, 0.14), tile_m=2.5),
        material("soil", (0.40, 0.30, 0.20), tile_m=2.0),
        {
            "conifer": (0.9, 2.4),
            "tree": (0.6, 1.6),
            "bush": (0.8, 2.0),
            "rock": (0.3, 1.2),
            "log": (0.3, 0.9),
            "stump": (0.2, 0.9),
        },
    ),
    "rocky": _Biome(
        material("rock", (0.50, 0.47, 0.43), tile_m=3.0),
        material("soil", (0.58, 0.53, 0.46), tile_m=2.0),
        {"rock": (2.2, 4.5), "conifer": (0.1, 0.8), "bush": (0.2, 1.0), "log": (0.0, 0.3)},
        1.7,
    ),
    "desert": _Biome(
        material("soil", (0.80, 0.66, 0.44), tile_m=2.5),
        material("soil", (0.74, 0.60, 0.40), tile_m=2.5),
        {"rock": (0.8, 2.6), "bush": (0.3, 1.2), "stump": (0.0, 0.3)},
        1.3,
    ),
    "snow": _Biome(
        material("plain", (0.92, 0.94, 0.97)),
        material("soil", (0.78, 0.79, 0.82), tile_m=2.0),
        {"conifer": (1.2, 3.0), "rock": (0.6, 1.8), "log": (0.0, 0.5), "stump": (0.0, 0.4)},
    ),
}
_AUTUMN: tuple[Rgb, ...] = ((0.76, 0.40, 0.12), (0.72, 0.56, 0.14), (0.62, 0.24, 0.12))


def build(draft: Draft) -> None:
    """Furnish a piece of nature."""
    grounds = draft.wishes.grounds
    draft.used_grounds |= {"hilly", "flat", "rocky", "desert", "forest", "snow", "meadow", "autumn", "muddy"}
    draft.used_parts |= {"floor", "aisle"}
    name = next((g for g in ("snow", "desert", *reversed(grounds)) if g in grounds and g in _BIOMES), None)
    name = name or ("meadow", "forest", "rocky", "meadow", "forest")[draft.about(0, 4)]
    biome = _BIOMES[name]
    relief = _Relief.drawn(draft, biome)
    _raster(draft, relief)
    while draft.floor.drive_space().share < _LEAST_SHARE:
        relief = replace(relief, heights=relief.heights * 0.85)
        _raster(draft, relief)
    draft.ground = relief.height
    _sheets(draft, relief, biome)
    fulfil(draft, lambda d, request, thing: _special(d, relief, request, thing))
    _grow(draft, relief, biome)


def light(draft: Draft) -> Lighting:
    """Return daylight."""
    return daylight(draft)


@dataclass(frozen=True, eq=False)
class _Relief:
    """Hills as a sum of waves; the path (half width `path`) runs along u in a slow curve and is flatter.

    `size` is the extent along u and v [m]; `quarter` turns u into x or y.
    """

    size: tuple[float, float]
    waves: Floats
    phases: Floats
    heights: Floats
    bend: tuple[float, float, float]
    path: float
    quarter: int

    @staticmethod
    def drawn(draft: Draft, biome: _Biome) -> _Relief:
        """Draw a relief; difficulty and words such as "hilly" make it higher."""
        u, v = _extent(draft)
        grounds = draft.wishes.grounds
        factor = 2.1 if "hilly" in grounds else 0.15 if "flat" in grounds else 1.0
        factor *= biome.relief * (0.35 + 1.3 * draft.difficulty)
        waves = draft.rng.normal(0, 1, (9, 2)) * np.array([0.28] * 4 + [0.75] * 3 + [1.7] * 2)[:, None]
        heights = np.array([0.34] * 4 + [0.12] * 3 + [0.045] * 2) * factor
        bend = (draft.between(0.5, 2.4), draft.between(0.15, 0.4), draft.between(0, 6.28))
        wish = draft.wishes.size("aisle", "width")
        path = draft.between(0.9, 1.6) if wish is None else (wish.value if wish.metric else 1.2 * wish.value) / 2
        return _Relief((u, v), waves, draft.rng.uniform(0, 6.28, 9), heights, bend, path, draft.about(0, 1))

    def middle(self, u: Floats) -> Floats:
        """Return where the path's middle lies across u [m]."""
        swing, rate, phase = self.bend
        return np.asarray(swing * np.sin(rate * u + phase))

    def level(self, u: Floats, v: Floats) -> Floats:
        """Return heights at (u, v) [m]; the path keeps near zero."""
        waves = np.stack([u, v], -1) @ self.waves.T + self.phases
        raw = (np.cos(waves) * self.heights).sum(-1)
        beside = np.abs(v - self.middle(u))
        keep = np.clip((beside - 0.4 * self.path) / 3.2, 0.0, 1.0)
        inner = raw * (0.22 + 0.78 * keep**2 * (3 - 2 * keep)) + 0.1 * keep
        return np.asarray(inner + self.rim(u, v))

    def rim(self, u: Floats, v: Floats) -> Floats:
        """Return how much the bank around the piece of land rises at (u, v) [m]: the world ends behind it."""
        inside = np.minimum(self.size[0] / 2 - np.abs(u), self.size[1] / 2 - np.abs(v))
        rise = np.clip(1.0 - inside / RIM_M, 0.0, 1.0)
        swell = 1.0 + 0.25 * np.cos(0.7 * u + self.phases[0]) * np.cos(0.7 * v + self.phases[1])
        return np.asarray(RIM_HEIGHT_M * swell * rise**2.2)  # steepest at the edge: what falls on it rolls back in

    def slope(self, u: float, v: float) -> float:
        """Return how steep the ground is at (u, v) [deg]."""
        step = 0.2
        us, vs = np.array([u - step, u + step, u, u]), np.array([v, v, v - step, v + step])
        west, east, south, north = self.level(us, vs)
        return float(np.degrees(np.arctan(np.hypot(east - west, north - south) / (2 * step))))

    def height(self, x: float, y: float) -> float:
        """Return the height at a world position [m], as the triangles have it up to a few millimetres."""
        u, v = (x, y) if self.quarter == 0 else (y, -x)
        return float(self.level(np.array(u), np.array(v)))


def _extent(draft: Draft) -> tuple[float, float]:
    """Draw the size of the piece of land along and across its path [m]."""
    wishes, sides = draft.wishes, {"length": draft.between(10.0, 21.0), "width": draft.between(8.0, 16.0)}
    for dimension in sides:
        for name in ("all", dimension):
            wish = wishes.size("room", name)
            if wish is not None:
                sides[dimension] = wish.value if wish.metric else sides[dimension] * wish.value
        sides[dimension] = float(np.clip(sides[dimension] * draft.growth**0.5, 8.0, 24.0)) + 2 * RIM_M
    return sides["length"], sides["width"]


def _grid(relief: _Relief) -> tuple[Floats, Floats, npt.NDArray[np.bool_]]:
    """Return u and v of grid corners (V, U) and which rows of cells are path; rows follow the path's curve."""
    a, b = relief.size[0] / 2, relief.size[1] / 2
    us = np.linspace(-a, a, round(2 * a / _GRID_M) + 1)
    inner = np.linspace(-relief.path, relief.path, 6)
    rows = [np.linspace(-b, -relief.path, round((b - relief.path) / _GRID_M) + 1)[:-1], inner]
    rows.append(np.linspace(relief.path, b, round((b - relief.path) / _GRID_M) + 1)[1:])
    base = np.concatenate(rows)
    share = np.clip((b - np.abs(base)) / (b - relief.path), 0.0, 1.0)
    u, v = np.meshgrid(us, base)
    v = v + share[:, None] * relief.middle(us)[None, :]
    middles = (base[1:] + base[:-1]) / 2
    return u, v, np.abs(middles) < relief.path


def _sheets(draft: Draft, relief: _Relief, biome: _Biome) -> None:
    """Build ground and path."""
    u, v, on_path = _grid(relief)
    vertices = np.stack([u, v, relief.level(u, v)], -1).reshape(-1, 3)
    index = np.arange(u.size).reshape(u.shape)
    looks = [biome.ground, biome.path]
    mention = draft.wishes.parts.get("floor")
    if mention is not None and mention.colors:
        looks[0] = material(looks[0].pattern, mention.colors[0], tile_m=looks[0].tile_m)
    if "autumn" in draft.wishes.grounds:
        looks[0] = material("leaves", (0.52, 0.36, 0.16), tile_m=1.0)
    if "muddy" in draft.wishes.grounds:
        looks[1] = material("soil", (0.33, 0.25, 0.18), tile_m=2.0)
    for name, rows, looks_of in (("terrain.ground", ~on_path, looks[0]), ("terrain.path", on_path, looks[1])):
        a, b = index[:-1][rows][:, :-1], index[:-1][rows][:, 1:]
        c, d = index[1:][rows][:, 1:], index[1:][rows][:, :-1]
        triangles = np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)])
        used, compact = np.unique(triangles, return_inverse=True)
        mesh = Mesh(vertices[used], compact.reshape(-1, 3).astype(np.int32)).turned(90.0 * relief.quarter)
        color = jitter(draft.rng, looks_of.color)
        draft.sheet(name, "ground", material(looks_of.pattern, color, tile_m=looks_of.tile_m), mesh)


def _raster(draft: Draft, relief: _Relief) -> None:
    """Lay out the raster; steep ground is closed."""
    extent = relief.size if relief.quarter == 0 else relief.size[::-1]
    a, b = extent[0] / 2, extent[1] / 2
    draft.floor = floor = Floor((-a, -b), (a, b), 0.1)
    floor.add_floor(Rect(0, 0, 2 * a + 1e-6, 2 * b + 1e-6))
    xs, ys = floor.centres()
    x, y = np.meshgrid(xs, ys)
    u, v = (x, y) if relief.quarter == 0 else (y, -x)
    rise_v, rise_u = np.gradient(relief.level(u, v), floor.cell)
    floor.blocked |= np.degrees(np.arctan(np.hypot(rise_u, rise_v))) > _DRIVABLE_DEG
    bank = (np.abs(x) > a - RIM_M) | (np.abs(y) > b - RIM_M)
    floor.inside &= ~bank | (relief.rim(u, v) < 0.15)
    draft.size = (2 * a, 2 * b, 0.0)


def _grow(draft: Draft, relief: _Relief, biome: _Biome) -> None:
    """Plant what the biome has: more towards the edges, little on the path."""
    area = relief.size[0] * relief.size[1] / 100
    wild = 0.6 + 1.0 * draft.clutter
    for kind, (least, most) in biome.counts.items():
        if not draft.open_to(kind):
            continue
        count = round(area * draft.between(least, most) * wild)
        for _ in range(min(count, 14 if kind in ("tree", "conifer") else 22)):
            _plant(draft, relief, kind, _tinted(draft, kind))
    steps_and_rubble(draft)


def _tinted(draft: Draft, kind: str) -> Thing:
    """Build a plant, in autumn colours or under snow if the prompt says so."""
    grounds = draft.wishes.grounds
    if kind in ("tree", "bush") and "autumn" in grounds:
        color = jitter(draft.rng, _AUTUMN[draft.about(0, 2)])
    elif kind in ("tree", "bush", "conifer") and "snow" in grounds:
        color = jitter(draft.rng, (0.62, 0.70, 0.68))
    else:
        return draft.make(kind)
    return catalogue()[kind].build(Look(draft.rng, draft.tones, color))


def _plant(draft: Draft, relief: _Relief, kind: str, thing: Thing) -> Placed | None:
    """Find a place off the path; tall things prefer the edges."""
    tall, (a, b) = kind in ("tree", "conifer"), relief.size
    for _ in range(40):
        u, v = draft.between(-a / 2 + 0.6, a / 2 - 0.6), draft.between(-b / 2 + 0.6, b / 2 - 0.6)
        outer = max(abs(u) / (a / 2), abs(v) / (b / 2))
        if tall and outer < draft.between(0.2, 0.9):
            continue
        if abs(v - float(relief.middle(np.array(u)))) < relief.path + max(thing.footprint) / 2 + 0.1:
            continue
        x, y = (u, v) if relief.quarter == 0 else (-v, u)
        yaw = draft.between(0, 6.28)
        if kind in _ON_SLOPES and relief.slope(u, v) > _DRIVABLE_DEG:
            reach = max(thing.footprint)
            if all(np.hypot(p.x - x, p.y - y) > (reach + max(p.thing.footprint)) / 2 + 0.3 for p in draft.placed):
                sunk = float(draft.ground(x, y)) - 0.12 * reach  # uphill side in the ground, downhill side on it
                return draft.stand(kind, thing, x, y, yaw, sunk)
            continue
        placed = draft.try_at(kind, thing, x, y, yaw, 0.25)
        if placed is not None:
            return placed
    return None


def _special(draft: Draft, relief: _Relief, request: Request, thing: Thing) -> Placed | None:
    """Plant what the prompt names beside the path."""
    if (
        request.kind not in ("tree", "conifer", "bush", "hedge", "rock", "log", "stump", "tent")
        or request.mention.arrangement
    ):
        return None
    if request.mention.near or request.mention.on:
        return None
    return _plant(draft, relief, request.kind, thing)
