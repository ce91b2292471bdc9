"""Gradients of pictures of 3D Gaussians: back to front, then backwards through the projection (Kerbl et al. 2023).

Does: the colour of a picture and its derivatives with respect to the Gaussians. Does not: depth, or any step of an
optimiser. Sums over pixels are atomic, so on CUDA their last bits depend on the order of threads.
"""

from typing import NamedTuple

import warp as wp

from .splat_project import ALPHA_MIN, TILE_PX, Splat, View, camera_covariance, footprint, project_splats, sh_color
from .splat_render import ALPHA_MAX, TRANSMITTANCE_MIN, blend
from .splat_tiles import TileLists, list_tiles, sort_by_depth

__all__ = ["Blended", "Gradients", "blend_splats", "blended_gradients"]

# Others in this process may have turned gradients off for kernels that do not say.
wp.set_module_options({"enable_backward": True})


class Blended(NamedTuple):
    """A picture, and what its gradients need.

    Attributes:
        rgb: colour over the background, vec3 (H, W).
        splats: the Gaussians in the picture, Splat (N,); undefined where culled.
        order: indices of those in view, near to far, shape (M,); None if there are none.
        tiles: which splats each tile has; None if there are none.
    """

    rgb: wp.array
    splats: wp.array
    order: wp.array | None
    tiles: TileLists | None


class Gradients(NamedTuple):
    """Derivatives of a scalar with respect to N Gaussians.

    Attributes:
        positions, scales: vec3 (N,) [1/m].
        quats: of unit quaternions xyzw, not projected onto their tangents, quat (N,).
        opacities: shape (N,).
        sh: vec3 (N, K).
        centres_px: of the centres in the picture, vec2 (N,) [1/px].
    """

    positions: wp.array
    scales: wp.array
    quats: wp.array
    opacities: wp.array
    sh: wp.array
    centres_px: wp.array


@wp.kernel(enable_backward=False)
def _blend_back(
    # in
    splats: wp.array[Splat],
    members: wp.array[wp.int32],
    ranges: wp.array[wp.vec2i],
    column_count: int,
    background: wp.vec3,
    grad_rgb: wp.array2d[wp.vec3],
    # out
    grad_centre: wp.array[wp.vec2],
    grad_fall: wp.array[wp.vec3],
    grad_reach: wp.array[wp.float32],
    grad_color: wp.array[wp.vec3],
) -> None:
    pixel = wp.tid()
    tile = pixel / (TILE_PX * TILE_PX)
    inside = pixel % (TILE_PX * TILE_PX)
    px = (tile % column_count) * TILE_PX + inside % TILE_PX
    py = (tile / column_count) * TILE_PX + inside / TILE_PX
    if px >= grad_rgb.shape[1] or py >= grad_rgb.shape[0]:
        return
    first = ranges[tile][0]
    # blended again instead of kept: where the ray ends, and what is left of the light there
    left = float(1.0)
    k = int(first)
    while k < ranges[tile][1] and left >= TRANSMITTANCE_MIN:
        s = members[k]
        dx = float(px) + 0.5 - splats[s].u
        dy = float(py) + 0.5 - splats[s].v
        fall = splats[s].a * dx * dx + splats[s].b * dx * dy + splats[s].c * dy * dy
        if fall < splats[s].reach:
            left *= 1.0 - wp.min(ALPHA_MAX, ALPHA_MIN * wp.exp(splats[s].reach - fall))
        k += 1
    grad = grad_rgb[py, px]
    behind = background
    while k > first:
        k -= 1
        s = members[k]
        dx = float(px) + 0.5 - splats[s].u
        dy = float(py) + 0.5 - splats[s].v
        fall = splats[s].a * dx * dx + splats[s].b * dx * dy + splats[s].c * dy * dy
        if fall < splats[s].reach:
            full = ALPHA_MIN * wp.exp(splats[s].reach - fall)
            alpha = wp.min(ALPHA_MAX, full)
            left /= 1.0 - alpha
            wp.atomic_add(grad_color, s, left * alpha * grad)
            if full < ALPHA_MAX:
                slope = left * alpha * wp.dot(splats[s].color - behind, grad)
                wp.atomic_add(grad_reach, s, slope)
                wp.atomic_add(grad_fall, s, -slope * wp.vec3(dx * dx, dx * dy, dy * dy))
                along = wp.vec2(2.0 * splats[s].a * dx + splats[s].b * dy, splats[s].b * dx + 2.0 * splats[s].c * dy)
                wp.atomic_add(grad_centre, s, slope * along)
            behind += alpha * (splats[s].color - behind)


