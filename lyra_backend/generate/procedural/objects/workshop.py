"""Benches, tools and machines of workshops."""

from __future__ import annotations

import numpy as np

from ..palette import DARK, STEEL, blend, jitter, material
from ..shapes import Mesh, box, cushion, cylinder, lathe, prism, ring, tube
from ..things import Assembly, Look, Thing

__all__ = [
    "drill_press",
    "lathe_machine",
    "pegboard",
    "robot_arm",
    "saw_table",
    "shelf_unit",
    "tires",
    "tool_cabinet",
    "toolbox",
    "welding_set",
    "workbench",
]


def pegboard(look: Look) -> Thing:
    """A board of hanging tools, origin at its lower edge."""
    board = look.main(
        material("metal_painted", look.one_of((0.30, 0.40, 0.45), (0.75, 0.70, 0.58), (0.55, 0.16, 0.12)))
    )
    w = look.between(1.4, 1.9)
    made = Assembly("pegboard").add("board", board, box(w, 0.03, 0.9))
    steel, grip = (
        material("metal_brushed", STEEL),
        material("plain", look.one_of((0.8, 0.15, 0.1), (0.9, 0.6, 0.1), (0.15, 0.3, 0.6))),
    )
    shafts: list[Mesh] = []
    grips: list[Mesh] = []
    for k, x in enumerate(np.arange(-w / 2 + 0.14, w / 2 - 0.1, 0.155)):
        z, length = 0.46 + 0.1 * (k % 2), look.between(0.16, 0.26)
        shafts.append(box(0.03 + 0.05 * (k % 3 == 1), 0.025, length, (x, 0.03, z)))
        grips.append(box(0.042, 0.035, 0.13, (x, 0.032, z - 0.13)))
        if k % 3 == 0:
            shafts.append(box(0.12, 0.04, 0.05, (x, 0.035, z + length)))
    made.add("shafts", steel, *shafts).add("grips", grip, *grips)
    boxes = [box(0.16, 0.09, 0.1, (x, 0.06, 0.06)) for x in np.arange(-w / 2 + 0.14, w / 2 - 0.1, 0.22)]
    return made.add("trays", material("plain", look.one_of((0.85, 0.65, 0.1), (0.15, 0.32, 0.6))), *boxes).done()


def workbench(look: Look) -> Thing:
    """A workbench with a vice, drawers and tools lying on it."""
    wood = look.main(material("wood_grain", jitter(look.rng, (0.70, 0.53, 0.33)), tile_m=1.0))
    w, d, h = look.between(1.7, 2.3), 0.72, 0.88
    steel = material("metal_painted", (0.26, 0.33, 0.38))
    made = Assembly("workbench").add("top", wood, box(w, d, 0.07, (0, 0, h - 0.07)))
    legs = [box(0.08, 0.08, h - 0.07, (x * (w / 2 - 0.1), y * (d / 2 - 0.09), 0)) for x in (-1, 1) for y in (-1, 1)]
    made.add("legs", steel, *legs, box(w - 0.28, d - 0.2, 0.035, (0, 0, 0.2)))
    side = -1 if look.chance(0.5) else 1
    made.add("chest", steel, box(0.5, 0.55, 0.48, (-side * w * 0.22, 0, 0.33)))
    fronts = [box(0.46, 0.02, 0.13, (-side * w * 0.22, 0.28, 0.35 + 0.15 * k)) for k in range(3)]
    made.add("drawers", material("metal_painted", look.tones.paint), *fronts)
    vice = material("metal_painted", look.one_of((0.12, 0.30, 0.50), (0.15, 0.36, 0.28), (0.6, 0.13, 0.1)))
    x = side * w * 0.34
    made.add(
        "vice",
        vice,
        box(0.16, 0.2, 0.06, (x, 0.2, h)),
        box(0.16, 0.06, 0.1, (x, 0.14, h + 0.06)),
        box(0.16, 0.06, 0.1, (x, 0.26, h + 0.06)),
    )
    made.add(
        "screw",
        material("metal_brushed", STEEL),
        tube((x, 0.28, h + 0.07), (x, 0.42, h + 0.07), 0.02),
        tube((x - 0.1, 0.41, h + 0.07), (x + 0.1, 0.41, h + 0.07), 0.015),
    )
    _tools(made, look, -side * w * 0.1, h)
    return made.top(-side * w * 0.3, 0, 0.5, 0.4, h).done(front=0.8)


