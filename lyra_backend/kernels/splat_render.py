"""Pictures of 3D Gaussians: project, sort into tiles, blend front to back (Kerbl et al. 2023); forward only."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import warp as wp

from .cores import core_count
from .splat_project import ALPHA_MIN, LOW_PASS_PX2, TILE_PX, Projection, Splat, View, project_splats
from .splat_tiles import list_tiles, sort_by_depth

wp.set_module_options({"enable_backward": False})

Floats = npt.NDArray[np.float32]

ALPHA_MAX = wp.constant(wp.float32(0.99))
TRANSMITTANCE_MIN = wp.constant(wp.float32(1.0e-4))
# Bounds the memory of a band of tile rows (16 bytes a pair), however large the Gaussians are.
_BAND_PAIRS = 1 << 23
# Less work than this is not worth a second pass over the splats.
_THREAD_PAIRS = 200_000


class SplatImage(NamedTuple):
    """A picture.

    Attributes:
        rgb: colour over the background, not clipped above, shape (H, W, 3).
        alpha: accumulated opacity in [0, 1], shape (H, W).
        expected_depth_m: mean z of what is seen, weighted by its share of the pixel [m], shape (H, W); NaN where
            nothing is.
        median_depth_m: z at which the accumulated opacity passes 0.5 [m], shape (H, W); NaN where it never does.
    """

    rgb: Floats
    alpha: Floats
    expected_depth_m: Floats
    median_depth_m: Floats


@wp.kernel
def blend(
    # in
    splats: wp.array[Splat],
    members: wp.array[wp.int32],
    ranges: wp.array[wp.vec2i],
    column_count: int,
    first_row: int,
    background: wp.vec3,
    # out
    rgb: wp.array2d[wp.vec3],
    alpha: wp.array2d[wp.float32],
    expected_depth: wp.array2d[wp.float32],
    median_depth: wp.array2d[wp.float32],
) -> None:
    pixel = wp.tid()
    tile = pixel / (TILE_PX * TILE_PX)
    inside = pixel % (TILE_PX * TILE_PX)
    px = (tile % column_count) * TILE_PX + inside % TILE_PX
    py = (tile / column_count + first_row) * TILE_PX + inside / TILE_PX
    if px >= alpha.shape[1] or py >= alpha.shape[0]:
        return
    color = wp.vec3()
    depth = float(0.0)
    median = float(wp.nan)
    left = float(1.0)
    for k in range(ranges[tile][0], ranges[tile][1]):
        s = members[k]
        dx = float(px) + 0.5 - splats[s].u
        dy = float(py) + 0.5 - splats[s].v
        fall = splats[s].a * dx * dx + splats[s].b * dx * dy + splats[s].c * dy * dy
        if fall < splats[s].reach:
            weight = left * wp.min(ALPHA_MAX, ALPHA_MIN * wp.exp(splats[s].reach - fall))
            inv_z = splats[s].inv_z + splats[s].slope_x * dx + splats[s].slope_y * dy
            z = wp.clamp(1.0 / wp.max(inv_z, 1.0e-9), splats[s].z_low, splats[s].z_high)
            color += weight * splats[s].color
            depth += weight * z
            if left > 0.5 and left - weight <= 0.5:
                median = z
            left -= weight
            if left < TRANSMITTANCE_MIN:
                break
    rgb[py, px] = color + left * background
    alpha[py, px] = 1.0 - left
    expected_depth[py, px] = wp.where(left < 1.0, depth / (1.0 - left), wp.nan)
    median_depth[py, px] = median


def render_splats(
    positions: Floats,
    scales: Floats,
    quats_xyzw: Floats,
    opacities: Floats,
    sh: Floats,
    world_to_cam: npt.NDArray[np.floating],
    intrinsics: tuple[float, float, float, float],
    size: tuple[int, int],
    background: tuple[float, float, float] = (0.0, 0.0, 0.0),
    near_m: float = 0.05,
    device: str | None = None,
    low_pass_px2: float = LOW_PASS_PX2,
) -> SplatImage:
    """Return the picture of N Gaussians that a pinhole camera takes.

    A pixel's depth in a Gaussian is that of its surface on the pixel's ray (regressed from the covariance), not of its
    centre, so that slanted walls come out flat. The result does not depend on the number of processor cores.

    Args:
        positions, scales: centres and standard deviations [m], shape (N, 3).
        quats_xyzw: unit quaternions, local axes to world, shape (N, 4).
        opacities: peak opacities in [0, 1], shape (N,).
        sh: colour coefficients, K = 1, 4, 9 or 16, shape (N, K, 3).
        world_to_cam: rigid transform into OpenCV camera axes [m], shape (4, 4).
        intrinsics: fx, fy, cx, cy [px], pixel centres at +0.5.
        size: width, height [px].
        background: colour behind everything.
        near_m: Gaussians whose centre is nearer are left out [m].
        device: Warp device; None takes the preferred one.
        low_pass_px2: variance that every Gaussian gets in the picture [px^2].

    Raises:
        ValueError: array shapes that do not belong together, or a size or a low-pass that is not positive.
    """
    if min(size) < 1:
        raise ValueError(f"size must be positive [px], got {size}.")
    if not low_pass_px2 > 0.0:
        raise ValueError(f"low_pass_px2 must be positive [px^2], got {low_pass_px2}.")
    _check_shapes(positions, scales, quats_xyzw, opacities, sh, world_to_cam)
    name = wp.get_preferred_device() if device is None else wp.get_device(device)
    width, height = size
    image = [
        wp.full((height, width), wp.vec3(*background), dtype=wp.vec3, device=name),
        wp.zeros((height, width), dtype=wp.float32, device=name),
        wp.full((height, width), wp.nan, dtype=wp.float32, device=name),
        wp.full((height, width), wp.nan, dtype=wp.float32, device=name),
    ]
    if len(positions):
        arrays = (positions, scales, quats_xyzw, opacities, sh)
        kinds = (wp.vec3, wp.vec3, wp.quat, wp.float32, wp.vec3)
        cloud = [
            wp.array(np.ascontiguousarray(a, np.float32), dtype=kind, device=name, copy=False)
            for a, kind in zip(arrays, kinds, strict=True)
        ]
        tile_size = (-(-width // TILE_PX), -(-height // TILE_PX))
        view = view_of(world_to_cam, intrinsics, size, near_m, low_pass_px2)
        projection = project_splats(view, tile_size, *cloud)
        _draw(projection, tile_size, wp.vec3(*background), image)
    return SplatImage(*(a.numpy() for a in image))


def _check_shapes(
    positions: Floats, scales: Floats, quats: Floats, opacities: Floats, sh: Floats, world_to_cam: npt.NDArray[Any]
) -> None:
    count = len(positions)
    wanted = {"positions": (count, 3), "scales": (count, 3), "quats_xyzw": (count, 4), "opacities": (count,)}
    for (subject, shape), array in zip(wanted.items(), (positions, scales, quats, opacities), strict=True):
        if np.shape(array) != shape:
            raise ValueError(f"{subject} must have shape {shape}, got {np.shape(array)}.")
    if np.ndim(sh) != 3 or sh.shape[0] != count or sh.shape[1] not in (1, 4, 9, 16) or sh.shape[2] != 3:
        raise ValueError(f"sh must have shape ({count}, 1 | 4 | 9 | 16, 3), got {np.shape(sh)}.")
    if np.shape(world_to_cam) != (4, 4):
        raise ValueError(f"world_to_cam must have shape (4, 4), got {np.shape(world_to_cam)}.")


def view_of(
    world_to_cam: npt.NDArray[np.floating],
    intrinsics: tuple[float, float, float, float],
    size: tuple[int, int],
    near_m: float,
    low_pass_px2: float = LOW_PASS_PX2,
) -> View:
    """Return a camera for the kernels: rigid transform into OpenCV axes (4, 4), fx, fy, cx, cy [px], size [px]."""
    pose = np.asarray(world_to_cam, np.float64)
    view = View()
    view.world_to_cam = wp.mat44(*pose.ravel().tolist())
    view.position = wp.vec3(*(-pose[:3, :3].T @ pose[:3, 3]).tolist())
    view.fx, view.fy, view.cx, view.cy = (float(v) for v in intrinsics)
    view.width, view.height = size
    view.near, view.low_pass = near_m, low_pass_px2
    return view


def _draw(projection: Projection, tile_size: tuple[int, int], background: wp.vec3, image: list[wp.array]) -> None:
    """Blend the splats into `image` (rgb, alpha, expected depth, median depth), band of tile rows by band."""
    if not projection.visible_count:
        return
    splats, device = projection.splats, projection.splats.device
    order = sort_by_depth(projection)

    def draw_band(rows: tuple[int, int]) -> None:
        members, ranges = list_tiles(order, splats, tile_size, *rows)
        inputs = [splats, members, ranges, tile_size[0], rows[0], background]
        wp.launch(blend, dim=ranges.size * TILE_PX * TILE_PX, inputs=inputs, outputs=image, device=device)

    # A launch on the CPU runs on the calling thread without Python's lock, and bands share no pixel.
    workers = core_count(device)
    row_pairs = projection.row_pairs.numpy()
    bands = _bands(row_pairs, workers if row_pairs.sum() > _THREAD_PAIRS else 1)
    wp.load_module(blend.module, device=device)
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(draw_band, bands))


def _bands(row_pairs: npt.NDArray[np.int32], least_count: int) -> list[tuple[int, int]]:
    """Split the tile rows into bands of about equal work and bounded memory: (first, end) each."""
    ends = np.cumsum(row_pairs, dtype=np.int64)
    count = max(least_count, -(-int(ends[-1]) // _BAND_PAIRS))
    cuts = np.searchsorted(ends, ends[-1] * np.arange(1, count) / count) + 1
    edges = np.unique(np.concatenate([[0], cuts, [len(row_pairs)]])).tolist()
    return list(pairwise(edges))
