"""Patterns of made things: cloth, metal, paper, screens and signs."""

from __future__ import annotations

import numpy as np

from .noise import Floats, blobs, grain, ramp, waves
from .paint import Canvas, mixed, shaded, tone

__all__ = ["book_spines", "cardboard", "carpet", "fabric", "glass", "hazard_stripes", "metal_brushed"]
__all__ += ["metal_painted", "paper_picture", "plain", "screen"]

#: Colours of book covers.
_CLOTHS = np.array(
    [
        (0.52, 0.14, 0.12),
        (0.13, 0.23, 0.42),
        (0.16, 0.34, 0.24),
        (0.85, 0.80, 0.68),
        (0.72, 0.52, 0.18),
        (0.20, 0.20, 0.23),
        (0.42, 0.26, 0.40),
        (0.78, 0.76, 0.74),
        (0.30, 0.45, 0.52),
        (0.62, 0.32, 0.18),
    ],
    np.float32,
)


def plain(c: Canvas) -> Floats:
    """One colour."""
    return np.broadcast_to(c.color, (c.size, c.size, 3))


def fabric(c: Canvas) -> Floats:
    """Plain weave with uneven yarns."""
    x, y = c.xy
    number = 32
    over = (np.floor(x * 2 * number) + np.floor(y * 2 * number)) % 2
    warp = np.abs(np.sin(np.pi * x * 2 * number))
    weft = np.abs(np.sin(np.pi * y * 2 * number))
    thread = np.where(over > 0, warp, weft)
    uneven = np.where(over > 0, waves(c.rng, c.size, 24, 128, 0.1, 0.05), waves(c.rng, c.size, 24, 128, 0.1, 20))
    second = c.accent(c.color * 0.86)
    base = mixed(c.color, second, 0.8 * over.astype(np.float32))
    return shaded(base, 0.86 + 0.16 * thread + 0.05 * uneven + 0.008 * waves(c.rng, c.size, 1, 8))


def carpet(c: Canvas) -> Floats:
    """Cut pile: dense specks and traces of footsteps."""
    tufts = 0.10 * grain(c.rng, c.size) + 0.07 * waves(c.rng, c.size, 30, 110, 0.1)
    second = c.accent(c.color * 0.8 + 0.06)
    base = mixed(c.color, second, ramp(waves(c.rng, c.size, 24, 128, 0.0), 0.4, 1.2))
    return shaded(base, np.clip(1 + tufts + 0.035 * waves(c.rng, c.size, 1, 6), 0.5, 1.5))


def metal_brushed(c: Canvas) -> Floats:
    """Brushed along x."""
    lines = waves(c.rng, c.size, 10, 128, 0.1, stretch=60)
    sheen = waves(c.rng, c.size, 1, 6, 1.0, stretch=3)
    return shaded(c.color, 1 + 0.045 * lines + 0.035 * sheen)


def metal_painted(c: Canvas) -> Floats:
    """Enamel with a few chips and a trace of dust."""
    chips = ramp(waves(c.rng, c.size, 6, 32, 0.6), 2.7, 3.1)
    dust = 1 + 0.02 * waves(c.rng, c.size, 1, 8)
    return mixed(shaded(c.color, dust), c.accent(c.color * 0.45 + 0.12), 0.8 * chips)


def cardboard(c: Canvas) -> Floats:
    """A carton's face: flutes, parcel tape across the middle, a label."""
    x, y = c.xy
    flutes = 0.012 * np.sin(2 * np.pi * 56 * y)
    light = 1 + flutes + 0.03 * waves(c.rng, c.size, 1, 10) + 0.02 * waves(c.rng, c.size, 20, 128, 0.2, 4)
    worn = ramp(np.minimum(np.minimum(x, 1 - x), np.minimum(y, 1 - y)), 0.03, 0.0)
    image = shaded(c.color, light * (1 - 0.14 * worn))
    tape = c.accent(c.color * np.array([0.86, 0.76, 0.58]) + 0.07)
    across = np.abs(y - 0.5)
    image = mixed(image, shaded(tape, 1 + 0.03 * waves(c.rng, c.size, 2, 20, 0.6, 8)), ramp(across, 0.058, 0.053))
    image = shaded(image, 1 - 0.35 * ramp(across, 0.006, 0.002))
    label = ramp(np.maximum(np.abs(x - 0.76) - 0.13, np.abs(y - 0.24) - 0.095), 0.006, 0.0)
    lines = ((y * 40) % 1 < 0.45) & (np.abs(x - 0.74) < 0.09) & (np.abs(y - 0.235) < 0.06)
    bars = (c.pick(np.floor(x * 110).astype(int)) > 0.5) & (np.abs(x - 0.76) < 0.10) & (np.abs(y - 0.295) < 0.022)
    image = mixed(image, tone(0.92, 0.91, 0.88), label)
    return shaded(image, 1 - 0.75 * (lines | bars) * label)


