"""Trees, hedges, rocks and logs."""

from __future__ import annotations

import numpy as np

from ..palette import jitter, material
from ..shapes import Mesh, ball, cushion, cylinder, join, lathe, tube
from ..things import Assembly, Look, Thing

__all__ = ["bush", "conifer", "hedge", "log", "rock", "stump", "tree"]


def tree(look: Look) -> Thing:
    """A broad-leaved tree with a round crown above head height."""
    h, lean = look.between(3.6, 5.2), look.between(-0.15, 0.15)
    bark = material("bark", jitter(look.rng, (0.38, 0.29, 0.21), 0.08), tile_m=0.6)
    leaf = look.main(
        material(
            "leaves",
            jitter(look.rng, look.one_of((0.25, 0.42, 0.14), (0.34, 0.46, 0.16), (0.18, 0.36, 0.15)), 0.08),
            tile_m=0.8,
        )
    )
    trunk = lathe([(0.22, 0), (0.15, 0.25), (0.12, 1.4), (0.09, h * 0.7)], 12)
    made = Assembly("tree").add("trunk", bark, trunk.bent(lambda p: p + np.outer(p[:, 2] ** 2, [lean * 0.1, 0, 0])))
    top, crown, branches = np.array([lean * 0.1 * (h * 0.7) ** 2, 0.0, h * 0.72]), [], []
    turn = look.between(0, 6.28)
    for k in range(6):
        angle, r = turn + k * 1.05, look.between(0.55, 0.85)
        centre = top + [r * np.cos(angle), r * np.sin(angle), look.between(-0.45, 0.4)]
        size = look.between(0.6, 0.85)
        crown.append(ball(size, size, size * 0.8, tuple(centre), subdivisions=2, rough=0.16, rng=look.rng))
        branches.append(tube(tuple(top - [0, 0, h * 0.22]), tuple(centre), 0.045, 6))
    crown.append(ball(0.8, 0.8, 0.7, tuple(top + [0, 0, 0.55]), subdivisions=2, rough=0.16, rng=look.rng))
    return made.add("branches", bark, *branches).add("crown", leaf, *crown).done(footprint=(0.5, 0.5))


def conifer(look: Look) -> Thing:
    """A fir with four skirts of branches; the lowest leaves the trunk free."""
    h = look.between(3.8, 5.6)
    bark = material("bark", jitter(look.rng, (0.34, 0.25, 0.18), 0.08), tile_m=0.6)
    leaf = look.main(material("leaves", jitter(look.rng, (0.13, 0.29, 0.16), 0.1), tile_m=0.6))
    made = Assembly("conifer").add("trunk", bark, lathe([(0.17, 0), (0.12, 0.3), (0.05, h * 0.9)], 10))
    skirts = []
    for k in range(5):
        low, share = 1.0 + (h - 1.0) * k / 5.2, 1 - k / 5.6
        r = look.between(0.95, 1.1) * share
        cone = lathe([(0.1, low + 0.18), (r, low), (r * 0.45, low + (h - 1) * 0.2), (0.03, low + (h - 1.0) * 0.34)], 18)
        skirts.append(_scalloped(cone, int(look.rng.integers(5, 8)), look.between(0, 6.28)))
    return made.add("needles", leaf, *skirts).done(footprint=(1.7, 1.7))


def _scalloped(cone: Mesh, waves: int, phase: float) -> Mesh:
    """Give a skirt of branches an uneven edge."""

    def ripple(points: np.ndarray) -> np.ndarray:
        factor = 1 + 0.13 * np.cos(waves * np.arctan2(points[:, 1], points[:, 0]) + phase)
        return points * np.column_stack([factor, factor, np.ones(len(points))])

    return cone.bent(ripple)


def bush(look: Look) -> Thing:
    """A low round bush."""
    leaf = look.main(
        material("leaves", jitter(look.rng, look.one_of((0.22, 0.38, 0.14), (0.32, 0.42, 0.18)), 0.1), tile_m=0.5)
    )
    size, lumps = look.between(0.35, 0.6), []
    for k in range(4):
        r = 0.5 * size * (k > 0)
        at = (r * np.cos(k * 2.1), r * np.sin(k * 2.1), size * 0.55)
        lumps.append(ball(size * 0.8, size * 0.8, size * 0.75, at, subdivisions=2, rough=0.2, rng=look.rng))
    body = join(lumps).bent(lambda p: np.column_stack([p[:, 0], p[:, 1], np.maximum(p[:, 2], -0.05)]))
    return Assembly("bush").add("leaves", leaf, body).done()


def rock(look: Look) -> Thing:
    """A boulder, sunk a little into the ground."""
    stone = look.main(
        material(
            "rock",
            jitter(look.rng, look.one_of((0.50, 0.48, 0.45), (0.56, 0.50, 0.43), (0.40, 0.41, 0.42)), 0.06),
            tile_m=1.2,
        )
    )
    w, d, h = look.between(0.4, 0.9), look.between(0.35, 0.75), look.between(0.3, 0.6)
    body = ball(w, d, h, (0, 0, h * 0.55), subdivisions=3, rough=0.34, grain=0.045, rng=look.rng)
    flat = body.bent(lambda p: np.column_stack([p[:, 0], p[:, 1], np.maximum(p[:, 2], -0.12)]))
    return Assembly("rock").add("body", stone, flat).done()


def log(look: Look) -> Thing:
    """A fallen trunk lying on the ground."""
    length, r = look.between(1.4, 2.4), look.between(0.16, 0.24)
    body = (
        lathe([(r, 0), (r * 1.05, length * 0.3), (r * 0.88, length)], 14)
        .turned(90, "y")
        .moved(-length / 2, 0, r * 0.95)
    )
    made = Assembly("log").add(
        "bark", look.main(material("bark", jitter(look.rng, (0.36, 0.27, 0.19), 0.1), tile_m=0.6)), body
    )
    ends = [
        cylinder(r * s * 0.9, 0.012, sides=14).turned(90, "y").moved(x, 0, r * 0.95)
        for x, s in ((-length / 2 - 0.008, 1.0), (length / 2 - 0.004, 0.88))
    ]
    made.add("ends", material("wood_grain", (0.72, 0.56, 0.36), tile_m=0.4), *ends)
    stub = tube((length * 0.15, 0, r), (length * 0.22, r * 1.5, r * 2.1), 0.05, 8)
    return made.add("stub", material("bark", (0.36, 0.27, 0.19), tile_m=0.6), stub).done()


def stump(look: Look) -> Thing:
    """A tree stump."""
    r, h = look.between(0.2, 0.32), look.between(0.3, 0.5)
    made = Assembly("stump").add(
        "bark",
        look.main(material("bark", (0.36, 0.27, 0.19), tile_m=0.6)),
        lathe([(r * 1.35, 0), (r * 1.05, 0.12), (r, h)], 16),
    )
    return made.add(
        "cut", material("wood_grain", (0.74, 0.58, 0.38), tile_m=0.5), cylinder(r * 0.93, 0.012, (0, 0, h), sides=16)
    ).done()


def hedge(look: Look) -> Thing:
    """Two metres of clipped hedge."""
    leaf = look.main(material("leaves", jitter(look.rng, (0.20, 0.36, 0.14), 0.08), tile_m=0.5))
    height = look.between(0.9, 1.3)
    return Assembly("hedge").add("leaves", leaf, cushion(2.0, 0.55, height, bevel=0.1)).done()
