"""Patterns of buildings: walls, floors, roads, wood and stone."""

from __future__ import annotations

import numpy as np

from .noise import Floats, cells, grain, ramp, waves
from .paint import Canvas, mixed, shaded, tone

__all__ = ["asphalt", "brick", "concrete", "marble", "paint", "plaster", "tiles", "windows_facade"]
__all__ += ["wood_grain", "wood_planks"]


def paint(c: Canvas) -> Floats:
    """Rolled wall paint: almost even."""
    return shaded(c.color, 1 + 0.004 * waves(c.rng, c.size, 1, 4) + 0.006 * grain(c.rng, c.size))


def plaster(c: Canvas) -> Floats:
    """Trowelled plaster with soft clouds."""
    rough = np.abs(waves(c.rng, c.size, 8, 48, 0.8, stretch=0.7))
    return shaded(c.color, 0.99 + 0.014 * waves(c.rng, c.size, 1, 8) - 0.018 * rough)


def concrete(c: Canvas) -> Floats:
    """Mottled concrete with pores, a stain and hair cracks."""
    light = 1 + 0.05 * waves(c.rng, c.size, 1, 10, 1.2) + 0.022 * waves(c.rng, c.size, 20, 128, 0.3)
    warped = waves(c.rng, c.size, 2, 20, 1.3)
    crack = ramp(np.abs(warped - 0.25), 0.022, 0.0) * ramp(waves(c.rng, c.size, 1, 4), 0.1, 0.7)
    _, distance, _ = cells(c.rng, c.size, 160)
    pores = ramp(distance, 0.007, 0.003)
    warm = c.color * np.array([1.03, 1.0, 0.95], np.float32)
    base = mixed(c.color, warm, ramp(waves(c.rng, c.size, 1, 4), -1, 1))
    return shaded(base, light * (1 - 0.30 * crack) * (1 - 0.18 * pores))


def asphalt(c: Canvas) -> Floats:
    """Dark binder with lighter stones."""
    value, _, border = cells(c.rng, c.size, 2600)
    stones = ramp(border, 0.0, 0.01) * ramp(value, 0.35, 1.0)
    light = 0.92 + 0.05 * waves(c.rng, c.size, 1, 8) + 0.30 * stones - 0.10 * ramp(value, 0.3, 0.0)
    return shaded(c.color, light)


def marble(c: Canvas) -> Floats:
    """Polished marble: clouds and branching veins."""
    turbulence = waves(c.rng, c.size, 1, 40, 1.3)
    vein = ramp(np.abs(turbulence), 0.12, 0.0) * (0.35 + 0.65 * ramp(waves(c.rng, c.size, 1, 5), -0.2, 1.0))
    fine = ramp(np.abs(waves(c.rng, c.size, 3, 60, 1.2) - 0.4), 0.05, 0.0) * 0.4
    dark = c.accent(c.color * 0.55 + 0.03)
    base = shaded(c.color, 1 + 0.025 * waves(c.rng, c.size, 1, 6))
    return mixed(base, dark, np.clip(0.55 * vein + fine, 0, 0.8))


def tiles(c: Canvas) -> Floats:
    """Square ceramic tiles with grout."""
    number = c.number(0.3)
    x, y = (v * number for v in c.xy)
    column, row = np.floor(x).astype(int), np.floor(y).astype(int)
    edge = np.minimum(np.minimum(x % 1, 1 - x % 1), np.minimum(y % 1, 1 - y % 1)) * c.material.tile_m / number
    joint = ramp(edge, 0.005, 0.0025)
    level = c.pick(row * number + column, 0.955, 1.03)
    bevel = 1 - 0.07 * ramp(edge, 0.012, 0.005)
    light = level * bevel * (1 + 0.018 * waves(c.rng, c.size, 2, 30))
    grout = c.accent(c.color * 0.62 + 0.08)
    return mixed(shaded(c.color, light), shaded(grout, 1 + 0.05 * grain(c.rng, c.size)), joint)


def brick(c: Canvas) -> Floats:
    """Running bond with mortar joints."""
    columns, rows = c.number(0.225), 2 * c.number(0.15)
    x, y = c.xy
    row = np.floor(y * rows).astype(int)
    along = x * columns + 0.5 * (row % 2)
    column = np.floor(along).astype(int) % columns
    wobble = 0.002 * waves(c.rng, c.size, 6, 60)
    width, height = c.material.tile_m / columns, c.material.tile_m / rows
    fx, fy = along % 1, (y * rows) % 1
    edge = np.minimum(np.minimum(fx, 1 - fx) * width, np.minimum(fy, 1 - fy) * height) + wobble
    joint = ramp(edge, 0.0075, 0.0045)
    index = row * columns + column
    burnt = np.array([0.82, 0.74, 0.74], np.float32)
    base = mixed(c.color, c.color * burnt, ramp(c.pick(index), 0.55, 1.0))
    light = c.pick(index, 0.84, 1.14) * (1 + 0.05 * waves(c.rng, c.size, 10, 128, 0.4))
    mortar = c.accent((0.70, 0.68, 0.64))
    return mixed(shaded(base, light), shaded(mortar, 1 + 0.05 * waves(c.rng, c.size, 10, 128, 0.2)), joint)


