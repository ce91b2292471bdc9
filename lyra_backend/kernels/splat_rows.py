"""Blend projected Gaussians a row of eight pixels at a time, and take the derivatives of what was blended.

A thread has a tile of the picture; each row of it is one vector, so that a processor's vector units do eight pixels at
once, and a Gaussian is read once for all of them. Blending is front to back both ways: what the Gaussians behind one
add to a pixel is what the whole pixel has less what came before, so that nothing but the picture itself is kept for the
derivatives.

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
# The rows of a tile of pixels.
Tile = wp.types.matrix(shape=(8, 8), dtype=wp.float32)
#: Derivatives with respect to one splat. With `s` that with respect to its exponent at a pixel and (dx, dy) the pixel
#: less the centre [px]: sums over pixels of s, s dx, s dy, s dx^2, s dx dy, s dy^2; then r, g, b and depth [1/m].
MOMENTS = wp.types.vector(length=10, dtype=wp.float32)

# So steep that a number is either above 0 or is not.
_STEEP = wp.constant(wp.float32(1.0e30))
# Whether light has ended in a whole tile is looked at once in so many splats.
_CHECKED_EVERY = 8
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
def _sum(x: Row) -> float:
    """Sum of the pixels, by halves: one after the other they would wait for each other."""
    half = x[0:4] + x[4:8]  # type: ignore[index]
    quarter = half[0:2] + half[2:4]
    return quarter[0] + quarter[1]


@wp.func
def _above_zero(x: Row) -> Row:
    """1 where x > 0, else 0."""
    return wp.min(wp.max(_STEEP * x, _fill(0.0)), _fill(1.0))


@wp.func
def _from_centre(px: int, u: float) -> Row:
    x = float(px) + 0.5 - u
    return Row(x, x + 1.0, x + 2.0, x + 3.0, x + 4.0, x + 5.0, x + 6.0, x + 7.0)


@wp.func
def _rows_inside(splat: Splat, top: int) -> wp.vec2i:
    """First and one past the last of a tile's rows, which begin at `top`, that the ellipse reaches into."""
    reach_y = wp.sqrt(4.0 * splat.a * splat.reach / splat.det)
    middle = splat.v - 0.5 - float(top)
    first = wp.max(wp.ceil(middle - reach_y), 0.0)
    last = wp.min(wp.floor(middle + reach_y), float(TILE_PX) - 1.0)
    return wp.vec2i(int(wp.min(first, float(TILE_PX))), int(wp.max(last, -1.0)) + 1)


