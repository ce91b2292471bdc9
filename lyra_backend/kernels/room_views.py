"""Pictures and depth of rooms made of boxes: rays against slabs, patterns, one lamp with hard shadows."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import warp as wp

from .cores import launch_in_parts

__all__ = ["PATTERNS", "RoomArrays", "render_room"]

wp.set_module_options({"enable_backward": False})

Floats = npt.NDArray[np.floating]

#: Patterns of surfaces by number. With colours a, b and size s: "plain" goes from a to b over the face's height,
#: "wainscot" is b below s, "panel" is a with a frame of b of width s, "noise" mixes both by values on a lattice.
PATTERNS = ("plain", "stripes", "bands", "checker", "wainscot", "noise", "panel")
_STRIPES, _BANDS, _CHECKER, _WAINSCOT, _NOISE, _PANEL = (wp.constant(k) for k in range(1, 7))
#: Rays to the lamp begin this far before what they leave [scene units].
_OFFSET = wp.constant(1.0e-4)
#: Of the light from everywhere, ceilings get this much less than walls and floors that much more.
_SKY = wp.constant(0.15)


class RoomArrays(NamedTuple):
    """A room in its own frame: right-handed, Z up, scene units. Surfaces are its six faces, then the B boxes.

    Attributes:
        low, high: corners of the room, shape (3,).
        centres: of the boxes, shape (B, 3).
        half_sizes: of the boxes along their own axes, shape (B, 3).
        yaws: turns of the boxes about Z [rad], shape (B,).
        patterns: numbers into :data:`PATTERNS`, shape (6 + B,); faces of the room are x low, x high, y low ... z high.
        colours: linear albedo a and b of each surface, shape (6 + B, 2, 3).
        sizes: of the patterns' features, shape (6 + B,).
        seeds: of their noise, whole numbers, shape (6 + B,).
        glows: light that they send themselves, as a multiple of their albedo, shape (6 + B,).
        lamp: position of the lamp, shape (3,).
        lamp_light: its linear colour times its strength at distance 0, shape (3,).
        ambient: linear light from everywhere, shape (3,).
        falloff: the lamp's light falls with 1 / (1 + falloff * distance^2).
    """

    low: Floats
    high: Floats
    centres: Floats
    half_sizes: Floats
    yaws: Floats
    patterns: npt.NDArray[np.integer]
    colours: Floats
    sizes: Floats
    seeds: npt.NDArray[np.integer]
    glows: Floats
    lamp: Floats
    lamp_light: Floats
    ambient: Floats
    falloff: float


@wp.struct
class _Room:
    centre: wp.vec3
    half: wp.vec3
    centres: wp.array[wp.vec3]
    halves: wp.array[wp.vec3]
    turns: wp.array[wp.vec2]  # cosine, sine
    patterns: wp.array[wp.int32]
    first: wp.array[wp.vec3]
    second: wp.array[wp.vec3]
    sizes: wp.array[wp.float32]
    seeds: wp.array[wp.int32]
    glows: wp.array[wp.float32]
    lamp: wp.vec3
    lamp_light: wp.vec3
    ambient: wp.vec3
    falloff: wp.float32


@wp.struct
class _Hit:
    t: wp.float32
    box: wp.int32  # -1: the room itself
    axis: wp.int32


@wp.func
def _turned(v: wp.vec3, turn: wp.vec2) -> wp.vec3:
    """Return a vector of the room in the axes of a box."""
    return wp.vec3(turn[0] * v[0] + turn[1] * v[1], turn[0] * v[1] - turn[1] * v[0], v[2])


@wp.func
def _inverse(v: wp.vec3) -> wp.vec3:
    """Return 1 / v, very large where v is 0."""
    inverse = wp.vec3(0.0, 0.0, 0.0)
    for k in range(3):
        inverse[k] = wp.where(wp.abs(v[k]) > 1.0e-12, 1.0 / v[k], 1.0e12)
    return inverse


@wp.func
def _enter(room: _Room, box: int, origin: wp.vec3, ray: wp.vec3) -> tuple[float, int]:
    """Return where a ray enters a box, and through a face of which of its axes; 1e9 where it misses."""
    o = _turned(origin - room.centres[box], room.turns[box])
    inverse = _inverse(_turned(ray, room.turns[box]))
    half = room.halves[box]
    enter = float(-1.0e9)
    leave = float(1.0e9)
    axis = int(0)
    for k in range(3):
        middle = -o[k] * inverse[k]
        reach = wp.abs(half[k] * inverse[k])
        if middle - reach > enter:
            enter = middle - reach
            axis = k
        leave = wp.min(leave, middle + reach)
    if enter > leave or enter <= 0.0:
        enter = 1.0e9
    return enter, axis


@wp.func
def _cast(room: _Room, origin: wp.vec3, ray: wp.vec3) -> _Hit:
    """Return the first thing that a ray from inside the room meets."""
    hit = _Hit()
    hit.box = -1
    hit.t = 1.0e9
    inverse = _inverse(ray)
    for k in range(3):
        t = (wp.where(ray[k] > 0.0, room.half[k], -room.half[k]) + room.centre[k] - origin[k]) * inverse[k]
        if t < hit.t:
            hit.t = t
            hit.axis = k
    for box in range(room.centres.shape[0]):
        t, axis = _enter(room, box, origin, ray)
        if t < hit.t:
            hit.t = t
            hit.axis = axis
            hit.box = box
    return hit


@wp.func
def _lit(room: _Room, origin: wp.vec3, way: wp.vec3) -> float:
    """Return 1 if nothing stands between a point and the lamp at `origin + way`, else 0."""
    for box in range(room.centres.shape[0]):
        t, _axis = _enter(room, box, origin, way)
        if t < 1.0:
            return 0.0
    return 1.0


@wp.func
def _random(x: int, y: int, seed: int) -> float:
    """Return a number in [0, 1] for a point of a lattice: a hash of multiplications and shifts."""
    h = wp.uint32(x) * wp.uint32(0x1E3779B1) + wp.uint32(y) * wp.uint32(0x45EBCA77)
    h = h + wp.uint32(seed) * wp.uint32(0x42B2AE3D)
    h = (h ^ (h >> wp.uint32(15))) * wp.uint32(0x27D4EB2F)
    h = (h ^ (h >> wp.uint32(13))) * wp.uint32(0x165667B1)
    h = h ^ (h >> wp.uint32(16))
    return float(h & wp.uint32(0xFFFF)) / 65535.0


@wp.func
def _noise(u: float, v: float, seed: int) -> float:
    """Return values of a lattice with unit cells, smoothly mixed, in [0, 1]."""
    x = wp.floor(u)
    y = wp.floor(v)
    i = int(x)
    j = int(y)
    a = (u - x) * (u - x) * (3.0 - 2.0 * (u - x))
    b = (v - y) * (v - y) * (3.0 - 2.0 * (v - y))
    near = wp.lerp(_random(i, j, seed), _random(i + 1, j, seed), a)
    far = wp.lerp(_random(i, j + 1, seed), _random(i + 1, j + 1, seed), a)
    return wp.lerp(near, far, b)


@wp.func
def _share(pattern: int, at: wp.vec2, extent: wp.vec2, size: float, seed: int) -> float:
    """Return how much of colour b there is at a point of a face, from the face's lower left corner."""
    share = at[1] / wp.max(extent[1], 1.0e-6)
    if pattern == _STRIPES:
        share = float(int(wp.floor(at[0] / size)) & 1)
    elif pattern == _BANDS:
        share = float(int(wp.floor(at[1] / size)) & 1)
    elif pattern == _CHECKER:
        share = float((int(wp.floor(at[0] / size)) + int(wp.floor(at[1] / size))) & 1)
    elif pattern == _WAINSCOT:
        share = wp.where(at[1] < size, 1.0, 0.0)
    elif pattern == _NOISE:
        share = _noise(at[0] / size, at[1] / size, seed)
    elif pattern == _PANEL:
        edge = wp.min(wp.min(at[0], extent[0] - at[0]), wp.min(at[1], extent[1] - at[1]))
        share = wp.where(edge < size, 1.0, 0.0)
    return share