def book_spines(c: Canvas) -> Floats:
    """A row of books that fills the tile."""
    size, number = c.size, c.number(0.034, least=6)
    widths = c.rng.uniform(0.55, 1.5, number)
    ends = np.cumsum(widths) / widths.sum()
    x, y = c.xy
    book = np.minimum(np.searchsorted(ends, x[0]), number - 1)
    start = np.concatenate([[0.0], ends])[book]
    inside = ((x[0] - start) / (ends[book] - start)).astype(np.float32)[None]
    book = np.broadcast_to(book, (size, size))
    palette = np.concatenate([_CLOTHS, c.color[None], c.color[None]])
    cover = palette[c.rng.integers(0, len(palette), number)][book]
    round_ = 0.62 + 0.42 * np.sin(np.pi * np.clip(inside, 0.03, 0.97))
    height = c.pick(book, 0.80, 0.985)
    gold = c.accent((0.86, 0.72, 0.40))
    place = c.pick(book, 0.55, 0.8)
    band = ramp(np.abs(y - place * height), 0.012, 0.008) + ramp(np.abs(y - 0.14 * height), 0.012, 0.008)
    title = ramp(np.abs(y - 0.42 * height), 0.15, 0.14) * ramp(np.abs(inside - 0.5), 0.22, 0.12)
    title = title * ramp(waves(c.rng, size, 10, 60, 0.0, 0.5), 0.2, 0.5)
    image = mixed(shaded(cover, round_ * c.pick(book, 0.85, 1.1)), gold, np.clip(0.75 * band + 0.6 * title, 0, 1))
    return shaded(image, 1 - 0.85 * ramp(y - height, 0.0, 0.008))


def hazard_stripes(c: Canvas) -> Floats:
    """Diagonal warning stripes."""
    x, y = c.xy
    number = c.number(0.2)
    phase = ((x + y) * number) % 1
    edge = np.minimum(np.abs(phase - 0.25), np.abs(phase - 0.75))
    soft = 1.2 * number / c.size
    share = np.where(np.abs(phase - 0.5) < 0.25, ramp(edge, -soft, soft), ramp(edge, soft, -soft))
    worn = 1 + 0.04 * waves(c.rng, c.size, 2, 30)
    return shaded(mixed(c.color, c.accent((0.10, 0.10, 0.10)), share), worn)


def paper_picture(c: Canvas) -> Floats:
    """An abstract landscape in a mount and a frame."""
    x, y = c.xy
    border = np.minimum(np.minimum(x, 1 - x), np.minimum(y, 1 - y))
    main, second = c.color, c.accent(1 - 0.8 * c.color)
    sky = mixed(second * 0.35 + 0.6, main * 0.4 + 0.5, ramp(y, 0.3, 0.9))
    image = shaded(sky, 1 + 0.03 * waves(c.rng, c.size, 1, 12, 1.0, 3))
    disc = np.hypot(x - c.rng.uniform(0.35, 0.65), y - c.rng.uniform(0.58, 0.7))
    image = mixed(image, second, ramp(disc, 0.105, 0.095))
    for level, depth in ((0.52, 0.35), (0.42, 0.6), (0.32, 0.85), (0.24, 1.0)):
        ridge = level + 0.05 * waves(c.rng, c.size, 1, 6, 1.4)[c.size // 2][None]
        hue = (main * (1 - 0.45 * depth)) * depth + second * (1 - depth)
        image = mixed(image, hue, ramp(ridge - y, -0.004, 0.004))
    image = shaded(image, 1 + 0.025 * grain(c.rng, c.size))
    image = mixed(image, tone(0.94, 0.93, 0.90), ramp(border, 0.150, 0.144))
    frame = tone(0.22, 0.15, 0.10) * (1 + 0.06 * waves(c.rng, c.size, 4, 40))[..., None]
    image = mixed(image, frame, ramp(border, 0.052, 0.047))
    return shaded(image, 1 - 0.25 * ramp(np.abs(border - 0.06), 0.012, 0.0))


def screen(c: Canvas) -> Floats:
    """A monitor's picture: desktop, windows with text and a chart."""
    x, y = c.xy
    light = c.accent(c.color * 0.5 + 0.5)
    image = mixed(c.color * 0.55, light, ramp(y + 0.25 * x, 0.0, 1.5) * 0.8)
    for left, bottom, right, top in ((0.06, 0.16, 0.56, 0.90), (0.50, 0.30, 0.94, 0.80)):
        inside = (x > left) & (x < right) & (y > bottom) & (y < top)
        image = np.where(inside[..., None], tone(0.95, 0.95, 0.96), image)
        bar = inside & (y > top - 0.055)
        image = np.where(bar[..., None], c.color * 0.45 + 0.06, image)
        row = np.floor((top - 0.09 - y) * 26).astype(int)
        length = c.rng.uniform(0.35, 0.9, 64)[np.clip(row, 0, 63)]
        text = inside & (row >= 0) & (((top - 0.09 - y) * 26) % 1 < 0.42)
        text &= (x > left + 0.03) & (x < left + 0.03 + (right - left - 0.06) * length)
        image = np.where(text[..., None], tone(0.45, 0.48, 0.54), image)
    column = np.floor((x - 0.56) * 26).astype(int)
    height = c.rng.uniform(0.05, 0.26, 64)[np.clip(column, 0, 63)]
    chart = (x > 0.56) & (x < 0.90) & (((x - 0.56) * 26) % 1 < 0.7) & (y > 0.34) & (y < 0.34 + height)
    image = np.where(chart[..., None], np.clip(c.color * 1.1 + 0.1, 0, 1), image)
    border = np.minimum(np.minimum(x, 1 - x), np.minimum(y, 1 - y))
    return mixed(image, tone(0.05, 0.05, 0.06), ramp(border, 0.022, 0.016))


def glass(c: Canvas) -> Floats:
    """A pane that mirrors a bright sky."""
    x, y = c.xy
    bright = c.accent(c.color * 0.5 + 0.48)
    sweep = 0.5 - 0.5 * np.cos(2 * np.pi * y)
    streak = ramp(np.abs((x + y) % 1 - 0.5), 0.14, 0.05) * 0.30
    clouds = 0.06 * blobs(c.rng, c.size, 6, 0.18, 0.8)
    return mixed(c.color * 0.88, bright, np.clip(0.65 * sweep + streak + clouds, 0, 1))