@wp.kernel
def _describe(
    # in
    view: View,
    order: wp.array[wp.int32],
    positions: wp.array[wp.vec3],
    scales: wp.array[wp.vec3],
    quats: wp.array[wp.quat],
    opacities: wp.array[wp.float32],
    sh: wp.array2d[wp.vec3],
    # out
    centre: wp.array[wp.vec2],
    fall: wp.array[wp.vec3],
    reach: wp.array[wp.float32],
    color: wp.array[wp.vec3],
) -> None:
    """What `project_splats` says of the splats in view, as arrays that can be differentiated."""
    i = order[wp.tid()]
    p = wp.transform_point(view.world_to_cam, positions[i])
    splat = footprint(view, p, camera_covariance(view, scales[i], quats[i]), opacities[i])
    centre[i] = wp.vec2(splat.u, splat.v)
    fall[i] = wp.vec3(splat.a, splat.b, splat.c)
    reach[i] = splat.reach
    color[i] = sh_color(sh, i, wp.normalize(positions[i] - view.position))


def blend_splats(view: View, cloud: tuple[wp.array, ...], background: tuple[float, float, float]) -> Blended:
    """Return the picture of Gaussians: positions, scales [m], quats xyzw, opacities and SH (N, K) on one device."""
    device, size = cloud[0].device, _tile_size(view)
    rgb = wp.full((view.height, view.width), wp.vec3(*background), dtype=wp.vec3, device=device)
    projection = project_splats(view, size, *cloud)
    if not projection.visible_count:
        return Blended(rgb, projection.splats, None, None)
    order = sort_by_depth(projection)
    tiles = list_tiles(order, projection.splats, size, 0, size[1])
    rest = [wp.empty((view.height, view.width), dtype=wp.float32, device=device) for _ in range(3)]
    inputs = [projection.splats, *tiles, size[0], 0, wp.vec3(*background)]
    wp.launch(blend, dim=tiles.ranges.size * TILE_PX**2, inputs=inputs, outputs=[rgb, *rest], device=device)
    return Blended(rgb, projection.splats, order, tiles)


def blended_gradients(
    view: View,
    cloud: tuple[wp.array, ...],
    background: tuple[float, float, float],
    blended: Blended,
    grad_rgb: wp.array,
) -> Gradients:
    """Return the derivatives of a scalar whose derivatives with respect to the picture are `grad_rgb`, vec3 (H, W)."""
    device, count = cloud[0].device, cloud[0].size
    positions, scales, quats, opacities, sh = grads = [wp.zeros_like(array) for array in cloud]
    outs = [wp.zeros(count, dtype=kind, device=device) for kind in (wp.vec2, wp.vec3, wp.float32, wp.vec3)]
    if blended.order is not None and blended.tiles is not None:
        tiles = blended.tiles
        inputs = [blended.splats, *tiles, _tile_size(view)[0], wp.vec3(*background), grad_rgb]
        wp.launch(_blend_back, dim=tiles.ranges.size * TILE_PX**2, inputs=inputs, outputs=outs, device=device)
        wp.launch(
            _describe,
            dim=blended.order.size,
            inputs=[view, blended.order, *cloud],
            outputs=[wp.empty_like(array) for array in outs],
            adj_inputs=[View(), None, *grads],
            adj_outputs=[wp.clone(outs[0]), *outs[1:]],
            adjoint=True,
            device=device,
        )
    return Gradients(positions, scales, quats, opacities, sh, outs[0])


def _tile_size(view: View) -> tuple[int, int]:
    return -(-view.width // TILE_PX), -(-view.height // TILE_PX)
