"""Project 3D Gaussians into a pinhole view: elliptical weighted averaging (Zwicker et al. 2001, Kerbl et al. 2023).

Does: cull, take the covariance through the perspective Jacobian, add the pixel low-pass, evaluate the SH colour
towards the camera, tell which picture tiles an ellipse touches. Does not: sort or blend.
"""

from typing import NamedTuple

import warp as wp

wp.set_module_options({"enable_backward": False})

#: Side of a square picture tile [px].
TILE_PX = wp.constant(8)
#: A Gaussian adds to a pixel where its opacity there is at least this (Kerbl et al. 2023).
ALPHA_MIN = wp.constant(wp.float32(1.0 / 255.0))

# Sort key of what is culled: greater than the bits of every finite depth.
CULLED = wp.constant(wp.int32(0x7FFFFFFF))
#: Variance that every splat gets in the picture (Kerbl et al. 2023), so that none falls between pixels [px^2].
LOW_PASS_PX2 = 0.3
# The regression of depth needs only enough to stay finite for a disc seen edge-on.
_SLOPE_LOW_PASS_PX2 = wp.constant(wp.float32(0.01))
# Share of the picture's size by which the Jacobian's point may lie outside it (Kerbl et al. 2023).
_MARGIN = wp.constant(wp.float32(0.15))


@wp.struct
class View:
    """A pinhole camera: world_to_cam (OpenCV axes), optical centre [m], intrinsics and size [px], near plane [m], and
    the variance that every splat gets in its picture [px^2]."""

    world_to_cam: wp.mat44
    position: wp.vec3
    fx: wp.float32
    fy: wp.float32
    cx: wp.float32
    cy: wp.float32
    width: wp.int32
    height: wp.int32
    near: wp.float32
    low_pass: wp.float32


@wp.struct
class Splat:
    """A Gaussian in the picture.

    `u, v`: centre [px]. `a, b, c`: its opacity falls off as exp(-(a dx^2 + b dx dy + c dy^2)), `det` = 4 a c - b^2.
    `reach`: ln(opacity / ALPHA_MIN), the exponent at which it ends. `color`: towards the camera, >= 0.
    `inv_z + slope_x dx + slope_y dy`: inverse depth of its surface [1/m], good for depths in z_low ... z_high [m].
    """

    u: wp.float32
    v: wp.float32
    a: wp.float32
    b: wp.float32
    c: wp.float32
    det: wp.float32
    reach: wp.float32
    color: wp.vec3
    inv_z: wp.float32
    slope_x: wp.float32
    slope_y: wp.float32
    z_low: wp.float32
    z_high: wp.float32


class Projection(NamedTuple):
    """What :func:`project_splats` found.

    Attributes:
        splats: Gaussians in the picture, Splat (N,); undefined where culled.
        depth_keys: bits of the depth, greatest where culled, shape (2 N,), the second half is scratch for sorting.
        row_pairs: number of (splat, tile) pairs in each row of tiles, shape (rows,).
        visible_count: how many are not culled.
    """

    splats: wp.array
    depth_keys: wp.array
    row_pairs: wp.array
    visible_count: int


@wp.func
def touched_rows(splat: Splat, row_count: int) -> wp.vec2i:
    """First and one past the last tile row whose pixel centres the ellipse may hold."""
    reach_y = wp.sqrt(4.0 * splat.a * splat.reach / splat.det)
    limit = float(row_count * TILE_PX)
    first = wp.max(wp.ceil(wp.min(splat.v - reach_y, limit) - 0.5), 0.0)
    last = wp.min(wp.floor(wp.max(splat.v + reach_y, -1.0) - 0.5), limit - 1.0)
    if last < first:
        return wp.vec2i(0, 0)
    return wp.vec2i(int(first) / TILE_PX, int(last) / TILE_PX + 1)


