"""What a variation differs by, drawn from a seed: light, friction, look, and things that lie about.

Does: draw. The same run, seed and number give the same variation, whatever else is drawn. Does not: write anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..types.rotations import multiply_quats, quat_about_z
from .things import Thing, draw

if TYPE_CHECKING:
    from ..author.variation import Clutter, Look
    from ..validate.level_places import LevelPlaces

__all__ = ["GAP_M", "draw_clutter", "draw_frictions", "draw_look"]

#: Streams of random numbers, one for each thing that differs.
_FRICTION, _LOOK, _CLUTTER = 8_301, 8_302, 8_303
#: Stops by which friction differs, dynamic over static friction, and the least that engines are given.
_FRICTION_STOPS, _DYNAMIC_SHARE, _LEAST_FRICTION = (-1.0, 0.25), (0.8, 1.0), 0.06
#: Stops of exposure and of white balance (red over blue is twice that), and saturation.
_EXPOSURE_STOPS, _BALANCE_STOPS, _SATURATION = 0.5, 0.15, (0.85, 1.15)
#: Room between things [m], and how high above the ground they are put.
GAP_M, _DROP_M = 0.05, 0.0005


def draw_frictions(
    frictions: Mapping[str, tuple[float, float]], seed: int, number: int
) -> dict[str, tuple[float, float]]:
    """Return other static and dynamic frictions of the same materials, each drawn for itself."""
    rng = np.random.default_rng([seed, _FRICTION, number])
    drawn = {}
    for name, (static, dynamic) in sorted(frictions.items()):
        factor, share = 2.0 ** rng.uniform(*_FRICTION_STOPS), rng.uniform(*_DYNAMIC_SHARE)
        still = max(_LEAST_FRICTION, static * factor)
        ratio = min(1.0, dynamic / static) if static > 0 else 1.0
        drawn[name] = (round(still, 4), round(max(_LEAST_FRICTION, still * ratio * share), 4))
    return drawn


def draw_look(seed: int, number: int) -> Look:
    """Return another exposure, white balance and saturation of pictures, and another tint of the exact surface."""
    from ..author.variation import Look

    rng = np.random.default_rng([seed, _LOOK, number])
    gain, saturation = _color(rng), round(float(rng.uniform(*_SATURATION)), 4)
    return Look(gain, saturation, _color(rng))


def _color(rng: np.random.Generator) -> tuple[float, float, float]:
    """Return factors of red, green and blue: brighter or darker, warmer or colder."""
    exposure = rng.uniform(-_EXPOSURE_STOPS, _EXPOSURE_STOPS)
    balance = rng.uniform(-_BALANCE_STOPS, _BALANCE_STOPS)
    red, green, blue = (round(float(2.0 ** (exposure + b)), 4) for b in (balance, 0.0, -balance))
    return red, green, blue


def draw_clutter(places: LevelPlaces, own: Sequence[Thing], count: int, seed: int, number: int) -> tuple[Clutter, ...]:
    """Return up to `count` things at places that keep them apart; fewer where there are fewer places."""
    rng = np.random.default_rng([seed, _CLUTTER, number])
    drawn: list[Clutter] = []
    taken: list[tuple[npt.NDArray[np.float64], float]] = []
    for at in rng.permutation(len(places.points)).tolist():
        if len(drawn) == count:
            break
        thing, yaw = draw(own, rng), float(rng.uniform(-np.pi, np.pi))
        point = places.points[at]
        if all(np.hypot(*(point - other)[:2]) >= thing.radius_m + radius + GAP_M for other, radius in taken):
            taken.append((point, thing.radius_m))
            drawn.append(_put(thing, places, at, yaw, len(drawn)))
    return tuple(drawn)


def _put(thing: Thing, places: LevelPlaces, at: int, yaw: float, number: int) -> Clutter:
    """Stand a thing on the plane of the ground, just above the highest bump of it."""
    from ..author.variation import Clutter

    normal = places.normals[at]
    x, y, z = (places.points[at] + (places.bumps[at] + _DROP_M) * normal).round(5).tolist()
    w, i, j, k = multiply_quats(_onto(normal), quat_about_z(yaw)).round(8).tolist()
    return Clutter(
        f"{thing.kind}_{number}",
        thing.semantic_class,
        thing.mass_kg,
        round(thing.friction, 4),
        (x, y, z),
        (w, i, j, k),
        thing.color,
        round(thing.radius_m, 4),
        thing.primitive,
        thing.body,
    )


def _onto(normal: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the shortest turn, as a quaternion wxyz, that takes up to a unit vector that points upwards."""
    quat = np.array([1.0 + normal[2], -normal[1], normal[0], 0.0])
    return np.asarray(quat / np.linalg.norm(quat))
