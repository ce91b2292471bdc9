"""Pallets, crates, barrels, boxes and what else stands in stores."""

from __future__ import annotations

import numpy as np

from ..palette import DARK, STEEL, blend, jitter, material
from ..shapes import Mesh, box, cushion, cylinder, lathe, prism, ring, tube
from ..things import Assembly, Look, Thing

__all__ = [
    "KRAFT",
    "PINE",
    "barrel",
    "bin_",
    "cabinet",
    "cardboard_box",
    "crate",
    "forklift",
    "gas_cylinder",
    "ladder",
    "locker",
    "pallet",
    "pallet_jack",
    "planks",
    "sack",
    "tote",
]

PINE = (0.76, 0.60, 0.40)
KRAFT = (0.69, 0.53, 0.36)


def pallet(look: Look) -> Thing:
    """A four-way pallet, 1.2 by 0.8 m, empty or loaded with boxes or sacks."""
    wood = look.main(material("wood_grain", jitter(look.rng, PINE, 0.06), tile_m=0.8))
    slats = [box(1.2, 0.145, 0.022, (0, y, 0.122)) for y in np.linspace(-0.327, 0.327, 5)]
    skids = [box(1.2, 0.1, 0.022, (0, y, 0)) for y in (-0.35, 0, 0.35)]
    blocks = [box(0.145, 0.1, 0.1, (x, y, 0.022)) for x in (-0.52, 0, 0.52) for y in (-0.35, 0, 0.35)]
    made = Assembly("pallet").add("slats", wood, *slats).add("skids", wood, *skids).add("blocks", wood, *blocks)
    load = look.rng.random()
    if load < 0.55:
        _boxes(made, look, 0.144)
    elif load < 0.72:
        _drums(made, look, 0.144)
    else:
        made.top(0, 0, 1.1, 0.7, 0.144)
    return made.done()


