"""Shelves, lamps, plants, pictures, rugs and small things of a home."""

from __future__ import annotations

import numpy as np

from ..palette import COLORS, DARK, STEEL, blend, jitter, material
from ..shapes import Mesh, ball, box, cylinder, hull, lathe, tube
from ..things import Assembly, Look, Thing

__all__ = [
    "basket",
    "books",
    "bookshelf",
    "bottle",
    "bowl",
    "cup",
    "fireplace",
    "floor_lamp",
    "mirror",
    "piano",
    "picture",
    "plant",
    "rug",
    "table_lamp",
    "toy_ball",
    "vase",
    "wall_clock",
]


def bookshelf(look: Look) -> Thing:
    """An open shelf full of books, with a box or a vase between them."""
    wood = look.main(look.wood())
    w, d, h = look.between(0.8, 1.2), 0.32, look.between(1.6, 2.0)
    t, rows = 0.035, 5
    made = Assembly("bookshelf").add("sides", wood, *[box(t, d, h, (x * (w - t) / 2, 0, 0)) for x in (-1, 1)])
    gap = (h - t) / rows
    boards = [box(w - 2 * t, d, t, (0, 0, k * gap)) for k in range(rows + 1)]
    made.add("boards", wood, *boards).add("back", wood, box(w - 2 * t, 0.02, h - 2 * t, (0, -d / 2 + 0.01, t)))
    for k in range(rows):
        _fill_row(made, look, k * gap + t, w - 2 * t, gap - t)
    return made.done(front=0.5)


def _fill_row(made: Assembly, look: Look, z: float, width: float, room: float) -> None:
    """Fill one shelf from the left with groups of books and a few boxes."""
    x, k = -width / 2 + 0.01, 0
    while x < width / 2 - 0.12:
        span = min(look.between(0.16, 0.42), width / 2 - 0.01 - x)
        draw = look.rng.random()
        if draw < 0.7:
            h = look.between(0.6, 0.88) * room
            spines = material("book_spines", look.one_of(*COLORS.values()), tile_m=0.35)
            made.add(f"books{round(z * 100)}_{k}", spines, box(span, 0.2, h, (x + span / 2, -0.03, z)))
        elif draw < 0.85:
            colored = material("cardboard", look.one_of((0.69, 0.53, 0.36), (0.85, 0.84, 0.8), look.tones.accent))
            made.add(f"box{round(z * 100)}_{k}", colored, box(span * 0.8, 0.22, room * 0.6, (x + span / 2, -0.03, z)))
        x, k = x + span + 0.015, k + 1


def books(look: Look) -> Thing:
    """A pile of books."""
    made, z = Assembly("books"), 0.0
    for k in range(int(look.rng.integers(2, 5))):
        color = look.color or look.one_of(*list(COLORS.values())[:12])
        t = look.between(0.025, 0.045)
        body = box(look.between(0.16, 0.2), look.between(0.22, 0.26), t).turned(look.between(-15, 15)).moved(0, 0, z)
        made.add(f"book{k}", material("plain", color), body)
        z += t
    return made.done()


def plant(look: Look) -> Thing:
    """A pot plant with arching leaves."""
    pot = material("plain", look.color or look.one_of((0.72, 0.40, 0.27), (0.88, 0.87, 0.84), (0.25, 0.27, 0.29)))
    soil, leaf = material("soil", (0.22, 0.16, 0.11), tile_m=0.3), jitter(look.rng, (0.20, 0.40, 0.15), 0.1)
    h = look.between(0.9, 1.5)
    made = Assembly("plant").add("pot", pot, lathe([(0.14, 0), (0.19, 0.34)], 18))
    made.add("soil", soil, cylinder(0.165, 0.01, (0, 0, 0.34), sides=14))
    stems = [tube((0, 0, 0.35), (look.between(-0.1, 0.1), look.between(-0.1, 0.1), h * 0.7), 0.022, 6)]
    made.add("stem", material("bark", (0.36, 0.30, 0.18), tile_m=0.3), *stems)
    if look.chance(0.5):
        blades = [_blade(look, k * 137.5, h) for k in range(14)]
        made.add("leaves", material("leaves", leaf, tile_m=0.4), *blades)
    else:
        crown = [_tuft(look, h) for _ in range(6)]
        made.add("leaves", material("leaves", leaf, tile_m=0.4), *crown)
    return made.done(footprint=(0.56, 0.56))


def _blade(look: Look, yaw: float, h: float) -> Mesh:
    """A pointed leaf that rises from the stem and bends outward."""
    reach, lift = look.between(0.18, 0.27), look.between(0.5, 1.0)
    base = h * (0.35 + 0.35 * lift)
    spine = np.array([[0.0, base], [reach * 0.5, base + 0.22 * lift], [reach, base + 0.12 * lift]])
    points = [(0.0, 0.0, base - 0.02), (spine[2, 0], 0.0, spine[2, 1])]
    points += [(spine[1, 0], y, spine[1, 1] + z) for y in (-0.075, 0.075) for z in (-0.012, 0.012)]
    points += [(0.02, 0.015, base), (0.02, -0.015, base)]
    return hull(np.array(points)).turned(yaw)


