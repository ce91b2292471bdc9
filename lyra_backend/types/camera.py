"""Pinhole cameras with OpenCV axes: x right, y down, z forward; pixel centres at +0.5."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ..errors import InvalidRequest
from ._arrays import FloatArray, frozen
from .frames import Similarity

__all__ = ["Camera", "Intrinsics", "look_at"]


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
        focal = 0.5 * width / np.tan(np.radians(horizontal_fov_deg) / 2)
        return Intrinsics(width, height, focal, focal, width / 2, height / 2)


@dataclass(frozen=True, eq=False)
class Camera:
    """One view. `cam_to_world`: rigid transform (4, 4), translation [m]; `name` labels the picture."""

    intrinsics: Intrinsics
    cam_to_world: FloatArray
    name: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "cam_to_world", frozen("Camera.cam_to_world", self.cam_to_world, (4, 4)))

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
    """Return cam_to_world (4, 4) of a camera at `eye` [m] that looks at `target` [m], with `up` upwards."""
    eye_, forward = np.asarray(eye, np.float64), np.asarray(target, np.float64) - np.asarray(eye, np.float64)
    length = np.linalg.norm(forward)
    if length < 1e-9:
        raise InvalidRequest("look_at needs a target that is not at the eye.")
    forward = forward / length
    right = np.cross(forward, np.asarray(up, np.float64))
    if np.linalg.norm(right) < 1e-6:  # looking straight along `up`: any right vector will do
        right = np.cross(forward, (0.0, 1.0, 0.0))
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3, 0], pose[:3, 1], pose[:3, 2], pose[:3, 3] = right, np.cross(forward, right), forward, eye_
    return pose.astype(np.float32)
