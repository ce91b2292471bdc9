"""Rooms that the miniature is trained on: drawn from a seed, with a first camera that has space to move."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from ..errors import InvalidRequest, shown
from ..kernels.room_views import RoomArrays, render_room
from ..models.trajectories import PATHS, camera_path
from .room_boxes import Box, draw_boxes
from .room_surfaces import Surface, draw_light, draw_surface, draw_walls

__all__ = ["CENTRE_DEPTH", "CLEARANCE", "HELD_OUT", "Room", "clearance", "draw_room", "room_lens"]

Floats = npt.NDArray[np.float64]

#: Rooms of seeds from here on are never trained on: results are measured with them.
HELD_OUT = 1_000_000
#: Depth of the point that cameras look at along their paths [scene units].
CENTRE_DEPTH = 2.0
#: No camera of a path comes nearer to anything than this [scene units].
CLEARANCE = 0.15

_STREAM = 8_101
_ATTEMPTS = 500
_CAMERAS = 6
#: Free space about the first camera, to walls and to boxes [scene units].
_TO_WALLS, _TO_BOXES = 0.7, 0.6
#: Limits of what the first camera sees [scene units]: the nearest and the farthest z.
_NEAREST, _FARTHEST = 0.9, 5.0
#: Share of the first picture that boxes cover at least.
_FURNISHED = 0.1
_PROBE = (48, 32)


@dataclass(frozen=True, eq=False)
class Room:
    """A room with a camera in it.

    Attributes:
        seed: that it was drawn from.
        arrays: its shape, looks and light, in its own frame: right-handed, Z up, floor at 0, scene units.
        first_camera: pose cam_to_room (4, 4) of the first camera, OpenCV axes, float64. It is the identity of the
            frame that models work in.
    """

    seed: int
    arrays: RoomArrays
    first_camera: Floats


def room_lens(size: tuple[int, int]) -> tuple[float, float, float, float]:
    """Return fx, fy, cx, cy [px] of all pictures of rooms: the focal length is 0.8 of the width (64 deg)."""
    width, height = size
    return 0.8 * width, 0.8 * width, width / 2, height / 2


def draw_room(seed: int) -> Room:
    """Return the room of a seed, always the same one.

    A room 3 to 6 m wide and deep and 2.2 to 3 m high, with 2 to 6 pieces like furniture and up to 3 pictures, doors and
    windows. A scene unit is not a metre: as with users' pictures, half of what the first camera sees is nearer than
    :data:`CENTRE_DEPTH`. It sees some of the pieces, nothing nearer than 0.9 nor farther than 5, and may go along all
    six paths of :data:`~lyra_backend.models.trajectories.PATHS`, as far as they are drawn at a factor of 1, without
    coming nearer to anything than :data:`CLEARANCE`.

    Raises:
        InvalidRequest: a seed that is negative, no whole number, or of which no room comes.
    """
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise InvalidRequest(f"room: the seed must be a whole number, 0 or more, got {shown(seed)}.")
    rng = np.random.default_rng([int(seed), _STREAM])
    for _ in range(_ATTEMPTS):
        arrays = _draw_arrays(rng)
        for _ in range(_CAMERAS):
            scaled, camera = _to_scale(arrays, _draw_camera(rng, arrays))
            if _has_space(scaled, camera) and _is_worth_seeing(scaled, camera):
                return Room(int(seed), scaled, camera)
    raise InvalidRequest(f"room: no camera of seed {seed} had space after {_ATTEMPTS} drawn rooms. Take another seed.")


def clearance(room: RoomArrays, points: npt.NDArray[np.floating]) -> Floats:
    """Return how far points (N, 3) of a room's frame are from its walls and boxes, below 0 outside or inside, (N,)."""
    to_faces = np.minimum(points - room.low, room.high - points).min(axis=1)
    return np.minimum(to_faces, _to_boxes(room, points))


def _to_boxes(room: RoomArrays, points: npt.NDArray[np.floating]) -> Floats:
    if not len(room.centres):
        return np.full(len(points), np.inf)
    cos, sin = np.cos(room.yaws), np.sin(room.yaws)
    x, y, z = np.moveaxis(points[:, None] - room.centres, -1, 0)
    local = np.stack([cos * x + sin * y, cos * y - sin * x, z], axis=-1)
    beyond = np.abs(local) - room.half_sizes
    outside = np.linalg.norm(np.maximum(beyond, 0.0), axis=-1)
    return np.asarray((outside + np.minimum(beyond.max(axis=-1), 0.0)).min(axis=1))


