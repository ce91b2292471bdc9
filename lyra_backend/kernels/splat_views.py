"""Pictures of 3D Gaussians of plain colours, made for learning: colour, depth of centres, and derivatives of both.

Many views of the same Gaussians share what does not depend on a view: their covariances. Derivatives go back through
the projection (elliptical weighted averaging, Zwicker et al. 2001) by formulas, which cost a fraction of what a
recorded kernel does.

Does: one view at a time. Does not: directional colour, or the choice of threads.
"""

from typing import NamedTuple

import warp as wp

from . import splat_rows, splat_tiles
from .splat_project import (
    ALPHA_MIN,
    CULLED,
    TILE_PX,
    Projection,
    Splat,
    View,
    footprint,
    jacobian_point,
    touched_columns,
    touched_rows,
)
from .splat_rows import MOMENTS, Pixels, blend_rows, row_moments
from .splat_tiles import TileLists, list_tiles, sort_by_depth

__all__ = ["Arranged", "Cloud", "arrange", "covariances", "covariances_back", "load", "view_gradients", "view_picture"]

wp.set_module_options({"enable_backward": False})


class Cloud(NamedTuple):
    """N Gaussians, or the derivatives of a scalar with respect to them.

    Attributes:
        positions: centres [m], vec3 (N,).
        covariances: symmetric, world axes [m^2], mat33 (N,).
        opacities: shape (N,).
        rgb: vec3 (N,).
    """

    positions: wp.array
    covariances: wp.array
    opacities: wp.array
    rgb: wp.array


class Arranged(NamedTuple):
    """The Gaussians in a view, ready to be blended.

    Attributes:
        splats: Splat (N,); undefined where culled.
        order: indices of those in view, near to far, shape (M,).
        tiles: which splats each tile has.
    """

    splats: wp.array
    order: wp.array
    tiles: TileLists


@wp.kernel(enable_backward=True)
def _covariances(
    # in
    scales: wp.array[wp.vec3],
    quats: wp.array[wp.quat],
    # out
    found: wp.array[wp.mat33],
) -> None:
    i = wp.tid()
    axes = wp.quat_to_matrix(wp.normalize(quats[i])) * wp.diag(scales[i])
    found[i] = axes * wp.transpose(axes)


@wp.func
def _turn(view: View) -> wp.mat33:
    return wp.matrix_from_rows(
        wp.vec3(view.world_to_cam[0, 0], view.world_to_cam[0, 1], view.world_to_cam[0, 2]),
        wp.vec3(view.world_to_cam[1, 0], view.world_to_cam[1, 1], view.world_to_cam[1, 2]),
        wp.vec3(view.world_to_cam[2, 0], view.world_to_cam[2, 1], view.world_to_cam[2, 2]),
    )


