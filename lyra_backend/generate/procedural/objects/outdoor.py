"""Streets and nature: cars, lamps, cones, trees, rocks."""

from __future__ import annotations

import numpy as np

from ..palette import CARS, DARK, STEEL, blend, jitter, material, pick
from ..shapes import Mesh, ball, box, cushion, cylinder, hull, join, lathe, prism, ring, tube
from ..things import Assembly, Look, Thing

__all__ = [
    "barrier",
    "bicycle",
    "bollard",
    "bush",
    "car",
    "conifer",
    "fence",
    "hydrant",
    "log",
    "mailbox",
    "planter",
    "rock",
    "sign",
    "street_bin",
    "street_lamp",
    "stump",
    "tent",
    "traffic_cone",
    "tree",
    "truck",
]


def car(look: Look) -> Thing:
    """A parked hatchback or saloon, front towards +y."""
    paint = look.main(material("metal_painted", pick(look.rng, CARS)))
    black, glass = material("plain", (0.07, 0.07, 0.08)), material("plain", (0.13, 0.17, 0.20))
    saloon = look.chance(0.5)
    rear = [(-2.1, 0.62), (-2.05, 0.92)] + ([(-1.45, 0.98)] if saloon else [])
    roof = [(-0.95 if saloon else -1.75, 1.42), (0.35, 1.42)]
    side = [(-2.1, 0.3), (2.1, 0.3), (2.15, 0.55), (2.05, 0.78), (1.15, 0.94), *reversed(roof), *reversed(rear)]
    made = Assembly("car").add("body", paint, _tapered(prism(side, 1.74, "x").moved(-0.87), 0.95, 1.42, 0.84))
    pane = [(1.0, 0.97), (0.33, 1.36), (roof[0][0] + 0.06, 1.36), ((-1.4 if saloon else -1.92), 0.99)]
    made.add("glass", glass, _tapered(prism(pane, 1.76, "x").moved(-0.88), 0.95, 1.42, 0.84))
    front = hull(
        [
            (x * sx, y, z)
            for x, y, z in ((0.72, 1.13, 0.97), (0.62, 0.42, 1.385))
            for sx in (-1, 1)
            for y, z in ((y, z), (y - 0.1, z - 0.03))
        ]
    )
    made.add("windscreen", glass, front)
    wheels = [
        cylinder(0.32, 0.22, sides=20).turned(90, "y").moved(x * 0.78 - 0.11, y, 0.32)
        for x in (-1, 1)
        for y in (-1.32, 1.3)
    ]
    hubs = [
        cylinder(0.19, 0.235, sides=14).turned(90, "y").moved(x * 0.78 - 0.1175, y, 0.32)
        for x in (-1, 1)
        for y in (-1.32, 1.3)
    ]
    made.add("wheels", black, *wheels).add("hubs", material("metal_brushed", STEEL), *hubs)
    made.add("sill", black, box(1.7, 3.9, 0.14, (0, 0, 0.2)))
    made.add(
        "headlights",
        material("plain", (0.95, 0.94, 0.88)),
        *[box(0.36, 0.06, 0.13, (x * 0.62, 2.1, 0.58)) for x in (-1, 1)],
    )
    made.add(
        "taillights",
        material("plain", (0.75, 0.06, 0.05)),
        *[box(0.3, 0.06, 0.14, (x * 0.66, -2.08, 0.72)) for x in (-1, 1)],
    )
    made.add(
        "plates",
        material("plain", (0.93, 0.93, 0.88)),
        box(0.5, 0.03, 0.11, (0, 2.145, 0.42)),
        box(0.5, 0.03, 0.11, (0, -2.105, 0.5)),
    )
    made.add("mirrors", paint, *[box(0.16, 0.1, 0.12, (x * 0.93, 0.72, 0.95)) for x in (-1, 1)])
    return made.done(footprint=(1.86, 4.3))


def _tapered(mesh: Mesh, low: float, high: float, share: float) -> Mesh:
    """Narrow a body towards its top: full width below `low`, `share` of it at `high` [m]."""

    def narrow(points: np.ndarray) -> np.ndarray:
        factor = np.interp(points[:, 2], [low, high], [1.0, share])
        return points * np.column_stack([factor, np.ones(len(points)), np.ones(len(points))])

    return mesh.bent(narrow)


