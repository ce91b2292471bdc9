"""The six camera paths that Lyra's videos are made along (Lyra, arXiv 2509.19296; GEN3C, arXiv 2503.03751)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from ..errors import InvalidRequest, nearest, shown

__all__ = ["DECODER_ORDER", "PATHS", "EllipsePath", "StraightPath", "camera_path", "draw_distances"]

Floats = npt.NDArray[np.float64]
#: How near a path may come to the point that its camera looks at, as a share of its depth.
_NEAREST = 0.1


@dataclass(frozen=True)
class StraightPath:
    """Steps of equal length along one axis of the first camera.

    Attributes:
        folder: number of the path's folder in the published data.
        axis, sign: where it goes: 0, 1, 2 = right, down, forward, times +1 or -1.
        distance_range: least and greatest length, as a share of the depth of the scene's centre.
    """

    folder: int
    axis: int
    sign: int
    distance_range: tuple[float, float]

    @property
    def longest(self) -> float:
        """The greatest distance that the path may have."""
        return 1.0 - _NEAREST if self.axis == 2 and self.sign > 0 else math.inf

    def positions(self, distance: float, frames: int) -> Floats:
        """Return the positions (T, 3) as shares of the centre's depth; the last is one step short of `distance`."""
        found = np.zeros((frames, 3))
        found[:, self.axis] = self.sign * distance * np.arange(frames) / frames
        return found


@dataclass(frozen=True)
class EllipsePath:
    """Whole turns of an ellipse that stands before the scene and has the first camera at its right end.

    Attributes:
        folder: number of the path's folder in the published data.
        distance_range: least and greatest distance, which scales the ellipse; not the length of the path.
        radii: half axes to the right and down, as shares of the distance.
        turns: how often it goes round.
    """

    folder: int
    distance_range: tuple[float, float]
    radii: tuple[float, float] = (0.15, 0.10)
    turns: int = 2

    @property
    def longest(self) -> float:
        """The greatest distance that the path may have: none, it stays before the scene."""
        return math.inf

    def positions(self, distance: float, frames: int) -> Floats:
        """Return the positions (T, 3) as shares of the centre's depth; the last is the first again."""
        angle = 2 * np.pi * self.turns * np.arange(frames) / (frames - 1)
        right, down = (radius * distance for radius in self.radii)
        return np.stack([right * (np.cos(angle) - 1), down * np.sin(angle), np.zeros(frames)], axis=1)


#: The published paths, in the order in which the decoder was trained to see them: it is part of the decoder's input.
PATHS: Mapping[str, StraightPath | EllipsePath] = MappingProxyType(
    {
        "clockwise": EllipsePath(5, (0.4, 0.6)),
        "left": StraightPath(0, 0, -1, (0.2, 0.3)),
        "right": StraightPath(1, 0, 1, (0.2, 0.3)),
        "up": StraightPath(2, 1, -1, (0.1, 0.2)),
        "zoom_out": StraightPath(3, 2, -1, (0.3, 0.4)),
        "zoom_in": StraightPath(4, 2, 1, (0.3, 0.4)),
    }
)
DECODER_ORDER: tuple[str, ...] = tuple(PATHS)


def draw_distances(rng: np.random.Generator, factor: float = 1.0) -> dict[str, float]:
    """Return a distance of each path, in `DECODER_ORDER`, drawn uniformly from its range and multiplied by `factor`.

    A path straight ahead ends before the point that its camera looks at, however large the factor is: from there on
    the camera would be behind what it is to show. Factors up to 2.25 never come that far.

    Raises:
        InvalidRequest: a factor that is negative or not finite.
    """
    _check_length("the movement distance factor", factor)
    drawn = {kind: factor * _between(path.distance_range, rng.random()) for kind, path in PATHS.items()}
    return {kind: min(distance, PATHS[kind].longest) for kind, distance in drawn.items()}


def camera_path(kind: str, distance: float, frames: int = 121, centre_depth: float = 1.0) -> npt.NDArray[np.float32]:
    """Return the poses cam_to_world (T, 4, 4) of a published path, which begins at the identity.

    The path is laid out in the axes of the initial camera (OpenCV: x right, y down, z forward), and the camera looks at
    the point `centre_depth` before that one. As in the published program, the translation of world-to-camera is minus
    the position on the path, without the rotation, so the centre of a turned camera is not that position p but R^T p,
    R being the rotation from the initial axes to its own: "left" is an arc that comes a little nearer. The decoder was
    trained on such poses.

    Args:
        kind: one of `PATHS`.
        distance: length of the path as a share of `centre_depth`, see :func:`draw_distances`.
        frames: number T of poses, 2 or more; the decoder takes 121.
        centre_depth: z of the point that the camera looks at, in the unit of the scene.

    Raises:
        InvalidRequest: an unknown path, lengths that are negative or not finite, fewer than two frames, or a path that
            comes up to the point it looks at.
    """
    path = _path(kind)
    _check_length(f"{kind}: the distance", distance)
    _check_length(f"{kind}: the depth of the centre", centre_depth)
    if frames < 2 or centre_depth == 0:
        raise InvalidRequest(f"{kind}: needs 2 frames or more and a depth above 0, got {frames} and {centre_depth}.")
    positions = centre_depth * path.positions(distance, frames)
    turns = _turns(np.array([0.0, 0.0, centre_depth]) - positions, kind)
    poses = np.tile(np.eye(4), (frames, 1, 1))
    poses[:, :3, :3] = np.swapaxes(turns, 1, 2)
    poses[:, :3, 3] = np.einsum("tji,tj->ti", turns, positions)
    return poses.astype(np.float32)


def _between(limits: tuple[float, float], share: float) -> float:
    low, high = limits
    return low + (high - low) * share


def _check_length(subject: str, value: float) -> None:
    if not (np.isfinite(value) and value >= 0):
        raise InvalidRequest(f"{subject} must be finite and not negative, got {shown(value)}.")


def _path(kind: str) -> StraightPath | EllipsePath:
    if kind not in PATHS:
        raise InvalidRequest(f"camera path: there is no {shown(kind)}; {nearest(str(kind), PATHS)}")
    return PATHS[kind]


def _turns(aims: Floats, kind: str) -> Floats:
    """Return rotations (T, 3, 3) from the initial axes to those of cameras that look along `aims`, y staying down."""
    if (aims[:, 2] <= 0).any():
        raise InvalidRequest(f"{kind}: the camera may not come up to the point it looks at; choose a shorter distance.")
    forward = aims / np.linalg.norm(aims, axis=1, keepdims=True)
    right = np.cross([0.0, 1.0, 0.0], forward)
    right /= np.linalg.norm(right, axis=1, keepdims=True)
    return np.stack([right, np.cross(forward, right), forward], axis=1)
