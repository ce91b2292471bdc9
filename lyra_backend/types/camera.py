"""Pinhole cameras with OpenCV axes: x right, y down, z forward; pixel centres at +0.5."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ..errors import InvalidRequest
from ._arrays import FloatArray, frozen
from .frames import Similarity

__all__ = ["Camera", "Intrinsics", "look_at"]


_RIGID = 1e-3


@dataclass(frozen=True)
class Intrinsics:
    """Pinhole intrinsics [px]."""

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float

    def __post_init__(self) -> None:
        values = (self.fx, self.fy, self.cx, self.cy)
        if self.width < 1 or self.height < 1 or self.fx <= 0 or self.fy <= 0 or not np.isfinite(values).all():
            raise InvalidRequest(
                f"Intrinsics must have a positive size and positive finite focal lengths [px], got {self}."
            )

    @staticmethod
    def from_fov(width: int, height: int, horizontal_fov_deg: float) -> Intrinsics:
        """Return a lens with square pixels and its axis in the middle.

        Raises:
            InvalidRequest: a field of view that no plane shows.
        """
        if not 0 < horizontal_fov_deg < 180:
            raise InvalidRequest(
                f"the horizontal field of view must lie between 0 and 180 deg, got {horizontal_fov_deg}."
            )
        focal = 0.5 * width / np.tan(np.radians(horizontal_fov_deg) / 2)
        return Intrinsics(width, height, focal, focal, width / 2, height / 2)


@dataclass(frozen=True, eq=False)
class Camera:
    """One view. `cam_to_world`: rigid transform (4, 4), translation [m]; `name` labels the picture."""

    intrinsics: Intrinsics
    cam_to_world: FloatArray
    name: str = ""

    def __post_init__(self) -> None:
        pose = frozen("Camera.cam_to_world", self.cam_to_world, (4, 4))
        turn = pose[:3, :3].astype(np.float64)
        if (
            np.abs(turn @ turn.T - np.eye(3)).max() > _RIGID
            or np.linalg.det(turn) < 0
            or np.abs(pose[3] - (0.0, 0.0, 0.0, 1.0)).max() > _RIGID
        ):
            raise InvalidRequest(
                "Camera.cam_to_world must turn and move only: a proper rotation, and 0 0 0 1 in the last row, "
                f"got {pose.tolist()}."
            )
        object.__setattr__(self, "cam_to_world", pose)

    @property
    def position(self) -> FloatArray:
        """Optical centre [m], shape (3,)."""
        return self.cam_to_world[:3, 3]

    def transformed(self, similarity: Similarity) -> Camera:
        """Return the camera moved with the scene."""
        pose = np.array(self.cam_to_world, dtype=np.float64)
        pose[:3, :3] = np.asarray(similarity.rotation) @ pose[:3, :3]
        pose[:3, 3] = similarity.apply(pose[None, :3, 3])[0]
        return replace(self, cam_to_world=pose.astype(np.float32))


def look_at(eye: npt.ArrayLike, target: npt.ArrayLike, up: npt.ArrayLike = (0.0, 0.0, 1.0)) -> FloatArray:
    """Return cam_to_world (4, 4) of a camera at `eye` [m] that looks at `target` [m], with `up` upwards.

    Along `up` itself, the y axis is up instead, or z if that is the same.

    Raises:
        InvalidRequest: `target` is at `eye`, `up` has no length, or a coordinate is not finite.
    """
    eye_, target_, up_ = (np.asarray(v, np.float64) for v in (eye, target, up))
    if not all(v.shape == (3,) and np.isfinite(v).all() for v in (eye_, target_, up_)):
        raise InvalidRequest(f"look_at needs three finite coordinates each, got {eye!r}, {target!r} and {up!r}.")
    forward = target_ - eye_
    if np.linalg.norm(forward) < 1e-9 or np.linalg.norm(up_) < 1e-9:
        raise InvalidRequest("look_at needs a target that is not at the eye, and an up direction with a length.")
    forward = forward / np.linalg.norm(forward)
    ways = np.array([up_ / np.linalg.norm(up_), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)])
    sides = np.cross(forward, ways)
    lengths = np.linalg.norm(sides, axis=1)
    first = int(np.argmax(lengths > 1e-6))
    right = sides[first] / lengths[first]
    pose = np.eye(4)
    pose[:3, 0], pose[:3, 1], pose[:3, 2], pose[:3, 3] = right, np.cross(forward, right), forward, eye_
    return pose.astype(np.float32)
