"""Patterns of nature: ground, plants and stone."""

from __future__ import annotations

import numpy as np

from .noise import Floats, cells, grain, ramp, waves
from .paint import Canvas, mixed, shaded

__all__ = ["bark", "grass", "leaves", "rock", "soil"]


def grass(c: Canvas) -> Floats:
    """A lawn: blades of many greens, dry patches."""
    blades = waves(c.rng, c.size, 30, 128, 0.1, stretch=0.35)
    clumps = waves(c.rng, c.size, 3, 24, 0.8)
    dry = c.accent(c.color * np.array([1.35, 1.15, 0.80]) + np.array([0.05, 0.03, 0.0]))
    base = mixed(c.color, dry, 0.38 * ramp(waves(c.rng, c.size, 2, 20, 0.9), 0.0, 1.8))
    return shaded(base, np.clip(0.98 + 0.17 * blades + 0.09 * clumps, 0.35, 1.6))


def soil(c: Canvas) -> Floats:
    """Crumbly earth with pebbles."""
    value, distance, _ = cells(c.rng, c.size, 420)
    pebble = ramp(distance, 0.012, 0.006) * ramp(value, 0.72, 0.78)
    crumbs = waves(c.rng, c.size, 8, 128, 0.55)
    light = 0.98 + 0.08 * waves(c.rng, c.size, 1, 8) + 0.12 * crumbs
    stone = c.accent(c.color * 0.5 + 0.30)
    return mixed(shaded(c.color, np.clip(light, 0.4, 1.5)), shaded(stone, 0.85 + 0.3 * value), 0.75 * pebble)


def rock(c: Canvas) -> Floats:
    """Weathered stone: layers, cracks and lichen."""
    coarse = waves(c.rng, c.size, 1, 24, 1.1, stretch=1.6)
    ridge = 1 - np.abs(waves(c.rng, c.size, 2, 40, 1.1))
    crack = ramp(ridge, 0.93, 1.0)
    light = 1 + 0.10 * coarse + 0.06 * waves(c.rng, c.size, 20, 128, 0.3) - 0.26 * crack
    lichen = c.accent(c.color * np.array([0.92, 1.0, 0.78]))
    base = mixed(c.color, lichen, 0.6 * ramp(waves(c.rng, c.size, 2, 30, 0.8), 0.7, 1.6))
    return shaded(base, np.clip(light, 0.35, 1.4))


def leaves(c: Canvas) -> Floats:
    """Foliage seen from outside: overlapping pointed leaves, dark between them."""
    x, y = c.xy
    image = shaded(c.color * 0.5, 1 + 0.2 * waves(c.rng, c.size, 4, 40))
    young = c.accent(c.color * np.array([1.45, 1.35, 0.85]) + 0.02)
    size = c.size
    for layer in range(5):
        number = 9 + layer
        v = y * number + c.rng.random()
        row = np.floor(v).astype(int) % number
        u = x * number + c.pick(row)
        column = np.floor(u).astype(int) % number
        leaf = row * number + column
        turn, reach = c.pick(leaf, 0, 2 * np.pi), c.pick(leaf, 0.36, 0.5)
        du, dv = u % 1 - 0.5, v % 1 - 0.5
        along, across = du * np.cos(turn) + dv * np.sin(turn), dv * np.cos(turn) - du * np.sin(turn)
        width = 0.45 * reach * np.clip(1 - (along / reach) ** 2, 0, 1)
        soft = 1.2 * number / size
        inside = ramp(np.abs(across) - width, soft, -soft)
        tone = (0.75 + 0.11 * layer) * c.pick(leaf, 0.8, 1.25) * (1 + 0.5 * across / reach)
        rib = 1 - 0.22 * ramp(np.abs(across), 0.045, 0.01)
        colour = mixed(c.color, young, ramp(c.pick(leaf), 0.5, 1.0) * 0.6)
        image = mixed(image, shaded(colour, tone * rib), inside)
    return image


def bark(c: Canvas) -> Floats:
    """Bark with furrows along x, which is the trunk's long side."""
    plates = waves(c.rng, c.size, 5, 60, 0.8, stretch=6)
    furrow = ramp(np.abs(plates), 0.35, 0.0)
    fine = waves(c.rng, c.size, 24, 128, 0.2, stretch=3)
    moss = c.accent(c.color * np.array([0.85, 1.05, 0.75]))
    base = mixed(c.color, moss, 0.5 * ramp(waves(c.rng, c.size, 1, 8), 0.6, 1.8))
    light = 1.06 + 0.09 * plates + 0.08 * fine - 0.42 * furrow + 0.03 * grain(c.rng, c.size)
    return shaded(base, np.clip(light, 0.3, 1.5))
