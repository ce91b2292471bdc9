"""Blend projected Gaussians eight pixels of a row at a time, and take the derivatives of what was blended.

A thread has eight neighbouring pixels, as one vector, so that a processor's vector units do them at once and a Gaussian
is read once for all of them. Blending is front to back both ways: what the Gaussians behind one add to a pixel is what
the whole pixel has less what came before, so that nothing but the picture itself is kept for the derivatives.

Does: colour, sums of depth, and what is left of the light. Does not: project, or sort.
"""

from typing import NamedTuple

import warp as wp

from .splat_project import ALPHA_MIN, TILE_PX, Splat
from .splat_render import ALPHA_MAX, TRANSMITTANCE_MIN
from .splat_tiles import TileLists

__all__ = ["MOMENTS", "Pixels", "blend_rows", "row_moments"]

wp.set_module_options({"enable_backward": False})

#: Eight pixels of a row; TILE_PX is their number.
Row = wp.types.vector(length=8, dtype=wp.float32)
#: Derivatives with respect to one splat. With `s` that with respect to its exponent at a pixel and (dx, dy) the pixel
#: less the centre [px]: sums over pixels of s, s dx, s dy, s dx^2, s dx dy, s dy^2; then r, g, b and depth [1/m].
MOMENTS = wp.types.vector(length=10, dtype=wp.float32)

# So steep that a number is either above 0 or is not.
_STEEP = wp.constant(wp.float32(1.0e30))
# exp(x) for 0 <= x <= 0.7 as a polynomial, highest power first; its relative error is below 2e-7.
_EXP = wp.constant(
    wp.types.vector(length=6, dtype=wp.float32)(
        0.0117739289, 0.0388833899, 0.167664853, 0.499842005, 1.00000893, 0.999999921
    )
)


class Pixels(NamedTuple):
    """A picture, or the derivatives of a scalar with respect to it.

    Attributes:
        rgb: colour over the background, vec3 (H, W).
        depth: sum of depths of centres, each times its share of the pixel [m], shape (H, W).
        left: share of the pixel that no Gaussian has, shape (H, W).
    """

    rgb: wp.array
    depth: wp.array
    left: wp.array


@wp.func
def _fill(value: float) -> Row:
    return Row(value, value, value, value, value, value, value, value)


@wp.func
def _above_zero(x: Row) -> Row:
    """1 where x > 0, else 0."""
    return wp.min(wp.max(_STEEP * x, _fill(0.0)), _fill(1.0))


@wp.func
def _from_centre(px: int, u: float) -> Row:
    x = float(px) + 0.5 - u
    return Row(x, x + 1.0, x + 2.0, x + 3.0, x + 4.0, x + 5.0, x + 6.0, x + 7.0)


@wp.func
def _in_row(splat: Splat, dy: float) -> bool:
    """Whether the ellipse reaches into the row at dy."""
    return splat.det * dy * dy < 4.0 * splat.a * splat.reach


@wp.func
def _exponent(splat: Splat, dx: Row, dy: float) -> Row:
    """ln(opacity / ALPHA_MIN) at the pixels."""
    return _fill(splat.reach - splat.c * dy * dy) - wp.cw_mul(dx, splat.a * dx + _fill(splat.b * dy))


@wp.func
def _opacity(exponent: Row) -> Row:
    """ALPHA_MIN exp(exponent) where that is above 0; exp(x) is exp(x / 8)^8."""
    x = 0.125 * wp.max(exponent, _fill(0.0))
    power = _fill(_EXP[0])
    for k in range(1, 6):
        power = wp.cw_mul(power, x) + _fill(_EXP[k])
    power = wp.cw_mul(power, power)
    power = wp.cw_mul(power, power)
    return ALPHA_MIN * wp.cw_mul(power, power)


@wp.func
def _seen(exponent: Row, left: Row) -> Row:
    """1 where a splat counts: within its ellipse and before light has ended."""
    return _above_zero(wp.min(exponent, left - _fill(TRANSMITTANCE_MIN)))


@wp.kernel
def _blend(
    # in
    splats: wp.array[Splat],
    members: wp.array[wp.int32],
    ranges: wp.array[wp.vec2i],
    column_count: int,
    background: wp.vec3,
    # out
    rgb: wp.array2d[wp.vec3],
    depth: wp.array2d[wp.float32],
    left: wp.array2d[wp.float32],
) -> None:
    row = wp.tid()
    tile = row / TILE_PX
    px = (tile % column_count) * TILE_PX
    py = (tile / column_count) * TILE_PX + row % TILE_PX
    if py >= left.shape[0]:
        return
    red = _fill(0.0)
    green = _fill(0.0)
    blue = _fill(0.0)
    far = _fill(0.0)
    rest = _fill(1.0)
    for k in range(ranges[tile][0], ranges[tile][1]):
        splat = splats[members[k]]
        dy = float(py) + 0.5 - splat.v
        if _in_row(splat, dy):
            exponent = _exponent(splat, _from_centre(px, splat.u), dy)
            alpha = wp.min(_opacity(exponent), _fill(ALPHA_MAX))
            weight = wp.cw_mul(wp.cw_mul(alpha, _seen(exponent, rest)), rest)
            red += splat.color[0] * weight
            green += splat.color[1] * weight
            blue += splat.color[2] * weight
            far += splat.z_low * weight
            rest -= weight
            if wp.max(rest) < TRANSMITTANCE_MIN:
                break
    for j in range(TILE_PX):
        if px + j < left.shape[1]:
            rgb[py, px + j] = wp.vec3(red[j], green[j], blue[j]) + rest[j] * background
            depth[py, px + j] = far[j]
            left[py, px + j] = rest[j]


