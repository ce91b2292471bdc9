"""Free space: where the floor is, where each robot fits, where it can start and go, and what cameras see from there.

Does: look at the colliders from above (`columns`), find the ground (`ground`), what each robot can pass
(`traversability`), places to start (`spawn`), ways to go (`routes`), the outline of the floor (`bounds`) and cameras
(`viewpoints`). Does not: change the scene, write files, run physics.

One map has one height for each column: of ground above ground, bridges and upper storeys, the lowest is mapped.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from ..errors import InvalidRequest
from ..params import param
from ..progress import Progress
from ..types import CollisionProxy, Finding, MapFormat, Navigation, OccupancyMap, Outcome, Robot, RobotSpace
from . import findings
from .bounds import bounds_of, wall_along
from .columns import Solids, look_down, solids_of
from .ground import Ground, find_ground
from .robots import robot
from .routes import find_tasks
from .spawn import spawn_points
from .traversability import base_map, climb_of, robot_map, traversable
from .viewpoints import viewpoints_of

__all__ = ["Params", "run"]

#: Columns of the grid at most; larger scenes have larger cells.
_CELLS_MAX = 4_000_000
#: Surfaces with less free height above them are no ground for anybody [m].
_HEADROOM_M = 0.3
#: Ground of the map goes on where neighbouring columns differ by no more [m].
_EVEN_M = 0.05
#: Ground that is steeper is an obstacle to everybody [deg].
_BANK_DEG = 45.0
#: The map shows what is in the way up to this height, or to that of a taller robot [m].
_TALL_M = 1.0
#: Room above the highest ground that a robot must not leave, where there is no ceiling [m].
_CEILING_M = 3.0


@dataclass(frozen=True)
class Params:
    """For which robots free space is looked for, and how finely."""

    robots: str = param(
        "go2,g1,carter", "Robots that free space is found for, separated by commas; empty for none at all."
    )
    own_robots: str = param(
        "", "Entries of your own for the catalog of robots, as TOML text; docs/robots.md. --robot-file fills it in."
    )
    cell: float = param(
        0.05, "Side of a cell of the maps; larger in scenes of more than 4 million.", unit="m", min=0.02, max=1.0
    )
    spawn_points: int = param(4096, "Places to start, at most; one in each square of 0.25 m.", min=0, max=100_000)
    tasks: int = param(64, "Ways from a start to a goal, at most.", min=0, max=4096)
    viewpoints: int = param(16, "Cameras in free space.", min=0, max=1024)
    view_height: float = param(1.0, "Height of these cameras above the ground.", unit="m", min=0.05, max=10.0)
    obstacle_low: float = param(
        0.05, "What rises less above the ground is no obstacle of the map.", unit="m", min=0.0, max=10.0
    )
    obstacle_high: float = param(
        0.0, "What hangs higher above the ground is none either; 0 for the tallest robot.", unit="m", min=0.0, max=100.0
    )
    map_format: str = param(
        "omap",
        "How maps are written: as Isaac Sim's generator does, whose origin is the middle of the first cell (omap), or "
        "strictly as ROS 2 Nav2, where it is its corner (nav2).",
        choices=tuple(MapFormat),
    )
    wall: bool = param(False, "Add an invisible wall along the bounds of the floor, off until it is chosen.")

    def __post_init__(self) -> None:
        for name in self.names:
            robot(name, self.own_robots)
        if 0 < self.obstacle_high <= self.obstacle_low:
            raise InvalidRequest(
                f"place.obstacle_high must be above place.obstacle_low, got {self.obstacle_high} and "
                f"{self.obstacle_low} m."
            )

    @property
    def names(self) -> tuple[str, ...]:
        """The robots, each once."""
        return tuple(dict.fromkeys(name.strip() for name in self.robots.split(",") if name.strip()))

    def with_robots(self, names: Iterable[str]) -> Params:
        """Return the same for these robots, too."""
        return replace(self, robots=",".join(dict.fromkeys([*self.names, *names])))


def run(proxy: CollisionProxy, seed: int, params: Params, progress: Progress) -> Outcome[Navigation | None]:
    """Find free space in the colliders of a scene; without colliders or ground there is none, and a finding."""
    if not proxy.parts:
        return Outcome(None, {}, (findings.no_colliders(proxy.method),))
    progress(0.0, "looking down")
    solids = solids_of(proxy)
    robots = tuple(robot(name, params.own_robots) for name in params.names)
    cell_m = _cell(solids, params.cell)
    said = [findings.coarse(cell_m, params.cell)] if cell_m > params.cell else []
    columns = look_down(solids, cell_m, min([_HEADROOM_M, *(one.height_m for one in robots)]))
    progress(0.25, "looking for the ground")
    ground = find_ground(columns, max(params.obstacle_low, _EVEN_M))
    if ground is None:
        return Outcome(None, {}, (*said, findings.no_floor()))
    said += [findings.storeys(ground.above_m2)] if ground.above_m2 > findings.STOREY_M2 else []
    found = _found(ground, solids, robots, seed, params, progress.child(0.4, 1.0))
    counts = {"floor_m2": round(float(ground.known.sum()) * cell_m**2, 2), **found.counts}
    return Outcome(found.value, counts, (*said, *found.findings))


def _found(
    ground: Ground, solids: Solids, robots: tuple[Robot, ...], seed: int, params: Params, progress: Progress
) -> Outcome[Navigation | None]:
    """Return the scene as each robot has it, its bounds and viewpoints."""
    high = params.obstacle_high or max([_TALL_M, *(one.height_m for one in robots)])
    occupied = ground.occupied(params.obstacle_low, high) | (ground.known & (ground.slope_deg > _BANK_DEG))
    base = base_map(ground, occupied)
    spaces: list[RobotSpace] = []
    counts: dict[str, int | float] = {}
    said: list[Finding] = []
    for k, one in enumerate(robots):
        progress(0.9 * k / len(robots), f"looking for room for {one.title}")
        space = _space(ground, one, base, solids, seed, params)
        spaces.append(space.value)
        counts |= space.counts
        said += space.findings
    progress(0.9, "choosing viewpoints")
    bounds = bounds_of(ground, occupied)
    floor_m, top_m = float(np.nanmin(ground.height)), float(np.nanmax(ground.height))
    ceiling_m = max(float(solids.vertices[:, 2].max()), top_m + _CEILING_M)
    cameras = viewpoints_of(ground, occupied, solids, params.view_height, params.viewpoints, seed)
    wall = wall_along(bounds, floor_m, ceiling_m) if params.wall and bounds else None
    style = MapFormat(params.map_format)
    navigation = Navigation(base, bounds, floor_m, ceiling_m, tuple(spaces), cameras, wall, style)
    progress(1.0, f"room for {len(spaces)} robots")
    return Outcome(navigation, {**counts, "viewpoints": len(cameras)}, tuple(said))


def _cell(solids: Solids, wanted_m: float) -> float:
    """Return the side of a cell [m]: the one that is wanted unless the scene would have too many."""
    extent = np.ptp(solids.vertices[:, :2].astype(np.float64), axis=0) + 2 * wanted_m
    least = float(np.sqrt(extent.prod() / _CELLS_MAX))
    return wanted_m if least <= wanted_m else float(np.ceil(least * 1000) / 1000)


def _space(
    ground: Ground, one: Robot, base: OccupancyMap, solids: Solids, seed: int, params: Params
) -> Outcome[RobotSpace]:
    """Return the scene as one robot has it, which may climb on what is an obstacle to others."""
    own = find_ground(ground.columns, climb_of(one)) or ground
    space = traversable(own, one)
    points = spawn_points(own, space, solids, params.spawn_points, seed)
    tasks = find_tasks(own, space, points, solids, params.tasks, seed)
    free_m2 = round(float(space.free.sum()) * ground.columns.cell_m**2, 4)
    found = RobotSpace(one, robot_map(space, ground, base), points, tasks, free_m2)
    counts = {f"{one.name}_free_m2": round(free_m2, 2), f"{one.name}_starts": points.count}
    return Outcome(
        found, {**counts, f"{one.name}_tasks": len(tasks)}, findings.of_space(found, params.spawn_points, params.tasks)
    )
