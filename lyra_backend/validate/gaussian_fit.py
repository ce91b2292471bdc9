"""Do Gaussians and colliders show the same place? A robot sees the ones and bumps into the others.

Does: measure how far Gaussians that can be seen are from the colliders, where robots get to. Does not: ask how good
either is by itself.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..types import Finding, GaussianCloud, Outcome, Severity
from .floor_columns import FloorMap
from .survey import Survey, random_stream
from .triangle_index import TriangleIndex

__all__ = ["check_fit"]

Floats = npt.NDArray[np.float64]

#: Gaussians that are held against the colliders; half a per cent of accuracy in shares.
SAMPLES = 5000
#: Fewer than this say nothing about a scene.
FEWEST_SAMPLES = 50
#: Robots reach, and see from near, what is at most this high above the ground [m].
REACH_HEIGHT = 2.0
SOLID_OPACITY = 0.5
#: The ground of a place is the lowest floor within this distance [m]: under a desk it is not the desk's top.
GROUND_RADIUS = 1.0


def check_fit(cloud: GaussianCloud, survey: Survey, limits: Any) -> Outcome[None]:
    """Hold solid Gaussians of a WORLD cloud against the colliders below and around them."""
    solid = np.flatnonzero(cloud.opacities > SOLID_OPACITY)
    if len(solid) < FEWEST_SAMPLES:
        return Outcome(None)
    chosen = np.sort(random_stream(4).choice(solid, min(SAMPLES, len(solid)), replace=False))
    points = cloud.positions[chosen].astype(np.float64)
    ground = _ground_below(points, survey.floor)
    counts: dict[str, int | float] = {}
    findings = [_below_floor(points, cloud.opacities[chosen], ground, limits, counts)]
    inside = np.isfinite(ground)
    reachable = points[inside][points[inside, 2] < ground[inside] + REACH_HEIGHT]
    if len(reachable) >= FEWEST_SAMPLES:
        findings.append(_uncovered(reachable, survey, limits, counts))
    return Outcome(None, counts, tuple(f for f in findings if f))


def _ground_below(points: Floats, floor: FloorMap) -> Floats:
    """Return the height of the ground (N,) [m] at the place of each point, nan beyond the floor's outline."""
    from scipy import ndimage

    width = 2 * max(1, round(GROUND_RADIUS / floor.cell)) + 1
    lowest = ndimage.minimum_filter(floor.filled, size=width)
    cell = np.floor((points[:, :2] - floor.origin) / floor.cell).astype(np.int64)
    inside = ((cell >= 0) & (cell < floor.filled.shape)).all(axis=1)
    ground = np.full(len(points), np.nan)
    ground[inside] = lowest[tuple(cell[inside].T)]
    return ground


def _below_floor(
    points: Floats, weights: npt.NDArray[np.floating], ground: Floats, limits: Any, counts: dict[str, int | float]
) -> Finding | None:
    """Measure what lies in the floor: below z = 0 and, where the ground is lower than that, below the ground."""
    depth, limit = limits.below_floor_depth_m, limits.below_floor_share_max
    buried = points[:, 2] < np.fmin(ground, 0.0) - depth
    share = float(weights[buried].sum(dtype=np.float64) / weights.sum(dtype=np.float64))
    counts["below_floor_share"] = round(share, 4)
    if share <= limit:
        return None
    message = f"{share:.1%} of what can be seen lies more than {depth:g} m below the floor: its height is off."
    return Finding("gaussians.below_floor", Severity.WARNING, message, share, limit)


def _uncovered(reachable: Floats, survey: Survey, limits: Any, counts: dict[str, int | float]) -> Finding | None:
    """Measure what can be seen and has no collider near it."""
    gap, limit = limits.collider_gap_m, limits.collider_uncovered_share_max
    moving = TriangleIndex(survey.colliders.moving.corners)
    bare = (survey.index.distances(reachable, 1.01 * gap) > gap) & (moving.distances(reachable, 1.01 * gap) > gap)
    share = float(bare.mean())
    counts["uncovered_share"] = round(share, 4)
    if share <= limit:
        return None
    message = (
        f"{share:.1%} of what can be seen up to {REACH_HEIGHT:g} m above the ground is more than {gap:g} m from any "
        "collider: robots go through what they see."
    )
    return Finding("collider.uncovered", Severity.ERROR, message, share, limit)
