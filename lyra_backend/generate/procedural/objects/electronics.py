"""Screens, keyboards, printers and other things with plugs."""

from __future__ import annotations

from ..palette import DARK, STEEL, material
from ..shapes import box, cushion, cylinder, tube
from ..things import Assembly, Look, Thing

__all__ = [
    "computer",
    "keyboard",
    "laptop",
    "monitor",
    "printer",
    "server_rack",
    "table_fan",
    "television",
    "vending_machine",
]


def monitor(look: Look) -> Thing:
    """A flat monitor on a foot."""
    black, screen = look.main(material("plain", DARK)), material("screen", (0.20, 0.38, 0.62), tile_m=0.56)
    made = Assembly("monitor").add("foot", black, box(0.24, 0.18, 0.02), box(0.06, 0.04, 0.14, (0, -0.03, 0.02)))
    made.add("case", black, box(0.56, 0.045, 0.34, (0, 0, 0.14)))
    return made.add("screen", screen, box(0.53, 0.006, 0.31, (0, 0.0255, 0.155))).done()


def keyboard(look: Look) -> Thing:
    """A keyboard and a mouse."""
    grey = look.main(material("plain", look.one_of((0.18, 0.18, 0.19), (0.82, 0.82, 0.81))))
    return (
        Assembly("keyboard").add("keys", grey, box(0.44, 0.14, 0.025), cushion(0.07, 0.11, 0.035, (0.32, 0, 0))).done()
    )


def laptop(look: Look) -> Thing:
    """An open laptop."""
    shell = look.main(material("metal_brushed", (0.66, 0.67, 0.69)))
    lid = box(0.34, 0.015, 0.23, (0, 0, 0)).turned(15, "x").moved(0, -0.11, 0.018)
    glass = box(0.31, 0.006, 0.19, (0, 0.0105, 0.02)).turned(15, "x").moved(0, -0.11, 0.018)
    made = Assembly("laptop").add("base", shell, box(0.34, 0.24, 0.018)).add("lid", shell, lid)
    return made.add("screen", material("screen", (0.25, 0.42, 0.60), tile_m=0.34), glass).done()


def computer(look: Look) -> Thing:
    """A tower computer."""
    case = look.main(material("plain", look.one_of(DARK, (0.75, 0.75, 0.74))))
    made = Assembly("computer").add("case", case, box(0.2, 0.45, 0.42))
    return made.add("bay", material("metal_brushed", STEEL), box(0.15, 0.01, 0.08, (0, 0.23, 0.3))).done()


def printer(look: Look) -> Thing:
    """A floor-standing office printer."""
    shell, dark = look.main(material("plain", (0.84, 0.84, 0.83))), material("plain", (0.25, 0.26, 0.28))
    made = Assembly("printer").add("base", shell, box(0.58, 0.58, 0.55, (0, 0, 0.04)))
    made.add("wheels", dark, box(0.5, 0.5, 0.04))
    made.add("trays", dark, *[box(0.5, 0.02, 0.15, (0, 0.295, z)) for z in (0.1, 0.28)])
    made.add("neck", dark, box(0.5, 0.5, 0.13, (0, -0.02, 0.59)))
    made.add("head", shell, cushion(0.6, 0.58, 0.22, (0, 0, 0.72), bevel=0.03))
    panel = box(0.24, 0.12, 0.02, (0.12, 0.2, 0.94))
    return made.add("panel", material("screen", (0.3, 0.5, 0.7), tile_m=0.24), panel).done(front=0.5)


def television(look: Look) -> Thing:
    """A large flat television on two feet."""
    black = look.main(material("plain", (0.07, 0.07, 0.08)))
    w = look.between(1.0, 1.35)
    h = w * 0.57
    made = Assembly("television").add("case", black, box(w, 0.05, h, (0, 0, 0.06)))
    made.add("feet", black, *[box(0.05, 0.22, 0.06, (x * w * 0.35, 0, 0)) for x in (-1, 1)])
    return made.add(
        "screen", material("screen", (0.12, 0.20, 0.32), tile_m=w), box(w - 0.05, 0.006, h - 0.05, (0, 0.028, 0.085))
    ).done()


def server_rack(look: Look) -> Thing:
    """A computer cabinet with rows of lights."""
    case = look.main(material("metal_painted", (0.12, 0.13, 0.14)))
    made = Assembly("server_rack").add("case", case, box(0.6, 0.9, 2.0))
    units = [box(0.48, 0.02, 0.075, (0, 0.46, 0.12 + 0.09 * k)) for k in range(20)]
    made.add("units", material("metal_painted", (0.3, 0.31, 0.33)), *units)
    lights = [box(0.03, 0.008, 0.02, (-0.18 + 0.05 * (k % 4), 0.474, 0.15 + 0.09 * k)) for k in range(20)]
    return made.add("lights", material("plain", (0.25, 0.85, 0.4)), *lights).done(front=0.7)


def vending_machine(look: Look) -> Thing:
    """A drinks machine."""
    case = look.main(material("metal_painted", look.one_of((0.72, 0.1, 0.1), (0.12, 0.3, 0.62), (0.2, 0.21, 0.22))))
    made = Assembly("vending_machine").add("case", case, box(0.95, 0.75, 1.83))
    made.add("window", material("book_spines", (0.5, 0.55, 0.4), tile_m=0.6), box(0.6, 0.01, 1.2, (-0.1, 0.38, 0.5)))
    made.add("slot", material("plain", DARK), box(0.5, 0.012, 0.18, (-0.1, 0.381, 0.18)))
    return made.add(
        "panel", material("screen", (0.3, 0.5, 0.7), tile_m=0.2), box(0.14, 0.012, 0.4, (0.34, 0.381, 1.0))
    ).done(front=0.6)


def table_fan(look: Look) -> Thing:
    """A desk fan."""
    grey = look.main(material("plain", (0.8, 0.8, 0.8)))
    made = Assembly("fan").add("foot", grey, cylinder(0.12, 0.03), tube((0, 0, 0.03), (0, 0, 0.32), 0.02))
    return made.add("head", grey, cylinder(0.16, 0.08, sides=20).turned(90, "x").moved(0, 0.04, 0.4)).done()
