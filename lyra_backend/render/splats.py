"""Render a cloud of Gaussians: one function for every device."""

from __future__ import annotations

import numpy as np

from ..errors import InvalidRequest
from ..types import Camera, GaussianCloud
from ..types.rotations import wxyz_to_xyzw
from .picture import Picture

__all__ = ["render"]


def render(
    cloud: GaussianCloud,
    camera: Camera,
    background: tuple[float, float, float] = (0.0, 0.0, 0.0),
    device: str | None = None,
) -> Picture:
    """Return what `camera` sees of `cloud`.

    Args:
        cloud: the Gaussians, in any frame.
        camera: the view, in the cloud's frame.
        background: sRGB colour in [0, 1] behind everything.
        device: Warp device; None takes the preferred one.

    Raises:
        InvalidRequest: a background that is not three numbers in [0, 1].
    """
    if len(background) != 3 or not all(0.0 <= v <= 1.0 for v in background):
        raise InvalidRequest(f"background must be three numbers in [0, 1], got {background!r}.")
    from ..kernels.splat_render import render_splats

    lens = camera.intrinsics
    image = render_splats(
        cloud.positions,
        cloud.scales,
        wxyz_to_xyzw(cloud.quats_wxyz),
        cloud.opacities,
        cloud.sh,
        np.linalg.inv(camera.cam_to_world.astype(np.float64)),
        (lens.fx, lens.fy, lens.cx, lens.cy),
        (lens.width, lens.height),
        background,
        device=device,
    )
    rgb = (np.clip(image.rgb, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)
    return Picture(rgb, image.alpha, image.median_depth_m, image.expected_depth_m)
