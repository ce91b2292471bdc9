"""A scene while it is being furnished."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from .elements import Element, Lamp, Material
from .objects import catalogue
from .palette import Rgb, Tones
from .placed import Placed, overlaps, pose
from .placement import Floor, Rect, Wall
from .requests import Request, requests_of
from .shapes import Mesh
from .things import Look, Thing, Top, sized
from .wishes import Mention, Size, Wishes

__all__ = ["Draft", "Placed", "Request"]

#: Stand-off from walls that clears the skirting [m].
WALL_GAP = 0.02
#: Free margin around an object that lets a robot pass on all sides [m].
_ALONE_M = 0.6
#: Kinds of which one scene has a single model.
_SETS = frozenset(("chair", "stool", "office_chair", "locker", "desk", "nightstand", "street_lamp", "bollard"))


class Draft:
    """Collects elements, lamps and placed objects over a floor raster.

    Attributes:
        wishes: what the prompt asked for.
        rng: the scene's random numbers.
        difficulty: 0 (tidy, wide ways) to 1 (cluttered, narrow, uneven).
        growth: factor on areas, raised when something did not fit.
        tones: the scene's colours.
        floor, walls: set by the family before anything is placed.
        cramped: how often something found no room where it belongs.
        openings: doors and windows as (kind, wall, middle along it, width) [m].
    """

    def __init__(self, wishes: Wishes, rng: np.random.Generator, difficulty: float, growth: float) -> None:
        self.wishes = wishes
        self.rng = rng
        self.difficulty = difficulty
        self.growth = growth
        self.tones = Tones.drawn(rng)
        self.floor = Floor((0, 0), (1, 1), 0.1)
        self.walls: list[Wall] = []
        self.elements: list[Element] = []
        self.placed: list[Placed] = []
        self.lamps: list[Lamp] = []
        self.used_parts: set[str] = {"room"}
        self.used_tags: set[str] = {"light", "mood"}
        self.used_grounds: set[str] = set()
        self.all_requests = tuple(requests_of(wishes, rng))
        self.requests = list(self.all_requests)
        self.missing: list[Request] = []
        self.cramped = 0
        self.ground: Callable[[float, float], float] = lambda x, y: 0.0
        self.aisle_m = 0.0
        self.openings: list[tuple[str, Wall, float, float]] = []
        self.size: tuple[float, float, float] = (0.0, 0.0, 0.0)
        self._sets: dict[str, int] = {}
        self._numbers: dict[str, int] = {}
        self._free_tops: dict[str, list[tuple[Placed, Top]]] = {}
        self._covered: list[tuple[str, Rect]] = []

    # -- random choices -------------------------------------------------------------------------------------------

    def between(self, low: float, high: float) -> float:
        """Draw a number from [low, high]."""
        return float(self.rng.uniform(low, high))

    def chance(self, probability: float) -> bool:
        """Draw yes with `probability`."""
        return bool(self.rng.random() < probability)

    def about(self, low: int, high: int) -> int:
        """Draw a whole number from low to high, both included."""
        return int(self.rng.integers(low, high + 1))

    # -- elements -------------------------------------------------------------------------------------------------

    def sheet(self, name: str, class_name: str, looks: Material, mesh: Mesh) -> None:
        """Add an open sheet in world coordinates."""
        self.elements.append(Element(name, class_name, looks, mesh.vertices, mesh.triangles, np.eye(4), solid=False))

    def solid(self, name: str, class_name: str, looks: Material, mesh: Mesh) -> None:
        """Add a closed solid in world coordinates that takes no floor."""
        self.elements.append(Element(name, class_name, looks, mesh.vertices, mesh.triangles, np.eye(4)))

    def lamp(self, x: float, y: float, z: float, level: float, color: Rgb = (1.0, 0.93, 0.82)) -> None:
        """Add an emitter."""
        r, g, b = (float(level * c) for c in color)
        self.lamps.append(Lamp((float(x), float(y), float(z)), (r, g, b)))

    # -- what the prompt asks for -----------------------------------------------------------------------------------

    def pop(self, *kinds: str) -> Request | None:
        """Take the next request for one of `kinds` off the list."""
        for k, request in enumerate(self.requests):
            if request.kind in kinds:
                return self.requests.pop(k)
        return None

    def give_back(self, kind: str) -> None:
        """Ask again for something that was taken but found no room, so that the general placer tries it."""
        asked = [r for r in self.all_requests if r.kind == kind]
        settled = sum(p.kind.name == kind for p in self.placed) + sum(r.kind == kind for r in self.requests)
        if settled < len(asked):
            self.requests.append(asked[settled])

    def open_to(self, *kinds: str) -> bool:
        """Return whether the prompt leaves it to the scene how many of `kinds` there are."""
        return not any(m.kind in kinds for m in self.wishes.objects) and self.wishes.mood != "empty"

    def build(self, kind: str, *others: str) -> tuple[str, Thing] | None:
        """Build the next object of `kind` or `others` that the prompt asks for, else `kind` if it is open to it."""
        request = self.pop(kind, *others)
        if request is not None:
            return request.kind, self.make(request.kind, request.mention, request.index)
        return (kind, self.make(kind)) if self.open_to(kind, *others) else None

    def pop_open(self, kind: str, chance: float) -> bool:
        """Return whether a group around `kind` belongs here: asked for, or by chance where the prompt is silent."""
        return any(r.kind == kind for r in self.requests) or (self.open_to(kind) and self.chance(chance))

    @property
    def clutter(self) -> float:
        """How much stands about, 0 to 1.5: from difficulty and words such as "messy"."""
        factor = {"cluttered": 0.5, "tidy": -0.6, "empty": -9.0}.get(self.wishes.mood, 0.0)
        return float(np.clip(self.difficulty + factor, 0.0, 1.5))

    # -- objects --------------------------------------------------------------------------------------------------

    def number(self, kind: str) -> int:
        """Return how many of a kind were built."""
        return self._numbers.get(kind, 0)

    def make(self, kind: str, mention: Mention | None = None, index: int = 0) -> Thing:
        """Build an object; colours, material and sizes come from `mention`."""
        entry = catalogue()[kind]
        number = self._numbers.get(kind, 0)
        self._numbers[kind] = number + 1
        color, pattern, sizes = self.looks(mention, index)
        rng = self.rng
        if kind in _SETS:  # chairs of one room, lamps of one street look the same
            first = self._sets.setdefault(kind, int(rng.integers(2**32)))
            rng = np.random.default_rng([first, 17])
        thing = entry.build(Look(rng, self.tones, color, pattern, number, mention.text if mention else ""))
        return sized(thing, sizes)

    def looks(self, mention: Mention | None, index: int = 0) -> tuple[Rgb | None, str | None, tuple[Size, ...]]:
        """Return colour, pattern and sizes of the `index`-th object of a mention."""
        if mention is None:
            return None, None, ()
        color = mention.colors[index % len(mention.colors)] if mention.colors else None
        return color, mention.pattern, mention.sizes

    def stand(
        self, kind: str, thing: Thing, x: float, y: float, yaw: float, z: float | None = None, takes_floor: bool = True
    ) -> Placed:
        """Put an object down without asking; without `z` it stands on the ground."""
        if z is None:
            # Trees stand on their trunks, everything else on its whole footprint.
            w, d = (min(side, 0.5) if thing.height > 2.5 else side for side in thing.footprint)
            z = self._level(Rect(x, y, w, d, yaw))
        entry = catalogue()[kind]
        same = sum(p.kind.class_name == entry.class_name for p in self.placed)
        placed = Placed(entry, thing, float(x), float(y), float(z), float(yaw), f"{entry.class_name}_{same + 1}")
        self.placed.append(placed)
        where = pose(x, y, z, yaw)
        for part in thing.parts:
            name = f"{placed.name}.{part.name}"
            mesh = part.mesh
            self.elements.append(Element(name, entry.class_name, part.material, mesh.vertices, mesh.triangles, where))
        if takes_floor:
            self.floor.block(placed.rect, thing.height)
        if thing.tops:
            self._free_tops.setdefault(kind, []).extend((placed, top) for top in thing.tops)
        return placed

    def _level(self, rect: Rect) -> float:
        """Return the lowest ground under `rect`, so that nothing floats [m]."""
        points = [*rect.corners(), (rect.x, rect.y)]
        return min(self.ground(float(px), float(py)) for px, py in points)

    def fits(self, thing: Thing, x: float, y: float, yaw: float, gap: float = 0.05, *, careful: bool = True) -> bool:
        """Return whether an object may stand here and leaves the robot its way."""
        rect = Rect(x, y, *thing.footprint, yaw)
        if thing.height <= 0.03:
            return self.floor.holds(rect)
        if not self.floor.fits(rect, gap) or self._cuts_wall(rect):
            return False
        if thing.front > 0 and not self.floor.fits(rect.ahead(thing.front), -0.1, on_kept=True):
            return False
        # What stands this free cannot close a way, whatever else there is.
        return (
            not careful or self.floor.fits(rect.grown(_ALONE_M), 0.0, on_kept=True) or self.floor.still_drivable(rect)
        )

    def _cuts_wall(self, rect: Rect) -> bool:
        """Return whether a corner of `rect` lies behind a wall, closer than the raster can tell."""
        corners = rect.corners()
        for wall in self.walls:
            along, off = (corners - wall.start) @ wall.along, (corners - wall.start) @ wall.inward
            if ((along > 0) & (along < wall.length) & (off < 0) & (off > -0.15)).any():
                return True
        return False

    def try_at(self, kind: str, thing: Thing, x: float, y: float, yaw: float, gap: float = 0.05) -> Placed | None:
        """Put an object down if it fits."""
        if not self.fits(thing, x, y, yaw, gap):
            return None
        placed = self.stand(kind, thing, x, y, yaw)
        if thing.front > 0:
            self.floor.keep(placed.rect.ahead(thing.front * 0.8))
        return placed

    def against_wall(
        self,
        kind: str,
        thing: Thing,
        *,
        walls: Iterable[Wall] | None = None,
        u: float | None = None,
        tries: int = 36,
        up_to: float = 99.0,
    ) -> Placed | None:
        """Put an object with its back to a wall: anywhere, or around `u` on one wall [m].

        What is on the wall above `up_to` [m] does not matter.
        """
        choice = list(self.walls if walls is None else walls)
        lengths = np.array([wall.length for wall in choice])
        width, depth = thing.footprint
        for attempt in range(tries):
            wall = choice[int(self.rng.choice(len(choice), p=lengths / lengths.sum()))]
            slack = wall.length - width - 2 * WALL_GAP
            if slack < 0:
                continue
            middle = width / 2 + WALL_GAP + (self.rng.random() * slack)
            if u is not None:
                middle = float(np.clip(u + self.rng.normal(0, 0.1) * attempt, width / 2, wall.length - width / 2))
            if not wall.is_free(middle - width / 2, middle + width / 2, 0.0, min(thing.height, wall.height, up_to)):
                continue
            x, y = wall.at(middle, depth / 2 + WALL_GAP)
            placed = self.try_at(kind, thing, x, y, wall.yaw, 0.03)
            if placed is not None:
                wall.taken.append((middle - width / 2, middle + width / 2, 0.0, thing.height + 0.1))
                return placed
        return None

    def in_corner(self, kind: str, thing: Thing, tries: int = 24) -> Placed | None:
        """Put an object into a corner of the room, else against a wall."""
        width, depth = thing.footprint
        for _ in range(tries):
            wall = self.walls[int(self.rng.integers(len(self.walls)))]
            u = width / 2 + 0.06 if self.chance(0.5) else wall.length - width / 2 - 0.06
            if u < 0 or not wall.is_free(max(u - width / 2, 0), u + width / 2, 0.0, thing.height):
                continue
            x, y = wall.at(u, depth / 2 + 0.06)
            placed = self.try_at(kind, thing, x, y, wall.yaw, 0.02)
            if placed is not None:
                wall.taken.append((u - width / 2, u + width / 2, 0.0, thing.height + 0.1))
                return placed
        return self.against_wall(kind, thing)

    def somewhere(
        self,
        kind: str,
        thing: Thing,
        *,
        gap: float = 0.1,
        tries: int = 60,
        near: tuple[float, float, float] | None = None,
        within: Rect | None = None,
        turned: bool = True,
    ) -> Placed | None:
        """Put an object on free floor: anywhere, around a point (x, y, spread), or within a rectangle."""
        ys, xs = np.nonzero(self.floor.free & ~self.floor.kept)
        if not len(xs):
            return None
        for attempt in range(tries):
            if near is not None:
                spread = near[2] * (0.6 + attempt / tries)
                x, y = near[0] + self.rng.normal(0, spread), near[1] + self.rng.normal(0, spread)
            elif within is not None:
                c = within.corners()
                a, b = self.rng.random(2)
                x, y = c[0] + a * (c[1] - c[0]) + b * (c[3] - c[0])
            else:
                k = int(self.rng.integers(len(xs)))
                x, y = self.floor.low + (np.array([xs[k], ys[k]]) + self.rng.random(2)) * self.floor.cell
            yaw = float(self.rng.integers(4)) * np.pi / 2 + (self.rng.normal(0, 0.12) if turned else 0.0)
            placed = self.try_at(kind, thing, float(x), float(y), yaw, gap)
            if placed is not None:
                return placed
        return None

    def on_top(self, kind: str, thing: Thing, hosts: Iterable[str] | None = None, tries: int = 16) -> Placed | None:
        """Put a small object on a table, shelf or other level place."""
        names = list(self._free_tops if hosts is None else [h for h in hosts if h in self._free_tops])
        spots = [spot for name in names for spot in self._free_tops[name]]
        width, depth = thing.footprint
        for _ in range(tries if spots else 0):
            host, top = spots[int(self.rng.integers(len(spots)))]
            if top.w < width * 0.8 or top.d < depth * 0.8:
                continue
            dx, dy = (
                self.rng.uniform(-0.5, 0.5) * max(side - used, 0.0) for side, used in ((top.w, width), (top.d, depth))
            )
            c, s = np.cos(host.yaw), np.sin(host.yaw)
            x, y = host.x + c * (top.x + dx) - s * (top.y + dy), host.y + s * (top.x + dx) + c * (top.y + dy)
            rect = Rect(x, y, width, depth, host.yaw)
            if any(owner == host.name and overlaps(rect.grown(0.02), other) for owner, other in self._covered):
                continue
            self._covered.append((host.name, rect))
            return self.stand(kind, thing, x, y, host.yaw, host.z + top.z, takes_floor=False)
        return None

    def on_wall(
        self, kind: str, thing: Thing, low: float, *, walls: Iterable[Wall] | None = None, tries: int = 40
    ) -> Placed | None:
        """Hang an object on a wall with its lower edge at `low` [m]."""
        choice = [w for w in (self.walls if walls is None else walls) if w.length > thing.footprint[0] + 0.2]
        if not choice:
            return None
        lengths = np.array([wall.length for wall in choice])
        width = thing.footprint[0]
        for _ in range(tries):
            wall = choice[int(self.rng.choice(len(choice), p=lengths / lengths.sum()))]
            u = width / 2 + 0.1 + self.rng.random() * (wall.length - width - 0.2)
            if wall.is_free(u - width / 2 - 0.08, u + width / 2 + 0.08, low - 0.05, low + thing.height + 0.05):
                return self.hang(kind, thing, wall, u, low)
        return None

    def hang(self, kind: str, thing: Thing, wall: Wall, u: float, low: float) -> Placed:
        """Hang an object on `wall`, its middle `u` along it, without asking."""
        width, depth = thing.footprint
        x, y = wall.at(u, depth / 2)
        wall.taken.append((u - width / 2, u + width / 2, low, low + thing.height))
        return self.stand(kind, thing, x, y, wall.yaw, low, takes_floor=low < 0.5)
