"""Kitchen units, appliances and what is in bathrooms."""

from __future__ import annotations

import numpy as np

from ..palette import DARK, STEEL, Rgb, blend, material
from ..shapes import box, cushion, cylinder, lathe, ring, tube
from ..things import Assembly, Look, Thing

__all__ = [
    "bathtub",
    "counter",
    "counter_unit",
    "fridge",
    "hood",
    "island",
    "microwave",
    "shower",
    "sink",
    "sink_unit",
    "stove",
    "toilet",
    "wall_unit",
    "washbasin",
    "washing_machine",
]

UNIT_M = 0.6
COUNTER_M = 0.9


def _front(look: Look) -> Rgb:
    return look.color or look.tones.accent


def _carcass(kind: str, look: Look, width: float) -> Assembly:
    """A base unit: plinth, body and worktop."""
    front = look.main(material("wood_grain" if look.number % 2 else "paint", _front(look)))
    made = Assembly(kind).add("plinth", material("plain", DARK), box(width, 0.5, 0.1, (0, -0.03, 0)))
    made.add(
        "body", material("plain", blend(front.color, (1, 1, 1), 0.3)), box(width, 0.56, COUNTER_M - 0.14, (0, 0, 0.1))
    )
    stone = material("marble", look.tones.stone)
    return made.add("worktop", stone, box(width, 0.62, 0.04, (0, 0.01, COUNTER_M - 0.04)))


def counter_unit(look: Look, width: float = UNIT_M) -> Thing:
    """A base unit with a door or drawers beneath a worktop."""
    made = _carcass("counter", look, width)
    front = material("paint", _front(look))
    if look.chance(0.5):
        made.add("fronts", front, *[box(width - 0.03, 0.02, 0.225, (0, 0.29, 0.12 + k * 0.245)) for k in range(3)])
        bars = [box(0.18, 0.03, 0.025, (0, 0.315, 0.28 + k * 0.245)) for k in range(3)]
    else:
        made.add("fronts", front, box(width - 0.03, 0.02, 0.72, (0, 0.29, 0.12)))
        bars = [box(0.03, 0.03, 0.18, (width / 2 - 0.07, 0.315, 0.6))]
    made.add("handles", material("metal_brushed", STEEL), *bars)
    return made.top(0, 0.02, width * 0.8, 0.4, COUNTER_M).done(footprint=(width, 0.66), front=0.8)


def counter(look: Look) -> Thing:
    """A run of three base units."""
    thing = counter_unit(look, 1.8)
    return thing


def sink_unit(look: Look, width: float = UNIT_M) -> Thing:
    """A base unit with a steel sink and a tap."""
    made = _carcass("sink", look, width)
    steel = material("metal_brushed", STEEL)
    made.add("front", material("paint", _front(look)), box(width - 0.03, 0.02, 0.72, (0, 0.29, 0.12)))
    rim = [box(0.5, 0.035, 0.02, (0, y, COUNTER_M)) for y in (-0.17, 0.2)]
    rim += [box(0.035, 0.335, 0.02, (x, 0.015, COUNTER_M)) for x in (-0.2325, 0.2325)]
    made.add("bowl", steel, *rim).add(
        "basin", material("metal_brushed", (0.42, 0.43, 0.45)), box(0.43, 0.335, 0.008, (0, 0.015, COUNTER_M))
    )
    tap = [
        cylinder(0.025, 0.26, (0, -0.23, COUNTER_M), sides=10),
        tube((0, -0.23, COUNTER_M + 0.25), (0, -0.04, COUNTER_M + 0.25), 0.02),
    ]
    made.add("tap", steel, *tap, cylinder(0.02, 0.06, (0, -0.04, COUNTER_M + 0.2), sides=8))
    return made.done(footprint=(width, 0.66), front=0.8)


def sink(look: Look) -> Thing:
    """A sink in a base unit."""
    return sink_unit(look, 0.8)