def _fibres(c: Canvas, bend: float = 0.02) -> Floats:
    """Wood fibres along x: brightness around 0."""
    rings = np.sin(2 * np.pi * (3 * waves(c.rng, c.size, 1, 5, 1.6, stretch=7) * 0.9))
    fine = waves(c.rng, c.size, 24, 128, 0.2, stretch=26)
    streak = waves(c.rng, c.size, 6, 60, 0.7, stretch=16)
    fibres: Floats = 0.045 * rings + 0.035 * fine + 0.05 * streak
    return fibres


def wood_grain(c: Canvas) -> Floats:
    """Sawn or veneered wood, grain along x."""
    pores = ramp(waves(c.rng, c.size, 30, 128, 0.1, stretch=14), 1.6, 2.4)
    base = mixed(c.color, c.accent(c.color * np.array([0.74, 0.66, 0.58])), ramp(_fibres(c) * 7, -1.0, 1.6) * 0.55)
    return shaded(base, 1.06 + 0.5 * _fibres(c) - 0.16 * pores)


def wood_planks(c: Canvas) -> Floats:
    """Floor boards along x with staggered joints."""
    rows, x, y = c.number(0.13, least=2), *c.xy
    row = np.floor(y * rows).astype(int)
    number = c.number(1.1)
    along = x * number + c.pick(row)
    board = row * number + np.floor(along).astype(int) % number
    width, length = c.material.tile_m / rows, c.material.tile_m / number
    fx, fy = along % 1, (y * rows) % 1
    edge = np.minimum(np.minimum(fx, 1 - fx) * length, np.minimum(fy, 1 - fy) * width)
    # Each board is cut from another place of the same trunk.
    shift = (c.pick(board, 0, c.size)).astype(int)
    fibres = np.take_along_axis(_fibres(c), (np.arange(c.size)[None] + shift) % c.size, axis=1)
    level = c.pick(board, 0.80, 1.12)
    dark = c.color * np.array([0.78, 0.70, 0.62], np.float32)
    base = mixed(c.color, dark, np.clip(c.pick(board, 0.0, 0.55) + 2.2 * fibres, 0, 1))
    joint = ramp(edge, 0.0055, 0.0015)
    return shaded(base, level * (1.03 + fibres) * (1 - 0.62 * joint))


def windows_facade(c: Canvas) -> Floats:
    """A plastered facade with framed windows, one storey about 3 m."""
    number = c.number(3.0)
    x, y = (v * number for v in c.xy)
    cell = np.floor(y).astype(int) * number + np.floor(x).astype(int)
    fx, fy = np.abs(x % 1 - 0.5), y % 1 - 0.52
    pixel = number / c.size
    inside = ramp(np.maximum(fx - 0.23, np.abs(fy) - 0.28), pixel, 0.0)
    pane = np.maximum(np.abs(fx - 0.115) - 0.095, np.abs(fy - 0.03) - 0.235)
    glass = ramp(pane, pixel, 0.0) * inside
    sill = ramp(np.maximum(fx - 0.26, np.abs(fy + 0.30) - 0.02), pixel, 0.0)
    wall = shaded(c.color, 1 + 0.03 * waves(c.rng, c.size, 1, 12) + 0.015 * grain(c.rng, c.size))
    wall = shaded(wall, 1 - 0.18 * ramp(np.abs(y % 1 - 0.01), 0.012, 0.004))
    frame = c.accent((0.93, 0.93, 0.91))
    sky = mixed(tone(0.13, 0.19, 0.26), tone(0.42, 0.54, 0.64), ramp(fy, -0.35, 0.35))
    sky = mixed(sky, tone(0.80, 0.74, 0.60), 0.55 * ramp(c.pick(cell), 0.8, 0.82))
    curtain = ramp(np.abs(fx - 0.2), 0.05, 0.02) * ramp(c.pick(cell), 0.45, 0.5) * 0.55
    image = mixed(wall, frame, np.maximum(inside, sill))
    shadow = ramp(fy, 0.20, 0.26) * glass
    return shaded(mixed(mixed(image, sky, glass), frame, curtain * glass), 1 - 0.3 * shadow)
