"""What stands in streets and on camp sites: lamps, cones, barriers, signs, a tent."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from ..palette import DARK, STEEL, blend, jitter, material
from ..shapes import ball, box, cushion, cylinder, hull, lathe, prism, ring, tube
from ..things import Assembly, Look, Thing

__all__ = [
    "barrier",
    "bollard",
    "fence",
    "hydrant",
    "mailbox",
    "planter",
    "sign",
    "street_bin",
    "street_lamp",
    "tent",
    "traffic_cone",
]


def street_lamp(look: Look) -> Thing:
    """A street lamp, 4 m high, with an arm towards +y."""
    steel = look.main(
        material("metal_painted", look.one_of((0.24, 0.27, 0.28), (0.45, 0.47, 0.48), (0.14, 0.26, 0.22)))
    )
    made = Assembly("street_lamp").add("base", steel, cylinder(0.13, 0.5, top=0.1, sides=14))
    made.add(
        "post", steel, cylinder(0.065, 3.5, (0, 0, 0.5), top=0.05, sides=12), tube((0, 0, 3.9), (0, 0.75, 4.05), 0.045)
    )
    made.add("head", steel, cushion(0.26, 0.6, 0.12, (0, 0.85, 4.02)))
    return made.add("light", material("plain", (1.0, 0.95, 0.80)), box(0.18, 0.44, 0.03, (0, 0.86, 3.99))).done(
        footprint=(0.28, 0.28)
    )


def traffic_cone(look: Look) -> Thing:
    """A traffic cone with white bands."""
    plastic = look.main(material("plain", (0.92, 0.36, 0.05)))
    made = Assembly("traffic_cone").add("foot", plastic, cushion(0.38, 0.38, 0.045, bevel=0.012))
    # Slices that meet face to face: sleeves over a whole cone would leave rims a few millimetres wide.
    levels = (0.045, 0.22, 0.33, 0.46, 0.56, 0.7)
    slices = [lathe([(_cone_radius(a), a), (_cone_radius(b), b)], 20) for a, b in pairwise(levels)]
    made.add("cone", plastic, *slices[::2])
    return made.add("bands", material("plain", (0.94, 0.94, 0.92)), *slices[1::2]).done()


def _cone_radius(z: float) -> float:
    """Return the radius of a traffic cone at a height [m]."""
    return 0.14 - 0.168 * (z - 0.045)


def barrier(look: Look) -> Thing:
    """A road-work barrier with red and white boards."""
    stripes = look.main(material("hazard_stripes", (0.80, 0.12, 0.10), (0.93, 0.93, 0.91), 0.4))
    foot = material("plain", (0.16, 0.16, 0.17))
    made = Assembly("barrier").add(
        "boards", stripes, box(1.6, 0.04, 0.22, (0, 0, 0.78)), box(1.6, 0.04, 0.16, (0, 0, 0.42))
    )
    made.add(
        "posts",
        material("metal_painted", (0.82, 0.82, 0.8)),
        *[box(0.06, 0.06, 1.0, (x * 0.66, 0.05, 0)) for x in (-1, 1)],
    )
    return made.add("feet", foot, *[cushion(0.2, 0.6, 0.09, (x * 0.66, 0.05, 0), bevel=0.02) for x in (-1, 1)]).done()


def bollard(look: Look) -> Thing:
    """A steel bollard."""
    paint = look.main(material("metal_painted", look.one_of((0.2, 0.22, 0.23), (0.9, 0.72, 0.1))))
    made = Assembly("bollard").add("post", paint, lathe([(0.09, 0), (0.09, 0.85), (0.06, 0.92)], 16))
    return made.add("band", material("plain", (0.93, 0.92, 0.88)), ring(0.094, 0.05, 0.1, (0, 0, 0.66), 16)).done()


def hydrant(look: Look) -> Thing:
    """A fire hydrant."""
    red = look.main(material("metal_painted", (0.74, 0.12, 0.08)))
    made = Assembly("hydrant").add(
        "body",
        red,
        lathe([(0.16, 0), (0.16, 0.06), (0.11, 0.08), (0.11, 0.5), (0.14, 0.52), (0.12, 0.6), (0.03, 0.68)], 16),
    )
    caps = [tube((x * 0.1, 0, 0.4), (x * 0.19, 0, 0.4), 0.055, 10) for x in (-1, 1)] + [
        tube((0, 0.09, 0.36), (0, 0.19, 0.36), 0.07, 10)
    ]
    return made.add("caps", material("metal_painted", (0.85, 0.8, 0.7)), *caps).done()


def mailbox(look: Look) -> Thing:
    """A post box."""
    paint = look.main(material("metal_painted", look.one_of((0.74, 0.1, 0.08), (0.12, 0.25, 0.55), (0.92, 0.72, 0.08))))
    made = Assembly("mailbox").add(
        "body", paint, cushion(0.48, 0.42, 0.95, (0, 0, 0.2), bevel=0.05), box(0.36, 0.3, 0.2)
    )
    return made.add("slot", material("plain", DARK), box(0.34, 0.01, 0.05, (0, 0.212, 0.9))).done()


def street_bin(look: Look) -> Thing:
    """A litter bin for a street."""
    paint = look.main(
        material("metal_painted", look.one_of((0.16, 0.32, 0.24), (0.28, 0.30, 0.31), (0.85, 0.42, 0.08)))
    )
    made = Assembly("bin").add("body", paint, lathe([(0.2, 0.05), (0.25, 0.8)], 20), cylinder(0.12, 0.05, sides=14))
    return made.add("rim", material("plain", DARK), ring(0.27, 0.2, 0.07, (0, 0, 0.78), 20)).done()


def sign(look: Look) -> Thing:
    """A round traffic sign on a post."""
    steel, red = material("metal_brushed", STEEL), look.main(material("metal_painted", (0.78, 0.09, 0.08)))
    made = Assembly("sign").add("post", steel, cylinder(0.035, 2.5, sides=10))
    made.add("disc", red, cylinder(0.32, 0.03, sides=26).turned(-90, "x").moved(0, 0.035, 2.25))
    return made.add("face", material("plain", (0.94, 0.94, 0.92)), box(0.44, 0.01, 0.12, (0, 0.07, 2.19))).done(
        footprint=(0.2, 0.2)
    )


def fence(look: Look) -> Thing:
    """Two metres of wooden fence."""
    wood = look.main(material("wood_grain", jitter(look.rng, (0.55, 0.42, 0.28)), tile_m=0.6))
    posts = [box(0.1, 0.1, 1.1, (x, 0, 0)) for x in (-0.95, 0.95)]
    rails = [box(1.8, 0.045, 0.1, (0, 0, z)) for z in (0.3, 0.78)]
    pales = [box(0.1, 0.03, 0.9, (x, 0.036, 0.1)) for x in np.linspace(-0.78, 0.78, 9)]
    return Assembly("fence").add("posts", wood, *posts).add("rails", wood, *rails).add("pales", wood, *pales).done()


def planter(look: Look) -> Thing:
    """A concrete planter with a shrub."""
    stone = look.main(material("concrete", (0.66, 0.65, 0.62)))
    w, d = look.between(1.0, 1.5), 0.55
    made = Assembly("planter").add("tub", stone, box(w, d, 0.5))
    made.add("soil", material("soil", (0.25, 0.18, 0.12), tile_m=0.5), box(w - 0.14, d - 0.14, 0.02, (0, 0, 0.5)))
    green = material("leaves", jitter(look.rng, (0.24, 0.42, 0.16), 0.1), tile_m=0.5)
    balls = [
        ball(0.28, 0.24, 0.26, (x, 0, 0.66), rough=0.2, rng=look.rng) for x in np.linspace(-w / 2 + 0.3, w / 2 - 0.3, 3)
    ]
    return made.add("shrub", green, *balls).done()


def tent(look: Look) -> Thing:
    """A ridge tent, closed."""
    cloth = look.main(
        material("fabric", look.one_of((0.85, 0.45, 0.10), (0.20, 0.42, 0.30), (0.16, 0.35, 0.6)), tile_m=0.5)
    )
    ridge = prism([(0, -0.95), (1.25, -0.06), (1.25, 0.06), (0, 0.95)], 2.1, "y").moved(0, -1.05)
    made = Assembly("tent").add("skin", cloth, ridge)
    flap = hull([(-0.5, 1.05, 0), (0.5, 1.05, 0), (0, 1.05, 1.05), (-0.5, 1.07, 0), (0.5, 1.07, 0), (0, 1.07, 1.05)])
    return made.add("flap", material("fabric", blend(cloth.color, (0.05, 0.05, 0.05), 0.45), tile_m=0.5), flap).done(
        front=0.6
    )