def _tools(made: Assembly, look: Look, x: float, h: float) -> None:
    """Lay a hammer, a screwdriver, a spanner and a tool box on a bench."""
    steel, handle = material("metal_brushed", STEEL), material("wood_grain", (0.66, 0.47, 0.27))
    made.add("hammer", steel, box(0.13, 0.04, 0.04, (x + 0.1, 0.05, h)))
    made.add("hammer_handle", handle, box(0.035, 0.26, 0.03, (x + 0.1, -0.09, h)))
    made.add(
        "driver",
        material("plain", look.one_of((0.85, 0.2, 0.1), (0.9, 0.7, 0.1))),
        box(0.035, 0.12, 0.035, (x - 0.1, 0.1, h)),
    )
    made.add("driver_blade", steel, box(0.02, 0.14, 0.02, (x - 0.1, -0.03, h)))
    made.add("spanner", steel, box(0.04, 0.22, 0.02, (x - 0.2, 0.02, h)), box(0.08, 0.06, 0.02, (x - 0.2, 0.16, h)))


def toolbox(look: Look) -> Thing:
    """A portable tool box with a handle."""
    paint = look.main(material("metal_painted", look.one_of((0.75, 0.12, 0.1), (0.14, 0.3, 0.6), (0.9, 0.65, 0.1))))
    made = Assembly("toolbox").add(
        "body",
        paint,
        box(0.46, 0.22, 0.17),
        prism([(-0.11, 0.17), (0.11, 0.17), (0.05, 0.25), (-0.05, 0.25)], 0.46, "x").moved(-0.23),
    )
    return made.add(
        "handle",
        material("plain", DARK),
        box(0.2, 0.035, 0.03, (0, 0, 0.27)),
        *[box(0.03, 0.03, 0.03, (x, 0, 0.245)) for x in (-0.085, 0.085)],
    ).done()


def tool_cabinet(look: Look) -> Thing:
    """A roller cabinet with seven drawers."""
    paint = look.main(
        material("metal_painted", look.one_of((0.72, 0.10, 0.09), (0.10, 0.25, 0.55), (0.15, 0.16, 0.17)))
    )
    made = Assembly("tool_cabinet").add("body", paint, box(0.72, 0.46, 0.82, (0, 0, 0.12)))
    wheels = [
        cylinder(0.06, 0.045).turned(90, "y").moved(x - 0.02, y, 0.06) for x in (-0.28, 0.28) for y in (-0.16, 0.16)
    ]
    made.add("wheels", material("plain", DARK), *wheels, box(0.66, 0.4, 0.03, (0, 0, 0.1)))
    face = material("metal_painted", blend(paint.color, (1, 1, 1), 0.1))
    heights = np.cumsum([0.15, 0.12, 0.12, 0.1, 0.09, 0.09])
    levels = [0.0, *heights]
    fronts = [box(0.66, 0.02, 0.085 if k else 0.13, (0, 0.24, 0.15 + z)) for k, z in enumerate(levels)]
    grips = [box(0.6, 0.025, 0.022, (0, 0.255, 0.21 + z)) for z in levels]
    made.add("drawers", face, *fronts).add("grips", material("metal_brushed", STEEL), *grips)
    made.add("mat", material("plain", (0.1, 0.1, 0.11)), box(0.7, 0.44, 0.02, (0, 0, 0.94)))
    return made.top(0, 0, 0.55, 0.3, 0.96).done(front=0.6)


