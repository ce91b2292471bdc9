"""What the networks gave as a scene: Gaussians in the unit of the depth, and the cameras that saw them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ...types import (
    UP_AXES,
    Camera,
    Finding,
    Foresight,
    Frame,
    GaussianCloud,
    Generation,
    Intrinsics,
    Keyframe,
    Scale,
    SceneRequest,
    Severity,
)
from ...types.rotations import SH_C0
from .start import Start

if TYPE_CHECKING:
    from ...models.folders import ModelFolders

__all__ = ["FIRST", "cloud_of", "foresee", "path_cameras", "scene_of"]

Floats = npt.NDArray[np.float32]

#: Name of the camera of the picture that a scene starts from.
FIRST = "input"
#: Frames of each path that become cameras of the scene, spread evenly, the first left out: all paths begin there.
_OF_EACH = 4
#: A camera is in free space if what it hides of the first picture is farther than it is, by this share.
_CLEARANCE = 0.9
#: Smallest standard deviation [m]: of what is drawn as a point.
_SMALLEST = 1e-6


def foresee(request: SceneRequest, params: Any) -> Foresight:
    """Return what is known of a scene before it is made: the paths that show it, and that no Gaussian has a label."""
    return Foresight(exact=False, cameras=True, labels=False)


def demo_findings(folders: ModelFolders) -> tuple[Finding, ...]:
    """Say why scenes of a model are for demonstration, if they are."""
    video = folders.video
    if video.grade == "train":
        return ()
    text = (
        f"Made by the miniature model {folders.decoder.parent.name!r}, whose pictures have {video.width} x "
        f"{video.height} pixels: it shows how the method works. Its scenes are for demonstration, not to train in."
    )
    return (Finding("lyra.demo", Severity.INFO, text),)


def scene_of(gaussians: Floats, paths: Mapping[str, Floats], start: Start, provenance: Mapping[str, Any]) -> Generation:
    """Return Gaussians (M, 14) and the cameras that saw them as a scene, turned Z up; frame GENERATOR."""
    return Generation(
        cloud_of(gaussians, start.unit),
        path_cameras(paths, start.lens, start.z, start.unit),
        Scale(start.scale_percent),
        "inferred",
        provenance=provenance,
        keyframes=(Keyframe(FIRST, start.image, start.z * np.float32(start.unit)),),
    ).transformed(UP_AXES["-y"], Frame.GENERATOR)


def cloud_of(gaussians: Floats, unit: float) -> GaussianCloud:
    """Return a cloud, OpenCV axes of the first camera, of Gaussians (M, 14) as the decoder gives them.

    Args:
        gaussians: position 3, opacity, scale 3, quaternion wxyz, rgb in [0, 1].
        unit: length of the networks' unit in that of the cloud.
    """
    rgb = gaussians[:, 11:14]
    return GaussianCloud(
        positions=gaussians[:, :3] * np.float32(unit),
        scales=np.maximum(gaussians[:, 4:7] * np.float32(unit), np.float32(_SMALLEST)),
        quats_wxyz=_unit(gaussians[:, 7:11]),
        opacities=np.clip(gaussians[:, 3], 0.0, 1.0),
        sh=((rgb - 0.5) / SH_C0)[:, None, :].astype(np.float32),
    )


def path_cameras(paths: Mapping[str, Floats], lens: Intrinsics, z: Floats, unit: float) -> tuple[Camera, ...]:
    """Return the picture's own camera and some of each path, in the unit of the cloud, that are in free space.

    Args:
        paths: cam_to_world (T, 4, 4) of each, in the networks' unit.
        lens: of all.
        z: depth of the picture in the networks' unit, 0 where unknown, shape (H, W).
        unit: see :func:`cloud_of`.
    """
    found = [Camera(lens, np.eye(4, dtype=np.float32), FIRST)]
    for name, path in paths.items():
        for frame in np.linspace(0, len(path) - 1, _OF_EACH + 1).round().astype(int)[1:]:
            pose = np.array(path[frame])
            if _is_free(pose[:3, 3], lens, z):
                pose[:3, 3] *= unit
                found.append(Camera(lens, pose, f"{name}_{frame}"))
    return tuple(found)


def _is_free(point: Floats, lens: Intrinsics, z: Floats) -> bool:
    """Return whether a point is nearer than what the picture shows there; what is not in the picture counts as free."""
    x, y, ahead = (float(v) for v in point)
    if ahead <= 0:
        return True
    column, row = int(lens.fx * x / ahead + lens.cx), int(lens.fy * y / ahead + lens.cy)
    if not (0 <= column < lens.width and 0 <= row < lens.height) or z[row, column] <= 0:
        return True
    return ahead < _CLEARANCE * float(z[row, column])


def _unit(quats: Floats) -> Floats:
    """Return quaternions (M, 4) of length 1; one without a length turns nothing."""
    length = np.linalg.norm(quats, axis=1, keepdims=True)
    identity = np.array([[1.0, 0.0, 0.0, 0.0]], np.float32)
    return np.where(length > 1e-6, quats / np.maximum(length, 1e-6), identity).astype(np.float32)
