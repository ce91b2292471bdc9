"""Render a cloud of Gaussians: one function for every device."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..errors import InvalidRequest
from ..types import Camera, GaussianCloud
from ..types.rotations import wxyz_to_xyzw
from .picture import Picture

if TYPE_CHECKING:
    from ..kernels.splat_render import SplatImage

__all__ = ["depth_of", "render"]

#: What is added to Gaussians seen as by rays [px^2]: a tenth of a pixel, for discs seen edge-on.
_RAY_PX2 = 0.01


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
    image = _drawn(cloud, camera, background, device)
    rgb = (np.clip(image.rgb, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)
    return Picture(rgb, image.alpha, image.median_depth_m, image.expected_depth_m)


def depth_of(cloud: GaussianCloud, camera: Camera, device: str | None = None) -> npt.NDArray[np.float32]:
    """Return z [m] at which rays through the middles of pixels meet `cloud`, shape (H, W); NaN where nothing is.

    A picture widens every Gaussian by half a pixel, so that none falls between pixels; where many small ones overlap
    that moves outlines outwards by a pixel or two (Yu et al., "Mip-Splatting", 2024). A ray of a depth sensor has no
    width: here Gaussians keep theirs, as in renderers that trace rays through them.
    """
    return _drawn(cloud, camera, (0.0, 0.0, 0.0), device, _RAY_PX2).median_depth_m


def _drawn(
    cloud: GaussianCloud,
    camera: Camera,
    background: tuple[float, float, float],
    device: str | None,
    low_pass_px2: float | None = None,
) -> SplatImage:
    """Call the kernels; `low_pass_px2` is None for that of a picture."""
    from ..kernels.splat_project import LOW_PASS_PX2
    from ..kernels.splat_render import render_splats

    lens = camera.intrinsics
    return render_splats(
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
        low_pass_px2=LOW_PASS_PX2 if low_pass_px2 is None else low_pass_px2,
    )
