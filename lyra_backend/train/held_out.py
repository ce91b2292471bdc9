"""What models are evaluated on: pictures to start from, and what is truly seen from elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import InvalidRequest
from .room_clips import off_path_poses, views_of
from .rooms import HELD_OUT, draw_room, room_lens

__all__ = ["HeldOut", "Seen", "posed_scene", "room_scenes"]

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.floating]
Lens = tuple[float, float, float, float]

#: Random stream of poses off the paths.
_STREAM = 9_701


class Seen(NamedTuple):
    """What cameras truly see.

    Attributes:
        frames: sRGB (T, H, W, 3).
        z: depth in the scene's unit, 0 where unknown (T, H, W); None if nothing is known of it.
        cam_to_world: OpenCV axes, in those of the scene's picture, translation in the scene's unit (T, 4, 4).
    """

    frames: Pixels
    z: Floats | None
    cam_to_world: Floats


@dataclass(frozen=True, eq=False)
class HeldOut:
    """A scene that no network was trained on.

    Attributes:
        name, seed: of the scene; the seed is that of its videos.
        image: the picture to start from, sRGB (H, W, 3).
        z: its true depth, 0 where unknown (H, W); None if it is not known.
        lens: fx, fy, cx, cy of all pictures [px], pixel centres at +0.5.
        others: views off the paths; None if there are none.
        film: returns what cameras (T, 4, 4) anywhere in free space see; None if nobody can be sent there.
    """

    name: str
    seed: int
    image: Pixels
    z: Floats | None
    lens: Lens
    others: Seen | None = None
    film: Callable[[Floats], Seen] | None = None

    def check(self, size: tuple[int, int]) -> None:
        """Look whether a model of pictures of this width and height can take it.

        Raises:
            InvalidRequest: a picture or depth has another size.
        """
        width, height = size
        others = () if self.others is None else (self.others.frames[0], self.others.z)
        shapes = [part.shape for part in (self.image, self.z, *others) if part is not None]
        if any((height, width) not in (shape[:2], shape[1:3]) for shape in shapes):
            raise InvalidRequest(
                f"held-out scene {self.name}: the model's pictures have {width} x {height} pixels, got arrays of "
                f"shapes {', '.join(map(str, shapes))}. Scale and crop pictures, depth and lens to that size."
            )


def room_scenes(
    count: int, seed: int, size: tuple[int, int], off_path: int, device: str | None = None
) -> list[HeldOut]:
    """Return scenes of procedural rooms that are kept back from training.

    Args:
        count: how many, 1 or more.
        seed: number of the first of them among those kept back.
        size: width and height of pictures [px].
        off_path: views of each off the paths.
        device: Warp device; None takes the preferred one.

    Raises:
        InvalidRequest: less than one room or one view, or a negative seed.
    """
    if count < 1 or seed < 0 or off_path < 1:
        raise InvalidRequest(
            f"held-out rooms: needs 1 room or more, 1 view off the paths or more and a seed of 0 or more, got {count}, "
            f"{off_path} and {seed}."
        )
    return [_room_scene(HELD_OUT + seed + i, size, off_path, device) for i in range(count)]


def posed_scene(name: str, seed: int, pictures: Pixels, cam_to_world: Floats, lens: Lens, z: Floats | None) -> HeldOut:
    """Return the scene of posed pictures, of which the first is given and the others are to be shown.

    Args:
        name, seed: see :class:`HeldOut`.
        pictures: sRGB, uint8 (T, H, W, 3), two or more.
        cam_to_world: OpenCV axes, any common frame and unit (T, 4, 4).
        lens: fx, fy, cx, cy of all [px].
        z: depth of all in the unit of the poses, 0 where unknown (T, H, W); None if it is not known.

    Raises:
        InvalidRequest: fewer than two pictures, or arrays that do not belong together.
    """
    fits = pictures.ndim == 4 and pictures.dtype == np.uint8 and cam_to_world.shape == (len(pictures), 4, 4)
    if not fits or len(pictures) < 2 or (z is not None and z.shape != pictures.shape[:3]):
        shapes = [pictures.shape, cam_to_world.shape, None if z is None else z.shape]
        raise InvalidRequest(
            f"posed pictures {name}: needs two or more uint8 pictures (T, H, W, 3), a pose (4, 4) of each and depth of "
            f"all or of none, got {pictures.dtype} {shapes}. The first is the input, the others are what to show."
        )
    poses = np.linalg.inv(cam_to_world[0].astype(np.float64)) @ cam_to_world
    others = Seen(pictures[1:], None if z is None else z[1:], poses[1:])
    first = None if z is None or not (z[0] > 0).any() else z[0]
    return HeldOut(name, seed, pictures[0], first, lens, others)


def _room_scene(number: int, size: tuple[int, int], off_path: int, device: str | None) -> HeldOut:
    room = draw_room(number)

    def film(poses: Floats) -> Seen:
        return Seen(*views_of(room, np.asarray(poses, np.float32), size, device))

    start = film(np.eye(4, dtype=np.float32)[None])
    others = film(off_path_poses(room, np.random.default_rng([number, _STREAM]), off_path))
    z = None if start.z is None else start.z[0]
    return HeldOut(f"room {number}", number, start.frames[0], z, room_lens(size), others, film)