@wp.func
def _any_left(rest: Tile) -> bool:
    """Whether light has not ended in every pixel."""
    most = rest[0]  # type: ignore[index]
    for r in range(1, TILE_PX):
        most = wp.max(most, rest[r])  # type: ignore[index]
    return wp.max(most) > TRANSMITTANCE_MIN


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
    tile = wp.tid()
    px = (tile % column_count) * TILE_PX
    py = (tile / column_count) * TILE_PX
    red = Tile()
    green = Tile()
    blue = Tile()
    far = Tile()
    rest = Tile()
    for r in range(TILE_PX):
        rest[r] = _fill(1.0)
    for k in range(ranges[tile][0], ranges[tile][1]):
        splat = splats[members[k]]
        dx = _from_centre(px, splat.u)
        rows = _rows_inside(splat, py)
        for r in range(rows[0], rows[1]):
            dy = float(py + r) + 0.5 - splat.v
            exponent = _exponent(splat, dx, dy)
            light = rest[r]
            alpha = wp.min(_opacity(exponent), _fill(ALPHA_MAX))
            weight = wp.cw_mul(wp.cw_mul(alpha, _seen(exponent, light)), light)
            red[r] = red[r] + splat.color[0] * weight
            green[r] = green[r] + splat.color[1] * weight
            blue[r] = blue[r] + splat.color[2] * weight
            far[r] = far[r] + splat.z_low * weight
            rest[r] = light - weight
        if k % _CHECKED_EVERY == 0:
            if not _any_left(rest):
                break
    for r in range(wp.min(TILE_PX, left.shape[0] - py)):
        for c in range(wp.min(TILE_PX, left.shape[1] - px)):
            rgb[py + r, px + c] = wp.vec3(red[r, c], green[r, c], blue[r, c]) + rest[r, c] * background
            depth[py + r, px + c] = far[r, c]
            left[py + r, px + c] = rest[r, c]


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
    # scratch; in memory, for compilers make vectors of what is stored and not of variables that a loop carries
    sums: wp.array2d[Row],
    # out
    moments: wp.array[MOMENTS],
) -> None:
    tile = wp.tid()
    px = (tile % column_count) * TILE_PX
    py = (tile / column_count) * TILE_PX
    red = Tile()
    green = Tile()
    blue = Tile()
    far = Tile()
    behind = Tile()
    rest = Tile()
    for r in range(wp.min(TILE_PX, left.shape[0] - py)):
        for c in range(wp.min(TILE_PX, left.shape[1] - px)):
            grad = grad_rgb[py + r, px + c]
            red[r, c] = grad[0]
            green[r, c] = grad[1]
            blue[r, c] = grad[2]
            far[r, c] = grad_depth[py + r, px + c]
            worth_left = grad_left[py + r, px + c] * left[py + r, px + c]
            behind[r, c] = wp.dot(grad, rgb[py + r, px + c]) + far[r, c] * depth[py + r, px + c] + worth_left
    for r in range(TILE_PX):
        rest[r] = _fill(1.0)
    for k in range(ranges[tile][0], ranges[tile][1]):
        splat = splats[members[k]]
        dx = _from_centre(px, splat.u)
        sums[tile, 0] = _fill(0.0)
        sums[tile, 1] = _fill(0.0)
        sums[tile, 2] = _fill(0.0)
        sums[tile, 3] = _fill(0.0)
        sums[tile, 4] = _fill(0.0)
        sums[tile, 5] = _fill(0.0)
        sums[tile, 6] = _fill(0.0)
        rows = _rows_inside(splat, py)
        for r in range(rows[0], rows[1]):
            dy = float(py + r) + 0.5 - splat.v
            exponent = _exponent(splat, dx, dy)
            full = _opacity(exponent)
            light = rest[r]
            alpha = wp.cw_mul(wp.min(full, _fill(ALPHA_MAX)), _seen(exponent, light))
            weight = wp.cw_mul(alpha, light)
            worth = splat.color[0] * red[r] + splat.color[1] * green[r] + splat.color[2] * blue[r]
            worth = worth + splat.z_low * far[r]
            hidden = behind[r] - wp.cw_mul(weight, worth)
            slope = wp.cw_mul(worth, light) - wp.cw_div(hidden, _fill(1.0) - alpha)
            slope = wp.cw_mul(wp.cw_mul(slope, alpha), _above_zero(_fill(ALPHA_MAX) - full))
            sums[tile, 0] = sums[tile, 0] + slope
            sums[tile, 1] = sums[tile, 1] + dy * slope
            sums[tile, 2] = sums[tile, 2] + dy * dy * slope
            sums[tile, 3] = sums[tile, 3] + wp.cw_mul(weight, red[r])
            sums[tile, 4] = sums[tile, 4] + wp.cw_mul(weight, green[r])
            sums[tile, 5] = sums[tile, 5] + wp.cw_mul(weight, blue[r])
            sums[tile, 6] = sums[tile, 6] + wp.cw_mul(weight, far[r])
            behind[r] = hidden
            rest[r] = light - weight
        s = sums[tile, 0]
        sy = sums[tile, 1]
        along = wp.cw_mul(s, dx)
        found = MOMENTS(
            _sum(s),
            _sum(along),
            _sum(sy),
            _sum(wp.cw_mul(along, dx)),
            _sum(wp.cw_mul(sy, dx)),
            _sum(sums[tile, 2]),
            _sum(sums[tile, 3]),
            _sum(sums[tile, 4]),
            _sum(sums[tile, 5]),
            _sum(sums[tile, 6]),
        )
        wp.atomic_add(moments, members[k], found)
        if k % _CHECKED_EVERY == 0:
            if not _any_left(rest):
                break


def blend_rows(
    splats: wp.array, tiles: TileLists, column_count: int, background: tuple[float, float, float], picture: Pixels
) -> None:
    """Blend splats, whose `z_low` is the depth that is summed [m], over the background into all of `picture`."""
    wp.launch(
        _blend,
        dim=tiles.ranges.size,
        inputs=[splats, *tiles, column_count, wp.vec3(*background)],
        outputs=list(picture),
        device=splats.device,
    )


def row_moments(splats: wp.array, tiles: TileLists, column_count: int, picture: Pixels, grads: Pixels) -> wp.array:
    """Return derivatives with respect to the splats, MOMENTS (N,), of what `blend_rows` made of them.

    Sums over pixels are atomic: on the CPU always in the same order, on CUDA not, where their last bits differ.
    """
    sums = wp.empty((tiles.ranges.size, 7), dtype=Row, device=splats.device)
    moments = wp.zeros(splats.size, dtype=MOMENTS, device=splats.device)
    wp.launch(
        _take_moments,
        dim=tiles.ranges.size,
        inputs=[splats, *tiles, column_count, *picture, *grads, sums],
        outputs=[moments],
        device=splats.device,
    )
    return moments