def truck(look: Look) -> Thing:
    """A delivery van."""
    paint = look.main(material("metal_painted", look.one_of((0.90, 0.90, 0.88), (0.85, 0.65, 0.10), (0.2, 0.34, 0.55))))
    black, glass = material("plain", (0.07, 0.07, 0.08)), material("plain", (0.13, 0.17, 0.20))
    side = [(-2.6, 0.35), (2.5, 0.35), (2.6, 0.7), (2.45, 1.15), (1.8, 1.3), (1.25, 2.2), (-2.6, 2.3)]
    made = Assembly("van").add("body", paint, prism(side, 1.9, "x").moved(-0.95))
    made.add(
        "glass", glass, prism([(2.0, 1.3), (1.75, 1.42), (1.32, 2.0), (0.6, 2.0), (0.6, 1.3)], 1.92, "x").moved(-0.96)
    )
    made.add(
        "windscreen",
        glass,
        hull(
            [
                (x * sx, y, z)
                for x, y, z in ((0.85, 1.84, 1.32), (0.78, 1.37, 2.08))
                for sx in (-1, 1)
                for y, z in ((y, z), (y - 0.1, z - 0.04))
            ]
        ),
    )
    wheels = [
        cylinder(0.36, 0.24, sides=20).turned(90, "y").moved(x * 0.85 - 0.12, y, 0.36)
        for x in (-1, 1)
        for y in (-1.7, 1.6)
    ]
    hubs = [
        cylinder(0.2, 0.26, sides=14).turned(90, "y").moved(x * 0.85 - 0.13, y, 0.36)
        for x in (-1, 1)
        for y in (-1.7, 1.6)
    ]
    made.add("wheels", black, *wheels, box(1.8, 4.8, 0.12, (0, 0, 0.26))).add(
        "hubs", material("metal_brushed", STEEL), *hubs
    )
    made.add(
        "lights",
        material("plain", (0.95, 0.94, 0.88)),
        *[box(0.32, 0.06, 0.18, (x * 0.7, 2.54, 0.78)) for x in (-1, 1)],
    )
    made.add(
        "taillights",
        material("plain", (0.75, 0.06, 0.05)),
        *[box(0.12, 0.04, 0.4, (x * 0.85, -2.61, 0.9)) for x in (-1, 1)],
    )
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
    white = material("plain", (0.94, 0.94, 0.92))
    made = Assembly("traffic_cone").add("foot", plastic, cushion(0.38, 0.38, 0.045, bevel=0.012))
    made.add("cone", plastic, lathe([(0.14, 0.045), (0.03, 0.7)], 20))
    bands = [
        lathe([(0.144 - 0.168 * (z - 0.045), z), (0.144 - 0.168 * (z + 0.07), z + 0.11)], 20) for z in (0.22, 0.46)
    ]
    return made.add("bands", white, *bands).done()


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


def tree(look: Look) -> Thing:
    """A broad-leaved tree with a round crown above head height."""
    h, lean = look.between(3.6, 5.2), look.between(-0.15, 0.15)
    bark = material("bark", jitter(look.rng, (0.38, 0.29, 0.21), 0.08), tile_m=0.6)
    leaf = look.main(
        material(
            "leaves",
            jitter(look.rng, look.one_of((0.25, 0.42, 0.14), (0.34, 0.46, 0.16), (0.18, 0.36, 0.15)), 0.08),
            tile_m=0.8,
        )
    )
    trunk = lathe([(0.22, 0), (0.15, 0.25), (0.12, 1.4), (0.09, h * 0.7)], 12)
    made = Assembly("tree").add("trunk", bark, trunk.bent(lambda p: p + np.outer(p[:, 2] ** 2, [lean * 0.1, 0, 0])))
    top, crown, branches = np.array([lean * 0.1 * (h * 0.7) ** 2, 0.0, h * 0.72]), [], []
    turn = look.between(0, 6.28)
    for k in range(6):
        angle, r = turn + k * 1.05, look.between(0.55, 0.85)
        centre = top + [r * np.cos(angle), r * np.sin(angle), look.between(-0.45, 0.4)]
        size = look.between(0.6, 0.85)
        crown.append(ball(size, size, size * 0.8, tuple(centre), subdivisions=2, rough=0.16, rng=look.rng))
        branches.append(tube(tuple(top - [0, 0, h * 0.22]), tuple(centre), 0.045, 6))
    crown.append(ball(0.8, 0.8, 0.7, tuple(top + [0, 0, 0.55]), subdivisions=2, rough=0.16, rng=look.rng))
    return made.add("branches", bark, *branches).add("crown", leaf, *crown).done(footprint=(0.5, 0.5))


