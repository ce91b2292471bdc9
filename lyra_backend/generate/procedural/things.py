"""Objects made of parts, before they stand anywhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from .elements import Material
from .palette import STEEL, Rgb, Tones, material
from .shapes import Mesh, join
from .wishes import Size

__all__ = ["PATTERN_COLORS", "Assembly", "Look", "Part", "Thing", "Top", "sized"]

#: Colour of a material that is asked for without one.
PATTERN_COLORS: dict[str, Rgb] = {
    "wood_grain": (0.60, 0.42, 0.26),
    "wood_planks": (0.60, 0.42, 0.26),
    "metal_brushed": STEEL,
    "metal_painted": (0.55, 0.57, 0.59),
    "concrete": (0.60, 0.59, 0.57),
    "brick": (0.58, 0.30, 0.22),
    "tiles": (0.82, 0.82, 0.80),
    "fabric": (0.45, 0.45, 0.47),
    "carpet": (0.42, 0.40, 0.42),
    "marble": (0.88, 0.87, 0.85),
    "rock": (0.50, 0.48, 0.45),
    "cardboard": (0.69, 0.53, 0.36),
    "plaster": (0.88, 0.86, 0.82),
    "glass": (0.62, 0.74, 0.78),
    "asphalt": (0.27, 0.27, 0.28),
    "grass": (0.30, 0.42, 0.16),
    "soil": (0.42, 0.32, 0.22),
    "plain": (0.70, 0.70, 0.68),
    "paint": (0.88, 0.87, 0.84),
    "leaves": (0.22, 0.38, 0.14),
    "bark": (0.36, 0.27, 0.20),
}

#: Parts above this height leave room beneath them [m].
_HEADROOM = 1.9


@dataclass(frozen=True)
class Look:
    """How the prompt and the scene want an object to look.

    Attributes:
        rng: source of the object's own variety.
        tones: the scene's colours.
        color, pattern: what the prompt asked for; None leaves the choice to the builder.
        number: how many of this kind came before it.
        words: what the prompt calls it.
    """

    rng: np.random.Generator
    tones: Tones
    color: Rgb | None = None
    pattern: str | None = None
    number: int = 0
    words: str = ""

    def main(self, usual: Material) -> Material:
        """Return the object's main material: `usual`, changed by what the prompt asked for."""
        if self.pattern is not None and self.pattern != usual.pattern:
            usual = replace(usual, pattern=self.pattern, color=PATTERN_COLORS[self.pattern], accent=None)
        return usual if self.color is None else replace(usual, color=self.color, accent=None)

    def wood(self, tile_m: float = 1.0) -> Material:
        """Return the scene's wood."""
        return material("wood_grain", self.tones.wood, tile_m=tile_m)

    def between(self, low: float, high: float) -> float:
        """Draw a number from [low, high]."""
        return float(self.rng.uniform(low, high))

    def chance(self, probability: float) -> bool:
        """Draw yes with `probability`."""
        return bool(self.rng.random() < probability)

    def one_of(self, *colors: Rgb) -> Rgb:
        """Draw one of `colors`."""
        return colors[int(self.rng.integers(len(colors)))]


@dataclass(frozen=True, eq=False)
class Part:
    """One material of an object: `name` within the object, closed `mesh` in the object's frame."""

    name: str
    material: Material
    mesh: Mesh


@dataclass(frozen=True)
class Top:
    """A level place for small objects: centre (x, y), size (w, d) and height `z` [m]."""

    x: float
    y: float
    w: float
    d: float
    z: float


@dataclass(frozen=True, eq=False)
class Thing:
    """An object in its own frame: origin on the floor beneath its middle, front towards +y.

    Attributes:
        kind: catalogue name.
        parts: its surfaces.
        footprint: (w, d) of the floor rectangle that it takes, centred on the origin [m].
        height: highest point [m].
        tops: where small objects may stand.
        front: free depth wanted before its front [m].
    """

    kind: str
    parts: tuple[Part, ...]
    footprint: tuple[float, float]
    height: float
    tops: tuple[Top, ...] = ()
    front: float = 0.0

    def scaled(self, x: float, y: float, z: float) -> Thing:
        """Return the object stretched about its origin."""
        return replace(
            self,
            parts=tuple(replace(p, mesh=p.mesh.scaled(x, y, z)) for p in self.parts),
            footprint=(self.footprint[0] * x, self.footprint[1] * y),
            height=self.height * z,
            tops=tuple(Top(t.x * x, t.y * y, t.w * x, t.d * y, t.z * z) for t in self.tops),
        )

    def with_thing(self, other: Thing, x: float, y: float, z: float, yaw_deg: float = 0.0) -> Thing:
        """Return this object carrying `other` as a part of itself, for example books on its shelf."""
        name = f"{other.kind}{len(self.parts)}"
        moved = tuple(Part(f"{name}_{p.name}", p.material, p.mesh.turned(yaw_deg).moved(x, y, z)) for p in other.parts)
        return replace(self, parts=self.parts + moved, height=max(self.height, z + other.height))


class Assembly:
    """Collects the parts of one object."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._parts: list[Part] = []
        self._tops: list[Top] = []

    def add(self, name: str, looks: Material, *meshes: Mesh) -> Assembly:
        """Add closed bodies of one material."""
        if meshes:
            self._parts.append(Part(name, looks, join(meshes)))
        return self

    def top(self, x: float, y: float, w: float, d: float, z: float) -> Assembly:
        """Declare a place for small objects."""
        self._tops.append(Top(x, y, w, d, z))
        return self

    def done(self, *, front: float = 0.0, footprint: tuple[float, float] | None = None) -> Thing:
        """Return the object, moved so that its footprint is centred; parts above head height do not count for it."""
        low, high = self._bounds()
        if footprint is None:
            cx, cy = (low[0] + high[0]) / 2, (low[1] + high[1]) / 2
            footprint = (float(high[0] - low[0]), float(high[1] - low[1]))
        else:
            cx = cy = 0.0
        parts = tuple(replace(p, mesh=p.mesh.moved(-cx, -cy)) for p in self._parts)
        tops = tuple(replace(t, x=t.x - cx, y=t.y - cy) for t in self._tops)
        height = float(max(p.mesh.vertices[:, 2].max() for p in parts))
        return Thing(self._kind, parts, footprint, height, tops, front)

    def _bounds(self) -> tuple[np.ndarray, np.ndarray]:
        points = np.concatenate([p.mesh.vertices for p in self._parts])
        standing = points[points[:, 2] < _HEADROOM]
        if not len(standing):
            standing = points
        return standing.min(0), standing.max(0)


def sized(thing: Thing, sizes: Iterable[Size]) -> Thing:
    """Stretch an object to the sizes that the prompt asks for, within what still is that object."""
    have = {"width": thing.footprint[0], "length": thing.footprint[1], "height": thing.height}
    factor = dict.fromkeys(have, 1.0)
    for size in sizes:
        for name in have if size.dimension == "all" else (size.dimension,):
            if name in have:
                factor[name] *= size.value / have[name] if size.metric else size.value
    limited = [float(np.clip(v, 0.35, 3.0)) for v in factor.values()]
    return thing if limited == [1.0, 1.0, 1.0] else thing.scaled(*limited)
