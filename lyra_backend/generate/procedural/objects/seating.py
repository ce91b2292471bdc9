"""Chairs, sofas, beds and benches."""

from __future__ import annotations

import numpy as np

from ..palette import DARK, STEEL, blend, jitter, material
from ..shapes import box, cushion, cylinder, tube
from ..things import Assembly, Look, Thing

__all__ = ["armchair", "bed", "bench", "chair", "office_chair", "sofa", "stool"]

_LINEN = (0.90, 0.89, 0.86)


def chair(look: Look) -> Thing:
    """A wooden dining chair with a slatted back."""
    wood = look.main(look.wood(0.6))
    legs = [box(0.045, 0.045, 0.44, (x * 0.19, 0.18, 0)) for x in (-1, 1)]
    posts = [box(0.045, 0.045, 0.9, (x * 0.19, -0.2, 0)) for x in (-1, 1)]
    slats = [box(0.34, 0.03, 0.07, (0, -0.2, z)) for z in (0.56, 0.68, 0.81)]
    rails = [box(0.335, 0.03, 0.06, (0, y, 0.38)) for y in (-0.19, 0.18)]
    made = Assembly("chair").add("frame", wood, *legs, *posts, *rails).add("back", wood, *slats)
    made.add("seat", wood, box(0.44, 0.44, 0.03, (0, 0, 0.44)))
    pad = material("fabric", look.tones.fabric_2, tile_m=0.3)
    return made.add("pad", pad, cushion(0.38, 0.36, 0.04, (0, 0.02, 0.47), bevel=0.015)).done()


def stool(look: Look) -> Thing:
    """A round stool on four legs."""
    wood = look.main(look.wood(0.5))
    legs = [tube((x * 0.15, y * 0.15, 0), (x * 0.1, y * 0.1, 0.43), 0.024) for x in (-1, 1) for y in (-1, 1)]
    made = Assembly("stool").add("legs", wood, *legs)
    return made.add("seat", wood, cylinder(0.18, 0.04, (0, 0, 0.43), sides=20)).done()


def office_chair(look: Look) -> Thing:
    """A swivel chair on a five-armed base."""
    cloth = look.main(
        material("fabric", look.one_of((0.13, 0.14, 0.16), (0.20, 0.27, 0.36), (0.45, 0.46, 0.47)), tile_m=0.3)
    )
    black, steel = material("plain", DARK), material("metal_brushed", STEEL)
    angles = np.radians(np.arange(5) * 72 + 18)
    arms = [tube((0, 0, 0.1), (0.27 * np.cos(a), 0.27 * np.sin(a), 0.075), 0.026, 6) for a in angles]
    wheels = [cylinder(0.032, 0.07, (0.28 * np.cos(a), 0.28 * np.sin(a), 0), sides=8) for a in angles]
    made = Assembly("office_chair").add("base", black, *arms, *wheels)
    made.add("column", steel, cylinder(0.035, 0.34, (0, 0, 0.09), sides=10))
    made.add("seat", cloth, cushion(0.5, 0.48, 0.09, (0, 0.02, 0.43)))
    made.add("back", cloth, cushion(0.46, 0.08, 0.55, (0, -0.24, 0.58)).turned(-6, "x").moved(0, 0.05, 0.03))
    made.add("spine", black, tube((0, -0.1, 0.44), (0, -0.25, 0.62), 0.03, 6))
    rests = [box(0.06, 0.26, 0.035, (x * 0.28, 0, 0.64)) for x in (-1, 1)]
    rests += [box(0.035, 0.05, 0.18, (x * 0.275, 0, 0.47)) for x in (-1, 1)]
    return made.add("armrests", black, *rests).done()


def armchair(look: Look) -> Thing:
    """An upholstered armchair."""
    return _upholstered("armchair", look, seats=1)


def sofa(look: Look) -> Thing:
    """An upholstered sofa with two or three seats and loose cushions."""
    return _upholstered("sofa", look, seats=3 if look.chance(0.6) else 2)


