"""Pictures splatted into other views, point by point, near ones covering far ones (GEN3C, arXiv 2503.03751)."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import warp as wp

__all__ = ["PicturePoints", "WarpedPicture"]

# Whether a point falls exactly on a pixel decides how much it weighs: without fused operations the answer is the same
# on every device, and that of the published program.
wp.set_module_options({"enable_backward": False, "fuse_fp": False})

Floats = npt.NDArray[np.floating]

# How much faster than its depth a point loses weight.
_SHARPNESS = wp.constant(wp.float64(50.0))
#: No depths that can be told from 0.
_NO_DEPTH = 1e-12


@wp.struct
class _Target:
    """A view: rigid transform, lens, size [px], and log(1 + z) of the farthest point of its chunk."""

    world_to_cam: wp.mat44
    lens: wp.mat33
    width: int
    height: int
    log_depth: wp.float64


class WarpedPicture(NamedTuple):
    """What is known of a view.

    Attributes:
        rgb: blended colours, -1 where nothing is, shape (H, W, 3).
        mask: where something is, shape (H, W).
        depth: blended z, NaN where nothing is, shape (H, W).
    """

    rgb: npt.NDArray[np.float32]
    mask: npt.NDArray[np.bool_]
    depth: npt.NDArray[np.float32]


@wp.func
def _in_camera(world_to_cam: wp.mat44, point: wp.vec3) -> wp.vec3:
    """Transform a point, summing from left to right."""
    found = wp.vec3()
    for k in range(3):
        found[k] = (
            world_to_cam[k, 0] * point[0] + world_to_cam[k, 1] * point[1] + world_to_cam[k, 2] * point[2]
        ) + world_to_cam[k, 3]
    return found


@wp.func
def _landing(target: _Target, p: wp.vec3) -> wp.vec2:
    """Return where a point in camera axes lands, counted from the middle of a pixel outside of the corner."""
    z = p[2] + 1.0e-7
    x = (target.lens[0, 0] * p[0] + target.lens[0, 1] * p[1] + target.lens[0, 2] * p[2]) / z
    y = (target.lens[1, 0] * p[0] + target.lens[1, 1] * p[1] + target.lens[1, 2] * p[2]) / z
    return wp.vec2(x + 1.0, y + 1.0)


@wp.func
def _share(target: _Target, at: wp.vec2, corner: int) -> wp.vec3:
    """Return pixel and bilinear share (x, y, share) of one of the four corners around a point, share 0 if outside.

    A whole coordinate is its own lower and upper neighbour, so that the point weighs twice as much; as published.
    """
    where = wp.vec3(0.0, 0.0, 1.0)
    for axis in range(2):
        low = wp.floor(at[axis])
        if (corner >> axis) & 1 == 0:
            where[axis] = low
            where[2] *= 1.0 - (at[axis] - low)
        else:
            where[axis] = wp.ceil(at[axis])
            where[2] *= 1.0 - (where[axis] - at[axis])
    # Never so for NaN.
    inside = where[0] >= 1.0 and where[1] >= 1.0
    if not inside or where[0] > float(target.width) or where[1] > float(target.height):
        where[2] = 0.0
    return where


@wp.func
def _nearness(target: _Target, z: float) -> wp.float64:
    """Return the weight by depth, 1 for the farthest point; the published one times exp(50), which cancels."""
    log_depth = wp.log(wp.float64(1.0) + wp.float64(z))
    return wp.exp(_SHARPNESS * (wp.float64(1.0) - log_depth / target.log_depth))


@wp.kernel
def _find_farthest(
    # in
    points: wp.array[wp.vec3],
    world_to_cam: wp.mat44,
    # out
    farthest: wp.array[wp.float32],
) -> None:
    z = _in_camera(world_to_cam, points[wp.tid()])[2]
    if z > farthest[0]:
        wp.atomic_max(farthest, 0, z)


@wp.kernel
def _find_peaks(
    # in
    points: wp.array[wp.vec3],
    target: _Target,
    # out
    peaks: wp.array2d[wp.float32],
) -> None:
    p = _in_camera(target.world_to_cam, points[wp.tid()])
    if p[2] > 0.0:
        at = _landing(target, p)
        nearness = _nearness(target, p[2])
        for corner in range(4):
            where = _share(target, at, corner)
            if where[2] > 0.0:
                weight = wp.float32(nearness * wp.float64(where[2]))
                wp.atomic_max(peaks, int(where[1]) - 1, int(where[0]) - 1, weight)


@wp.kernel
def _add(
    # in
    points: wp.array[wp.vec3],
    colors: wp.array[wp.vec3],
    target: _Target,
    depth_unit: wp.float64,
    unit: wp.float64,
    peaks: wp.array2d[wp.float32],
    # out
    sums: wp.array3d[wp.int64],
) -> None:
    i = wp.tid()
    p = _in_camera(target.world_to_cam, points[i])
    if p[2] > 0.0:
        at = _landing(target, p)
        nearness = _nearness(target, p[2])
        for corner in range(4):
            where = _share(target, at, corner)
            if where[2] > 0.0:
                column = int(where[0]) - 1
                row = int(where[1]) - 1
                # Weights of one picture differ by 20 orders of magnitude, those that matter in a pixel by few.
                weight = unit * nearness * wp.float64(where[2]) / wp.float64(peaks[row, column])
                wp.atomic_add(sums, row, column, 0, wp.int64(wp.round(weight)))
                depth = wp.float64(p[2]) / depth_unit
                wp.atomic_add(sums, row, column, 1, wp.int64(wp.round(weight * depth)))
                for k in range(3):
                    color = wp.float64(colors[i][k])
                    wp.atomic_add(sums, row, column, 2 + k, wp.int64(wp.round(weight * color)))


@wp.kernel
def _divide(
    # in
    sums: wp.array3d[wp.int64],
    depth_unit: wp.float64,
    # out
    rgb: wp.array2d[wp.vec3],
    depth: wp.array2d[wp.float32],
) -> None:
    row, column = wp.tid()
    total = wp.float64(sums[row, column, 0])
    if total > wp.float64(0.0):
        depth[row, column] = wp.float32(depth_unit * wp.float64(sums[row, column, 1]) / total)
        for k in range(3):
            rgb[row, column][k] = wp.float32(wp.float64(sums[row, column, 2 + k]) / total)


class PicturePoints:
    """The coloured points of one picture, to be splatted into views of it; held on the device."""

    def __init__(
        self, points: Floats, colors: Floats, keep: npt.NDArray[np.bool_] | None = None, device: str | None = None
    ) -> None:
        """Hold points of a picture.

        Args:
            points: world frame, finite, shape (N, 3).
            colors: in [-1, 1], shape (N, 3).
            keep: which points are drawn, shape (N,); the others count only in :meth:`farthest`. None draws all.
            device: Warp device; None takes the preferred one.

        Raises:
            ValueError: shapes that do not belong together, or values that are not finite or out of range.
        """
        kept = np.ones(len(points), bool) if keep is None else np.asarray(keep, bool)
        if points.shape != (len(kept), 3) or colors.shape != points.shape:
            raise ValueError("PicturePoints: needs points and colors (N, 3) and keep (N,).")
        if not np.isfinite(points).all() or not (np.abs(colors) <= 1).all():
            raise ValueError("PicturePoints: needs finite points and colors in [-1, 1].")
        self._device = wp.get_device(device) if device else wp.get_preferred_device()
        self._all = self._array(points)
        self._points, self._colors = self._array(points[kept]), self._array(colors[kept])

    def farthest(self, world_to_cam: Floats) -> float:
        """Return the largest z of all points, kept or not, in a camera (4, 4); -inf without points."""
        found = wp.full(1, -np.inf, dtype=wp.float32, device=self._device)
        inputs = [self._all, wp.mat44(*world_to_cam.ravel())]
        wp.launch(_find_farthest, len(self._all), inputs, [found], device=self._device)
        return float(found.numpy()[0])

    def splat(
        self, world_to_cam: Floats, intrinsics: Floats, size: tuple[int, int], farthest: float | None = None
    ) -> WarpedPicture:
        """Return what a view sees of the points that are kept and before it, the same bits in every run.

        A point goes to the four pixels around the place it lands on, with bilinear weights divided by
        exp(50 log(1 + z) / log(1 + farthest)). One that lands on a whole pixel coordinate counts twice for each such
        axis, as published.

        Args:
            world_to_cam: rigid transform into OpenCV camera axes, shape (4, 4).
            intrinsics: matrix (3, 3) [px] with the pixel centres at whole numbers.
            size: width, height [px].
            farthest: z at which weights have fallen to exp(-50), that of any point or more; None is that of the
                farthest point. The published program takes the largest of the two views it warps at a time.

        Raises:
            ValueError: a size that is not positive, or matrices of another shape.
        """
        if min(size) < 1 or world_to_cam.shape != (4, 4) or intrinsics.shape != (3, 3):
            raise ValueError(f"splat: needs a positive size and matrices (4, 4) and (3, 3), got {size}.")
        width, height = size
        depth_unit = self.farthest(world_to_cam) if farthest is None else farthest
        rgb = wp.full((height, width), wp.vec3(-1.0), dtype=wp.vec3, device=self._device)
        depth = wp.full((height, width), wp.nan, dtype=wp.float32, device=self._device)
        if depth_unit > _NO_DEPTH:
            sums = self._sums(_target(world_to_cam, intrinsics, size, depth_unit), depth_unit)
            wp.launch(_divide, (height, width), [sums, depth_unit], [rgb, depth], device=self._device)
        found = depth.numpy()
        return WarpedPicture(rgb.numpy(), ~np.isnan(found), found)

    def _sums(self, target: Any, depth_unit: float) -> wp.array:
        """Return sums (H, W, 5) of weight, weight times z and weight times colour; whole, so that no order matters."""
        shape, count = (target.height, target.width), len(self._points)
        # Every point at one pixel with all four corners must still fit.
        unit = 2.0 ** (61 - int(4 * count).bit_length())
        peaks = wp.zeros(shape, dtype=wp.float32, device=self._device)
        wp.launch(_find_peaks, count, [self._points, target], [peaks], device=self._device)
        sums = wp.zeros((*shape, 5), dtype=wp.int64, device=self._device)
        inputs = [self._points, self._colors, target, depth_unit, unit, peaks]
        wp.launch(_add, count, inputs, [sums], device=self._device)
        return sums

    def _array(self, values: Floats) -> wp.array:
        return wp.array(np.ascontiguousarray(values, np.float32), dtype=wp.vec3, device=self._device)


def _target(world_to_cam: Floats, intrinsics: Floats, size: tuple[int, int], farthest: float) -> Any:
    target = _Target()
    target.world_to_cam, target.lens = wp.mat44(*world_to_cam.ravel()), wp.mat33(*intrinsics.ravel())
    target.width, target.height = size
    target.log_depth = float(np.log1p(farthest))
    return target