@wp.kernel
def _take_moments(
    # in
    splats: wp.array[Splat],
    members: wp.array[wp.int32],
    ranges: wp.array[wp.vec2i],
    column_count: int,
    rgb: wp.array2d[wp.vec3],
    depth: wp.array2d[wp.float32],
    left: wp.array2d[wp.float32],
    grad_rgb: wp.array2d[wp.vec3],
    grad_depth: wp.array2d[wp.float32],
    grad_left: wp.array2d[wp.float32],
    # out
    moments: wp.array[MOMENTS],
) -> None:
    row = wp.tid()
    tile = row / TILE_PX
    px = (tile % column_count) * TILE_PX
    py = (tile / column_count) * TILE_PX + row % TILE_PX
    if py >= left.shape[0]:
        return
    red = _fill(0.0)
    green = _fill(0.0)
    blue = _fill(0.0)
    far = _fill(0.0)
    behind = _fill(0.0)
    for j in range(TILE_PX):
        if px + j < left.shape[1]:
            grad = grad_rgb[py, px + j]
            red[j] = grad[0]
            green[j] = grad[1]
            blue[j] = grad[2]
            far[j] = grad_depth[py, px + j]
            behind[j] = wp.dot(grad, rgb[py, px + j]) + far[j] * depth[py, px + j]
            behind[j] += grad_left[py, px + j] * left[py, px + j]
    rest = _fill(1.0)
    for k in range(ranges[tile][0], ranges[tile][1]):
        splat = splats[members[k]]
        dy = float(py) + 0.5 - splat.v
        if _in_row(splat, dy):
            dx = _from_centre(px, splat.u)
            exponent = _exponent(splat, dx, dy)
            full = _opacity(exponent)
            alpha = wp.cw_mul(wp.min(full, _fill(ALPHA_MAX)), _seen(exponent, rest))
            weight = wp.cw_mul(alpha, rest)
            worth = splat.color[0] * red + splat.color[1] * green + splat.color[2] * blue + splat.z_low * far
            behind -= wp.cw_mul(weight, worth)
            slope = wp.cw_mul(worth, rest) - wp.cw_div(behind, _fill(1.0) - alpha)
            slope = wp.cw_mul(wp.cw_mul(slope, alpha), _above_zero(_fill(ALPHA_MAX) - full))
            along = wp.cw_mul(slope, dx)
            rest -= weight
            s = wp.dot(slope, _fill(1.0))
            sx = wp.dot(along, _fill(1.0))
            sxx = wp.dot(along, dx)
            found = MOMENTS(
                s,
                sx,
                s * dy,
                sxx,
                sx * dy,
                s * dy * dy,
                wp.dot(weight, red),
                wp.dot(weight, green),
                wp.dot(weight, blue),
                wp.dot(weight, far),
            )
            wp.atomic_add(moments, members[k], found)
            if wp.max(rest) < TRANSMITTANCE_MIN:
                break


def blend_rows(
    splats: wp.array, tiles: TileLists, column_count: int, background: tuple[float, float, float], picture: Pixels
) -> None:
    """Blend splats, whose `z_low` is the depth that is summed [m], over the background into all of `picture`."""
    wp.launch(
        _blend,
        dim=tiles.ranges.size * TILE_PX,
        inputs=[splats, *tiles, column_count, wp.vec3(*background)],
        outputs=list(picture),
        device=splats.device,
    )


def row_moments(splats: wp.array, tiles: TileLists, column_count: int, picture: Pixels, grads: Pixels) -> wp.array:
    """Return derivatives with respect to the splats, MOMENTS (N,), of what `blend_rows` made of them.

    Sums over pixels are atomic: on the CPU always in the same order, on CUDA not, where their last bits differ.
    """
    moments = wp.zeros(splats.size, dtype=MOMENTS, device=splats.device)
    wp.launch(
        _take_moments,
        dim=tiles.ranges.size * TILE_PX,
        inputs=[splats, *tiles, column_count, *picture, *grads],
        outputs=[moments],
        device=splats.device,
    )
    return moments