@wp.func
def _on_face(v: wp.vec3, axis: int) -> wp.vec2:
    """Return coordinates in a face across `axis`: the second one upwards, if the face stands."""
    if axis == 0:
        return wp.vec2(v[1], v[2])
    if axis == 1:
        return wp.vec2(v[0], v[2])
    return wp.vec2(v[0], v[1])


@wp.func
def _radiance(room: _Room, origin: wp.vec3, ray: wp.vec3) -> wp.vec3:
    """Return the linear light that comes against a ray of the camera."""
    hit = _cast(room, origin, ray)
    point = origin + ray * hit.t
    local = point - room.centre
    half = room.half
    turn = wp.vec2(1.0, 0.0)
    inward = float(-1.0)
    if hit.box >= 0:
        turn = room.turns[hit.box]
        local = _turned(point - room.centres[hit.box], turn)
        half = room.halves[hit.box]
        inward = 1.0
    side = wp.where(local[hit.axis] > 0.0, 1.0, -1.0)
    surface = hit.box + 6
    if hit.box < 0:
        surface = 2 * hit.axis + wp.where(side > 0.0, 1, 0)
    facing = wp.vec3(0.0, 0.0, 0.0)
    facing[hit.axis] = side * inward
    normal = _turned(facing, wp.vec2(turn[0], -turn[1]))
    share = _share(
        room.patterns[surface],
        _on_face(local + half, hit.axis),
        _on_face(half * 2.0, hit.axis),
        room.sizes[surface],
        room.seeds[surface],
    )
    albedo = room.first[surface] * (1.0 - share) + room.second[surface] * share
    start = point + normal * _OFFSET
    way = room.lamp - start
    squared = wp.dot(way, way)
    received = wp.dot(way, normal) / wp.sqrt(squared + 1.0e-12)
    if received > 0.0:
        received *= _lit(room, start, way) / (1.0 + room.falloff * squared)
    light = room.ambient * (1.0 + _SKY * normal[2]) + room.lamp_light * wp.max(received, 0.0)
    glow = room.glows[surface]
    return wp.cw_mul(albedo, light + wp.vec3(glow, glow, glow))


