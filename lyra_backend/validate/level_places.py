"""Places of a scene's floor where a thing stands still: level, even and free of what is there already.

Does: choose them from the colliders of a composed stage, robots and bodies that move included. Does not: put anything
there.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pxr import Sdf, Usd

from .colliders import read_colliders
from .floor_columns import look_down
from .placed_robots import open_scene
from .standing_points import standing_points

__all__ = ["LevelPlaces", "find_places"]

Floats = npt.NDArray[np.float64]

#: Rings of rays around a place, and rays of each.
_RINGS, _RAYS = (0.35, 0.7, 1.0), 12
#: The ground under a thing may be off a plane by this much [m], and that plane off level [deg]; beyond, things rock or
#: slide.
_UNEVEN_M, _SLOPE_DEG = 0.004, 6.0
#: Heights above the ground at which a place must be clear of bodies that move [m].
_HEIGHTS = (0.1, 0.35, 0.6)


@dataclass(frozen=True)
class LevelPlaces:
    """Places.

    Attributes:
        points: on the ground, frame WORLD [m], shape (N, 3).
        normals: of the ground there, unit vectors upwards, shape (N, 3).
        bumps: how far the ground rises above its plane around the place [m], shape (N,).
        scenes: prim paths of the stage's physics scenes.
    """

    points: Floats
    normals: Floats
    bumps: Floats
    scenes: tuple[str, ...]


def find_places(stage_file: Path, radius_m: float, count: int) -> LevelPlaces:
    """Return up to `count` places, nowhere closer to each other than `radius_m`, with a free cylinder on each.

    Args:
        stage_file: a stage, Z up and in metres.
        radius_m: of the cylinder, which is :data:`~.floor_columns.HEADROOM` high, and of the ground that is level.
        count: places looked at; those that are not level are left out.
    """
    stage = open_scene(stage_file)
    colliders = read_colliders(stage)
    if not colliders.usable or not len(colliders.corners):
        return LevelPlaces(np.zeros((0, 3)), np.zeros((0, 3)), np.zeros(0), colliders.scenes)
    points = standing_points(colliders.corners, count, radius_m)
    for height in _HEIGHTS:
        points = points[colliders.moving.clearance(points + [0.0, 0.0, height]) > radius_m]
    for position, radius in _robots(stage):
        points = points[np.hypot(*(points[:, :2] - position[:2]).T) > radius + radius_m]
    ground, normals, bumps = _planes(colliders.corners, points, radius_m)
    level = normals[:, 2] >= np.cos(np.radians(_SLOPE_DEG))
    good = np.flatnonzero(np.isfinite(bumps) & (bumps <= _UNEVEN_M) & level)
    return LevelPlaces(ground[good], normals[good], bumps[good], colliders.scenes)


def _robots(stage: Usd.Stage) -> list[tuple[Floats, float]]:
    """Return where the robots of a stage stand [m] and the radius of each, as they are marked."""
    layers = [stage.GetRootLayer(), *map(Sdf.Layer.FindOrOpen, stage.GetRootLayer().subLayerPaths)]
    found = []
    for layer in (layer for layer in layers if layer):
        scope = layer.GetPrimAtPath(f"/{layer.defaultPrim}/Robots") if layer.HasDefaultPrim() else None
        for spec in scope.nameChildren if scope else ():
            mark, place = spec.customData.get("lyra", {}), spec.attributes.get("xformOp:translate")
            if "radiusMeters" in mark and place is not None:
                found.append((np.array(place.default, np.float64), float(mark["radiusMeters"])))
    return found


def _planes(corners: Floats, points: Floats, radius_m: float) -> tuple[Floats, Floats, Floats]:
    """Fit a plane to the ground around each point (N, 3); nan in the bumps (N,) where rays find no ground."""
    turns = np.linspace(0, 2 * np.pi, _RAYS, endpoint=False)
    rings = [radius_m * ring * np.column_stack([np.cos(turns), np.sin(turns)]) for ring in _RINGS]
    offsets = np.concatenate([np.zeros((1, 2)), *rings])
    flat = (points[:, None, :2] + offsets).reshape(-1, 2)
    heights = look_down(corners, flat).height.reshape(len(points), len(offsets))
    design = np.column_stack([offsets, np.ones(len(offsets))])
    found = np.asarray(np.isfinite(heights).all(axis=1))
    planes = np.where(found[:, None], heights, 0.0) @ np.linalg.pinv(design).T
    above = heights - planes @ design.T
    normals = np.column_stack([-planes[:, :2], np.ones(len(points))])
    normals /= np.linalg.norm(normals, axis=1)[:, None]
    ground = np.column_stack([points[:, :2], planes[:, 2]])
    bumps = np.where(found, np.abs(above).max(axis=1, initial=0.0), np.nan)
    return ground, normals, bumps
