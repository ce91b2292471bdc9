"""Where a splat file's coordinates lie: its up axis, its unit, and where its ground is, as far as each is known."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ..errors import InvalidRequest
from ..io.marble import MarbleWorld
from ..types import UP_AXES, USUAL_UP, Camera, Frame, GaussianCloud, Intrinsics, Similarity, look_at

__all__ = ["Placement", "cameras_at", "parse_point", "place", "told_world"]

#: A picture of a quarter turn each way, and up and down, as a cube map has them.
_SIDES = {"ahead": (0, 1, 0), "right": (1, 0, 0), "behind": (0, -1, 0), "left": (-1, 0, 0), "up": (0, 0, 1)}
_SIDES |= {"down": (0, 0, -1)}
_SIDE_PX = 512


@dataclass(frozen=True)
class Placement:
    """The way from a file's coordinates to upright ones, in metres if the scale is known.

    Attributes:
        up: axis of the file that points up.
        scale: metres per unit of the file; 1 where it is not known.
        lift: how far the file's origin lies above the ground [m]; 0 where that is not known.
        up_known, scale_known, ground_known: whether somebody said so.
    """

    up: str
    scale: float
    lift: float
    up_known: bool
    scale_known: bool
    ground_known: bool

    @property
    def frame(self) -> Frame:
        """WORLD if nothing is left to be found."""
        return Frame.WORLD if self.ground_known else Frame.GENERATOR

    def similarity(self) -> Similarity:
        """Return the map of the file's coordinates."""
        return UP_AXES[self.up].then(Similarity(self.scale)).then(Similarity(translation=(0.0, 0.0, self.lift)))


def told_world(
    world: MarbleWorld | None, metric_scale_factor: float | None, ground_plane_offset: float | None
) -> MarbleWorld | None:
    """Return what is known of a Marble world: what is given by hand beats what a file says.

    Raises:
        InvalidRequest: an offset is given, which is in metres, and no factor that says what a metre is.
    """
    if world is None and metric_scale_factor is None:
        if ground_plane_offset is not None:
            raise InvalidRequest(
                "generate.ground_plane_offset: is in metres of Marble's metric frame, so it needs "
                "generate.metric_scale_factor beside it, got none. Add it, or give --world FILE.json."
            )
        return None
    world = world or MarbleWorld(1.0, None)
    if metric_scale_factor is not None:
        world = replace(world, metric_scale_factor=metric_scale_factor)
    return world if ground_plane_offset is None else replace(world, ground_plane_offset=ground_plane_offset)


def place(cloud: GaussianCloud, world: MarbleWorld | None, up: str | None, scale: float | None) -> Placement:
    """Return where a file's coordinates lie; `up` and `scale` beat what the world says."""
    is_world = cloud.frame is Frame.WORLD
    known_scale = scale or (world and world.inferred_scale)
    offset = world and world.ground_plane_offset
    ground_known = world is not None and known_scale is not None and offset is not None
    # The offset is in metres of Marble's own scale, which a measured one corrects.
    lift = offset / world.metric_scale_factor * known_scale if world and known_scale and offset else 0.0
    return Placement(
        up or ("z" if is_world else USUAL_UP),
        known_scale or 1.0,
        lift,
        up is not None or is_world or world is not None,
        known_scale is not None,
        ground_known,
    )


def parse_point(subject: str, text: str) -> tuple[float, float, float]:
    """Return the coordinates that ``X,Y,Z`` stands for.

    Raises:
        InvalidRequest: these are not three finite numbers.
    """
    try:
        x, y, z = (float(part) for part in text.split(","))
    except ValueError:
        raise InvalidRequest(f"{subject} must be X,Y,Z, for example 0,0,0, got {text!r}.") from None
    if not all(abs(value) < 1e9 for value in (x, y, z)):
        raise InvalidRequest(f"{subject} must be three finite coordinates, got {text!r}.")
    return x, y, z


def cameras_at(eye: npt.ArrayLike) -> tuple[Camera, ...]:
    """Return six cameras at `eye` (3,) [m], Z up, that see all around it; the first looks along y."""
    lens = Intrinsics.from_fov(_SIDE_PX, _SIDE_PX, 90.0)
    return tuple(Camera(lens, look_at(eye, np.add(eye, way)), name) for name, way in _SIDES.items())