def drill_press(look: Look) -> Thing:
    """A pillar drill standing on the floor."""
    paint = look.main(
        material("metal_painted", look.one_of((0.16, 0.38, 0.30), (0.20, 0.34, 0.50), (0.72, 0.72, 0.68)))
    )
    steel, dark = material("metal_brushed", STEEL), material("plain", DARK)
    made = Assembly("drill_press").add("base", paint, cushion(0.44, 0.6, 0.09, (0, 0.06, 0), bevel=0.02))
    made.add("column", steel, cylinder(0.05, 1.4, (0, -0.12, 0.09), sides=14))
    made.add("table", paint, cylinder(0.2, 0.05, (0, 0.12, 0.86), sides=20), box(0.1, 0.24, 0.08, (0, -0.02, 0.8)))
    made.add("head", paint, cushion(0.26, 0.56, 0.3, (0, 0.03, 1.38), bevel=0.04), box(0.3, 0.6, 0.08, (0, 0.0, 1.68)))
    made.add("motor", dark, cylinder(0.1, 0.22, (0, -0.3, 1.4), sides=14))
    made.add(
        "spindle",
        steel,
        cylinder(0.04, 0.14, (0, 0.16, 1.24), sides=12),
        cylinder(0.02, 0.16, (0, 0.16, 1.08), sides=8),
    )
    spokes = [
        tube((0.13, 0.12, 1.48), (0.2, 0.12 + 0.18 * np.cos(a), 1.48 + 0.18 * np.sin(a)), 0.016, 6)
        for a in (0.5, 2.6, 4.7)
    ]
    return made.add("wheel", steel, *spokes).done(front=0.7)


def saw_table(look: Look) -> Thing:
    """A circular table saw."""
    paint = look.main(material("metal_painted", look.one_of((0.85, 0.62, 0.1), (0.16, 0.38, 0.30), (0.2, 0.34, 0.5))))
    steel = material("metal_brushed", (0.66, 0.67, 0.68))
    made = (
        Assembly("table_saw")
        .add("body", paint, box(0.7, 0.6, 0.78))
        .add("table", steel, box(1.0, 0.8, 0.06, (0, 0, 0.78)))
    )
    blade = cylinder(0.14, 0.012, sides=24).turned(90, "y").moved(0, -0.02, 0.85)
    made.add("blade", material("metal_brushed", (0.8, 0.8, 0.8)), blade).add(
        "fence", paint, box(0.06, 0.78, 0.08, (0.25, 0, 0.84))
    )
    return made.done(front=0.7)


def lathe_machine(look: Look) -> Thing:
    """A metal-turning lathe."""
    paint = look.main(material("metal_painted", look.one_of((0.16, 0.38, 0.30), (0.42, 0.50, 0.52), (0.2, 0.34, 0.5))))
    steel = material("metal_brushed", STEEL)
    made = Assembly("lathe").add(
        "base",
        paint,
        box(0.5, 0.5, 0.7, (-0.6, 0, 0)),
        box(0.4, 0.5, 0.7, (0.65, 0, 0)),
        box(1.75, 0.55, 0.08, (0, 0, 0.7)),
    )
    made.add("bed", steel, box(1.2, 0.26, 0.14, (0.2, 0, 0.78)))
    made.add(
        "headstock",
        paint,
        cushion(0.46, 0.46, 0.48, (-0.6, 0, 0.78), bevel=0.03),
        cushion(0.22, 0.26, 0.22, (0.68, 0, 0.92), bevel=0.03),
    )
    made.add(
        "chuck",
        steel,
        cylinder(0.13, 0.1, sides=18).turned(90, "y").moved(-0.37, 0, 1.06),
        tube((-0.3, 0, 1.06), (0.6, 0, 1.06), 0.03),
    )
    made.add("carriage", paint, box(0.26, 0.5, 0.1, (0.1, 0.04, 0.92)))
    wheel = ring(0.1, 0.06, 0.03, sides=14).turned(-90, "x").moved(0.1, 0.29, 0.86)
    return made.add("wheel", material("plain", DARK), wheel).done(front=0.7)


