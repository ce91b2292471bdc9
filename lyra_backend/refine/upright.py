"""Which of six axes points up, where a file does not say.

Each axis is tried: what is below should be a wide floor that much stands on, and less should hang from above; walls
should stand upright on it. The evidence is weighed by a logistic model, fitted on known scenes; a probability comes
with the answer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..types import UP_AXES, Camera, Finding, Frame, GaussianCloud, Severity
from .floor import FloorParams, find_floor
from .surfels import surfels_of

__all__ = ["UpAxis", "evidence", "find_up_axis", "up_findings"]

Floats = npt.NDArray[np.float64]

#: More Gaussians do not make the answer any surer.
_MOST = 60_000
_MARGIN = 0.1
#: A plane with more of the scene under it is no floor to measure from.
_MOST_UNDER = 0.05
_CELLS = 16
#: Weights of the evidence, in the order of `evidence`; fitted to 34 known scenes, on each of six sides.
_WEIGHTS = np.array([0.0, 2.8, 3.6, 5.4, 2.4, 2.7, -1.5])
#: An axis that is less probable than this is not relied on.
_SURE = 0.9


@dataclass(frozen=True)
class UpAxis:
    """The axis of the cloud that points up, by the names of `types.UP_AXES`, and how probable that is."""

    axis: str
    probability: float

    @property
    def is_sure(self) -> bool:
        return self.probability >= _SURE


def find_up_axis(cloud: GaussianCloud, cameras: tuple[Camera, ...], max_tilt: float) -> UpAxis:
    """Return the axis that the vertical is nearest to.

    Args:
        cloud: at least one Gaussian.
        cameras: views from free space; may be empty.
        max_tilt: how far the vertical may be from an axis [deg].
    """
    scores = np.array([evidence(cloud, cameras, axis, max_tilt) @ _WEIGHTS for axis in UP_AXES])
    shares = np.exp(scores - scores.max())
    best = int(scores.argmax())
    return UpAxis(tuple(UP_AXES)[best], float(shares[best] / shares.sum()))


def evidence(cloud: GaussianCloud, cameras: tuple[Camera, ...], axis: str, max_tilt: float) -> Floats:
    """Return what speaks for `axis` (7,).

    In turn: there is a floor; its cover; how low on the mean is what stands between floor and top; breadth over height;
    how much more the bottom is covered than the top; how many more columns are filled below than above; and how much
    lies under the floor, which speaks against.
    """
    if cloud.count > _MOST:
        cloud = cloud.select(np.arange(0, cloud.count, -(-cloud.count // _MOST)))
    turn = UP_AXES[axis]
    turned = cloud.transformed(turn, Frame.GENERATOR)
    floor = find_floor(turned, tuple(c.transformed(turn) for c in cameras), FloorParams(max_tilt=max_tilt), None)
    surfels = surfels_of(turned)
    if not len(surfels.points):
        return np.zeros(len(_WEIGHTS))
    points = surfels.points @ floor.rotation.T
    low, high = np.quantile(points, (0.01, 0.99), axis=0)
    breadth = float(np.log(np.sqrt(np.prod(np.maximum(high - low, 1e-9)[:2])) / max(high[2] - low[2], 1e-9)))
    under = float((points[:, 2] < floor.height - 0.02 * (high - low)[:2].max()).mean()) if floor.is_plane else 0.0
    if floor.is_plane and under < _MOST_UNDER:
        low[2] = floor.height
    places = (points - low) / np.maximum(high - low, 1e-9)
    level = np.abs(surfels.normals @ floor.rotation[2]) > 0.9
    inner = ((places > _MARGIN) & (places < 1 - _MARGIN)).all(axis=1)
    middle = 0.5 - float(places[inner, 2].mean()) if inner.any() else 0.0
    bottom, top = (_cover(places, level & (np.abs(places[:, 2] - at) < _MARGIN)) for at in (0.0, 1.0))
    standing, hanging = (_cover(places, inner & part) for part in (places[:, 2] < 0.4, places[:, 2] > 0.6))
    return np.array([float(floor.is_plane), bottom, middle, breadth, bottom - top, standing - hanging, under])


def _cover(places: Floats, chosen: npt.NDArray[np.bool_]) -> float:
    """Return the share of the ground plan's squares that hold a chosen point, of those that hold any."""
    squares = np.clip(places[:, :2] * _CELLS, 0, _CELLS - 1).astype(np.intp) @ np.array([_CELLS, 1])
    return len(np.unique(squares[chosen])) / max(len(np.unique(squares)), 1)


def up_findings(found: UpAxis, axis: str) -> list[Finding]:
    """Return what is to be said of the axis that was found, `axis` in the file; it was followed if it is sure."""
    measured = round(found.probability, 4)
    if not found.is_sure:
        message = (
            f"What stands in the scene does not tell which way is up (at best {axis}, {found.probability:.0%}), so "
            f"that the assumed axis was kept. Look at preview.png; if it is wrong, try --up {axis}."
        )
        return [Finding("gravity.up_axis", Severity.WARNING, message, measured, _SURE)]
    if found.axis == "z":
        message = f"What stands in the scene agrees with the assumed up axis ({found.probability:.0%})."
        return [Finding("gravity.up_axis", Severity.INFO, message, measured, _SURE)]
    message = (
        f"By what stands in it, the scene lay on another side than was assumed ({found.probability:.0%}): {axis} "
        f"points up. It was turned upright. Look at preview.png, and give --up {axis} if that is right."
    )
    return [Finding("gravity.up_axis", Severity.WARNING, message, measured, _SURE)]
