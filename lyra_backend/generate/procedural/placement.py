"""What stands where: a raster of the floor that keeps objects apart and leaves a robot its way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["ROBOT_M", "DriveSpace", "Floor", "Rect", "Wall", "reachable"]

Mask = npt.NDArray[np.bool_]

#: Width of the robot that must be able to drive about [m].
ROBOT_M = 0.5
#: Least share of the drivable floor that is one region, and least area of that region [m^2].
MIN_SHARE = 0.66
MIN_AREA_M2 = 7.0
#: Things lower than this do not stop a robot: rugs, cables [m].
_FLAT_M = 0.03
#: Cells on which driving is judged while furnishing [m].
_COARSE_M = 0.1


@dataclass(frozen=True)
class Rect:
    """A rectangle on the floor: centre (x, y), size (w, d) [m], turned by `yaw` [rad]."""

    x: float
    y: float
    w: float
    d: float
    yaw: float = 0.0

    def corners(self) -> npt.NDArray[np.float64]:
        """Return the corners, counter-clockwise, shape (4, 2) [m]."""
        c, s = np.cos(self.yaw), np.sin(self.yaw)
        local = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * [self.w / 2, self.d / 2]
        return local @ np.array([[c, s], [-s, c]]) + [self.x, self.y]

    def grown(self, margin: float) -> Rect:
        """Return the rectangle with every side moved out by `margin` [m]."""
        return Rect(self.x, self.y, self.w + 2 * margin, self.d + 2 * margin, self.yaw)

    def ahead(self, depth: float) -> Rect:
        """Return the rectangle of `depth` that lies before this one's front (+y side)."""
        far = (self.d + depth) / 2
        return Rect(self.x - np.sin(self.yaw) * far, self.y + np.cos(self.yaw) * far, self.w, depth, self.yaw)


@dataclass
class Wall:
    """A straight wall seen from inside.

    Attributes:
        start, end: corners on the floor with the room on the left of start -> end [m].
        height: its height [m].
        taken: (from, to, low, high) stretches that something covers already [m].
    """

    start: tuple[float, float]
    end: tuple[float, float]
    height: float
    taken: list[tuple[float, float, float, float]]

    @property
    def length(self) -> float:
        return float(np.hypot(self.end[0] - self.start[0], self.end[1] - self.start[1]))

    @property
    def along(self) -> npt.NDArray[np.float64]:
        return (np.array(self.end) - self.start) / self.length

    @property
    def inward(self) -> npt.NDArray[np.float64]:
        ax, ay = self.along
        return np.array([-ay, ax])

    @property
    def yaw(self) -> float:
        """Angle that turns an object's front (+y) into the room [rad]."""
        return float(np.arctan2(self.along[1], self.along[0]))

    def at(self, u: float, off: float = 0.0) -> tuple[float, float]:
        """Return the point `u` along the wall and `off` into the room [m]."""
        x, y = np.array(self.start) + self.along * u + self.inward * off
        return float(x), float(y)

    def is_free(self, u0: float, u1: float, low: float, high: float) -> bool:
        """Return whether nothing covers the stretch u0..u1 between two heights."""
        if u0 < -1e-9 or u1 > self.length + 1e-9 or high > self.height:
            return False
        return not any(a < u1 and u0 < b and c < high and low < d for a, b, c, d in self.taken)


@dataclass(frozen=True)
class DriveSpace:
    """Where a robot's centre can be: `area_m2` that its body sweeps in the largest region, its `share` of all."""

    area_m2: float
    share: float

    @property
    def enough(self) -> bool:
        return self.area_m2 >= MIN_AREA_M2 and self.share >= MIN_SHARE