@wp.func
def touched_columns(splat: Splat, row: int, column_count: int) -> wp.vec2i:
    """First and one past the last tile column whose pixel centres the ellipse may hold in a tile row."""
    low = float(row * TILE_PX) + 0.5 - splat.v
    high = low + float(TILE_PX) - 1.0
    reach_y = wp.sqrt(4.0 * splat.a * splat.reach / splat.det)
    low = wp.max(low, -reach_y)
    high = wp.min(high, reach_y)
    if low > high:
        return wp.vec2i(0, 0)
    # The ellipse is widest to the right at dy = turn, to the left at -turn; next to these, within the row.
    turn = -splat.b * wp.sqrt(splat.reach / (splat.c * splat.det))
    right = _ellipse_edge(splat, wp.clamp(turn, low, high), 1.0)
    left = _ellipse_edge(splat, wp.clamp(-turn, low, high), -1.0)
    limit = float(column_count * TILE_PX)
    first = wp.max(wp.ceil(wp.min(left, limit) - 0.5), 0.0)
    last = wp.min(wp.floor(wp.max(right, -1.0) - 0.5), limit - 1.0)
    if last < first:
        return wp.vec2i(0, 0)
    return wp.vec2i(int(first) / TILE_PX, int(last) / TILE_PX + 1)


@wp.func
def _ellipse_edge(splat: Splat, dy: float, side: float) -> float:
    """Where [px] the ellipse ends in the row at dy, to the right (side = 1) or to the left (side = -1)."""
    root = wp.sqrt(wp.max(4.0 * splat.a * splat.reach - splat.det * dy * dy, 0.0))
    return splat.u + (side * root - splat.b * dy) / (2.0 * splat.a)


@wp.func
def sh_color(sh: wp.array2d[wp.vec3], i: int, d: wp.vec3) -> wp.vec3:
    """Colour towards d (unit, camera to Gaussian): 0.5 + sum of the bands, clipped below (Kerbl et al. 2023)."""
    coefficient_count = sh.shape[1]
    color = 0.28209479177387814 * sh[i, 0] + wp.vec3(0.5, 0.5, 0.5)
    x = d[0]
    y = d[1]
    z = d[2]
    if coefficient_count > 1:
        color += 0.4886025119029199 * (z * sh[i, 2] - y * sh[i, 1] - x * sh[i, 3])
    if coefficient_count > 4:
        color += 1.0925484305920792 * (x * y * sh[i, 4] - y * z * sh[i, 5] - x * z * sh[i, 7])
        color += 0.31539156525252005 * (2.0 * z * z - x * x - y * y) * sh[i, 6]
        color += 0.5462742152960396 * (x * x - y * y) * sh[i, 8]
    if coefficient_count > 9:
        color -= 0.5900435899266435 * (y * (3.0 * x * x - y * y) * sh[i, 9] + x * (x * x - 3.0 * y * y) * sh[i, 15])
        color += 2.890611442640554 * x * y * z * sh[i, 10]
        color -= 0.4570457994644658 * (4.0 * z * z - x * x - y * y) * (y * sh[i, 11] + x * sh[i, 13])
        color += 0.3731763325901154 * z * (2.0 * z * z - 3.0 * x * x - 3.0 * y * y) * sh[i, 12]
        color += 1.445305721320277 * z * (x * x - y * y) * sh[i, 14]
    return wp.max(color, wp.vec3(0.0, 0.0, 0.0))


@wp.func
def camera_covariance(view: View, scale: wp.vec3, quat: wp.quat) -> wp.mat33:
    """Covariance [m^2] in camera axes of a Gaussian with these standard deviations [m] and axes."""
    turn = wp.matrix_from_rows(
        wp.vec3(view.world_to_cam[0, 0], view.world_to_cam[0, 1], view.world_to_cam[0, 2]),
        wp.vec3(view.world_to_cam[1, 0], view.world_to_cam[1, 1], view.world_to_cam[1, 2]),
        wp.vec3(view.world_to_cam[2, 0], view.world_to_cam[2, 1], view.world_to_cam[2, 2]),
    )
    axes = turn * wp.quat_to_matrix(quat) * wp.diag(scale)
    return axes * wp.transpose(axes)


@wp.func
def jacobian_point(view: View, tx: float, ty: float) -> wp.vec2:
    """Where the Jacobian of a Gaussian at (x / z, y / z) is taken: far outside the picture, where the affine
    approximation blows up, at the picture's margin."""
    width = float(view.width)
    height = float(view.height)
    return wp.vec2(
        wp.clamp(tx, -(view.cx + _MARGIN * width) / view.fx, ((1.0 + _MARGIN) * width - view.cx) / view.fx),
        wp.clamp(ty, -(view.cy + _MARGIN * height) / view.fy, ((1.0 + _MARGIN) * height - view.cy) / view.fy),
    )


