"""How high a robot is put down, so that its soles are in nothing."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ...robot_models.model import RobotModel
from ...types.rotations import matrix_from_quat
from ..triangle_index import TriangleIndex

__all__ = ["rise_below"]

Floats = npt.NDArray[np.float64]

#: Shapes that reach as low as the lowest, within this, are soles [m].
SOLES_M = 0.03
#: Ground below a robot rises by no more than this over the point it starts at [m]: 12 degrees within a Go2's radius,
#: and roughness, as `place` has it. What stands higher is in the way.
RISE_M = 0.12


def rise_below(model: RobotModel, poses: list[tuple[Floats, Floats]], ground_m: float, index: TriangleIndex) -> float:
    """Return by how much a surface below the soles is higher than the ground that is known there, at least 0 [m].

    Args:
        poses: position [m] and quaternion wxyz of each link, upright on the ground.
        ground_m: height of the ground [m].
        index: triangles of the scene.
    """
    soles = _soles(model, poses)
    start, end = (np.column_stack([soles[:, :2], np.full(len(soles), z)]) for z in (ground_m + RISE_M, ground_m))
    fraction, _ = index.first_hits(start, end)
    return RISE_M * (1.0 - min(float(fraction.min()), 1.0))


def _soles(model: RobotModel, poses: list[tuple[Floats, Floats]]) -> Floats:
    """Return the middles (N, 3) [m] of the shapes that reach lowest."""
    middles = np.array(
        [poses[shape.link][0] + matrix_from_quat(poses[shape.link][1]) @ shape.position for shape in model.shapes]
    )
    lowest = middles[:, 2] - [shape.size[0] for shape in model.shapes]
    return np.asarray(middles[lowest < lowest.min() + SOLES_M], np.float64)
