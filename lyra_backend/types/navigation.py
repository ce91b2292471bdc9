"""Where robots can be in a scene: bodies of robots, maps, places to start, tasks."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

import numpy as np
import numpy.typing as npt

from ..errors import InvalidRequest
from ._arrays import FloatArray, IntArray, frozen
from .camera import Camera
from .mesh import TriangleMesh

__all__ = [
    "Cell",
    "Locomotion",
    "MapFormat",
    "Navigation",
    "OccupancyMap",
    "Robot",
    "RobotSpace",
    "SpawnPoints",
    "Task",
]

Floats = npt.NDArray[np.floating]


class Locomotion(StrEnum):
    """How a robot gets about."""

    BIPED = "biped"
    QUADRUPED = "quadruped"
    WHEELS = "wheels"
    FIXED = "fixed"


@dataclass(frozen=True)
class Robot:
    """What a scene must know of a robot.

    Attributes:
        name: key in the catalog, and word of the command line.
        title: what people call it.
        locomotion: how it gets about.
        asset: USD file, relative to the root of Isaac's assets, an absolute URL, or a path.
        radius_m: of the upright cylinder that holds it in its stance, around its root [m].
        height_m: of that cylinder [m].
        root_height_m: its root above the ground it stands on [m].
        clearance_m: how much higher it is put down, so that nothing touches at the start [m].
        step_m: highest step that it takes [m].
        slope_deg: steepest slope that it takes [deg].
        eye_height_m: its main camera above the ground [m].

    Raises:
        InvalidRequest: a size that no robot has.
    """

    name: str
    title: str
    locomotion: Locomotion
    asset: str
    radius_m: float
    height_m: float
    root_height_m: float
    clearance_m: float
    step_m: float
    slope_deg: float
    eye_height_m: float

    def __post_init__(self) -> None:
        for name in ("radius_m", "height_m"):
            if not 0.0 < getattr(self, name) < 100.0:
                raise InvalidRequest(
                    f"robot {self.name}: {name} must lie between 0 and 100 m, got {getattr(self, name)}."
                )
        for name in ("root_height_m", "clearance_m", "step_m", "eye_height_m"):
            if not 0.0 <= getattr(self, name) < 100.0:
                raise InvalidRequest(f"robot {self.name}: {name} must be 0 to 100 m, got {getattr(self, name)}.")
        if not 0.0 <= self.slope_deg < 90.0:
            raise InvalidRequest(f"robot {self.name}: slope_deg must be 0 to 90, got {self.slope_deg}.")


class Cell(IntEnum):
    """What is known of a cell of a map."""

    FREE = 0
    OCCUPIED = 1
    UNKNOWN = 2


class MapFormat(StrEnum):
    """How maps are written as a picture and a YAML file: as Isaac Sim's generator does, or strictly as ROS 2 Nav2."""

    OMAP = "omap"
    NAV2 = "nav2"


@dataclass(frozen=True, eq=False)
class OccupancyMap:
    """A map seen from above.

    Attributes:
        cells: `Cell` values, row 0 has the largest y and column 0 the smallest x, shape (H, W).
        resolution_m: side of a cell [m].
        corner: x and y of the lower left corner of the lower left cell, frame WORLD [m].
    """

    cells: npt.NDArray[np.uint8]
    resolution_m: float
    corner: tuple[float, float]

    def __post_init__(self) -> None:
        object.__setattr__(self, "cells", frozen("OccupancyMap.cells", self.cells, (None, None), np.uint8))
        if self.cells.size and self.cells.max() > max(Cell):
            raise InvalidRequest(f"OccupancyMap.cells must be values of Cell, got {int(self.cells.max())}.")
        if not 0.0 < self.resolution_m < 100.0:
            raise InvalidRequest(f"OccupancyMap.resolution_m must lie between 0 and 100 m, got {self.resolution_m}.")

    def to_pixels(self, points: Floats) -> npt.NDArray[np.float64]:
        """Return (column, row) of points (N, 2) [m]; whole numbers are the corners of cells, +0.5 their middles."""
        x, y = ((np.asarray(points, np.float64) - self.corner) / self.resolution_m).T
        return np.column_stack([x, self.cells.shape[0] - y])

    def to_world(self, pixels: Floats) -> npt.NDArray[np.float64]:
        """Return points (N, 2) [m] of (column, row), the inverse of :meth:`to_pixels`."""
        column, row = np.asarray(pixels, np.float64).T
        return np.column_stack([column, self.cells.shape[0] - row]) * self.resolution_m + self.corner


