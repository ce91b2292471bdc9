"""Rough terrain with pillars and boulders, and streets with curbs and stairs."""

from __future__ import annotations

from typing import Any

import numpy as np

from .solids import Floats, Solid, box, hills

__all__ = ["outdoor"]


def outdoor(rng: np.random.Generator, street: bool) -> list[Solid]:
    """Return rough ground with pillars and boulders, or a nearly level street with curbs, stairs and posts."""
    side = round(float(rng.uniform(8, 12) if street else rng.uniform(10, 18)), 2)
    low = np.round(rng.uniform(-side, 0, 2), 2)
    rough = float(rng.choice([0.2, 0.5, 1.0, 1.5]))
    waves = [(0.35, 0.5), (0.15, 0.9), (0.05, 2.0), (0.02, 4.0)]
    terms: list[list[Any]] = []
    for height, rate in waves:
        turn, phase = rng.uniform(0, 2 * np.pi, 2)
        amplitude = (0.02 if street else rough) * height
        terms.append([amplitude, rate * np.cos(turn), rate * np.sin(turn), phase, str(rng.choice(["sin", "cos"]))])
    ground: Solid = {"id": "ground", "type": "heightfield", "min": low.tolist(), "max": (low + side).tolist()}
    solids = [{**ground, "terms": terms}]
    taken: list[Floats] = []

    def spot(reach: float) -> Floats | None:
        for _ in range(60):
            at = rng.uniform(low + reach + 0.5, low + side - reach - 0.5)
            if all(np.linalg.norm(at - other[:2]) > reach + other[2] + 0.4 for other in taken):
                taken.append(np.array([*at, reach]))
                return at
        return None

    for n in range(int(rng.integers(4, 10))):
        height, radius = float(rng.uniform(0.4, 2.5)), float(rng.uniform(0.08, 0.5))
        if (at := spot(radius)) is None:
            continue
        foot = float(hills(terms, *at))
        if rng.random() < 0.6:
            post = {"type": "cylinder", "center": np.round(at, 3).tolist(), "radius": radius}
            solids.append({"id": f"post{n}", **post, "zmin": foot - 2.0, "zmax": foot + height})
        else:
            low_corner, high_corner = [*(at - radius), foot - 2.0], [*(at + radius), foot + 0.5 * height]
            solids.append(box(f"crate{n}", low_corner, high_corner))
    for n in range(int(rng.integers(2, 5)) if street else 0):
        length, width, rise = rng.uniform([1.5, 0.3, 0.05], [3.0, 1.2, 0.20])
        if (at := spot(length / 2)) is not None:
            foot, half = float(hills(terms, *at)), np.array([length, width]) / 2
            solids.append(box(f"curb{n}", [*(at - half), foot - 1.0], [*(at + half), foot + rise]))
    if street and (at := spot(1.0)) is not None:
        foot, rise = float(hills(terms, *at)), float(rng.uniform(0.12, 0.18))
        for k in range(4):
            start = at + [-0.5, -0.6 + 0.3 * k]
            solids.append(box(f"stair{k}", [*start, foot - 1.0], [*(start + [1.0, 0.3]), foot + (k + 1) * rise]))
    return solids