def stove(look: Look) -> Thing:
    """A cooker with four plates, an oven window and knobs."""
    shell = look.main(material("metal_brushed", look.one_of(STEEL, (0.20, 0.21, 0.22))))
    black = material("plain", (0.06, 0.06, 0.07))
    made = Assembly("stove").add("body", shell, box(0.6, 0.6, COUNTER_M - 0.06, (0, 0, 0.05)))
    made.add("plinth", black, box(0.56, 0.54, 0.05)).add(
        "hob", black, box(0.6, 0.62, 0.012, (0, 0.01, COUNTER_M - 0.01))
    )
    made.add("door", black, box(0.5, 0.02, 0.42, (0, 0.31, 0.2)))
    plates = [(x * 0.14, y * 0.13, 0.075 + 0.02 * (x == y)) for x in (-1, 1) for y in (-1, 1)]
    made.add(
        "plates",
        material("metal_painted", (0.25, 0.12, 0.1)),
        *[cylinder(r, 0.008, (x, y, COUNTER_M + 0.002), sides=18) for x, y, r in plates],
    )
    knobs = [cylinder(0.024, 0.03, sides=10).turned(-90, "x").moved(x, 0.3, 0.76) for x in np.linspace(-0.22, 0.22, 5)]
    made.add("knobs", material("metal_brushed", (0.75, 0.75, 0.75)), *knobs, box(0.44, 0.03, 0.03, (0, 0.335, 0.65)))
    if look.chance(0.6):
        pot = material("metal_painted", look.one_of((0.7, 0.12, 0.1), (0.2, 0.3, 0.5), (0.6, 0.61, 0.62)))
        made.add(
            "pot",
            pot,
            cylinder(0.11, 0.13, (-0.14, -0.13, COUNTER_M + 0.01), sides=18),
            cylinder(0.025, 0.03, (-0.14, -0.13, COUNTER_M + 0.14), sides=8),
        )
    return made.done(footprint=(0.6, 0.66), front=0.8)


def fridge(look: Look) -> Thing:
    """A tall fridge-freezer."""
    shell = look.main(
        material("metal_brushed", look.one_of((0.70, 0.71, 0.73), (0.90, 0.90, 0.89), (0.22, 0.23, 0.25)))
    )
    h = look.between(1.75, 1.9)
    made = Assembly("fridge").add(
        "body", material("plain", blend(shell.color, (0, 0, 0), 0.35)), box(0.6, 0.58, h, (0, -0.02, 0))
    )
    made.add("doors", shell, box(0.59, 0.05, 0.58, (0, 0.295, 0.06)), box(0.59, 0.05, h - 0.68, (0, 0.295, 0.66)))
    bars = [box(0.03, 0.04, 0.32, (-0.24, 0.335, z)) for z in (0.28, 0.74)]
    return made.add("handles", material("metal_brushed", (0.35, 0.36, 0.38)), *bars).done(front=0.8)


def island(look: Look) -> Thing:
    """A free-standing kitchen island."""
    front = look.main(material("paint", look.tones.accent))
    w = look.between(1.3, 1.8)
    made = Assembly("island").add("body", front, box(w - 0.1, 0.7, COUNTER_M - 0.12, (0, 0, 0.08)))
    made.add("plinth", material("plain", DARK), box(w - 0.2, 0.6, 0.08))
    made.add(
        "worktop",
        material("marble", look.tones.stone),
        box(w, 0.9, 0.04, (0, 0, COUNTER_M - 0.04)),
    )
    doors = [box(w / 3 - 0.06, 0.02, 0.66, (x * w / 3.2, y * 0.36, 0.12)) for x in (-1, 0, 1) for y in (-1, 1)]
    made.add("doors", material("paint", blend(front.color, (1, 1, 1), 0.12)), *doors)
    return made.top(0, 0, w * 0.8, 0.6, COUNTER_M).done(front=0.5)


def wall_unit(look: Look, width: float = UNIT_M) -> Thing:
    """A wall cupboard, origin at its lower edge."""
    front = look.main(material("paint", look.tones.accent))
    made = Assembly("wall_cabinet").add(
        "body", material("plain", blend(front.color, (1, 1, 1), 0.3)), box(width, 0.32, 0.7)
    )
    made.add("door", front, box(width - 0.03, 0.02, 0.67, (0, 0.17, 0.015)))
    return made.add(
        "handle", material("metal_brushed", STEEL), box(0.03, 0.03, 0.15, (width / 2 - 0.07, 0.195, 0.04))
    ).done()


def hood(look: Look) -> Thing:
    """A cooker hood with its duct, origin at its lower edge."""
    steel = look.main(material("metal_brushed", STEEL))
    canopy = lathe([(0.42, 0), (0.42, 0.05), (0.16, 0.25)], 4).turned(0).scaled(1.0, 0.8, 1.0)
    return (
        Assembly("hood").add("canopy", steel, canopy).add("duct", steel, box(0.22, 0.22, 0.55, (0, -0.12, 0.2))).done()
    )


def microwave(look: Look) -> Thing:
    """A microwave oven."""
    shell = look.main(material("metal_brushed", look.one_of(STEEL, (0.9, 0.9, 0.89), (0.15, 0.15, 0.16))))
    made = Assembly("microwave").add("case", shell, box(0.48, 0.36, 0.28))
    made.add("window", material("plain", (0.06, 0.06, 0.07)), box(0.32, 0.012, 0.2, (-0.06, 0.182, 0.04)))
    return made.add(
        "panel", material("screen", (0.25, 0.6, 0.4), tile_m=0.1), box(0.08, 0.012, 0.06, (0.17, 0.182, 0.18))
    ).done()


