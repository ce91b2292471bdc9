"""Tables, desks and what small things stand on."""

from __future__ import annotations

import numpy as np

from ..palette import DARK, STEEL, blend, material
from ..shapes import Mesh, box, cylinder, lathe
from ..things import Assembly, Look, Thing
from .electronics import keyboard, monitor

__all__ = ["coffee_table", "desk", "nightstand", "round_table", "sideboard", "table", "wardrobe"]


def _legs(w: float, d: float, h: float, thick: float) -> list[Mesh]:
    inset = thick / 2 + 0.02
    return [box(thick, thick, h, (x * (w / 2 - inset), y * (d / 2 - inset), 0)) for x in (-1, 1) for y in (-1, 1)]


def table(look: Look) -> Thing:
    """A dining table on four legs."""
    return _table("table", look, look.between(1.3, 1.9), look.between(0.8, 0.95), 0.75)


def coffee_table(look: Look) -> Thing:
    """A low table with a shelf."""
    w, d, h = look.between(0.9, 1.2), look.between(0.55, 0.65), 0.42
    wood = look.main(look.wood())
    made = Assembly("coffee_table").add("top", wood, box(w, d, 0.04, (0, 0, h - 0.04)))
    made.add("legs", wood, *_legs(w, d, h - 0.04, 0.06)).add("shelf", wood, box(w - 0.14, d - 0.12, 0.03, (0, 0, 0.12)))
    return made.top(0, 0, w * 0.8, d * 0.7, h).done()


def _table(kind: str, look: Look, w: float, d: float, h: float) -> Thing:
    wood = look.main(look.wood())
    made = Assembly(kind).add("top", wood, box(w, d, 0.04, (0, 0, h - 0.04)))
    legs = wood if wood.pattern not in ("glass", "marble") else material("metal_brushed", STEEL)
    made.add("legs", legs, *_legs(w, d, h - 0.04, 0.07))
    made.add("apron", legs, *[box(w - 0.2, 0.03, 0.08, (0, y * (d / 2 - 0.07), h - 0.12)) for y in (-1, 1)])
    return made.top(0, 0, w * 0.75, d * 0.6, h).done()


def round_table(look: Look) -> Thing:
    """A round table on a central foot."""
    wood = look.main(look.wood())
    r = look.between(0.45, 0.6)
    made = Assembly("table").add("top", wood, cylinder(r, 0.04, (0, 0, 0.71), sides=28))
    foot = material("metal_painted", (0.16, 0.16, 0.17))
    made.add("foot", foot, lathe([(0.26, 0), (0.26, 0.03), (0.05, 0.07), (0.05, 0.71)], 18))
    return made.top(0, 0, r, r, 0.75).done()


def desk(look: Look) -> Thing:
    """A desk with a monitor, keyboard, drawers and small things."""
    wood = look.main(material("wood_grain", blend(look.tones.wood, (0.85, 0.83, 0.8), 0.4)))
    w, d, h = look.between(1.4, 1.7), 0.75, 0.74
    frame = material("metal_painted", look.one_of((0.85, 0.85, 0.84), (0.2, 0.21, 0.22)))
    made = Assembly("desk").add("top", wood, box(w, d, 0.03, (0, 0, h - 0.03)))
    posts = [box(0.06, 0.06, h - 0.03, (x * (w / 2 - 0.06), y * 0.3, 0)) for x in (-1, 1) for y in (-1, 1)]
    made.add("frame", frame, *posts, *[box(0.05, 0.56, 0.05, (x * (w / 2 - 0.06), 0, h - 0.1)) for x in (-1, 1)])
    made.add("panel", frame, box(w - 0.2, 0.03, 0.35, (0, -d / 2 + 0.05, 0.3)))
    side = 1 if look.chance(0.5) else -1
    made.add("drawers", frame, box(0.4, 0.55, 0.56, (side * (w / 2 - 0.3), -0.05, 0.04)))
    fronts = [box(0.37, 0.02, 0.16, (side * (w / 2 - 0.3), 0.235, 0.06 + k * 0.18)) for k in range(3)]
    made.add("fronts", wood, *fronts)
    screens = (-0.3, 0.3) if w > 1.55 and look.chance(0.4) else (0.0,)
    thing = made.top(side * w * 0.33, 0.05, 0.3, 0.4, h).done(front=0.9)
    for x in screens:
        thing = thing.with_thing(monitor(look), x, -0.16, h)
    thing = thing.with_thing(keyboard(look), 0, 0.14, h)
    return thing


def nightstand(look: Look) -> Thing:
    """A bedside cabinet with two drawers."""
    wood = look.main(look.wood())
    made = Assembly("nightstand").add("body", wood, box(0.45, 0.38, 0.46, (0, 0, 0.06)))
    made.add("feet", wood, *_legs(0.43, 0.36, 0.06, 0.05))
    light = material(wood.pattern, blend(wood.color, (1, 1, 1), 0.12))
    made.add("drawers", light, *[box(0.41, 0.02, 0.19, (0, 0.2, z)) for z in (0.08, 0.29)])
    made.add("knobs", material("metal_brushed", STEEL), *[box(0.08, 0.025, 0.03, (0, 0.22, z)) for z in (0.16, 0.37)])
    return made.top(0, 0, 0.3, 0.24, 0.52).done()


def sideboard(look: Look) -> Thing:
    """A low cabinet with doors, for a television or a vase."""
    wood = look.main(look.wood())
    w, h = look.between(1.3, 1.8), look.between(0.48, 0.7)
    made = Assembly("sideboard").add("body", wood, box(w, 0.42, h - 0.1, (0, 0, 0.1)))
    made.add("feet", material("plain", DARK), *_legs(w - 0.1, 0.38, 0.1, 0.05))
    count = 3 if w > 1.5 else 2
    door = material(wood.pattern, blend(wood.color, (1, 1, 1), 0.14))
    places = (np.arange(count) - (count - 1) / 2) * w / count
    made.add("doors", door, *[box(w / count - 0.03, 0.02, h - 0.16, (x, 0.22, 0.13)) for x in places])
    handles = [box(0.12, 0.025, 0.03, (x, 0.24, h - 0.12)) for x in places]
    made.add("handles", material("metal_brushed", STEEL), *handles)
    return made.top(0, 0, w * 0.85, 0.28, h).done(front=0.4)


def wardrobe(look: Look) -> Thing:
    """A tall wardrobe with two or three doors."""
    wood = look.main(look.wood())
    count = 3 if look.chance(0.4) else 2
    w, h = count * 0.52, look.between(1.95, 2.1)
    door = material(wood.pattern, blend(wood.color, (1, 1, 1), 0.12))
    made = Assembly("wardrobe").add("body", wood, box(w, 0.56, h - 0.08, (0, 0, 0.08)))
    made.add("plinth", material("plain", DARK), box(w - 0.06, 0.5, 0.08))
    places = (np.arange(count) - (count - 1) / 2) * w / count
    made.add("doors", door, *[box(w / count - 0.025, 0.022, h - 0.18, (x, 0.291, 0.12)) for x in places])
    grips = [box(0.03, 0.035, 0.3, (x + w / count * 0.36, 0.318, 0.95)) for x in places]
    return made.add("grips", material("metal_brushed", STEEL), *grips).done(front=0.6)
