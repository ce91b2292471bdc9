"""Coordinate frames and the one way from one to another."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from ..errors import InvalidRequest
from .rotations import matrix_from_quat

__all__ = ["UP_AXES", "USUAL_UP", "Frame", "Similarity"]

Floats = npt.NDArray[np.floating]

_POINTS_AT_ONCE = 1 << 18  # double precision for all points of a large cloud at once would be another cloud


class Frame(StrEnum):
    """What coordinates mean.

    `WORLD` is right-handed, Z up, metres, floor at z = 0. `GENERATOR` is whatever the generator produced.
    """

    GENERATOR = "generator"
    WORLD = "world"


@dataclass(frozen=True)
class Similarity:
    """The map x -> scale * rotation @ x + translation; `rotation` (3, 3), `translation` (3,) in target units."""

    scale: float = 1.0
    rotation: tuple[tuple[float, float, float], ...] = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    translation: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        matrix = np.asarray(self.rotation, dtype=np.float64)
        if not (np.isfinite(self.scale) and self.scale > 0):
            raise InvalidRequest(f"Similarity scale must be a positive number, got {self.scale}.")
        if (
            matrix.shape != (3, 3)
            or not np.allclose(matrix @ matrix.T, np.eye(3), atol=1e-5)
            or np.linalg.det(matrix) < 0
        ):
            raise InvalidRequest(f"Similarity rotation must be a proper 3x3 rotation, got {matrix.tolist()}.")
        if not np.isfinite(self.translation).all():
            raise InvalidRequest(f"Similarity translation must be finite, got {self.translation}.")

    @staticmethod
    def build(
        scale: float = 1.0, rotation: npt.ArrayLike | None = None, translation: npt.ArrayLike = (0.0, 0.0, 0.0)
    ) -> Similarity:
        """Make one from arrays; `rotation` is a matrix (3, 3) or a quaternion wxyz (4,)."""
        matrix: Floats = np.eye(3) if rotation is None else np.asarray(rotation, dtype=np.float64)
        if matrix.shape == (4,) and matrix.any():
            matrix = matrix_from_quat(matrix / np.linalg.norm(matrix))
        if matrix.shape != (3, 3) or np.shape(translation) != (3,):
            raise InvalidRequest(
                "Similarity needs a rotation as 3x3 matrix or quaternion with a length, and a translation of three "
                f"numbers, got {rotation!r} and {translation!r}."
            )
        rows = tuple(tuple(float(v) for v in row) for row in matrix)
        x, y, z = (float(v) for v in np.asarray(translation, dtype=np.float64))
        return Similarity(float(scale), rows, (x, y, z))  # type: ignore[arg-type]

    @property
    def matrix(self) -> Floats:
        """Homogeneous matrix (4, 4) acting on column vectors."""
        out = np.eye(4)
        out[:3, :3] = self.scale * np.asarray(self.rotation)
        out[:3, 3] = self.translation
        return out

    def apply(self, points: Floats) -> Floats:
        """Map points (N, 3); the result has the points' dtype."""
        points = np.asarray(points)
        matrix, shift = (self.scale * np.asarray(self.rotation)).T, np.asarray(self.translation)
        moved = np.empty(points.shape, points.dtype)
        for start in range(0, len(points), _POINTS_AT_ONCE):
            part = slice(start, start + _POINTS_AT_ONCE)
            moved[part] = points[part].astype(np.float64) @ matrix + shift
        return moved

    def then(self, later: Similarity) -> Similarity:
        """Return this map followed by `later`."""
        product = later.matrix @ self.matrix
        scale = self.scale * later.scale
        return Similarity.build(scale, product[:3, :3] / scale, product[:3, 3])

    def inverse(self) -> Similarity:
        back = np.asarray(self.rotation).T
        return Similarity.build(1 / self.scale, back, -(back @ np.asarray(self.translation)) / self.scale)


def _up_rotation(up: str) -> tuple[tuple[float, float, float], ...]:
    rows = {
        "z": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
        "-z": ((1, 0, 0), (0, -1, 0), (0, 0, -1)),
        "y": ((1, 0, 0), (0, 0, -1), (0, 1, 0)),
        "-y": ((1, 0, 0), (0, 0, 1), (0, -1, 0)),
        "x": ((0, 0, -1), (0, 1, 0), (1, 0, 0)),
        "-x": ((0, 0, 1), (0, 1, 0), (-1, 0, 0)),
    }[up]
    return tuple((float(a), float(b), float(c)) for a, b, c in rows)


#: Rotation that takes the named axis to +Z. 3DGS captures are mostly "-y" (COLMAP: y down, z forward).
UP_AXES: dict[str, Similarity] = {up: Similarity(rotation=_up_rotation(up)) for up in ("z", "-z", "y", "-y", "x", "-x")}
#: Which axis points up in most splats: captures are in camera axes, y down.
USUAL_UP = "-y"
