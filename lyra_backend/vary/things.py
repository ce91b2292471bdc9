"""Things that can lie about: small bodies of the scene's own, and shapes of a table.

Does: read both, and draw one. Does not: know where it goes.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..types import Primitive, Shape

__all__ = ["LARGEST_RADIUS_M", "TALLEST_M", "Thing", "draw", "own_things"]

Floats = npt.NDArray[np.float64]
Triple = tuple[float, float, float]

#: Larger things would be furniture: around the middle of the base, and above it [m].
LARGEST_RADIUS_M, TALLEST_M, HEAVIEST_KG = 0.33, 0.6, 25.0
#: A thing smaller than this [m] is what a scan left over.
SMALLEST_M = 0.04
#: What counts as the base of a thing, and how far inside its rim the weight must be [m].
_BASE_M, _MARGIN_M = 0.003, 0.015
_UNKNOWN = "unknown"
#: How often a thing of the scene's own is drawn, if it has any.
OWN_SHARE = 0.5
#: Stops by which colours differ.
_STOPS = 0.7
#: Of things of the scene's own, whose colliders have no colour.
_OWN_COLOR = (0.30, 0.26, 0.22)
_TABLE = Path(__file__).with_name("clutter.toml")


@dataclass(frozen=True)
class Thing:
    """What could lie about.

    Attributes:
        kind: a word for its prim's name.
        semantic_class: what it is.
        mass_kg, friction: of the whole, and its coefficient.
        color: linear RGB.
        radius_m, height_m: of the upright cylinder around the middle of its base that holds it.
        primitive: its one shape, with the middle of its base at the origin; None for a body of the scene's own.
        body: path of that body in the collision layer, or "".
    """

    kind: str
    semantic_class: str
    mass_kg: float
    friction: float
    color: Triple
    radius_m: float
    height_m: float
    primitive: Primitive | None = None
    body: str = ""


def own_things(run: Path) -> tuple[Thing, ...]:
    """Return the bodies of a finished run's scene that are small enough to lie about, in the order of its layer."""
    from ..validate.own_bodies import read_bodies

    things = []
    for body in read_bodies(run):
        corners = body.corners.reshape(-1, 3)
        radius, height = float(np.hypot(*corners[:, :2].T).max()), float(corners[:, 2].max())
        base = corners[corners[:, 2] <= _BASE_M, :2]
        fits = SMALLEST_M <= height <= TALLEST_M and radius <= LARGEST_RADIUS_M and 0 < body.mass_kg <= HEAVIEST_KG
        # of what nobody knows what it is, it may be a part that something else holds up
        if fits and body.semantic_class != _UNKNOWN and _stands(base, corners[:, :2].mean(axis=0)):
            kind = body.semantic_class if body.semantic_class.isidentifier() else "thing"
            things.append(
                Thing(
                    kind,
                    body.semantic_class,
                    round(body.mass_kg, 3),
                    body.friction,
                    _OWN_COLOR,
                    radius,
                    height,
                    body=body.path,
                )
            )
    return tuple(things)


def _stands(base: Floats, middle: Floats) -> bool:
    """Return whether something whose weight is at `middle` (2,) stands on corners (B, 2) with some margin."""
    from scipy.spatial import ConvexHull, QhullError

    try:
        sides = ConvexHull(base).equations
    except (QhullError, ValueError):
        return False
    return bool((sides[:, :2] @ middle + sides[:, 2]).max() <= -_MARGIN_M)


def draw(own: Sequence[Thing], rng: np.random.Generator) -> Thing:
    """Return one of the scene's own things, or one of the table of a random size and colour."""
    if own and rng.uniform() < OWN_SHARE:
        one = own[int(rng.integers(len(own)))]
        return replace(one, color=_lit(one.color, rng))
    kinds = _table()
    name = sorted(kinds)[int(rng.integers(len(kinds)))]
    entry = kinds[name]
    low, high = np.array(entry["size_m"]).T
    size = (low + rng.uniform(size=3) * (high - low)).round(3)
    if entry["shape"] == "cylinder":
        size[1] = size[0]
    return _shaped(name, entry, size, _lit(entry["color"], rng))


def _lit(color: Sequence[float], rng: np.random.Generator) -> Triple:
    """Return a colour made lighter or darker."""
    red, green, blue = np.minimum(np.array(color) * 2.0 ** rng.uniform(-_STOPS, _STOPS), 0.9).round(4).tolist()
    return red, green, blue


def _shaped(name: str, entry: dict[str, Any], size: Floats, color: Triple) -> Thing:
    round_ = entry["shape"] == "cylinder"
    shape = Shape.CYLINDER if round_ else Shape.BOX
    middle, level = np.array([0, 0, size[2] / 2], np.float32), np.array([1, 0, 0, 0], np.float32)
    primitive = Primitive(shape, middle, level, size.astype(np.float32))
    mass = round(max(0.05, primitive.volume_m3 * entry["density_kg_m3"]), 3)
    radius = float(size[0] / 2 if round_ else np.hypot(*size[:2]) / 2)
    return Thing(name, entry["class"], mass, entry["friction"], color, radius, float(size[2]), primitive)


@cache
def _table() -> dict[str, dict[str, Any]]:
    return tomllib.loads(_TABLE.read_text(encoding="utf-8"))