def _draw_arrays(rng: np.random.Generator) -> RoomArrays:
    half = rng.uniform([1.5, 1.5, 2.2], [3.0, 3.0, 3.0])
    boxes = draw_boxes(rng, half)
    looks = [*draw_walls(rng), draw_surface(rng, "floor"), draw_surface(rng, "ceiling"), *_box_looks(rng, boxes)]
    top = max((box.centre[2] + box.half[2] for box in boxes if box.kind == "furniture"), default=0.0)
    lamp = np.array([*(rng.uniform(-0.6, 0.6, 2) * half[:2]), half[2] - rng.uniform(0.1, 0.45)])
    lamp[2] = min(max(lamp[2], top + 0.1), half[2] - 0.05)
    lamp_light, ambient, falloff = draw_light(rng)
    return RoomArrays(
        low=np.array([-half[0], -half[1], 0.0]),
        high=half,
        centres=np.array([box.centre for box in boxes]).reshape(-1, 3),
        half_sizes=np.array([box.half for box in boxes]).reshape(-1, 3),
        yaws=np.array([box.yaw for box in boxes]),
        patterns=np.array([look.pattern for look in looks]),
        colours=np.array([look.colours for look in looks]),
        sizes=np.array([look.size for look in looks]),
        seeds=np.array([look.seed for look in looks]),
        glows=np.array([look.glow for look in looks]),
        lamp=lamp,
        lamp_light=lamp_light,
        ambient=ambient,
        falloff=falloff,
    )


def _box_looks(rng: np.random.Generator, boxes: list[Box]) -> list[Surface]:
    """Return how boxes look: those of one piece mostly alike."""
    looks: list[Surface] = []
    for k, box in enumerate(boxes):
        alike = k > 0 and boxes[k - 1].piece == box.piece and rng.random() < 0.7
        looks.append(looks[-1] if alike else draw_surface(rng, box.kind))
    return looks


def _draw_camera(rng: np.random.Generator, room: RoomArrays) -> Floats:
    """Return a pose (4, 4) at eye height that looks about across the room's middle."""
    half = room.high
    at = np.array([*(rng.uniform(-1, 1, 2) * (half[:2] - _TO_WALLS)), rng.uniform(0.9, min(1.7, half[2] - 0.6))])
    aim = rng.uniform(-0.3, 0.3, 2) * half[:2] - at[:2]
    yaw = math.atan2(aim[1], aim[0]) + math.radians(rng.normal(0, 12))
    pitch = math.radians(rng.triangular(-12, -7, 5))
    forward = np.array([math.cos(yaw) * math.cos(pitch), math.sin(yaw) * math.cos(pitch), math.sin(pitch)])
    right = np.array([math.sin(yaw), -math.cos(yaw), 0.0])
    pose = np.eye(4)
    pose[:3] = np.stack([right, np.cross(forward, right), forward, at], axis=1)
    return pose


def _to_scale(room: RoomArrays, camera: Floats) -> tuple[RoomArrays, Floats]:
    """Return a room and a camera in it in the unit in which the median depth of its picture is that of the centre."""
    median = float(np.median(render_room(room, camera[None], room_lens(_PROBE), _PROBE, 1, "cpu")[1]))
    share, moved = CENTRE_DEPTH / max(median, 0.1), camera.copy()
    moved[:3, 3] *= share
    lengths = ("low", "high", "centres", "half_sizes", "sizes", "lamp")
    scaled = {name: share * getattr(room, name) for name in lengths}
    return room._replace(**scaled, falloff=room.falloff / share**2), moved


@cache
def _path_positions() -> Floats:
    """Return where cameras of all paths come (N, 3), in the first camera's frame; straight ones hold shorter ones."""
    ends = [(kind, end) for kind, path in PATHS.items() for end in path.distance_range]
    return np.concatenate([camera_path(kind, end, 33, CENTRE_DEPTH)[:, :3, 3] for kind, end in ends]).astype(float)


def _has_space(room: RoomArrays, camera: Floats) -> bool:
    at = camera[:3, 3]
    walls = np.minimum(at[:2] - room.low[:2], room.high[:2] - at[:2]).min()
    if walls < _TO_WALLS or _to_boxes(room, at[None])[0] < _TO_BOXES:
        return False
    along = _path_positions() @ camera[:3, :3].T + at
    return bool(clearance(room, along).min() >= CLEARANCE)


def _is_worth_seeing(room: RoomArrays, camera: Floats) -> bool:
    """Return whether the first picture shows boxes, at distances within the limits."""
    empty = room._replace(
        centres=room.centres[:0],
        half_sizes=room.half_sizes[:0],
        yaws=room.yaws[:0],
        patterns=room.patterns[:6],
        colours=room.colours[:6],
        sizes=room.sizes[:6],
        seeds=room.seeds[:6],
        glows=room.glows[:6],
    )
    # Always on the CPU: a device's rounding must not decide which room a seed means.
    z, bare = (render_room(r, camera[None], room_lens(_PROBE), _PROBE, 1, "cpu")[1] for r in (room, empty))
    if z.min() < _NEAREST or z.max() > _FARTHEST:
        return False
    return float((z < bare - 0.02).mean()) >= _FURNISHED
