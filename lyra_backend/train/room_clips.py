"""Pictures of rooms with their depth: clips along the six paths, single pictures, poses that no path has."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import InvalidRequest
from ..kernels.room_views import render_room
from ..models.trajectories import PATHS, EllipsePath, camera_path
from .rooms import CENTRE_DEPTH, CLEARANCE, Room, clearance, room_lens

__all__ = ["RoomClip", "clip_of", "off_path_poses", "pictures_of", "views_of"]

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

#: How many drawn poses may be refused for each one that is wanted.
_TRIES = 200
#: Poses off the paths are at least this far from all of them [scene units].
_OFF_PATH = 0.1


class RoomClip(NamedTuple):
    """Pictures of one room.

    Attributes:
        frames: sRGB, shape (T, H, W, 3).
        z: depth along the viewing axis through pixel centres [scene units], shape (T, H, W).
        cam_to_world: poses in the frame of the room's first camera, OpenCV axes, shape (T, 4, 4).
    """

    frames: npt.NDArray[np.uint8]
    z: Floats
    cam_to_world: Floats


def views_of(room: Room, cam_to_world: Floats, size: tuple[int, int], device: str | None = None) -> RoomClip:
    """Return what cameras see that stand at `cam_to_world` (T, 4, 4), in the frame of the room's first camera.

    Args:
        room: see :class:`~.rooms.Room`.
        cam_to_world: poses in free space.
        size: width and height [px].
        device: Warp device; None takes the preferred one.
    """
    poses = room.first_camera @ np.asarray(cam_to_world, np.float64)
    frames, z = render_room(room.arrays, poses, room_lens(size), size, device=device)
    return RoomClip(frames, z, np.asarray(cam_to_world, np.float32))


def clip_of(
    room: Room,
    path_kind: str,
    distance: float,
    frames: int = 17,
    size: tuple[int, int] = (96, 64),
    centre_depth: float = CENTRE_DEPTH,
    device: str | None = None,
) -> RoomClip:
    """Return a clip along one of the six paths, which begins at the room's first camera.

    Args:
        room: see :class:`~.rooms.Room`.
        path_kind, distance, frames, centre_depth: see :func:`~lyra_backend.models.trajectories.camera_path`.
        size: width and height [px].
        device: Warp device; None takes the preferred one.

    Raises:
        InvalidRequest: an unknown path, lengths out of range, or a path that leaves the room or enters a box.
    """
    poses = camera_path(path_kind, distance, frames, centre_depth)
    if _nearest(room, poses).min() <= 0:
        raise InvalidRequest(
            f"room {room.seed}: the path {path_kind} of distance {distance:g} at depth {centre_depth:g} leaves free "
            f"space. Rooms have space for the published distances at depth {CENTRE_DEPTH:g}."
        )
    return views_of(room, poses, size, device)


def pictures_of(
    room: Room,
    count: int,
    rng: np.random.Generator,
    size: tuple[int, int] = (96, 64),
    device: str | None = None,
) -> RoomClip:
    """Return single pictures from anywhere within the reach of the six paths, each pose drawn on its own.

    They look at the paths' centre or up to about a tenth of its depth beside it.

    Raises:
        InvalidRequest: less than one picture.
    """
    return views_of(room, _draw_poses(room, rng, count, 0.0), size, device)


def off_path_poses(room: Room, rng: np.random.Generator, count: int) -> Floats:
    """Return poses (N, 4, 4) within the reach of the six paths, but at least 0.1 from every one of them.

    They are in the frame of the room's first camera and look about where its paths look.

    Raises:
        InvalidRequest: less than one pose.
    """
    return _draw_poses(room, rng, count, _OFF_PATH)


def _draw_poses(room: Room, rng: np.random.Generator, count: int, off_path: float) -> Floats:
    if count < 1:
        raise InvalidRequest(f"room {room.seed}: at least one pose must be asked for, got {count}.")
    found: list[Floats] = []
    for _ in range(_TRIES * count):
        position = _draw_position(rng)
        pose = _look(position, np.array([0.0, 0.0, CENTRE_DEPTH]) + rng.normal(0, 0.1, 3), rng.normal(0, 0.01))
        if np.linalg.norm(_paths() - position, axis=1).min() < off_path:
            continue
        if _nearest(room, pose[None])[0] >= CLEARANCE:
            found.append(pose)
            if len(found) == count:
                return np.stack(found)
    raise InvalidRequest(
        f"room {room.seed}: no {count} poses were found in free space. Ask for fewer, or another room."
    )


def _draw_position(rng: np.random.Generator) -> Doubles:
    """Return a point (3,) of the octahedron that reaches as far along each axis as the paths do."""
    while True:
        shares = rng.uniform(-1, 1, 3)
        if np.abs(shares).sum() <= 1:
            low, high = _reach()
            return np.where(shares < 0, -shares * low, shares * high)


@cache
def _reach() -> tuple[Doubles, Doubles]:
    """Return how far the paths go against and along each axis of the first camera [scene units], two times (3,)."""
    ends = _paths()
    return ends.min(axis=0), ends.max(axis=0)


@cache
def _paths() -> Doubles:
    """Return camera centres (N, 3) closely along all paths of the published distances."""
    far = {kind: path.distance_range for kind, path in PATHS.items()}
    ellipses = {kind for kind, path in PATHS.items() if isinstance(path, EllipsePath)}
    runs = [(kind, d) for kind, ends in far.items() for d in (np.linspace(*ends, 3) if kind in ellipses else ends[1:])]
    poses = [camera_path(kind, float(d), 65, CENTRE_DEPTH) for kind, d in runs]
    return np.concatenate([p[:, :3, 3] for p in poses]).astype(np.float64)


def _look(position: Doubles, aim: Doubles, roll: float) -> Floats:
    """Return a pose (4, 4) that looks from a position to an aim, y staying down but for a roll [rad]."""
    forward = (aim - position) / np.linalg.norm(aim - position)
    right = np.cross([0.0, 1.0, 0.0], forward)
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    pose = np.eye(4, dtype=np.float32)
    pose[:3, 0] = np.cos(roll) * right + np.sin(roll) * down
    pose[:3, 1] = np.cos(roll) * down - np.sin(roll) * right
    pose[:3, 2], pose[:3, 3] = forward, position
    return pose


def _nearest(room: Room, cam_to_world: Floats) -> Doubles:
    """Return how far cameras (T, 4, 4) are from what is nearest to them [scene units], (T,)."""
    centres = cam_to_world[:, :3, 3].astype(np.float64) @ room.first_camera[:3, :3].T + room.first_camera[:3, 3]
    return clearance(room.arrays, centres)