def _tuft(look: Look, h: float) -> Mesh:
    angle, r = look.between(0, 6.28), look.between(0.02, 0.09)
    at = (r * np.cos(angle), r * np.sin(angle), h * look.between(0.6, 0.86))
    size = look.between(0.12, 0.16)
    return ball(size, size, size * 0.9, at, subdivisions=2, rough=0.18, rng=look.rng)


def floor_lamp(look: Look) -> Thing:
    """A standing lamp with a cloth shade."""
    metal = look.main(material("metal_brushed", look.one_of(STEEL, (0.25, 0.24, 0.22), (0.62, 0.5, 0.28))))
    made = Assembly("floor_lamp").add(
        "base", metal, cylinder(0.15, 0.03, sides=20), cylinder(0.022, 1.32, (0, 0, 0.03), sides=8)
    )
    return made.add("shade", material("plain", (0.98, 0.92, 0.76)), lathe([(0.22, 1.3), (0.15, 1.62)], 20)).done()


def table_lamp(look: Look) -> Thing:
    """A small lamp with a shade."""
    foot = look.main(material("plain", look.one_of(look.tones.accent, (0.85, 0.84, 0.8), DARK)))
    made = Assembly("table_lamp").add("foot", foot, lathe([(0.07, 0), (0.085, 0.1), (0.03, 0.2), (0.022, 0.24)], 14))
    return made.add("shade", material("plain", (0.98, 0.92, 0.78)), lathe([(0.14, 0.23), (0.09, 0.4)], 16)).done()


def picture(look: Look) -> Thing:
    """A framed picture, origin at the middle of its lower edge, back at -y."""
    w, h = (
        (look.between(0.5, 0.9), look.between(0.4, 0.65))
        if look.chance(0.65)
        else (look.between(0.4, 0.55), look.between(0.6, 0.85))
    )
    frame = look.main(material("wood_grain", look.one_of(look.tones.wood, (0.12, 0.12, 0.12), (0.88, 0.87, 0.84))))
    made = Assembly("picture").add("frame", frame, box(w, 0.03, h))
    art = material("paper_picture", look.one_of(look.tones.accent, look.tones.paint, look.tones.fabric_2), tile_m=w)
    return made.add("canvas", art, box(w - 0.08, 0.006, h - 0.08, (0, 0.018, 0.04))).done()


def mirror(look: Look) -> Thing:
    """A framed mirror, origin at the middle of its lower edge, back at -y."""
    w, h = look.between(0.45, 0.7), look.between(0.9, 1.2)
    frame = look.main(material("wood_grain", look.one_of(look.tones.wood, (0.12, 0.12, 0.12), (0.88, 0.87, 0.84))))
    made = Assembly("mirror").add("frame", frame, box(w, 0.03, h))
    return made.add(
        "glass", material("glass", (0.72, 0.80, 0.83)), box(w - 0.08, 0.006, h - 0.08, (0, 0.018, 0.04))
    ).done()


def wall_clock(look: Look) -> Thing:
    """A round wall clock."""
    rim = look.main(material("plain", DARK))
    made = Assembly("clock").add("rim", rim, cylinder(0.17, 0.04, sides=24).turned(-90, "x").moved(0, -0.02, 0.17))
    made.add(
        "face",
        material("plain", (0.95, 0.94, 0.9)),
        cylinder(0.15, 0.008, sides=24).turned(-90, "x").moved(0, 0.02, 0.17),
    )
    hands = [box(0.02, 0.006, 0.1, (0, 0.031, 0.17)), box(0.08, 0.006, 0.02, (0.04, 0.031, 0.16))]
    return made.add("hands", rim, *hands).done()


def rug(look: Look) -> Thing:
    """A flat rug with a border."""
    cloth = look.main(
        material("carpet", look.one_of(look.tones.accent, look.tones.fabric_2, (0.72, 0.66, 0.55)), tile_m=0.5)
    )
    w, d = look.between(1.6, 2.4), look.between(1.2, 1.7)
    edge = material("carpet", blend(cloth.color, (0.95, 0.9, 0.8), 0.55), tile_m=0.5)
    made = Assembly("rug").add("border", edge, box(w, d, 0.012))
    return made.add("field", cloth, box(w - 0.24, d - 0.24, 0.004, (0, 0, 0.012))).done()


