"""Things of offices: boards, cabinets, screens, meeting tables."""

from __future__ import annotations

from ..palette import DARK, STEEL, blend, material
from ..shapes import box, cushion, lathe
from ..things import Assembly, Look, Thing

__all__ = ["blueprint", "extinguisher", "filing_cabinet", "meeting_table", "partition", "water_cooler", "whiteboard"]


def whiteboard(look: Look) -> Thing:
    """A framed wall board with notes in marker, origin at its lower edge."""
    frame, w, h = look.main(material("metal_brushed", STEEL)), look.between(1.5, 2.1), 1.1
    made = (
        Assembly("whiteboard")
        .add("frame", frame, box(w, 0.035, h))
        .add("tray", frame, box(w * 0.6, 0.1, 0.03, (0, 0.05, -0.03)))
    )
    made.add("surface", material("plain", (0.95, 0.95, 0.94)), box(w - 0.08, 0.006, h - 0.08, (0, 0.0205, 0.04)))
    for k, color in enumerate(((0.12, 0.25, 0.62), (0.72, 0.12, 0.1), (0.1, 0.1, 0.11))):
        lines = [
            box(
                look.between(0.2, 0.5),
                0.004,
                0.024,
                (look.between(-0.3, 0.3) * w * 0.8, 0.0255, 0.2 + 0.09 * (3 * n + k)),
            )
            for n in range(3)
        ]
        made.add(f"notes{k}", material("plain", color), *lines)
    return made.done()


def blueprint(look: Look) -> Thing:
    """A poster or drawing, origin at its lower edge."""
    paper = look.main(
        material("paper_picture", look.one_of((0.2, 0.35, 0.6), (0.75, 0.72, 0.6), (0.7, 0.2, 0.15)), tile_m=0.6)
    )
    return Assembly("poster").add("sheet", paper, box(0.6, 0.014, 0.84)).done()


def filing_cabinet(look: Look) -> Thing:
    """A steel cabinet with three or four drawers."""
    paint = look.main(
        material("metal_painted", look.one_of((0.62, 0.64, 0.65), (0.28, 0.30, 0.32), (0.78, 0.77, 0.73)))
    )
    count = int(look.rng.integers(3, 5))
    made = Assembly("filing_cabinet").add("body", paint, box(0.46, 0.58, count * 0.32 + 0.04))
    face = material("metal_painted", blend(paint.color, (1, 1, 1), 0.12))
    made.add("drawers", face, *[box(0.42, 0.02, 0.29, (0, 0.3, 0.04 + k * 0.32)) for k in range(count)])
    grips = [box(0.14, 0.03, 0.03, (0, 0.325, 0.22 + k * 0.32)) for k in range(count)]
    made.add("grips", material("plain", DARK), *grips)
    return made.top(0, 0, 0.34, 0.4, count * 0.32 + 0.04).done(front=0.6)


def partition(look: Look) -> Thing:
    """A free-standing office screen."""
    cloth = look.main(material("fabric", look.tones.accent, tile_m=0.4))
    made = Assembly("partition").add("panel", cloth, box(1.4, 0.07, 1.3, (0, 0, 0.12)))
    made.add("feet", material("metal_brushed", STEEL), *[box(0.08, 0.42, 0.05, (x * 0.6, 0, 0)) for x in (-1, 1)])
    return made.add(
        "posts", material("metal_brushed", STEEL), *[box(0.05, 0.05, 0.1, (x * 0.6, 0, 0.05)) for x in (-1, 1)]
    ).done()


def meeting_table(look: Look) -> Thing:
    """A long conference table on two trestles."""
    wood = look.main(look.wood())
    w, d = look.between(2.2, 3.0), look.between(1.0, 1.2)
    made = Assembly("meeting_table").add("top", wood, cushion(w, d, 0.05, (0, 0, 0.70), bevel=0.012))
    metal = material("metal_painted", (0.2, 0.21, 0.22))
    legs = [box(0.12, d * 0.6, 0.04, (x * w * 0.33, 0, 0)) for x in (-1, 1)] + [
        box(0.1, 0.12, 0.66, (x * w * 0.33, 0, 0.04)) for x in (-1, 1)
    ]
    return made.add("legs", metal, *legs).top(0, 0, w * 0.7, d * 0.5, 0.75).done()


def water_cooler(look: Look) -> Thing:
    """A water dispenser with a blue bottle."""
    shell = look.main(material("plain", (0.88, 0.88, 0.87)))
    made = Assembly("water_cooler").add("case", shell, cushion(0.32, 0.32, 0.98, bevel=0.03))
    made.add(
        "bottle",
        material("plain", (0.45, 0.66, 0.82)),
        lathe([(0.06, 0.98), (0.135, 1.06), (0.135, 1.34), (0.1, 1.38)], 18),
    )
    return made.add(
        "taps", material("plain", (0.75, 0.15, 0.12)), *[box(0.035, 0.05, 0.04, (x, 0.18, 0.76)) for x in (-0.07, 0.07)]
    ).done(front=0.4)


def extinguisher(look: Look) -> Thing:
    """A fire extinguisher as it hangs on a wall, origin at its lower edge, back at -y."""
    red = look.main(material("metal_painted", (0.75, 0.08, 0.07)))
    made = Assembly("fire_extinguisher").add("body", red, lathe([(0.08, 0), (0.08, 0.4), (0.04, 0.48)], 16))
    return made.add("head", material("plain", DARK), box(0.05, 0.12, 0.06, (0, 0.01, 0.47))).done()
