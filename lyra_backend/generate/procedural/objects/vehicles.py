"""Cars, vans and bicycles; their front is +y."""

from __future__ import annotations

from dataclasses import dataclass

from ..palette import CARS, DARK, STEEL, material, pick
from ..shapes import Mesh, box, cushion, cylinder, hull, plank, prism, ring, tube
from ..things import Assembly, Look, Thing

__all__ = ["bicycle", "car", "truck"]

_BLACK, _GLASS = (0.07, 0.07, 0.08), (0.13, 0.17, 0.20)


def car(look: Look) -> Thing:
    """A parked hatchback or saloon."""
    paint = look.main(material("metal_painted", pick(look.rng, CARS)))
    black = material("plain", _BLACK)
    tail, roof_end = (-1.5, -0.95) if look.chance(0.5) else (-2.0, -1.7)
    side = [
        (-2.1, 0.3),
        (2.1, 0.3),
        (2.15, 0.55),
        (2.05, 0.78),
        (1.15, 0.94),
        (tail, 0.98),
        (-2.05, 0.92),
        (-2.1, 0.62),
    ]
    made = Assembly("car").add("body", paint, prism(side, 1.74, "x").moved(-0.87))
    low, high = _Deck(0.80, 1.13, tail + 0.03, 0.9), _Deck(0.66, 0.36, roof_end, 1.385)
    made.add("glass", material("plain", _GLASS), hull([*low.corners(), *high.corners()]))
    roof = [*high.corners(), *high.raised(0.05).corners()]
    made.add("roof", paint, hull(roof), *_pillars(low, high))
    made.add("sill", black, box(1.7, 3.9, 0.14, (0, 0, 0.2)))
    _wheels(made, 0.32, 0.22, 0.80, (-1.32, 1.3))
    _lamps(made, (0.62, 2.1, 0.58, 0.36, 0.13), (0.66, -2.08, 0.72, 0.3, 0.14))
    plates = [box(0.5, 0.03, 0.11, (0, 2.145, 0.42)), box(0.5, 0.03, 0.11, (0, -2.105, 0.5))]
    made.add("plates", material("plain", (0.93, 0.93, 0.88)), *plates)
    made.add("mirrors", paint, *[box(0.16, 0.1, 0.12, (x * 0.93, 0.78, 0.95)) for x in (-1, 1)])
    return made.done(footprint=(1.86, 4.3))


@dataclass(frozen=True)
class _Deck:
    """A level rectangle of a cabin: half width, front and rear end along y, height [m]."""

    half: float
    front: float
    rear: float
    z: float

    def corners(self) -> list[tuple[float, float, float]]:
        return [(x * self.half, y, self.z) for x in (-1, 1) for y in (self.front, self.rear)]

    def raised(self, height: float) -> _Deck:
        """Return a slightly smaller deck above this one."""
        return _Deck(self.half - 0.03, self.front - 0.04, self.rear + 0.04, self.z + height)

    def at(self, side: float, share: float) -> tuple[float, float, float]:
        """Return the place at a share of the way from the rear to the front, on one side."""
        return (side * self.half, self.rear + share * (self.front - self.rear), self.z)


def _pillars(low: _Deck, high: _Deck) -> list[Mesh]:
    """Return the posts between the windows."""
    places = ((0.0, 0.0, 0.13), (0.42, 0.44, 0.07), (1.0, 1.0, 0.07))
    return [plank(low.at(x, a), high.at(x, b), width, 0.07) for x in (-1, 1) for a, b, width in places]


def _wheels(made: Assembly, radius: float, width: float, half_track: float, axles: tuple[float, float]) -> None:
    for name, looks, r, w in (
        ("wheels", material("plain", _BLACK), radius, width),
        ("hubs", material("metal_brushed", STEEL), 0.6 * radius, width + 0.03),
    ):
        at = [(x * half_track - w / 2, y, radius) for x in (-1, 1) for y in axles]
        made.add(name, looks, *[cylinder(r, w, sides=20).turned(90, "y").moved(*p) for p in at])


def _lamps(made: Assembly, front: tuple[float, ...], rear: tuple[float, ...]) -> None:
    """Add lamps, each given as (x, y, z, width, height) [m]."""
    for name, color, (x, y, z, w, h) in (
        ("headlights", (0.95, 0.94, 0.88), front),
        ("taillights", (0.75, 0.06, 0.05), rear),
    ):
        made.add(name, material("plain", color), *[box(w, 0.06, h, (side * x, y, z)) for side in (-1, 1)])


def truck(look: Look) -> Thing:
    """A delivery van."""
    paint = look.main(material("metal_painted", look.one_of((0.90, 0.90, 0.88), (0.85, 0.65, 0.10), (0.2, 0.34, 0.55))))
    glass = material("plain", _GLASS)
    side = [(-2.6, 0.35), (2.5, 0.35), (2.6, 0.7), (2.45, 1.15), (1.8, 1.3), (1.25, 2.2), (-2.6, 2.3)]
    made = Assembly("van").add("body", paint, prism(side, 1.9, "x").moved(-0.95))
    pane = [(2.0, 1.3), (1.75, 1.42), (1.32, 2.0), (0.6, 2.0), (0.6, 1.3)]
    screen = [
        (x * s, y - k * 0.1, z - k * 0.04)
        for x, y, z in ((0.85, 1.84, 1.32), (0.78, 1.37, 2.08))
        for s in (-1, 1)
        for k in (0, 1)
    ]
    made.add("glass", glass, prism(pane, 1.92, "x").moved(-0.96)).add("windscreen", glass, hull(screen))
    made.add("sill", material("plain", _BLACK), box(1.8, 4.8, 0.12, (0, 0, 0.26)))
    _wheels(made, 0.36, 0.24, 0.85, (-1.7, 1.6))
    _lamps(made, (0.7, 2.54, 0.78, 0.32, 0.18), (0.85, -2.61, 0.9, 0.12, 0.4))
    return made.done(footprint=(2.0, 5.3))


def bicycle(look: Look) -> Thing:
    """A bicycle on its stand."""
    paint = look.main(material("metal_painted", look.tones.paint))
    black = material("plain", DARK)
    wheels = [ring(0.34, 0.28, 0.045, sides=22).turned(90, "y").moved(-0.022, y, 0.34) for y in (-0.52, 0.52)]
    hubs = [tube((0, y, 0.34 - 0.3), (0, y, 0.34 + 0.3), 0.012, 5) for y in (-0.52, 0.52)]
    made = Assembly("bicycle").add("wheels", black, *wheels).add("spokes", material("metal_brushed", STEEL), *hubs)
    nodes = {
        "b": (0, -0.02, 0.3),
        "s": (0, -0.18, 0.82),
        "h": (0, 0.38, 0.82),
        "r": (0, -0.52, 0.34),
        "f": (0, 0.52, 0.34),
        "t": (0, 0.34, 1.0),
    }
    bars = [tube(nodes[a], nodes[b], 0.022, 6) for a, b in ("bs", "sh", "bh", "br", "sr", "hf", "ht")]
    made.add("frame", paint, *bars)
    made.add(
        "saddle", black, cushion(0.14, 0.26, 0.06, (0, -0.2, 0.88)), tube((0, -0.18, 0.8), (0, -0.19, 0.9), 0.02, 6)
    )
    made.add(
        "handlebar",
        black,
        tube((-0.26, 0.33, 1.0), (0.26, 0.33, 1.0), 0.02, 6),
        tube((0, -0.1, 0.3), (0.2, -0.14, 0.0), 0.016, 5),
    )
    return made.done(footprint=(0.56, 1.75))
