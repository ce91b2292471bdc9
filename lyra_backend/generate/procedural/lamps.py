"""Light inside: ceiling lamps, standing lamps and what comes through windows."""

from __future__ import annotations

import numpy as np

from .draft import Draft
from .elements import Lighting
from .outdoors import KEYS
from .palette import Rgb, material
from .placement import Wall
from .room import Opening, Shell, cells_of
from .shapes import box, cylinder, join

__all__ = ["hang_lamps", "indoor_light", "light_window"]

#: Light word -> strength of the ceiling lamps, and their colour.
_LEVELS = {"night": 0.3, "dim": 0.4, "bright": 1.1, "evening": 0.7}
_TINTS: dict[str, Rgb] = {
    "warm": (1.0, 0.80, 0.55),
    "cold": (0.85, 0.93, 1.0),
    "night": (1.0, 0.76, 0.48),
    "evening": (1.0, 0.82, 0.6),
}
#: Light word -> radiance of a room's surroundings.
_AMBIENT: dict[str, Rgb] = {
    "night": (0.030, 0.034, 0.055),
    "dim": (0.12, 0.12, 0.135),
    "bright": (0.62, 0.62, 0.62),
    "evening": (0.30, 0.23, 0.19),
}
#: Light word -> sRGB colour in pictures of what lies behind the walls.
_BEHIND: dict[str, Rgb] = {"night": (0.06, 0.06, 0.07), "dim": (0.25, 0.25, 0.26), "evening": (0.40, 0.36, 0.33)}
_BEHIND_BY_DAY: Rgb = (0.58, 0.58, 0.57)
#: Lamps that stand in the room -> (height of the bulb [m], strength).
_STANDING = {"floor_lamp": (1.45, 1.6), "table_lamp": (0.32, 0.8)}


def hang_lamps(draft: Draft, style: str, spacing: float, usual: float, shell: Shell) -> None:
    """Hang lamps in a grid over each rectangle of the plan; at night only some of them are lit."""
    draft.used_parts |= {"light"}
    word = draft.wishes.light
    level = usual * _LEVELS.get(word, 1.0)
    count = 0
    for x0, y0, x1, y1 in cells_of(shell.outline):
        if min(x1 - x0, y1 - y0) < 1.0:
            continue
        turn = 0.0 if x1 - x0 > y1 - y0 else np.pi / 2
        for x in _spread(x0, x1, spacing):
            for y in _spread(y0, y1, spacing):
                lit = word != "night" or count % 3 == 0
                _ceiling_lamp(draft, x, y, shell.height, style, level if lit else 0.0, turn, _TINTS.get(word))
                count += 1


def _spread(low: float, high: float, spacing: float) -> list[float]:
    """Return lamp positions between two walls, half a step from each [m]."""
    count = max(round((high - low) / spacing), 1)
    return [float(low + (k + 0.5) * (high - low) / count) for k in range(count)]


def indoor_light(draft: Draft) -> Lighting:
    """Return the light of a room: bounced light and its lamps; the sun stays behind the panes."""
    word = draft.wishes.light
    if word in ("night", "evening", "dim"):
        for placed in draft.placed:
            if placed.kind.name in _STANDING:
                height, level = _STANDING[placed.kind.name]
                draft.lamp(placed.x, placed.y, placed.z + height, level, (1.0, 0.74, 0.45))
    ambient = _AMBIENT.get(word, (0.46, 0.455, 0.44))
    key = KEYS.get(word, 1.0)
    # All that weather does to a room is to darken its windows.
    if word == "overcast" and any(kind == "window" for kind, *_ in draft.openings):
        draft.used_tags |= {"weather"}
    background = _BEHIND.get(word, _BEHIND_BY_DAY)
    return Lighting((0.0, 0.0, 1.0), (0.0, 0.0, 0.0), ambient, 0.6, tuple(draft.lamps), key, background)


def light_window(draft: Draft, wall: Wall, o: Opening) -> None:
    """Let light in: a soft emitter before the pane stands for the sky behind it."""
    levels = {"night": 0.0, "dim": 0.6, "evening": 2.2, "overcast": 3.0, "bright": 6.5}
    color: Rgb = (1.0, 0.72, 0.45) if draft.wishes.light == "evening" else (0.86, 0.93, 1.0)
    level = levels.get(draft.wishes.light, 4.0) * o.width * (o.high - o.low) / 1.6
    if level > 0:
        x, y = wall.at(o.u, 0.45)
        draft.lamp(x, y, (o.low + o.high) / 2 + 0.2, level, color)


def _ceiling_lamp(
    draft: Draft, x: float, y: float, height: float, style: str, level: float, turn: float, tint: Rgb | None
) -> None:
    """Hang a lamp from the ceiling: "panel", "tube", "pendant" or "high_bay"; without `level` it is switched off."""
    count = sum(e.name.startswith("ceiling_lamp") and e.name.endswith("light") for e in draft.elements) + 1
    name, white, shade = (
        f"ceiling_lamp_{count}",
        material("plain", (1.0, 0.98, 0.93)),
        material("metal_painted", (0.82, 0.82, 0.8)),
    )
    degrees = float(np.degrees(turn))
    if style == "panel":
        body, light, z = box(0.64, 0.64, 0.05), box(0.56, 0.56, 0.012, (0, 0, -0.012)), height - 0.05
    elif style == "tube":
        body, light, z = box(1.3, 0.18, 0.07), box(1.24, 0.12, 0.03, (0, 0, -0.03)), height - 0.07
    elif style == "high_bay":
        body = join([cylinder(0.24, 0.2, top=0.1, sides=18), cylinder(0.02, 0.5, (0, 0, 0.2), sides=6)])
        light, z = cylinder(0.22, 0.02, (0, 0, -0.02), sides=18), height - 0.7
        shade = material("metal_painted", (0.30, 0.32, 0.34))
    else:
        drop = float(np.clip(height - 2.25, 0.08, 0.5))
        body = join([cylinder(0.22, 0.16, top=0.07, sides=20), cylinder(0.015, drop, (0, 0, 0.16), sides=6)])
        light, z = cylinder(0.19, 0.02, (0, 0, -0.02), sides=20), height - 0.16 - drop
        shade = material("metal_painted", draft.tones.accent)
    draft.solid(f"{name}.body", "ceiling_lamp", shade, body.turned(degrees).moved(x, y, z))
    draft.solid(f"{name}.light", "ceiling_lamp", white, light.turned(degrees).moved(x, y, z))
    if level > 0:
        draft.lamp(x, y, z - 0.12, level, tint or (1.0, 0.93, 0.82))