def washing_machine(look: Look) -> Thing:
    """A front-loading washing machine."""
    shell = look.main(material("plain", (0.90, 0.90, 0.89)))
    made = Assembly("washing_machine").add("case", shell, box(0.6, 0.58, 0.85))
    rim = ring(0.2, 0.15, 0.04, sides=24).turned(-90, "x").moved(0, 0.29, 0.42)
    made.add("rim", material("metal_brushed", STEEL), rim)
    made.add(
        "porthole",
        material("plain", (0.10, 0.12, 0.14)),
        cylinder(0.155, 0.02, sides=24).turned(-90, "x").moved(0, 0.285, 0.42),
    )
    return made.add("panel", material("plain", (0.3, 0.31, 0.33)), box(0.5, 0.01, 0.08, (0, 0.295, 0.74))).done(
        front=0.6
    )


def toilet(look: Look) -> Thing:
    """A toilet with cistern."""
    ware = look.main(material("plain", (0.93, 0.93, 0.91)))
    pan = lathe([(0.12, 0), (0.11, 0.1), (0.18, 0.36), (0.19, 0.4)], 20).scaled(1, 1.25, 1).moved(0, 0.12, 0)
    seat = cylinder(0.195, 0.035, (0, 0, 0.4), sides=20).scaled(1, 1.25, 1).moved(0, 0.12, 0)
    made = Assembly("toilet").add("pan", ware, pan, seat)
    made.add("cistern", ware, cushion(0.4, 0.2, 0.4, (0, -0.22, 0.4), bevel=0.03), box(0.22, 0.22, 0.4, (0, -0.2, 0)))
    return made.add("button", material("metal_brushed", STEEL), cylinder(0.03, 0.015, (0, -0.22, 0.8), sides=10)).done(
        front=0.6
    )


def washbasin(look: Look) -> Thing:
    """A washbasin on a cupboard with a mirror above."""
    ware, wood = look.main(material("plain", (0.93, 0.93, 0.91))), look.wood()
    made = Assembly("washbasin").add("cupboard", wood, box(0.75, 0.42, 0.72, (0, 0, 0.06)))
    made.add("plinth", material("plain", DARK), box(0.7, 0.36, 0.06))
    made.add(
        "doors",
        material(wood.pattern, blend(wood.color, (1, 1, 1), 0.12)),
        *[box(0.35, 0.02, 0.64, (x * 0.185, 0.22, 0.1)) for x in (-1, 1)],
    )
    walls = [box(0.8, 0.06, 0.1, (0, y, 0.78)) for y in (-0.2, 0.22)] + [
        box(0.1, 0.36, 0.1, (x, 0.01, 0.78)) for x in (-0.35, 0.35)
    ]
    made.add("basin", ware, *walls, box(0.6, 0.36, 0.03, (0, 0.01, 0.78)))
    made.add(
        "tap",
        material("metal_brushed", STEEL),
        cylinder(0.022, 0.14, (0, -0.19, 0.88), sides=8),
        tube((0, -0.19, 1.0), (0, -0.06, 1.0), 0.02),
    )
    made.add("mirror", material("glass", (0.72, 0.80, 0.83)), box(0.7, 0.03, 0.8, (0, -0.215, 1.15)))
    return made.done(front=0.6)


def bathtub(look: Look) -> Thing:
    """A bathtub with a panel."""
    ware = look.main(material("plain", (0.93, 0.93, 0.91)))
    walls = [box(1.7, 0.09, 0.56, (0, y * 0.33, 0)) for y in (-1, 1)] + [
        box(0.1, 0.57, 0.56, (x * 0.8, 0, 0)) for x in (-1, 1)
    ]
    made = Assembly("bathtub").add("tub", ware, *walls, box(1.5, 0.57, 0.14))
    steel = material("metal_brushed", STEEL)
    return made.add(
        "tap", steel, cylinder(0.025, 0.16, (0.78, 0, 0.56), sides=8), tube((0.78, 0, 0.7), (0.6, 0, 0.7), 0.02)
    ).done(front=0.5)


def shower(look: Look) -> Thing:
    """A shower tray with a tiled back and a pole."""
    ware, steel = look.main(material("plain", (0.92, 0.92, 0.90))), material("metal_brushed", STEEL)
    made = Assembly("shower").add("tray", ware, box(0.9, 0.9, 0.08))
    made.add("panel", material("tiles", (0.45, 0.62, 0.66), tile_m=0.4), box(0.9, 0.04, 2.0, (0, -0.43, 0.08)))
    pole = [
        tube((0, -0.37, 0.9), (0, -0.37, 2.0), 0.02),
        tube((0, -0.37, 2.0), (0, -0.12, 2.0), 0.02),
        cylinder(0.1, 0.03, (0, -0.12, 1.96), sides=14),
    ]
    return made.add("pole", steel, *pole).done(front=0.4)
