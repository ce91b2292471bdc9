"""Things of the building itself: stairs, ramps, platforms, pillars, rubble."""

from __future__ import annotations

import numpy as np

from ..palette import blend, jitter, material
from ..shapes import Mesh, ball, box, hull, join, prism, tube
from ..things import Assembly, Look, Thing

__all__ = ["pillar", "platform", "ramp", "rubble", "stairs"]


def stairs(look: Look) -> Thing:
    """Five steps up to a landing, with a rail on one side; the front is the lowest step."""
    stone = look.main(material("concrete", (0.62, 0.61, 0.59)))
    rise, run, count, width = look.between(0.15, 0.18), 0.28, 5, look.between(1.0, 1.3)
    outline, y = [(0.0, 0.0)], count * run
    for k in range(count):
        outline += [(y - 0.0 - k * run + 0.7, k * rise), (y - k * run + 0.7, (k + 1) * rise)]
    outline = [(0.0, 0.0), *outline[1:], (0.0, count * rise)]
    made = Assembly("stairs").add("flight", stone, prism(outline, width, "x").moved(-width / 2))
    edges = [box(width, 0.05, 0.012, (0, y - k * run + 0.675, (k + 1) * rise)) for k in range(count)]
    made.add("nosings", material("hazard_stripes", (0.92, 0.75, 0.10), (0.08, 0.08, 0.08), 0.2), *edges)
    top = count * rise
    posts = [
        tube((width / 2 - 0.06, py, z), (width / 2 - 0.06, py, z + 0.95), 0.025, 8)
        for py, z in ((0.08, top), (0.66, top), (y + 0.55, rise))
    ]
    rail = [tube((width / 2 - 0.06, 0.05, top + 0.93), (width / 2 - 0.06, 0.68, top + 0.93), 0.03, 8)]
    rail += [tube((width / 2 - 0.06, 0.66, top + 0.93), (width / 2 - 0.06, y + 0.57, rise + 0.93), 0.03, 8)]
    return made.add("rail", material("metal_painted", look.tones.paint), *posts, *rail).done(front=0.9)


def ramp(look: Look) -> Thing:
    """A wedge that rises from its front to 0.2-0.4 m."""
    deck = look.main(material("concrete", (0.60, 0.59, 0.57)))
    w, length, h = look.between(1.0, 1.4), look.between(1.6, 2.4), look.between(0.2, 0.36)
    made = Assembly("ramp").add(
        "wedge", deck, prism([(0, 0), (length, 0), (length, 0.01), (0.3, h), (0, h)], w, "x").moved(-w / 2)
    )
    edge = material("hazard_stripes", (0.92, 0.75, 0.10), (0.08, 0.08, 0.08), 0.2)
    return made.add("edge", edge, *[box(0.07, 0.28, 0.01, (x * (w / 2 - 0.035), 0.16, h)) for x in (-1, 1)]).done(
        front=0.9
    )


def platform(look: Look, step: float = 0.12) -> Thing:
    """A low step or stage."""
    deck = look.main(material("wood_planks", look.tones.wood))
    w, d = look.between(1.0, 1.8), look.between(0.8, 1.2)
    made = Assembly("platform").add("deck", deck, box(w, d, step))
    stripe = material("hazard_stripes", (0.92, 0.75, 0.10), (0.08, 0.08, 0.08), 0.2)
    return made.add("edge", stripe, box(w, 0.06, 0.01, (0, d / 2 - 0.03, step))).done()


def pillar(look: Look) -> Thing:
    """A square column up to 2.6 m with a guard at its foot; rooms stretch it to their ceiling."""
    stone = look.main(material("concrete", (0.64, 0.63, 0.61)))
    made = Assembly("pillar").add("shaft", stone, box(0.36, 0.36, 2.6))
    stripes = material("hazard_stripes", (0.92, 0.75, 0.10), (0.08, 0.08, 0.08), 0.4)
    guard = [box(0.4, 0.02, 0.9, (0, y, 0.05)) for y in (-0.19, 0.19)] + [
        box(0.02, 0.36, 0.9, (x, 0, 0.05)) for x in (-0.19, 0.19)
    ]
    return made.add("guard", stripes, *guard).done()


def rubble(look: Look) -> Thing:
    """A low heap of broken bricks and concrete."""
    made, size = Assembly("rubble"), look.between(0.35, 0.6)
    base = ball(size, size * 0.8, 0.14, (0, 0, 0.03), subdivisions=2, rough=0.3, grain=0.1, rng=look.rng)
    flat = base.bent(lambda p: np.column_stack([p[:, 0], p[:, 1], np.maximum(p[:, 2], -0.02)]))
    made.add("heap", material("soil", (0.52, 0.49, 0.45), tile_m=0.5), flat)
    stone: list[Mesh] = []
    clay: list[Mesh] = []
    for k in range(12):
        angle, r = look.between(0, 6.28), size * look.between(0.1, 0.85)
        w, d, h = look.between(0.1, 0.24), look.between(0.08, 0.16), look.between(0.06, 0.12)
        lump = hull(look.rng.uniform(-0.5, 0.5, (14, 3)) * [w, d, h] * 1.25) if k % 2 else box(w, d, h, (0, 0, -h / 2))
        z = 0.15 * (1 - (r / size) ** 2) + h * 0.3
        placed = (
            lump.turned(look.between(-25, 25), "x")
            .turned(look.between(0, 360))
            .moved(r * np.cos(angle), r * np.sin(angle), z)
        )
        (stone if k % 2 else clay).append(placed)
    made.add("concrete", material("concrete", jitter(look.rng, (0.62, 0.61, 0.58))), join(stone))
    return made.add(
        "bricks", look.main(material("brick", blend((0.60, 0.30, 0.22), (1, 1, 1), 0.05), tile_m=0.5)), join(clay)
    ).done()
