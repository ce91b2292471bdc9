"""Robots in a stage: which of the places to start they get, and a prim for each that refers to its asset.

Does: choose places far enough from each other, and author a reference, a place and a heading. Does not: open an asset;
most are behind a URL that Kit reads and plain USD does not.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pxr import Gf, Sdf, Vt

from ..errors import InvalidRequest, nearest, shown
from ..types import Finding, Outcome, Severity
from ..types.navigation import Navigation, Robot, SpawnPoints
from ..types.rotations import quat_about_z
from .layers import attribute, define

__all__ = [
    "ASSETS_ROOTS",
    "PlacedRobot",
    "asset_of",
    "author_robots",
    "choose_places",
    "missing_assets",
    "point_elsewhere",
]

ROBOTS_NAME = "Robots"
#: Where NVIDIA publishes the assets of each version of Isaac Sim; its own setting for them has the same value.
ASSETS_ROOTS = {
    5: "https://omniverse-content-production.s3-us-west-2.amazonaws.com/Assets/Isaac/5.1",
    6: "https://omniverse-content-production.s3-us-west-2.amazonaws.com/Assets/Isaac/6.0",
}
#: Room between the cylinders of two robots [m].
MARGIN_M = 0.3
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")

_Types = Sdf.ValueTypeNames


@dataclass(frozen=True)
class PlacedRobot:
    """A robot that is put down: its prim's name, where its root is [m], frame WORLD, and its turn about z [rad]."""

    name: str
    robot: Robot
    position: tuple[float, float, float]
    yaw_rad: float


def choose_places(navigation: Navigation | None, names: Sequence[str], count: int) -> Outcome[tuple[PlacedRobot, ...]]:
    """Choose a place to start for `count` robots of each name, in the order in which the places should be used.

    Cylinders of robots stay `MARGIN_M` apart, of whatever kinds they are. Where there are too few places there are
    fewer robots, and a finding.

    Args:
        navigation: where each kind can start; None if nobody looked.
        names: kinds of robots, all of them in `navigation`.
        count: robots of each kind.

    Raises:
        InvalidRequest: places were looked for, but not for one of `names`.
    """
    placed: list[PlacedRobot] = []
    for k in range(count):  # in turn, so that no kind takes all the room
        for name in names:
            placed += _next(navigation, name, k, placed)
    spaces = {name: navigation.space_of(name) if navigation else None for name in names}
    starts = {name: space.spawn_points.count if space else 0 for name, space in spaces.items()}
    found = [_left_out(name, sum(p.robot.name == name for p in placed), count, starts[name]) for name in names]
    return Outcome(tuple(placed), {"robots": len(placed)}, tuple(f for f in found if f is not None))


def _next(navigation: Navigation | None, name: str, number: int, placed: Sequence[PlacedRobot]) -> list[PlacedRobot]:
    """Return robot `number` of a kind at the first place that is far enough from all others; nothing if none is."""
    if navigation is None:
        return []
    space = navigation.space_of(name)
    if space is None:
        there = [s.robot.name for s in navigation.spaces]
        raise InvalidRequest(
            f"author.robots: no places to start were looked for for {shown(name)}; {nearest(name, there)} "
            "Add it to place.robots."
        )
    points = space.spawn_points
    free = np.flatnonzero(_clear_of(points, space.robot, placed))
    return [_put(space.robot, number, points, int(free[0]))] if len(free) else []


def _clear_of(points: SpawnPoints, robot: Robot, placed: Sequence[PlacedRobot]) -> npt.NDArray[np.bool_]:
    """Say at which points (N,) a robot is clear of those that are placed; floors above each other do not matter."""
    clear = np.ones(points.count, bool)
    for other in placed:
        offset = points.positions - np.array(other.position)
        level = np.abs(offset[:, 2] + other.robot.root_height_m) < max(robot.height_m, other.robot.height_m)
        apart = np.hypot(offset[:, 0], offset[:, 1]) >= robot.radius_m + other.robot.radius_m + MARGIN_M
        clear &= apart | ~level
    return clear


def _put(robot: Robot, number: int, points: SpawnPoints, at: int) -> PlacedRobot:
    x, y, z = (float(v) for v in points.positions[at])
    height = z + robot.root_height_m + robot.clearance_m
    place = (round(x, 6), round(y, 6), round(height, 6))
    return PlacedRobot(f"{robot.name}_{number}", robot, place, round(float(points.yaws_rad[at]), 6))


def _left_out(name: str, placed: int, wanted: int, starts: int) -> Finding | None:
    if placed == wanted:
        return None
    if starts:
        why = f"no more places to start keep them {MARGIN_M:g} m apart. Ask for fewer, or for a larger scene."
    else:
        why = "there is no place in the scene where one can start; see the findings of the stage place."
    message = f"{placed} of {wanted} robots {name!r} are placed: {why}"
    return Finding("author.robots_left_out", Severity.WARNING, message, placed, wanted)


def asset_of(robot: Robot, root: str) -> str:
    """Return what a reference to a robot's asset says: its own URL or path, or one below the root of Isaac's assets."""
    if _URL.match(robot.asset) or Path(robot.asset).is_absolute():
        return robot.asset
    return f"{root.rstrip('/')}/{robot.asset}"


def missing_assets(placed: Sequence[PlacedRobot], root: str) -> tuple[Finding, ...]:
    """Tell of robots whose asset should lie on this machine and does not; what is behind a URL is not asked for."""
    assets = {p.robot.name: asset_of(p.robot, root) for p in placed}
    absent = {name: asset for name, asset in assets.items() if not _URL.match(asset) and not Path(asset).is_file()}
    return tuple(
        Finding(
            "author.robot_asset_missing",
            Severity.WARNING,
            f"Robot {name!r}: there is no file {asset}; its prims stay empty until there is. Check author.assets_root.",
            where=name,
        )
        for name, asset in sorted(absent.items())
    )


def author_robots(world: Sdf.PrimSpec, placed: Sequence[PlacedRobot], root: str) -> None:
    """Author /World/Robots/<name>, a reference for each robot, below the world prim."""
    if not placed:
        return
    scope = define(world, ROBOTS_NAME, "Scope")
    for one in placed:
        prim = define(scope, one.name, "Xform")
        # by this mark checks of ours know what is not part of the scene
        prim.SetInfo("customData", {"lyra": {"robot": one.robot.name, "radiusMeters": one.robot.radius_m}})
        prim.referenceList.prependedItems.append(Sdf.Reference(asset_of(one.robot, root)))
        attribute(prim, "xformOp:translate", _Types.Double3, Gf.Vec3d(*one.position))
        attribute(prim, "xformOp:orient", _Types.Quatd, Gf.Quatd(*quat_about_z(one.yaw_rad).round(9).tolist()))
        order = Vt.TokenArray(["xformOp:translate", "xformOp:orient"])
        attribute(prim, "xformOpOrder", _Types.TokenArray, order, uniform=True)


def point_elsewhere(world: Sdf.PrimSpec, placed: Sequence[PlacedRobot], root: str) -> None:
    """Let the robots of a stage below this layer come from another root of assets."""
    if not placed:
        return
    scope = Sdf.PrimSpec(world, ROBOTS_NAME, Sdf.SpecifierOver)
    for one in placed:
        prim = Sdf.PrimSpec(scope, one.name, Sdf.SpecifierOver)
        prim.referenceList.explicitItems = [Sdf.Reference(asset_of(one.robot, root))]