@wp.func
def _display(linear: float) -> wp.uint8:
    """Return linear light as sRGB of eight bits (IEC 61966-2-1)."""
    x = wp.clamp(linear, 0.0, 1.0)
    encoded = wp.where(x <= 0.0031308, 12.92 * x, 1.055 * wp.pow(x, 1.0 / 2.4) - 0.055)
    return wp.uint8(int(encoded * 255.0 + 0.5))


@wp.kernel
def _look(
    # in
    first: int,
    room: _Room,
    poses: wp.array[wp.mat44],
    lens: wp.vec4,
    width: int,
    height: int,
    samples: int,
    # out
    rgb: wp.array2d[wp.uint8],
    depth: wp.array[wp.float32],
) -> None:
    i = first + wp.tid()
    pose = poses[i / (width * height)]
    x = float(i % width)
    y = float((i / width) % height)
    origin = wp.vec3(pose[0, 3], pose[1, 3], pose[2, 3])
    total = wp.vec3(0.0, 0.0, 0.0)
    for k in range(samples * samples):
        across = (float(k % samples) + 0.5) / float(samples)
        down = (float(k / samples) + 0.5) / float(samples)
        total += _radiance(room, origin, _ray(pose, lens, x + across, y + down))
    total = total / float(samples * samples)
    for c in range(3):
        rgb[i, c] = _display(total[c])
    # Rays have length 1 along the viewing axis, so that t is z.
    hit = _cast(room, origin, _ray(pose, lens, x + 0.5, y + 0.5))
    depth[i] = hit.t