@wp.kernel
def _project(
    # in
    view: View,
    positions: wp.array[wp.vec3],
    covariances: wp.array[wp.mat33],
    opacities: wp.array[wp.float32],
    rgb: wp.array[wp.vec3],
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
    turn = _turn(view)
    splat = footprint(view, p, turn * covariances[i] * wp.transpose(turn), opacities[i])
    # one that is too large for numbers, or not a number
    if not (splat.det > 0.0 and wp.isfinite(splat.u) and wp.isfinite(splat.v) and wp.isfinite(splat.b)):
        return
    splat.color = rgb[i]
    splat.z_low = p[2]
    rows = touched_rows(splat, tile_size[1])
    visible = bool(False)
    for row in range(rows[0], rows[1]):
        columns = touched_columns(splat, row, tile_size[0])
        if columns[1] > columns[0]:
            wp.atomic_add(row_pairs, row, columns[1] - columns[0])
            visible = True
    if visible:
        splats[i] = splat
        depth_keys[i] = wp.cast(p[2], wp.int32)
        wp.atomic_add(visible_count, 0, 1)


@wp.kernel
def _project_back(
    # in
    view: View,
    order: wp.array[wp.int32],
    positions: wp.array[wp.vec3],
    covariances: wp.array[wp.mat33],
    opacities: wp.array[wp.float32],
    splats: wp.array[Splat],
    moments: wp.array[MOMENTS],
    # out
    grad_positions: wp.array[wp.vec3],
    grad_covariances: wp.array[wp.mat33],
    grad_opacities: wp.array[wp.float32],
    grad_rgb: wp.array[wp.vec3],
) -> None:
    i = order[wp.tid()]
    splat = splats[i]
    m = moments[i]
    grad_opacities[i] = m[0] / opacities[i]
    grad_rgb[i] = wp.vec3(m[6], m[7], m[8])

    # With Q the inverse covariance in the picture, the exponent falls off as d Q d / 2, and dQ = -Q dCov Q.
    qxx = 2.0 * splat.a
    qxy = splat.b
    qyy = 2.0 * splat.c
    kx = qxx * m[3] + qxy * m[4]
    ky = qxx * m[4] + qxy * m[5]
    lx = qxy * m[3] + qyy * m[4]
    ly = qxy * m[4] + qyy * m[5]
    hxx = 0.5 * (kx * qxx + ky * qxy)
    hxy = 0.5 * (kx * qxy + ky * qyy)
    hyy = 0.5 * (lx * qxy + ly * qyy)

    turn = _turn(view)
    p = wp.transform_point(view.world_to_cam, positions[i])
    inv_z = 1.0 / p[2]
    t = jacobian_point(view, p[0] * inv_z, p[1] * inv_z)
    row_z = turn[2]
    across = view.fx * inv_z * (turn[0] - t[0] * row_z)
    down = view.fy * inv_z * (turn[1] - t[1] * row_z)
    mixed = hxy * wp.outer(across, down)
    grad_covariances[i] = hxx * wp.outer(across, across) + hyy * wp.outer(down, down) + mixed + wp.transpose(mixed)

    grad_across = 2.0 * covariances[i] * (hxx * across + hxy * down)
    grad_down = 2.0 * covariances[i] * (hxy * across + hyy * down)
    grad_inv_z = (wp.dot(grad_across, across) + wp.dot(grad_down, down)) * p[2]
    grad_u = qxx * m[1] + qxy * m[2]
    grad_v = qxy * m[1] + qyy * m[2]
    # what becomes of the ratios x / z and y / z: the centre, and the Jacobian where it is not held at the margin
    grad_x = view.fx * grad_u
    grad_y = view.fy * grad_v
    if t[0] == p[0] * inv_z:
        grad_x -= view.fx * inv_z * wp.dot(grad_across, row_z)
    if t[1] == p[1] * inv_z:
        grad_y -= view.fy * inv_z * wp.dot(grad_down, row_z)
    grad_inv_z += grad_x * p[0] + grad_y * p[1]
    grad_z = m[9] - grad_inv_z * inv_z * inv_z
    grad_positions[i] = inv_z * (grad_x * turn[0] + grad_y * turn[1]) + grad_z * row_z


def load(device: wp.Device) -> None:
    """Compile and load the kernels of a view, before several threads launch them."""
    for module in (__name__, splat_rows.__name__, splat_tiles.__name__):
        wp.load_module(module, device=device)


def covariances(scales: wp.array, quats: wp.array) -> wp.array:
    """Return covariances [m^2], mat33 (N,), of scales [m], vec3 (N,), and quaternions xyzw of any length, quat (N,)."""
    found = wp.empty(scales.size, dtype=wp.mat33, device=scales.device)
    wp.launch(_covariances, dim=scales.size, inputs=[scales, quats], outputs=[found], device=scales.device)
    return found


def covariances_back(scales: wp.array, quats: wp.array, grad: wp.array) -> tuple[wp.array, wp.array]:
    """Return derivatives with respect to scales and quaternions, given those with respect to their covariances."""
    found = (wp.zeros_like(scales), wp.zeros_like(quats))
    wp.launch(
        _covariances,
        dim=scales.size,
        inputs=[scales, quats],
        outputs=[wp.empty_like(grad)],
        adj_inputs=list(found),
        adj_outputs=[grad],
        adjoint=True,
        device=scales.device,
    )
    return found


def arrange(view: View, cloud: Cloud) -> Arranged | None:
    """Project Gaussians and list them by tile and depth; None if none is in view."""
    device, count, size = cloud.positions.device, cloud.positions.size, _tile_size(view)
    splats = wp.empty(count, dtype=Splat, device=device)
    depth_keys = wp.empty(2 * count, dtype=wp.int32, device=device)
    row_pairs = wp.zeros(size[1], dtype=wp.int32, device=device)
    visible_count = wp.zeros(1, dtype=wp.int32, device=device)
    wp.launch(
        _project,
        dim=count,
        inputs=[view, *cloud, wp.vec2i(*size)],
        outputs=[splats, depth_keys, row_pairs, visible_count],
        device=device,
    )
    projection = Projection(splats, depth_keys, row_pairs, int(visible_count.numpy()[0]))
    if not projection.visible_count:
        return None
    order = sort_by_depth(projection)
    return Arranged(splats, order, list_tiles(order, splats, size, 0, size[1]))


def view_picture(
    view: View, arranged: Arranged | None, background: tuple[float, float, float], picture: Pixels
) -> None:
    """Write what a view shows of arranged Gaussians into all of `picture`."""
    if arranged is None:
        picture.rgb.fill_(wp.vec3(*background))
        picture.depth.zero_()
        picture.left.fill_(1.0)
        return
    blend_rows(arranged.splats, arranged.tiles, _tile_size(view)[0], background, picture)


def view_gradients(view: View, cloud: Cloud, arranged: Arranged | None, picture: Pixels, grads: Pixels) -> Cloud:
    """Return derivatives with respect to Gaussians of a scalar whose derivatives by a view's `picture` are `grads`.

    0 for Gaussians that are not in view.
    """
    found = Cloud(*(wp.zeros_like(array) for array in cloud))
    if arranged is None:
        return found
    moments = row_moments(arranged.splats, arranged.tiles, _tile_size(view)[0], picture, grads)
    wp.launch(
        _project_back,
        dim=arranged.order.size,
        inputs=[view, arranged.order, *cloud[:3], arranged.splats, moments],
        outputs=list(found),
        device=cloud.positions.device,
    )
    return found


def _tile_size(view: View) -> tuple[int, int]:
    return -(-view.width // TILE_PX), -(-view.height // TILE_PX)
