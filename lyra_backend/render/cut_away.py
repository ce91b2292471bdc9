"""Looking at a scene from outside, as into a doll's house: without its ceiling and what lies beyond its floor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import InvalidRequest
from ..types import Camera, GaussianCloud, Intrinsics, look_at

__all__ = ["CutAway", "cut_away"]

Floats = npt.NDArray[np.floating]

#: Share of a room's height that stays below the cut: door handles and table tops do, lamps do not.
_KEPT_HEIGHT = 0.6
_HEAD_M = 1.9
#: Where more of the floor than this has something above a head, there is a ceiling, and not trees or shelves alone.
_CEILING_SHARE = 0.8
_CELL_M = 0.25
#: How far beyond the outline of the floor things belong to the scene: this far, or this share of its size.
_MARGIN_M, _MARGIN_SHARE = 1.0, 0.15
#: Share of positions at each end that may be stray.
_OUTLIERS = 0.005
_ELEVATION_DEG = 42.0
_FOV_DEG = 40.0
#: Share of the picture's height that the scene may fill.
_FILL = 0.92


@dataclass(frozen=True, eq=False)
class CutAway:
    """What is left of a scene to be looked at from outside.

    Attributes:
        cloud: the Gaussians, frame WORLD.
        top_m: where the ceiling was cut off [m]; infinite where there is none.
        low, high: the corners of the box that holds it, frame WORLD [m], shape (3,).
    """

    cloud: GaussianCloud
    top_m: float
    low: Floats
    high: Floats

    def turntable(self, count: int, width: int, height: int) -> tuple[Camera, ...]:
        """Return cameras evenly around it, looking down at its middle, that see all of it; the first looks along +y."""
        lens = Intrinsics.from_fov(width, height, _FOV_DEG)
        middle, tilt = (self.low + self.high) / 2, np.radians(_ELEVATION_DEG)
        turns = 2 * np.pi * np.arange(count) / count - np.pi / 2
        ways = np.column_stack([np.cos(tilt) * np.cos(turns), np.cos(tilt) * np.sin(turns)])
        outward = np.column_stack([ways, np.full(count, np.sin(tilt))])
        distance = max(self._distance(lens, middle, way) for way in outward)
        return tuple(
            Camera(lens, look_at(middle + distance * way, middle), f"turn_{i:03d}") for i, way in enumerate(outward)
        )

    def _distance(self, lens: Intrinsics, middle: Floats, way: Floats) -> float:
        """Return how far along a way (3,) from the middle a camera sees all corners of the box."""
        turn = look_at(middle + way, middle)[:3, :3].astype(np.float64)
        ends = np.stack([self.low, self.high])
        corners = np.stack(np.meshgrid(*ends.T, indexing="ij"), axis=-1).reshape(-1, 3) - middle
        x, y, z = (corners @ turn).T
        wanted = np.maximum(np.abs(x) * lens.fx / (lens.width / 2), np.abs(y) * lens.fy / (lens.height / 2))
        return float((wanted / _FILL - z).max())


def cut_away(cloud: GaussianCloud, outline: Sequence[Floats] = (), floor_m: float = 0.0) -> CutAway:
    """Return a cloud (frame WORLD) without its ceiling, if it has one, and without what is far from its floor.

    Args:
        cloud: the Gaussians.
        outline: polygons of the floor (K, 2) [m]; without any, all but strays is looked at.
        floor_m: height of the floor [m].

    Raises:
        InvalidRequest: the cloud is empty.
    """
    if not cloud.count:
        raise InvalidRequest("a cut needs a cloud with Gaussians, got none.")
    low, high = np.quantile(cloud.positions, [_OUTLIERS, 1.0 - _OUTLIERS], axis=0).astype(np.float64)
    if len(outline):
        corners = np.concatenate([np.asarray(polygon, np.float64) for polygon in outline])
        first, last = corners.min(axis=0), corners.max(axis=0)
        margin = np.maximum(_MARGIN_M, _MARGIN_SHARE * (last - first))
        low[:2], high[:2] = np.maximum(low[:2], first - margin), np.minimum(high[:2], last + margin)
    # what lies low below the floor, such as the ground outside, is shown with it
    near = np.all((cloud.positions[:, :2] >= low[:2]) & (cloud.positions[:, :2] <= high[:2]), axis=1)
    top = _cut_height(cloud.positions[near], low, high, floor_m)
    seen = cloud.select(near & (cloud.positions[:, 2] <= top))
    if not seen.count:
        return CutAway(cloud, np.inf, low, np.maximum(high, low + _CELL_M))
    high[2] = min(high[2], top)
    return CutAway(seen, top, low, np.maximum(high, low + _CELL_M))


def _cut_height(points: Floats, low: Floats, high: Floats, floor_m: float) -> float:
    """Return where to cut a ceiling off [m], infinity where there is none."""
    head = floor_m + _HEAD_M
    cells = np.maximum(np.ceil((high[:2] - low[:2]) / _CELL_M).astype(int), 1)
    index = np.clip(((points[:, :2] - low[:2]) / _CELL_M).astype(int), 0, cells - 1)
    flat = index[:, 0] * cells[1] + index[:, 1]
    shown, covered = (np.zeros(cells.prod(), bool) for _ in range(2))
    shown[flat[points[:, 2] <= head]] = True
    covered[flat[points[:, 2] > head]] = True
    if not shown.any() or covered[shown].mean() < _CEILING_SHARE:
        return np.inf
    return float(floor_m + max(_KEPT_HEIGHT * (high[2] - floor_m), min(1.2, high[2] - floor_m)))
