"""Boxes that are let go above places where robots can start: do they come to rest on the ground there?

Does: author them as rigid bodies of plain UsdPhysics, and judge where they ended. Does not: simulate.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lyra_backend.errors import InvalidRequest
from lyra_backend.types import Navigation

from .outcome import Check

if TYPE_CHECKING:
    from pxr import Usd

__all__ = ["DROPS_ROOT", "Drop", "define_boxes", "drops_of", "judge_drops"]

DROPS_ROOT = "/LyraDropTest"
#: Side of a box [m] and its mass [kg]; how far above the ground its lower face is let go [m].
SIDE_M, MASS_KG, HEIGHT_M = 0.15, 2.0, 0.25
#: A box lower than this below the ground has fallen through it [m].
_THROUGH_M = 0.1
#: A box rests if it is no further than this from where it should be, up or down, and sideways [m].
_REST_M, _ASIDE_M = 0.05, 0.1
#: Share of boxes that must rest: places to start are even, but a box is smaller than a robot.
_REST_SHARE = 0.95


@dataclass(frozen=True)
class Drop:
    """A box.

    Attributes:
        path: of its prim.
        ground: below it, frame WORLD [m].
    """

    path: str
    ground: tuple[float, float, float]

    @property
    def start(self) -> tuple[float, float, float]:
        """Its middle when it is let go [m]."""
        x, y, z = self.ground
        return x, y, z + HEIGHT_M + SIDE_M / 2


def drops_of(navigation: Navigation, count: int) -> tuple[Drop, ...]:
    """Return boxes for the first `count` places to start, of all robots in turn, none within another.

    Raises:
        InvalidRequest: the scene has no place to start.
    """
    places: list[tuple[float, float, float]] = []
    spaces = [space.spawn_points.positions.tolist() for space in navigation.spaces]
    for number in range(max((len(points) for points in spaces), default=0)):
        for points in spaces:
            if number < len(points) and all(math.dist(points[number], p) > 2 * SIDE_M for p in places):
                places.append((points[number][0], points[number][1], points[number][2]))
    if not places:
        raise InvalidRequest("places to start: the scene has none. Make it with place.robots, such as go2.")
    return tuple(Drop(f"{DROPS_ROOT}/Box_{i}", place) for i, place in enumerate(places[:count]))


def define_boxes(stage: Usd.Stage, drops: Sequence[Drop]) -> None:
    """Define the boxes on a stage (Z up, metres), in the layer that edits go to."""
    from pxr import Gf, UsdGeom, UsdPhysics

    UsdGeom.Xform.Define(stage, DROPS_ROOT)
    for drop in drops:
        box = UsdGeom.Cube.Define(stage, drop.path)
        box.CreateSizeAttr(SIDE_M)
        box.CreateExtentAttr([Gf.Vec3f(-SIDE_M / 2), Gf.Vec3f(SIDE_M / 2)])
        UsdGeom.XformCommonAPI(box).SetTranslate(Gf.Vec3d(*drop.start))
        UsdPhysics.CollisionAPI.Apply(box.GetPrim())
        UsdPhysics.RigidBodyAPI.Apply(box.GetPrim())
        UsdPhysics.MassAPI.Apply(box.GetPrim()).CreateMassAttr(MASS_KG)


def judge_drops(drops: Sequence[Drop], ends: Mapping[str, Sequence[float]]) -> tuple[Check, Check]:
    """Judge where the boxes' middles (x, y, z) [m] ended, by path.

    Raises:
        InvalidRequest: a box has no end.
    """
    if missing := [drop.path for drop in drops if drop.path not in ends]:
        raise InvalidRequest(f"{missing[0]}: the box is gone from the stage, so it cannot be judged.")
    through = [d for d in drops if not ends[d.path][2] > d.ground[2] - _THROUGH_M]
    share = sum(_rests(drop, ends[drop.path]) for drop in drops) / len(drops)
    said = f"{len(through)} of {len(drops)} boxes fell through the ground"
    fell = Check.of("drop.fell_through", not through, said, len(through), 0, "count")
    rested = f"{share:.0%} of {len(drops)} boxes rest where they were let go"
    return fell, Check.of("drop.rest", share >= _REST_SHARE, rested, share, _REST_SHARE, "share")


def _rests(drop: Drop, end: Sequence[float]) -> bool:
    aside = math.dist(end[:2], drop.ground[:2])
    return aside <= _ASIDE_M and abs(end[2] - SIDE_M / 2 - drop.ground[2]) <= _REST_M