@wp.func
def footprint(view: View, p: wp.vec3, cov: wp.mat33, opacity: float) -> Splat:
    """Splat, without its colour, of a Gaussian with centre p [m] and covariance [m^2] in camera axes."""
    splat = Splat()
    inv_z = 1.0 / p[2]
    t = jacobian_point(view, p[0] * inv_z, p[1] * inv_z)
    jx = view.fx * inv_z * wp.vec3(1.0, 0.0, -t[0])
    jy = view.fy * inv_z * wp.vec3(0.0, 1.0, -t[1])
    cov_x = cov * jx
    cov_y = cov * jy
    xx = wp.dot(jx, cov_x)
    xy = wp.dot(jx, cov_y)
    yy = wp.dot(jy, cov_y)

    # Over a plane inverse depth is affine in the picture: regress it on (u, v) before the low-pass widens them.
    rx = xx + _SLOPE_LOW_PASS_PX2
    ry = yy + _SLOPE_LOW_PASS_PX2
    factor = -inv_z * inv_z / wp.max(rx * ry - xy * xy, 1.0e-12)
    splat.inv_z = inv_z
    splat.slope_x = factor * (cov_x[2] * ry - cov_y[2] * xy)
    splat.slope_y = factor * (cov_y[2] * rx - cov_x[2] * xy)
    reach_z = 3.0 * wp.sqrt(cov[2, 2])
    splat.z_low = wp.max(p[2] - reach_z, view.near)
    splat.z_high = p[2] + reach_z

    # Summed this way the determinant stays positive for the longest needles, where xx yy and xy^2 cancel.
    det = wp.max(xx * yy - xy * xy, 0.0) + view.low_pass * (xx + yy + view.low_pass)
    splat.u = view.fx * p[0] * inv_z + view.cx
    splat.v = view.fy * p[1] * inv_z + view.cy
    splat.a = 0.5 * (yy + view.low_pass) / det
    splat.b = -xy / det
    splat.c = 0.5 * (xx + view.low_pass) / det
    splat.det = 1.0 / det
    splat.reach = wp.log(opacity / ALPHA_MIN)
    return splat


@wp.kernel
def _project(
    # in
    view: View,
    positions: wp.array[wp.vec3],
    scales: wp.array[wp.vec3],
    quats: wp.array[wp.quat],
    opacities: wp.array[wp.float32],
    sh: wp.array2d[wp.vec3],
    tile_size: wp.vec2i,
    # out
    splats: wp.array[Splat],
    depth_keys: wp.array[wp.int32],
    row_pairs: wp.array[wp.int32],
    visible_count: wp.array[wp.int32],
) -> None:
    i = wp.tid()
    depth_keys[i] = CULLED
    p = wp.transform_point(view.world_to_cam, positions[i])
    if not (p[2] > view.near and opacities[i] > ALPHA_MIN):
        return
    splat = footprint(view, p, camera_covariance(view, scales[i], quats[i]), opacities[i])
    rows = touched_rows(splat, tile_size[1])
    visible = bool(False)
    for row in range(rows[0], rows[1]):
        columns = touched_columns(splat, row, tile_size[0])
        if columns[1] > columns[0]:
            wp.atomic_add(row_pairs, row, columns[1] - columns[0])
            visible = True
    if visible:
        splat.color = sh_color(sh, i, wp.normalize(positions[i] - view.position))
        splats[i] = splat
        depth_keys[i] = wp.cast(p[2], wp.int32)
        wp.atomic_add(visible_count, 0, 1)


def project_splats(
    view: View,
    tile_size: tuple[int, int],
    positions: wp.array,
    scales: wp.array,
    quats: wp.array,
    opacities: wp.array,
    sh: wp.array,
) -> Projection:
    """Project N Gaussians (vec3, vec3 [m], quat xyzw, float, vec3 (N, K)) into tile_size = (columns, rows) tiles."""
    count, device = positions.size, positions.device
    splats = wp.empty(count, dtype=Splat, device=device)
    depth_keys = wp.empty(2 * count, dtype=wp.int32, device=device)
    row_pairs = wp.zeros(tile_size[1], dtype=wp.int32, device=device)
    visible_count = wp.zeros(1, dtype=wp.int32, device=device)
    wp.launch(
        _project,
        dim=count,
        inputs=[view, positions, scales, quats, opacities, sh, wp.vec2i(*tile_size)],
        outputs=[splats, depth_keys, row_pairs, visible_count],
        device=device,
    )
    return Projection(splats, depth_keys, row_pairs, int(visible_count.numpy()[0]))
