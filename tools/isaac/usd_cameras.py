"""Cameras with OpenCV axes and pixels as cameras of USD, so that two programs look at a scene in the same way.

OpenCV: x right, y down, z forward; focal lengths and principal point in pixels, pixel centres at +0.5. USD: x right,
y up, looks along -z; focal length, apertures and their offsets in one unit of length, whichever (UsdGeomCamera).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lyra_backend.types import Camera, Intrinsics

if TYPE_CHECKING:
    from pxr import Usd

__all__ = ["UsdCamera", "define_camera", "described", "is_plain", "of_width", "usd_camera"]

#: Width of the film [mm]: that of USD's own default. Only ratios matter.
FILM_MM = 20.955
#: What is nearer or farther is not drawn [m].
CLIPPING_M = (0.01, 10_000.0)
#: RTX draws square pixels about the middle of the picture; what differs by less than this cannot be seen [px].
_PLAIN_PX = 0.01


@dataclass(frozen=True, eq=False)
class UsdCamera:
    """A camera as UsdGeomCamera has it.

    Attributes:
        transform: camera to world for row vectors, shape (4, 4), translation in the last row [m].
        focal_length, horizontal_aperture, vertical_aperture, horizontal_offset, vertical_offset: [mm].
    """

    transform: npt.NDArray[np.float64]
    focal_length: float
    horizontal_aperture: float
    vertical_aperture: float
    horizontal_offset: float
    vertical_offset: float


def usd_camera(camera: Camera) -> UsdCamera:
    """Return the camera of USD that shows a point at the same place of the picture.

    A pixel x sees in the direction (x - cx) / fx; the film shows what is between its edges, so it is width / fx wide
    at distance 1 and its middle lies at (width / 2 - cx) / fx. Heights alike, upwards.
    """
    lens = camera.intrinsics
    focal = FILM_MM * lens.fx / lens.width
    pose = camera.cam_to_world.astype(np.float64) @ np.diag([1.0, -1.0, -1.0, 1.0])
    return UsdCamera(
        pose.T.copy(),
        focal,
        FILM_MM,
        focal * lens.height / lens.fy,
        focal * (lens.width / 2 - lens.cx) / lens.fx,
        focal * (lens.cy - lens.height / 2) / lens.fy,
    )


def of_width(camera: Camera, width: int) -> Camera:
    """Return a camera that sees the same in a picture of another width [px], its height in proportion."""
    lens = camera.intrinsics
    height = max(1, round(lens.height * width / lens.width))
    x, y = width / lens.width, height / lens.height
    return replace(camera, intrinsics=Intrinsics(width, height, lens.fx * x, lens.fy * y, lens.cx * x, lens.cy * y))


def is_plain(camera: Camera) -> bool:
    """Say whether pixels are square and the axis goes through the middle, which is all that RTX is known to draw."""
    lens = camera.intrinsics
    errors = (lens.fx - lens.fy, lens.cx - lens.width / 2, lens.cy - lens.height / 2)
    return bool(max(abs(e) for e in errors) < _PLAIN_PX)


def define_camera(stage: Usd.Stage, path: str, camera: Camera) -> Usd.Prim:
    """Define a camera on a stage (Z up, metres), in the layer that edits go to; return its prim."""
    from pxr import Gf, UsdGeom

    made, prim = usd_camera(camera), UsdGeom.Camera.Define(stage, path)
    prim.CreateProjectionAttr(UsdGeom.Tokens.perspective)
    prim.CreateFocalLengthAttr(made.focal_length)
    prim.CreateHorizontalApertureAttr(made.horizontal_aperture)
    prim.CreateVerticalApertureAttr(made.vertical_aperture)
    prim.CreateHorizontalApertureOffsetAttr(made.horizontal_offset)
    prim.CreateVerticalApertureOffsetAttr(made.vertical_offset)
    prim.CreateClippingRangeAttr(Gf.Vec2f(*CLIPPING_M))
    prim.MakeMatrixXform().Set(Gf.Matrix4d(made.transform.tolist()))
    return prim.GetPrim()


def described(camera: Camera) -> dict[str, Any]:
    """Return a camera as JSON data: its lens, its pose with OpenCV axes, and the same as USD has it."""
    made = asdict(usd_camera(camera))
    made["transform"] = np.round(made["transform"], 7).tolist()
    pose = np.round(camera.cam_to_world.astype(np.float64), 7) + 0.0
    lens = asdict(camera.intrinsics)
    return {"name": camera.name, **lens, "cam_to_world": pose.tolist(), "usd": made, "plain": is_plain(camera)}