class Floor:
    """A raster over the floor.

    Attributes:
        low: world position of its lower left corner [m].
        cell: side of a cell [m].
        inside: cells that are floor.
        blocked: cells that something stands on.
        kept: cells that must stay free, for example before doors.
        doorways: cells before doors, where not even chairs may stand.
        heights: height of what stands on each cell [m].
    """

    def __init__(self, low: tuple[float, float], high: tuple[float, float], cell: float) -> None:
        self.low = np.array(low, float)
        self.cell = cell
        shape = tuple(int(np.ceil((b - a) / cell - 1e-9)) for a, b in zip(low[::-1], high[::-1], strict=True))
        self.inside: Mask = np.zeros(shape, bool)
        self.blocked: Mask = np.zeros(shape, bool)
        self.kept: Mask = np.zeros(shape, bool)
        self.doorways: Mask = np.zeros(shape, bool)
        self.heights = np.zeros(shape)

    @property
    def free(self) -> Mask:
        """Cells of free floor."""
        return self.inside & ~self.blocked

    def centres(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Return x (W,) and y (H,) of the cell centres [m]."""
        rows, columns = self.inside.shape
        return self.low[0] + (np.arange(columns) + 0.5) * self.cell, self.low[1] + (np.arange(rows) + 0.5) * self.cell

    def _window(self, rect: Rect) -> tuple[slice, slice, Mask]:
        """Return row and column ranges and the cells in them whose centre lies in `rect`."""
        corners = rect.corners()
        first = np.maximum(np.floor((corners.min(0) - self.low) / self.cell).astype(int), 0)
        last = np.ceil((corners.max(0) - self.low) / self.cell).astype(int) + 1
        rows, columns = slice(first[1], max(last[1], 0)), slice(first[0], max(last[0], 0))
        xs, ys = self.centres()
        dx, dy = xs[columns][None, :] - rect.x, ys[rows][:, None] - rect.y
        c, s = np.cos(rect.yaw), np.sin(rect.yaw)
        within = (np.abs(dx * c + dy * s) <= rect.w / 2) & (np.abs(dy * c - dx * s) <= rect.d / 2)
        return rows, columns, within

    def add_floor(self, rect: Rect) -> None:
        """Declare a rectangle as floor."""
        rows, columns, within = self._window(rect)
        self.inside[rows, columns] |= within

    def holds(self, rect: Rect) -> bool:
        """Return whether the whole rectangle lies on floor."""
        high = self.low + np.array(self.inside.shape[::-1]) * self.cell
        corners = rect.corners()
        if (corners < self.low - 1e-6).any() or (corners > high + 1e-6).any():
            return False
        rows, columns, within = self._window(rect)
        return bool(self.inside[rows, columns][within].all())

    def fits(self, rect: Rect, gap: float = 0.0, *, on_kept: bool = False) -> bool:
        """Return whether `rect` lies on floor, at least `gap` from everything that stands there."""
        if not self.holds(rect):
            return False
        rows, columns, within = self._window(rect.grown(gap + 0.71 * self.cell))
        taken = self.blocked if on_kept else self.blocked | self.kept
        return not (taken[rows, columns] & within).any()

    def block(self, rect: Rect, height: float) -> None:
        """Mark what stands on `rect`."""
        rows, columns, within = self._window(rect.grown(0.71 * self.cell))
        if height > _FLAT_M:
            self.blocked[rows, columns] |= within
            self.heights[rows, columns] = np.where(
                within, np.maximum(self.heights[rows, columns], height), self.heights[rows, columns]
            )

    def keep(self, rect: Rect) -> None:
        """Ask that `rect` stays free."""
        rows, columns, within = self._window(rect)
        self.kept[rows, columns] |= within

    def keep_doorway(self, rect: Rect) -> None:
        """Ask that `rect`, before a door, stays free of everything."""
        self.keep(rect)
        rows, columns, within = self._window(rect)
        self.doorways[rows, columns] |= within

    def in_doorway(self, rect: Rect) -> bool:
        """Return whether `rect` reaches into a doorway."""
        rows, columns, within = self._window(rect.grown(0.71 * self.cell))
        return bool((self.doorways[rows, columns] & within).any())

    def clearance(self) -> npt.NDArray[np.float64]:
        """Return the distance of each cell to what is not free [m], 0 there."""
        from scipy.ndimage import distance_transform_edt

        return distance_transform_edt(np.pad(self.free, 1))[1:-1, 1:-1] * self.cell  # type: ignore[no-any-return]

    def drive_space(self, rect: Rect | None = None) -> DriveSpace:
        """Measure on cells of 0.1 m where a robot could drive, as if something stood on `rect` too."""
        free = self.free.copy()
        if rect is not None:
            rows, columns, within = self._window(rect.grown(0.71 * self.cell))
            free[rows, columns] &= ~within
        step = max(round(_COARSE_M / self.cell), 1)
        height, width = (n // step * step for n in free.shape)
        coarse = free[:height, :width].reshape(height // step, step, width // step, step).all((1, 3))
        return _largest(np.asarray(coarse), self.cell * step)[1]

    def main_region(self) -> tuple[Mask, DriveSpace]:
        """Return the cells that the robot's centre can reach in its largest region, and their measure."""
        return _largest(self.free, self.cell)

    def still_drivable(self, rect: Rect) -> bool:
        """Return whether enough connected floor is left once something stands on `rect`."""
        return self.drive_space(rect).enough


def reachable(floor: Floor, robot_m: float = ROBOT_M) -> tuple[Mask, float]:
    """Return the cells that the centre of a round robot `robot_m` wide reaches, and its body's share of the floor."""
    main, drive = _largest(floor.free, floor.cell, robot_m)
    return main, drive.share


def _largest(free: Mask, cell: float, robot_m: float = ROBOT_M) -> tuple[Mask, DriveSpace]:
    """Return the robot centre's largest region in `free` and its measure."""
    from scipy.ndimage import distance_transform_edt, label

    room = distance_transform_edt(np.pad(free, 1))[1:-1, 1:-1] * cell
    regions, count = label(room >= robot_m / 2)
    if not count:
        return np.zeros_like(free), DriveSpace(0.0, 0.0)
    main = regions == 1 + int(np.bincount(regions.ravel())[1:].argmax())
    swept = (distance_transform_edt(~main) * cell <= robot_m / 2) & free
    area = float(swept.sum() * cell**2)
    return main, DriveSpace(area, area / max(float(free.sum()) * cell**2, 1e-9))