@wp.func
def _ray(pose: wp.mat44, lens: wp.vec4, x: float, y: float) -> wp.vec3:
    """Return the direction through a point of the picture [px], its part along the viewing axis being 1."""
    return wp.transform_vector(pose, wp.vec3((x - lens[2]) / lens[0], (y - lens[3]) / lens[1], 1.0))


def render_room(
    room: RoomArrays,
    cam_to_world: Floats,
    lens: tuple[float, float, float, float],
    size: tuple[int, int],
    samples: int = 2,
    device: str | None = None,
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """Return pictures and depth of a room from cameras inside it and outside its boxes.

    Args:
        room: see :class:`RoomArrays`.
        cam_to_world: poses in the room's frame, OpenCV axes, shape (T, 4, 4).
        lens: fx, fy, cx, cy [px]; the centre of the first pixel is (0.5, 0.5).
        size: width and height [px].
        samples: rays of a pixel along each of its sides, for its colour.
        device: Warp device; None takes the preferred one.

    Returns:
        sRGB (T, H, W, 3), and z along the viewing axis of the ray through each pixel's centre (T, H, W) [scene units].

    Raises:
        ValueError: shapes that do not belong together, or nothing to render.
    """
    (width, height), frames = size, len(cam_to_world)
    if cam_to_world.shape != (frames, 4, 4) or min(frames, width, height, samples) < 1:
        raise ValueError(f"poses must be (T, 4, 4), T and size positive; got {cam_to_world.shape}, {size}, {samples}.")
    target = wp.get_device(device) if device else wp.get_preferred_device()
    count = frames * width * height
    rgb = wp.empty((count, 3), dtype=wp.uint8, device=target)
    depth = wp.empty(count, dtype=wp.float32, device=target)
    poses = wp.array(np.ascontiguousarray(cam_to_world, np.float32), dtype=wp.mat44, device=target)
    inputs = [_uploaded(room, target), poses, wp.vec4(*lens), width, height, samples]
    launch_in_parts(_look, count, inputs, [rgb, depth], target)
    return rgb.numpy().reshape(frames, height, width, 3), depth.numpy().reshape(frames, height, width)


def _uploaded(room: RoomArrays, device: wp.Device) -> _Room:
    """Return a room as the kernel takes it."""
    boxes, surfaces = len(room.centres), 6 + len(room.centres)
    given = (room.half_sizes, room.yaws, room.patterns, room.colours, room.sizes, room.seeds, room.glows)
    wanted = [(boxes, 3), (boxes,), (surfaces,), (surfaces, 2, 3), (surfaces,), (surfaces,), (surfaces,)]
    if [np.shape(a) for a in given] != wanted:
        raise ValueError(f"a room of {boxes} boxes has arrays {wanted}, got {[np.shape(a) for a in given]}.")

    def vectors(values: Floats, kind: type) -> wp.array:
        return wp.array(np.ascontiguousarray(values, np.float32), dtype=kind, device=device)

    found = _Room()
    found.centre, found.half = wp.vec3(*((room.low + room.high) / 2)), wp.vec3(*((room.high - room.low) / 2))
    found.centres, found.halves = vectors(room.centres, wp.vec3), vectors(room.half_sizes, wp.vec3)
    found.turns = vectors(np.stack([np.cos(room.yaws), np.sin(room.yaws)], axis=-1), wp.vec2)
    found.first, found.second = (vectors(room.colours[:, k], wp.vec3) for k in range(2))
    found.sizes, found.glows = vectors(room.sizes, wp.float32), vectors(room.glows, wp.float32)
    found.patterns = wp.array(np.ascontiguousarray(room.patterns, np.int32), device=device)
    found.seeds = wp.array(np.ascontiguousarray(room.seeds, np.int32), device=device)
    found.lamp, found.lamp_light = wp.vec3(*room.lamp), wp.vec3(*room.lamp_light)
    found.ambient, found.falloff = wp.vec3(*room.ambient), float(room.falloff)
    return found
