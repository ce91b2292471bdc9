"""Ground that is one height for each place as a table of heights, as engines with height fields take it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import InvalidRequest
from ..types import CollisionPart

__all__ = ["GroundGrid", "ground_grid"]

#: Height of the rim beyond what is known above the ground next to it [m]: nothing drives off the scene.
RIM_M = 1.0


@dataclass(frozen=True, eq=False)
class GroundGrid:
    """Heights of the ground.

    Attributes:
        heights: row 0 has the smallest y and column 0 the smallest x [m], shape (H, W).
        corner: x and y of the first height, frame WORLD [m].
        step_m: distance between neighbours [m].
    """

    heights: npt.NDArray[np.float64]
    corner: tuple[float, float]
    step_m: float


def ground_grid(parts: Sequence[CollisionPart]) -> GroundGrid:
    """Return ground that the colliders `heightfield` and `convex` made, with a ring of rim around what is known.

    Its vertices lie on an even grid; where the kerb has others above them, the lowest is the ground.

    Raises:
        InvalidRequest: its vertices lie on no even grid.
    """
    points = np.concatenate([p.vertices for p in parts]).astype(np.float64)
    step = _step(points)
    corner = points[:, :2].min(axis=0) - step
    at = (points[:, :2] - corner) / step
    column, row = np.rint(at).astype(np.int64).T
    if np.abs(at - np.rint(at)).max() > 0.05:
        raise InvalidRequest(
            f"MJCF: the ground {parts[0].name!r} must have its vertices on an even grid of {step:.4g} m, got others. "
            "Make it by --collider heightfield or convex."
        )
    heights = np.full((row.max() + 2, column.max() + 2), np.inf)
    np.minimum.at(heights, (row, column), points[:, 2])
    return GroundGrid(_with_rim(heights), (float(corner[0]), float(corner[1])), step)


def _step(points: npt.NDArray[np.float64]) -> float:
    """Return the smallest distance between columns [m], by the many pairs of neighbours that have it."""
    x = np.unique(np.round(points[:, 0], 4))
    gaps = np.diff(x)
    return float(np.median(gaps[gaps > 1e-3])) if (gaps > 1e-3).any() else 1.0


def _with_rim(heights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return heights where unknown ones are `RIM_M` above the nearest known one."""
    from scipy import ndimage

    unknown = ~np.isfinite(heights)
    nearest = ndimage.distance_transform_edt(unknown, return_distances=False, return_indices=True)
    return np.where(unknown, heights[tuple(nearest)] + RIM_M, heights)