def shelf_unit(look: Look) -> Thing:
    """A steel shelf unit with boxes, cans and totes."""
    paint = look.main(material("metal_painted", look.one_of((0.55, 0.57, 0.58), (0.2, 0.3, 0.42), (0.24, 0.25, 0.27))))
    w, d, h = look.between(1.0, 1.4), 0.45, look.between(1.7, 1.95)
    posts = [box(0.05, 0.05, h, (x * (w / 2 - 0.025), y * (d / 2 - 0.025), 0)) for x in (-1, 1) for y in (-1, 1)]
    levels = np.linspace(0.12, h - 0.35, 4)
    made = Assembly("shelf").add("posts", paint, *posts)
    made.add(
        "boards",
        material("wood_grain", (0.68, 0.56, 0.40)),
        *[box(w - 0.02, d - 0.02, 0.035, (0, 0, z)) for z in levels],
    )
    colors = ((0.69, 0.53, 0.36), (0.15, 0.32, 0.6), (0.75, 0.2, 0.12), (0.6, 0.61, 0.62), (0.85, 0.65, 0.12))
    for row, z in enumerate(levels):
        x, k = -w / 2 + 0.07, 0
        while x < w / 2 - 0.26:
            span, tall = look.between(0.18, 0.36), look.between(0.12, 0.3)
            span = min(span, w / 2 - 0.07 - x)
            color = look.one_of(*colors)
            pattern = "cardboard" if color == colors[0] else "plain"
            if look.chance(0.2):
                made.add(
                    f"can{row}_{k}",
                    material("metal_painted", color),
                    cylinder(span * 0.42, tall, (x + span / 2, 0, z + 0.035), sides=14),
                )
            elif look.chance(0.9):
                made.add(
                    f"box{row}_{k}",
                    material(pattern, color, tile_m=0.4),
                    box(span - 0.02, d - 0.1, tall, (x + span / 2, 0, z + 0.035)),
                )
            x, k = x + span + 0.01, k + 1
    return made.done(front=0.6)


def tires(look: Look) -> Thing:
    """A stack of tyres."""
    rubber = look.main(material("plain", (0.10, 0.10, 0.11)))
    count = int(look.rng.integers(2, 5))
    made = Assembly("tires").add(
        "rubber",
        rubber,
        *[
            ring(0.32, 0.19, 0.185, (look.between(-0.02, 0.02), look.between(-0.02, 0.02), 0.2 * k), 22)
            for k in range(count)
        ],
    )
    return made.add(
        "beads",
        material("plain", (0.22, 0.22, 0.23)),
        *[ring(0.27, 0.2, 0.015, (0, 0, 0.2 * k + 0.185), 22) for k in range(count)],
    ).done()


def robot_arm(look: Look) -> Thing:
    """An industrial robot arm on a pedestal."""
    paint = look.main(
        material("metal_painted", look.one_of((0.92, 0.45, 0.06), (0.93, 0.75, 0.08), (0.88, 0.88, 0.87)))
    )
    dark = material("metal_painted", (0.2, 0.21, 0.22))
    made = Assembly("robot_arm").add("pedestal", dark, cylinder(0.26, 0.3, sides=20), box(0.6, 0.6, 0.04))
    made.add(
        "shoulder",
        paint,
        cylinder(0.2, 0.3, (0, 0, 0.3), sides=20),
        cylinder(0.15, 0.34, sides=18).turned(90, "y").moved(-0.17, 0, 0.66),
    )
    made.add(
        "upper",
        paint,
        tube((0, 0, 0.66), (0, 0.25, 1.3), 0.11, 12),
        cylinder(0.13, 0.28, sides=16).turned(90, "y").moved(-0.14, 0.25, 1.3),
    )
    made.add("fore", paint, tube((0, 0.25, 1.3), (0, 0.8, 1.15), 0.08, 12))
    return made.add(
        "tool",
        dark,
        tube((0, 0.8, 1.15), (0, 0.92, 1.0), 0.055, 10),
        box(0.04, 0.04, 0.14, (-0.05, 0.95, 0.86)),
        box(0.04, 0.04, 0.14, (0.05, 0.95, 0.86)),
    ).done(front=0.6)


def welding_set(look: Look) -> Thing:
    """A welding machine on wheels with a gas bottle."""
    paint = look.main(material("metal_painted", look.one_of((0.75, 0.14, 0.1), (0.14, 0.32, 0.58), (0.9, 0.6, 0.1))))
    made = Assembly("welder").add("case", paint, cushion(0.34, 0.6, 0.52, (0, 0.1, 0.14), bevel=0.02))
    made.add(
        "bottle",
        material("metal_painted", (0.25, 0.4, 0.3)),
        cylinder(0.1, 0.95, (0, -0.33, 0.1), sides=16),
        lathe([(0.1, 1.05), (0.04, 1.16)], 16, (0, -0.33, 0)),
    )
    wheels = [
        cylinder(0.08, 0.05).turned(90, "y").moved(x - 0.025, y, 0.08) for x in (-0.18, 0.18) for y in (-0.3, 0.3)
    ]
    return made.add("wheels", material("plain", DARK), *wheels, box(0.3, 0.85, 0.04, (0, -0.05, 0.1))).done()
