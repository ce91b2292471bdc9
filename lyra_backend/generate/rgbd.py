"""One colour image with metric depth: a flat Gaussian for every pixel that has depth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import InvalidRequest
from ..params import param
from ..progress import Progress
from ..types import (
    UP_AXES,
    Camera,
    Finding,
    Foresight,
    Frame,
    GaussianCloud,
    Generation,
    Intrinsics,
    Outcome,
    Scale,
    SceneRequest,
    Severity,
)
from ..types.rotations import SH_C0, quat_from_matrix
from ._local_planes import LocalPlanes, depth_noise, fit_planes

__all__ = ["Params", "foresee", "lift", "run"]

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]

#: Pixels that deviate from a plane by more than this many times the noise show a shape, and move less.
_SHAPE = 1.4
_PIXELS_AT_ONCE = 1 << 18
#: Thickness of a Gaussian relative to its smaller tangential deviation: flat, yet not singular.
_THICKNESS = 0.1
#: Depths outside are more likely millimetres read as metres or the other way round.
_PLAUSIBLE_MEDIAN_M = (0.1, 200.0)


#: Request fields this generator reads.
INPUTS = ("image", "depth")


@dataclass(frozen=True)
class Params:
    """How pixels become Gaussians."""

    intrinsics: str | None = param(
        None, "FX,FY,CX,CY in pixels (centre of the first pixel at 0.5), or a JSON file with these keys", unit="px"
    )
    max_depth: float = param(20.0, "farther pixels are left out", unit="m", min=0.01)
    edge_threshold: float = param(
        0.03, "relative jump of depth between neighbour pixels that counts as an edge", min=0.001, max=1.0
    )
    footprint: float = param(0.5, "standard deviation of a Gaussian relative to its pixel", unit="px", min=0.2, max=2.0)
    max_stretch: float = param(4.0, "longest stretch of a Gaussian along a surface seen at a slant", min=1.0, max=20.0)
    opacity: float = param(0.95, "peak opacity of every Gaussian", min=0.05, max=1.0)
    even_out: bool = param(True, "move pixels onto the plane fitted around them, as far as the depth is noisy")
    pixel_step: int = param(1, "use every n-th pixel of every n-th row, for large images", unit="px", min=1, max=64)
    depth_uncertainty: float = param(3.0, "how well the depth is known to be in metres", unit="%", min=0.0, max=100.0)


def foresee(request: SceneRequest, params: Params) -> Foresight:
    """Return what is known of the scene before it is made.

    Raises:
        InvalidRequest: image, depth or intrinsics are missing.
    """
    _inputs(request, params)
    return Foresight(exact=False, cameras=True, labels=False)


def run(request: SceneRequest, params: Params, progress: Progress) -> Outcome[Generation]:
    """Lift `request.image` with `request.depth` into Gaussians, turned Z up; frame GENERATOR, units metres.

    Holes of the depth map stay holes, and nothing spans an edge of depth. Noise of the depth is evened out where the
    surface is flat; shapes larger than the noise stay. The one camera is the image's own.

    Raises:
        InvalidRequest: image, depth or intrinsics are missing, unusable, or do not belong together.
    """
    from ..io.images import read_depth, read_image
    from ..io.intrinsics import parse_intrinsics
    from ..io.run_inputs import file_digest

    image_file, depth_file, text = _inputs(request, params)
    image, depth = read_image(image_file), read_depth(depth_file)
    _require_one_size(image, depth)
    height, width = depth.shape
    camera = Camera(parse_intrinsics(text, width, height), np.eye(4, dtype=np.float32), "input")
    progress(0.1, f"lifting {width} x {height} pixels")
    cloud, counts = lift(image, depth, camera.intrinsics, params, progress.child(0.1, 0.9))
    generation = Generation(
        cloud,
        (camera,),
        Scale(params.depth_uncertainty),
        "measured",
        provenance={
            "generator": "rgbd",
            "image_sha256": file_digest(image_file),
            "depth_sha256": file_digest(depth_file),
            "licence": "unknown, as the source image",
        },
    ).transformed(UP_AXES["-y"], Frame.GENERATOR)
    progress(1.0, f"{cloud.count:,} Gaussians")
    return Outcome(generation, counts, _findings(counts, depth))


def lift(
    image: npt.NDArray[np.uint8], depth: Floats, lens: Intrinsics, params: Params, progress: Progress
) -> tuple[GaussianCloud, dict[str, int]]:
    """Return one flat Gaussian per usable pixel, in OpenCV camera axes [m], and counts of pixels used and left out.

    Args:
        image: sRGB (H, W, 3).
        depth: distance along the viewing axis [m], 0 = none, shape (H, W).
        lens: intrinsics of both.

    Raises:
        InvalidRequest: no pixel is usable.
    """
    near = (depth > 0) & (depth <= params.max_depth)
    inverse = np.divide(1.0, depth, out=np.zeros_like(depth), where=near)
    flying = near & _between_depths(inverse, params.edge_threshold)
    sampled = np.zeros_like(near)
    offset = (params.pixel_step - 1) // 2
    sampled[offset :: params.pixel_step, offset :: params.pixel_step] = True
    rows, columns = np.nonzero(near & ~flying & sampled)
    if not len(rows):
        raise InvalidRequest(
            f"depth: no pixel is usable: {int((depth > 0).sum()):,} have depth, {int(near.sum()):,} within "
            f"{params.max_depth:g} m, {int(flying.sum()):,} of them lie on edges."
        )
    noise = depth_noise(inverse, rows, columns, params.edge_threshold) if params.even_out else 0.0
    parts = []
    for start in range(0, len(rows), _PIXELS_AT_ONCE):
        part = slice(start, start + _PIXELS_AT_ONCE)
        parts.append(_gaussians(image, inverse, lens, params, noise, rows[part], columns[part]))
        progress((start + len(rows[part])) / len(rows), f"{start + len(rows[part]):,} Gaussians")
    counts = {
        "pixels": depth.size,
        "pixels_with_depth": int((depth > 0).sum()),
        "dropped_far": int(((depth > 0) & ~near).sum()),
        "dropped_at_edges": int(flying.sum()),
        "gaussians": len(rows),
    }
    return GaussianCloud.concatenate(parts), counts


def _gaussians(
    image: npt.NDArray[np.uint8],
    inverse: Floats,
    lens: Intrinsics,
    params: Params,
    noise: float,
    rows: Indices,
    columns: Indices,
) -> GaussianCloud:
    """Return the Gaussians of the pixels (rows, columns), evened out by as much as the `noise` [1/m] allows."""
    rays = np.stack([(columns + 0.5 - lens.cx) / lens.fx, (rows + 0.5 - lens.cy) / lens.fy, np.ones(len(rows))], axis=1)
    fit = fit_planes(inverse, rows, columns, params.edge_threshold)
    normals = _normals(fit, lens, rays)
    # Where all neighbours lie on one side, the plane is extrapolated; no pixel moves farther than an edge is deep.
    own = inverse[rows, columns].astype(np.float64)
    share = np.minimum(_SHAPE * noise / np.maximum(fit.deviation, 1e-12), 1.0) ** 2
    reach = params.edge_threshold * own
    depth = 1.0 / (own + share * np.clip(fit.here - own, -reach, reach))
    views = rays / np.linalg.norm(rays, axis=1, keepdims=True)
    cosines = np.clip(np.abs(np.einsum("nk,nk->n", normals, views)), 1e-6, 1.0)
    across = params.footprint * params.pixel_step * depth / np.sqrt(lens.fx * lens.fy)
    along = across * np.minimum(1.0 / cosines, params.max_stretch)
    return GaussianCloud(
        positions=(rays * depth[:, None]).astype(np.float32),
        scales=np.stack([along, across, _THICKNESS * across], axis=1),
        quats_wxyz=quat_from_matrix(_tangent_frames(normals, views)),
        opacities=np.full(len(rows), params.opacity),
        sh=(image[rows, columns].astype(np.float32) / 255.0 - 0.5)[:, None, :] / SH_C0,
    )


def _between_depths(inverse: Floats, threshold: float) -> Mask:
    """Return pixels (H, W) that float between a nearer and a farther neighbour: mixtures at an edge of depth."""
    height, width = inverse.shape
    padded = np.pad(inverse, 1)
    found = np.zeros(inverse.shape, bool)
    for row, column in ((0, 1), (1, 0), (1, 1), (1, -1)):
        one = padded[1 + row : 1 + row + height, 1 + column : 1 + column + width]
        other = padded[1 - row : 1 - row + height, 1 - column : 1 - column + width]
        near, far = np.maximum(one, other), np.minimum(one, other)
        found |= (far > 0) & (near > inverse * (1 + threshold)) & (inverse > far * (1 + threshold))
    return found


def _normals(planes: LocalPlanes, lens: Intrinsics, rays: Doubles) -> Doubles:
    """Return unit surface normals (n, 3) in camera axes of planes seen along `rays` (n, 3).

    A plane n . X = 1 seen by a pinhole camera has 1 / depth = n . ray, which is linear in the pixel. So a linear fit
    of inverse depth gives the plane's normal without bias.
    """
    x, y = planes.slope_x * lens.fx, planes.slope_y * lens.fy
    normals = np.stack([x, y, planes.here - x * rays[:, 0] - y * rays[:, 1]], axis=1)
    return normals / np.linalg.norm(normals, axis=1, keepdims=True)


def _tangent_frames(normals: Doubles, views: Doubles) -> Doubles:
    """Return rotations (n, 3, 3) whose columns are the direction of slant, the level direction and the normal."""
    slant = views - np.einsum("nk,nk->n", views, normals)[:, None] * normals
    frontal = np.linalg.norm(slant, axis=1) < 1e-6
    slant[frontal] = np.cross(normals[frontal], (0.0, 1.0, 0.0)) + 1e-12
    slant /= np.linalg.norm(slant, axis=1, keepdims=True)
    return np.stack([slant, np.cross(normals, slant), normals], axis=2)


def _inputs(request: SceneRequest, params: Params) -> tuple[Path, Path, str]:
    if request.image is None:
        raise InvalidRequest("generator rgbd needs a colour image, got none. Try: --image photo.png")
    if request.depth is None:
        raise InvalidRequest(
            "generator rgbd needs the image's depth, got none. Try: --depth depth.png (16 bits, millimetres) or "
            "depth.npy (metres)"
        )
    if params.intrinsics is None:
        raise InvalidRequest(
            "generator rgbd needs the camera's intrinsics, got none. Try: --intrinsics FX,FY,CX,CY in pixels, or "
            "--intrinsics camera.json"
        )
    return Path(request.image), Path(request.depth), params.intrinsics


def _require_one_size(image: npt.NDArray[np.uint8], depth: Floats) -> None:
    height, width = image.shape[:2]
    if depth.shape == (height, width):
        return
    advice = "Give the depth registered to the image."
    if depth.shape == (width, height):
        advice += " Is one of them lying on its side? Images are turned upright as their EXIF data says."
    raise InvalidRequest(
        f"depth and image must have one size, got {depth.shape[1]} x {depth.shape[0]} and {width} x {height} pixels. "
        f"{advice}"
    )


def _findings(counts: dict[str, int], depth: Floats) -> tuple[Finding, ...]:
    found = []
    far = counts["dropped_far"] / max(counts["pixels_with_depth"], 1)
    filled = counts["pixels_with_depth"] / counts["pixels"]
    median = float(np.median(depth[depth > 0]))
    low, high = _PLAUSIBLE_MEDIAN_M
    if not low <= median <= high:
        message = f"The median depth is {median:.4g} m; are these really metres (.npy) or millimetres (.png)?"
        found.append(Finding("rgbd.depth_unit", Severity.ERROR, message, median, low if median < low else high))
    if filled < 0.3:
        message = f"Only {filled:.0%} of the pixels have depth; the scene has large holes."
        found.append(Finding("rgbd.little_depth", Severity.WARNING, message, filled, 0.3))
    if far > 0.5:
        message = f"{far:.0%} of the pixels with depth lie beyond max_depth and were left out."
        found.append(Finding("rgbd.beyond_max_depth", Severity.WARNING, message, far, 0.5))
    return tuple(found)