def conifer(look: Look) -> Thing:
    """A fir with four skirts of branches; the lowest leaves the trunk free."""
    h = look.between(3.8, 5.6)
    bark = material("bark", jitter(look.rng, (0.34, 0.25, 0.18), 0.08), tile_m=0.6)
    leaf = look.main(material("leaves", jitter(look.rng, (0.13, 0.29, 0.16), 0.1), tile_m=0.6))
    made = Assembly("conifer").add("trunk", bark, lathe([(0.17, 0), (0.12, 0.3), (0.05, h * 0.9)], 10))
    skirts = []
    for k in range(5):
        low, share = 1.0 + (h - 1.0) * k / 5.2, 1 - k / 5.6
        r = look.between(0.95, 1.1) * share
        cone = lathe([(0.1, low + 0.18), (r, low), (r * 0.45, low + (h - 1) * 0.2), (0.03, low + (h - 1.0) * 0.34)], 18)
        skirts.append(_scalloped(cone, int(look.rng.integers(5, 8)), look.between(0, 6.28)))
    return made.add("needles", leaf, *skirts).done(footprint=(1.7, 1.7))


def _scalloped(cone: Mesh, waves: int, phase: float) -> Mesh:
    """Give a skirt of branches an uneven edge."""

    def ripple(points: np.ndarray) -> np.ndarray:
        factor = 1 + 0.13 * np.cos(waves * np.arctan2(points[:, 1], points[:, 0]) + phase)
        return points * np.column_stack([factor, factor, np.ones(len(points))])

    return cone.bent(ripple)


def bush(look: Look) -> Thing:
    """A low round bush."""
    leaf = look.main(
        material("leaves", jitter(look.rng, look.one_of((0.22, 0.38, 0.14), (0.32, 0.42, 0.18)), 0.1), tile_m=0.5)
    )
    size, lumps = look.between(0.35, 0.6), []
    for k in range(4):
        r = 0.5 * size * (k > 0)
        at = (r * np.cos(k * 2.1), r * np.sin(k * 2.1), size * 0.55)
        lumps.append(ball(size * 0.8, size * 0.8, size * 0.75, at, subdivisions=2, rough=0.2, rng=look.rng))
    body = join(lumps).bent(lambda p: np.column_stack([p[:, 0], p[:, 1], np.maximum(p[:, 2], -0.05)]))
    return Assembly("bush").add("leaves", leaf, body).done()


def rock(look: Look) -> Thing:
    """A boulder, sunk a little into the ground."""
    stone = look.main(
        material(
            "rock",
            jitter(look.rng, look.one_of((0.50, 0.48, 0.45), (0.56, 0.50, 0.43), (0.40, 0.41, 0.42)), 0.06),
            tile_m=1.2,
        )
    )
    w, d, h = look.between(0.4, 0.9), look.between(0.35, 0.75), look.between(0.3, 0.6)
    body = ball(w, d, h, (0, 0, h * 0.55), subdivisions=3, rough=0.34, grain=0.045, rng=look.rng)
    flat = body.bent(lambda p: np.column_stack([p[:, 0], p[:, 1], np.maximum(p[:, 2], -0.12)]))
    return Assembly("rock").add("body", stone, flat).done()


def log(look: Look) -> Thing:
    """A fallen trunk lying on the ground."""
    length, r = look.between(1.4, 2.4), look.between(0.16, 0.24)
    body = (
        lathe([(r, 0), (r * 1.05, length * 0.3), (r * 0.88, length)], 14)
        .turned(90, "y")
        .moved(-length / 2, 0, r * 0.95)
    )
    made = Assembly("log").add(
        "bark", look.main(material("bark", jitter(look.rng, (0.36, 0.27, 0.19), 0.1), tile_m=0.6)), body
    )
    ends = [
        cylinder(r * s * 0.9, 0.012, sides=14).turned(90, "y").moved(x, 0, r * 0.95)
        for x, s in ((-length / 2 - 0.008, 1.0), (length / 2 - 0.004, 0.88))
    ]
    made.add("ends", material("wood_grain", (0.72, 0.56, 0.36), tile_m=0.4), *ends)
    stub = tube((length * 0.15, 0, r), (length * 0.22, r * 1.5, r * 2.1), 0.05, 8)
    return made.add("stub", material("bark", (0.36, 0.27, 0.19), tile_m=0.6), stub).done()


def stump(look: Look) -> Thing:
    """A tree stump."""
    r, h = look.between(0.2, 0.32), look.between(0.3, 0.5)
    made = Assembly("stump").add(
        "bark",
        look.main(material("bark", (0.36, 0.27, 0.19), tile_m=0.6)),
        lathe([(r * 1.35, 0), (r * 1.05, 0.12), (r, h)], 16),
    )
    return made.add(
        "cut", material("wood_grain", (0.74, 0.58, 0.38), tile_m=0.5), cylinder(r * 0.93, 0.012, (0, 0, h), sides=16)
    ).done()


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