def fireplace(look: Look) -> Thing:
    """An open fireplace with logs and a chimney breast."""
    stone = look.main(material("brick", (0.55, 0.30, 0.23), tile_m=0.8))
    soot = material("plain", (0.07, 0.06, 0.06))
    sides = [box(0.3, 0.45, 0.8, (x * 0.55, 0, 0)) for x in (-1, 1)]
    made = Assembly("fireplace").add(
        "breast", stone, *sides, box(1.4, 0.45, 0.3, (0, 0, 0.8)), box(1.1, 0.36, 1.3, (0, -0.045, 1.16))
    )
    made.add("hearth", soot, box(0.8, 0.05, 0.8, (0, -0.2, 0))).add(
        "mantel", look.wood(), box(1.5, 0.52, 0.06, (0, 0.035, 1.1))
    )
    logs = [tube((-0.28, y, z), (0.28, y, z), 0.06, 8) for y, z in ((-0.06, 0.06), (0.08, 0.06), (0.01, 0.16))]
    return made.add("logs", material("bark", (0.3, 0.2, 0.13), tile_m=0.3), *logs).done(front=0.7)


def piano(look: Look) -> Thing:
    """An upright piano."""
    case = look.main(material("plain", (0.08, 0.07, 0.07)))
    made = Assembly("piano").add(
        "case", case, box(1.45, 0.36, 1.2, (0, -0.12, 0)), box(1.45, 0.28, 0.14, (0, 0.2, 0.6))
    )
    made.add("cheeks", case, *[box(0.07, 0.26, 0.6, (x * 0.69, 0.19, 0)) for x in (-1, 1)])
    made.add("keys", material("plain", (0.94, 0.93, 0.88)), box(1.25, 0.15, 0.02, (0, 0.25, 0.74)))
    sharps = [box(0.022, 0.09, 0.015, (x, 0.22, 0.76)) for x in np.linspace(-0.58, 0.58, 24)]
    return made.add("sharps", case, *sharps).done(front=0.6)


def vase(look: Look) -> Thing:
    """A vase with a few stems."""
    clay = look.main(material("plain", look.one_of(look.tones.accent, (0.88, 0.86, 0.82), (0.2, 0.3, 0.42))))
    made = Assembly("vase").add("body", clay, lathe([(0.05, 0), (0.085, 0.08), (0.05, 0.2), (0.06, 0.23)], 14))
    tufts = [
        ball(
            0.05,
            0.05,
            0.05,
            (look.between(-0.06, 0.06), look.between(-0.06, 0.06), look.between(0.27, 0.36)),
            subdivisions=1,
            rough=0.2,
            rng=look.rng,
        )
        for _ in range(5)
    ]
    return made.add(
        "flowers",
        material("leaves", look.one_of((0.3, 0.5, 0.2), (0.85, 0.5, 0.5), (0.9, 0.8, 0.4)), tile_m=0.2),
        *tufts,
    ).done()


def bowl(look: Look) -> Thing:
    """A bowl of fruit."""
    clay = look.main(material("plain", look.one_of((0.88, 0.87, 0.83), (0.25, 0.4, 0.5), (0.6, 0.42, 0.26))))
    made = Assembly("bowl").add("body", clay, lathe([(0.06, 0), (0.14, 0.08), (0.12, 0.08), (0.05, 0.03)], 18))
    for k, (x, y) in enumerate(((-0.045, 0.0), (0.045, 0.03), (0.01, -0.055))):
        fruit = material(
            "plain", look.one_of((0.86, 0.46, 0.1), (0.7, 0.14, 0.1), (0.55, 0.66, 0.15), (0.92, 0.8, 0.2))
        )
        made.add(f"fruit{k}", fruit, ball(0.042, 0.042, 0.042, (x, y, 0.085), subdivisions=1))
    return made.done()


def cup(look: Look) -> Thing:
    """A mug."""
    clay = look.main(material("plain", look.one_of((0.9, 0.89, 0.86), look.tones.accent, look.tones.paint)))
    made = Assembly("cup").add("body", clay, lathe([(0.04, 0), (0.045, 0.1), (0.036, 0.1), (0.034, 0.02)], 14))
    return made.add("handle", clay, box(0.035, 0.02, 0.06, (0.055, 0, 0.02))).done()


def bottle(look: Look) -> Thing:
    """A bottle."""
    glass = look.main(material("plain", look.one_of((0.12, 0.30, 0.16), (0.30, 0.16, 0.08), (0.75, 0.82, 0.84))))
    return (
        Assembly("bottle").add("body", glass, lathe([(0.04, 0), (0.04, 0.18), (0.016, 0.24), (0.016, 0.31)], 12)).done()
    )


def basket(look: Look) -> Thing:
    """A woven basket."""
    cane = look.main(material("fabric", (0.66, 0.50, 0.30), tile_m=0.15))
    return Assembly("basket").add("body", cane, lathe([(0.18, 0), (0.24, 0.34), (0.20, 0.34), (0.15, 0.05)], 18)).done()


def toy_ball(look: Look) -> Thing:
    """A ball."""
    skin = look.main(material("plain", look.one_of((0.80, 0.15, 0.12), (0.15, 0.35, 0.7), (0.92, 0.5, 0.1))))
    return Assembly("ball").add("skin", skin, ball(0.12, 0.12, 0.12, (0, 0, 0.12), subdivisions=2)).done()