@dataclass(frozen=True, eq=False)
class SpawnPoints:
    """Places where a robot can start, in the order in which they should be used.

    Attributes:
        positions: on the ground, frame WORLD [m], shape (N, 3); a robot's root is `root_height_m` and `clearance_m`
            higher.
        yaws_rad: heading, turn about z from the x axis [rad], shape (N,).
        clearances_m: distance from the robot's cylinder to the nearest obstacle, shape (N,).
        regions: number of the connected floor that it stands on; robots get from one point to another of the same
            region, shape (N,).
    """

    positions: FloatArray
    yaws_rad: FloatArray
    clearances_m: FloatArray
    regions: IntArray

    def __post_init__(self) -> None:
        keep, count = object.__setattr__, len(self.positions)
        keep(self, "positions", frozen("SpawnPoints.positions", self.positions, (None, 3)))
        keep(self, "yaws_rad", frozen("SpawnPoints.yaws_rad", self.yaws_rad, (count,)))
        keep(self, "clearances_m", frozen("SpawnPoints.clearances_m", self.clearances_m, (count,)))
        keep(self, "regions", frozen("SpawnPoints.regions", self.regions, (count,), np.int32))

    @property
    def count(self) -> int:
        return len(self.positions)

    def select(self, chosen: npt.NDArray[np.bool_]) -> SpawnPoints:
        """Return the places that are `chosen`, shape (N,)."""
        return SpawnPoints(
            self.positions[chosen], self.yaws_rad[chosen], self.clearances_m[chosen], self.regions[chosen]
        )


@dataclass(frozen=True, eq=False)
class Task:
    """Going from one place to another.

    Attributes:
        path: points on the ground from start to goal, a shortest way for the robot's cylinder, frame WORLD [m],
            shape (K, 3), K >= 2.
        start_yaw_rad: heading at the start [rad].
        length_m: of the path [m].
    """

    path: FloatArray
    start_yaw_rad: float
    length_m: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", frozen("Task.path", self.path, (None, 3)))
        if len(self.path) < 2:
            raise InvalidRequest(f"Task.path must have a start and a goal, got {len(self.path)} points.")

    @property
    def start(self) -> FloatArray:
        return self.path[0]

    @property
    def goal(self) -> FloatArray:
        return self.path[-1]


@dataclass(frozen=True, eq=False)
class RobotSpace:
    """A scene as one robot has it.

    Attributes:
        robot: whose space it is.
        map: where its root may be: occupied cells are those that its cylinder does not fit, inflated by its radius.
        spawn_points: where it can start.
        tasks: ways for it to go.
        free_m2: area of its map that is free [m^2].
    """

    robot: Robot
    map: OccupancyMap
    spawn_points: SpawnPoints
    tasks: tuple[Task, ...] = ()
    free_m2: float = 0.0


@dataclass(frozen=True, eq=False)
class Navigation:
    """What `place` finds.

    Attributes:
        map: what stands on the ground, whoever moves there.
        bounds: polygons that the floor holds, outer ones counter-clockwise and holes clockwise, frame WORLD [m],
            each of shape (K, 2).
        ceiling_m: height of what must not be left upwards, frame WORLD [m].
        floor_m: lowest ground within the bounds, frame WORLD [m].
        spaces: the scene as each robot has it, in the order in which they were asked for.
        viewpoints: cameras in free space that see much.
        wall: invisible wall along the bounds, wound inwards, frame WORLD; None if nobody wants one.
        map_format: how its maps are to be written.
    """

    map: OccupancyMap
    bounds: tuple[FloatArray, ...]
    floor_m: float
    ceiling_m: float
    spaces: tuple[RobotSpace, ...] = ()
    viewpoints: tuple[Camera, ...] = field(default=())
    wall: TriangleMesh | None = None
    map_format: MapFormat = MapFormat.OMAP

    def space_of(self, robot: str) -> RobotSpace | None:
        """Return the scene as the robot of that name has it, None if nobody asked for it."""
        return next((space for space in self.spaces if space.robot.name == robot), None)