def _upholstered(kind: str, look: Look, seats: int) -> Thing:
    cloth = look.main(material("fabric", look.tones.fabric, tile_m=0.4))
    seat_cloth = material(cloth.pattern, blend(cloth.color, (1, 1, 1), 0.07), tile_m=0.4)
    seat_w, depth, arm = look.between(0.62, 0.7), look.between(0.86, 0.95), look.between(0.13, 0.2)
    inner = seats * seat_w
    made = Assembly(kind)
    made.add("base", cloth, box(inner + 2 * arm, depth - 0.04, 0.2, (0, 0, 0.08)))
    made.add("back", cloth, cushion(inner + 2 * arm, 0.2, 0.56, (0, -depth / 2 + 0.1, 0.26)))
    sides = [cushion(arm, depth - 0.02, 0.36, (x * (inner + arm) / 2, 0.01, 0.26)) for x in (-1, 1)]
    made.add("arms", cloth, *sides)
    places = (np.arange(seats) - (seats - 1) / 2) * seat_w
    made.add("seats", seat_cloth, *[cushion(seat_w - 0.01, depth - 0.22, 0.17, (x, 0.1, 0.28)) for x in places])
    backs = [cushion(seat_w - 0.03, 0.15, 0.38, (x, -depth / 2 + 0.26, 0.44)).turned(0) for x in places]
    made.add("backrests", seat_cloth, *backs)
    if look.color is None or look.chance(0.7):
        pillow = material("fabric", look.one_of(look.tones.accent, look.tones.fabric_2, look.tones.paint), tile_m=0.2)
        spots = places[[0, -1]] if seats > 1 else places[:1]
        made.add("pillows", pillow, *[cushion(0.4, 0.13, 0.36, (x, -depth / 2 + 0.4, 0.45), bevel=0.06) for x in spots])
    feet = [box(0.06, 0.06, 0.08, (x * inner / 2, y * (depth / 2 - 0.1), 0)) for x in (-1, 1) for y in (-1, 1)]
    return made.add("feet", material("wood_grain", (0.25, 0.17, 0.11)), *feet).done(front=0.5)


def bench(look: Look) -> Thing:
    """A slatted bench with a backrest on two cast frames."""
    wood = look.main(material("wood_grain", jitter(look.rng, (0.50, 0.33, 0.19)), tile_m=0.8))
    iron = material("metal_painted", (0.16, 0.18, 0.18))
    slats = [box(1.6, 0.1, 0.04, (0, y, 0.42)) for y in (-0.17, -0.05, 0.07, 0.19)]
    rests = [box(1.6, 0.035, 0.1, (0, -0.235 - 0.03 * k, 0.54 + 0.14 * k)) for k in range(3)]
    frames = []
    for x in (-0.62, 0.62):
        frames += [box(0.06, 0.07, 0.42, (x, 0.17, 0)), box(0.06, 0.07, 0.42, (x, -0.18, 0))]
        frames += [box(0.06, 0.46, 0.05, (x, 0, 0.37)), tube((x, -0.24, 0.4), (x, -0.33, 0.94), 0.03, 6)]
    return (
        Assembly("bench")
        .add("frames", iron, *frames)
        .add("seat", wood, *slats)
        .add("back", wood, *rests)
        .done(front=0.4)
    )


def bed(look: Look) -> Thing:
    """A bed with headboard, mattress, blanket and pillows."""
    wood = look.main(look.wood())
    wide = look.chance(0.6) if "single" not in look.words and "twin" not in look.words else False
    wide = wide or any(word in look.words for word in ("double", "king", "queen"))
    width = (1.8 if "king" in look.words else 1.6) if wide else 1.0
    linen = material("fabric", jitter(look.rng, _LINEN), tile_m=0.4)
    blanket = material("fabric", look.color or look.one_of(look.tones.accent, look.tones.fabric_2), tile_m=0.4)
    frame = wood if look.color is None else look.wood()
    made = Assembly("bed").add("frame", frame, box(width + 0.08, 2.08, 0.26, (0, 0.02, 0.06)))
    feet = [box(0.09, 0.09, 0.06, (x * (width / 2 - 0.05), y, 0)) for x in (-1, 1) for y in (-0.9, 0.95)]
    made.add("feet", frame, *feet)
    made.add("headboard", frame, box(width + 0.12, 0.07, 1.0, (0, -1.055, 0)))
    made.add("mattress", linen, cushion(width, 2.0, 0.2, (0, 0.02, 0.32)))
    made.add("blanket", blanket, cushion(width + 0.1, 1.42, 0.25, (0, 0.345, 0.3), bevel=0.05))
    spots = (-width / 4, width / 4) if width > 1.2 else (0.0,)
    pillows = [cushion(0.62, 0.4, 0.13, (x, -0.74, 0.5), bevel=0.05) for x in spots]
    return made.add("pillows", linen, *pillows).done(front=0.4)
