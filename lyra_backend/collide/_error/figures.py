"""All that was measured of a collider, in one table with names and units."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .fitted import FittedSurface
from .floor import FloorFigures
from .gauge import Gauge
from .leaks import Leaks
from .rays import RayFigures

__all__ = ["Figures"]

Number = int | float
Floats = npt.NDArray[np.floating]

_PLANE_M2 = 1.0  # a smaller plane is no floor to be judged
_NEAR_M = 0.5  # a way out of the room this near a hole of the floor is through it

#: How a figure is called in the report, by its unit, and to how many digits it is given.
_NAMES = {"share": ("{}_share", 6), "count": ("{}", 0), "m2": ("{}_m2", 4), "1/m2": ("{}_per_m2", 6), "m": ("{}_m", 6)}


class Figures(NamedTuple):
    """What was found; `crossings`: where thin walls are passed (C, 3), and how many rays were cast at them."""

    surface: FittedSurface
    state: Gauge
    rays: RayFigures
    crossings: tuple[Floats, int]
    leaks: Leaks
    floor: FloorFigures

    @property
    def lengths(self) -> dict[str, float]:
        """Lengths [m], see `Measurement.error_m`."""
        state, rays, floor = self.state, self.rays, self.floor
        lengths = {"median": state.median, "p95": state.p95}
        if rays.count:
            lengths |= {"signed_median": rays.signed_median, "ray_p95": rays.p95}
        if floor.planar_m2 >= _PLANE_M2:
            lengths |= {"floor_peak_to_peak": floor.peak_to_peak_m, "floor_p95": floor.p95_m}
        return {name: round(value, 6) for name, value in lengths.items() if np.isfinite(value)}

    @property
    def walls_open(self) -> tuple[Floats, Floats]:
        """Where the room leaks but through its floor: places [m], shape (L, 3), and areas [m2], shape (L,)."""
        leaks, floor = self.leaks, self.floor
        if not len(leaks.points) or not len(floor.holes):
            return leaks.points, leaks.area_m2
        beyond = np.linalg.norm(leaks.points[:, None] - floor.holes[None], axis=2) - np.sqrt(floor.hole_m2)
        apart = beyond.min(axis=1) > _NEAR_M
        return leaks.points[apart], leaks.area_m2[apart]

    @property
    def by_unit(self) -> dict[str, dict[str, Number]]:
        """Figures that are no lengths of the error, by unit and name; an area that is open is so at least."""
        surface, state, rays, (crossed, tried), _, floor = self
        _, open_m2 = self.walls_open
        table: dict[str, dict[str, Number]] = {
            "share": {
                "surface_missing": state.missing,
                "rays_missing": rays.missing,
                "rays_phantom": rays.phantom,
                "thin_wall_crossings": len(crossed) / max(tried, 1),
                "floor_missing": floor.missing,
                "floor_steps": floor.steps,
            },
            "count": {
                "measured_places": len(surface.points),
                "holes": len(state.holes),
                "leaks": len(open_m2),
                "floor_holes": len(floor.holes),
                "thin_wall_places": tried,
                "thin_wall_crossings": len(crossed),
                "rays": rays.count,
                "rays_clear": rays.clear,
            },
            "m2": {
                "measured": state.area_m2,
                "open": float(open_m2.sum()),
                "floor_holes": float(floor.hole_m2.sum()),
                "floor_planar": floor.planar_m2,
            },
            "1/m2": {"holes": len(state.holes) / max(state.area_m2, 1e-9)},
            "m": {"surface_spread": float(np.median(surface.spread))},
        }
        return {
            unit: {name: round(value, _NAMES[unit][1]) if _NAMES[unit][1] else value for name, value in figures.items()}
            for unit, figures in table.items()
        }

    @property
    def counts(self) -> dict[str, Number]:
        """The same for a report: names end in the unit."""
        return {
            _NAMES[unit][0].format(name): value
            for unit, figures in self.by_unit.items()
            for name, value in figures.items()
        }
