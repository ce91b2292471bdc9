"""Pallet racking and its loads."""

from __future__ import annotations

import numpy as np

from ..palette import jitter, material
from ..shapes import box, tube
from ..things import Assembly, Look, Thing
from .storage import KRAFT, PINE, cardboard_box, crate, tote

__all__ = ["UPRIGHT_M", "rack", "rack_bay"]

#: Width of the uprights [m].
UPRIGHT_M = 0.09


def rack(look: Look) -> Thing:
    """One bay of pallet racking: blue uprights, orange beams, pallets and boxes on two or three levels."""
    return rack_bay(look, width=2.7, depth=1.0, levels=2, level_m=1.15)


def rack_bay(look: Look, width: float, depth: float, levels: int, level_m: float) -> Thing:
    """Return a bay of racking with `levels` loaded decks above the floor, `level_m` apart [m]."""
    upright = look.main(material("metal_painted", (0.10, 0.25, 0.55)))
    beam = material("metal_painted", (0.90, 0.42, 0.07))
    height = levels * level_m + (0.55 if look.chance(0.6) else 0.1)
    made = Assembly("rack")
    sides = (-1, 1)
    posts = [box(UPRIGHT_M, 0.08, height, (x * width / 2, y * (depth - 0.08) / 2, 0)) for x in sides for y in (-1, 1)]
    braces = []
    for x in sides:
        for z in np.arange(0.15, height - 0.5, 0.6):
            flip = 1 if int(z / 0.6) % 2 else -1
            a, b = -flip * (depth / 2 - 0.07), flip * (depth / 2 - 0.07)
            braces.append(tube((x * width / 2, a, z), (x * width / 2, b, z + 0.45), 0.02, 5))
    made.add("uprights", upright, *posts, *braces)
    feet = [box(0.14, 0.08, 0.012, (x * width / 2, y * (depth - 0.08) / 2, 0)) for x in sides for y in (-1, 1)]
    made.add("feet", material("hazard_stripes", (0.92, 0.75, 0.10), (0.08, 0.08, 0.08), 0.2), *feet)
    inner = width - UPRIGHT_M
    beams = [
        box(inner, 0.05, 0.12, (0, y * (depth - 0.06) / 2, k * level_m - 0.12))
        for k in range(1, levels + 1)
        for y in (-1, 1)
    ]
    decks = [box(inner - 0.02, depth - 0.12, 0.03, (0, 0, k * level_m - 0.03)) for k in range(1, levels + 1)]
    made.add("beams", beam, *beams).add("decks", material("wood_grain", (0.66, 0.52, 0.36), tile_m=0.8), *decks)
    thing = made.done(footprint=(width + UPRIGHT_M, depth))
    for k in range(levels + 1):
        thing = _loaded(thing, look, inner, depth, k * level_m)
    return thing


def _loaded(thing: Thing, look: Look, width: float, depth: float, z: float) -> Thing:
    """Fill one level of a rack with up to two loads."""
    for x in (-width / 4, width / 4):
        draw = look.rng.random()
        if draw < 0.15:
            continue
        if draw < 0.62:
            thing = thing.with_thing(_load(look, width / 2 - 0.12, depth - 0.12), x, 0, z)
        elif draw < 0.82:
            thing = thing.with_thing(crate(Look(look.rng, look.tones)).scaled(1.2, 1.1, 1.0), x, 0, z)
        else:
            thing = thing.with_thing(tote(Look(look.rng, look.tones)), x - 0.02, 0.15, z)
            thing = thing.with_thing(cardboard_box(Look(look.rng, look.tones)), x + 0.02, -0.22, z)
    return thing


def _load(look: Look, width: float, depth: float) -> Thing:
    """A simple pallet under a block of cartons."""
    wood = material("wood_grain", jitter(look.rng, PINE, 0.06), tile_m=0.8)
    w, d = min(width, 1.2), min(depth, 0.85)
    made = Assembly("load").add("deck", wood, box(w, d, 0.03, (0, 0, 0.1)))
    made.add("blocks", wood, *[box(0.12, d, 0.1, (x, 0, 0)) for x in (-w / 2 + 0.06, 0, w / 2 - 0.06)])
    kraft = material("cardboard", jitter(look.rng, KRAFT, 0.06), tile_m=0.4)
    if look.chance(0.25):
        kraft = material("plain", look.one_of((0.86, 0.87, 0.88), (0.20, 0.33, 0.50), (0.75, 0.76, 0.72)))
    columns, rows = int(look.rng.integers(2, 4)), int(look.rng.integers(1, 3))
    h = look.between(0.26, 0.36)
    cartons = [
        box(w / columns - 0.015, d / 2 - 0.015, h, ((c + 0.5) * w / columns - w / 2, (r - 0.5) * d / 2, 0.13 + k * h))
        for k in range(rows)
        for c in range(columns)
        for r in range(2)
        if k == 0 or look.chance(0.8)
    ]
    return made.add("cartons", kraft, *cartons).done()
