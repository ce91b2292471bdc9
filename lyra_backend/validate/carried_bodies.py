"""Kinematic bodies that a stage carries along paths: where they are when, and balls that hang in their way.

Does: read the paths from samples over time, and choose the balls. Does not: simulate. Engines drive such a body
through its poses as targets, which gives it the velocity that it hits with.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pxr import Gf, Usd, UsdGeom, UsdPhysics

from .moving_bodies import MovingBodies
from .probe_bodies import GAP, SPHERE_RADIUS, Bodies
from .triangle_index import TriangleIndex

__all__ = ["HIT_M", "Carried", "read_carried"]

Floats = npt.NDArray[np.float64]

#: A ball that moved less than this [m] was not hit.
HIT_M = 0.02


@dataclass(frozen=True)
class Carried:
    """Bodies that are carried.

    Attributes:
        paths: prim path of each.
        poses: position [m] and orientation xyzw of each after every step, shape (S, D, 7).
        balls: balls without gravity, each in the way of a body, as late on it as there is room.
        aimed_at: path of the body that each ball is for; one that does not get out of its own way has none.
    """

    paths: tuple[str, ...]
    poses: Floats
    balls: Bodies
    aimed_at: tuple[str, ...]


def read_carried(
    stage: Usd.Stage, index: TriangleIndex, moving: MovingBodies, dt: float, seconds: float
) -> Carried | None:
    """Return what `stage` carries along in steps of `dt` [s] for its whole time but `seconds` at most; None if nothing.

    Args:
        stage: in the units of the engine.
        index: its static colliders.
        moving: its bodies at the start.
    """
    paths = [path for path in moving.paths if _is_carried(stage.GetPrimAtPath(path))]
    rate = stage.GetTimeCodesPerSecond()
    start, end = stage.GetStartTimeCode(), stage.GetEndTimeCode()
    steps = int(min((end - start) / rate, seconds) / dt + 1e-6)
    if not paths or steps < 1:
        return None
    poses, middles = np.empty((steps, len(paths), 7)), np.empty((steps, len(paths), 3))
    first = UsdGeom.XformCache(start)
    local = [_middle(stage, path, moving, first) for path in paths]
    for step in range(steps):
        cache = UsdGeom.XformCache(start + (step + 1) * dt * rate)
        for k, path in enumerate(paths):
            matrix = cache.GetLocalToWorldTransform(stage.GetPrimAtPath(path))
            turn = matrix.RemoveScaleShear().ExtractRotationQuat().GetNormalized()
            poses[step, k] = (*matrix.ExtractTranslation(), *turn.GetImaginary(), turn.GetReal())
            middles[step, k] = matrix.Transform(local[k])
    places = [_hanging(middles[:, k], index, moving) for k in range(len(paths))]
    found = [(path, place) for path, place in zip(paths, places, strict=True) if place is not None]
    positions = np.array([place for _, place in found]).reshape(-1, 3)
    balls = Bodies(positions, np.zeros_like(positions), np.zeros(len(positions), bool), gravity=False)
    return Carried(tuple(paths), poses, balls, tuple(path for path, _ in found))


def _hanging(way: Floats, index: TriangleIndex, moving: MovingBodies) -> Floats | None:
    """Return the last of the places (S, 3) [m] that a body's middle gets to where a ball has room at the start."""
    room = SPHERE_RADIUS + GAP
    clear = np.flatnonzero(index.are_free(way, room) & (moving.clearance(way) > room))
    return way[clear[-1]] if len(clear) else None


def _is_carried(prim: Usd.Prim) -> bool:
    """Say whether a body is kinematic and has a transform that changes over time, its own or one above it."""
    if not UsdPhysics.RigidBodyAPI(prim).GetKinematicEnabledAttr().Get():
        return False
    while prim and not prim.IsPseudoRoot():
        if prim.IsA(UsdGeom.Xformable) and UsdGeom.Xformable(prim).TransformMightBeTimeVarying():
            return True
        prim = prim.GetParent()
    return False


def _middle(stage: Usd.Stage, path: str, moving: MovingBodies, first: UsdGeom.XformCache) -> Gf.Vec3d:
    """Return the middle of the box around a body's shapes in the axes of its prim."""
    corners = moving.corners[moving.owner == moving.paths.index(path)].reshape(-1, 3)
    middle = (corners.min(axis=0) + corners.max(axis=0)) / 2
    return first.GetLocalToWorldTransform(stage.GetPrimAtPath(path)).GetInverse().Transform(Gf.Vec3d(*middle.tolist()))