def _boxes(made: Assembly, look: Look, base: float) -> None:
    """Stack cartons on a pallet in layers of 3 by 2."""
    layers, height = int(look.rng.integers(1, 4)), look.between(0.26, 0.36)
    kraft = material("cardboard", jitter(look.rng, KRAFT, 0.05), tile_m=0.4)
    cartons: list[Mesh] = []
    for layer in range(layers):
        for k in range(6):
            if layer == layers - 1 and look.chance(0.25):
                continue
            x, y = (k % 3 - 1) * 0.39, (k // 3 - 0.5) * 0.38
            shift = look.rng.normal(0, 0.004, 2)
            cartons.append(box(0.378, 0.368, height, (x + shift[0], y + shift[1], base + layer * height)))
    made.add("cartons", kraft, *cartons)


def _drums(made: Assembly, look: Look, base: float) -> None:
    """Put sacks in crossed layers on a pallet."""
    cloth = material("fabric", look.one_of((0.80, 0.76, 0.66), (0.88, 0.87, 0.84), (0.62, 0.50, 0.36)), tile_m=0.3)
    sacks = [
        cushion(0.54, 0.37, 0.15, (x * 0.275, y * 0.19, base + layer * 0.15), bevel=0.05)
        for layer in range(int(look.rng.integers(2, 5)))
        for x in (-1, 1)
        for y in (-1, 1)
    ]
    made.add("sacks", cloth, *sacks)


def planks(look: Look) -> Thing:
    """A stack of sawn boards on two bearers."""
    wood = look.main(material("wood_grain", jitter(look.rng, PINE, 0.06), tile_m=0.8))
    length, wide, thick = look.between(1.6, 2.4), 0.16, 0.045
    made = Assembly("planks").add("bearers", wood, *[box(0.09, 0.7, 0.08, (x * length * 0.32, 0, 0)) for x in (-1, 1)])
    boards = [
        box(
            length - look.between(0.0, 0.12),
            wide - 0.006,
            thick - 0.003,
            (look.between(-0.04, 0.04), y, 0.08 + layer * thick),
        )
        for layer in range(int(look.rng.integers(4, 8)))
        for y in (np.arange(4) - 1.5) * wide
    ]
    return made.add("boards", wood, *boards).done()


def sack(look: Look) -> Thing:
    """A filled sack lying on its side."""
    cloth = look.main(material("fabric", (0.78, 0.72, 0.60), tile_m=0.3))
    return Assembly("sack").add("body", cloth, cushion(0.6, 0.4, 0.17, bevel=0.06)).done()


def crate(look: Look) -> Thing:
    """A boarded wooden crate with a frame on each side."""
    w, d, h = look.between(0.6, 0.9), look.between(0.5, 0.75), look.between(0.5, 0.8)
    wood = look.main(material("wood_planks", jitter(look.rng, (0.68, 0.50, 0.31), 0.06), tile_m=0.5))
    dark = material("wood_grain", blend(wood.color, (0.2, 0.13, 0.08), 0.3), tile_m=0.5)
    made = Assembly("crate").add("boards", wood, box(w - 0.06, d - 0.06, h - 0.03, (0, 0, 0.015)))
    b = 0.09
    posts = [box(b, b, h, (x * (w - b) / 2, y * (d - b) / 2, 0)) for x in (-1, 1) for y in (-1, 1)]
    rails = [box(w - 2 * b, 0.03, b, (0, y * (d - 0.03) / 2, z)) for y in (-1, 1) for z in (0, h - b)]
    rails += [box(0.03, d - 2 * b, b, (x * (w - 0.03) / 2, 0, z)) for x in (-1, 1) for z in (0, h - b)]
    made.add("posts", dark, *posts).add("rails", dark, *rails)
    return made.top(0, 0, w * 0.8, d * 0.8, h - 0.015).done()


def cardboard_box(look: Look) -> Thing:
    """A closed carton with a strip of tape and a label."""
    w, d, h = look.between(0.35, 0.62), look.between(0.3, 0.45), look.between(0.25, 0.45)
    kraft = look.main(material("cardboard", jitter(look.rng, KRAFT, 0.06), tile_m=0.4))
    made = Assembly("cardboard_box").add("body", kraft, box(w, d, h))
    made.add("tape", material("plain", (0.76, 0.66, 0.47)), box(w + 0.006, 0.05, 0.004, (0, 0, h)))
    made.add("label", material("plain", (0.92, 0.92, 0.9)), box(0.12, 0.004, 0.09, (w * 0.2, d / 2 + 0.002, h * 0.5)))
    return made.top(0, 0, w * 0.9, d * 0.9, h + 0.004).done()


def tote(look: Look) -> Thing:
    """A plastic stacking container with an open top."""
    plastic = look.main(material("plain", look.one_of((0.13, 0.30, 0.62), (0.62, 0.64, 0.66), (0.72, 0.15, 0.12))))
    walls = [box(0.6, 0.03, 0.28, (0, y, 0.04)) for y in (-0.185, 0.185)]
    walls += [box(0.03, 0.34, 0.28, (x, 0, 0.04)) for x in (-0.285, 0.285)]
    rim = [box(0.64, 0.02, 0.04, (0, y, 0.28)) for y in (-0.21, 0.21)]
    made = Assembly("tote").add("tray", plastic, box(0.6, 0.4, 0.04), *walls).add("rim", plastic, *rim)
    return made.done()


def barrel(look: Look) -> Thing:
    """A 200 litre steel drum with two rolling hoops."""
    paint = look.main(material("metal_painted", look.one_of((0.12, 0.30, 0.62), (0.72, 0.12, 0.10), (0.2, 0.4, 0.25))))
    if paint.pattern in ("wood_grain", "wood_planks"):
        return _cask(paint, look)
    r = 0.29
    profile = [(r, 0), (r, 0.28), (r + 0.018, 0.30), (r, 0.32), (r, 0.57), (r + 0.018, 0.59), (r, 0.61), (r, 0.88)]
    made = Assembly("barrel").add("shell", paint, lathe(profile, 24))
    rim = material("metal_painted", blend(paint.color, (0.05, 0.05, 0.05), 0.35))
    made.add("rims", rim, *[ring(r + 0.012, r - 0.03, 0.035, (0, 0, z), 24) for z in (0.0, 0.86)])
    made.add("bungs", material("metal_brushed", STEEL), cylinder(0.035, 0.02, (0.15, 0.08, 0.88), sides=8))
    return made.done()


def _cask(wood: object, look: Look) -> Thing:
    """A wooden barrel with hoops."""
    staves = look.main(material("wood_planks", (0.52, 0.35, 0.20), tile_m=0.35))
    profile = [(0.25, 0), (0.30, 0.22), (0.32, 0.45), (0.30, 0.68), (0.25, 0.9)]
    made = Assembly("barrel").add("staves", staves, lathe(profile, 20))
    iron = material("metal_painted", (0.18, 0.18, 0.19))
    made.add("hoops", iron, *[ring(r + 0.014, r - 0.03, 0.05, (0, 0, z), 20) for r, z in _HOOPS])
    return made.done()


_HOOPS = ((0.258, 0.03), (0.300, 0.20), (0.300, 0.65), (0.258, 0.82))


def bin_(look: Look) -> Thing:
    """A round waste bin with a darker lid."""
    body = look.main(material("metal_painted", look.one_of((0.30, 0.33, 0.34), (0.18, 0.38, 0.25), (0.6, 0.62, 0.64))))
    lid = material("plain", blend(body.color, (0.05, 0.05, 0.05), 0.55))
    made = Assembly("bin").add("body", body, lathe([(0.19, 0), (0.23, 0.6)], 20))
    made.add("lid", lid, lathe([(0.245, 0.6), (0.245, 0.66), (0.16, 0.74), (0.02, 0.76)], 20))
    return made.done()


def locker(look: Look) -> Thing:
    """A bank of three narrow steel lockers."""
    paint = look.main(
        material("metal_painted", look.one_of((0.36, 0.45, 0.52), (0.60, 0.62, 0.63), (0.25, 0.36, 0.30)))
    )
    door = material("metal_painted", blend(paint.color, (1, 1, 1), 0.12))
    made = Assembly("locker").add("body", paint, box(1.05, 0.48, 1.74, (0, 0, 0.06)))
    made.add("plinth", material("plain", DARK), box(1.0, 0.42, 0.06))
    made.add("doors", door, *[box(0.32, 0.02, 1.66, (x, 0.25, 0.1)) for x in (-0.345, 0, 0.345)])
    slots = [box(0.16, 0.008, 0.025, (x, 0.264, z)) for x in (-0.345, 0, 0.345) for z in (1.5, 1.56, 1.62)]
    slots += [box(0.03, 0.02, 0.1, (x + 0.12, 0.27, 0.95)) for x in (-0.345, 0, 0.345)]
    return made.add("slots", material("plain", DARK), *slots).done(front=0.6)


def cabinet(look: Look) -> Thing:
    """A two-door storage cabinet."""
    paint = look.main(material("metal_painted", look.one_of((0.62, 0.64, 0.65), (0.33, 0.37, 0.40), look.tones.paint)))
    w, h = look.between(0.8, 1.0), look.between(1.7, 1.95)
    door = material(paint.pattern, blend(paint.color, (1, 1, 1), 0.1))
    made = Assembly("cabinet").add("body", paint, box(w, 0.42, h - 0.08, (0, 0, 0.08)))
    made.add("plinth", material("plain", DARK), box(w - 0.06, 0.36, 0.08))
    made.add("doors", door, *[box(w / 2 - 0.02, 0.02, h - 0.16, (x * w / 4, 0.22, 0.12)) for x in (-1, 1)])
    made.add(
        "handles",
        material("metal_brushed", STEEL),
        *[box(0.03, 0.035, 0.2, (x, 0.247, h * 0.5)) for x in (-0.06, 0.06)],
    )
    return made.done(front=0.6)


def pallet_jack(look: Look) -> Thing:
    """A hand pallet truck."""
    paint = look.main(material("metal_painted", look.one_of((0.88, 0.45, 0.08), (0.78, 0.12, 0.10), (0.9, 0.72, 0.1))))
    black = material("plain", DARK)
    forks = [box(0.16, 1.15, 0.06, (x, 0.1, 0.06)) for x in (-0.19, 0.19)]
    made = Assembly("pallet_jack").add("forks", paint, *forks, cushion(0.54, 0.2, 0.35, (0, -0.56, 0.06)))
    wheels = [cylinder(0.06, 0.14).turned(90, "y").moved(x - 0.07, 0.6, 0.06) for x in (-0.19, 0.19)]
    wheels += [cylinder(0.09, 0.12).turned(90, "y").moved(-0.06, -0.64, 0.09)]
    made.add("wheels", black, *wheels)
    made.add(
        "handle",
        black,
        tube((0, -0.66, 0.4), (0, -0.86, 1.15), 0.022),
        tube((-0.16, -0.86, 1.15), (0.16, -0.86, 1.15), 0.025),
    )
    return made.done()


def forklift(look: Look) -> Thing:
    """A counterbalance fork-lift truck with mast and overhead guard."""
    paint = look.main(material("metal_painted", look.one_of((0.93, 0.70, 0.08), (0.86, 0.40, 0.06), (0.72, 0.12, 0.1))))
    black, steel = material("plain", DARK), material("metal_painted", (0.22, 0.23, 0.25))
    made = Assembly("forklift")
    side = [(-1.1, 0.25), (0.7, 0.25), (0.7, 0.6), (0.1, 0.62), (-0.05, 0.9), (-0.35, 1.0), (-1.1, 0.95), (-1.25, 0.7)]
    made.add("body", paint, prism([(y, z) for y, z in side], 1.0, "x").moved(-0.5))
    seat = [cushion(0.5, 0.45, 0.14, (0, -0.35, 0.98)), cushion(0.5, 0.12, 0.5, (0, -0.62, 1.05))]
    made.add("seat", black, *seat)
    made.add("wheel", black, tube((0, 0.35, 0.62), (0, 0.15, 1.05), 0.025), ring(0.17, 0.13, 0.03, (0, 0.12, 1.04), 12))
    posts = [
        tube((x, y0, z0), (x, y1, 2.0), 0.03, 6)
        for x in (-0.45, 0.45)
        for y0, z0, y1 in ((0.5, 0.6, 0.25), (-0.95, 0.95, -0.75))
    ]
    roof = [box(0.96, 0.06, 0.05, (0, y, 2.0)) for y in np.linspace(-0.78, 0.28, 6)]
    roof += [box(0.06, 1.12, 0.05, (x, -0.25, 2.0)) for x in (-0.48, 0.48)]
    made.add("guard", steel, *posts, *roof)
    rails = [box(0.1, 0.12, 2.05, (x, 0.82, 0.08)) for x in (-0.3, 0.3)]
    rails += [box(0.7, 0.08, 0.1, (0, 0.82, z)) for z in (0.35, 1.2, 2.0)]
    made.add("mast", steel, *rails, box(0.8, 0.06, 0.4, (0, 0.92, 0.15)))
    forks = [box(0.12, 1.0, 0.05, (x, 1.45, 0.1)) for x in (-0.25, 0.25)] + [
        box(0.12, 0.06, 0.5, (x, 0.97, 0.1)) for x in (-0.25, 0.25)
    ]
    made.add("forks", steel, *forks)
    wheels = [
        cylinder(r, 0.24, sides=18).turned(90, "y").moved(x - 0.12, y, r)
        for x in (-0.44, 0.44)
        for y, r in ((0.5, 0.3), (-0.8, 0.24))
    ]
    return made.add("wheels", black, *wheels).done()


def gas_cylinder(look: Look) -> Thing:
    """A tall gas bottle with valve and cap."""
    paint = look.main(
        material("metal_painted", look.one_of((0.25, 0.30, 0.33), (0.15, 0.36, 0.55), (0.55, 0.15, 0.12)))
    )
    shoulder = material("metal_painted", look.one_of((0.9, 0.88, 0.85), (0.85, 0.65, 0.1), (0.2, 0.45, 0.25)))
    made = Assembly("gas_cylinder").add("body", paint, cylinder(0.12, 1.2))
    made.add("shoulder", shoulder, lathe([(0.12, 1.2), (0.10, 1.3), (0.05, 1.36)], 16))
    return made.add(
        "valve", material("metal_brushed", (0.7, 0.6, 0.3)), cylinder(0.035, 0.12, (0, 0, 1.36), sides=8)
    ).done()


def ladder(look: Look) -> Thing:
    """A free-standing step ladder."""
    alloy = look.main(material("metal_brushed", (0.76, 0.77, 0.78)))
    rails = [
        plank_pair
        for x in (-1, 1)
        for plank_pair in (
            tube((x * 0.26, 0.5, 0), (x * 0.2, 0.05, 1.8), 0.03, 6),
            tube((x * 0.26, -0.5, 0), (x * 0.2, -0.05, 1.8), 0.03, 6),
        )
    ]
    treads = [box(0.5 - z * 0.06, 0.1, 0.035, (0, 0.5 - 0.25 * z, z)) for z in (0.3, 0.6, 0.9, 1.2, 1.5)]
    return (
        Assembly("ladder")
        .add("rails", alloy, *rails)
        .add("treads", alloy, *treads, box(0.44, 0.2, 0.04, (0, 0, 1.8)))
        .done()
    )
