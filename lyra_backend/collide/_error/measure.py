"""How far the collider is from the surface its Gaussians show, and where it is open or stands in the way.

Nothing here knows the truth: the surface comes from the Gaussians (`fitted`) and from what is seen of them
(`views`), and what they do not tell is part of the stated error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ...types import Finding, GaussianCloud, Severity
from .._scan.free_space import FreeSpace
from .._scan.lattice import Grid
from .fitted import FittedSurface, fit_gaussians, fit_haze
from .floor import FloorFigures, measure_floor
from .gauge import Gauge, gauge
from .leaks import Leaks, find_leaks
from .rays import RayFigures, thin_wall_crossings, view_figures
from .views import Seen, eye_points, look_around

__all__ = ["Measurement", "measure_collider"]

Number = int | float
Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.integer]

_VIEWS = 8
_EYES_AROUND = 6  # of the eyes, those that look all ways where Gaussians are haze
_EXPLAINED = 0.5  # share of what is seen that must be near the flat Gaussians' surface
_FEW_PLACES = 50  # too few to say anything

#: Limits of findings: shares, and [m] for lengths.
MISSING_MAX, PHANTOM_MAX, CROSSINGS_MAX = 0.01, 0.01, 0.01
ROUGH_M = 0.010


@dataclass(frozen=True)
class Measurement:
    """What was measured.

    Attributes:
        error_m: lengths [m]. `median`, `p95`: estimates of how far half, and 95 %, of the true surface that can be
            reached is from the collider. `signed_median`, `ray_p95`: the collider against the depth at which the
            Gaussians turn opaque, seen from robot height; signed along its normal, > 0 where it stands before them.
            `floor_peak_to_peak`, `floor_p95`: heights over the floor's plane, left out if there is none. Empty if
            nothing could be measured.
        counts: numbers and shares for the report.
        findings: what is worth telling.
    """

    error_m: dict[str, float]
    counts: dict[str, Number]
    findings: tuple[Finding, ...]


class _Figures(NamedTuple):
    """All that was found; `crossings`: where thin walls are passed (C, 3), and how many rays were cast at them."""

    surface: FittedSurface
    state: Gauge
    rays: RayFigures
    crossings: tuple[Floats, int]
    leaks: Leaks
    floor: FloorFigures


def measure_collider(
    cloud: GaussianCloud, free: FreeSpace, grid: Grid, vertices: Floats, triangles: Ints, max_error_p95: float
) -> Measurement:
    """Measure a mesh, wound towards free space, against the Gaussians it was made of.

    Args:
        cloud: the Gaussians as they came, before anything moved them, frame WORLD.
        free: what can be reached.
        grid: the lattice of `free`.
        vertices, triangles: the mesh [m], (V, 3) and (F, 3).
        max_error_p95: largest error [m] that is no warning.
    """
    from ...kernels.mesh_distance import MeshTree

    eyes = eye_points(free, grid, _VIEWS)
    seen = look_around(cloud, eyes, all_around=False)
    surface = _surface(cloud, free, grid, eyes, seen)
    if len(surface.points) < _FEW_PLACES or not len(triangles):
        return Measurement({}, {}, (_unmeasured(len(surface.points)),))
    mesh = MeshTree(vertices, triangles)
    state = gauge(surface, mesh)
    rays = view_figures(seen, surface, state.stray, mesh)
    crossings = thin_wall_crossings(surface, state.stray, free, grid, mesh)
    low, high = surface.points.min(axis=0) - 0.5, surface.points.max(axis=0) + 0.5
    leaks = find_leaks(eyes, low, high, mesh, free, grid)
    floor = measure_floor(surface, free, grid, mesh)
    figures = _Figures(surface, state, rays, crossings, leaks, floor)
    return Measurement(_lengths(state, rays, floor), _counts(figures), tuple(_judge(figures, max_error_p95)))


def _surface(cloud: GaussianCloud, free: FreeSpace, grid: Grid, eyes: Floats, seen: Seen) -> FittedSurface:
    """Fit to flat Gaussians; to what is seen as well where they are haze or too few."""
    surface = fit_gaussians(cloud, free, grid)
    if surface.explains(seen.points[seen.with_normal]) >= _EXPLAINED and not surface.is_hazy:
        return surface
    around = look_around(cloud, eyes[:_EYES_AROUND], all_around=True)
    width = float(np.median(cloud.wide_scales[0]))
    return fit_haze(cloud, around, free, grid, surface.width if surface.is_hazy else width)


def _lengths(state: Gauge, rays: RayFigures, floor: FloorFigures) -> dict[str, float]:
    lengths = {"median": state.median, "p95": state.p95}
    if rays.count:
        lengths |= {"signed_median": rays.signed_median, "ray_p95": rays.p95}
    if floor.planar_m2 >= 1.0:
        lengths |= {"floor_peak_to_peak": floor.peak_to_peak_m, "floor_p95": floor.p95_m}
    return {name: round(value, 6) for name, value in lengths.items() if np.isfinite(value)}


def _counts(found: _Figures) -> dict[str, Number]:
    surface, state, rays, crossings, leaks, floor = found
    return {
        "measured_places": len(surface.points),
        "measured_m2": round(state.area_m2, 2),
        "surface_spread_m": round(float(np.median(surface.spread)), 5),
        "surface_missing_share": round(state.missing, 6),
        "holes_per_m2": round(len(state.holes) / max(state.area_m2, 1e-9), 6),
        "rays": rays.count,
        "rays_missing_share": round(rays.missing, 6),
        "rays_phantom_share": round(rays.phantom, 6),
        "thin_wall_places": crossings[1],
        "thin_wall_crossings": len(crossings[0]),
        "leaks": len(leaks.points),
        "open_m2": round(float(leaks.area_m2.sum()), 4),
        "floor_holes": len(floor.holes),
        "floor_planar_m2": round(floor.planar_m2, 2),
        "floor_steps_share": round(floor.steps, 6),
        "floor_missing_share": round(floor.missing, 6),
    }


def _judge(figures: _Figures, max_error_p95: float) -> list[Finding]:
    surface, state, rays, crossings, leaks, floor = figures
    text = (
        f"95 % of the surface that can be reached is within {100 * state.p95:.1f} cm of the collider (wanted: "
        f"{100 * max_error_p95:.1f} cm), half of it within {100 * state.median:.1f} cm, as far as the Gaussians tell."
    )
    if surface.is_hazy:
        spread = 100 * float(np.median(surface.spread))
        text += f" They scatter by {spread:.1f} cm around the surface, so where it lies is uncertain."
    found = [_finding("error_p95", text, state.p95, max_error_p95, warn=state.p95 > max_error_p95)]

    def warn(code: str, value: float, limit: float, text: str, where: Floats) -> None:
        if value > limit:
            found.append(_finding(code, text, value, limit, where=_position(where)))

    missing = (
        f"{100 * rays.missing:.2f} % of the rays that end on a surface find no collider there; bodies go through it."
    )
    warn("rays_missing", rays.missing, MISSING_MAX, missing, state.holes)
    holes = f"{100 * state.missing:.2f} % of the surface, in {len(state.holes)} pieces, has no collider within 10 cm."
    warn("holes", state.missing, MISSING_MAX, holes, state.holes)
    phantom = f"{100 * rays.phantom:.2f} % of the rays hit collider where the Gaussians show nothing."
    warn("phantom", rays.phantom, PHANTOM_MAX, phantom, rays.phantoms)
    passed, places = crossings
    thin = f"{len(passed)} of {places} rays through thin walls met no collider from the front: bodies pass there."
    warn("thin_walls", len(passed) / max(places, 1), CROSSINGS_MAX, thin, passed)
    ways = np.concatenate([leaks.points, floor.holes])
    leak = (
        f"A ball 6 cm wide gets in or out at {len(ways)} places, {len(floor.holes)} of them in the floor; "
        f"{leaks.area_m2.sum():.2f} m2 of walls and ceiling are open."
    )
    warn("leak", float(len(ways)), 0.0, leak, ways)
    rough = f"The floor's plane is uneven by {1000 * floor.p95_m:.0f} mm (95 %); small wheels feel that."
    warn("floor_rough", floor.p95_m, ROUGH_M, rough, np.zeros((0, 3)))
    return found


def _finding(code: str, text: str, value: float, limit: float, *, warn: bool = True, where: str = "") -> Finding:
    severity = Severity.WARNING if warn else Severity.INFO
    return Finding(f"collide.{code}", severity, text, round(float(value), 6), limit, where)


def _position(points: Floats) -> str:
    return ", ".join(f"{value:.2f}" for value in points[0]) + " m" if len(points) else ""


def _unmeasured(places: int) -> Finding:
    text = (
        f"The error of the collider could not be measured: the Gaussians show a surface at {places} places only, "
        f"{_FEW_PLACES} are needed."
    )
    return Finding("collide.unmeasured", Severity.WARNING, text, float(places), float(_FEW_PLACES))
